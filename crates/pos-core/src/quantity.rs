//! How much of a product: pieces, kilograms, litres, to the thousandth.

use core::fmt;
use core::str::FromStr;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// Why a number is not a quantity.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum QuantityError {
    /// Not a decimal number, or one with more than three places.
    #[error(
        "{0:?} is not a quantity: write a number with at most three decimal places, like 1.250"
    )]
    NotAQuantity(String),
    /// Outside what a quantity can hold.
    #[error("the quantity is too large")]
    Overflow,
}

/// A quantity in thousandths of the product's unit of measure. May be negative (a return, a stock
/// correction downwards).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Quantity(i64);

impl Quantity {
    /// None.
    pub const ZERO: Self = Self(0);
    /// One piece, one kilogram.
    pub const ONE: Self = Self(1000);

    /// A quantity given in thousandths.
    pub const fn from_thousandths(thousandths: i64) -> Self {
        Self(thousandths)
    }

    /// A whole number of pieces.
    pub fn from_units(units: i64) -> Result<Self, QuantityError> {
        units.checked_mul(1000).map(Self).ok_or(QuantityError::Overflow)
    }

    /// The exact quantity of a decimal with at most three places.
    pub fn from_decimal(value: Decimal) -> Result<Self, QuantityError> {
        let thousandths =
            value.checked_mul(Decimal::ONE_THOUSAND).ok_or(QuantityError::Overflow)?;
        if !thousandths.is_integer() {
            return Err(QuantityError::NotAQuantity(value.to_string()));
        }
        thousandths.to_i64().map(Self).ok_or(QuantityError::Overflow)
    }

    /// Thousandths of the unit of measure.
    pub const fn thousandths(self) -> i64 {
        self.0
    }

    /// The quantity as a decimal.
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.0, 3).normalize()
    }

    /// Whether there is none.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whether it is below zero.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// `self + other`.
    pub fn checked_add(self, other: Self) -> Result<Self, QuantityError> {
        self.0.checked_add(other.0).map(Self).ok_or(QuantityError::Overflow)
    }

    /// `self - other`.
    pub fn checked_sub(self, other: Self) -> Result<Self, QuantityError> {
        self.0.checked_sub(other.0).map(Self).ok_or(QuantityError::Overflow)
    }

    /// `-self`.
    pub fn checked_neg(self) -> Result<Self, QuantityError> {
        self.0.checked_neg().map(Self).ok_or(QuantityError::Overflow)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_decimal().to_string())
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let value = Decimal::from_str_exact(text.trim())
            .map_err(|_not_decimal| QuantityError::NotAQuantity(text.chars().take(40).collect()))?;
        Self::from_decimal(value)
    }
}

/// A decimal string for people, thousandths for machines.
impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(&self.to_decimal())
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
        } else {
            i64::deserialize(deserializer).map(Self)
        }
    }
}
