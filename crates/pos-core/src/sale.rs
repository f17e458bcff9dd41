//! From a cart to a completed transaction.
//!
//! [`quote`] says what a cart costs, [`complete`] what it becomes when it is paid. Both are pure:
//! numbers, dates and ids come from the caller.

use thiserror::Error;

use crate::business_date::{BusinessDate, WallTime};
use crate::cart::{CartLine, CartStatus, CartView, Direction};
use crate::ids::{CartId, CustomerId, IdempotencyKey, OperatorId, RecordId, RegisterId};
use crate::limits;
use crate::money::{Currency, Money, MoneyError};
use crate::quantity::QuantityError;
use crate::rounding::Rounding;
use crate::store::StoreSettings;
use crate::tax::{self, PriceTax, TaxError, TaxSummaryRow, TaxableLine};
use crate::tender::{self, TenderError, Tendered};
use crate::transaction::{
    ReceiptCounter, SaleItem, SaleTransaction, TransactionError, UncheckedTransaction,
};

/// Why a cart cannot be priced or paid.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SaleError {
    /// Nothing to sell.
    #[error("the cart is empty")]
    Empty,
    /// The cart is put aside or given up.
    #[error("this cart is not open; retrieve it first")]
    NotOpen,
    /// Not all is paid.
    #[error("{0} is still due")]
    StillDue(Money),
    /// A line in a currency the store does not sell in.
    #[error("a line is priced in {found}; this store sells in {expected}")]
    WrongCurrency {
        /// The store's currency.
        expected: Currency,
        /// The line's.
        found: Currency,
    },
    /// The cart's texts and lines together are more than one record may hold.
    #[error("the cart is too large to be kept as one receipt; split it")]
    TooLarge,
    /// The tax table does not know a line's category.
    #[error(transparent)]
    Tax(#[from] TaxError),
    /// A tender is refused.
    #[error(transparent)]
    Tender(#[from] TenderError),
    /// An amount is too large.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// A quantity is too large.
    #[error(transparent)]
    Quantity(#[from] QuantityError),
    /// The finished transaction does not pass its own check.
    #[error(transparent)]
    Check(#[from] TransactionError),
}

/// What a cart comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// The live lines, by id.
    pub items: Vec<SaleItem>,
    /// Whether the items' amounts contain the tax.
    pub prices: PriceTax,
    /// What the customer owes, tax included; negative when the customer is paid.
    pub total: Money,
    /// The part of it that is not tax.
    pub net: Money,
    /// The part of it that is.
    pub tax: Money,
    /// The tax by rate.
    pub tax_summary: Vec<TaxSummaryRow>,
}

impl Quote {
    /// Return when every line is a return, else sale.
    pub fn direction(&self) -> Direction {
        let returned = |item: &SaleItem| item.product.direction == Direction::Return;
        if !self.items.is_empty() && self.items.iter().all(returned) {
            Direction::Return
        } else {
            Direction::Sale
        }
    }
}

/// What the live lines of a cart come to. An empty cart comes to nothing.
pub fn quote(cart: &CartView, settings: &StoreSettings) -> Result<Quote, SaleError> {
    let mut items =
        cart.live_lines().map(|line| priced_item(line, settings)).collect::<Result<Vec<_>, _>>()?;
    // Tax is shared out in this order: all tills agree on it.
    items.sort_by_key(|item| item.line);
    let taxable = items
        .iter()
        .map(|item| {
            let rates = settings.tax_table.rates(&item.product.tax_category)?;
            Ok(TaxableLine { amount: item.amount, rates })
        })
        .collect::<Result<Vec<_>, TaxError>>()?;
    let assessed = tax::assess(&settings.tax_profile, settings.currency, &taxable)?;
    for (item, taxed) in items.iter_mut().zip(assessed.lines) {
        item.net = taxed.net;
        item.taxes = taxed.taxes;
    }
    Ok(Quote {
        items,
        prices: settings.tax_profile.prices,
        total: assessed.gross,
        net: assessed.net,
        tax: assessed.tax,
        tax_summary: assessed.summary,
    })
}

/// A cart line as an item, tax not yet worked out.
fn priced_item(line: &CartLine, settings: &StoreSettings) -> Result<SaleItem, SaleError> {
    let unit_price = line.price.unit_price;
    if unit_price.currency() != settings.currency {
        return Err(SaleError::WrongCurrency {
            expected: settings.currency,
            found: unit_price.currency(),
        });
    }
    let quantity = match line.product.direction {
        Direction::Sale => line.quantity,
        Direction::Return => line.quantity.checked_neg()?,
    };
    let extended = unit_price.extend(quantity, Rounding::HalfUp)?;
    let discount = part_of(
        extended,
        i64::from(line.price.discount_basis_points),
        i64::from(crate::cart::LinePrice::WHOLE_BASIS_POINTS),
    )?
    .checked_neg()?;
    let amount = extended.checked_add(discount)?;
    Ok(SaleItem {
        line: line.id,
        product: line.product.clone(),
        quantity,
        unit_price,
        override_reason: line.price.override_reason.clone(),
        discount,
        amount,
        net: amount,
        taxes: Vec::new(),
        returns: None,
    })
}

/// `whole * part / of`, to the nearest minor unit, a tie away from zero.
pub(crate) fn part_of(whole: Money, part: i64, of: i64) -> Result<Money, MoneyError> {
    let product = i128::from(whole.minor()) * i128::from(part);
    let of = i128::from(of);
    let magnitude = (2 * product.abs())
        .checked_add(of)
        .and_then(|doubled| doubled.checked_div(2 * of))
        .ok_or(MoneyError::Overflow)?;
    let minor =
        i64::try_from(magnitude * product.signum()).map_err(|_too_large| MoneyError::Overflow)?;
    Ok(Money::from_minor(minor, whole.currency()))
}

/// Everything that makes a paid cart a transaction.
#[derive(Debug, Clone)]
pub struct Completion<'a> {
    /// The cart as the cashier sees it.
    pub cart: &'a CartView,
    /// The cart's document heads behind that view.
    pub cart_heads: Vec<RecordId>,
    /// How the store sells.
    pub settings: &'a StoreSettings,
    /// The register.
    pub register: RegisterId,
    /// The next number of its receipts.
    pub receipt_counter: ReceiptCounter,
    /// The business date of the shift.
    pub business_date: BusinessDate,
    /// The shift.
    pub shift: RecordId,
    /// Who takes the money.
    pub operator: OperatorId,
    /// The command's own name.
    pub idempotency_key: Option<IdempotencyKey>,
    /// What the till's clock shows.
    pub wall_time: WallTime,
    /// What is paid, in order. None when the total is nothing.
    pub tenders: &'a [Tendered],
}

/// The transaction a paid cart becomes.
pub fn complete(completion: Completion<'_>) -> Result<SaleTransaction, SaleError> {
    let cart = completion.cart;
    if cart.status != CartStatus::Open {
        return Err(SaleError::NotOpen);
    }
    let quote = quote(cart, completion.settings)?;
    let document = Document {
        cart: cart.id,
        customer: cart.customer,
        label: cart.label.clone(),
        cart_heads: completion.cart_heads,
        settings: completion.settings,
        register: completion.register,
        receipt_counter: completion.receipt_counter,
        business_date: completion.business_date,
        shift: completion.shift,
        operator: completion.operator,
        idempotency_key: completion.idempotency_key,
        wall_time: completion.wall_time,
        tenders: completion.tenders,
    };
    document.issue(quote)
}

/// What a transaction says beside its lines.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    pub(crate) cart: CartId,
    pub(crate) customer: Option<CustomerId>,
    pub(crate) label: String,
    pub(crate) cart_heads: Vec<RecordId>,
    pub(crate) settings: &'a StoreSettings,
    pub(crate) register: RegisterId,
    pub(crate) receipt_counter: ReceiptCounter,
    pub(crate) business_date: BusinessDate,
    pub(crate) shift: RecordId,
    pub(crate) operator: OperatorId,
    pub(crate) idempotency_key: Option<IdempotencyKey>,
    pub(crate) wall_time: WallTime,
    pub(crate) tenders: &'a [Tendered],
}

