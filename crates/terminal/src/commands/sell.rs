//! `tillmesh sell`: a whole sale in one line. `tillmesh carts`: those that wait.

use devices::printer;
use pos_core::cart::{CartCommand, CartStatus, CartView, Direction, ItemRef, Merge, PriceOverride};
use pos_core::gtin::Gtin;
use pos_core::ids::{CartId, DeviceId, IdempotencyKey, OperatorId, RegisterId};
use pos_core::money::Money;
use pos_core::price_book::{PriceBook, Product};
use pos_core::product::Sku;
use pos_core::quantity::Quantity;
use pos_core::receipt::ReceiptEdition;
use pos_core::tender::Tendered;
use pos_core::unit_price::UnitPrice;
use replica::core::{CommandError, Completed, Remainder};
use replica::storage::Storage;
use replica::store::FileStorage;
use serde_json::{Value, json};

use super::customer::{name_of, named};
use super::{Context, parse_amount, parse_operator, parse_register, today};
use crate::cli::Sell;
use crate::error::TerminalError;
use crate::output::{amount, grouped, table};
use crate::paper;
use crate::till::{Paid, Payment, Till};

pub(super) fn run(context: &mut Context<'_>, typed: &Sell) -> Result<(), TerminalError> {
    if typed.items.is_empty() && typed.cart.is_none() {
        return Err(TerminalError::Usage(
            "name what is sold: `tillmesh sell MUG-01x2`, or go on with a cart by --cart"
                .to_owned(),
        ));
    }
    context.with_till(|context, till| {
        // A sale does not wait for a rebuild of the index, unless the rebuild is what it needs.
        let named = typed.key.is_some() || typed.cart.is_some() || typed.customer.is_some();
        let needs_index = named || !knows_all(till, typed);
        if needs_index {
            context.finish_rebuild(till);
        }
        let paid = sell(till, typed)?;
        say(context, till, &paid)?;
        context.finish_rebuild(till);
        Ok(())
    })
}

/// Whether what was typed can be sold from what of the index is there.
fn knows_all<S: Storage>(till: &Till<S>, typed: &Sell) -> bool {
    let book = till.replica().books().price_book();
    let Ok(settings) = till.settings() else { return false };
    till.register(None).is_ok()
        && typed.items.iter().all(|item| Item::read(item, book, settings.currency).is_ok())
}

fn sell<S: Storage>(till: &mut Till<S>, typed: &Sell) -> Result<Paid, TerminalError> {
    let operator = parse_operator(&typed.operator)?;
    let register = till.register(parse_register(typed.register.as_deref())?.as_ref())?;
    let key = typed.key.as_deref().map(IdempotencyKey::new).transpose();
    let key = key.map_err(|error| TerminalError::Usage(error.to_string()))?;
    if let Some(key) = &key
        && let Some(paid) = sold_before(till, key)?
    {
        return Ok(paid);
    }
    let currency = till.settings()?.currency;
    let cash = typed.cash.as_deref().map(|text| parse_amount(text, currency)).transpose()?;
    let items = typed
        .items
        .iter()
        .map(|text| Item::read(text, till.replica().books().price_book(), currency))
        .collect::<Result<Vec<_>, _>>()?;
    if till.open_shift(&register).is_none() {
        let date = today(till)?;
        till.start_shift(&register, date, Money::zero(currency), &operator)?;
    }
    let customer = typed.customer.as_deref().map(|who| named(till, who)).transpose()?;
    let (view, is_new) = take_cart(till, typed, &operator)?;
    let cart = view.id;
    let view = match customer {
        Some(_) => till.edit_cart(cart, CartCommand::SetCustomer { customer })?,
        None => view,
    };
    let result = ring_up(till, typed, view, items)
        .and_then(|view| pay(till, typed, &view, &register, &operator, cash, key.as_ref()));
    match result {
        Ok(paid) => Ok(paid),
        // Nothing was paid and every item will be typed again: an empty cart helps nobody.
        Err(error) if is_new && till.cart(cart).is_ok_and(|view| view.lines.is_empty()) => {
            till.edit_cart(cart, CartCommand::Abandon)?;
            Err(error)
        }
        Err(error @ TerminalError::Command(CommandError::Stopped(_))) => Err(error),
        Err(error) => Err(TerminalError::Unpaid { error: Box::new(error), cart: short(cart) }),
    }
}

