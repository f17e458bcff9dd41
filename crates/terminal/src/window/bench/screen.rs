//! A surface over a counter, with frames when a window would draw them.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use eframe::egui::{Context, Event, Key, Modifiers, Pos2, RawInput, Rect, vec2};
use serde_json::{Value, json};
use terminal::counter::view::{Desk, View};
use terminal::counter::{CounterOptions, Intent, Stage, Worker};
use terminal::window::finder::{Finder, Shelf};
use terminal::window::settings::Settings;
use terminal::window::state::ViewState;
use terminal::window::surface::Surface;
use terminal::window::theme;
use terminal::window::words::{Words, languages};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_mins(2);

/// The screen under measurement.
pub(crate) struct Screen {
    ctx: Context,
    surface: Surface,
    counter: Worker,
    wake: Receiver<()>,
    began: Instant,
    next_frame: Option<Instant>,
    /// What each frame took on this thread, in microseconds.
    pub(crate) frames_us: Vec<u64>,
}

impl Screen {
    /// Opens the store of a folder.
    pub(crate) fn open(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let (sender, wake) = channel();
        let ctx = Context::default();
        theme::install(&ctx);
        let ring = sender.clone();
        let finder = Finder::threaded(move || ring.send(()).unwrap_or(()));
        let state = ViewState::new(Words::english(), languages(None), Settings::default(), finder);
        let mut options = CounterOptions::new(folder);
        options.no_discovery = true;
        options.loopback = true;
        "127.0.0.1:0".clone_into(&mut options.listen);
        let counter = Worker::start(options, move || sender.send(()).unwrap_or(()))?;
        Ok(Self {
            ctx,
            surface: Surface::new(state),
            counter,
            wake,
            began: Instant::now(),
            next_frame: None,
            frames_us: Vec::new(),
        })
    }

    pub(crate) fn send(&self, intent: Intent) {
        self.counter.send(intent);
    }

