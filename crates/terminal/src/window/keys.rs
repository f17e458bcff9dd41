//! Keys: every command has one, and every button says which.
//!
//! Commands lie on function keys, which no scanner sends and no field wants. The rest (arrows, Delete,
//! plus, minus) count only while nothing is typed.

use eframe::egui::{Event, Key, Modifiers, Ui};
use pos_core::quantity::Quantity;

use super::screens::omnibox;
use super::state::{Intents, Overlay, ViewState, selected};
use super::words::Word;
use crate::counter::view::{CardState, Desk, Screen};
use crate::counter::{Intent, view};

/// Something one can do at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Shows the keys.
    Help,
    /// Puts the cursor into the search.
    Search,
    /// Names the customer.
    Customer,
    /// Gives a discount.
    Discount,
    /// Sets the quantity.
    Quantity,
    /// Sets the price.
    Price,
    /// Puts the cart aside.
    Suspend,
    /// Lists the carts that wait.
    Retrieve,
    /// Takes goods back.
    Refund,
    /// Takes the money.
    Pay,
    /// Has the card reader take it.
    Card,
    /// Opens the drawer.
    Drawer,
    /// Says who serves.
    Operator,
    /// Lists the commands.
    Menu,
    /// Shift and reports.
    Reports,
    /// Tills and devices.
    Devices,
    /// Language and theme.
    Settings,
    /// Lets a till in.
    LetIn,
    /// Goes back.
    Back,
}

impl Command {
    /// All that have a key, in the order of the help.
    pub const ALL: [Self; 19] = [
        Self::Help,
        Self::Search,
        Self::Customer,
        Self::Discount,
        Self::Quantity,
        Self::Price,
        Self::Suspend,
        Self::Retrieve,
        Self::Refund,
        Self::Pay,
        Self::Card,
        Self::Drawer,
        Self::Operator,
        Self::Menu,
        Self::Reports,
        Self::Devices,
        Self::Settings,
        Self::LetIn,
        Self::Back,
    ];

    /// Its key.
    pub const fn key(self) -> (Modifiers, Key) {
        match self {
            Self::Help => (Modifiers::NONE, Key::F1),
            Self::Search => (Modifiers::NONE, Key::F2),
            Self::Customer => (Modifiers::NONE, Key::F3),
            Self::Discount => (Modifiers::NONE, Key::F4),
            Self::Quantity => (Modifiers::NONE, Key::F5),
            Self::Price => (Modifiers::NONE, Key::F6),
            Self::Suspend => (Modifiers::NONE, Key::F7),
            Self::Retrieve => (Modifiers::NONE, Key::F8),
            Self::Refund => (Modifiers::NONE, Key::F9),
            Self::Pay => (Modifiers::NONE, Key::F10),
            Self::Card => (Modifiers::SHIFT, Key::F10),
            Self::Drawer => (Modifiers::NONE, Key::F11),
            Self::Operator => (Modifiers::NONE, Key::F12),
            Self::Menu => (Modifiers::SHIFT, Key::F1),
            Self::Reports => (Modifiers::SHIFT, Key::F2),
            Self::Devices => (Modifiers::SHIFT, Key::F3),
            Self::Settings => (Modifiers::SHIFT, Key::F4),
            Self::LetIn => (Modifiers::SHIFT, Key::F5),
            Self::Back => (Modifiers::NONE, Key::Escape),
        }
    }

    /// Its key as it stands on a button.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Help => "F1",
            Self::Search => "F2",
            Self::Customer => "F3",
            Self::Discount => "F4",
            Self::Quantity => "F5",
            Self::Price => "F6",
            Self::Suspend => "F7",
            Self::Retrieve => "F8",
            Self::Refund => "F9",
            Self::Pay => "F10",
            Self::Card => "Shift+F10",
            Self::Drawer => "F11",
            Self::Operator => "F12",
            Self::Menu => "Shift+F1",
            Self::Reports => "Shift+F2",
            Self::Devices => "Shift+F3",
            Self::Settings => "Shift+F4",
            Self::LetIn => "Shift+F5",
            Self::Back => "Esc",
        }
    }

    /// Its name.
    pub const fn word(self) -> Word {
        match self {
            Self::Help => Word::Help,
            Self::Search => Word::Search,
            Self::Customer => Word::Customer,
            Self::Discount => Word::Discount,
            Self::Quantity => Word::Quantity,
            Self::Price => Word::Price,
            Self::Suspend => Word::Suspend,
            Self::Retrieve => Word::Retrieve,
            Self::Refund => Word::Refund,
            Self::Pay => Word::Pay,
            Self::Card => Word::Card,
            Self::Drawer => Word::Drawer,
            Self::Operator => Word::Operator,
            Self::Menu => Word::Menu,
            Self::Reports => Word::Reports,
            Self::Devices => Word::Devices,
            Self::Settings => Word::Settings,
            Self::LetIn => Word::LetIn,
            Self::Back => Word::Back,
        }
    }

    /// Does it: lays something over the products, or asks the counter.
    pub fn perform(self, desk: &Desk, state: &mut ViewState, out: &mut Intents) {
        let paying = matches!(desk.screen, Screen::Pay(_));
        match self {
            Self::Back => back(desk, state, out),
            Self::Help => toggle(state, Overlay::Help),
            Self::Menu => toggle(state, Overlay::Menu),
            Self::Devices => toggle(state, Overlay::Devices),
            Self::Settings => toggle(state, Overlay::Settings),
            Self::Operator => toggle(state, Overlay::Operator),
            Self::Drawer => out.push(Intent::OpenDrawer),
            Self::Card if paying => super::screens::pay::card(desk, state, out),
            // While money is taken the bill stands.
            _ if paying => {}
            Self::Search => {
                state.lay(None);
                leave(desk, out);
                state.focus = Some(omnibox::id());
            }
            Self::Customer => toggle(state, Overlay::Customer),
            Self::Discount => toggle(state, Overlay::Discount),
            Self::Quantity => toggle(state, Overlay::Quantity),
            Self::Price => toggle(state, Overlay::Price),
            Self::Retrieve => toggle(state, Overlay::Waiting),
            Self::Reports => toggle(state, Overlay::Reports),
            Self::Suspend => {
                state.lay(None);
                out.push(Intent::Suspend(String::new()));
            }
            Self::Refund => {
                state.lay(None);
                out.push(Intent::Refund);
            }
            Self::Pay => {
                state.lay(None);
                out.push(Intent::Pay);
            }
            Self::Card => {
                state.lay(None);
                out.push(Intent::TakeCard(None));
            }
            Self::LetIn => {
                state.lay(None);
                out.push(Intent::LetIn);
            }
        }
    }
}

