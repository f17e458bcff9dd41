//! Money that goes into and out of the drawer beside sales.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::business_date::{BusinessDate, WallTime};
use crate::ids::{IdempotencyKey, OperatorId, RecordId, RegisterId};
use crate::limits;
use crate::money::{Money, MoneyError};
use crate::text::{self, TextError};

/// Why a cash movement cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CashMovementError {
    /// The kind says which way the money goes; the amount is never below zero.
    #[error("enter the amount above zero; whether it goes in or out follows from what you chose")]
    Amount,
    /// A drawer opened without a sale moves no money.
    #[error("opening the drawer without a sale moves no money")]
    NoSaleAmount,
    /// A text is too long or has control characters.
    #[error(transparent)]
    Text(#[from] TextError),
}

/// Why the drawer was opened without a sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CashMovementKind {
    /// Change brought from the safe.
    Loan,
    /// Takings carried to the safe.
    Pickup,
    /// Money in that is no sale.
    PaidIn,
    /// Money out that is no refund: a supplier paid from the till.
    PaidOut,
    /// Opened, nothing moved. Counted, since an opened drawer is an opportunity.
    NoSale,
}

/// Money moved into or out of a drawer, or the drawer opened for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CashMovement {
    /// What happened.
    pub kind: CashMovementKind,
    /// The register whose drawer it is.
    pub register: RegisterId,
    /// The shift it belongs to.
    pub shift: RecordId,
    /// The business date of that shift.
    pub business_date: BusinessDate,
    /// How much; never below zero, zero for [`CashMovementKind::NoSale`] alone.
    pub amount: Money,
    /// Why.
    pub reason: String,
    /// Who did it.
    pub operator: OperatorId,
    /// The command's own name.
    pub idempotency_key: Option<IdempotencyKey>,
    /// When, by the till's clock.
    pub wall_time: WallTime,
}

impl CashMovement {
    /// Whether amount and texts are possible.
    pub fn check(&self) -> Result<(), CashMovementError> {
        match self.kind {
            CashMovementKind::NoSale if !self.amount.is_zero() => {
                return Err(CashMovementError::NoSaleAmount);
            }
            CashMovementKind::NoSale => {}
            _ if self.amount.minor() <= 0 => return Err(CashMovementError::Amount),
            _ => {}
        }
        Ok(text::check("reason", &self.reason, limits::REASON_CHARS_MAX)?)
    }

    /// What it adds to the drawer.
    pub fn drawer_change(&self) -> Result<Money, MoneyError> {
        match self.kind {
            CashMovementKind::Loan | CashMovementKind::PaidIn => Ok(self.amount),
            CashMovementKind::Pickup | CashMovementKind::PaidOut => self.amount.checked_neg(),
            CashMovementKind::NoSale => Ok(Money::zero(self.amount.currency())),
        }
    }
}
