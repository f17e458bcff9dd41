//! Goods come back: a receipt's number, what of it, why, and how it is paid out.

use eframe::egui::{Align, Align2, Id, Layout, ScrollArea, Sense, Ui, vec2};
use pos_core::quantity::Quantity;

use super::desk::card as group;
use super::pay::card_state;
use crate::counter::view::{CardState, Desk, RefundLineView, RefundReceipt, RefundScreen};
use crate::counter::{Intent, RefundReason};
use crate::window::keys::Command;
use crate::window::state::{Intents, ViewState};
use crate::window::theme::{self, GAP, Palette};
use crate::window::widgets::{Button, Look, field, heading, text_at, words as say};
use crate::window::words::{Word, Words};

/// Draws it.
pub fn ui(
    ui: &mut Ui,
    desk: &Desk,
    refund: &RefundScreen,
    state: &mut ViewState,
    out: &mut Intents,
) {
    let back = state.words.say(Word::Back).to_owned();
    let title = state.words.say(Word::RefundTitle).to_owned();
    if heading(ui, &title, &back, Some(Command::Back.hint())) {
        out.push(Intent::Back);
    }
    let Some(receipt) = &refund.receipt else { return find(ui, state, out) };
    let foot = 2.0 * theme::TOUCH + theme::TOUCH_LARGE + 5.0 * GAP + 30.0;
    let lines = (ui.available_height() - foot - 60.0).max(120.0);
    titles(ui, receipt, refund, state, out);
    ScrollArea::vertical().id_salt("refund").auto_shrink([false, false]).max_height(lines).show(
        ui,
        |ui| {
            for line in &receipt.lines {
                row(ui, line, &state.words, out);
            }
        },
    );
    reasons(ui, refund, state, out);
    if refund.card != CardState::Idle {
        card_state(ui, &refund.card, &state.words, out);
    }
    pay_out(ui, desk, receipt, refund, &state.words, out);
}

/// The number of a receipt, typed or scanned.
fn find(ui: &mut Ui, state: &mut ViewState, out: &mut Intents) {
    group(ui).show(ui, |ui| {
        ui.set_max_width(560.0);
        let name = state.words.say(Word::RefundNumber).to_owned();
        let id = Id::unique("refund number");
        let typed = field(ui, id, &name, "", &mut state.drafts.receipt);
        if state.focus != Some(id) {
            typed.response.request_focus();
            state.focus = Some(id);
        }
        let some = !state.drafts.receipt.trim().is_empty();
        let find = Button::new(state.words.say(Word::RefundFind)).key(Some("Enter"));
        let pressed = find.look(Look::Main).enabled(some).show(ui);
        if (pressed || typed.entered) && some {
            out.push(Intent::FindReceipt(state.drafts.receipt.trim().to_owned()));
        }
        let palette = Palette::of(ui);
        let hint = state.words.say(Word::RefundNotFoundHint);
        say(ui, hint, theme::font(theme::BODY), palette.muted);
    });
}

/// Which receipt it is; all of it in one press.
fn titles(
    ui: &mut Ui,
    receipt: &RefundReceipt,
    refund: &RefundScreen,
    state: &ViewState,
    out: &mut Intents,
) {
    let palette = Palette::of(ui);
    ui.horizontal(|ui| {
        ui.set_height(theme::TOUCH);
        let words = &state.words;
        let date = receipt.business_date.as_str();
        let gaps = [("number", (&receipt.number).into()), ("date", date.into())];
        let title = words.fill(Word::RefundReceipt, &gaps);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let all = receipt.lines.iter().all(|line| line.chosen == line.left);
            let look = if all { Look::Chosen } else { Look::Plain };
            let button = Button::new(words.say(Word::RefundAll)).look(look);
            if button.size(160.0, theme::TOUCH).show(ui) {
                out.push(Intent::RefundAll);
            }
            let restock = if refund.restock { Look::Chosen } else { Look::Plain };
            let button = Button::new(words.say(Word::RefundRestock)).look(restock);
            if button.size(190.0, theme::TOUCH).show(ui) {
                out.push(Intent::Restock(!refund.restock));
            }
            let rest = ui.available_rect_before_wrap();
            let font = theme::strong_font(theme::BODY);
            text_at(ui, rest, &title, font, palette.text, Align2::LEFT_CENTER);
        });
    });
}

