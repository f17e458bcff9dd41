//! Numbers for the chosen line: quantity, price, discount.

use eframe::egui::{Id, ScrollArea, Ui};
use pos_core::money::{Currency, Money};
use pos_core::product::{Sku, UnitOfMeasure};
use pos_core::quantity::Quantity;
use pos_core::unit_price::UnitPrice;
use rust_decimal::Decimal;

use super::notices::remark;
use crate::counter::view::{Desk, LineView};
use crate::counter::{Discount, Intent};
use crate::window::keys::Command;
use crate::window::state::{Intents, ViewState, selected};
use crate::window::theme::{self, GAP, Palette};
use crate::window::widgets::{
    self, Button, Look, Typed, bare_field, column, heading, words as say,
};
use crate::window::words::{Word, Words};

/// Quantities that one press sets.
const QUICK: [i64; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 24];
/// Discounts that one press gives, in hundredths of a percent.
const QUICK_PERCENT: [u16; 5] = [500, 1000, 1500, 2000, 5000];
/// Width of what is typed in.
const WIDTH: f32 = 560.0;

/// A heading that closes what is laid over the products.
pub fn closing(ui: &mut Ui, state: &mut ViewState, title: &str) {
    let back = state.words.say(Word::Back).to_owned();
    if heading(ui, title, &back, Some(Command::Back.hint())) {
        state.lay(None);
    }
}

/// The field that all pads type into; it has the focus.
pub fn number_field(ui: &mut Ui, state: &mut ViewState, id: &str, hint: &str, name: &str) -> Typed {
    let id = Id::unique(("number", id));
    let typed = bare_field(ui, id, hint, &mut state.drafts.number, theme::LARGE, None, name);
    if ui.memory(|memory| memory.focused().is_none()) || state.focus != Some(id) {
        typed.response.request_focus();
        state.focus = Some(id);
    }
    typed
}

/// The pad below a field.
pub fn number_pad(ui: &mut Ui, state: &mut ViewState) {
    let decimal = state.words.say(Word::DecimalSign).to_owned();
    let erase = state.words.say(Word::Erase).to_owned();
    widgets::pad(ui, &mut state.drafts.number, &decimal, &erase);
}

/// How many of the chosen line: one press, or a number typed.
pub fn quantity(ui: &mut Ui, desk: &Desk, state: &mut ViewState, out: &mut Intents) {
    let Some(line) = selected(desk).cloned() else { return no_line(ui, state) };
    let title = match line.unit {
        UnitOfMeasure::Each => state.words.fill(Word::QuantityOf, &[("name", (&line.name).into())]),
        unit => {
            let gaps = [("name", (&line.name).into()), ("unit", state.words.unit(unit).into())];
            state.words.fill(Word::QuantityWeightOf, &gaps)
        }
    };
    closing(ui, state, &title);
    let mut set = None;
    scrolled(ui, |ui| {
        if line.unit == UnitOfMeasure::Each {
            set = quick_quantities(ui, &line, &state.words);
            ui.add_space(GAP);
        }
        let name = state.words.say(Word::QuantityOther).to_owned();
        let typed = number_field(ui, state, "quantity", &name, &name);
        number_pad(ui, state);
        let number = state.words.read_number(&state.drafts.number);
        let quantity = number.and_then(|number| number.parse::<Quantity>().ok());
        if accept(ui, state, quantity.is_some()) || typed.entered {
            match quantity {
                Some(quantity) => set = Some(quantity),
                None => remark(ui, state.words.say(Word::QuantityBad)),
            }
        }
    });
    if let Some(quantity) = set {
        out.push(Intent::SetQuantity { line: line.id, quantity });
        state.lay(None);
    }
}

fn quick_quantities(ui: &mut Ui, line: &LineView, words: &Words) -> Option<Quantity> {
    let mut set = None;
    let width = (ui.available_width() - 5.0 * GAP) / 6.0;
    for row in QUICK.chunks(6) {
        ui.horizontal(|ui| {
            for number in row {
                let Ok(quantity) = Quantity::from_units(*number) else { continue };
                let chosen = line.quantity == quantity;
                let look = if chosen { Look::Chosen } else { Look::Plain };
                let name = words.number(quantity);
                let button = Button::new(&name).look(look).size(width, 64.0);
                if button.text_size(theme::LARGE).show(ui) {
                    set = Some(quantity);
                }
            }
        });
    }
    set
}

