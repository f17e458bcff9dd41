//! The shift: what came in, what should be in the drawer.

use eframe::egui::{ScrollArea, Ui};
use pos_core::money::Money;
use pos_core::report::{XReport, ZReport};
use pos_core::transaction::TenderKind;

use super::desk::card as group;
use super::entry::{closing, number_field, number_pad, read_money, scrolled};
use crate::counter::Intent;
use crate::counter::view::Desk;
use crate::window::keys::Command;
use crate::window::state::{Intents, ViewState};
use crate::window::theme::{self, Palette};
use crate::window::widgets::{Button, Look, column, heading, row, words as say};
use crate::window::words::{Word, Words};

/// What can be done with the shift.
pub fn menu(ui: &mut Ui, desk: &Desk, state: &mut ViewState, out: &mut Intents) {
    let title = state.words.say(Word::Reports).to_owned();
    closing(ui, state, &title);
    let mut wanted = None;
    scrolled(ui, |ui| {
        if desk.shift.is_some() {
            let x = Button::new(state.words.say(Word::ReportXRead)).look(Look::Main);
            let x = x.detail(state.words.say(Word::ReportXHint));
            if x.height(theme::TOUCH_LARGE).text_size(20.0).show(ui) {
                wanted = Some(Intent::ReadX);
            }
            ui.add_space(theme::GAP);
            hint(ui, state, Word::ReportClose, Word::ReportCloseHint);
            let close =
                typed_amount(ui, desk, state, Word::ReportCounted, Word::ReportCloseCounted);
            let uncounted = Button::new(state.words.say(Word::ReportCloseUncounted));
            if let Some(counted) = close {
                wanted = Some(Intent::CloseShift(Some(counted)));
            } else if uncounted.enabled(state.drafts.number.is_empty()).show(ui) {
                wanted = Some(Intent::CloseShift(None));
            }
        } else {
            hint(ui, state, Word::ReportOpen, Word::ReportOpenHint);
            let open = typed_amount(ui, desk, state, Word::ReportFloat, Word::ReportOpenWith);
            wanted = open.map(Intent::OpenShift);
        }
    });
    if let Some(intent) = wanted {
        out.push(intent);
        state.lay(None);
    }
}

fn hint(ui: &mut Ui, state: &ViewState, title: Word, text: Word) {
    let palette = Palette::of(ui);
    say(ui, state.words.say(title), theme::strong_font(theme::LARGE), palette.text);
    say(ui, state.words.say(text), theme::font(theme::BODY), palette.muted);
}

/// A field, a pad, and a button that says what it does with the amount.
fn typed_amount(
    ui: &mut Ui,
    desk: &Desk,
    state: &mut ViewState,
    name: Word,
    button: Word,
) -> Option<Money> {
    let name = state.words.say(name).to_owned();
    let typed = number_field(ui, state, "shift", &name, &name);
    number_pad(ui, state);
    let amount = read_money(state, desk.place.currency);
    let shown = amount.unwrap_or(Money::zero(desk.place.currency));
    let text = state.words.fill(button, &[("amount", (&state.words.money(shown)).into())]);
    let press = Button::new(&text).look(Look::Main).key(Some("Enter")).enabled(amount.is_some());
    let pressed = press.height(theme::TOUCH_LARGE).text_size(20.0).show(ui);
    amount.filter(|_| pressed || typed.entered)
}

/// The X report.
pub fn x(ui: &mut Ui, report: Option<&XReport>, state: &mut ViewState, out: &mut Intents) {
    let title = state.words.say(Word::ReportX).to_owned();
    head(ui, state, &title, report.is_some(), out);
    if let Some(report) = report {
        figures(ui, report, None, &state.words);
    } else {
        let palette = Palette::of(ui);
        let text = state.words.say(Word::ReportNoShift);
        say(ui, text, theme::font(theme::LARGE), palette.muted);
    }
}

/// The Z report that closed the shift.
pub fn z(ui: &mut Ui, report: &ZReport, state: &mut ViewState, out: &mut Intents) {
    let number = u64::from(report.number);
    let title = state.words.fill(Word::ReportZ, &[("number", number.into())]);
    head(ui, state, &title, true, out);
    figures(ui, &report.figures, Some(report), &state.words);
}

