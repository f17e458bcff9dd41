//! What a day came to: X and Z reports of a register, the sales report of a store.
//!
//! Contents follow the Norwegian list for X and Z (sections 2-8-2 and 2-8-3 of its cash register
//! rules). Not kept yet, and therefore absent: amounts by product group and by operator, tips, copy
//! and pro-forma receipts, line corrections, price look-ups.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::business_date::BusinessDate;
use crate::ids::{RecordId, RegisterId};
use crate::money::{Currency, Money, MoneyError};
use crate::quantity::{Quantity, QuantityError};
use crate::tax::TaxRateId;
use crate::transaction::{ReceiptCounter, TenderKind};

/// Why a report cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReportError {
    /// No settings are known yet.
    #[error("this device does not know the store's settings yet")]
    NoStore,
    /// No shift with this id was opened.
    #[error("no shift {0} was opened on any register known here")]
    UnknownShift(RecordId),
    /// Counted cash in another currency than the drawer's.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// A quantity is too large.
    #[error(transparent)]
    Quantity(#[from] QuantityError),
}

/// A Z report whose figures contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ZReportError {
    /// Expected cash is not float plus what moved.
    #[error("the Z report's expected cash is not its float plus what went in and out")]
    ExpectedCash,
    /// Over/short is not counted less expected.
    #[error("the Z report's difference is not what was counted less what was expected")]
    OverShort,
    /// Reports are numbered from 1.
    #[error("the Z report has the number 0")]
    Number,
}

/// How often, and how much together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CountAmount {
    /// How often.
    pub count: u64,
    /// How much together.
    pub amount: Money,
}

/// What one tax rate came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaxTotal {
    /// Net of the lines that bear it.
    pub taxable: Money,
    /// The tax.
    pub tax: Money,
}

/// What moved in the drawer beside sales. Amounts are above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DrawerTotals {
    /// Change brought.
    pub loans: CountAmount,
    /// Takings carried away.
    pub pickups: CountAmount,
    /// Other money in.
    pub paid_in: CountAmount,
    /// Other money out.
    pub paid_out: CountAmount,
    /// Drawer openings without a sale.
    pub no_sales: u64,
}

/// What was sold, returned, paid and moved, in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Receipts with goods that went out, and what those goods came to with tax.
    pub sales: CountAmount,
    /// Receipts with goods that came back, and what those goods came to: below zero. The receipt
    /// of an exchange counts here and in `sales`.
    pub returns: CountAmount,
    /// Stock adjustments.
    pub adjustments: u64,
    /// Account postings.
    pub postings: CountAmount,
    /// Tax by rate, returns deducted.
    pub tax: BTreeMap<TaxRateId, TaxTotal>,
    /// Payments by tender, change and refunds deducted.
    pub tenders: BTreeMap<TenderKind, CountAmount>,
    /// The drawer.
    pub drawer: DrawerTotals,
    /// Cash rounding.
    pub rounding: Money,
    /// Sale lines with a discount given at the till, and the discounts: below zero.
    pub discounts: CountAmount,
    /// Stocked goods that went out, in units of measure.
    pub units_sold: Quantity,
    /// Stocked goods that came back.
    pub units_returned: Quantity,
}

impl Totals {
    /// The currency of the amounts.
    pub const fn currency(&self) -> Currency {
        self.sales.amount.currency()
    }

    /// Sales less returns, with tax.
    pub fn sales_value(&self) -> Result<Money, MoneyError> {
        self.sales.amount.checked_add(self.returns.amount)
    }

    /// All tax.
    pub fn tax_total(&self) -> Result<Money, MoneyError> {
        Money::sum(self.tax.values().map(|total| total.tax), self.currency())
    }

    /// What sales, refunds and movements put into the drawer.
    pub fn drawer_change(&self) -> Result<Money, MoneyError> {
        let zero = Money::zero(self.currency());
        let cash = self.tenders.get(&TenderKind::Cash).map_or(zero, |cash| cash.amount);
        cash.checked_add(self.drawer.loans.amount)?
            .checked_add(self.drawer.paid_in.amount)?
            .checked_sub(self.drawer.pickups.amount)?
            .checked_sub(self.drawer.paid_out.amount)
    }
}

