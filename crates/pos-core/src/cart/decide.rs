//! From a command to the edits that do it.

use thiserror::Error;

use super::{
    CartCommand, CartEdit, CartLine, CartStatus, CartView, Direction, ItemRef, LinePrice,
    LineProduct, Merge, PriceOverride,
};
use crate::ids::LineId;
use crate::limits;
use crate::money::{Currency, MoneyError};
use crate::price_book::{PriceBook, Product};
use crate::product::{Sku, UnitOfMeasure};
use crate::quantity::{Quantity, QuantityError};
use crate::rounding::Rounding;
use crate::store::StoreSettings;
use crate::text::{self, TextError};
use crate::unit_price::UnitPrice;

/// Why a command is refused. Every text is for the cashier.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CartError {
    /// The cart was given up.
    #[error("this cart was abandoned; start a new one")]
    Abandoned,
    /// The cart is put aside.
    #[error("this cart is suspended; retrieve it first")]
    Suspended,
    /// Retrieving a cart that is open.
    #[error("this cart is open already")]
    NotSuspended,
    /// No product has this code.
    #[error("nothing in the price book has the code {0}")]
    UnknownItem(String),
    /// The product is no longer sold.
    #[error("{name} ({sku}) is not sold any more")]
    Inactive {
        /// The product's code.
        sku: Sku,
        /// Its name.
        name: String,
    },
    /// The price book leaves the price open.
    #[error("{0} has no price in the price book; enter one")]
    NeedsPrice(Sku),
    /// Zero or less.
    #[error("the quantity must be above zero; void the line to take it off the bill")]
    QuantityNotPositive,
    /// A fraction of a thing sold by the piece.
    #[error("{sku} is sold by the piece; {quantity} is not a whole number")]
    NotWhole {
        /// The product.
        sku: Sku,
        /// What was asked for.
        quantity: Quantity,
    },
    /// More than a line can hold.
    #[error("that is more than one line can hold")]
    TooMuch,
    /// The cart is full.
    #[error("a cart holds at most {max} lines; finish this one and start another", max = limits::LINES_MAX)]
    TooManyLines,
    /// The cart has no such line.
    #[error("the cart has no such line")]
    NoSuchLine,
    /// The id for the new line is taken. A fault of the caller, never of the cashier.
    #[error("the line could not be added; try again")]
    LineIdTaken,
    /// The line is void.
    #[error("this line is void; add the item again")]
    LineVoid,
    /// More than all of it.
    #[error("a discount is at most 100 %")]
    DiscountTooHigh,
    /// The price is in another currency than the store's.
    #[error("prices here are in {expected}, not in {found}")]
    WrongCurrency {
        /// The store's currency.
        expected: Currency,
        /// The currency of the price.
        found: Currency,
    },
    /// A label or reason that cannot be kept.
    #[error(transparent)]
    Text(#[from] TextError),
}

/// The edits that carry out `command` on the cart as it is seen, or why it is refused. An empty
/// list: nothing needs to change. `fresh_line` is the id a new line would get.
pub fn decide(
    cart: &CartView,
    book: &PriceBook,
    settings: &StoreSettings,
    command: &CartCommand,
    fresh_line: LineId,
) -> Result<Vec<CartEdit>, CartError> {
    match (cart.status, command) {
        (CartStatus::Abandoned, _) => return Err(CartError::Abandoned),
        (CartStatus::Suspended, CartCommand::Retrieve | CartCommand::Abandon)
        | (CartStatus::Open, _) => {}
        (CartStatus::Suspended, _) => return Err(CartError::Suspended),
    }
    let edit = match command {
        CartCommand::AddItem { item, quantity, price, direction, merge } => {
            let product = line_product(book, settings, item, *direction)?;
            let price = line_price(settings, &product, price.as_ref())?;
            return add(cart, product, price, *quantity, *merge, fresh_line);
        }
        CartCommand::ChangeQuantity { line, quantity } => {
            return change_quantity(live_line(cart, *line)?, *quantity);
        }
        CartCommand::VoidLine { line } => {
            live_line(cart, *line)?;
            CartEdit::VoidLine { line: *line }
        }
        CartCommand::OverridePrice { line, price } => {
            let line = live_line(cart, *line)?;
            let mut price = line_price(settings, &line.product, Some(price))?;
            price.discount_basis_points = line.price.discount_basis_points;
            return reprice(line, price);
        }
        CartCommand::DiscountLine { line, basis_points } => {
            if *basis_points > LinePrice::WHOLE_BASIS_POINTS {
                return Err(CartError::DiscountTooHigh);
            }
            let line = live_line(cart, *line)?;
            let discount_basis_points = *basis_points;
            return reprice(line, LinePrice { discount_basis_points, ..line.price.clone() });
        }
        CartCommand::SetCustomer { customer } => CartEdit::SetCustomer { customer: *customer },
        CartCommand::SetLabel { label } => {
            CartEdit::SetLabel { label: text::typed("label", label, limits::LABEL_CHARS_MAX)? }
        }
        CartCommand::Suspend => CartEdit::SetStatus { status: CartStatus::Suspended },
        CartCommand::Retrieve if cart.status == CartStatus::Open => {
            return Err(CartError::NotSuspended);
        }
        CartCommand::Retrieve => CartEdit::SetStatus { status: CartStatus::Open },
        CartCommand::Abandon => CartEdit::SetStatus { status: CartStatus::Abandoned },
    };
    Ok(vec![edit])
}

fn live_line(cart: &CartView, id: LineId) -> Result<&CartLine, CartError> {
    let line = cart.line(id).ok_or(CartError::NoSuchLine)?;
    if line.quantity.is_zero() { Err(CartError::LineVoid) } else { Ok(line) }
}

