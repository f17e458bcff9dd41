//! GS1 element strings: what a DataMatrix, a QR code or a GS1-128 on packaged goods says beside the
//! GTIN (batch, serial number, dates, weight, price).
//!
//! Three spellings are read: as a scanner sends it (a separator is ASCII 29; a symbology identifier
//! such as `]d2` may stand in front), as people read it (`(01)09521234543213(10)ABC`), and as a GS1
//! Digital Link (`https://example.com/01/09521234543213`). Two-digit years need a *reference year*,
//! the year of the business date: the core knows no clock.

mod ai;
mod date;
mod digital_link;

pub use ai::Ai;

use core::fmt;

use jiff::civil::Date;
use rust_decimal::Decimal;
use thiserror::Error;

use crate::gtin::{Gtin, GtinError};
use crate::money::Currency;
use ai::number;

/// Why a code is not a GS1 element string. Mostly a bad print or a scanner that drops separators:
/// scan again, or type the number below the bars.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Gs1Error {
    /// More characters than a bar code can hold.
    #[error("the code is longer than any bar code: {0} characters")]
    TooLong(usize),
    /// Nothing at all.
    #[error("the code is empty")]
    Empty,
    /// No application identifier where one must be.
    #[error("the code has no known GS1 field at {0:?}")]
    UnknownAi(String),
    /// Too few or too many characters in a field.
    #[error("GS1 field ({ai}) has {found} characters, it must have {min} to {max}")]
    WrongLength {
        /// The field.
        ai: Ai,
        /// Fewest characters.
        min: usize,
        /// Most characters.
        max: usize,
        /// Characters found.
        found: usize,
    },
    /// A letter where only digits may be.
    #[error("GS1 field ({ai}) may only have digits: {text:?}")]
    NotDigits {
        /// The field.
        ai: Ai,
        /// What it holds.
        text: String,
    },
    /// A character outside the 82 of GS1.
    #[error("GS1 field ({0}) has a character that GS1 does not allow")]
    BadCharacter(Ai),
    /// A GTIN with a wrong check digit.
    #[error("GS1 field ({ai}): {source}")]
    BadGtin {
        /// The field.
        ai: Ai,
        /// What is wrong with it.
        source: GtinError,
    },
    /// A day the calendar does not have.
    #[error("GS1 field ({ai}) is not a date: {text:?}")]
    BadDate {
        /// The field.
        ai: Ai,
        /// What it holds.
        text: String,
    },
    /// A price in a currency nobody knows.
    #[error("GS1 field ({ai}) names currency number {number}, which does not exist")]
    UnknownCurrency {
        /// The field.
        ai: Ai,
        /// The ISO 4217 number.
        number: String,
    },
    /// One field twice, with two values.
    #[error("GS1 field ({0}) is in the code twice, with different values")]
    Contradiction(Ai),
    /// A web address without a GTIN in its path.
    #[error("this web address names no product")]
    NoGtin,
}

/// What the data of a field means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A GTIN (01, 02, 03).
    Gtin(Gtin),
    /// A date (11, 12, 13, 15, 16, 17).
    Date(Date),
    /// A number of pieces (30, 37).
    Count(u32),
    /// A weight, length, area or volume in the unit of its field (31nn to 36nn).
    Measure(Decimal),
    /// An amount to pay (390n to 393n).
    Amount(Amount),
    /// Anything else: see [`Element::text`].
    Text,
}

/// An amount to pay, as printed in a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    /// How much, in units of the currency.
    pub amount: Decimal,
    /// The currency; `None` where the field leaves it to the place of sale.
    pub currency: Option<Currency>,
}

/// One field of an element string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// Which field.
    pub ai: Ai,
    /// Its data as written.
    pub text: String,
    /// What the data means.
    pub value: Value,
}

/// A GS1 element string, taken apart and checked. A field stands in it once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ElementString(Vec<Element>);

/// ASCII 29, what a scanner sends for the separator FNC1.
const SEPARATOR: char = '\u{1d}';

/// What scanners put around a code. The separator is not among them.
const BLANKS: [char; 4] = [' ', '\r', '\n', '\t'];

/// Symbology identifiers that announce GS1 data: GS1-128, GS1 DataBar, GS1 DataMatrix, GS1 QR code,
/// GS1 DotCode (ISO/IEC 15424).
const SYMBOLOGIES: [&str; 5] = ["]C1", "]e0", "]d2", "]Q3", "]J1"];

impl ElementString {
    /// Most characters of a code: the digits of the largest QR code.
    pub const MAX_LEN: usize = 7_089;

