//! Exact decimals with a fixed number of places, and what the columns of a file sum to.

use core::fmt;
use core::str::FromStr;
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// Why a text is no exact decimal.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not a decimal number of at most 38 digits")]
pub struct ExactError(String);

/// A decimal number with the places it is written with: `12.50` is not `12.5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exact {
    units: i128,
    places: u32,
}

impl Exact {
    /// So many units of the last place.
    pub const fn new(units: i128, places: u32) -> Self {
        Self { units, places }
    }

    /// Units of the last place.
    pub const fn units(self) -> i128 {
        self.units
    }

    /// Digits after the point.
    pub const fn places(self) -> u32 {
        self.places
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.units < 0 { "-" } else { "" };
        let places = usize::try_from(self.places).map_err(|_too_many| fmt::Error)?;
        let digits = format!("{:0>width$}", self.units.unsigned_abs(), width = places + 1);
        let (whole, part) = digits.split_at(digits.len() - places);
        let point = if places == 0 { "" } else { "." };
        write!(f, "{sign}{whole}{point}{part}")
    }
}

impl FromStr for Exact {
    type Err = ExactError;

    fn from_str(text: &str) -> Result<Self, ExactError> {
        let refused = || ExactError(text.chars().take(60).collect());
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let places = u32::try_from(part.len()).map_err(|_too_long| refused())?;
        if places > 38 || text.len() > 42 {
            return Err(refused());
        }
        let units = format!("{whole}{part}").parse().map_err(|_no_number| refused())?;
        let read = Self { units, places };
        // Whatever else reads as the same number is not how it is written.
        if read.to_string() == text { Ok(read) } else { Err(refused()) }
    }
}

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// What the summed columns of one file, or of all files of a table, come to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sums {
    /// Sums of money, by currency and column.
    pub money: BTreeMap<String, BTreeMap<String, Exact>>,
    /// Sums of quantities, by column.
    pub quantities: BTreeMap<String, Exact>,
}

/// A sum that does not fit 128 bits, or of numbers with unequal places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the control sums are too large, or of numbers with different places")]
pub struct SumError;

impl Sums {
    /// Adds an amount of money.
    pub(super) fn add_money(
        &mut self,
        currency: &str,
        column: &str,
        amount: Exact,
    ) -> Result<(), SumError> {
        if !self.money.contains_key(currency) {
            self.money.insert(currency.to_owned(), BTreeMap::new());
        }
        self.money.get_mut(currency).map_or(Err(SumError), |of| add(of, column, amount))
    }

    /// Adds a quantity.
    pub(super) fn add_quantity(&mut self, column: &str, amount: Exact) -> Result<(), SumError> {
        add(&mut self.quantities, column, amount)
    }

    /// Adds what other rows come to.
    pub fn add(&mut self, other: &Self) -> Result<(), SumError> {
        for (currency, columns) in &other.money {
            for (column, amount) in columns {
                self.add_money(currency, column, *amount)?;
            }
        }
        other.quantities.iter().try_for_each(|(column, sum)| self.add_quantity(column, *sum))
    }

    /// The sum of a column in a currency.
    pub fn money_of(&self, currency: &str, column: &str) -> Option<Exact> {
        self.money.get(currency)?.get(column).copied()
    }
}

fn add(sums: &mut BTreeMap<String, Exact>, column: &str, amount: Exact) -> Result<(), SumError> {
    let Some(sum) = sums.get_mut(column) else {
        sums.insert(column.to_owned(), amount);
        return Ok(());
    };
    if sum.places != amount.places {
        return Err(SumError);
    }
    sum.units = sum.units.checked_add(amount.units).ok_or(SumError)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_decimal_is_written_with_all_its_places() {
        for (units, places, text) in [
            (74_895_702, 2, "748957.02"),
            (-5, 2, "-0.05"),
            (0, 3, "0.000"),
            (7, 0, "7"),
            (-1_000, 3, "-1.000"),
            (i128::MAX, 2, "1701411834604692317316873037158841057.27"),
        ] {
            let exact = Exact::new(units, places);
            assert_eq!(exact.to_string(), text);
            assert_eq!(text.parse(), Ok(exact));
        }
    }

    #[test]
    fn another_spelling_of_a_decimal_is_refused() {
        for text in ["", ".5", "5.", "+5", "05", "-0", "-0.00", "1e3", "1.2.3", "1,5", " 1", "0x1"]
        {
            text.parse::<Exact>().unwrap_err();
        }
    }
}
