//! Taking the money: what is left to pay in the largest letters, cash in one press, the card reader's
//! state in words.

use eframe::egui::{Align, Align2, Frame, Layout, Margin, ScrollArea, Sense, Ui, vec2};
use pos_core::transaction::TenderKind;

use super::desk::card as group;
use super::entry::{number_field, number_pad, read_money};
use super::notices::remark;
use crate::counter::Intent;
use crate::counter::view::{CardState, Desk, PayScreen, Screen};
use crate::window::keys::Command;
use crate::window::state::{Intents, ViewState};
use crate::window::theme::{self, GAP, Palette};
use crate::window::widgets::{Button, Look, column, heading, text_at, words as say};
use crate::window::words::{Word, Words};

/// Draws it.
pub fn ui(ui: &mut Ui, desk: &Desk, pay: &PayScreen, state: &mut ViewState, out: &mut Intents) {
    let back = state.words.say(Word::Back).to_owned();
    let title = state.words.say(Word::Pay).to_owned();
    if heading(ui, &title, &back, Some(Command::Back.hint())) {
        Command::Back.perform(desk, state, out);
    }
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        column(ui, 700.0, |ui| {
            due(ui, pay, &state.words);
            taken(ui, pay, &state.words, out);
            card_state(ui, &pay.card, &state.words, out);
            if pay.may_tender {
                tenders(ui, desk, pay, state, out);
            }
        });
    });
}

/// What is left to pay.
fn due(ui: &mut Ui, pay: &PayScreen, words: &Words) {
    let palette = Palette::of(ui);
    group(ui).show(ui, |ui| {
        let size = vec2(ui.available_width(), 84.0);
        let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
        let word = if pay.taken.is_empty() { Word::PayDue } else { Word::PayDueLeft };
        let (left, right) = rect.split_left_right_at_fraction(0.42);
        let (_, in_coins) = right.split_top_bottom_at_fraction(0.72);
        let name = words.say(word);
        let font = theme::strong_font(theme::LARGE);
        text_at(ui, left, name, font, palette.text, Align2::LEFT_CENTER);
        let amount = words.money(pay.due.exact);
        let coins = pay.due.cash != pay.due.exact;
        let at = if coins { right.with_max_y(in_coins.top()) } else { right };
        text_at(ui, at, &amount, theme::strong_font(52.0), palette.text, Align2::RIGHT_CENTER);
        if coins {
            let amount = words.money(pay.due.cash);
            let text = words.fill(Word::PayInCoins, &[("amount", (&amount).into())]);
            let font = theme::font(theme::BODY);
            text_at(ui, in_coins, &text, font, palette.muted, Align2::RIGHT_CENTER);
        }
    });
    ui.add_space(GAP);
}

/// What was taken already; cash can be handed back.
fn taken(ui: &mut Ui, pay: &PayScreen, words: &Words, out: &mut Intents) {
    for (at, part) in pay.taken.iter().enumerate() {
        let word = match part.kind {
            TenderKind::Cash => Word::PayTakenCash,
            TenderKind::Card => Word::PayTakenCard,
        };
        let amount = words.money(part.amount);
        let mut text = words.fill(word, &[("amount", (&amount).into())]);
        if let Some(reference) = &part.reference {
            text.push_str(" · ");
            text.push_str(reference);
        }
        ui.horizontal(|ui| {
            ui.set_height(theme::TOUCH);
            let palette = Palette::of(ui);
            say(ui, words.say(Word::PayTaken), theme::font(theme::BODY), palette.muted);
            say(ui, &text, theme::strong_font(20.0), palette.text);
            if part.removable {
                let back = Button::new(words.say(Word::PayHandBack)).look(Look::Careful);
                if back.size(150.0, theme::TOUCH).show(ui) {
                    out.push(Intent::TakeBack(at));
                }
            }
        });
    }
}

/// How the card payment stands: what happened, and what to do.
pub fn card_state(ui: &mut Ui, card: &CardState, words: &Words, out: &mut Intents) {
    let palette = Palette::of(ui);
    let amount_of = |word, amount| words.fill(word, &[("amount", (&words.money(amount)).into())]);
    let (title, hint, fill, colour) = match card {
        CardState::Idle => return,
        CardState::Asking { amount, says } => {
            let hint = match says.as_str() {
                "" => words.say(Word::CardAskingHint).to_owned(),
                says => says.to_owned(),
            };
            (amount_of(Word::CardAsking, *amount), hint, palette.chosen, palette.on_chosen)
        }
        CardState::Declined { why, .. } => {
            let title = words.fill(Word::CardDeclined, &[("why", why.into())]);
            (title, words.say(Word::CardDeclinedHint).to_owned(), palette.warn, palette.on_warn)
        }
        CardState::Unreachable { why, .. } => {
            let hint = words.fill(Word::CardUnreachableHint, &[("why", why.into())]);
            let title = words.say(Word::CardUnreachable).to_owned();
            (title, hint, palette.warn, palette.on_warn)
        }
        CardState::Unknown { amount, why, from_before, .. } => {
            let mut hint = words.say(Word::CardUnknownHint).to_owned();
            if *from_before {
                hint = format!("{} {hint}", words.say(Word::CardUnknownBefore));
            }
            if !why.is_empty() {
                hint = format!("{hint} ({why})");
            }
            (amount_of(Word::CardUnknown, *amount), hint, palette.bad, palette.on_bad)
        }
    };
    let frame = Frame::new().fill(fill).corner_radius(theme::ROUND).inner_margin(Margin::same(14));
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        say(ui, &title, theme::strong_font(theme::LARGE), colour);
        say(ui, &hint, theme::font(theme::BODY), colour);
        card_buttons(ui, card, words, out);
    });
    ui.add_space(GAP);
}