    /// Whether a scanned code is one of the spellings this module reads, rather than a plain
    /// number or a SKU.
    pub fn recognises(code: &str) -> bool {
        let code = code.trim_matches(BLANKS);
        let announced = SYMBOLOGIES.iter().any(|symbology| code.starts_with(symbology));
        let plain_gtin = || {
            // 16 digits or more that begin with a valid GTIN are no plain GTIN, that has 14 at most.
            let gtin = code.strip_prefix("01").and_then(|rest| rest.get(..14));
            gtin.is_some_and(|gtin| gtin.parse::<Gtin>().is_ok())
        };
        announced
            || code.contains(SEPARATOR)
            || digital_link::strip_scheme(code).is_some()
            || bracketed_ai(code).is_some()
            || plain_gtin()
    }

    /// Reads an element string in any of the three spellings. `reference_year` is the year of the
    /// business date.
    pub fn parse(code: &str, reference_year: i16) -> Result<Self, Gs1Error> {
        let code = code.trim_matches(BLANKS);
        if code.len() > Self::MAX_LEN {
            return Err(Gs1Error::TooLong(code.len()));
        }
        if let Some(address) = digital_link::strip_scheme(code) {
            return digital_link::parse(address, reference_year);
        }
        let mut elements = Self::default();
        if code.starts_with('(') {
            elements.read_bracketed(code, reference_year)?;
        } else {
            let announced = SYMBOLOGIES.iter().find_map(|symbology| code.strip_prefix(symbology));
            elements.read_scanned(announced.unwrap_or(code), reference_year)?;
        }
        if elements.0.is_empty() {
            return Err(Gs1Error::Empty);
        }
        Ok(elements)
    }

    fn read_scanned(&mut self, code: &str, reference_year: i16) -> Result<(), Gs1Error> {
        let mut rest = code.strip_prefix(SEPARATOR).unwrap_or(code);
        while !rest.is_empty() {
            let (ai, data) = Ai::split_from(rest).ok_or_else(|| unknown_ai(rest))?;
            let format = ai.format();
            let text;
            if format.predefined {
                let too_short = || wrong_length(ai, data.chars().count());
                (text, rest) = data.split_at_checked(format.max).ok_or_else(too_short)?;
                // Not needed here, but some printers put one after every field.
                rest = rest.strip_prefix(SEPARATOR).unwrap_or(rest);
            } else {
                (text, rest) = data.split_once(SEPARATOR).unwrap_or((data, ""));
            }
            self.push(ai, text, reference_year)?;
        }
        Ok(())
    }

    fn read_bracketed(&mut self, code: &str, reference_year: i16) -> Result<(), Gs1Error> {
        let mut rest = code;
        while !rest.is_empty() {
            let (ai, data) = bracketed_ai(rest).ok_or_else(|| unknown_ai(rest))?;
            // Brackets may stand in the data: only a bracketed identifier ends it.
            let next = data
                .match_indices('(')
                .map(|(place, _)| place)
                .find(|&place| data.get(place..).and_then(bracketed_ai).is_some());
            let (text, after) =
                data.split_at_checked(next.unwrap_or(data.len())).unwrap_or((data, ""));
            self.push(ai, text, reference_year)?;
            rest = after;
        }
        Ok(())
    }

