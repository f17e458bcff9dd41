//! What the QR code of a receipt says: enough to find the sale, and to know whether the books that
//! are searched lost it.

use core::fmt;
use core::str::FromStr;

use thiserror::Error;

use crate::ids::RecordId;
use crate::money::{Currency, Money};
use crate::transaction::ReceiptNumber;

/// What every code begins with: ours, and its version.
const PREFIX: &str = "TM1";
/// Bytes of the record's id in the code: half of it. Nobody finds a second sale with these.
const ENTRY_BYTES: usize = 16;

/// A text that is not the QR code of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not the code of one of our receipts: scan the square code at its end")]
pub struct ReceiptWitnessError(String);

/// A receipt as its QR code has it:
///
/// ```text
/// TM1:R1-000123-K7Q2:GBP:6.30:08864000000000000000000000000000
/// |   |              |   |    the first 16 bytes of the record's id, in hexadecimal
/// |   number         |   what was to be paid, below zero on a return
/// version            currency (ISO 4217)
/// ```
///
/// All of it is in the alphanumeric set of QR codes while the register's name has no small letters,
/// which keeps the code small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptWitness {
    /// The receipt's number.
    pub number: ReceiptNumber,
    /// What was to be paid.
    pub total: Money,
    /// The beginning of the record's id.
    pub entry: [u8; ENTRY_BYTES],
}

impl ReceiptWitness {
    /// Whether it is the receipt of the record with this id.
    pub fn fits(&self, id: &RecordId) -> bool {
        id.as_bytes().starts_with(&self.entry)
    }
}

impl fmt::Display for ReceiptWitness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, total, entry } = self;
        write!(f, "{PREFIX}:{number}:{}:{}:", total.currency(), total.to_decimal())?;
        entry.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl FromStr for ReceiptWitness {
    type Err = ReceiptWitnessError;

    fn from_str(text: &str) -> Result<Self, ReceiptWitnessError> {
        let refused = || ReceiptWitnessError(text.chars().take(100).collect());
        let mut parts = text.trim().split(':');
        let mut part = || parts.next().ok_or_else(refused);
        let (prefix, number, currency, total, entry) =
            (part()?, part()?, part()?, part()?, part()?);
        if prefix != PREFIX || parts.next().is_some() {
            return Err(refused());
        }
        let number = number.parse().map_err(|_no_number| refused())?;
        let currency = Currency::from_code(currency).map_err(|_no_currency| refused())?;
        let total = total.parse().map_err(|_no_amount| refused())?;
        let total = Money::from_decimal(total, currency).map_err(|_no_amount| refused())?;
        let entry = bytes(entry).ok_or_else(refused)?;
        Ok(Self { number, total, entry })
    }
}

fn bytes(hex: &str) -> Option<[u8; ENTRY_BYTES]> {
    if hex.len() != ENTRY_BYTES.checked_mul(2)? || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; ENTRY_BYTES];
    for (slot, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *slot = u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn witness(register: &str, minor: i64) -> ReceiptWitness {
        let mut id = [7; 32];
        id[..3].copy_from_slice(&[0x08, 0x86, 0x40]);
        let id = RecordId::from_bytes(id);
        let number = ReceiptNumber::new(register.parse().unwrap(), 123, &id);
        let mut entry = [7; ENTRY_BYTES];
        entry[..3].copy_from_slice(&[0x08, 0x86, 0x40]);
        ReceiptWitness { number, total: Money::from_minor(minor, Currency::GBP), entry }
    }

    #[test]
    fn the_code_of_a_receipt_is_this_text_and_is_read_back() {
        let text = "TM1:R1-000123-1234:GBP:-6.30:08864007070707070707070707070707";
        assert_eq!(witness("R1", -630).to_string(), text);
        assert_eq!(text.parse(), Ok(witness("R1", -630)));
        let odd = witness("bar/2-x", 0);
        assert_eq!(odd.to_string().parse(), Ok(odd));
    }

    #[test]
    fn it_knows_its_record_and_no_other() {
        let mut id = [7; 32];
        id[..3].copy_from_slice(&[0x08, 0x86, 0x40]);
        assert!(witness("R1", 1).fits(&RecordId::from_bytes(id)));
        id[15] = 8;
        assert!(!witness("R1", 1).fits(&RecordId::from_bytes(id)));
    }

    #[test]
    fn other_codes_are_refused() {
        let good = witness("R1", 630).to_string();
        for text in [
            String::new(),
            "https://example.org".to_owned(),
            good.replace("TM1", "TM2"),
            format!("{good}:x"),
            good.replace("6.30", "6.301"),
            good.replace("0886", "08é6"),
            good[..good.len() - 1].to_owned(),
        ] {
            assert!(text.parse::<ReceiptWitness>().is_err(), "{text}");
        }
    }
}
