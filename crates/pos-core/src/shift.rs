//! A shift: from the float put into a drawer to the Z report that closes it.

use serde::{Deserialize, Serialize};

use crate::business_date::{BusinessDate, WallTime};
use crate::ids::{OperatorId, RecordId, RegisterId};
use crate::money::Money;
use crate::report::ZReport;

/// A register starts to sell. The record's id is the shift's id; its sales inherit its business
/// date, which no clock decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShiftOpened {
    /// The register.
    pub register: RegisterId,
    /// The day its sales are booked on.
    pub business_date: BusinessDate,
    /// Cash in the drawer to begin with.
    pub float: Money,
    /// Who opened it.
    pub operator: OperatorId,
    /// Number of the shift on its register: 1, 2, 3, …
    pub number: u32,
    /// When, by the till's clock.
    pub wall_time: WallTime,
}

/// A register stops, its drawer is counted, its Z report is fixed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShiftClosed {
    /// The shift.
    pub shift: RecordId,
    /// What was counted in the drawer; `None` when nobody counted.
    pub counted: Option<Money>,
    /// The report, as printed.
    pub report: ZReport,
    /// Who closed it.
    pub operator: OperatorId,
    /// When, by the till's clock.
    pub wall_time: WallTime,
}
