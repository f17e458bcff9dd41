//! Bar codes a shop or its scale prints, with a weight, a price or a count inside.
//!
//! There is no worldwide layout: each store has a table of patterns, tried in order, the first match
//! wins. A pattern describes the 12 digits before the check digit of an EAN-13, in the notation
//! of Odoo's bar code nomenclature with one addition:
//!
//! | sign | stands for |
//! |---|---|
//! | `0` to `9` | that digit |
//! | `.` | any digit: part of the shop's item number |
//! | `{NNDDD}` | the value: digits before (`N`) and after (`D`) the decimal point |
//! | `V` | the GS1 price verifier digit over the 4 or 5 digits of the value |
//!
//! `21.....{NNDDD}` is 21, five digits item, a weight of two digits and three decimals; the Nordic
//! form is `2.......{NDDD}`; `02.....V{NNDD}` a price with its verifier on a UPC-A.
//!
//! The product of such a label is found by its *base* number: the label with a value of zero and the
//! check digit that then fits. All decimals are kept: 0.116 kg is never 0.12 kg.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::gtin::Gtin;
use crate::money::{Currency, Money};
use crate::quantity::Quantity;

/// Why a table of patterns cannot be used: a fault of the store's settings.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternError {
    /// Signs that do not make a pattern.
    #[error(
        "{pattern:?} is not a bar code pattern ({reason}): write it like 21.....{{NNDDD}}, 12 digits \
         in all"
    )]
    Malformed {
        /// The text that was given.
        pattern: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A weight or count to more than thousandths, or a price finer than the currency.
    #[error("the pattern {pattern:?} has {found} decimals, its value may have at most {allowed}")]
    TooManyDecimals {
        /// The pattern.
        pattern: String,
        /// Its decimals.
        found: u32,
        /// The most its kind of value has.
        allowed: u32,
    },
    /// More patterns than a table may have.
    #[error("a store may have at most {} bar code patterns", BarcodeTable::MAX_PATTERNS)]
    TooManyPatterns,
}

/// What the value in a bar code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EmbeddedKind {
    /// A weight in kilograms.
    Weight,
    /// The price of the pack in the store's currency. It is final: a weight may be derived from it
    /// for stock, never the price from a weight.
    Price,
    /// A number of pieces, or an amount in the product's unit.
    Quantity,
}

/// One cell of a pattern: what one digit of the bar code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Literal(u8),
    Item,
    Value { decimal: bool },
    Verifier,
}

/// The layout of one family of bar codes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BarcodePattern([Cell; 12]);

impl BarcodePattern {
    /// Digits after the decimal point of the value.
    pub fn decimals(&self) -> u32 {
        self.0.iter().map(|cell| u32::from(*cell == Cell::Value { decimal: true })).sum()
    }

    /// Takes 12 digits apart, if they have this layout.
    fn read(&self, digits: [u8; 12]) -> Option<Embedded> {
        let mut found = Embedded { item: String::new(), base: 0, value: 0 };
        let mut value_digits = Vec::new();
        let mut verifier = None;
        for (cell, digit) in self.0.iter().zip(digits) {
            let mut kept = digit;
            match *cell {
                Cell::Literal(literal) if literal != digit => return None,
                Cell::Literal(_) => {}
                Cell::Item => found.item.push(char::from(b'0' + digit)),
                Cell::Value { .. } => {
                    value_digits.push(digit);
                    kept = 0;
                }
                Cell::Verifier => {
                    verifier = Some(digit);
                    kept = 0;
                }
            }
            found.base = found.base * 10 + u64::from(kept);
        }
        if verifier.is_some_and(|digit| price_verifier(&value_digits) != Some(digit)) {
            return None;
        }
        let append = |value: i64, &digit: &u8| value * 10 + i64::from(digit);
        found.value = value_digits.iter().fold(0, append);
        Some(found)
    }
}

/// What a label says: item number, all digits but the check digit with the value set to zero, and
/// the value without its decimal point.
struct Embedded {
    item: String,
    base: u64,
    value: i64,
}