/// What a register sold since its first use. Returns do not lessen `sales`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GrandTotals {
    /// All goods that went out.
    pub sales: Money,
    /// All goods that came back: below zero.
    pub returns: Money,
    /// Both together.
    pub net: Money,
}

/// The figures of a shift so far. Reading them changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct XReport {
    /// The register.
    pub register: RegisterId,
    /// The shift.
    pub shift: RecordId,
    /// Its number on the register.
    pub shift_number: u32,
    /// The day it is booked on.
    pub business_date: BusinessDate,
    /// Cash in the drawer to begin with.
    pub opening_float: Money,
    /// What happened since.
    pub totals: Totals,
    /// What should be in the drawer.
    pub expected_cash: Money,
    /// The register's totals since its first use.
    pub grand_totals: GrandTotals,
}

impl XReport {
    /// Closes the shift with these figures: report `number` of its register, and what was counted.
    pub fn close(self, number: u32, counted: Option<Money>) -> Result<ZReport, MoneyError> {
        let over_short =
            counted.map(|counted| counted.checked_sub(self.expected_cash)).transpose()?;
        Ok(ZReport { number, figures: self, counted, over_short })
    }
}

/// The figures a shift was closed with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ZReport {
    /// Its number on the register: 1, 2, 3, … without a gap.
    pub number: u32,
    /// The figures.
    pub figures: XReport,
    /// What was counted in the drawer.
    pub counted: Option<Money>,
    /// Counted less expected: above zero is over, below is short.
    pub over_short: Option<Money>,
}

impl ZReport {
    /// Whether its figures agree with each other.
    pub fn check(&self) -> Result<(), ZReportError> {
        if self.number == 0 {
            return Err(ZReportError::Number);
        }
        let figures = &self.figures;
        let expected = figures.totals.drawer_change();
        let expected = expected.and_then(|change| figures.opening_float.checked_add(change));
        if expected != Ok(figures.expected_cash) {
            return Err(ZReportError::ExpectedCash);
        }
        let over_short = self.counted.map(|counted| counted.checked_sub(figures.expected_cash));
        if over_short.transpose() == Ok(self.over_short) {
            Ok(())
        } else {
            Err(ZReportError::OverShort)
        }
    }
}

/// A run of receipt numbers nobody has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptGap {
    /// First missing number.
    pub from: ReceiptCounter,
    /// Last missing number.
    pub to: ReceiptCounter,
}

/// The receipts of a register: which numbers were given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptSeries {
    /// Lowest number; `None` when there is no receipt.
    pub first: Option<ReceiptCounter>,
    /// Highest number.
    pub last: Option<ReceiptCounter>,
    /// Receipts, two of one number counted twice.
    pub count: u64,
    /// Numbers that are missing.
    pub gaps: Vec<ReceiptGap>,
    /// Numbers given more than once.
    pub duplicates: Vec<ReceiptCounter>,
}

impl ReceiptSeries {
    /// Whether no number is missing and none was given twice.
    pub fn is_gapless(&self) -> bool {
        self.gaps.is_empty() && self.duplicates.is_empty()
    }
}

/// Which part of the books a sales report covers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportFilter {
    /// First business date; `None`: from the beginning.
    pub from: Option<BusinessDate>,
    /// Last business date; `None`: to the end.
    pub to: Option<BusinessDate>,
    /// One register alone; adjustments and postings, which belong to none, are then left out.
    pub register: Option<RegisterId>,
}

/// What a store sold in a period, in the store's currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SalesReport {
    /// The period and register.
    pub filter: ReportFilter,
    /// Sales less returns, with tax.
    pub sales_value: Money,
    /// The tax in it.
    pub tax: Money,
    /// Sales less returns plus account postings.
    pub total: Money,
    /// Everything by kind.
    pub totals: Totals,
    /// Receipt numbers by register. Numbers before the first are missing only in a report that
    /// begins with the books.
    pub receipts: BTreeMap<RegisterId, ReceiptSeries>,
}