    /// One frame, as a window draws it: input, shapes, triangles.
    fn frame(&mut self, events: Vec<Event>) {
        let now = self.began.elapsed();
        let mut input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, vec2(1280.0, 800.0))),
            time: Some(now.as_secs_f64()),
            focused: true,
            events,
            ..RawInput::default()
        };
        let now_us = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        self.surface.listen(&mut input, now_us);
        let view = self.counter.view();
        let drawing = Instant::now();
        let (surface, mut wanted) = (&mut self.surface, Vec::new());
        let mut output = self.ctx.run_ui(input, |ui| wanted.extend(surface.ui(ui, &view)));
        output.textures_delta.clear();
        let delay = output
            .viewport_output
            .values()
            .map(|one| one.repaint_delay)
            .min()
            .unwrap_or(Duration::MAX);
        drop(self.ctx.tessellate(output.shapes, output.pixels_per_point));
        let took = u64::try_from(drawing.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.frames_us.push(took);
        self.next_frame = Instant::now().checked_add(delay).filter(|_| delay < PATIENCE);
        for intent in wanted {
            self.counter.send(intent);
        }
    }

    /// Sleeps until something happens or a frame is due, then draws; `false` when neither did.
    fn turn(&mut self, until: Instant) -> bool {
        let next = self.next_frame.map_or(until, |next| next.min(until));
        let wait = next.saturating_duration_since(Instant::now());
        let woken = match self.wake.recv_timeout(wait) {
            Ok(()) => true,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => false,
        };
        while self.wake.try_recv().is_ok() {}
        let due = self.next_frame.is_some_and(|next| Instant::now() >= next);
        if woken || due {
            self.frame(Vec::new());
        }
        woken || due
    }

    /// Draws until the counter says what is awaited.
    pub(crate) fn until(
        &mut self,
        what: &str,
        there: impl Fn(&View) -> bool,
    ) -> Result<(), Box<dyn Error>> {
        let limit = Instant::now() + PATIENCE;
        loop {
            let view = self.counter.view();
            if there(&view) {
                return Ok(());
            }
            if let Stage::Failed(why) = &view.stage {
                return Err(why.clone().into());
            }
            if Instant::now() > limit {
                let lines = desk(&view).map_or(0, |desk| desk.cart.lines.len());
                let said = &view.notices;
                return Err(format!("{what} did not come; {lines} lines, {said:?}").into());
            }
            self.turn(limit);
        }
    }

    pub(crate) fn until_selling(&mut self) -> Result<(), Box<dyn Error>> {
        self.until("the sale", |view| desk(view).is_some())
    }

    pub(crate) fn until_products(&mut self) -> Result<(), Box<dyn Error>> {
        self.until("the products", |view| {
            desk(view).is_some_and(|desk| !desk.catalogue.items.is_empty())
        })
    }

    /// Until the search answers; how long after `since` that was.
    pub(crate) fn until_search(&mut self, since: Instant) -> Result<Duration, Box<dyn Error>> {
        let limit = Instant::now() + PATIENCE;
        self.frame(Vec::new());
        while !self.surface.state.finder.is_ready() {
            if Instant::now() > limit {
                return Err("the search did not get ready".into());
            }
            self.turn(limit);
        }
        Ok(since.elapsed())
    }

    /// A scanner's burst; from its Enter to the frame that has the line.
    pub(crate) fn scan(&mut self, code: &str) -> Result<Duration, Box<dyn Error>> {
        for letter in code.chars() {
            std::thread::sleep(Duration::from_millis(2));
            let key = Key::from_name(&letter.to_string()).map(press);
            self.frame(key.into_iter().chain([Event::Text(letter.to_string())]).collect());
        }
        let before = desk(&self.counter.view()).map_or(0, |desk| desk.cart.additions);
        std::thread::sleep(Duration::from_millis(2));
        let entered = Instant::now();
        self.frame(vec![press(Key::Enter)]);
        self.until("the line", |view| desk(view).is_some_and(|desk| desk.cart.additions > before))?;
        self.frame(Vec::new());
        Ok(entered.elapsed())
    }

    /// A letter typed into the search; until the frame that has its hits.
    pub(crate) fn type_letter(&mut self, letter: char) -> Result<Duration, Box<dyn Error>> {
        // People do not type faster than this.
        let pause = Instant::now() + Duration::from_millis(60);
        self.rest_until(pause);
        let wanted = self.surface.state.drafts.query.chars().count() + 1;
        let typed = Instant::now();
        self.frame(vec![Event::Text(letter.to_string())]);
        let limit = typed + PATIENCE;
        loop {
            let state = &self.surface.state;
            let there = state.drafts.query.chars().count() >= wanted;
            if there && state.finder.has_answered(&state.drafts.query) {
                self.frame(Vec::new());
                return Ok(typed.elapsed());
            }
            if Instant::now() > limit {
                return Err("the search did not answer".into());
            }
            self.turn(limit);
        }
    }

    /// Names of the hits.
    pub(crate) fn hits(&self) -> Vec<String> {
        let (shelf, hits) = self.surface.state.finder.hits();
        let items = hits.iter().filter_map(|at| shelf.item(*at));
        items.map(|item| item.name.clone()).collect()
    }

    pub(crate) fn clear(&mut self) {
        self.surface.state.drafts.query.clear();
        self.frame(Vec::new());
    }

    pub(crate) fn shelf(&self) -> Arc<Shelf> {
        Arc::clone(self.surface.state.finder.shelf())
    }

    /// SKUs of the cart, in order.
    pub(crate) fn skus(&self) -> Vec<String> {
        let view = self.counter.view();
        let lines = desk(&view).map(|desk| desk.cart.lines.clone()).unwrap_or_default();
        lines.into_iter().map(|line| line.sku.to_string()).collect()
    }

    pub(crate) fn give_up(&mut self) -> Result<(), Box<dyn Error>> {
        self.counter.send(Intent::GiveUpCart);
        self.until("an empty cart", |view| {
            desk(view).is_some_and(|desk| desk.cart.lines.is_empty())
        })
    }

    /// Draws what has to be drawn until a moment.
    pub(crate) fn rest_until(&mut self, until: Instant) {
        while Instant::now() < until {
            self.turn(until);
        }
    }

    /// Frames while nothing happens.
    pub(crate) fn idle(&mut self, time: Duration) -> Value {
        // What was added last stands out for a moment.
        self.rest_until(Instant::now() + Duration::from_secs(2));
        let before = self.frames_us.len();
        self.rest_until(Instant::now() + time);
        json!({ "seconds": time.as_secs(), "frames": self.frames_us.len() - before })
    }
}

fn desk(view: &View) -> Option<&Desk> {
    match &view.stage {
        Stage::Selling(desk) => Some(desk),
        _ => None,
    }
}

fn press(key: Key) -> Event {
    Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers: Modifiers::NONE }
}
