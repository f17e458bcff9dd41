//! The screen without a window system: input in, shapes and intents out. The program puts a window
//! around it; tests put a harness around it.

use core::time::Duration;

use eframe::egui::{Event, Key, RawInput, Ui};

use super::screens::{desk, first_start, notices};
use super::state::{Intents, ViewState};
use crate::counter::Intent;
use crate::counter::view::{Stage, View};
use crate::counter::wedge::{Arrival, Heard, Stroke, Wedge};

/// How long before a frame its strokes may have arrived when nothing was going on: the time a
/// sleeping window needs to wake up.
const WAKING_US: u64 = 50_000;
/// After this long without a look, nothing was going on.
const IDLE_US: u64 = 200_000;

/// The screen and the scanner in front of it.
#[derive(Debug)]
pub struct Surface {
    /// What only the screen knows.
    pub state: ViewState,
    wedge: Wedge<Event>,
    looked_us: u64,
    scans: Vec<String>,
}

impl Surface {
    /// A screen of this state, with nothing typed.
    pub fn new(state: ViewState) -> Self {
        Self { state, wedge: Wedge::default(), looked_us: 0, scans: Vec::new() }
    }

    /// Takes scans out of the input before any widget sees it. `now_us`: any clock that does not go
    /// back. To be called once before each frame.
    pub fn listen(&mut self, input: &mut RawInput, now_us: u64) {
        let idle = now_us.saturating_sub(self.looked_us) > IDLE_US;
        let after_us = if idle { now_us.saturating_sub(WAKING_US) } else { self.looked_us };
        self.looked_us = now_us;
        let at = Arrival { after_us, before_us: now_us };
        let mut heard = Vec::new();
        for event in core::mem::take(&mut input.events) {
            match stroke(&event) {
                Some(stroke) => heard.extend(self.wedge.stroke(at, stroke, event)),
                None => heard.push(Heard::Typed(event)),
            }
        }
        heard.extend(self.wedge.wait(now_us));
        for one in heard {
            match one {
                Heard::Code(code) => self.scans.push(code),
                Heard::Typed(event) => input.events.push(event),
            }
        }
    }

    /// Draws the view; what the person, and the scanner, want.
    pub fn ui(&mut self, ui: &mut Ui, view: &View) -> Intents {
        let mut out: Intents = self.scans.drain(..).map(Intent::Scan).collect();
        if let Some(due) = self.wedge.due_us() {
            // What is held back becomes typing then.
            let wait = due.saturating_sub(self.looked_us).saturating_add(1000);
            ui.ctx().request_repaint_after(Duration::from_micros(wait));
        }
        let state = &mut self.state;
        match &view.stage {
            Stage::Opening => first_start::opening(ui, state),
            Stage::FirstStart(start) => {
                notices::bars(ui, &view.notices, state, &mut out);
                first_start::ui(ui, start, state, &mut out);
            }
            Stage::RecoveryPhrase(phrase) => first_start::phrase(ui, phrase, state, &mut out),
            Stage::Selling(till) => desk::ui(ui, till, &view.notices, state, &mut out),
            Stage::Failed(why) => first_start::failed(ui, why, state),
        }
        out
    }
}

/// What an event is to a scanner; `None` for what has nothing to do with keys.
fn stroke(event: &Event) -> Option<Stroke> {
    match event {
        Event::Text(text) => {
            let mut letters = text.chars();
            match (letters.next(), letters.next()) {
                (Some(letter), None) if !letter.is_control() => Some(Stroke::Character(letter)),
                _ => Some(Stroke::Other),
            }
        }
        Event::Key { pressed: true, key: Key::Enter | Key::Tab, modifiers, .. } => {
            Some(if modifiers.any() { Stroke::Other } else { Stroke::End })
        }
        Event::Key { pressed: true, key, modifiers, .. } => {
            let types = types(*key) && !modifiers.command && !modifiers.ctrl && !modifiers.alt;
            Some(if types { Stroke::Silent } else { Stroke::Other })
        }
        Event::Paste(_) | Event::Cut | Event::Copy => Some(Stroke::Other),
        _ => None,
    }
}

/// Whether a key types a character by itself.
fn types(key: Key) -> bool {
    // Function keys have names of several letters that begin with F and go on with a digit.
    let name = key.name();
    let function = name.strip_prefix('F').is_some_and(|rest| rest.parse::<u8>().is_ok());
    let other = [
        Key::ArrowDown,
        Key::ArrowLeft,
        Key::ArrowRight,
        Key::ArrowUp,
        Key::Escape,
        Key::Backspace,
        Key::Insert,
        Key::Delete,
        Key::Home,
        Key::End,
        Key::PageUp,
        Key::PageDown,
        Key::Copy,
        Key::Cut,
        Key::Paste,
    ];
    !function && !other.contains(&key)
}