fn card_buttons(ui: &mut Ui, card: &CardState, words: &Words, out: &mut Intents) {
    match card {
        CardState::Asking { .. } => {
            let cancel = Button::new(words.say(Word::CardCancel)).key(Some(Command::Back.hint()));
            if cancel.size(320.0, theme::TOUCH).show(ui) {
                out.push(Intent::CancelCard);
            }
        }
        CardState::Unknown { asking, .. } => {
            let word = if *asking { Word::CardAskBusy } else { Word::CardAsk };
            let ask = Button::new(words.say(word)).enabled(!asking);
            if ask.size(320.0, theme::TOUCH_LARGE).text_size(theme::LARGE).show(ui) {
                out.push(Intent::AskReader);
            }
        }
        _ => {}
    }
}

/// Cash in one press; another amount; the card.
fn tenders(ui: &mut Ui, desk: &Desk, pay: &PayScreen, state: &mut ViewState, out: &mut Intents) {
    let typed_some = !state.drafts.number.is_empty();
    let exact = state.words.say(Word::PayExact).to_owned();
    let amount = state.words.money(pay.due.cash);
    let key = (!typed_some).then_some("Enter");
    let gap = GAP;
    let wide = ui.available_width();
    let quarter = (wide - 3.0 * gap) / 4.0;
    ui.horizontal(|ui| {
        let button = Button::new(&exact).detail(&amount).key(key).look(Look::Main);
        let button = button.size(quarter * 1.5 + gap / 2.0, theme::TOUCH_LARGE);
        if button.text_size(theme::LARGE).show(ui) {
            out.push(Intent::TakeExactCash);
        }
        let quick: Vec<_> = pay.quick_cash.iter().skip(1).take(3).collect();
        let each = (ui.available_width() - gap * 2.0) / 3.0;
        for amount in quick {
            let name = state.words.money(*amount);
            let button = Button::new(&name).size(each, theme::TOUCH_LARGE);
            if button.text_size(theme::LARGE).show(ui) {
                out.push(Intent::TakeCash(*amount));
            }
        }
    });
    ui.add_space(gap);
    ui.columns_const(|[left, right]| {
        let name = state.words.say(Word::PayOtherAmount).to_owned();
        let typed = number_field(left, state, "cash", &name, &name);
        number_pad(left, state);
        let given = read_money(state, desk.place.currency);
        if typed.entered {
            match given {
                Some(amount) => take_cash(amount, state, out),
                None if typed_some => bad_amount(right, desk, &state.words),
                None => out.push(Intent::TakeExactCash),
            }
        }
        other(right, desk, pay, state, out);
    });
}

fn take_cash(amount: pos_core::money::Money, state: &mut ViewState, out: &mut Intents) {
    out.push(Intent::TakeCash(amount));
    state.drafts.number.clear();
}

/// What is typed, in cash or by card; all of it by card.
fn other(ui: &mut Ui, desk: &Desk, pay: &PayScreen, state: &mut ViewState, out: &mut Intents) {
    let given = read_money(state, desk.place.currency);
    if let Some(amount) = given {
        let text = state.words.money(amount);
        let gaps = [("amount", (&text).into())];
        let cash = state.words.fill(Word::PayTake, &gaps);
        let cash = Button::new(&cash).detail(state.words.say(Word::Cash)).key(Some("Enter"));
        if cash.height(theme::TOUCH_LARGE).look(Look::Main).text_size(theme::LARGE).show(ui) {
            return take_cash(amount, state, out);
        }
        let part = state.words.fill(Word::PayCardPart, &gaps);
        let part = Button::new(&part).enabled(desk.has_reader);
        if part.height(theme::TOUCH_LARGE).text_size(20.0).show(ui) {
            out.push(Intent::TakeCard(Some(amount)));
            state.drafts.number.clear();
        }
    } else if !state.drafts.number.is_empty() {
        bad_amount(ui, desk, &state.words);
    }
    let all = state.words.money(pay.due.exact);
    let all = state.words.fill(Word::PayCardAll, &[("amount", (&all).into())]);
    let button = Button::new(&all).key(Some(Command::Card.hint())).enabled(desk.has_reader);
    let button = button.look(Look::Main).height(theme::TOUCH_LARGE).text_size(theme::LARGE);
    if button.show(ui) {
        card(desk, state, out);
    }
    let palette = Palette::of(ui);
    let hint = if desk.has_reader { Word::PaySplitHint } else { Word::PayNoReader };
    ui.with_layout(Layout::top_down(Align::Min), |ui| {
        say(ui, state.words.say(hint), theme::font(theme::SMALL), palette.muted);
    });
}

/// The card for all that is due, or for what is typed.
pub fn card(desk: &Desk, state: &mut ViewState, out: &mut Intents) {
    if matches!(&desk.screen, Screen::Pay(pay) if !pay.may_tender) {
        return;
    }
    let part = read_money(state, desk.place.currency);
    out.push(Intent::TakeCard(part));
    state.drafts.number.clear();
}

fn bad_amount(ui: &mut Ui, desk: &Desk, words: &Words) {
    let example = pos_core::money::Money::from_minor(1250, desk.place.currency);
    let example = words.money(example);
    remark(ui, &words.fill(Word::PayAmountBad, &[("example", (&example).into())]));
}
