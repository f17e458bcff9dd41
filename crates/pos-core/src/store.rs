//! A store and its settings.

use serde::{Deserialize, Serialize};

use crate::business_date::TimeZoneName;
use crate::cart::Merge;
use crate::cash_rounding::CashRounding;
use crate::codec;
use crate::ids::StoreId;
use crate::limits;
use crate::money::Currency;
use crate::price_book::EditNumber;
use crate::tax::{TaxProfile, TaxTable};
use crate::text::{self, TextError};

/// What the till does when a product is sold that the books say is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OversellPolicy {
    /// Sell; on hand goes below zero.
    Allow,
    /// Sell, and tell the cashier.
    Warn,
    /// Refuse.
    Block,
}

/// How a store sells. Replaced as a whole: the settings with the highest edit number stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoreSettings {
    /// 1 + the number of the settings these replace.
    pub edit: EditNumber,
    /// Name over the door.
    pub name: String,
    /// The only currency the store sells in.
    pub currency: Currency,
    /// Where the store's clock hangs; for showing times, never for deciding.
    pub time_zone: TimeZoneName,
    /// How tax is computed and rounded.
    pub tax_profile: TaxProfile,
    /// Which rates a tax category carries.
    pub tax_table: TaxTable,
    /// How an amount paid in cash is rounded; `None`: to the minor unit.
    pub cash_rounding: Option<CashRounding>,
    /// What happens when stock runs out; a product may say otherwise.
    pub oversell: OversellPolicy,
    /// Whether scanning a product again adds to its line.
    pub merge_repeat_scans: bool,
    /// Lines above the items of a receipt: address, company and tax number.
    pub receipt_header: Vec<String>,
    /// Lines below: opening hours, thanks, return policy.
    pub receipt_footer: Vec<String>,
}

impl StoreSettings {
    /// What a scan does to a product that is already in the cart.
    pub const fn scan_merge(&self) -> Merge {
        if self.merge_repeat_scans { Merge::SameProduct } else { Merge::NewLine }
    }

    /// Whether every text is within its bounds, and all of it together.
    pub fn check(&self) -> Result<(), TextError> {
        text::check("store name", &self.name, limits::NAME_CHARS_MAX)?;
        for lines in [&self.receipt_header, &self.receipt_footer] {
            if lines.len() > limits::RECEIPT_TEXT_LINES_MAX {
                let max = limits::RECEIPT_TEXT_LINES_MAX * limits::NAME_CHARS_MAX;
                return Err(TextError::TooLong { what: "receipt text", max });
            }
            for line in lines {
                text::check("receipt text", line, limits::NAME_CHARS_MAX)?;
            }
        }
        if codec::encode(self).len() > limits::SETTINGS_BYTES_MAX {
            return Err(TextError::TooLong {
                what: "text of the settings",
                max: limits::SETTINGS_BYTES_MAX,
            });
        }
        Ok(())
    }
}

/// A store: its id and how it sells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Store {
    /// The id of the store's group.
    pub store_id: StoreId,
    /// Its settings.
    pub settings: StoreSettings,
}
