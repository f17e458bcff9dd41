//! A completed sale or return, as it is kept for ever. Named fields are those of the records that
//! leave the system; the id of a transaction is the [`RecordId`] of the record that holds it (see
//! [`Recorded`]).

mod check;
mod number;

pub use check::TransactionError;
pub use number::{ReceiptNumber, ReceiptNumberError};

use serde::{Deserialize, Serialize};

use crate::business_date::{BusinessDate, WallTime};
use crate::cart::{Direction, LineProduct};
use crate::ids::{CartId, CustomerId, IdempotencyKey, LineId, OperatorId, RecordId, RegisterId};
use crate::money::{Currency, Money, MoneyError};
use crate::quantity::Quantity;
use crate::tax::{PriceTax, TaxRateId, TaxSummaryRow};
use crate::unit_price::UnitPrice;

/// A record together with the id its entry gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded<T> {
    /// The id.
    pub id: RecordId,
    /// The record.
    pub record: T,
}

/// Number of a receipt within its register: 1, 2, 3, … without a gap, over restarts.
pub type ReceiptCounter = u64;

/// One line of a completed transaction. Return lines have a negative quantity and amounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SaleItem {
    /// The cart line it was.
    pub line: LineId,
    /// What was sold.
    pub product: LineProduct,
    /// How much; negative on a return.
    pub quantity: Quantity,
    /// Price of one unit, as charged before the discount.
    pub unit_price: UnitPrice,
    /// Why it is not the list price.
    pub override_reason: Option<String>,
    /// Discount on the line, zero or of the opposite sign of the extended price.
    pub discount: Money,
    /// Extended price plus (signed) discount: gross when prices include tax, net when they do not.
    pub amount: Money,
    /// Net part.
    pub net: Money,
    /// Tax by rate; net + taxes is what the customer owes for the line.
    pub taxes: Vec<(TaxRateId, Money)>,
    /// The line of an earlier transaction this one returns, when known.
    pub returns: Option<ReturnedLine>,
}

impl SaleItem {
    /// What the customer owes for the line, tax included.
    pub fn gross(&self) -> Result<Money, MoneyError> {
        self.taxes.iter().try_fold(self.net, |sum, (_, tax)| sum.checked_add(*tax))
    }

    /// Unit price times quantity, before the discount.
    pub fn extended(&self) -> Result<Money, MoneyError> {
        self.amount.checked_sub(self.discount)
    }
}

/// Names a line of an earlier transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReturnedLine {
    /// The transaction.
    pub transaction: RecordId,
    /// Its line.
    pub line: LineId,
}

/// How a tender pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TenderKind {
    /// Notes and coins.
    Cash,
    /// A card, by a terminal the cashier reads the approval from.
    Card,
}

/// One payment of a transaction; negative when the customer is paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    /// Id: the record of `PaymentStarted` for a card; `None` for cash, whose payment is the
    /// transaction itself.
    pub payment_id: Option<RecordId>,
    /// Cash or card.
    pub kind: TenderKind,
    /// What was handed over (cash) or charged (card).
    pub tendered: Money,
    /// What of it was given back; zero for a card.
    pub change: Money,
    /// Approval code or other reference of the card terminal.
    pub reference: Option<String>,
}

impl Payment {
    /// What it settles: tendered less change.
    pub fn settled(&self) -> Result<Money, MoneyError> {
        self.tendered.checked_sub(self.change)
    }
}