    /// Checks and adds a field; the same field with the same data again changes nothing.
    fn push(&mut self, ai: Ai, text: &str, reference_year: i16) -> Result<(), Gs1Error> {
        if let Some(known) = self.get(ai) {
            return if known.text == text { Ok(()) } else { Err(Gs1Error::Contradiction(ai)) };
        }
        let format = ai.format();
        let found = text.chars().count();
        if found < format.min || found > format.max {
            return Err(wrong_length(ai, found));
        }
        if !text.chars().all(is_gs1_character) {
            return Err(Gs1Error::BadCharacter(ai));
        }
        if format.numeric && !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Gs1Error::NotDigits { ai, text: text.to_owned() });
        }
        let value = meaning(ai, text, reference_year)?;
        self.0.push(Element { ai, text: text.to_owned(), value });
        Ok(())
    }

    /// The fields, in the order they were found.
    pub fn elements(&self) -> &[Element] {
        &self.0
    }

    /// A field.
    pub fn get(&self, ai: Ai) -> Option<&Element> {
        self.0.iter().find(|element| element.ai == ai)
    }

    /// The GTIN of the item (01).
    pub fn gtin(&self) -> Option<Gtin> {
        match self.get(Ai::GTIN)?.value {
            Value::Gtin(gtin) => Some(gtin),
            _ => None,
        }
    }

    /// Batch or lot (10).
    pub fn batch(&self) -> Option<&str> {
        self.get(Ai::BATCH).map(|element| element.text.as_str())
    }

    /// Serial number (21).
    pub fn serial(&self) -> Option<&str> {
        self.get(Ai::SERIAL).map(|element| element.text.as_str())
    }

    /// A date: [`Ai::USE_BY`], [`Ai::BEST_BEFORE`], [`Ai::SELL_BY`] and their like.
    pub fn date(&self, ai: Ai) -> Option<Date> {
        match self.get(ai)?.value {
            Value::Date(date) => Some(date),
            _ => None,
        }
    }

    /// How many pieces (30).
    pub fn count(&self) -> Option<u32> {
        match self.get(Ai::COUNT)?.value {
            Value::Count(count) => Some(count),
            _ => None,
        }
    }

    /// Net weight in kilograms (310n), with up to five decimals.
    pub fn net_weight_kg(&self) -> Option<Decimal> {
        self.0.iter().find_map(|element| match element.value {
            Value::Measure(kilograms) if element.ai.family() == Some(310) => Some(kilograms),
            _ => None,
        })
    }

    /// What the item costs (392n in the currency of the place, 393n with its own).
    pub fn price(&self) -> Option<Amount> {
        self.0.iter().find_map(|element| match element.value {
            Value::Amount(amount) if matches!(element.ai.family(), Some(392 | 393)) => Some(amount),
            _ => None,
        })
    }

    /// Price per unit of measure (8005): six digits, whose decimal point the shop knows.
    pub fn price_per_unit(&self) -> Option<u32> {
        self.get(Ai::UNIT_PRICE).and_then(|element| number(&element.text))
    }
}

/// As people read it: `(01)09521234543213(10)ABC`.
impl fmt::Display for ElementString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|element| write!(f, "({}){}", element.ai, element.text))
    }
}

fn meaning(ai: Ai, text: &str, reference_year: i16) -> Result<Value, Gs1Error> {
    let bad_date = || Gs1Error::BadDate { ai, text: text.to_owned() };
    let not_digits = || Gs1Error::NotDigits { ai, text: text.to_owned() };
    let decimal = |text: &str| {
        number(text).map(|digits: i64| Decimal::new(digits, ai.last_digit())).ok_or_else(not_digits)
    };
    match (ai.family(), ai.number()) {
        (None, 1..=3) => {
            text.parse().map(Value::Gtin).map_err(|source| Gs1Error::BadGtin { ai, source })
        }
        (None, 11 | 12 | 13 | 15 | 16 | 17) => {
            date::parse(text, reference_year).map(Value::Date).ok_or_else(bad_date)
        }
        (None, 30 | 37) => number(text).map(Value::Count).ok_or_else(not_digits),
        (Some(310..=369), _) => decimal(text).map(Value::Measure),
        (Some(390 | 392), _) => {
            decimal(text).map(|amount| Value::Amount(Amount { amount, currency: None }))
        }
        (Some(391 | 393), _) => {
            let (code, amount) = text.split_at_checked(3).ok_or_else(not_digits)?;
            let currency = Some(currency(ai, code)?);
            decimal(amount).map(|amount| Value::Amount(Amount { amount, currency }))
        }
        _ => Ok(Value::Text),
    }
}

fn currency(ai: Ai, code: &str) -> Result<Currency, Gs1Error> {
    number(code)
        .and_then(iso_currency::Currency::from_numeric)
        .and_then(|currency| Currency::from_code(currency.code()).ok())
        .ok_or_else(|| Gs1Error::UnknownCurrency { ai, number: code.to_owned() })
}

/// The identifier in brackets that `text` begins with, and what follows.
fn bracketed_ai(text: &str) -> Option<(Ai, &str)> {
    let (ai, rest) = text.strip_prefix('(')?.split_once(')')?;
    Some((Ai::parse(ai)?, rest))
}

/// Letters, digits and signs a field may hold (GS1 General Specifications, character sets 82, 39
/// and 64 taken together).
fn is_gs1_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!\"%&'()*+,-./:;<=>?_#".contains(character)
}

fn unknown_ai(text: &str) -> Gs1Error {
    Gs1Error::UnknownAi(text.chars().take(20).collect())
}

fn wrong_length(ai: Ai, found: usize) -> Gs1Error {
    let format = ai.format();
    Gs1Error::WrongLength { ai, min: format.min, max: format.max, found }
}
