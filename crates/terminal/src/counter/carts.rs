//! Carts that wait, who is in them, and customers.

use pos_core::cart::{CartCommand, CartStatus, CartView};
use pos_core::ids::{CartId, CustomerId, DeviceId};
use pos_core::money::Money;
use pos_core::sale;
use pos_core::transaction::ReceiptNumber;
use replica::core::{CommandError, Remainder};
use replica::documents::{CustomerEdit, CustomerView};
use replica::presence::Place;
use replica::storage::Storage;

use super::desk::{Counter, Page, refusal};
use super::intent::NewCustomer;
use super::notice::Notice;
use super::view::{CustomerRow, PersonHere, WaitingCart, WaitingState};
use crate::limits::{CONTENTS_SHOWN_MAX, CUSTOMERS_SHOWN_MAX, WAITING_SHOWN_MAX};

impl<S: Storage> Counter<S> {
    /// Puts the cart aside for any till of the store.
    pub(super) fn suspend(&mut self, label: String) -> Result<(), Notice> {
        if self.card.is_under_way() {
            return self.put_card_aside();
        }
        self.must_not_be_paying()?;
        let cart = self.cart.as_ref().ok_or(Notice::EmptyCart)?;
        if cart.live_lines().next().is_none() {
            return Err(Notice::EmptyCart);
        }
        if !label.trim().is_empty() {
            self.edit(CartCommand::SetLabel { label })?;
        }
        self.put_aside()?;
        self.look(true);
        Ok(())
    }

    /// The cart on the screen leaves it and waits; one without lines is given up.
    pub(super) fn put_aside(&mut self) -> Result<(), Notice> {
        let Some(cart) = &self.cart else { return Ok(()) };
        let is_empty = cart.live_lines().next().is_none();
        // A remainder waits by itself.
        if self.remainder_here.is_none() {
            self.edit(if is_empty { CartCommand::Abandon } else { CartCommand::Suspend })?;
        }
        self.forget_cart();
        self.page = Page::Sale;
        Ok(())
    }

    /// Takes a cart to this screen. What is on it is put aside.
    pub(super) fn retrieve(&mut self, cart: CartId) -> Result<(), Notice> {
        self.must_not_be_paying()?;
        if self.cart.as_ref().is_some_and(|open| open.id == cart) {
            self.page = Page::Sale;
            return Ok(());
        }
        if self.take_up_aside(cart)? {
            self.look(true);
            return Ok(());
        }
        let found = self.till.cart(cart).map_err(refusal)?;
        self.put_aside()?;
        let view = if found.status == CartStatus::Suspended {
            self.till.edit_cart(cart, CartCommand::Retrieve).map_err(refusal)?
        } else {
            found
        };
        self.selected = view.live_lines().last().map(|line| line.id);
        self.show_cart(view);
        self.stand_on(cart);
        self.page = Page::Sale;
        self.look(true);
        Ok(())
    }

    /// Tells the other tills that this cart is on the screen here.
    pub(super) fn stand_on(&mut self, cart: CartId) {
        let operator = self.operator.to_string();
        if let Some(mesh) = self.till.mesh() {
            mesh.set_place(&Place::new(Some(cart), &operator));
        }
    }

    /// What other tills have done to the cart on the screen.
    pub(super) fn follow_cart(&mut self) {
        let Some(cart) = self.cart.as_ref().map(|cart| cart.id) else { return };
        match self.till.cart(cart) {
            Ok(view) if view.status == CartStatus::Open => self.show_cart(view),
            Ok(_) => {
                self.leave_cart();
                self.post(Notice::GoneElsewhere);
            }
            Err(CommandError::CartClosed { .. }) => {
                self.leave_cart();
                self.post(Notice::PaidElsewhere);
            }
            // It cannot be read at the moment: what is on the screen stays.
            Err(_) => {}
        }
    }

    fn leave_cart(&mut self) {
        // Where money was taken for it, the note of that stays: see what happens at the next start.
        if self.must_not_be_paying().is_ok() {
            self.forget_cart();
            if matches!(self.page, Page::Pay) {
                self.page = Page::Sale;
            }
        }
    }

    /// The carts that wait, newest names first as the till lists them.
    pub(super) fn list_waiting(&mut self) {
        let Ok(carts) = self.till.open_carts() else { return };
        let here = self.cart.as_ref().map(|cart| cart.id);
        let mut waiting = Vec::new();
        self.remainder_here = None;
        for cart in &carts {
            let remainder = self.till.remainder(cart.id).ok().flatten();
            if Some(cart.id) == here {
                self.remainder_here = remainder.map(|of| receipt_of(&of).unwrap_or_default());
                continue;
            }
            if let Some(remainder) = &remainder {
                self.tell_left_over(cart.id, remainder);
            }
            let card_unknown = self.kept.aside.iter().any(|aside| aside.cart == cart.id);
            let shows = cart.live_lines().next().is_some() || card_unknown;
            if shows && waiting.len() < WAITING_SHOWN_MAX {
                waiting.push(self.waiting_cart(cart, remainder.as_ref(), card_unknown));
            }
        }
        self.waiting = waiting;
    }

