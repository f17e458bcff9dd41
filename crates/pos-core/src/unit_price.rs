//! The price of one unit: finer than money (fuel at 1.4790 a litre, screws at 0.0125 a piece).

use core::fmt;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use crate::money::{Currency, Money, MoneyError};
use crate::quantity::Quantity;
use crate::rounding::Rounding;

/// Why a number is not a unit price.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UnitPriceError {
    /// Not a decimal number.
    #[error("{0:?} is not a price")]
    NotANumber(String),
    /// More than four digits after the point.
    #[error("the price {0} has more than four decimal places")]
    TooPrecise(Decimal),
    /// A unit price is never below zero: a return has a negative quantity, not a negative price.
    #[error("the price {0} is below zero")]
    Negative(Decimal),
    /// Too large to be kept exactly.
    #[error("the price {0} is too large")]
    Overflow(Decimal),
}

/// The price of one unit of measure, with up to four decimals. Never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UnitPrice {
    ten_thousandths: i64,
    currency: Currency,
}

impl UnitPrice {
    /// Digits after the point.
    pub const PLACES: u32 = 4;

    /// A price of nothing.
    pub const fn zero(currency: Currency) -> Self {
        Self { ten_thousandths: 0, currency }
    }

    /// The price of a decimal with at most four places.
    pub fn from_decimal(value: Decimal, currency: Currency) -> Result<Self, UnitPriceError> {
        if value.is_sign_negative() && !value.is_zero() {
            return Err(UnitPriceError::Negative(value));
        }
        let scaled =
            value.checked_mul(Decimal::from(10_000)).ok_or(UnitPriceError::Overflow(value))?;
        if !scaled.is_integer() {
            return Err(UnitPriceError::TooPrecise(value));
        }
        let ten_thousandths = scaled.to_i64().ok_or(UnitPriceError::Overflow(value))?;
        Ok(Self { ten_thousandths, currency })
    }

    /// The price written as a decimal, `2.55`.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, UnitPriceError> {
        let value = Decimal::from_str_exact(text.trim())
            .map_err(|_not_decimal| UnitPriceError::NotANumber(text.chars().take(40).collect()))?;
        Self::from_decimal(value, currency)
    }

    /// The price as a decimal in units of the currency.
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.ten_thousandths, Self::PLACES)
    }

    /// The currency.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// Whether the price is nothing.
    pub const fn is_zero(self) -> bool {
        self.ten_thousandths == 0
    }

    /// The price of `quantity`, cut to minor units by `rounding`.
    pub fn extend(self, quantity: Quantity, rounding: Rounding) -> Result<Money, MoneyError> {
        let exact =
            self.to_decimal().checked_mul(quantity.to_decimal()).ok_or(MoneyError::Overflow)?;
        Money::round_from(exact, self.currency, rounding)
    }
}

impl fmt::Display for UnitPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut value = self.to_decimal().normalize();
        if value.scale() < self.currency.minor_units() {
            value.rescale(self.currency.minor_units());
        }
        f.pad(&format!("{value} {}", self.currency))
    }
}

/// For people `{"amount":"2.55","currency":"GBP"}`, for machines ten-thousandths and ISO number.
impl Serialize for UnitPrice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            let text = self.to_string();
            let amount = text.split(' ').next().unwrap_or_default().to_owned();
            ReadablePrice { amount, currency: self.currency }.serialize(serializer)
        } else {
            (self.ten_thousandths, self.currency).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for UnitPrice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let readable = ReadablePrice::deserialize(deserializer)?;
            Self::parse(&readable.amount, readable.currency).map_err(de::Error::custom)
        } else {
            let (ten_thousandths, currency) = <(i64, Currency)>::deserialize(deserializer)?;
            if ten_thousandths < 0 {
                let value = Decimal::new(ten_thousandths, Self::PLACES);
                return Err(de::Error::custom(UnitPriceError::Negative(value)));
            }
            Ok(Self { ten_thousandths, currency })
        }
    }
}

#[derive(Serialize, Deserialize)]
struct ReadablePrice {
    amount: String,
    currency: Currency,
}
