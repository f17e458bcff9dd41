//! The books as rows of a sorted map: keys that sort by their bytes, values in postcard.
//!
//! | tag | key | value |
//! |---|---|---|
//! | 1 | — | settings and their stamp |
//! | 2 | register | its holder and the stamp |
//! | 3 | SKU | product and the stamps of its fields |
//! | 4 | SKU | on hand |
//! | 5 | date, register 0, shift, currency | totals |
//! | 6 | shift | how it was opened and closed |

use thiserror::Error;

use crate::business_date::BusinessDate;
use crate::ids::{RecordId, RegisterId};
use crate::money::Currency;
use crate::product::Sku;

/// Bytes that are no row of these books: the map they come from is damaged or of another version.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RowError {
    /// No row has this key.
    #[error("a row of the books has a key that cannot be read")]
    Key,
    /// The value does not belong to the key.
    #[error("the row {0:?} of the books has a value that cannot be read")]
    Value(RowKey),
}

/// Names one row of the books. Keys sort as their bytes do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowKey {
    /// The store's settings.
    Settings,
    /// Who holds a register.
    Register(RegisterId),
    /// A product of the price book.
    Product(Sku),
    /// How much of a product there is.
    OnHand(Sku),
    /// Totals.
    Totals(TotalsKey),
    /// A shift.
    Shift(RecordId),
}

/// Which records a row of totals sums.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TotalsKey {
    /// The day they are booked on.
    pub business_date: BusinessDate,
    /// The register; `None` for adjustments and postings.
    pub register: Option<RegisterId>,
    /// The shift; `None` for adjustments and postings.
    pub shift: Option<RecordId>,
    /// Code of the currency; `None` for adjustments.
    currency: Option<[u8; 3]>,
}

impl TotalsKey {
    /// The row of these records.
    pub fn new(
        business_date: BusinessDate,
        register: Option<RegisterId>,
        shift: Option<RecordId>,
        currency: Option<Currency>,
    ) -> Self {
        let code = currency.and_then(|currency| currency.code().as_bytes().try_into().ok());
        Self { business_date, register, shift, currency: code }
    }

    /// Whether its amounts, if it has any, are in `currency`.
    pub fn is_in(&self, currency: Currency) -> bool {
        self.currency.is_none_or(|code| code.as_slice() == currency.code().as_bytes())
    }
}

mod tag {
    pub(super) const SETTINGS: u8 = 1;
    pub(super) const REGISTER: u8 = 2;
    pub(super) const PRODUCT: u8 = 3;
    pub(super) const ON_HAND: u8 = 4;
    pub(super) const TOTALS: u8 = 5;
    pub(super) const SHIFT: u8 = 6;
}

/// Ends a name inside a key; no name holds it.
const END: u8 = 0;

impl RowKey {
    /// The key as bytes, at most 200 of them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (tag, rest) = match self {
            Self::Settings => (tag::SETTINGS, Vec::new()),
            Self::Register(register) => (tag::REGISTER, register.as_str().into()),
            Self::Product(sku) => (tag::PRODUCT, sku.as_str().into()),
            Self::OnHand(sku) => (tag::ON_HAND, sku.as_str().into()),
            Self::Totals(key) => (tag::TOTALS, key.to_bytes()),
            Self::Shift(shift) => (tag::SHIFT, shift.as_bytes().to_vec()),
        };
        let mut bytes = vec![tag];
        bytes.extend(rest);
        bytes
    }

    /// The key that has these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RowError> {
        let (tag, rest) = bytes.split_first().ok_or(RowError::Key)?;
        let key = match *tag {
            tag::SETTINGS => Some(Self::Settings),
            tag::REGISTER => text(rest).and_then(register).map(Self::Register),
            tag::PRODUCT => text(rest).and_then(sku).map(Self::Product),
            tag::ON_HAND => text(rest).and_then(sku).map(Self::OnHand),
            tag::TOTALS => TotalsKey::from_bytes(rest).map(Self::Totals),
            tag::SHIFT => rest.try_into().ok().map(RecordId::from_bytes).map(Self::Shift),
            _ => None,
        };
        // One key, one spelling: a SKU in lower case or bytes after the end are refused.
        key.filter(|key| key.to_bytes() == bytes).ok_or(RowError::Key)
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    core::str::from_utf8(bytes).ok()
}

