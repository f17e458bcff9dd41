//! Names of files. A name is made of checked parts and nothing else can be one: no `..`, no
//! separator, no drive, no name another table's file could have.

use core::fmt;
use core::str::FromStr;
use std::path::{Path, PathBuf};

use pos_core::business_date::BusinessDate;
use pos_core::ids::StoreId;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use super::schema::{Division, Table};

/// Digits of the hash that stand in a file's name.
const NAME_DIGITS: usize = 16;

/// Why a text is no name of a file of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not a name a snapshot gives to a file")]
pub struct FileNameError(String);

/// A BLAKE3 hash; 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hash([u8; 32]);

impl Hash {
    /// The hash of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Bytes that already are a hash.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Lower-case hexadecimal digits of bytes.
    pub(super) fn hex(bytes: &[u8]) -> String {
        use fmt::Write as _;
        bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a string cannot fail.
            write!(text, "{byte:02x}").unwrap_or_default();
            text
        })
    }

    /// Bytes of lower-case hexadecimal digits.
    pub(super) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != N * 2 || !text.bytes().all(digit) {
            return None;
        }
        let mut bytes = [0; N];
        for (slot, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *slot = u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(bytes)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&Self::hex(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = FileNameError;

    fn from_str(text: &str) -> Result<Self, FileNameError> {
        Self::unhex(text).map(Self).ok_or_else(|| FileNameError(text.chars().take(80).collect()))
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Which rows of a table and store a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// All.
    All,
    /// A month that is over.
    Month {
        /// Year.
        year: i16,
        /// Month, 1 to 12.
        month: i8,
    },
    /// One day.
    Day(BusinessDate),
    /// Those whose key's hash leaves `index` when divided by `of`.
    Key {
        /// Which.
        index: u8,
        /// How many there are, less one.
        last: u8,
    },
}

impl Part {
    /// Whether a table can be divided like this.
    fn fits(self, table: &Table) -> bool {
        match table.division {
            Division::Whole => self == Self::All,
            Division::Time => matches!(self, Self::Month { .. } | Self::Day(_)),
            Division::Key => matches!(self, Self::Key { .. }),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Month { year, month } => write!(f, "{year:04}-{month:02}"),
            Self::Day(date) => write!(f, "{date}"),
            Self::Key { index, last } => write!(f, "{index:02x}of{last:02x}"),
        }
    }
}

impl FromStr for Part {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let read = if text == "all" {
            Some(Self::All)
        } else if let Some((index, last)) = text.split_once("of") {
            let byte = |digits| Some(u8::from_be_bytes(Hash::unhex::<1>(digits)?));
            byte(index)
                .zip(byte(last))
                .filter(|(index, last)| index <= last)
                .map(|(index, last)| Self::Key { index, last })
        } else if let Ok(date) = text.parse::<BusinessDate>() {
            Some(Self::Day(date))
        } else {
            text.split_once('-').and_then(|(year, month)| {
                let (year, month) = (year.parse().ok()?, month.parse().ok()?);
                BusinessDate::new(year, month, 1).ok()?;
                Some(Self::Month { year, month })
            })
        };
        // What is written otherwise is another name.
        read.filter(|part| part.to_string() == text).ok_or(())
    }
}

/// Where a file lies below the snapshot's folder: `sales/STORE/2010-12-01-0123456789abcdef.parquet`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileName {
    text: String,
}

impl FileName {
    /// The name of a file.
    pub(super) fn new(table: &Table, store: Option<StoreId>, part: Part, hash: &Hash) -> Self {
        let store = store.map_or_else(|| "all".to_owned(), |store| store.to_string());
        let digits: String = hash.to_string().chars().take(NAME_DIGITS).collect();
        Self { text: format!("{}/{store}/{part}-{digits}.parquet", table.name) }
    }

    /// Its table.
    pub fn table(&self) -> &'static Table {
        // A name is only ever made with a table's own name in front.
        let name = self.text.split('/').next().unwrap_or_default();
        Table::named(name).unwrap_or(&super::schema::STORES)
    }

    /// The file below a folder.
    pub fn below(&self, folder: &Path) -> PathBuf {
        folder.join(&self.text)
    }

    /// As text, with `/` between its parts.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Refused unless the name says the hash.
    pub(super) fn check_hash(&self, hash: &Hash) -> Result<(), FileNameError> {
        let digits: String = hash.to_string().chars().take(NAME_DIGITS).collect();
        if self.text.ends_with(&format!("-{digits}.parquet")) {
            Ok(())
        } else {
            Err(FileNameError(format!("{} of {hash}", self.text)))
        }
    }
}

impl FromStr for FileName {
    type Err = FileNameError;

    fn from_str(text: &str) -> Result<Self, FileNameError> {
        let parse = || {
            let mut pieces = text.split('/');
            let (table, store, file) = (pieces.next()?, pieces.next()?, pieces.next()?);
            let table = Table::named(table)?;
            let (part, digits) = file.strip_suffix(".parquet")?.rsplit_once('-')?;
            let part: Part = part.parse().ok()?;
            Hash::unhex::<{ NAME_DIGITS / 2 }>(digits)?;
            let whole = table.division == Division::Whole;
            let known = if whole {
                store == "all"
            } else {
                store.parse::<StoreId>().is_ok_and(|id| id.to_string() == store)
            };
            (pieces.next().is_none() && known && part.fits(table))
                .then(|| Self { text: text.to_owned() })
        };
        parse().ok_or_else(|| FileNameError(text.chars().take(120).collect()))
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileName({})", self.text)
    }
}

impl Serialize for FileName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FileName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORE: &str = "00112233445566778899aabbccddeeff";

    #[test]
    fn a_name_is_read_as_it_is_written() {
        for name in [
            "sales/{}/2010-12-01-0123456789abcdef.parquet",
            "items/{}/2010-12-0123456789abcdef.parquet",
            "stock/{}/00of00-0123456789abcdef.parquet",
            "products/{}/03of0f-0123456789abcdef.parquet",
        ] {
            let name = name.replace("{}", STORE);
            assert_eq!(name.parse::<FileName>().unwrap().as_str(), name);
        }
        "stores/all/all-0123456789abcdef.parquet".parse::<FileName>().unwrap();
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_refused() {
        for name in [
            "",
            "/etc/passwd",
            "../sales/{}/2010-12-0123456789abcdef.parquet",
            "sales/../2010-12-0123456789abcdef.parquet",
            "sales/{}/../../x-0123456789abcdef.parquet",
            "sales\\{}\\2010-12-0123456789abcdef.parquet",
            "sales/{}/2010-12-0123456789abcdef.parquet/x",
            "sales/{}/2010-13-0123456789abcdef.parquet",
            "sales/{}/2010-1-0123456789abcdef.parquet",
            "sales/{}/2010-12-0123456789ABCDEF.parquet",
            "sales/{}/2010-12-0123456789abcdef.exe",
            "sales/{}/all-0123456789abcdef.parquet",
            "sales/all/2010-12-0123456789abcdef.parquet",
            "stores/{}/all-0123456789abcdef.parquet",
            "stock/{}/2010-12-0123456789abcdef.parquet",
            "stock/{}/04of03-0123456789abcdef.parquet",
            "stocks/{}/00of00-0123456789abcdef.parquet",
            "sales/{}/2010-12-0123456789abcdef.parquet\0",
        ] {
            name.replace("{}", STORE).parse::<FileName>().unwrap_err();
        }
    }
}
