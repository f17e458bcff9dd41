//! A window without a window system: the surface in a harness, over a counter or over a view that
//! somebody made up.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use eframe::egui::{self, Event, Key, Modifiers, RawInput, TexturesDelta, Theme, Vec2};
use egui_kittest::kittest::Queryable as _;
use egui_kittest::{Harness, TestRenderer};
use tempfile::TempDir;
use terminal::counter::view::{Desk, Stage as CounterStage, View};
use terminal::counter::{CounterOptions, Intent, StartAnswers, StartSource, Worker};
use terminal::window::finder::Finder;
use terminal::window::settings::{Settings, ThemeChoice};
use terminal::window::state::ViewState;
use terminal::window::surface::Surface;
use terminal::window::words::{self, Words};
use terminal::window::{screens, theme};

use crate::painter::Painter;

/// How often a test looks whether the counter has answered, before it gives up: ten seconds.
const LOOKS: u32 = 2000;
const LOOK: Duration = Duration::from_millis(5);

/// What feeds the surface.
pub(crate) enum Feed {
    Counter { worker: Worker, _folder: TempDir },
    Picture(Arc<View>),
}

/// The surface and what it asked for.
pub(crate) struct Shown {
    pub(crate) surface: Surface,
    feed: Feed,
    pub(crate) asked: Vec<Intent>,
    clock_us: u64,
}

impl Shown {
    pub(crate) fn view(&self) -> Arc<View> {
        match &self.feed {
            Feed::Counter { worker, .. } => worker.view(),
            Feed::Picture(view) => Arc::clone(view),
        }
    }

    fn frame(&mut self, ui: &mut egui::Ui) {
        let view = self.view();
        // The harness leaves a margin that a window has not.
        let whole = ui.ctx().content_rect();
        ui.set_clip_rect(whole);
        let mut ui = ui.new_child(egui::UiBuilder::new().max_rect(whole));
        for intent in self.surface.ui(&mut ui, &view) {
            self.asked.push(intent.clone());
            if let Feed::Counter { worker, .. } = &self.feed {
                assert!(worker.send(intent), "the counter takes no more");
            }
        }
    }
}

/// Takes the textures that the harness would hand to a graphics card.
struct Textures(Rc<RefCell<Painter>>);

impl TestRenderer for Textures {
    fn handle_delta(&mut self, delta: &mut TexturesDelta) {
        self.0.borrow_mut().take(core::mem::take(delta));
    }
}

/// How a window looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Looks {
    pub(crate) size: Vec2,
    pub(crate) theme: Theme,
    pub(crate) language: &'static str,
}

impl Looks {
    pub(crate) const USUAL: Self =
        Self { size: Vec2::new(1280.0, 800.0), theme: Theme::Light, language: "en" };
}

/// A window under test.
pub(crate) struct Window {
    pub(crate) harness: Harness<'static, Shown>,
    pub(crate) painter: Rc<RefCell<Painter>>,
    /// Presses of a finger so far.
    pub(crate) taps: u32,
}

impl Window {
    /// Over a counter that has been through its first start: the sample shop in Great Britain.
    pub(crate) fn selling() -> Self {
        Self::selling_with(|_| {})
    }

    /// The same, with other options.
    pub(crate) fn selling_with(set: impl FnOnce(&mut CounterOptions)) -> Self {
        let mut window = Self::fresh(set);
        let answers = StartAnswers {
            name: "Corner Shop".to_owned(),
            country: "GB".to_owned(),
            source: StartSource::Sample,
        };
        window.wait("the questions", |view| matches!(view.stage, CounterStage::FirstStart(_)));
        window.send(Intent::Start(answers));
        window.wait("the phrase", |view| matches!(view.stage, CounterStage::RecoveryPhrase(_)));
        window.send(Intent::PhraseNoted);
        window.until("products", |desk| !desk.catalogue.items.is_empty());
        for posted in window.view().notices.clone() {
            window.send(Intent::Dismiss(posted.number));
        }
        window.wait("nothing to say", |view| view.notices.is_empty());
        window
    }

    /// Over a counter in an empty folder.
    pub(crate) fn fresh(set: impl FnOnce(&mut CounterOptions)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = CounterOptions::new(folder.path().join("store"));
        options.no_discovery = true;
        options.loopback = true;
        "127.0.0.1:0".clone_into(&mut options.listen);
        set(&mut options);
        let worker = Worker::start(options, || {}).unwrap();
        Self::with(Feed::Counter { worker, _folder: folder }, Looks::USUAL)
    }

    /// Over a view that was made up.
    pub(crate) fn of(view: View, looks: Looks) -> Self {
        Self::with(Feed::Picture(Arc::new(view)), looks)
    }

