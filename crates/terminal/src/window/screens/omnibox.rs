//! The one field over the products: names, codes, `3x` in front of either.

use eframe::egui::{Id, Ui};
use pos_core::gtin::Gtin;
use pos_core::quantity::Quantity;

use crate::counter::Intent;
use crate::counter::view::CatalogueItem;
use crate::window::keys::Command;
use crate::window::state::{Intents, ViewState};
use crate::window::theme;
use crate::window::widgets::{Button, bare_field};
use crate::window::words::Word;

/// The field.
pub fn id() -> Id {
    Id::unique("omnibox")
}

/// Draws it, and does what Enter in it means.
pub fn ui(ui: &mut Ui, state: &mut ViewState, out: &mut Intents) {
    let nothing_focused = ui.memory(|memory| memory.focused().is_none());
    ui.horizontal(|ui| {
        let clear = !state.drafts.query.is_empty();
        let room = ui.available_width() - if clear { 112.0 + theme::GAP } else { 0.0 };
        let hint = format!("{}  ({})", state.words.say(Word::SearchHint), Command::Search.hint());
        let name = state.words.say(Word::Search).to_owned();
        let typed = ui
            .scope(|ui| {
                ui.set_width(room);
                bare_field(ui, id(), &hint, &mut state.drafts.query, 20.0, None, &name)
            })
            .inner;
        if nothing_focused || state.focus == Some(id()) {
            // Whoever types without looking types here.
            typed.response.request_focus();
            state.focus = None;
        }
        state.enter_waits |= typed.entered;
        if clear {
            let erase = Button::new(state.words.say(Word::Erase)).key(Some("Esc"));
            if erase.size(112.0, theme::TOUCH).show(ui) {
                state.drafts.query.clear();
            }
        }
    });
    let (_, wanted) = split(&state.drafts.query);
    let wanted = wanted.to_owned();
    state.finder.find(&wanted);
    if state.enter_waits && (state.finder.has_answered(&wanted) || !state.finder.is_ready()) {
        state.enter_waits = false;
        enter(state, out);
    }
}

/// `3x` or `3*` in front of what is wanted; the quantity and the rest.
pub fn split(typed: &str) -> (Option<Quantity>, &str) {
    let trimmed = typed.trim_start();
    let parts = trimmed.split_once(['x', 'X', '*', '×']);
    if let Some((number, rest)) = parts
        && let Ok(quantity) = number.trim().replace(',', ".").parse::<Quantity>()
    {
        return (Some(quantity), rest.trim_start());
    }
    (None, typed)
}

/// Enter: a code is scanned, anything else takes the first product found.
fn enter(state: &mut ViewState, out: &mut Intents) {
    let typed = state.drafts.query.trim().to_owned();
    if typed.is_empty() {
        return;
    }
    let (quantity, wanted) = split(&typed);
    let (shelf, hits) = state.finder.hits();
    let items: Vec<&CatalogueItem> = hits.iter().filter_map(|at| shelf.item(*at)).collect();
    let exact = items.iter().find(|item| is_code_of(item, wanted));
    let digits = !wanted.is_empty() && wanted.bytes().all(|byte| byte.is_ascii_digit());
    // Numbers are codes, even one that the search does not know: labels, receipts.
    let found = exact.or_else(|| items.first().filter(|_| !digits));
    let intent = match found {
        Some(item) => Intent::Add { sku: item.sku.clone(), quantity },
        None => Intent::Scan(typed),
    };
    out.push(intent);
    state.drafts.query.clear();
}

fn is_code_of(item: &CatalogueItem, typed: &str) -> bool {
    let gtin = typed.parse::<Gtin>().ok();
    item.sku.as_str().eq_ignore_ascii_case(typed)
        || gtin.is_some_and(|gtin| item.gtins.contains(&gtin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_an_x_in_front_are_a_quantity() {
        let three = Quantity::from_units(3).unwrap();
        assert_eq!(split("3x4006381333931"), (Some(three), "4006381333931"));
        assert_eq!(split(" 3 x nutella"), (Some(three), "nutella"));
        assert_eq!(split("3*"), (Some(three), ""));
        assert_eq!(split("0,5x cheese"), (Some("0.5".parse().unwrap()), "cheese"));
        assert_eq!(split("axe"), (None, "axe"));
        assert_eq!(split("tax"), (None, "tax"));
        assert_eq!(split("4006381333931"), (None, "4006381333931"));
    }
}
