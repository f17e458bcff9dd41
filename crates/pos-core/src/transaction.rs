//! A completed sale or return, as it is kept for ever. Named fields are the mission's data model;
//! the id of a transaction is the [`RecordId`] of the record that holds it (see [`Recorded`]).

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::business_date::{BusinessDate, WallTime};
use crate::cart::{Direction, LineProduct};
use crate::ids::{CartId, CustomerId, IdempotencyKey, LineId, OperatorId, RecordId, RegisterId};
use crate::money::{Currency, Money, MoneyError};
use crate::quantity::Quantity;
use crate::tax::{TaxRateId, TaxSummaryRow};
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
    /// Extended price less discount: gross when prices include tax, net when they do not.
    pub amount: Money,
    /// Net part.
    pub net: Money,
    /// Tax by rate; net + taxes is what the customer owes for the line.
    pub taxes: Vec<(TaxRateId, Money)>,
    /// The line of an earlier transaction this one returns, when known.
    pub returns: Option<ReturnedLine>,
}

/// Names a line of an earlier transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What the cashier called the cart.
    pub label: String,
    /// The lines.
    pub items: Vec<SaleItem>,
    /// Sum of the lines' amounts as charged with tax.
    pub total: Money,
    /// The tax in it, by rate.
    pub tax_summary: Vec<TaxSummaryRow>,
    /// Cash rounding: `total + rounding` is what the tenders settle.
    pub rounding: Money,
    /// The payments; the first is the mission's `paymentId`.
    pub payments: Vec<Payment>,
    /// The command's own name, when it had one.
    pub idempotency_key: Option<IdempotencyKey>,
    /// When, by the till's clock. Shown, never decides.
    pub wall_time: WallTime,
}
