//! What a shop sells.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a text is not a SKU.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not a SKU: use 1 to 40 characters without line breaks")]
pub struct SkuError(String);

/// The shop's own code of a product. Case does not count (`85123a` is `85123A`): kept upper case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sku(String);

impl Sku {
    /// Longest SKU, in characters.
    pub const MAX_LEN: usize = 40;

    /// Checks, trims and folds to upper case.
    pub fn new(text: &str) -> Result<Self, SkuError> {
        let folded = text.trim().to_uppercase();
        let length = folded.chars().count();
        if length == 0 || length > Self::MAX_LEN || folded.chars().any(char::is_control) {
            return Err(SkuError(text.chars().take(80).collect()));
        }
        Ok(Self(folded))
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Sku {
    type Err = SkuError;
    fn from_str(text: &str) -> Result<Self, SkuError> {
        Self::new(text)
    }
}

impl TryFrom<String> for Sku {
    type Error = SkuError;
    fn try_from(text: String) -> Result<Self, SkuError> {
        Self::new(&text)
    }
}

impl From<Sku> for String {
    fn from(sku: Sku) -> Self {
        sku.0
    }
}

/// Whether selling a product moves stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ProductKind {
    /// Goods on a shelf: every sale moves stock.
    Stocked,
    /// Postage, carriage, a fee: sold, taxed, never counted.
    Service,
}

/// The unit a quantity of the product is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UnitOfMeasure {
    /// Pieces; the quantity is a whole number.
    Each,
    /// Kilograms, to the gram.
    Kilogram,
    /// Litres, to the millilitre.
    Litre,
    /// Metres, to the millimetre.
    Metre,
}