/// What the command of this name sold when it was first sent.
fn sold_before<S: Storage>(
    till: &mut Till<S>,
    key: &IdempotencyKey,
) -> Result<Option<Paid>, TerminalError> {
    let Some(id) = till.answered(key)? else { return Ok(None) };
    let sale = till.node().query(|replica, storage| replica.transaction(storage, id));
    let Some(sale) = sale.map_err(CommandError::from)? else {
        return Err(CommandError::KeyUsedOtherwise.into());
    };
    // The till answers a repeated command before it looks at the cart.
    let (register, operator) = (sale.register.clone(), sale.operator.clone());
    let payment = Payment {
        cart: sale.cart,
        register: &register,
        operator: &operator,
        tenders: Vec::new(),
        key: Some(key),
        wall_time: None,
    };
    Ok(Some(till.complete(payment)?))
}

/// A cart whose id begins so, and how many there are.
fn find_cart<S: Storage>(
    till: &mut Till<S>,
    wanted: &str,
) -> Result<(Option<CartView>, usize), TerminalError> {
    let wanted = wanted.to_lowercase();
    let mut found = till.open_carts()?;
    found.retain(|cart| cart.id.to_string().starts_with(&wanted));
    let count = found.len();
    Ok((found.pop(), count))
}

/// The cart to go on with, or a new one.
fn take_cart<S: Storage>(
    till: &mut Till<S>,
    typed: &Sell,
    operator: &OperatorId,
) -> Result<(CartView, bool), TerminalError> {
    let Some(wanted) = &typed.cart else {
        let cart = till.open_cart(&typed.label, operator)?;
        return Ok((till.cart(cart)?, true));
    };
    let (found, count) = find_cart(till, wanted)?;
    match (found, count) {
        (Some(cart), 1) if cart.status == CartStatus::Suspended => {
            Ok((till.edit_cart(cart.id, CartCommand::Retrieve)?, false))
        }
        (Some(cart), 1) => Ok((cart, false)),
        (Some(_), _) => Err(TerminalError::Usage(format!(
            "{count} carts begin with {wanted}: give more of the id, see `tillmesh carts`"
        ))),
        (None, _) => Err(TerminalError::Usage(format!(
            "no open cart begins with {wanted}: see `tillmesh carts`"
        ))),
    }
}

fn ring_up<S: Storage>(
    till: &mut Till<S>,
    typed: &Sell,
    mut view: CartView,
    items: Vec<Item>,
) -> Result<CartView, TerminalError> {
    let merge = till.settings()?.scan_merge();
    for item in items {
        view = till.edit_cart(view.id, item.command(typed, merge))?;
    }
    Ok(view)
}

fn pay<S: Storage>(
    till: &mut Till<S>,
    typed: &Sell,
    view: &CartView,
    register: &RegisterId,
    operator: &OperatorId,
    cash: Option<Money>,
    key: Option<&IdempotencyKey>,
) -> Result<Paid, TerminalError> {
    let due = till.due(view)?;
    let mut tenders = Vec::new();
    let mut left = due.exact;
    if let Some(mut cash) = cash {
        if due.exact.is_negative() {
            cash = cash.checked_neg()?;
        }
        tenders.push(Tendered::cash(cash));
        left = left.checked_sub(cash)?;
    }
    match &typed.card {
        Some(reference) if !left.is_zero() => {
            let started = till.start_card(view.id, register, left)?;
            let reference = (!reference.is_empty()).then(|| reference.clone());
            tenders.push(Tendered { reference, ..Tendered::card(left, Some(started)) });
        }
        None if cash.is_none() && !due.exact.is_zero() => tenders.push(Tendered::cash(due.cash)),
        Some(_) | None => {}
    }
    let cart = view.id;
    Ok(till.complete(Payment { cart, register, operator, tenders, key, wall_time: None })?)
}

