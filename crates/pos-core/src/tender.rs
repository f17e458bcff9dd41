//! Paying: split tenders, change, cash rounding.
//!
//! Amounts are signed like the document: above zero when the customer pays, below zero when the
//! customer is paid. Only the amount still due when a cash tender closes the document is rounded;
//! what a card pays is exact, and a refund in cash rounds on its own.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::cash_rounding::CashRounding;
use crate::ids::RecordId;
use crate::limits;
use crate::money::{Money, MoneyError};
use crate::text::{self, TextError};
use crate::transaction::{Payment, TenderKind};

/// What the customer hands over, or is handed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tendered {
    /// Cash or card.
    pub kind: TenderKind,
    /// How much; below zero when the customer is paid. Cash may be more than is due.
    pub amount: Money,
    /// Approval code or other reference of the card terminal.
    pub reference: Option<String>,
    /// The record of `PaymentStarted`, for a card.
    pub payment_id: Option<RecordId>,
}

impl Tendered {
    /// Notes and coins.
    pub const fn cash(amount: Money) -> Self {
        Self { kind: TenderKind::Cash, amount, reference: None, payment_id: None }
    }

    /// A card payment that was approved.
    pub const fn card(amount: Money, payment_id: Option<RecordId>) -> Self {
        Self { kind: TenderKind::Card, amount, reference: None, payment_id }
    }
}

/// Why a tender is refused. Every text is for the cashier.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TenderError {
    /// Nothing is left to pay.
    #[error("nothing is due any more")]
    NothingDue,
    /// An amount of nothing.
    #[error("enter an amount")]
    NoAmount,
    /// The customer would pay for a refund, or be paid for a sale.
    #[error("{due} is due; {amount} goes the other way")]
    WrongWay {
        /// What is due.
        due: Money,
        /// What was entered.
        amount: Money,
    },
    /// A card gives no change.
    #[error("only {due} is due; a card cannot pay more")]
    CardTooMuch {
        /// What is due.
        due: Money,
    },
    /// More would be paid out than is owed.
    #[error("only {due} is to be paid out")]
    PaysOutTooMuch {
        /// What is due, rounded to coins.
        due: Money,
    },
    /// An amount no coins make.
    #[error("{amount} cannot be paid in coins; the smallest step is {step}")]
    NotInCoins {
        /// What was entered.
        amount: Money,
        /// The store's smallest coin.
        step: Money,
    },
    /// A split into too many parts.
    #[error("a bill can be paid in at most {max} parts", max = limits::TENDERS_MAX)]
    TooManyParts,
    /// A reference that cannot be kept.
    #[error(transparent)]
    Text(#[from] TextError),
    /// Another currency, or too large.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// What is still to be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Due {
    /// By card, to the minor unit.
    pub exact: Money,
    /// In cash, if cash closes the document: rounded to coins.
    pub cash: Money,
}

/// Payments and rounding of a document, and what they leave open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The payments, in the order they were tendered.
    pub payments: Vec<Payment>,
    /// Cash rounding: `total + rounding` is what the payments settle once nothing is due.
    pub rounding: Money,
    /// What is left to pay.
    pub due: Due,
}

impl Settlement {
    /// All change given.
    pub fn change(&self) -> Result<Money, MoneyError> {
        let changes = self.payments.iter().map(|payment| payment.change);
        Money::sum(changes, self.rounding.currency())
    }
}

/// What remains to be paid of `total` after `tenders`.
pub fn due_after(
    total: Money,
    tenders: &[Tendered],
    rounding: Option<CashRounding>,
) -> Result<Due, TenderError> {
    settle(total, tenders, rounding).map(|settlement| settlement.due)
}