/// A completed sale or return. Built by [`crate::sale::complete`] or read back, checked both
/// times: see [`SaleTransaction::check`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "UncheckedTransaction")]
pub struct SaleTransaction {
    /// Sale or return (of the whole document; an exchange is a sale with return lines).
    pub direction: Direction,
    /// The register whose receipt series it is in.
    pub register: RegisterId,
    /// Its number in that series.
    pub receipt_counter: ReceiptCounter,
    /// The business date of its shift.
    pub business_date: BusinessDate,
    /// The shift it belongs to.
    pub shift: RecordId,
    /// Who rang it up.
    pub operator: OperatorId,
    /// The customer, if known.
    pub customer: Option<CustomerId>,
    /// The cart that was paid; closes it.
    pub cart: CartId,
    /// The cart's document heads that were paid; a line outside them was not.
    pub cart_heads: Vec<RecordId>,
    /// What the cashier called the cart; on a return by receipt, why the goods came back.
    pub label: String,
    /// Whether the lines' amounts contain the tax.
    pub prices: PriceTax,
    /// The lines, by id.
    pub items: Vec<SaleItem>,
    /// What the lines come to with tax.
    pub total: Money,
    /// The tax in it, by rate.
    pub tax_summary: Vec<TaxSummaryRow>,
    /// Cash rounding: `total + rounding` is what the tenders settle.
    pub rounding: Money,
    /// The payments; the first is the document's `paymentId`.
    pub payments: Vec<Payment>,
    /// The command's own name, when it had one.
    pub idempotency_key: Option<IdempotencyKey>,
    /// When, by the till's clock. Shown, never decides.
    pub wall_time: WallTime,
}

impl SaleTransaction {
    /// The currency of every amount in it.
    pub const fn currency(&self) -> Currency {
        self.total.currency()
    }

    /// What the tenders settle: `total + rounding`.
    pub fn settled(&self) -> Result<Money, MoneyError> {
        self.total.checked_add(self.rounding)
    }

    /// All tax in it.
    pub fn tax(&self) -> Result<Money, MoneyError> {
        Money::sum(self.tax_summary.iter().map(|row| row.tax), self.currency())
    }

    /// The document's `paymentId`: that of its first payment.
    pub fn payment_id(&self) -> Option<RecordId> {
        self.payments.first().and_then(|payment| payment.payment_id)
    }

    /// Whether every sum in it holds and every bound is kept; the promise is
    /// *lines + tax + rounding = tenders - change*.
    pub fn check(&self) -> Result<(), TransactionError> {
        check::check(self)
    }
}

impl Recorded<SaleTransaction> {
    /// The number printed on its receipt.
    pub fn receipt_number(&self) -> ReceiptNumber {
        ReceiptNumber::new(self.record.register.clone(), self.record.receipt_counter, &self.id)
    }
}

/// A transaction as it was written, before anyone has checked it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UncheckedTransaction {
    pub(crate) direction: Direction,
    pub(crate) register: RegisterId,
    pub(crate) receipt_counter: ReceiptCounter,
    pub(crate) business_date: BusinessDate,
    pub(crate) shift: RecordId,
    pub(crate) operator: OperatorId,
    pub(crate) customer: Option<CustomerId>,
    pub(crate) cart: CartId,
    pub(crate) cart_heads: Vec<RecordId>,
    pub(crate) label: String,
    pub(crate) prices: PriceTax,
    pub(crate) items: Vec<SaleItem>,
    pub(crate) total: Money,
    pub(crate) tax_summary: Vec<TaxSummaryRow>,
    pub(crate) rounding: Money,
    pub(crate) payments: Vec<Payment>,
    pub(crate) idempotency_key: Option<IdempotencyKey>,
    pub(crate) wall_time: WallTime,
}

impl TryFrom<UncheckedTransaction> for SaleTransaction {
    type Error = TransactionError;

    fn try_from(unchecked: UncheckedTransaction) -> Result<Self, TransactionError> {
        let transaction = Self {
            direction: unchecked.direction,
            register: unchecked.register,
            receipt_counter: unchecked.receipt_counter,
            business_date: unchecked.business_date,
            shift: unchecked.shift,
            operator: unchecked.operator,
            customer: unchecked.customer,
            cart: unchecked.cart,
            cart_heads: unchecked.cart_heads,
            label: unchecked.label,
            prices: unchecked.prices,
            items: unchecked.items,
            total: unchecked.total,
            tax_summary: unchecked.tax_summary,
            rounding: unchecked.rounding,
            payments: unchecked.payments,
            idempotency_key: unchecked.idempotency_key,
            wall_time: unchecked.wall_time,
        };
        transaction.check()?;
        Ok(transaction)
    }
}