/// Another price for the chosen line, with its reason.
pub fn price(ui: &mut Ui, desk: &Desk, state: &mut ViewState, out: &mut Intents) {
    let Some(line) = selected(desk).cloned() else { return no_line(ui, state) };
    let title = state.words.fill(Word::PriceOf, &[("name", (&line.name).into())]);
    closing(ui, state, &title);
    let currency = desk.place.currency;
    let mut set = None;
    scrolled(ui, |ui| {
        let palette = Palette::of(ui);
        say(ui, state.words.say(Word::PriceReason), theme::font(theme::BODY), palette.text);
        reasons(ui, state);
        let hint = state.words.price(line.unit_price, currency);
        let name =
            state.words.fill(Word::PricePer, &[("unit", state.words.unit(line.unit).into())]);
        let typed = number_field(ui, state, "price", &hint, &name);
        number_pad(ui, state);
        let price = read_price(state, currency);
        if accept(ui, state, price.is_some()) || typed.entered {
            match price {
                Some(price) => set = Some(price),
                None => bad_price(ui, state, currency),
            }
        }
    });
    if let Some(price) = set {
        let reason = reason(state);
        out.push(Intent::OverridePrice { line: line.id, price, reason });
        state.lay(None);
    }
}

/// The price of a product that has none.
pub fn open_price(
    ui: &mut Ui,
    desk: &Desk,
    (sku, name, quantity): (&Sku, &str, Quantity),
    state: &mut ViewState,
    out: &mut Intents,
) {
    let title = state.words.fill(Word::PriceOf, &[("name", name.into())]);
    closing(ui, state, &title);
    let currency = desk.place.currency;
    let mut set = None;
    scrolled(ui, |ui| {
        let name = state.words.say(Word::PriceEnter).to_owned();
        let typed = number_field(ui, state, "open price", &name, &name);
        number_pad(ui, state);
        let price = read_price(state, currency);
        if accept(ui, state, price.is_some()) || typed.entered {
            match price {
                Some(price) => set = Some(price),
                None => bad_price(ui, state, currency),
            }
        }
    });
    if let Some(price) = set {
        let (sku, reason) = (sku.clone(), reason(state));
        out.push(Intent::AddAtPrice { sku, quantity, price, reason });
        state.lay(None);
    }
}

/// A discount on the chosen line or on all of the cart.
pub fn discount(ui: &mut Ui, desk: &Desk, state: &mut ViewState, out: &mut Intents) {
    let title = state.words.say(Word::Discount).to_owned();
    closing(ui, state, &title);
    let line = selected(desk).cloned();
    let whole_cart = state.drafts.whole_cart || line.is_none();
    let currency = desk.place.currency;
    let mut given = None;
    scrolled(ui, |ui| {
        scope(ui, state, line.as_ref(), whole_cart);
        given = quick_discounts(ui, &state.words);
        ui.add_space(GAP);
        kind(ui, state);
        let word =
            if state.drafts.as_amount { Word::DiscountAmount } else { Word::DiscountPercent };
        let name = state.words.say(word).to_owned();
        let typed = number_field(ui, state, "discount", &name, &name);
        number_pad(ui, state);
        let discount = read_discount(state, currency);
        if accept(ui, state, discount.is_some()) || typed.entered {
            match discount {
                Some(discount) => given = Some(discount),
                None => remark(ui, state.words.say(Word::DiscountBad)),
            }
        }
    });
    if let Some(discount) = given {
        out.push(match line.filter(|_| !whole_cart) {
            Some(line) => Intent::DiscountLine { line: line.id, discount },
            None => Intent::DiscountCart(discount),
        });
        state.lay(None);
    }
}

/// On the line or on the cart.
fn scope(ui: &mut Ui, state: &mut ViewState, line: Option<&LineView>, whole_cart: bool) {
    let half = (ui.available_width() - GAP) / 2.0;
    let look = |chosen| if chosen { Look::Chosen } else { Look::Plain };
    ui.horizontal(|ui| {
        if let Some(line) = line {
            let name = state.words.fill(Word::DiscountOnLine, &[("name", (&line.name).into())]);
            if Button::new(&name).look(look(!whole_cart)).size(half, theme::TOUCH).show(ui) {
                state.drafts.whole_cart = false;
            }
        }
        let name = state.words.say(Word::DiscountOnCart).to_owned();
        if Button::new(&name).look(look(whole_cart)).size(half, theme::TOUCH).show(ui) {
            state.drafts.whole_cart = true;
        }
    });
}