/// From this many lines on, a transaction's encoding is measured before it is made.
const LINES_SURELY_SMALL: usize = 500;

impl Document<'_> {
    /// Settles what is quoted and makes the transaction, checked.
    pub(crate) fn issue(self, quote: Quote) -> Result<SaleTransaction, SaleError> {
        if quote.items.is_empty() {
            return Err(SaleError::Empty);
        }
        let settled = tender::settle(quote.total, self.tenders, self.settings.cash_rounding)?;
        if !settled.due.exact.is_zero() {
            return Err(SaleError::StillDue(settled.due.exact));
        }
        let many = quote.items.len() > LINES_SURELY_SMALL;
        let transaction = SaleTransaction::try_from(UncheckedTransaction {
            direction: quote.direction(),
            register: self.register,
            receipt_counter: self.receipt_counter,
            business_date: self.business_date,
            shift: self.shift,
            operator: self.operator,
            customer: self.customer,
            cart: self.cart,
            cart_heads: self.cart_heads,
            label: self.label,
            prices: quote.prices,
            items: quote.items,
            total: quote.total,
            tax_summary: quote.tax_summary,
            rounding: settled.rounding,
            payments: settled.payments,
            idempotency_key: self.idempotency_key,
            wall_time: self.wall_time,
        })?;
        let size = || postcard::to_stdvec(&transaction).map_or(usize::MAX, |bytes| bytes.len());
        if many && size() > limits::RECORD_BYTES_MAX {
            return Err(SaleError::TooLarge);
        }
        Ok(transaction)
    }
}