/// Prints the receipt of what is on disk.
fn say<S: Storage>(
    context: &mut Context<'_>,
    till: &Till<S>,
    paid: &Paid,
) -> Result<(), TerminalError> {
    let edition = if paid.repeated { ReceiptEdition::Copy } else { ReceiptEdition::Original };
    let document = paper::receipt_of(&paid.completed, till.settings()?, &till.zone(), edition)?;
    let text = printer::text(&document, paper::WIDTH);
    let answer = sale_json(paid.completed.get(), paid.repeated, &text)?;
    context.output.answer(&answer, || text)
}

/// The record as it leaves the system, and what names and prints it.
fn sale_json(done: &Completed, repeated: bool, text: &str) -> Result<Value, TerminalError> {
    let mut answer = json!({
        "transactionId": done.id.to_string(),
        "receipt": done.number.to_string(),
        "repeated": repeated,
        "text": text,
    });
    let record = serde_json::to_value(&done.transaction)
        .map_err(|error| TerminalError::Output(std::io::Error::other(error)))?;
    if let (Value::Object(answer), Value::Object(record)) = (&mut answer, record) {
        answer.extend(record);
    }
    Ok(answer)
}

/// `tillmesh carts --give-up`
pub(super) fn give_up(context: &mut Context<'_>, wanted: &str) -> Result<(), TerminalError> {
    context.with_whole_till(|context, till| {
        let cart = match find_cart(till, wanted)? {
            (Some(cart), 1) => cart,
            (Some(_), count) => {
                let text = format!("{count} carts begin with {wanted}: type more of the id");
                return Err(TerminalError::Usage(text));
            }
            (None, _) => {
                let text = format!("no open cart begins with {wanted}: see `tillmesh carts`");
                return Err(TerminalError::Nothing(text));
            }
        };
        till.edit_cart(cart.id, CartCommand::Abandon)?;
        let id = cart.id.to_string();
        context.output.answer(&json!({"cart": id, "state": "given up"}), || {
            format!("Cart {} is given up.", short(cart.id))
        })
    })
}

/// Where a cart stands, in words.
fn state_of(cart: &CartView, remainder: Option<&Remainder>) -> String {
    match remainder {
        Some(Remainder { receipt, waits, .. }) => {
            let paid_on = receipt.as_ref().map_or_else(
                || "was paid".to_owned(),
                |receipt| format!("was paid on {} ({receipt})", receipt.register()),
            );
            let waits = if *waits { "; waits for news of what was paid" } else { "" };
            format!("added while the cart {paid_on}{waits}")
        }
        None if cart.status == CartStatus::Suspended => "suspended".to_owned(),
        None => "open".to_owned(),
    }
}

