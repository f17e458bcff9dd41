//! GTINs: the numbers under the bar code of packaged goods (GS1 General Specifications).

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// Why a number is not a GTIN.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GtinError {
    /// Something other than digits.
    #[error("{0:?} is not a GTIN: it has characters that are not digits")]
    NotDigits(String),
    /// Not 8, 12, 13 or 14 digits.
    #[error("{text:?} has {found} digits: a GTIN has 8, 12, 13 or 14")]
    WrongLength {
        /// The digits that were given, at most the first 40.
        text: String,
        /// How many there were.
        found: usize,
    },
    /// The last digit does not fit the others: misread, mistyped or made up.
    #[error(
        "{text:?} ends in {found}, its check digit should be {expected}: scan or type it again"
    )]
    WrongCheckDigit {
        /// The digits that were given.
        text: String,
        /// The digit that would fit the others.
        expected: u8,
        /// The last digit.
        found: u8,
    },
}

/// A Global Trade Item Number with a valid check digit. Zeros in front do not count: a 12-digit
/// UPC-A and its 13-digit form are one GTIN, as are all forms GS1 pads to 14 digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gtin(u64);

impl Gtin {
    /// One more than the largest number of 14 digits.
    const END: u64 = 100_000_000_000_000;
    /// One more than the largest number of 13 digits.
    const END_13: u64 = 10_000_000_000_000;
    /// One more than the largest number of 8 digits.
    const END_8: u64 = 100_000_000;

    /// The GTIN whose digits, read as a number, are `value`.
    pub fn from_value(value: u64) -> Result<Self, GtinError> {
        let text = || format!("{value:014}");
        if value >= Self::END {
            return Err(GtinError::WrongLength { text: text(), found: text().len() });
        }
        let (expected, found) = (check_digit(value / 10), last_digit(value));
        if expected != found {
            return Err(GtinError::WrongCheckDigit { text: text(), expected, found });
        }
        Ok(Self(value))
    }

    /// The GTIN of which `body` is all but the check digit; `None` from 14 digits up.
    pub fn from_body(body: u64) -> Option<Self> {
        let value = body.checked_mul(10)?.checked_add(u64::from(check_digit(body)))?;
        (value < Self::END).then_some(Self(value))
    }

    /// The digits read as a number.
    pub const fn value(self) -> u64 {
        self.0
    }

    /// The form that GS1 element strings carry: always 14 digits.
    pub fn to_gtin14(self) -> String {
        format!("{:014}", self.0)
    }

    /// Whether GS1 leaves the number to be given out inside a company or region, or to coupons and
    /// receipts: not unique in the world. 8 digits from 0 or 2; 13 digits from 02, 04, 2, 980 to 984
    /// or 99. Weighed goods and shops' own labels are here.
    pub const fn is_restricted(self) -> bool {
        if self.0 < Self::END_8 {
            matches!(self.0 / 10_000_000, 0 | 2)
        } else if self.0 < Self::END_13 {
            // The first three of 13 digits.
            matches!(
                self.0 / 10_000_000_000,
                20..=29 | 40..=49 | 200..=299 | 980..=984 | 990..=999
            )
        } else {
            false
        }
    }
}

/// The GS1 check digit: weights 3 and 1 in turn from the right.
fn check_digit(body: u64) -> u8 {
    let (mut rest, mut weight, mut sum) = (body, 3, 0);
    while rest > 0 {
        sum += rest % 10 * weight;
        weight = 4 - weight;
        rest /= 10;
    }
    last_digit(10 - sum % 10)
}

/// The last digit of a number.
fn last_digit(value: u64) -> u8 {
    u8::try_from(value % 10).unwrap_or_default()
}

/// 8, 13 or 14 digits, the shortest that holds the number.
impl fmt::Display for Gtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = match self.0 {
            0..Self::END_8 => 8,
            Self::END_8..Self::END_13 => 13,
            _ => 14,
        };
        f.pad(&format!("{:0digits$}", self.0))
    }
}

impl fmt::Debug for Gtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gtin({self})")
    }
}

/// Reads 8, 12, 13 or 14 digits; blanks around them do not count.
impl FromStr for Gtin {
    type Err = GtinError;

    fn from_str(text: &str) -> Result<Self, GtinError> {
        let text = text.trim();
        let shown = || text.chars().take(40).collect::<String>();
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(GtinError::NotDigits(shown()));
        }
        let wrong_length = || GtinError::WrongLength { text: shown(), found: text.len() };
        if !matches!(text.len(), 8 | 12 | 13 | 14) {
            return Err(wrong_length());
        }
        let value = text.parse::<u64>().map_err(|_too_long| wrong_length())?;
        Self::from_value(value).map_err(|error| match error {
            GtinError::WrongCheckDigit { expected, found, .. } => {
                GtinError::WrongCheckDigit { text: shown(), expected, found }
            }
            other => other,
        })
    }
}