fn head(ui: &mut Ui, state: &ViewState, title: &str, can_print: bool, out: &mut Intents) {
    let back = state.words.say(Word::Back);
    if heading(ui, title, back, Some(Command::Back.hint())) {
        out.push(Intent::Back);
    }
    if can_print
        && Button::new(state.words.say(Word::ReportPrint)).size(200.0, theme::TOUCH).show(ui)
    {
        out.push(Intent::PrintReport);
    }
}

fn figures(ui: &mut Ui, report: &XReport, closed: Option<&ZReport>, words: &Words) {
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        column(ui, 640.0, |ui| {
            group(ui).show(ui, |ui| {
                place(ui, report, words);
                ui.separator();
                sales(ui, report, words);
                ui.separator();
                drawer(ui, report, closed, words);
            });
        });
    });
}

fn place(ui: &mut Ui, report: &XReport, words: &Words) {
    row(ui, words.say(Word::ReportDate), &report.business_date.to_string(), false);
    row(ui, words.say(Word::ReportRegister), &report.register.to_string(), false);
    row(ui, words.say(Word::ReportShiftNumber), &report.shift_number.to_string(), false);
}

fn sales(ui: &mut Ui, report: &XReport, words: &Words) {
    let totals = &report.totals;
    let counted = |name: &str, count: u64, amount: Money| {
        let name = words.fill(Word::ReportCount, &[("name", name.into()), ("n", count.into())]);
        (name, words.money(amount))
    };
    let named = |word| words.say(word);
    let sum = [&totals.sales, &totals.returns];
    for (word, figure) in [Word::ReportSales, Word::ReportReturns].into_iter().zip(sum) {
        let (name, value) = counted(named(word), figure.count, figure.amount);
        row(ui, &name, &value, false);
    }
    if let Ok(net) = totals.sales_value() {
        row(ui, named(Word::ReportNet), &words.money(net), true);
    }
    for (rate, total) in &totals.tax {
        let name = words.fill(Word::ReportTax, &[("rate", (&rate.to_string()).into())]);
        row(ui, &name, &words.money(total.tax), false);
    }
    for (kind, figure) in &totals.tenders {
        let word = match kind {
            TenderKind::Cash => Word::ReportCash,
            TenderKind::Card => Word::ReportCard,
        };
        let (name, value) = counted(named(word), figure.count, figure.amount);
        row(ui, &name, &value, false);
    }
    let discounts = &totals.discounts;
    if discounts.count > 0 {
        let (name, value) =
            counted(named(Word::ReportDiscounts), discounts.count, discounts.amount);
        row(ui, &name, &value, false);
    }
    if totals.rounding.minor() != 0 {
        row(ui, named(Word::ReportRounding), &words.money(totals.rounding), false);
    }
    row(ui, named(Word::ReportGrandTotal), &words.money(report.grand_totals.net), false);
}

fn drawer(ui: &mut Ui, report: &XReport, closed: Option<&ZReport>, words: &Words) {
    let moved = &report.totals.drawer;
    row(ui, words.say(Word::ReportOpeningFloat), &words.money(report.opening_float), false);
    for (word, figures) in [
        (Word::ReportPaidIn, [&moved.loans, &moved.paid_in]),
        (Word::ReportPaidOut, [&moved.pickups, &moved.paid_out]),
    ] {
        let [a, b] = figures;
        if let (Ok(sum), true) = (a.amount.checked_add(b.amount), a.count + b.count > 0) {
            row(ui, words.say(word), &words.money(sum), false);
        }
    }
    if moved.no_sales > 0 {
        row(ui, words.say(Word::ReportNoSales), &moved.no_sales.to_string(), false);
    }
    row(ui, words.say(Word::ReportExpected), &words.money(report.expected_cash), true);
    let Some(closed) = closed else { return };
    if let Some(counted) = closed.counted {
        row(ui, words.say(Word::ReportCounted), &words.money(counted), false);
    }
    if let Some(over_short) = closed.over_short {
        let word = match over_short.minor() {
            1.. => Word::ReportOver,
            0 => Word::ReportOverShort,
            _ => Word::ReportShort,
        };
        row(ui, words.say(word), &words.money(over_short), true);
    }
}