impl FromStr for BarcodePattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let malformed =
            |reason| PatternError::Malformed { pattern: text.chars().take(40).collect(), reason };
        let mut cells = Vec::new();
        let (mut inside, mut groups) = (false, 0);
        for sign in text.chars() {
            match (sign, inside) {
                ('{', false) => {
                    inside = true;
                    groups += 1;
                }
                ('}', true) => inside = false,
                ('N', true) if cells.last() == Some(&Cell::Value { decimal: true }) => {
                    return Err(malformed("N stands before D"));
                }
                ('N' | 'D', true) => cells.push(Cell::Value { decimal: sign == 'D' }),
                ('.', false) => cells.push(Cell::Item),
                ('V', false) => cells.push(Cell::Verifier),
                ('0'..='9', false) => {
                    let digit = sign.to_digit(10).and_then(|digit| u8::try_from(digit).ok());
                    cells.push(Cell::Literal(digit.unwrap_or_default()));
                }
                _ => return Err(malformed("a sign has no meaning in its place")),
            }
        }
        let count = |wanted: fn(&Cell) -> bool| cells.iter().filter(|cell| wanted(cell)).count();
        let value = count(|cell| matches!(cell, Cell::Value { .. }));
        let verifiers = count(|cell| *cell == Cell::Verifier);
        if inside || groups != 1 || value == 0 {
            return Err(malformed("it needs one value in braces"));
        }
        if !matches!(cells.first(), Some(Cell::Literal(_))) {
            return Err(malformed("it must begin with a digit, or it would take every bar code"));
        }
        if verifiers > 1 || (verifiers == 1 && !matches!(value, 4 | 5)) {
            return Err(malformed("V checks a value of 4 or 5 digits"));
        }
        let cells = cells.try_into().map_err(|_other| malformed("it needs 12 digits"))?;
        Ok(Self(cells))
    }
}

impl fmt::Display for BarcodePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        let mut inside = false;
        for cell in self.0 {
            let value = matches!(cell, Cell::Value { .. });
            if value != inside {
                text.push(if value { '{' } else { '}' });
                inside = value;
            }
            text.push(match cell {
                Cell::Literal(digit) => char::from(b'0' + digit),
                Cell::Item => '.',
                Cell::Value { decimal: false } => 'N',
                Cell::Value { decimal: true } => 'D',
                Cell::Verifier => 'V',
            });
        }
        if inside {
            text.push('}');
        }
        f.pad(&text)
    }
}

impl fmt::Debug for BarcodePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BarcodePattern({self})")
    }
}

impl TryFrom<String> for BarcodePattern {
    type Error = PatternError;
    fn try_from(text: String) -> Result<Self, PatternError> {
        text.parse()
    }
}

impl From<BarcodePattern> for String {
    fn from(pattern: BarcodePattern) -> Self {
        pattern.to_string()
    }
}

/// A pattern and what its value is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BarcodeRule {
    /// What the value is.
    pub kind: EmbeddedKind,
    /// The layout.
    pub pattern: BarcodePattern,
}

/// The bar code patterns of a store, and the currency of the prices in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "UncheckedTable")]
pub struct BarcodeTable {
    currency: Currency,
    rules: Vec<BarcodeRule>,
}

impl BarcodeTable {
    /// Most patterns of a table: each scan may try them all.
    pub const MAX_PATTERNS: usize = 100;

    /// Checks that the value of each pattern can be kept exactly.
    pub fn new(currency: Currency, rules: Vec<BarcodeRule>) -> Result<Self, PatternError> {
        if rules.len() > Self::MAX_PATTERNS {
            return Err(PatternError::TooManyPatterns);
        }
        for BarcodeRule { kind, pattern } in &rules {
            let allowed = places(*kind, currency);
            let found = pattern.decimals();
            if found > allowed {
                let pattern = pattern.to_string();
                return Err(PatternError::TooManyDecimals { pattern, found, allowed });
            }
        }
        Ok(Self { currency, rules })
    }

    /// The patterns, in the order they are tried.
    pub fn rules(&self) -> &[BarcodeRule] {
        &self.rules
    }