/// A line: what was sold, what can come back, less and more.
fn row(ui: &mut Ui, line: &RefundLineView, words: &Words, out: &mut Intents) {
    let palette = Palette::of(ui);
    let zero = Quantity::from_units(0).unwrap_or(line.chosen);
    let one = Quantity::from_units(1).unwrap_or(line.left);
    let nothing_left = line.left <= zero;
    group(ui).inner_margin(6).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let set = |quantity| Intent::RefundLine { line: line.line, quantity };
                let more =
                    Button::new("+").text_size(theme::LARGE).enabled(line.chosen < line.left);
                if named(ui, more, words.say(Word::LineMore)) {
                    let more = line.chosen.checked_add(one).unwrap_or(line.left).min(line.left);
                    out.push(set(more));
                }
                let (rect, _) = ui.allocate_exact_size(vec2(64.0, theme::TOUCH), Sense::hover());
                let chosen = words.number(line.chosen);
                let font = theme::strong_font(theme::LARGE);
                text_at(ui, rect, &chosen, font, palette.text, Align2::CENTER_CENTER);
                let less = Button::new("−").text_size(theme::LARGE).enabled(line.chosen > zero);
                if named(ui, less, words.say(Word::LineLess)) {
                    out.push(set(line.chosen.checked_sub(one).unwrap_or(zero).max(zero)));
                }
                let rest = ui.available_rect_before_wrap();
                let (top, bottom) = rest.split_top_bottom_at_fraction(0.54);
                let name = format!("{}  {}", line.name, words.money(line.amount));
                let font = theme::strong_font(theme::BODY);
                text_at(ui, top, &name, font, palette.text, Align2::LEFT_CENTER);
                let left = words.number(line.left);
                let sold = words.number(line.sold);
                let gaps = [("left", (&left).into()), ("sold", (&sold).into())];
                let left = match nothing_left {
                    true => words.say(Word::RefundNothingLeft).to_owned(),
                    false => words.fill(Word::RefundLeft, &gaps),
                };
                let font = theme::font(theme::SMALL);
                text_at(ui, bottom, &left, font, palette.muted, Align2::LEFT_CENTER);
            });
        });
    });
}

fn named(ui: &mut Ui, button: Button<'_>, name: &str) -> bool {
    use eframe::egui::{Role, WidgetInfo};
    let response = button.size(72.0, theme::TOUCH).respond(ui);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
    response.clicked()
}

/// Why; one press.
fn reasons(ui: &mut Ui, refund: &RefundScreen, state: &mut ViewState, out: &mut Intents) {
    ui.horizontal(|ui| {
        ui.set_height(theme::TOUCH);
        let palette = Palette::of(ui);
        say(ui, state.words.say(Word::RefundWhy), theme::strong_font(theme::BODY), palette.text);
        let width = (ui.available_width() - 3.0 * GAP) / 4.0;
        let other = matches!(refund.reason, Some(RefundReason::Other(_)));
        let chosen = |reason: &RefundReason| refund.reason.as_ref() == Some(reason);
        for (word, reason, on) in [
            (Word::RefundUnwanted, RefundReason::Unwanted, chosen(&RefundReason::Unwanted)),
            (Word::RefundFaulty, RefundReason::Faulty, chosen(&RefundReason::Faulty)),
            (Word::RefundWrong, RefundReason::Wrong, chosen(&RefundReason::Wrong)),
            (
                Word::RefundOther,
                RefundReason::Other(state.words.say(Word::RefundOther).to_owned()),
                other,
            ),
        ] {
            let look = if on { Look::Chosen } else { Look::Plain };
            let button = Button::new(state.words.say(word)).look(look);
            if button.size(width, theme::TOUCH).text_size(16.0).show(ui) {
                out.push(Intent::RefundReason(reason));
            }
        }
    });
    if matches!(refund.reason, Some(RefundReason::Other(_))) {
        let name = state.words.say(Word::RefundOtherWhat).to_owned();
        let typed = field(ui, Id::unique("refund other"), &name, "", &mut state.drafts.reason);
        if typed.response.changed() && !state.drafts.reason.trim().is_empty() {
            out.push(Intent::RefundReason(RefundReason::Other(state.drafts.reason.clone())));
        }
    }
}

/// What goes out, in cash or back to the card.
fn pay_out(
    ui: &mut Ui,
    desk: &Desk,
    receipt: &RefundReceipt,
    refund: &RefundScreen,
    words: &Words,
    out: &mut Intents,
) {
    let out_of = |amount: pos_core::money::Money| amount.checked_neg().unwrap_or(amount);
    let some = refund.due.exact.minor() != 0;
    if !some {
        let palette = Palette::of(ui);
        say(ui, words.say(Word::RefundChoose), theme::font(theme::BODY), palette.muted);
    }
    let by_card = receipt.paid_by_card && desk.has_reader;
    let cash = words.money(out_of(refund.due.cash));
    let cash = words.fill(Word::RefundCash, &[("amount", (&cash).into())]);
    let card = words.money(out_of(refund.due.exact));
    let card = words.fill(Word::RefundCard, &[("amount", (&card).into())]);
    ui.horizontal(|ui| {
        let parts = if by_card { 2.0 } else { 1.0 };
        let width = (ui.available_width() - (parts - 1.0) * GAP) / parts;
        // What paid the receipt is what is usually paid back.
        let look = |main| if main { Look::Main } else { Look::Plain };
        let button = Button::new(&cash).look(look(!by_card)).enabled(some);
        if button.size(width, theme::TOUCH_LARGE).text_size(theme::LARGE).show(ui) {
            out.push(Intent::RefundCash);
        }
        if by_card {
            let button = Button::new(&card).look(Look::Main).enabled(some);
            if button.size(width, theme::TOUCH_LARGE).text_size(theme::LARGE).show(ui) {
                out.push(Intent::RefundCard);
            }
        }
    });
}
