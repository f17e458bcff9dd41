//! Taxes: which rates a product bears, and what they come to on a document.
//!
//! A shop has one [`TaxProfile`] (do prices include tax, where is rounded, how) and one [`TaxTable`]
//! (the rates of each tax category). [`assess`] turns the lines of a document into net, taxes and
//! gross, in whole minor units, so that every sum holds exactly.

mod assess;
mod percent;
mod table;

pub use assess::{TaxAssessment, TaxSummaryRow, TaxableLine, TaxedLine, assess};
pub use percent::{Percent, PercentError};
pub use table::{TaxRate, TaxRateId, TaxTable, TaxTarget};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::money::MoneyError;
use crate::rounding::Rounding;

/// Why taxes could not be worked out. All but [`TaxError::Money`] are faults of the tax table: the
/// back office mends it, a cashier cannot.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TaxError {
    /// A product names a category the table does not have.
    #[error("the tax table has no category {0:?}: add it, or give the product another category")]
    UnknownCategory(String),
    /// One rate stands twice on one line or in one category.
    #[error("the tax rate {0} is listed twice for one product")]
    RateTwice(TaxRateId),
    /// One rate id has two percentages or two targets in one table or document.
    #[error("the tax rate {0} has two definitions: give each its own name")]
    RateConflict(TaxRateId),
    /// The amounts are of several currencies, or too large.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// Whether prices contain the tax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PriceTax {
    /// The price on the shelf is what the customer pays (VAT, GST).
    Inclusive,
    /// Tax comes on top of the price on the shelf (United States, Canada).
    Exclusive,
}

/// Where tax is rounded to minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TaxScope {
    /// On each line by itself.
    Line,
    /// Once per rate on the document; the rounded tax is then shared out over the lines, so that a
    /// line can be returned alone.
    Document,
}

/// How a shop works out its taxes. Frozen into each sale: a later change of the profile does not
/// reach documents already made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaxProfile {
    /// Whether prices contain the tax.
    pub prices: PriceTax,
    /// Where is rounded.
    pub scope: TaxScope,
    /// How is rounded.
    pub rounding: Rounding,
}
