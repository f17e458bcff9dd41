//! Carts that wait, of all tills: put aside, open elsewhere, or left over from one that was paid.

use eframe::egui::{Align2, Id, Role, ScrollArea, Sense, Stroke, StrokeKind, Ui, WidgetInfo, vec2};

use super::entry::closing;
use crate::counter::Intent;
use crate::counter::view::{Desk, WaitingCart, WaitingState};
use crate::window::state::{Intents, ViewState};
use crate::window::theme::{self, Palette};
use crate::window::widgets::{line, words as say};
use crate::window::words::{Word, Words};

/// Height of a cart.
const ROW: f32 = 92.0;

/// Draws the list; a press takes a cart.
pub fn ui(ui: &mut Ui, desk: &Desk, state: &mut ViewState, out: &mut Intents) {
    let title = state.words.say(Word::Retrieve).to_owned();
    closing(ui, state, &title);
    if desk.waiting.is_empty() {
        let palette = Palette::of(ui);
        return say(
            ui,
            state.words.say(Word::WaitingNone),
            theme::font(theme::LARGE),
            palette.muted,
        );
    }
    let mut taken = None;
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        for cart in &desk.waiting {
            if row(ui, cart, &state.words) {
                taken = Some(cart.id);
            }
        }
    });
    if let Some(cart) = taken {
        out.push(Intent::Retrieve(cart));
        state.lay(None);
    }
}

fn row(ui: &mut Ui, cart: &WaitingCart, words: &Words) -> bool {
    let palette = Palette::of(ui);
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let response = ui.interact(rect, Id::unique(("waiting", cart.id)), Sense::click());
    let name = name(cart, words);
    let total = words.money(cart.total);
    let state = state(cart, words);
    let label = format!("{name}, {total}, {state}");
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &label));
    let lifted = response.hovered() || response.is_pointer_button_down_on();
    let fill = if lifted { palette.lifted } else { palette.raised };
    let edge = match response.has_focus() {
        true => Stroke::new(3.0, palette.accent),
        false => Stroke::new(1.0, palette.edge),
    };
    ui.painter().rect(rect, theme::ROUND, fill, edge, StrokeKind::Inside);
    let inner = rect.shrink2(vec2(14.0, 9.0));
    let (left, right) = inner.split_left_right_at_x(inner.right() - 190.0);
    let third = |n: f32| {
        let height = left.height() / 3.0;
        let top = left.top() + height * n;
        left.with_min_y(top).with_max_y(top + height)
    };
    let text = palette.text;
    line(ui, third(0.0), &name, theme::strong_font(20.0), text, Align2::LEFT_CENTER);
    line(ui, third(1.0), &state, theme::font(theme::SMALL), text, Align2::LEFT_CENTER);
    let contents = contents(cart, words);
    line(ui, third(2.0), &contents, theme::font(theme::SMALL), palette.muted, Align2::LEFT_CENTER);
    line(ui, right, &total, theme::strong_font(28.0), text, Align2::RIGHT_CENTER);
    response.clicked()
}

/// What it is called, else who opened it.
fn name(cart: &WaitingCart, words: &Words) -> String {
    if !cart.label.is_empty() {
        return cart.label.clone();
    }
    let by = words.fill(Word::WaitingBy, &[("operator", (&cart.operator).into())]);
    format!("{} {by}", words.say(Word::CartTitle))
}

fn state(cart: &WaitingCart, words: &Words) -> String {
    let tills: Vec<&str> = cart.open_on.iter().map(|one| one.till.as_str()).collect();
    if !tills.is_empty() {
        let on = words.fill(Word::WaitingOpenOn, &[("tills", (&tills.join(", ")).into())]);
        return format!("{on} – {}", words.say(Word::WaitingTakeOver));
    }
    match &cart.state {
        WaitingState::Suspended => words.say(Word::WaitingSuspended).to_owned(),
        WaitingState::Open => words.say(Word::WaitingOpen).to_owned(),
        WaitingState::CardUnknown => words.say(Word::WaitingCardUnknown).to_owned(),
        WaitingState::Remainder { waits: true, .. } => {
            words.say(Word::WaitingRemainderWaits).to_owned()
        }
        WaitingState::Remainder { receipt, .. } => {
            let receipt = receipt.as_deref().unwrap_or("…");
            words.fill(Word::WaitingRemainder, &[("receipt", receipt.into())])
        }
    }
}

fn contents(cart: &WaitingCart, words: &Words) -> String {
    let lines = words.fill(Word::CartLines, &[("n", cart.lines.into())]);
    match cart.contents.is_empty() {
        true => lines,
        false => format!("{lines}: {}", cart.contents.join(", ")),
    }
}