    fn with(feed: Feed, looks: Looks) -> Self {
        let languages = words::languages(None);
        let language = languages.iter().find(|one| one.id == looks.language).unwrap();
        let words = Words::of(language).unwrap();
        let theme = if looks.theme == Theme::Dark { ThemeChoice::Dark } else { ThemeChoice::Light };
        let settings =
            Settings { language: Some(looks.language.to_owned()), theme, ..Settings::default() };
        let mut state = ViewState::new(words, languages, settings, Finder::immediate());
        let painter = Rc::new(RefCell::new(Painter::default()));
        let textures = Textures(Rc::clone(&painter));
        let setup = move |ctx: &egui::Context| theme::install(ctx);
        let dark = looks.theme;
        let shown = Shown {
            surface: Surface::new({
                state.keyboard = true;
                state
            }),
            feed,
            asked: Vec::new(),
            clock_us: 1_000_000,
        };
        let harness = Harness::builder()
            .with_size(looks.size)
            .with_theme(dark)
            .with_max_steps(20)
            .with_context_setup(setup)
            .renderer(textures)
            .build_ui_state(|ui, shown: &mut Shown| shown.frame(ui), shown);
        let mut window = Self { harness, painter, taps: 0 };
        let ctx = window.harness.ctx.clone();
        screens::settings::apply(&ctx, &mut window.state().surface.state);
        window.harness.run();
        window
    }

    pub(crate) fn state(&mut self) -> &mut Shown {
        self.harness.state_mut()
    }

    pub(crate) fn view(&self) -> Arc<View> {
        self.harness.state().view()
    }

    /// Asks the counter without a finger.
    pub(crate) fn send(&mut self, intent: Intent) {
        match &self.state().feed {
            Feed::Counter { worker, .. } => assert!(worker.send(intent)),
            Feed::Picture(_) => panic!("there is no counter behind a picture"),
        }
    }

    /// Draws frames until the counter says what is awaited.
    pub(crate) fn wait(&mut self, what: &str, there: impl Fn(&View) -> bool) {
        for _ in 0..LOOKS {
            self.harness.run();
            if there(&self.view()) {
                self.harness.run();
                return;
            }
            std::thread::sleep(LOOK);
        }
        panic!("{what} did not come; the view is {:#?}", self.view());
    }

    /// The same, of the till at work.
    pub(crate) fn until(&mut self, what: &str, there: impl Fn(&Desk) -> bool) {
        self.wait(what, |view| match &view.stage {
            CounterStage::Selling(desk) => there(desk),
            _ => false,
        });
    }

    pub(crate) fn desk(&self) -> Desk {
        match &self.view().stage {
            CounterStage::Selling(desk) => (**desk).clone(),
            other => panic!("not selling: {other:?}"),
        }
    }

    /// A finger on what has this name.
    pub(crate) fn tap(&mut self, name: &str) {
        self.harness.run();
        self.harness.get_by_label(name).click();
        self.taps += 1;
        self.harness.run();
    }

    /// A finger on the first of several things with this name.
    pub(crate) fn tap_first(&mut self, name: &str) {
        self.harness.run();
        self.harness.get_all_by_label(name).next().unwrap().click();
        self.taps += 1;
        self.harness.run();
    }

    /// A finger on the only thing whose name holds this.
    pub(crate) fn tap_on(&mut self, part: &str) {
        self.harness.run();
        self.harness.get_by_label_contains(part).click();
        self.taps += 1;
        self.harness.run();
    }

    /// A scanner's burst: keys a few milliseconds apart, and Enter. What the wedge lets pass goes on
    /// to the widgets.
    pub(crate) fn scan(&mut self, code: &str) {
        let shown = self.state();
        shown.clock_us += 1_000_000;
        let letters = code.chars().flat_map(|letter| {
            let key = Key::from_name(&letter.to_uppercase().to_string());
            key.map(press).into_iter().chain([Event::Text(letter.to_string())])
        });
        let mut passed = Vec::new();
        for event in letters.chain([press(Key::Enter)]) {
            shown.clock_us += 2_000;
            let mut input = RawInput { events: vec![event], ..RawInput::default() };
            shown.surface.listen(&mut input, shown.clock_us);
            passed.extend(input.events);
        }
        shown.clock_us += 1_000_000;
        let mut late = RawInput::default();
        shown.surface.listen(&mut late, shown.clock_us);
        for event in passed.into_iter().chain(late.events) {
            self.harness.event(event);
        }
        self.harness.run();
    }

    /// A key, pressed by a person.
    pub(crate) fn key(&mut self, key: Key) {
        self.harness.key_press(key);
        self.harness.run();
    }

    /// A text, typed by a person into what has the focus.
    pub(crate) fn type_text(&mut self, text: &str) {
        for letter in text.chars() {
            self.harness.event(Event::Text(letter.to_string()));
            self.harness.run();
        }
    }

    /// What stands on the screen, for a test that wants it.
    pub(crate) fn has(&self, part: &str) -> bool {
        self.harness.query_all_by_label_contains(part).next().is_some()
    }
}

fn press(key: Key) -> Event {
    Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers: Modifiers::NONE }
}