/// Digits for people, the number for machines.
impl Serialize for Gtin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_u64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Gtin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
        } else {
            Self::from_value(u64::deserialize(deserializer)?).map_err(de::Error::custom)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gtin(text: &str) -> Gtin {
        text.parse().unwrap()
    }

    /// Numbers of products on sale, of every length; the first 13 digits are of Open Food Facts.
    #[test]
    fn a_gtin_is_shown_in_its_shortest_form() {
        for (read, shown) in [
            ("3017620422003", "3017620422003"),
            ("96385074", "96385074"),
            ("036000291452", "0036000291452"),
            ("0036000291452", "0036000291452"),
            ("00036000291452", "0036000291452"),
            ("09521234543213", "9521234543213"),
            ("19521234543210", "19521234543210"),
            (" 3017620422003\n", "3017620422003"),
        ] {
            assert_eq!(gtin(read).to_string(), shown, "{read}");
        }
        assert_eq!(gtin("036000291452"), gtin("0036000291452"));
        assert_eq!(gtin("96385074").to_gtin14(), "00000096385074");
    }

    #[test]
    fn a_wrong_check_digit_names_the_digit_expected() {
        let error = "3017620422004".parse::<Gtin>().unwrap_err();
        let text = "3017620422004".to_owned();
        assert_eq!(error, GtinError::WrongCheckDigit { text, expected: 3, found: 4 });
        assert!(error.to_string().contains("should be 3"));
    }

    #[test]
    fn what_is_no_number_of_the_right_length_is_refused() {
        for text in ["", "1234567", "123456789", "301762042200", "301762042200312"] {
            assert!(text.parse::<Gtin>().is_err(), "{text}");
        }
        assert!(matches!("30176204220O3".parse::<Gtin>(), Err(GtinError::NotDigits(_))));
        assert!(matches!("٣٠١٧٦٢٠٤".parse::<Gtin>(), Err(GtinError::NotDigits(_))));
        assert!(matches!("+3017620422003".parse::<Gtin>(), Err(GtinError::NotDigits(_))));
        assert!(Gtin::from_value(u64::MAX).is_err());
        assert_eq!(Gtin::from_body(u64::MAX), None);
        assert_eq!(Gtin::from_body(10_000_000_000_000), None);
    }

    #[test]
    fn every_single_wrong_digit_is_caught() {
        let right = b"3017620422003";
        for place in 0..right.len() {
            for digit in b'0'..=b'9' {
                let mut wrong = *right;
                wrong[place] = digit;
                let read = core::str::from_utf8(&wrong).unwrap().parse::<Gtin>();
                assert_eq!(read.is_ok(), wrong == *right);
            }
        }
    }

    #[test]
    fn numbers_of_shops_and_coupons_are_restricted() {
        let with_prefix = |prefix: u64, digits: u32| {
            let body = 10_u64.pow(digits - 2 - prefix.ilog10());
            Gtin::from_body(prefix * body).unwrap()
        };
        for prefix in [2, 20, 29, 980, 984, 99] {
            assert!(with_prefix(prefix, 13).is_restricted(), "{prefix}");
        }
        for prefix in [3, 30, 400, 871, 978, 979, 985] {
            assert!(!with_prefix(prefix, 13).is_restricted(), "{prefix}");
        }
        // 12 digits here are 13 with a zero in front: 02, 04, and 01, 03, 05 beside them.
        for (prefix, restricted) in [(2, true), (4, true), (1, false), (3, false), (5, false)] {
            assert_eq!(with_prefix(prefix, 12).is_restricted(), restricted, "0{prefix}");
        }
        assert!(gtin("20000004").is_restricted());
        assert!(gtin("00000017").is_restricted());
        assert!(!gtin("96385074").is_restricted());
        assert!(!gtin("19521234543210").is_restricted());
    }

    #[test]
    fn people_read_digits_and_machines_a_number_and_both_are_checked() {
        let upc = gtin("036000291452");
        assert_eq!(serde_json::to_string(&upc).unwrap(), "\"0036000291452\"");
        assert_eq!(serde_json::from_str::<Gtin>("\"036000291452\"").unwrap(), upc);
        let bytes = postcard::to_stdvec(&upc).unwrap();
        assert_eq!(bytes, postcard::to_stdvec(&36_000_291_452_u64).unwrap());
        assert_eq!(postcard::from_bytes::<Gtin>(&bytes).unwrap(), upc);
        let wrong = postcard::to_stdvec(&36_000_291_453_u64).unwrap();
        assert!(postcard::from_bytes::<Gtin>(&wrong).is_err());
    }
}