fn quick_discounts(ui: &mut Ui, words: &Words) -> Option<Discount> {
    let mut given = None;
    let width = (ui.available_width() - 5.0 * GAP) / 6.0;
    ui.horizontal(|ui| {
        for percent in QUICK_PERCENT {
            let name = words.percent(percent);
            if Button::new(&name).size(width, 64.0).text_size(20.0).show(ui) {
                given = Some(Discount::Percent(percent));
            }
        }
        let none = Button::new(words.say(Word::DiscountNone)).look(Look::Careful);
        if none.size(width, 64.0).text_size(theme::SMALL).show(ui) {
            given = Some(Discount::Percent(0));
        }
    });
    given
}

/// In percent or as an amount.
fn kind(ui: &mut Ui, state: &mut ViewState) {
    let half = (ui.available_width() - GAP) / 2.0;
    ui.horizontal(|ui| {
        for (word, amount) in [(Word::DiscountPercent, false), (Word::DiscountAmount, true)] {
            let chosen = state.drafts.as_amount == amount;
            let look = if chosen { Look::Chosen } else { Look::Plain };
            let name = state.words.say(word).to_owned();
            if Button::new(&name).look(look).size(half, theme::TOUCH).show(ui) {
                state.drafts.as_amount = amount;
            }
        }
    });
}

fn read_discount(state: &ViewState, currency: Currency) -> Option<Discount> {
    if state.drafts.as_amount {
        return read_money(state, currency).map(Discount::Amount);
    }
    let percent: Decimal = state.words.read_number(&state.drafts.number)?.parse().ok()?;
    let hundredths = percent.checked_mul(Decimal::ONE_HUNDRED)?.normalize();
    let hundredths: u16 = hundredths.to_string().parse().ok()?;
    (hundredths <= 10_000).then_some(Discount::Percent(hundredths))
}

/// An amount that was typed; `None` where it is none in this currency.
pub fn read_money(state: &ViewState, currency: Currency) -> Option<Money> {
    let value: Decimal = state.words.read_number(&state.drafts.number)?.parse().ok()?;
    Money::from_decimal(value, currency).ok()
}

fn read_price(state: &ViewState, currency: Currency) -> Option<UnitPrice> {
    let value: Decimal = state.words.read_number(&state.drafts.number)?.parse().ok()?;
    UnitPrice::from_decimal(value, currency).ok()
}

fn bad_price(ui: &mut Ui, state: &ViewState, currency: Currency) {
    let example = state.words.money(Money::from_minor(1250, currency));
    remark(ui, &state.words.fill(Word::PriceBad, &[("example", (&example).into())]));
}

/// Reasons that are said often, and a field for all others.
fn reasons(ui: &mut Ui, state: &mut ViewState) {
    let width = (ui.available_width() - 2.0 * GAP) / 3.0;
    ui.horizontal(|ui| {
        for word in [Word::PriceReasonDamaged, Word::PriceReasonLabel, Word::PriceReasonAgreed] {
            let name = state.words.say(word).to_owned();
            let look = if reason(state) == name { Look::Chosen } else { Look::Plain };
            if Button::new(&name).look(look).size(width, theme::TOUCH).show(ui) {
                state.drafts.reason = name;
            }
        }
    });
}

/// The reason that was chosen; the last one of the list where none was.
fn reason(state: &ViewState) -> String {
    match state.drafts.reason.trim() {
        "" => state.words.say(Word::PriceReasonAgreed).to_owned(),
        reason => reason.to_owned(),
    }
}

/// The button below a pad. It can be pressed when there is something to read, so that what cannot be
/// read is explained.
fn accept(ui: &mut Ui, state: &ViewState, good: bool) -> bool {
    let look = if good { Look::Main } else { Look::Plain };
    let button = Button::new(state.words.say(Word::Ok)).key(Some("Enter")).look(look);
    let some = !state.drafts.number.is_empty();
    button.height(theme::TOUCH_LARGE).text_size(theme::LARGE).enabled(some).show(ui)
}

fn no_line(ui: &mut Ui, state: &mut ViewState) {
    let title = state.words.say(Word::SelectLineFirst).to_owned();
    closing(ui, state, &title);
}

/// In the middle, and by scrolling where the window is low.
pub fn scrolled(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| column(ui, WIDTH, add));
}
