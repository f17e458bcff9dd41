//! Application identifiers: how long they are, and what their data may look like.
//!
//! Sources: GS1 General Specifications, "Element strings with predefined length using GS1
//! Application Identifiers" and the GS1 Barcode Syntax Dictionary. The first two digits alone
//! tell how long an identifier is and whether its data has a predefined length, so a code with an
//! identifier no till needs is still taken apart rightly.

use core::fmt;

/// A GS1 application identifier: two to four digits that say what follows them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ai {
    number: u16,
    digits: u8,
}

/// What the data of an application identifier may look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) min: usize,
    pub(super) max: usize,
    pub(super) numeric: bool,
    /// The length is predefined: no separator follows.
    pub(super) predefined: bool,
}

impl Ai {
    /// 01: the GTIN of the item.
    pub const GTIN: Self = Self::new(1, 2);
    /// 10: batch or lot.
    pub const BATCH: Self = Self::new(10, 2);
    /// 11: production date.
    pub const PRODUCTION_DATE: Self = Self::new(11, 2);
    /// 13: packaging date.
    pub const PACKAGING_DATE: Self = Self::new(13, 2);
    /// 15: best before date.
    pub const BEST_BEFORE: Self = Self::new(15, 2);
    /// 16: sell by date.
    pub const SELL_BY: Self = Self::new(16, 2);
    /// 17: use by or expiry date.
    pub const USE_BY: Self = Self::new(17, 2);
    /// 21: serial number.
    pub const SERIAL: Self = Self::new(21, 2);
    /// 30: count of a variable-measure item.
    pub const COUNT: Self = Self::new(30, 2);
    /// 8005: price per unit of measure.
    pub const UNIT_PRICE: Self = Self::new(8005, 4);

    const fn new(number: u16, digits: u8) -> Self {
        Self { number, digits }
    }

    /// The number without zeros in front.
    pub const fn number(self) -> u16 {
        self.number
    }

    /// Its last digit: where that of `310n`, `392n` and their like says how many decimals there are.
    pub(super) fn last_digit(self) -> u32 {
        u32::from(self.number % 10)
    }

    /// The number of `310n` and its like without the last digit; `None` for shorter identifiers.
    pub(super) fn family(self) -> Option<u16> {
        (self.digits == 4).then_some(self.number / 10)
    }

    /// The identifier that `text` begins with, and what follows.
    pub(super) fn split_from(text: &str) -> Option<(Self, &str)> {
        let digits = match number(text.get(..2)?)? {
            0..=4 | 10..=22 | 30 | 37 | 90..=99 => 2,
            23..=25 | 40..=42 | 71 => 3,
            31..=36 | 39 | 43 | 70 | 72 | 80..=82 => 4,
            _ => return None,
        };
        let (ai, rest) = text.split_at_checked(usize::from(digits))?;
        Some((Self::new(number(ai)?, digits), rest))
    }

    /// The identifier that is all of `text`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::split_from(text).filter(|(_, rest)| rest.is_empty()).map(|(ai, _)| ai)
    }

    pub(super) fn format(self) -> Format {
        let predefined =
            |length| Format { min: length, max: length, numeric: true, predefined: true };
        let numeric = |min, max| Format { min, max, numeric: true, predefined: false };
        let text = |max| Format { min: 1, max, numeric: false, predefined: false };
        match (self.digits, self.number) {
            (2, 0) => predefined(18),
            (2, 1..=3) => predefined(14),
            (2, 4) => predefined(16),
            (2, 11..=19) | (4, 3100..=3699) => predefined(6),
            (2, 20) => predefined(2),
            (2, 10 | 21 | 22) | (3, 243) => text(20),
            (2, 30 | 37) => numeric(1, 8),
            (2, 90) | (3, 240 | 241 | 250 | 251 | 400 | 401) => text(30),
            (3, 235) => text(28),
            (3, 242) => numeric(1, 6),
            (3, 410..=419) => predefined(13),
            (4, 3900..=3909 | 3920..=3929) => numeric(1, 15),
            // Three digits of currency before the amount.
            (4, 3910..=3919 | 3930..=3939) => numeric(4, 18),
            (4, 3940..=3949) => numeric(4, 4),
            (4, 3950..=3959 | 8005) => numeric(6, 6),
            _ => text(90),
        }
    }
}

/// The number written in `text`, if it is digits and nothing else.
pub(super) fn number<N: core::str::FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

impl fmt::Display for Ai {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0digits$}", self.number, digits = usize::from(self.digits))
    }
}

impl fmt::Debug for Ai {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ai({self})")
    }
}