fn toggle(state: &mut ViewState, overlay: Overlay) {
    let open = state.overlay.as_ref() == Some(&overlay);
    state.lay((!open).then_some(overlay));
}

/// One step back: what is open, then what is typed, then the screen.
fn back(desk: &Desk, state: &mut ViewState, out: &mut Intents) {
    if state.overlay.is_some() {
        state.lay(None);
    } else if !matches!(desk.screen, Screen::Sale) {
        leave(desk, out);
    } else if !state.drafts.query.is_empty() {
        state.drafts.query.clear();
    } else {
        state.drawer = false;
    }
}

fn leave(desk: &Desk, out: &mut Intents) {
    let card_works = match &desk.screen {
        Screen::Sale => return,
        Screen::Pay(pay) => matches!(pay.card, CardState::Asking { .. }),
        _ => false,
    };
    out.push(if card_works { Intent::CancelCard } else { Intent::Back });
}

/// Takes the keys of this frame, before any widget sees them.
pub fn take(ui: &Ui, desk: &Desk, state: &mut ViewState, out: &mut Intents) {
    // Shift first: a key without it would take both.
    let mut commands = Command::ALL;
    commands.sort_by_key(|command| !command.key().0.shift);
    for command in commands {
        let (modifiers, key) = command.key();
        if ui.input_mut(|input| input.consume_key(modifiers, key)) {
            state.keyboard = true;
            command.perform(desk, state, out);
        }
    }
    let typing = !state.drafts.query.is_empty();
    let sale = matches!(desk.screen, Screen::Sale) && state.overlay.is_none();
    if sale && !typing {
        lines(ui, desk, state, out);
    }
}

/// Arrows choose a line; plus, minus and Delete change it.
fn lines(ui: &Ui, desk: &Desk, state: &mut ViewState, out: &mut Intents) {
    let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
    let at = selected(desk).and_then(|line| desk.cart.lines.iter().position(|one| one == line));
    let step = match (pressed(Key::ArrowUp), pressed(Key::ArrowDown)) {
        (true, _) => at.map(|at| at.saturating_sub(1)),
        (_, true) => Some(at.map_or(0, |at| at.saturating_add(1))),
        _ => None,
    };
    if let Some(line) = step.and_then(|at| desk.cart.lines.get(at)) {
        state.keyboard = true;
        out.push(Intent::Select(line.id));
    }
    let Some(line) = selected(desk) else { return };
    if pressed(Key::Delete) {
        state.keyboard = true;
        out.push(Intent::VoidLine(line.id));
    }
    let mut sign = 0_i64;
    ui.input_mut(|input| {
        input.events.retain(|event| match event {
            Event::Text(text) if text == "+" => {
                sign += 1;
                false
            }
            Event::Text(text) if text == "-" => {
                sign -= 1;
                false
            }
            _ => true,
        });
    });
    if sign != 0 {
        state.keyboard = true;
        out.extend(more(line, sign));
    }
}

/// Makes a line hold so much more or less, in whole units; not below nothing.
pub fn more(line: &view::LineView, by: i64) -> Option<Intent> {
    let step = Quantity::from_units(by).ok()?;
    let quantity = line.quantity.checked_add(step).ok()?;
    let nothing = Quantity::from_units(0).ok()?;
    let quantity = if quantity < nothing { nothing } else { quantity };
    Some(Intent::SetQuantity { line: line.id, quantity })
}
