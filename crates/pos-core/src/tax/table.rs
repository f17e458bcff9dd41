//! Tax rates, and which of them a tax category bears.

use core::fmt;
use core::str::FromStr;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Percent, TaxError};
use crate::ids::IdError;

/// Names a tax rate: short, as it may be printed beside a line (`A`, `VAT20`, `NY-state`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TaxRateId(String);

impl TaxRateId {
    /// Longest allowed name, in characters.
    pub const MAX_LEN: usize = 16;

    /// Checks and wraps a name.
    pub fn new(name: impl Into<String>) -> Result<Self, IdError> {
        let name = name.into();
        let allowed = |c: char| c.is_alphanumeric() || "-_./".contains(c);
        let length = name.chars().count();
        if length == 0 || length > Self::MAX_LEN || !name.chars().all(allowed) {
            return Err(IdError::BadName {
                what: "tax rate name",
                max: Self::MAX_LEN,
                found: name.chars().take(80).collect(),
            });
        }
        Ok(Self(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TaxRateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for TaxRateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaxRateId({self})")
    }
}

impl FromStr for TaxRateId {
    type Err = IdError;
    fn from_str(name: &str) -> Result<Self, IdError> {
        Self::new(name)
    }
}

impl TryFrom<String> for TaxRateId {
    type Error = IdError;
    fn try_from(name: String) -> Result<Self, IdError> {
        Self::new(name)
    }
}

impl From<TaxRateId> for String {
    fn from(id: TaxRateId) -> Self {
        id.0
    }
}

/// Which figure of a tax-inclusive price is rounded; the other one is what remains. The two can
/// differ by a minor unit: 2.99 including 4 % is 2.88 + 0.11 or 2.87 + 0.12. Without meaning for
/// prices that exclude tax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TaxTarget {
    /// The net is rounded, the tax is gross less net.
    Net,
    /// The tax is rounded, the net is gross less tax: where the tax is the authoritative figure
    /// (United Kingdom).
    Tax,
}

/// One tax rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaxRate {
    /// Its id; one id has one percentage and one target.
    pub id: TaxRateId,
    /// Name as printed on a receipt: `VAT 20 %`.
    pub name: String,
    /// How much.
    pub percent: Percent,
    /// Which figure of an inclusive price is rounded.
    pub target: TaxTarget,
}

/// The rates of each tax category of a shop. A category may bear no rate (exempt) or several
/// (state and city); all rates of a line apply to the same net amount, never tax on tax.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, Vec<TaxRate>>", into = "BTreeMap<String, Vec<TaxRate>>")]
pub struct TaxTable(BTreeMap<String, Vec<TaxRate>>);

impl TaxTable {
    /// Checks that no category lists a rate twice and that each rate id has one definition.
    pub fn new(categories: BTreeMap<String, Vec<TaxRate>>) -> Result<Self, TaxError> {
        check_rates(categories.values().map(Vec::as_slice))?;
        Ok(Self(categories))
    }

    /// The rates of a category.
    pub fn rates(&self, category: &str) -> Result<&[TaxRate], TaxError> {
        self.0
            .get(category)
            .map(Vec::as_slice)
            .ok_or_else(|| TaxError::UnknownCategory(category.chars().take(80).collect()))
    }

    /// The categories and their rates, sorted by category.
    pub fn categories(&self) -> impl Iterator<Item = (&str, &[TaxRate])> {
        self.0.iter().map(|(category, rates)| (category.as_str(), rates.as_slice()))
    }
}

impl TryFrom<BTreeMap<String, Vec<TaxRate>>> for TaxTable {
    type Error = TaxError;
    fn try_from(categories: BTreeMap<String, Vec<TaxRate>>) -> Result<Self, TaxError> {
        Self::new(categories)
    }
}

impl From<TaxTable> for BTreeMap<String, Vec<TaxRate>> {
    fn from(table: TaxTable) -> Self {
        table.0
    }
}

/// Checks lists of rates that will meet in one document, and gives each rate by its id.
pub(super) fn check_rates<'a>(
    lists: impl IntoIterator<Item = &'a [TaxRate]>,
) -> Result<BTreeMap<&'a TaxRateId, &'a TaxRate>, TaxError> {
    let mut known = BTreeMap::<&TaxRateId, &TaxRate>::new();
    for rates in lists {
        for (index, rate) in rates.iter().enumerate() {
            if rates.iter().take(index).any(|earlier| earlier.id == rate.id) {
                return Err(TaxError::RateTwice(rate.id.clone()));
            }
            let first = *known.entry(&rate.id).or_insert(rate);
            if (first.percent, first.target) != (rate.percent, rate.target) {
                return Err(TaxError::RateConflict(rate.id.clone()));
            }
        }
    }
    Ok(known)
}