    /// Says once that lines were added to a cart while it was paid here.
    fn tell_left_over(&mut self, cart: CartId, remainder: &Remainder) {
        let here = self.till.register(None).ok();
        let paid_on = remainder.receipt.as_ref().map(ReceiptNumber::register);
        if paid_on.is_some() && paid_on == here.as_ref() && self.told.insert(cart) {
            self.post(Notice::LeftOver);
        }
    }

    fn waiting_cart(
        &self,
        cart: &CartView,
        remainder: Option<&Remainder>,
        card_unknown: bool,
    ) -> WaitingCart {
        let state = match remainder {
            _ if card_unknown => WaitingState::CardUnknown,
            Some(remainder) => {
                WaitingState::Remainder { receipt: receipt_of(remainder), waits: remainder.waits }
            }
            None if cart.status == CartStatus::Suspended => WaitingState::Suspended,
            None => WaitingState::Open,
        };
        let settings = self.till.settings();
        let quote = settings.ok().and_then(|settings| sale::quote(cart, settings).ok());
        let names = cart.live_lines().map(|line| line.product.name.clone());
        WaitingCart {
            id: cart.id,
            label: cart.label.clone(),
            operator: cart.operator.to_string(),
            lines: cart.live_lines().count(),
            contents: names.take(CONTENTS_SHOWN_MAX).collect(),
            total: quote.map_or(Money::zero(self.currency), |quote| quote.total),
            state,
            open_on: self.people_on(cart.id),
        }
    }

    /// Who has the carts that wait on the screen.
    pub(super) fn list_places(&mut self) {
        let mut waiting = core::mem::take(&mut self.waiting);
        for cart in &mut waiting {
            cart.open_on = self.people_on(cart.id);
        }
        self.waiting = waiting;
    }

    /// Who else has a cart on the screen.
    pub(super) fn people_on(&self, cart: CartId) -> Vec<PersonHere> {
        let people = self.till.who_is_on(cart);
        let people = people.into_iter();
        people
            .map(|(device, says)| PersonHere { till: self.name_of(device), says: says.to_owned() })
            .collect()
    }

    /// A device's name, or the beginning of its key.
    pub(super) fn name_of(&self, device: DeviceId) -> String {
        let info = self.till.replica().roster().device(device);
        info.map_or_else(|| crate::commands::short_key(device), |info| info.name.to_string())
    }

    pub(super) fn search_customers(&mut self, words: &str) -> Result<(), Notice> {
        let found = self.till.customers(words, CUSTOMERS_SHOWN_MAX).map_err(refusal)?;
        let rows = found.into_iter().map(|customer| CustomerRow {
            id: customer.id,
            name: customer.name,
            phone: customer.phone,
            email: customer.email,
            loyalty: customer.loyalty_id,
        });
        self.customers = rows.collect();
        Ok(())
    }

    /// Names the cart's customer. A cart is opened for one who comes before the first scan.
    pub(super) fn set_customer(&mut self, customer: Option<CustomerId>) -> Result<(), Notice> {
        self.must_not_be_paying()?;
        if self.cart.is_none() {
            if customer.is_none() {
                return Ok(());
            }
            let operator = self.operator.clone();
            let cart = self.till.open_cart("", &operator).map_err(refusal)?;
            let view = self.till.cart(cart).map_err(refusal)?;
            self.show_cart(view);
        }
        self.edit(CartCommand::SetCustomer { customer })?;
        self.customers.clear();
        Ok(())
    }

    pub(super) fn create_customer(&mut self, fields: NewCustomer) -> Result<(), Notice> {
        self.must_not_be_paying()?;
        let NewCustomer { name, phone, email, loyalty } = fields;
        let filled = |text: String| (!text.trim().is_empty()).then_some(text);
        let edits: Vec<CustomerEdit> = [
            filled(name).map(CustomerEdit::SetName),
            filled(phone).map(CustomerEdit::SetPhone),
            filled(email).map(CustomerEdit::SetEmail),
            filled(loyalty).map(CustomerEdit::SetLoyaltyId),
        ]
        .into_iter()
        .flatten()
        .collect();
        let made = self.till.add_customer(edits).map_err(refusal)?;
        self.set_customer(Some(made.id))
    }

    /// A customer as a row; its id alone where it has not come in yet.
    pub(super) fn customer_row(&mut self, customer: CustomerId) -> CustomerRow {
        match self.till.customer(customer) {
            Ok(CustomerView { id, name, phone, email, loyalty_id, .. }) => {
                CustomerRow { id, name, phone, email, loyalty: loyalty_id }
            }
            Err(_) => CustomerRow {
                id: customer,
                name: customer.to_string().chars().take(8).collect(),
                phone: String::new(),
                email: String::new(),
                loyalty: String::new(),
            },
        }
    }
}

fn receipt_of(remainder: &Remainder) -> Option<String> {
    remainder.receipt.as_ref().map(ToString::to_string)
}
