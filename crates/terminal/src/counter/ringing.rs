//! Ringing up: what goes into the cart, and what is done to its lines.

use pos_core::cart::{CartCommand, CartView, Direction, ItemRef, Merge, PriceOverride};
use pos_core::ids::LineId;
use pos_core::money::Money;
use pos_core::product::Sku;
use pos_core::quantity::Quantity;
use pos_core::sale;
use pos_core::unit_price::UnitPrice;
use replica::core::CommandError;
use replica::storage::Storage;

use super::desk::{Counter, Page, refusal};
use super::discount::{self, DiscountRefused};
use super::intent::Discount;
use super::notice::Notice;
use super::scan::{self, Meaning};
use super::view::{CartScreen, LineView};

/// Why a line bears the price of its label.
const LABEL_PRICE: &str = "label price";

impl<S: Storage> Counter<S> {
    /// A scanner's burst, or a code that was typed.
    pub(super) fn scan(&mut self, code: &str) -> Result<(), Notice> {
        let code = code.trim();
        if code.is_empty() {
            return Ok(());
        }
        let today = crate::shell::local_day(self.till.wall(), &self.till.zone());
        let year = today.map_or(0, |date| date.date().year());
        let book = self.till.replica().books().price_book();
        let meaning = scan::read(code, book, self.labels.as_ref(), year);
        if let Page::Refund(_) = &self.page {
            return self.scan_into_refund(code, &meaning);
        }
        match meaning {
            Meaning::Item { item, quantity, pack_price } => {
                let (quantity, price) = match pack_price {
                    None => (quantity, None),
                    Some(price) => self.pack(&item, quantity, price)?,
                };
                self.ring_up(item, quantity, price)
            }
            Meaning::Receipt(_) if self.knows_receipt(code) => self.find_receipt(code),
            Meaning::Receipt(_) | Meaning::Unknown => {
                let code: String = code.chars().take(80).collect();
                Err(Notice::UnknownCode { code })
            }
        }
    }

    fn pack(
        &self,
        item: &ItemRef,
        quantity: Quantity,
        price: Money,
    ) -> Result<(Quantity, Option<PriceOverride>), Notice> {
        let book = self.till.replica().books().price_book();
        let product = scan::product(item, book);
        let packed = product.and_then(|product| scan::pack(product, price));
        match (packed, product) {
            (Some((quantity, unit_price)), _) => {
                let reason = LABEL_PRICE.to_owned();
                Ok((quantity, Some(PriceOverride { unit_price, reason })))
            }
            (None, Some(product)) => Err(Notice::NeedsPrice {
                sku: product.sku.clone(),
                name: product.name.clone(),
                quantity,
            }),
            (None, None) => Err(Notice::UnknownCode { code: price.to_string() }),
        }
    }

    pub(super) fn add(&mut self, sku: Sku, quantity: Option<Quantity>) -> Result<(), Notice> {
        self.ring_up(ItemRef::Sku(sku), quantity.unwrap_or(Quantity::ONE), None)
    }

    pub(super) fn add_at_price(
        &mut self,
        sku: Sku,
        quantity: Quantity,
        unit_price: UnitPrice,
        reason: String,
    ) -> Result<(), Notice> {
        let has_price = self
            .till
            .replica()
            .books()
            .price_book()
            .product(&sku)
            .is_some_and(|product| product.price.is_some());
        // Where the price book leaves the price open, entering one needs no excuse.
        let reason =
            if reason.trim().is_empty() && !has_price { "open price".to_owned() } else { reason };
        self.ring_up(ItemRef::Sku(sku), quantity, Some(PriceOverride { unit_price, reason }))
    }