fn register(name: &str) -> Option<RegisterId> {
    RegisterId::new(name).ok()
}

fn sku(code: &str) -> Option<Sku> {
    Sku::new(code).ok()
}

/// Flips the sign bit, so that days before 1970 sort before those after.
const SIGN: u32 = 1 << 31;

impl TotalsKey {
    fn to_bytes(&self) -> Vec<u8> {
        let days = self.business_date.days_since_epoch().cast_unsigned() ^ SIGN;
        let mut bytes = days.to_be_bytes().to_vec();
        bytes.extend(self.register.as_ref().map(RegisterId::as_str).unwrap_or_default().as_bytes());
        bytes.push(END);
        bytes.push(u8::from(self.shift.is_some()));
        bytes.extend(self.shift.iter().flat_map(|shift| shift.as_bytes().iter()));
        bytes.extend(self.currency.iter().flatten());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (days, rest) = bytes.split_first_chunk::<4>()?;
        let days = (u32::from_be_bytes(*days) ^ SIGN).cast_signed();
        let end = rest.iter().position(|&byte| byte == END)?;
        let (name, rest) = (rest.get(..end)?, rest.get(end..)?.get(1..)?);
        let (&has_shift, rest) = rest.split_first()?;
        let (shift, currency) = if has_shift == 0 {
            (None, rest)
        } else {
            let (shift, rest) = rest.split_first_chunk::<32>()?;
            (Some(RecordId::from_bytes(*shift)), rest)
        };
        Some(Self {
            business_date: BusinessDate::from_days_since_epoch(days).ok()?,
            register: if name.is_empty() { None } else { Some(register(text(name)?)?) },
            shift,
            currency: if currency.is_empty() { None } else { Some(currency.try_into().ok()?) },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Vec<RowKey> {
        let sku = |code: &str| Sku::new(code).unwrap();
        let register = |name: &str| RegisterId::new(name).unwrap();
        let shift = |byte| RecordId::from_bytes([byte; 32]);
        let mut keys = vec![
            RowKey::Settings,
            RowKey::Register(register("R1")),
            RowKey::Register(register("R10")),
            RowKey::Product(sku("85123A")),
            RowKey::Product(sku("ÄPFEL")),
            RowKey::OnHand(sku("85123A")),
            RowKey::Shift(shift(0)),
            RowKey::Shift(shift(255)),
        ];
        for date in ["0000-01-01", "1969-12-31", "2010-12-01", "9999-12-31"] {
            for name in [None, Some("R1"), Some("R10"), Some("R2")] {
                for shift in [None, Some(shift(0)), Some(shift(1))] {
                    for currency in [None, Some(Currency::EUR), Some(Currency::GBP)] {
                        let register = name.map(register);
                        let date = date.parse().unwrap();
                        keys.push(RowKey::Totals(TotalsKey::new(date, register, shift, currency)));
                    }
                }
            }
        }
        keys
    }

    #[test]
    fn a_key_is_read_back_from_its_bytes() {
        for key in keys() {
            assert_eq!(RowKey::from_bytes(&key.to_bytes()), Ok(key));
        }
    }

    #[test]
    fn keys_sort_as_their_bytes_do() {
        let mut keys = keys();
        keys.sort();
        let bytes: Vec<_> = keys.iter().map(RowKey::to_bytes).collect();
        assert!(bytes.is_sorted(), "{keys:?}");
    }

    #[test]
    fn bytes_that_are_no_key_are_refused() {
        for bytes in [&b""[..], b"\0", b"\x01x", b"\x03abc", b"\x06abc", b"\x05\0", b"\x02\xff"] {
            assert_eq!(RowKey::from_bytes(bytes), Err(RowError::Key), "{bytes:?}");
        }
    }
}
