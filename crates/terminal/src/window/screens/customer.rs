//! Who buys: found by name, phone, email or card, or written down. It never blocks a sale.

use eframe::egui::{Id, ScrollArea, Ui};

use super::entry::closing;
use crate::counter::view::{CustomerRow, Desk};
use crate::counter::{Intent, NewCustomer};
use crate::window::state::{Intents, ViewState};
use crate::window::theme::{self, Palette};
use crate::window::widgets::{Button, Look, field, words as say};
use crate::window::words::{Word, Words};

/// Draws it.
pub fn ui(ui: &mut Ui, desk: &Desk, state: &mut ViewState, out: &mut Intents) {
    let title = state.words.say(Word::Customer).to_owned();
    closing(ui, state, &title);
    if state.drafts.new_customer.is_some() {
        return write_down(ui, state, out);
    }
    let id = Id::unique("customer search");
    let name = state.words.say(Word::CustomerSearch).to_owned();
    let typed = field(ui, id, &name, "", &mut state.drafts.customer);
    if state.focus != Some(id) {
        typed.response.request_focus();
        state.focus = Some(id);
    }
    if typed.response.changed() {
        out.push(Intent::SearchCustomers(state.drafts.customer.trim().to_owned()));
    }
    let mut taken = None;
    ui.horizontal(|ui| {
        let new = Button::new(state.words.say(Word::CustomerNew));
        if new.size(240.0, theme::TOUCH).show(ui) {
            let name = state.drafts.customer.trim().to_owned();
            state.drafts.new_customer = Some(NewCustomer { name, ..NewCustomer::default() });
            state.focus = None;
        }
        if desk.cart.customer.is_some() {
            let nobody = Button::new(state.words.say(Word::CustomerRemove)).look(Look::Careful);
            if nobody.size(320.0, theme::TOUCH).show(ui) {
                taken = Some(None);
            }
        }
    });
    let searched = !state.drafts.customer.trim().is_empty();
    if searched && desk.customers.is_empty() {
        let palette = Palette::of(ui);
        let nobody = state.words.say(Word::CustomerNoneFound);
        say(ui, nobody, theme::font(theme::BODY), palette.muted);
    }
    if typed.entered
        && let Some(first) = desk.customers.first().filter(|_| searched)
    {
        taken = Some(Some(first.id));
    }
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        for customer in desk.customers.iter().filter(|_| searched) {
            let (name, detail) = describe(customer, &state.words);
            let button = Button::new(&name).detail(&detail);
            if button.height(64.0).text_size(20.0).show(ui) {
                taken = Some(Some(customer.id));
            }
        }
    });
    if let Some(customer) = taken {
        out.push(Intent::SetCustomer(customer));
        state.lay(None);
    }
}

fn describe(customer: &CustomerRow, words: &Words) -> (String, String) {
    let name = match customer.name.as_str() {
        "" => words.say(Word::Customer).to_owned(),
        name => name.to_owned(),
    };
    let rest = [&customer.phone, &customer.email, &customer.loyalty];
    let rest: Vec<&str> =
        rest.into_iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
    (name, rest.join(" · "))
}

fn write_down(ui: &mut Ui, state: &mut ViewState, out: &mut Intents) {
    let mut customer = state.drafts.new_customer.take().unwrap_or_default();
    let mut entered = false;
    super::entry::scrolled(ui, |ui| {
        for (at, (word, text)) in [
            (Word::CustomerName, &mut customer.name),
            (Word::CustomerPhone, &mut customer.phone),
            (Word::CustomerEmail, &mut customer.email),
            (Word::CustomerCard, &mut customer.loyalty),
        ]
        .into_iter()
        .enumerate()
        {
            let id = Id::unique(("new customer", at));
            let name = state.words.say(word).to_owned();
            let typed = field(ui, id, &name, "", text);
            if at == 0 && state.focus != Some(id) {
                typed.response.request_focus();
                state.focus = Some(id);
            }
            entered |= typed.entered;
        }
        let texts = [&customer.name, &customer.phone, &customer.email, &customer.loyalty];
        let some = texts.iter().any(|text| !text.trim().is_empty());
        let save = Button::new(state.words.say(Word::CustomerCreate)).key(Some("Enter"));
        let save = save.look(Look::Main).height(theme::TOUCH_LARGE).enabled(some);
        entered = (entered || save.show(ui)) && some;
    });
    if entered {
        out.push(Intent::CreateCustomer(customer));
        state.lay(None);
    } else {
        state.drafts.new_customer = Some(customer);
    }
}