    /// Adds an item to the cart on the screen, or to a new one.
    fn ring_up(
        &mut self,
        item: ItemRef,
        quantity: Quantity,
        price: Option<PriceOverride>,
    ) -> Result<(), Notice> {
        self.must_not_be_paying()?;
        if !matches!(self.page, Page::Sale) {
            self.card.forget_ended();
            self.page = Page::Sale;
        }
        let merge = if price.is_some() { Merge::NewLine } else { self.merge()? };
        let asked = item.clone();
        let command =
            CartCommand::AddItem { item, quantity, price, direction: Direction::Sale, merge };
        let before: Vec<(LineId, Quantity)> = self.quantities();
        let was_empty = self.cart.is_none();
        let result = self.edit_or_open(command);
        match result {
            Ok(view) => {
                let changed = view
                    .live_lines()
                    .find(|line| before.binary_search(&(line.id, line.quantity)).is_err());
                self.selected = changed.map(|line| line.id).or(self.selected);
                self.additions = self.additions.wrapping_add(1);
                self.show_cart(view);
                Ok(())
            }
            Err(error) => {
                if was_empty {
                    self.drop_empty_cart();
                }
                Err(self.ring_up_refusal(error, &asked, quantity))
            }
        }
    }

    fn ring_up_refusal(&self, error: CommandError, item: &ItemRef, quantity: Quantity) -> Notice {
        use pos_core::cart::CartError;
        if let CommandError::Cart(CartError::NeedsPrice(sku)) = &error {
            let book = self.till.replica().books().price_book();
            let name = scan::product(item, book).map_or_else(String::new, |p| p.name.clone());
            return Notice::NeedsPrice { sku: sku.clone(), name, quantity };
        }
        refusal(error)
    }

    fn merge(&self) -> Result<Merge, Notice> {
        Ok(self.till.settings().map_err(refusal)?.scan_merge())
    }

    fn quantities(&self) -> Vec<(LineId, Quantity)> {
        let lines = self.cart.iter().flat_map(CartView::live_lines);
        let mut quantities: Vec<_> = lines.map(|line| (line.id, line.quantity)).collect();
        quantities.sort_unstable();
        quantities
    }

    /// Nothing is added to or taken from a cart for which money was taken, or may have been.
    pub(super) fn must_not_be_paying(&self) -> Result<(), Notice> {
        if self.card.is_under_way() {
            return Err(Notice::CardUnderWay);
        }
        if self.kept.taken.is_empty() { Ok(()) } else { Err(Notice::PartlyPaid) }
    }

    /// Edits the cart on the screen; opens one where there is none, or where it has gone.
    fn edit_or_open(&mut self, command: CartCommand) -> Result<CartView, CommandError> {
        if let Some(cart) = self.cart.as_ref().map(|cart| cart.id) {
            match self.till.edit_cart(cart, command.clone()) {
                Err(CommandError::CartClosed { .. }) => {
                    self.forget_cart();
                    self.post(Notice::PaidElsewhere);
                }
                Err(CommandError::Cart(
                    pos_core::cart::CartError::Suspended | pos_core::cart::CartError::Abandoned,
                )) => {
                    self.forget_cart();
                    self.post(Notice::GoneElsewhere);
                }
                other => return other,
            }
        }
        let operator = self.operator.clone();
        let cart = self.till.open_cart("", &operator)?;
        self.kept.cart = Some(cart);
        self.unkept = true;
        self.till.edit_cart(cart, command)
    }

    /// A cart that was opened for a line that was refused helps nobody.
    fn drop_empty_cart(&mut self) {
        if self.cart.is_some() {
            return;
        }
        let Some(cart) = self.kept.cart.take() else { return };
        self.unkept = true;
        // If it cannot be given up now, it stands among those that wait.
        drop(self.till.edit_cart(cart, CartCommand::Abandon));
    }

    /// Carries out a command on the cart on the screen.
    pub(super) fn edit(&mut self, command: CartCommand) -> Result<(), Notice> {
        self.must_not_be_paying()?;
        let cart = self.cart.as_ref().ok_or(Notice::EmptyCart)?.id;
        match self.till.edit_cart(cart, command) {
            Ok(view) => {
                self.show_cart(view);
                Ok(())
            }
            Err(CommandError::CartClosed { .. }) => {
                self.forget_cart();
                Err(Notice::PaidElsewhere)
            }
            Err(error) => Err(refusal(error)),
        }
    }

