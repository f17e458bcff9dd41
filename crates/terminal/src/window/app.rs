//! The window: a surface, the counter behind it, and the system's clock and events between them.

use std::path::Path;

use eframe::egui::{self, Context, RawInput, Ui, ViewportBuilder};

use super::finder::Finder;
use super::settings::{self, Settings};
use super::state::ViewState;
use super::surface::Surface;
use super::theme;
use super::words::{self, Words};
use crate::counter::{CounterOptions, Worker};
use crate::error::TerminalError;
use crate::shell::{Clock, SystemClock, environment_language};

/// Smallest window, in points: a tablet held upright.
const SMALLEST: [f32; 2] = [640.0, 600.0];
/// The size a window opens with.
const USUAL: [f32; 2] = [1280.0, 800.0];

/// Opens the window over a store's folder, and returns when it was closed.
pub fn open(options: CounterOptions) -> Result<(), TerminalError> {
    let native = eframe::NativeOptions {
        viewport: ViewportBuilder::default()
            .with_title("Tillmesh")
            .with_app_id("tillmesh")
            .with_inner_size(USUAL)
            .with_min_inner_size(SMALLEST),
        renderer: eframe::Renderer::Glow,
        centered: true,
        ..eframe::NativeOptions::default()
    };
    let create = move |context: &eframe::CreationContext<'_>| {
        let app = App::start(&context.egui_ctx, options)?;
        let boxed: Box<dyn eframe::App> = Box::new(app);
        Ok(boxed)
    };
    eframe::run_native("tillmesh", native, Box::new(create))
        .map_err(|error| TerminalError::Window(error.to_string()))
}

/// The window.
struct App {
    surface: Surface,
    counter: Worker,
    clock: SystemClock,
}

impl App {
    fn start(ctx: &Context, options: CounterOptions) -> std::io::Result<Self> {
        theme::install(ctx);
        let mut state = state_of(&options.folder, ctx);
        super::screens::settings::apply(ctx, &mut state);
        let wake = ctx.clone();
        let counter = Worker::start(options, move || wake.request_repaint())?;
        Ok(Self { surface: Surface::new(state), counter, clock: SystemClock::start() })
    }
}

/// What the screen knows by itself when it opens.
fn state_of(folder: &Path, ctx: &Context) -> ViewState {
    let languages = words::languages(Some(&folder.join("lang")));
    let file = folder.join(settings::FILE);
    let mut settings = Settings::load(&file);
    if settings.language.is_none() {
        let spoken = environment_language();
        let known = languages.iter().find(|language| spoken.starts_with(&language.id));
        settings.language = known.map(|language| language.id.clone());
    }
    let chosen = languages.iter().find(|language| Some(&language.id) == settings.language.as_ref());
    let words = chosen.and_then(Words::of).unwrap_or_else(Words::english);
    let wake = ctx.clone();
    let finder = Finder::threaded(move || wake.request_repaint());
    let mut state = ViewState::new(words, languages, settings, finder);
    state.settings_file = Some(file);
    state
}

impl eframe::App for App {
    fn raw_input_hook(&mut self, _ctx: &Context, input: &mut RawInput) {
        self.surface.listen(input, self.clock.micros());
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        let view = self.counter.view();
        for intent in self.surface.ui(ui, &view) {
            // It takes no more when the disk stands still: what is pressed then is pressed again.
            self.counter.send(intent);
        }
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }
}
