//! Amounts of money: whole minor units of one ISO 4217 currency.

use core::fmt;
use core::str::FromStr;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use crate::rounding::Rounding;

/// Why an operation on money has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MoneyError {
    /// The code is not an active ISO 4217 code with minor units.
    #[error("{0:?} is not an ISO 4217 currency one can pay in")]
    UnknownCurrency(String),
    /// Two amounts of different currencies met.
    #[error("{left} and {right} cannot be mixed in one sum")]
    CurrencyMismatch {
        /// Currency of the left amount.
        left: Currency,
        /// Currency of the right amount.
        right: Currency,
    },
    /// The result does not fit in 64 bits of minor units.
    #[error("the amount is too large to be kept exactly")]
    Overflow,
    /// A decimal has more places than the currency has.
    #[error("{value} has more than the {places} decimal places of {currency}")]
    TooPrecise {
        /// The decimal that was given.
        value: Decimal,
        /// Places the currency allows.
        places: u32,
        /// The currency.
        currency: Currency,
    },
    /// An allocation over no weights, or over weights that sum to zero.
    #[error("an amount cannot be shared out over nothing")]
    NothingToAllocateTo,
}

/// An ISO 4217 currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// Pound sterling.
    pub const GBP: Self = Self(iso_currency::Currency::GBP);
    /// Euro.
    pub const EUR: Self = Self(iso_currency::Currency::EUR);

    /// The currency of a three-letter code. Funds and metals without minor units are refused.
    pub fn from_code(code: &str) -> Result<Self, MoneyError> {
        iso_currency::Currency::from_code(code)
            .filter(|currency| currency.exponent().is_some())
            .map(Self)
            .ok_or_else(|| MoneyError::UnknownCurrency(code.chars().take(16).collect()))
    }

    /// The three-letter code.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Digits after the point: 2 for GBP, 0 for JPY, 3 for KWD.
    pub fn minor_units(self) -> u32 {
        self.0.exponent().map_or(0, u32::from)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl FromStr for Currency {
    type Err = MoneyError;
    fn from_str(code: &str) -> Result<Self, MoneyError> {
        Self::from_code(code)
    }
}

/// Written as its code for people, as its ISO 4217 number for machines.
impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(self.code())
        } else {
            serializer.serialize_u16(self.0.numeric())
        }
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let code = String::deserialize(deserializer)?;
            Self::from_code(&code).map_err(de::Error::custom)
        } else {
            let numeric = u16::deserialize(deserializer)?;
            iso_currency::Currency::from_numeric(numeric)
                .filter(|currency| currency.exponent().is_some())
                .map(Self)
                .ok_or_else(|| de::Error::custom(MoneyError::UnknownCurrency(numeric.to_string())))
        }
    }
}

/// An amount of money: whole minor units (pennies, cents) of one currency. May be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

impl Money {
    /// An amount given in minor units.
    pub const fn from_minor(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing, in `currency`.
    pub const fn zero(currency: Currency) -> Self {
        Self::from_minor(0, currency)
    }

    /// The exact amount of a decimal; refused when it has more places than the currency.
    pub fn from_decimal(value: Decimal, currency: Currency) -> Result<Self, MoneyError> {
        let rounded = Self::round_from(value, currency, Rounding::Down)?;
        if rounded.to_decimal() == value {
            Ok(rounded)
        } else {
            Err(MoneyError::TooPrecise { value, places: currency.minor_units(), currency })
        }
    }

    /// A decimal cut to the currency's places by `rounding`.
    pub fn round_from(
        value: Decimal,
        currency: Currency,
        rounding: Rounding,
    ) -> Result<Self, MoneyError> {
        let places = currency.minor_units();
        let scale = Decimal::from(10_u64.pow(places));
        let minor = rounding
            .round(value, places)
            .checked_mul(scale)
            .and_then(|minor| minor.to_i64())
            .ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, currency })
    }

    /// Minor units: 1250 for 12.50 GBP.
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// The currency.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// The amount as a decimal in units of the currency.
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.minor, self.currency.minor_units())
    }

    /// Whether the amount is nothing.
    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }

    /// Whether the amount is below zero.
    pub const fn is_negative(self) -> bool {
        self.minor < 0
    }

    /// `self + other`.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let minor = self.minor.checked_add(other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// `self - other`.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let minor = self.minor.checked_sub(other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// `-self`.
    pub fn checked_neg(self) -> Result<Self, MoneyError> {
        let minor = self.minor.checked_neg().ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// The sum of `amounts`, all in `currency`.
    pub fn sum(
        amounts: impl IntoIterator<Item = Self>,
        currency: Currency,
    ) -> Result<Self, MoneyError> {
        amounts.into_iter().try_fold(Self::zero(currency), Self::checked_add)
    }

    /// Shares the amount out over `weights` by largest remainder: the parts sum to the whole, none
    /// is more than one minor unit from its exact share, a tie goes to the earlier weight. The
    /// result depends on the weights and their order alone.
    pub fn allocate(self, weights: &[u64]) -> Result<Vec<Self>, MoneyError> {
        let total: u128 = weights.iter().map(|&weight| u128::from(weight)).sum();
        if total == 0 {
            return Err(MoneyError::NothingToAllocateTo);
        }
        let whole = u128::from(self.minor.unsigned_abs());
        let mut shares = Vec::with_capacity(weights.len());
        for (index, &weight) in weights.iter().enumerate() {
            let product = whole.checked_mul(u128::from(weight)).ok_or(MoneyError::Overflow)?;
            shares.push((index, product / total, product % total));
        }
        let given: u128 = shares.iter().map(|&(_, share, _)| share).sum();
        let left = usize::try_from(whole.saturating_sub(given)).unwrap_or(shares.len());
        shares.sort_by(|a, b| b.2.cmp(&a.2).then(a.0.cmp(&b.0)));
        for (_, share, _) in shares.iter_mut().take(left) {
            *share = share.saturating_add(1);
        }
        shares.sort_by_key(|&(index, _, _)| index);
        let sign = self.minor.signum();
        shares
            .into_iter()
            .map(|(_, share, _)| {
                let share = i64::try_from(share).map_err(|_too_large| MoneyError::Overflow)?;
                let minor = share.checked_mul(sign).ok_or(MoneyError::Overflow)?;
                Ok(Self { minor, ..self })
            })
            .collect()
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyError::CurrencyMismatch { left: self.currency, right: other.currency })
        }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} {}", self.to_decimal(), self.currency))
    }
}

/// For people `{"amount":"12.50","currency":"GBP"}`, for machines minor units and ISO number.
impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            ReadableMoney { amount: self.to_decimal().to_string(), currency: self.currency }
                .serialize(serializer)
        } else {
            (self.minor, self.currency).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let readable = ReadableMoney::deserialize(deserializer)?;
            let value = Decimal::from_str_exact(&readable.amount).map_err(de::Error::custom)?;
            Self::from_decimal(value, readable.currency).map_err(de::Error::custom)
        } else {
            let (minor, currency) = <(i64, Currency)>::deserialize(deserializer)?;
            Ok(Self { minor, currency })
        }
    }
}

#[derive(Serialize, Deserialize)]
struct ReadableMoney {
    amount: String,
    currency: Currency,
}
