//! X and Z reports as documents for the receipt printer.

use serde::{Deserialize, Serialize};

use super::LocalTime;
use crate::ids::OperatorId;
use crate::money::Money;
use crate::report::{XReport, ZReport};
use crate::store::StoreSettings;

/// Which report it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum ReportKind {
    /// Read while the shift goes on.
    X,
    /// The shift is closed with it.
    #[serde(rename_all = "camelCase")]
    Z {
        /// Its number on the register.
        number: u32,
        /// What was counted in the drawer.
        counted: Option<Money>,
        /// Counted less expected.
        over_short: Option<Money>,
    },
}

/// A report, from top to bottom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportDocument {
    /// X or Z.
    #[serde(flatten)]
    pub report: ReportKind,
    /// Whether it was printed before.
    pub copy: bool,
    /// The store's name.
    pub store: String,
    /// Address, company and tax number.
    pub header: Vec<String>,
    /// Who asked for it.
    pub operator: OperatorId,
    /// When, in the store.
    pub local_time: LocalTime,
    /// The figures.
    pub figures: XReport,
}

impl ReportDocument {
    /// An X report.
    pub fn x(
        report: XReport,
        settings: &StoreSettings,
        operator: OperatorId,
        local_time: LocalTime,
    ) -> Self {
        Self {
            report: ReportKind::X,
            copy: false,
            store: settings.name.clone(),
            header: settings.receipt_header.clone(),
            operator,
            local_time,
            figures: report,
        }
    }

    /// A Z report.
    pub fn z(
        report: ZReport,
        settings: &StoreSettings,
        operator: OperatorId,
        local_time: LocalTime,
    ) -> Self {
        let ZReport { number, figures, counted, over_short } = report;
        let report = ReportKind::Z { number, counted, over_short };
        Self { report, ..Self::x(figures, settings, operator, local_time) }
    }

    /// The same report as a copy.
    #[must_use]
    pub fn into_copy(self) -> Self {
        Self { copy: true, ..self }
    }
}
