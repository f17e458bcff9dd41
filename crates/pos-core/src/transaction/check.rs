//! The sums a transaction must keep.

use std::collections::BTreeMap;

use thiserror::Error;

use super::{Payment, SaleItem, SaleTransaction, TenderKind};
use crate::cart::Direction;
use crate::ids::LineId;
use crate::limits;
use crate::money::{Currency, Money, MoneyError};
use crate::product::UnitOfMeasure;
use crate::quantity::Quantity;
use crate::rounding::Rounding;
use crate::tax::{PriceTax, TaxRateId};
use crate::text::{self, TextError};

/// What is wrong with a transaction. Either our own fault or tampering: nothing a cashier can mend.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TransactionError {
    /// The first receipt of a register is number 1.
    #[error("the receipt has the number 0")]
    NoReceiptNumber,
    /// Nothing was sold.
    #[error("the transaction has no lines")]
    Empty,
    /// More of something than a transaction may hold.
    #[error("the transaction has {found} {what}, more than {max}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many may be.
        max: usize,
    },
    /// Lines are not sorted by id, or an id stands twice.
    #[error("line {0} is out of order or there twice")]
    LineOrder(LineId),
    /// Every line is a return exactly when the document is.
    #[error("the document's direction is not that of its lines")]
    Direction,
    /// Two currencies in one document.
    #[error("{found} in a document in {expected}")]
    Currency {
        /// The document's currency.
        expected: Currency,
        /// The other one.
        found: Currency,
    },
    /// A line's quantity is zero, too large, of the wrong sign, or a fraction of a piece.
    #[error("line {0} has an impossible quantity")]
    LineQuantity(LineId),
    /// Extended price and discount do not give the line's amount.
    #[error("the amount of line {0} is not its price times its quantity less its discount")]
    LineAmount(LineId),
    /// A line's tax does not fit its amount.
    #[error("net and tax of line {0} do not give its amount")]
    LineTax(LineId),
    /// Only a return line can name a line it returns.
    #[error("line {0} is no return and names a line it returns")]
    LineReturns(LineId),
    /// The lines do not sum to the total.
    #[error("the lines come to {lines}, the total is {total}")]
    Total {
        /// Sum of the lines with tax.
        lines: Money,
        /// The document's total.
        total: Money,
    },
    /// The tax summary is not the sum of the lines.
    #[error("the tax summary is not the sum of the lines' taxes")]
    TaxSummary,
    /// Payments are not what is owed.
    #[error("{owed} is owed, the payments settle {settled}")]
    Unbalanced {
        /// Total and rounding.
        owed: Money,
        /// Tenders less change.
        settled: Money,
    },
    /// A payment's parts contradict each other.
    #[error(
        "payment {0} is impossible: change is given from cash, and never more than was tendered"
    )]
    Payment(usize),
    /// Only what is paid in cash is rounded.
    #[error("the amount was rounded, and nothing was paid in cash")]
    Rounding,
    /// A text is too long or has control characters.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A sum does not fit in 64 bits, or mixes currencies.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

pub(super) fn check(sale: &SaleTransaction) -> Result<(), TransactionError> {
    check_bounds(sale)?;
    check_currency(sale)?;
    if sale.items.windows(2).any(|pair| matches!(pair, [a, b] if a.line >= b.line)) {
        let line = sale.items.windows(2).find_map(|pair| match pair {
            [a, b] if a.line >= b.line => Some(b.line),
            _ => None,
        });
        return Err(line.map_or(TransactionError::Empty, TransactionError::LineOrder));
    }
    for item in &sale.items {
        check_item(item, sale.prices)?;
    }
    let returned = |item: &SaleItem| item.product.direction == Direction::Return;
    if (sale.direction == Direction::Return) != sale.items.iter().all(returned) {
        return Err(TransactionError::Direction);
    }
    check_total(sale)?;
    check_tax_summary(sale)?;
    check_payments(sale)
}

fn at_most(what: &'static str, found: usize, max: usize) -> Result<(), TransactionError> {
    if found > max { Err(TransactionError::TooMany { what, found, max }) } else { Ok(()) }
}

fn check_bounds(sale: &SaleTransaction) -> Result<(), TransactionError> {
    if sale.receipt_counter == 0 {
        return Err(TransactionError::NoReceiptNumber);
    }
    if sale.items.is_empty() {
        return Err(TransactionError::Empty);
    }
    at_most("lines", sale.items.len(), limits::LINES_MAX)?;
    at_most("payments", sale.payments.len(), limits::TENDERS_MAX)?;
    at_most("cart heads", sale.cart_heads.len(), limits::CART_HEADS_MAX)?;
    at_most("tax rates", sale.tax_summary.len(), limits::TAX_RATES_MAX)?;
    text::check("label", &sale.label, limits::LABEL_CHARS_MAX)?;
    for item in &sale.items {
        at_most("tax rates", item.taxes.len(), limits::TAX_RATES_MAX)?;
        text::check("name", &item.product.name, limits::NAME_CHARS_MAX)?;
        let category = &item.product.tax_category;
        text::check("tax category", category, limits::TAX_CATEGORY_CHARS_MAX)?;
        let reason = item.override_reason.as_deref().unwrap_or_default();
        text::check("reason", reason, limits::REASON_CHARS_MAX)?;
    }
    for payment in &sale.payments {
        let reference = payment.reference.as_deref().unwrap_or_default();
        text::check("reference", reference, limits::REFERENCE_CHARS_MAX)?;
    }
    Ok(())
}

