//! The number on a receipt: `R1-000123-K7Q2`.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::ReceiptCounter;
use crate::ids::{RecordId, RegisterId};

/// A text that is no receipt number.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not a receipt number; it looks like R1-000123-K7Q2")]
pub struct ReceiptNumberError(String);

/// Register, counter, and four characters of the record's id. The counter is what the law counts;
/// the characters tell two receipts apart that bear one counter after a backup was restored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReceiptNumber {
    register: RegisterId,
    counter: ReceiptCounter,
    suffix: [u8; 4],
}

/// Crockford's base 32: no I, L, O, U, so that a number can be read out over a counter.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl ReceiptNumber {
    /// The number of the receipt with this counter whose record has this id.
    pub fn new(register: RegisterId, counter: ReceiptCounter, id: &RecordId) -> Self {
        let [first, second, third, ..] = *id.as_bytes();
        let bits = u32::from_be_bytes([0, first, second, third]) >> 4;
        let character = |shift: u32| {
            let index = usize::try_from((bits >> shift) & 31).unwrap_or_default();
            ALPHABET.get(index).copied().unwrap_or(b'0')
        };
        Self {
            register,
            counter,
            suffix: [character(15), character(10), character(5), character(0)],
        }
    }

    /// The register.
    pub const fn register(&self) -> &RegisterId {
        &self.register
    }

    /// The counter.
    pub const fn counter(&self) -> ReceiptCounter {
        self.counter
    }

    /// Whether it may be the number of the record with this id.
    pub fn fits(&self, id: &RecordId) -> bool {
        Self::new(self.register.clone(), self.counter, id) == *self
    }
}

impl fmt::Display for ReceiptNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suffix: String = self.suffix.iter().map(|&byte| char::from(byte)).collect();
        f.pad(&format!("{}-{:06}-{suffix}", self.register, self.counter))
    }
}

/// Reads what is printed, in any case; O, I and L are taken for the digits they look like.
impl FromStr for ReceiptNumber {
    type Err = ReceiptNumberError;

    fn from_str(text: &str) -> Result<Self, ReceiptNumberError> {
        let refused = || ReceiptNumberError(text.chars().take(60).collect());
        // A register's name may hold hyphens itself.
        let mut parts = text.trim().rsplitn(3, '-');
        let (Some(suffix), Some(counter), Some(register)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Err(refused());
        };
        let register = RegisterId::new(register).map_err(|_not_a_name| refused())?;
        if counter.is_empty() || !counter.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refused());
        }
        let counter = counter.parse().map_err(|_too_large| refused())?;
        let canonical: Vec<u8> = suffix
            .bytes()
            .map(|byte| match byte.to_ascii_uppercase() {
                b'O' => b'0',
                b'I' | b'L' => b'1',
                byte => byte,
            })
            .collect();
        let suffix: [u8; 4] = canonical.try_into().map_err(|_wrong_length| refused())?;
        if suffix.iter().all(|byte| ALPHABET.contains(byte)) {
            Ok(Self { register, counter, suffix })
        } else {
            Err(refused())
        }
    }
}

impl TryFrom<String> for ReceiptNumber {
    type Error = ReceiptNumberError;
    fn try_from(text: String) -> Result<Self, ReceiptNumberError> {
        text.parse()
    }
}

impl From<ReceiptNumber> for String {
    fn from(number: ReceiptNumber) -> Self {
        number.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(register: &str, counter: u64, first_bytes: [u8; 3]) -> ReceiptNumber {
        let mut id = [0; 32];
        for (slot, byte) in id.iter_mut().zip(first_bytes) {
            *slot = byte;
        }
        ReceiptNumber::new(RegisterId::new(register).unwrap(), counter, &RecordId::from_bytes(id))
    }

    #[test]
    fn a_number_shows_register_counter_and_the_first_twenty_bits_of_the_id() {
        assert_eq!(number("R1", 123, [0, 0, 0]).to_string(), "R1-000123-0000");
        // 00001 00010 00011 00100
        assert_eq!(number("R1", 123, [0x08, 0x86, 0x40]).to_string(), "R1-000123-1234");
        assert_eq!(number("R1", 1_234_567, [0xff; 3]).to_string(), "R1-1234567-ZZZZ");
    }

    #[test]
    fn a_printed_number_is_read_back_even_when_typed_carelessly() {
        let printed = number("bar-2", 77, [0x08, 0x86, 0x40]);
        assert_eq!(printed.to_string().parse(), Ok(printed.clone()));
        assert_eq!(" bar-2-77-l234 ".parse(), Ok(printed));
    }

    #[test]
    fn what_is_no_receipt_number_is_refused() {
        for text in
            ["", "R1", "R1-1", "R1-x-1234", "R1-1-12345", "R1-1-12U4", "-1-1234", "R1-+1-1234"]
        {
            assert!(text.parse::<ReceiptNumber>().is_err(), "{text}");
        }
    }
}