/// Pays `total` with `tenders`, one after the other.
pub fn settle(
    total: Money,
    tenders: &[Tendered],
    rounding: Option<CashRounding>,
) -> Result<Settlement, TenderError> {
    if tenders.len() > limits::TENDERS_MAX {
        return Err(TenderError::TooManyParts);
    }
    let zero = Money::zero(total.currency());
    let mut settlement =
        Settlement { payments: Vec::new(), rounding: zero, due: due(total, rounding)? };
    for tendered in tenders {
        let Due { exact, cash } = settlement.due;
        let amount = tendered.amount;
        // Also refuses another currency.
        let left = exact.checked_sub(amount)?;
        if exact.is_zero() {
            return Err(TenderError::NothingDue);
        }
        let closes_for_nothing = tendered.kind == TenderKind::Cash && cash.is_zero();
        if amount.is_zero() && !closes_for_nothing {
            return Err(TenderError::NoAmount);
        }
        if amount.minor().signum() * exact.minor().signum() < 0 {
            return Err(TenderError::WrongWay { due: exact, amount });
        }
        let change = match tendered.kind {
            TenderKind::Card => {
                if amount.minor().unsigned_abs() > exact.minor().unsigned_abs() {
                    return Err(TenderError::CardTooMuch { due: exact });
                }
                settlement.due = due(left, rounding)?;
                zero
            }
            TenderKind::Cash => {
                check_coins(amount, rounding)?;
                if amount.minor().unsigned_abs() >= cash.minor().unsigned_abs() {
                    settlement.rounding = cash.checked_sub(exact)?;
                    settlement.due = Due { exact: zero, cash: zero };
                    change(cash, amount)?
                } else {
                    settlement.due = due(left, rounding)?;
                    zero
                }
            }
        };
        settlement.payments.push(Payment {
            payment_id: tendered.payment_id,
            kind: tendered.kind,
            tendered: amount,
            change,
            reference: reference(tendered)?,
        });
    }
    Ok(settlement)
}

fn due(exact: Money, rounding: Option<CashRounding>) -> Result<Due, MoneyError> {
    let cash = match rounding {
        Some(rounding) => exact.checked_add(rounding.adjustment(exact)?)?,
        None => exact,
    };
    Ok(Due { exact, cash })
}

fn change(due: Money, amount: Money) -> Result<Money, TenderError> {
    let change = amount.checked_sub(due)?;
    if change.is_negative() { Err(TenderError::PaysOutTooMuch { due }) } else { Ok(change) }
}

/// Cash comes in coins. Without this an amount between what is due and what is due in coins would
/// pay the bill without its rounding.
fn check_coins(amount: Money, rounding: Option<CashRounding>) -> Result<(), TenderError> {
    let Some(rounding) = rounding else { return Ok(()) };
    let step = i64::from(rounding.step_minor());
    if amount.minor() % step == 0 {
        return Ok(());
    }
    Err(TenderError::NotInCoins { amount, step: Money::from_minor(step, amount.currency()) })
}

fn reference(tendered: &Tendered) -> Result<Option<String>, TextError> {
    match &tendered.reference {
        None => Ok(None),
        Some(reference) => {
            let reference = text::typed("reference", reference, limits::REFERENCE_CHARS_MAX)?;
            Ok((!reference.is_empty()).then_some(reference))
        }
    }
}

/// Most suggestions [`quick_cash`] makes: a row of buttons under a thumb.
pub const QUICK_CASH_MAX: usize = 5;

/// What a customer is likely to hand over for an amount due in cash: the amount itself, then the
/// next round sums (1, 2 and 5 times powers of ten), rising. Empty when nothing is to be paid.
pub fn quick_cash(due: Money) -> Vec<Money> {
    if due.is_zero() || due.is_negative() {
        return Vec::new();
    }
    let mut sums = vec![due.minor()];
    let mut power = 1_i64;
    // A step below a twentieth of the amount only changes coins nobody counts out.
    let smallest_step = due.minor() / 20;
    while sums.len() < QUICK_CASH_MAX {
        for digit in [1, 2, 5] {
            let Some(step) = power.checked_mul(digit) else { return to_money(&sums, due) };
            if step < smallest_step.max(1) || sums.len() >= QUICK_CASH_MAX {
                continue;
            }
            let steps = due.minor() / step + i64::from(due.minor() % step != 0);
            let Some(sum) = steps.checked_mul(step) else { return to_money(&sums, due) };
            if sums.last().is_some_and(|&last| sum > last) {
                sums.push(sum);
            }
        }
        let Some(next) = power.checked_mul(10) else { break };
        power = next;
    }
    to_money(&sums, due)
}

fn to_money(sums: &[i64], like: Money) -> Vec<Money> {
    sums.iter().map(|&minor| Money::from_minor(minor, like.currency())).collect()
}
