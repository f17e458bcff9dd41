//! Paid: the change in the largest letters, until the next scan starts the next sale.

use eframe::egui::{Align2, Event, Frame, Key, Margin, Modifiers, ScrollArea, Sense, Ui, vec2};

use super::receipt;
use crate::counter::Intent;
use crate::counter::view::{Desk, PaidScreen, PaperState};
use crate::window::keys::Command;
use crate::window::state::{Intents, ViewState};
use crate::window::theme::{self, GAP, Palette};
use crate::window::widgets::{Button, Look, text_at, words as say};
use crate::window::words::{Word, Words};

/// Draws it.
pub fn ui(ui: &mut Ui, desk: &Desk, paid: &PaidScreen, state: &mut ViewState, out: &mut Intents) {
    typed(ui, state, out);
    let wide = ui.available_width() > 700.0;
    if wide {
        ui.columns_const(|[left, right]| {
            left_side(left, desk, paid, state, out);
            preview(right, paid, state);
        });
    } else {
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            left_side(ui, desk, paid, state, out);
            preview(ui, paid, state);
        });
    }
}

/// Enter goes on to the next sale; after a code that was typed, or a scan that was too slow to be told
/// from typing, it sells that.
fn typed(ui: &Ui, state: &mut ViewState, out: &mut Intents) {
    let query = &mut state.drafts.query;
    let entered = ui.input_mut(|input| {
        for event in &input.events {
            if let Event::Text(text) = event {
                query.push_str(text);
            }
        }
        input.consume_key(Modifiers::NONE, Key::Enter)
    });
    if entered {
        let code = core::mem::take(query);
        out.push(if code.trim().is_empty() { Intent::Back } else { Intent::Scan(code) });
    }
}

fn left_side(
    ui: &mut Ui,
    desk: &Desk,
    paid: &PaidScreen,
    state: &mut ViewState,
    out: &mut Intents,
) {
    change(ui, paid, &state.words);
    ui.add_space(GAP);
    facts(ui, desk, paid, &state.words);
    ui.add_space(GAP);
    let new = Button::new(state.words.say(Word::PaidNewSale)).key(Some("Enter")).look(Look::Main);
    if new.height(theme::TOUCH_LARGE).text_size(theme::LARGE).show(ui) {
        out.push(Intent::Back);
    }
    ui.horizontal(|ui| {
        let half = (ui.available_width() - GAP) / 2.0;
        if Button::new(state.words.say(Word::PaidCopy)).size(half, theme::TOUCH).show(ui) {
            out.push(Intent::PrintCopy(None));
        }
        let refund = Button::new(state.words.say(Word::Refund)).key(Some(Command::Refund.hint()));
        if refund.size(half, theme::TOUCH).show(ui) {
            Command::Refund.perform(desk, state, out);
        }
    });
}

fn change(ui: &mut Ui, paid: &PaidScreen, words: &Words) {
    let palette = Palette::of(ui);
    let frame = Frame::new().fill(palette.good).corner_radius(theme::ROUND);
    frame.inner_margin(Margin::same(16)).show(ui, |ui| {
        let size = vec2(ui.available_width(), 150.0);
        let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
        let (top, bottom) = rect.split_top_bottom_at_fraction(0.3);
        let out = paid.sale.total.is_negative();
        let colour = palette.on_good;
        let heading = theme::strong_font(theme::LARGE);
        let (title, amount) = match (out, paid.change.minor()) {
            (true, _) => {
                let amount = paid.sale.total.checked_neg().unwrap_or(paid.sale.total);
                (words.say(Word::Refund), words.money(amount))
            }
            (false, 0) => (words.say(Word::PaidTitle), words.say(Word::PaidNoChange).to_owned()),
            (false, _) => (words.say(Word::PaidChange), words.money(paid.change)),
        };
        text_at(ui, top, title, heading, colour, Align2::CENTER_CENTER);
        let size = if paid.change.minor() == 0 && !out { 40.0 } else { 76.0 };
        text_at(ui, bottom, &amount, theme::strong_font(size), colour, Align2::CENTER_CENTER);
    });
}

/// What was paid, the receipt's number, where it is stored, what became of the paper.
fn facts(ui: &mut Ui, desk: &Desk, paid: &PaidScreen, words: &Words) {
    let palette = Palette::of(ui);
    let total = words.money(paid.sale.total);
    let mut first = format!("{} {total}", words.say(Word::CartTotal));
    if paid.given.minor() != 0 {
        let given = words.money(paid.given);
        first.push_str(" · ");
        first.push_str(&words.fill(Word::PaidGiven, &[("amount", (&given).into())]));
    }
    say(ui, &first, theme::strong_font(theme::BODY), palette.text);
    let number = words.fill(Word::PaidReceipt, &[("number", (&paid.sale.receipt).into())]);
    say(ui, &number, theme::font(theme::BODY), palette.text);
    // The view of the last sale moves on while this screen stands.
    let last = desk.last.as_ref().filter(|last| last.id == paid.sale.id).unwrap_or(&paid.sale);
    let stored = words.fill(Word::StatusStored, &[("devices", last.stored_on.into())]);
    say(ui, &stored, theme::font(theme::BODY), palette.text);
    let paper = words.say(match last.paper {
        PaperState::NoPrinter => Word::PaperNone,
        PaperState::Waiting => Word::PaperWaiting,
        PaperState::Printing => Word::PaperPrinting,
        PaperState::Printed => Word::PaperPrinted,
        PaperState::Unsure => Word::PaperUnsure,
    });
    say(ui, paper, theme::font(theme::BODY), palette.text);
}

fn preview(ui: &mut Ui, paid: &PaidScreen, state: &ViewState) {
    let palette = Palette::of(ui);
    let title = state.words.say(Word::ReceiptPreview);
    say(ui, title, theme::strong_font(theme::BODY), palette.text);
    ScrollArea::vertical().id_salt("receipt").auto_shrink(false).show(ui, |ui| {
        receipt::paper(ui, &paid.receipt);
    });
}