/// The carts that are neither paid nor given up.
pub(super) fn carts(context: &mut Context<'_>) -> Result<(), TerminalError> {
    context.with_whole_till(|context, till| {
        let carts = till.open_carts()?;
        let mut rows = Vec::new();
        let header =
            ["cart", "label", "customer", "operator", "lines", "total", "state", "open on"];
        let mut shown = table(header, &[4, 5]);
        for cart in &carts {
            let total = pos_core::sale::quote(cart, till.settings()?)?.total;
            let lines = cart.live_lines().count();
            let remainder = till.remainder(cart.id)?;
            let state = state_of(cart, remainder.as_ref());
            let customer = match cart.customer {
                Some(customer) => Some(name_of(till, customer)?),
                None => None,
            };
            let remainder = remainder.map(|remainder| {
                json!({
                    "of": remainder.of.to_string(),
                    "paid_by": remainder.paid_by.to_string(),
                    "receipt": remainder.receipt.map(|receipt| receipt.to_string()),
                    "waits": remainder.waits,
                })
            });
            let open_on: Vec<(DeviceId, String)> = till
                .who_is_on(cart.id)
                .into_iter()
                .map(|(device, words)| (device, words.to_owned()))
                .collect();
            rows.push(json!({
                "cart": cart.id.to_string(),
                "label": cart.label,
                "customer": cart.customer.map(|customer| customer.to_string()),
                "customer_name": customer,
                "operator": cart.operator.as_str(),
                "lines": lines,
                "total": amount(total),
                "currency": total.currency().code(),
                "state": state,
                "remainder": remainder,
                "open_on": open_on.iter().map(|(device, words)| {
                    json!({"device": device.to_string(), "says": words})
                }).collect::<Vec<_>>(),
            }));
            shown.add_row([
                short(cart.id),
                cart.label.clone(),
                customer.unwrap_or_default(),
                cart.operator.to_string(),
                lines.to_string(),
                grouped(total),
                state,
                places(till, &open_on),
            ]);
        }
        context.output.answer(&json!({ "carts": rows }), || {
            if carts.is_empty() { "No cart is open.".to_owned() } else { shown.to_string() }
        })
    })
}

/// The tills that have a cart open, and who is at them.
fn places(till: &Till<FileStorage>, open_on: &[(DeviceId, String)]) -> String {
    let roster = till.replica().roster();
    let names = open_on.iter().map(|(device, words)| {
        let name = roster.device(*device).map(|info| info.name.to_string());
        let name = name.unwrap_or_else(|| super::devices::short(*device));
        if words.is_empty() { name } else { format!("{name} ({words})") }
    });
    names.collect::<Vec<_>>().join(", ")
}

/// Enough of an id to type.
fn short(cart: CartId) -> String {
    cart.to_string().chars().take(8).collect()
}

/// One thing to sell, as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    what: ItemRef,
    quantity: Quantity,
    price: Option<UnitPrice>,
}

impl Item {
    /// Reads `ITEM[xQUANTITY][@PRICE]`. A SKU may hold an x or an @ itself: what is in the price
    /// book as it stands is taken as it stands.
    fn read(
        text: &str,
        book: &PriceBook,
        currency: pos_core::money::Currency,
    ) -> Result<Self, TerminalError> {
        let one = |what| Self { what, quantity: Quantity::ONE, price: None };
        if let Some(what) = find(text, book) {
            return Ok(one(what));
        }
        let (rest, price) = match text.rsplit_once('@') {
            Some((rest, price)) => {
                let price = UnitPrice::parse(price, currency)
                    .map_err(|error| TerminalError::Usage(format!("{text}: {error}")))?;
                (rest, Some(price))
            }
            None => (text, None),
        };
        if let Some(what) = find(rest, book) {
            return Ok(Self { price, ..one(what) });
        }
        if let Some((code, quantity)) = rest.rsplit_once(['x', 'X', '×'])
            && let Ok(quantity) = quantity.parse::<Quantity>()
            && let Some(what) = find(code, book)
        {
            return Ok(Self { what, quantity, price });
        }
        Err(CommandError::from(pos_core::cart::CartError::UnknownItem(rest.to_owned())).into())
    }

    fn command(self, typed: &Sell, merge: Merge) -> CartCommand {
        let reason = typed.reason.clone();
        CartCommand::AddItem {
            item: self.what,
            quantity: self.quantity,
            price: self.price.map(|unit_price| PriceOverride { unit_price, reason }),
            direction: if typed.returned { Direction::Return } else { Direction::Sale },
            merge,
        }
    }
}

fn find(code: &str, book: &PriceBook) -> Option<ItemRef> {
    if let Ok(sku) = Sku::new(code)
        && book.product(&sku).is_some()
    {
        return Some(ItemRef::Sku(sku));
    }
    let gtin: Gtin = code.parse().ok()?;
    let product: Option<&Product> = book.by_gtin(&gtin);
    product.map(|_| ItemRef::Gtin(gtin))
}

#[cfg(test)]
mod tests;