fn check_currency(sale: &SaleTransaction) -> Result<(), TransactionError> {
    let expected = sale.currency();
    let items = sale.items.iter().flat_map(|item| {
        [item.discount, item.amount, item.net]
            .into_iter()
            .chain(item.taxes.iter().map(|&(_, tax)| tax))
            .map(Money::currency)
            .chain([item.unit_price.currency()])
    });
    let payments = sale.payments.iter().flat_map(|p| [p.tendered.currency(), p.change.currency()]);
    let taxes =
        sale.tax_summary.iter().flat_map(|row| [row.taxable.currency(), row.tax.currency()]);
    match items
        .chain(payments)
        .chain(taxes)
        .chain([sale.rounding.currency()])
        .find(|&found| found != expected)
    {
        Some(found) => Err(TransactionError::Currency { expected, found }),
        None => Ok(()),
    }
}

/// How far the extended price of a part of a returned line may lie from price times quantity, in
/// minor units. Its amount and its discount are differences of rounded running totals, so that the parts
/// sum to what was paid: one unit each for the two, half for the rounding of the sale, half for this.
const RETURN_TOLERANCE: u64 = 3;

fn check_item(item: &SaleItem, prices: PriceTax) -> Result<(), TransactionError> {
    let line = item.line;
    let sign = match item.product.direction {
        Direction::Sale => 1,
        Direction::Return => -1,
    };
    let whole = item.quantity.thousandths() % Quantity::ONE.thousandths() == 0;
    let most = limits::QUANTITY_THOUSANDTHS_MAX.unsigned_abs();
    if item.quantity.thousandths().signum() != sign
        || item.quantity.thousandths().unsigned_abs() > most
        || (item.product.unit == UnitOfMeasure::Each && !whole)
    {
        return Err(TransactionError::LineQuantity(line));
    }
    if item.returns.is_some() && item.product.direction == Direction::Sale {
        return Err(TransactionError::LineReturns(line));
    }
    let extended = item.extended()?;
    let priced = item.unit_price.extend(item.quantity, Rounding::HalfUp)?;
    let off = extended.minor().abs_diff(priced.minor());
    let tolerance = if item.returns.is_some() { RETURN_TOLERANCE } else { 0 };
    let against = |amount: Money| amount.minor().signum() * sign < 0;
    let gives_more = !item.discount.is_zero() && !against(item.discount);
    if off > tolerance || against(extended) || against(item.amount) || gives_more {
        return Err(TransactionError::LineAmount(line));
    }
    let taxed = match prices {
        PriceTax::Inclusive => item.gross()?,
        PriceTax::Exclusive => item.net,
    };
    let rate_twice =
        item.taxes.iter().enumerate().any(|(index, (rate, _))| {
            item.taxes.iter().take(index).any(|(other, _)| other == rate)
        });
    if taxed != item.amount || rate_twice {
        return Err(TransactionError::LineTax(line));
    }
    Ok(())
}

fn check_total(sale: &SaleTransaction) -> Result<(), TransactionError> {
    let mut lines = Money::zero(sale.currency());
    for item in &sale.items {
        lines = lines.checked_add(item.gross()?)?;
    }
    if lines == sale.total {
        Ok(())
    } else {
        Err(TransactionError::Total { lines, total: sale.total })
    }
}

fn check_tax_summary(sale: &SaleTransaction) -> Result<(), TransactionError> {
    let zero = Money::zero(sale.currency());
    let mut sums = BTreeMap::<&TaxRateId, (Money, Money)>::new();
    for item in &sale.items {
        for (rate, tax) in &item.taxes {
            let (taxable, sum) = sums.entry(rate).or_insert((zero, zero));
            *taxable = taxable.checked_add(item.net)?;
            *sum = sum.checked_add(*tax)?;
        }
    }
    let told = sale.tax_summary.iter().map(|row| (&row.rate, (row.taxable, row.tax)));
    if told.eq(sums) { Ok(()) } else { Err(TransactionError::TaxSummary) }
}

fn check_payments(sale: &SaleTransaction) -> Result<(), TransactionError> {
    let owed = sale.settled()?;
    let mut settled = Money::zero(sale.currency());
    for (index, payment) in sale.payments.iter().enumerate() {
        let part = payment.settled()?;
        if !is_possible(payment, part, owed) {
            return Err(TransactionError::Payment(index));
        }
        settled = settled.checked_add(part)?;
    }
    if settled != owed {
        return Err(TransactionError::Unbalanced { owed, settled });
    }
    let cash = sale.payments.iter().any(|payment| payment.kind == TenderKind::Cash);
    if sale.rounding.is_zero() || cash { Ok(()) } else { Err(TransactionError::Rounding) }
}

/// Every payment goes the way the whole document goes; change comes out of cash the customer
/// handed over, and never exceeds it.
fn is_possible(payment: &Payment, settled: Money, owed: Money) -> bool {
    let same_way = settled.is_zero() || settled.is_negative() == owed.is_negative();
    let change = match payment.kind {
        TenderKind::Cash => !payment.change.is_negative() && !settled_is_past(payment, settled),
        TenderKind::Card => payment.change.is_zero(),
    };
    same_way && change
}

/// Whether more change was given than cash was tendered. Cash paid out has no change at all.
fn settled_is_past(payment: &Payment, settled: Money) -> bool {
    !payment.change.is_zero() && (payment.tendered.is_negative() || settled.is_negative())
}