    /// The currency of prices in bar codes.
    pub const fn currency(&self) -> Currency {
        self.currency
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UncheckedTable {
    currency: Currency,
    rules: Vec<BarcodeRule>,
}

impl TryFrom<UncheckedTable> for BarcodeTable {
    type Error = PatternError;
    fn try_from(table: UncheckedTable) -> Result<Self, PatternError> {
        Self::new(table.currency, table.rules)
    }
}

/// Decimal places in which a value of this kind is kept.
fn places(kind: EmbeddedKind, currency: Currency) -> u32 {
    match kind {
        EmbeddedKind::Price => currency.minor_units(),
        EmbeddedKind::Weight | EmbeddedKind::Quantity => 3,
    }
}

/// What a scanned or typed code means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scan {
    /// A product by its GTIN.
    Product(Gtin),
    /// A label with a weight.
    Weighed {
        /// The shop's item number, zeros in front kept.
        item: String,
        /// The label with a weight of zero: the GTIN the product is kept under.
        base: Gtin,
        /// The weight, in kilograms.
        weight: Quantity,
    },
    /// A label with a price.
    Priced {
        /// The shop's item number, zeros in front kept.
        item: String,
        /// The label with a price of zero: the GTIN the product is kept under.
        base: Gtin,
        /// What the pack costs.
        price: Money,
    },
    /// A label with a count.
    Counted {
        /// The shop's item number, zeros in front kept.
        item: String,
        /// The label with a count of zero: the GTIN the product is kept under.
        base: Gtin,
        /// How many.
        quantity: Quantity,
    },
    /// Anything else: a SKU, a name. A number with a wrong check digit is here too; read as a
    /// [`Gtin`], it says which digit was expected.
    Text(String),
}

/// Says what a code of a linear bar code (UPC-A, EAN-8, EAN-13, ITF-14) or of the keyboard means.
/// Codes with GS1 application identifiers are read by [`crate::gs1`].
///
/// A label whose price verifier digit does not fit matches no pattern, as if misread.
pub fn scan(table: &BarcodeTable, code: &str) -> Scan {
    let code = code.trim();
    let Ok(gtin) = code.parse::<Gtin>() else { return Scan::Text(code.to_owned()) };
    if matches!(code.len(), 12 | 13)
        && let Some(scan) = table.rules.iter().find_map(|rule| embedded(rule, table.currency, gtin))
    {
        return scan;
    }
    Scan::Product(gtin)
}

fn embedded(rule: &BarcodeRule, currency: Currency, gtin: Gtin) -> Option<Scan> {
    let Embedded { item, base, value } = rule.pattern.read(digits_before_check(gtin))?;
    let base = Gtin::from_body(base)?;
    // At most 11 digits and 4 more places: far from the end of 64 bits.
    let missing = places(rule.kind, currency).checked_sub(rule.pattern.decimals())?;
    let value = value.checked_mul(10_i64.checked_pow(missing)?)?;
    Some(match rule.kind {
        EmbeddedKind::Weight => {
            Scan::Weighed { item, base, weight: Quantity::from_thousandths(value) }
        }
        EmbeddedKind::Price => {
            Scan::Priced { item, base, price: Money::from_minor(value, currency) }
        }
        EmbeddedKind::Quantity => {
            Scan::Counted { item, base, quantity: Quantity::from_thousandths(value) }
        }
    })
}

/// The first 12 of 13 digits.
fn digits_before_check(gtin: Gtin) -> [u8; 12] {
    let mut digits = [0; 12];
    let mut rest = gtin.value() / 10;
    for digit in digits.iter_mut().rev() {
        *digit = u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
    }
    digits
}

/// The price verifier digit of a price of 4 or 5 digits (GS1 General Specifications, section 7.9:
/// "Check digit calculation for price/weight fields"). Each digit is weighted so that the tens of
/// the product are added to (`5+`) or taken from (`2-`, `5-`) its units.
fn price_verifier(price: &[u8]) -> Option<u8> {
    let two_minus: fn(u8) -> u8 = |digit| (digit * 2 + 10 - digit * 2 / 10 * 11) % 10;
    let five_minus: fn(u8) -> u8 = |digit| (digit * 5 % 10 + 10 - digit * 5 / 10) % 10;
    let five_plus: fn(u8) -> u8 = |digit| (digit * 5 % 10 + digit * 5 / 10) % 10;
    let three: fn(u8) -> u8 = |digit| digit * 3 % 10;
    let weigh = |weights: &[fn(u8) -> u8]| {
        price.iter().zip(weights).map(|(&digit, weight)| weight(digit)).sum::<u8>()
    };
    match price.len() {
        4 => Some(weigh(&[two_minus, two_minus, three, five_minus]) * 3 % 10),
        5 => {
            let sum = weigh(&[five_plus, two_minus, five_minus, five_plus, two_minus]);
            (0..10).find(|&digit| five_minus(digit) == (10 - sum % 10) % 10)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked examples of the GS1 General Specifications.
    #[test]
    fn a_price_verifier_is_that_of_the_standard() {
        assert_eq!(price_verifier(&[2, 8, 7, 5]), Some(9));
        assert_eq!(price_verifier(&[1, 4, 6, 8, 5]), Some(6));
        assert_eq!(price_verifier(&[1, 2, 3]), None);
    }
}