    /// The cart on the screen from now on.
    pub(super) fn show_cart(&mut self, view: CartView) {
        let same = self.cart.as_ref().is_some_and(|cart| cart.customer == view.customer);
        let customer = view.customer;
        if self.selected.is_some_and(|line| view.line(line).is_none_or(|l| l.quantity.is_zero())) {
            self.selected = view.live_lines().last().map(|line| line.id);
        }
        if self.kept.cart != Some(view.id) {
            self.kept.cart = Some(view.id);
            self.unkept = true;
        }
        self.cart = Some(view);
        if !same {
            self.customer = customer.map(|customer| self.customer_row(customer));
        }
    }

    pub(super) fn set_quantity(&mut self, line: LineId, quantity: Quantity) -> Result<(), Notice> {
        self.selected = Some(line);
        if quantity.is_zero() {
            return self.void_line(line);
        }
        self.edit(CartCommand::ChangeQuantity { line, quantity })
    }

    pub(super) fn void_line(&mut self, line: LineId) -> Result<(), Notice> {
        self.edit(CartCommand::VoidLine { line })
    }

    pub(super) fn override_price(
        &mut self,
        line: LineId,
        unit_price: UnitPrice,
        reason: String,
    ) -> Result<(), Notice> {
        self.selected = Some(line);
        self.edit(CartCommand::OverridePrice { line, price: PriceOverride { unit_price, reason } })
    }

    /// A discount on one line, or on all that are in the cart now.
    pub(super) fn discount(
        &mut self,
        line: Option<LineId>,
        discount: Discount,
    ) -> Result<(), Notice> {
        let cart = self.cart.as_ref().ok_or(Notice::EmptyCart)?;
        let edits = match discount {
            Discount::Percent(points) => discount::percent_off(cart, line, points),
            Discount::Amount(amount) => discount::amount_off(cart, line, amount, self.currency),
        };
        let edits = edits.map_err(|refused| match refused {
            DiscountRefused::TooHigh => Notice::DiscountTooHigh,
            DiscountRefused::Inexact(nearest) => Notice::DiscountInexact { nearest },
            DiscountRefused::NothingToDiscount => Notice::EmptyCart,
            DiscountRefused::Impossible => {
                Notice::Refused("the discount is no amount of this store's money".to_owned())
            }
        })?;
        for (line, basis_points) in edits {
            self.edit(CartCommand::DiscountLine { line, basis_points })?;
        }
        Ok(())
    }

    pub(super) fn select(&mut self, line: LineId) {
        if self.cart.as_ref().is_some_and(|cart| cart.line(line).is_some()) {
            self.selected = Some(line);
        }
    }

    pub(super) fn label(&mut self, label: String) -> Result<(), Notice> {
        self.edit(CartCommand::SetLabel { label })
    }

    pub(super) fn give_up(&mut self) -> Result<(), Notice> {
        self.edit(CartCommand::Abandon)?;
        self.forget_cart();
        self.page = Page::Sale;
        self.look(true);
        Ok(())
    }

    /// The cart for the screen.
    pub(super) fn cart_screen(&self) -> CartScreen {
        let zero = Money::zero(self.currency);
        let mut screen = CartScreen {
            id: None,
            label: String::new(),
            customer: self.customer.clone(),
            lines: Vec::new(),
            selected: self.selected,
            additions: self.additions,
            total: zero,
            tax: zero,
            tax_rows: Vec::new(),
            discount: zero,
            others: Vec::new(),
            remainder_of: None,
        };
        let Some(cart) = &self.cart else { return screen };
        screen.id = Some(cart.id);
        screen.label.clone_from(&cart.label);
        screen.others = self.people_on(cart.id);
        screen.remainder_of.clone_from(&self.remainder_here);
        let Ok(settings) = self.till.settings() else { return screen };
        let Ok(quote) = sale::quote(cart, settings) else { return screen };
        (screen.total, screen.tax) = (quote.total, quote.tax);
        screen.tax_rows = quote.tax_summary;
        for item in quote.items {
            screen.discount = screen.discount.checked_add(item.discount).unwrap_or(screen.discount);
            screen.lines.push(LineView {
                id: item.line,
                sku: item.product.sku,
                name: item.product.name,
                quantity: item.quantity,
                unit: item.product.unit,
                unit_price: item.unit_price,
                override_reason: item.override_reason,
                discount: item.discount,
                amount: item.amount,
            });
        }
        screen
    }
}