fn line_product(
    book: &PriceBook,
    settings: &StoreSettings,
    item: &ItemRef,
    direction: Direction,
) -> Result<LineProduct, CartError> {
    let product = match item {
        ItemRef::Sku(sku) => {
            book.product(sku).ok_or_else(|| CartError::UnknownItem(sku.to_string()))?
        }
        ItemRef::Gtin(gtin) => {
            book.by_gtin(gtin).ok_or_else(|| CartError::UnknownItem(gtin.to_string()))?
        }
        ItemRef::Open { sku, name, kind, unit, tax_category } => {
            text::check("tax category", tax_category, limits::TAX_CATEGORY_CHARS_MAX)?;
            return Ok(LineProduct {
                sku: sku.clone(),
                name: text::required("name", name, limits::NAME_CHARS_MAX)?,
                kind: *kind,
                unit: *unit,
                tax_category: tax_category.clone(),
                direction,
                list_price: None,
            });
        }
    };
    freeze(product, settings.currency, direction)
}

/// What the line keeps of the product, whatever the price book says later. What is no longer sold
/// may still come back.
fn freeze(
    product: &Product,
    currency: Currency,
    direction: Direction,
) -> Result<LineProduct, CartError> {
    if !product.active && direction == Direction::Sale {
        return Err(CartError::Inactive { sku: product.sku.clone(), name: product.name.clone() });
    }
    if let Some(price) = product.price {
        same_currency(currency, price)?;
    }
    Ok(LineProduct {
        sku: product.sku.clone(),
        name: product.name.clone(),
        kind: product.kind,
        unit: product.unit,
        tax_category: product.tax_category.clone(),
        direction,
        list_price: product.price,
    })
}

fn same_currency(expected: Currency, price: UnitPrice) -> Result<(), CartError> {
    if price.currency() == expected {
        Ok(())
    } else {
        Err(CartError::WrongCurrency { expected, found: price.currency() })
    }
}

fn line_price(
    settings: &StoreSettings,
    product: &LineProduct,
    price: Option<&PriceOverride>,
) -> Result<LinePrice, CartError> {
    let Some(PriceOverride { unit_price, reason }) = price else {
        let unit_price =
            product.list_price.ok_or_else(|| CartError::NeedsPrice(product.sku.clone()))?;
        return Ok(LinePrice { unit_price, override_reason: None, discount_basis_points: 0 });
    };
    same_currency(settings.currency, *unit_price)?;
    let reason = text::required("reason", reason, limits::REASON_CHARS_MAX)?;
    Ok(LinePrice {
        unit_price: *unit_price,
        override_reason: (product.list_price != Some(*unit_price)).then_some(reason),
        discount_basis_points: 0,
    })
}

/// Whether a line may hold this much of the product at this price.
fn check_holds(
    product: &LineProduct,
    price: &LinePrice,
    quantity: Quantity,
) -> Result<(), CartError> {
    if quantity <= Quantity::ZERO {
        return Err(CartError::QuantityNotPositive);
    }
    if product.unit == UnitOfMeasure::Each
        && quantity.thousandths() % Quantity::ONE.thousandths() != 0
    {
        return Err(CartError::NotWhole { sku: product.sku.clone(), quantity });
    }
    if quantity.thousandths() > limits::QUANTITY_THOUSANDTHS_MAX {
        return Err(CartError::TooMuch);
    }
    let amount = price
        .unit_price
        .extend(quantity, Rounding::HalfUp)
        .map_err(|_overflow: MoneyError| CartError::TooMuch)?;
    if amount.minor() > limits::AMOUNT_MINOR_MAX { Err(CartError::TooMuch) } else { Ok(()) }
}

fn add(
    cart: &CartView,
    product: LineProduct,
    price: LinePrice,
    quantity: Quantity,
    merge: Merge,
    fresh_line: LineId,
) -> Result<Vec<CartEdit>, CartError> {
    check_holds(&product, &price, quantity)?;
    let same = |line: &&CartLine| line.product == product && line.price == price;
    if merge == Merge::SameProduct
        && let Some(line) = cart.live_lines().find(same)
    {
        let sum = line
            .quantity
            .checked_add(quantity)
            .map_err(|_overflow: QuantityError| CartError::TooMuch)?;
        check_holds(&product, &price, sum)?;
        return Ok(vec![CartEdit::AddQuantity { line: line.id, quantity }]);
    }
    if cart.lines.len() >= limits::LINES_MAX {
        return Err(CartError::TooManyLines);
    }
    if cart.line(fresh_line).is_some() {
        return Err(CartError::LineIdTaken);
    }
    Ok(vec![CartEdit::AddLine { line: fresh_line, product, price, quantity }])
}

fn change_quantity(line: &CartLine, quantity: Quantity) -> Result<Vec<CartEdit>, CartError> {
    check_holds(&line.product, &line.price, quantity)?;
    let difference = quantity
        .checked_sub(line.quantity)
        .map_err(|_overflow: QuantityError| CartError::TooMuch)?;
    Ok(match difference {
        Quantity::ZERO => Vec::new(),
        less if less.is_negative() => {
            let quantity =
                less.checked_neg().map_err(|_overflow: QuantityError| CartError::TooMuch)?;
            vec![CartEdit::RemoveQuantity { line: line.id, quantity }]
        }
        quantity => vec![CartEdit::AddQuantity { line: line.id, quantity }],
    })
}

fn reprice(line: &CartLine, price: LinePrice) -> Result<Vec<CartEdit>, CartError> {
    check_holds(&line.product, &price, line.quantity)?;
    if price == line.price {
        return Ok(Vec::new());
    }
    Ok(vec![CartEdit::Reprice { line: line.id, price }])
}
