//! A tax percentage, exact to four decimals.

use core::fmt;
use core::str::FromStr;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// Why a number is not a tax percentage.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PercentError {
    /// Not a decimal number with at most four places.
    #[error("{0:?} is not a percentage: write a number with at most four decimals, like 8.875")]
    NotAPercentage(String),
    /// Below 0 % or above 1000 %.
    #[error("{0} % is outside 0 to 1000 %")]
    OutOfRange(Decimal),
}

/// A percentage in ten-thousandths of a percent: `88_750` is 8.875 %. From 0 to 1000 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(i64);

impl Percent {
    /// 0 %.
    pub const ZERO: Self = Self(0);
    /// 1000 %, the most a rate may be.
    pub const MAX: Self = Self(10_000_000);
    /// What 100 % is in ten-thousandths of a percent.
    pub(super) const WHOLE: u64 = 1_000_000;
    /// Digits after the point.
    const PLACES: u32 = 4;

    /// A percentage given in ten-thousandths of a percent.
    pub fn from_ten_thousandths(value: i64) -> Result<Self, PercentError> {
        if (0..=Self::MAX.0).contains(&value) {
            Ok(Self(value))
        } else {
            Err(PercentError::OutOfRange(Decimal::new(value, Self::PLACES)))
        }
    }

    /// Ten-thousandths of a percent.
    pub const fn ten_thousandths(self) -> i64 {
        self.0
    }

    /// The percentage as a decimal: 8.875.
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.0, Self::PLACES).normalize()
    }

    /// The same number without a sign, for exact arithmetic on magnitudes.
    pub(super) const fn parts(self) -> u64 {
        self.0.unsigned_abs()
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_decimal().to_string())
    }
}

/// Reads `8.875`, without a percent sign.
impl FromStr for Percent {
    type Err = PercentError;

    fn from_str(text: &str) -> Result<Self, PercentError> {
        let unreadable = || PercentError::NotAPercentage(text.chars().take(40).collect());
        let value = Decimal::from_str_exact(text.trim()).map_err(|_not_decimal| unreadable())?;
        let scaled =
            value.checked_mul(Decimal::from(10_000)).ok_or(PercentError::OutOfRange(value))?;
        if !scaled.is_integer() {
            return Err(unreadable());
        }
        let parts = scaled.to_i64().ok_or(PercentError::OutOfRange(value))?;
        Self::from_ten_thousandths(parts)
    }
}

/// A decimal string for people, ten-thousandths of a percent for machines.
impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
        } else {
            let parts = i64::deserialize(deserializer)?;
            Self::from_ten_thousandths(parts).map_err(de::Error::custom)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_read_and_shown_without_losing_a_digit() {
        let percent: Percent = "8.8750".parse().unwrap();
        assert_eq!(percent.ten_thousandths(), 88_750);
        assert_eq!(percent.to_string(), "8.875");
        assert_eq!("0".parse(), Ok(Percent::ZERO));
        assert_eq!("1000".parse(), Ok(Percent::MAX));
    }

    #[test]
    fn a_percentage_out_of_range_or_too_fine_is_refused() {
        assert!(matches!("-1".parse::<Percent>(), Err(PercentError::OutOfRange(_))));
        assert!(matches!("1000.0001".parse::<Percent>(), Err(PercentError::OutOfRange(_))));
        assert!(matches!("1.00001".parse::<Percent>(), Err(PercentError::NotAPercentage(_))));
        assert!(matches!("20 %".parse::<Percent>(), Err(PercentError::NotAPercentage(_))));
        let huge = "79228162514264337593543950335";
        assert!(matches!(huge.parse::<Percent>(), Err(PercentError::OutOfRange(_))));
        assert!(postcard::from_bytes::<Percent>(&postcard::to_stdvec(&-1_i64).unwrap()).is_err());
    }

    #[test]
    fn people_read_a_string_and_machines_an_integer() {
        let percent: Percent = "19".parse().unwrap();
        assert_eq!(serde_json::to_string(&percent).unwrap(), "\"19\"");
        assert_eq!(
            postcard::to_stdvec(&percent).unwrap(),
            postcard::to_stdvec(&190_000_i64).unwrap()
        );
    }
}
