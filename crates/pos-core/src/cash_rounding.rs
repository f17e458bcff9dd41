//! Cash rounding: where small coins are gone, what is paid in cash is rounded, and nothing else.
//!
//! Lines, taxes and totals are never touched, and neither is a card payment. Only **the amount
//! still due when a cash tender closes the sale** is rounded; the difference is a signed figure of
//! its own on the document ([`CashRounding::adjustment`]). So of a mixed payment only the cash part
//! is rounded (as Belgian law has it for shops that round cash alone).
//!
//! Change needs no rounding of its own: what is due is a multiple of the step, and so is the cash
//! handed over. A refund paid in cash is rounded by itself, on its own amount, and mirrors a sale of
//! the same amount: a sale undone at once leaves the drawer as it was, and a tie that went up
//! against the customer goes up in the customer's favour. Some registers let ties on money paid out
//! go the other way (Casio V-R manual, modes 4 and 14); a shop that wants this gives refunds a
//! [`CashRounding`] of their own with another mode.

use core::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::money::{Currency, Money, MoneyError};

/// A rounding step that is no step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the smallest coin of a cash rounding must be at least one minor unit")]
pub struct NoStep;

/// Which multiple of the step an amount goes to. "Up" and "down" speak of the amount without its
/// sign: up is away from zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CashRoundingMode {
    /// To the nearest multiple, a tie goes up.
    NearestTieUp,
    /// To the nearest multiple, a tie goes down.
    NearestTieDown,
    /// To the next multiple up.
    Up,
    /// To the next multiple down.
    Down,
}

/// How a store rounds what is paid in cash. Data of the store: the law of a country gives the
/// start ([`CashRounding::for_country`]), the merchant may have a choice (New Zealand: where 5 goes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CashRounding {
    step_minor: NonZeroU32,
    mode: CashRoundingMode,
}

impl CashRounding {
    /// Rounds to multiples of `step_minor` minor units: 5 where the smallest coin is 0.05.
    pub fn new(step_minor: u32, mode: CashRoundingMode) -> Result<Self, NoStep> {
        let step_minor = NonZeroU32::new(step_minor).ok_or(NoStep)?;
        Ok(Self { step_minor, mode })
    }

    /// The rounding of cash in `currency` in the country with this two-letter ISO 3166 code, if the
    /// table knows one. A start for a new store, not legal advice: some are voluntary, and nine
    /// rest on CLDR alone (see the table).
    pub fn for_country(country: &str, currency: Currency) -> Option<Self> {
        COUNTRIES
            .iter()
            .find(|row| row.0.eq_ignore_ascii_case(country) && row.1 == currency.code())
            .and_then(|&(_, _, step_minor, mode)| Self::new(step_minor, mode).ok())
    }

    /// The smallest step, in minor units.
    pub const fn step_minor(self) -> u32 {
        self.step_minor.get()
    }

    /// Which multiple of the step an amount goes to.
    pub const fn mode(self) -> CashRoundingMode {
        self.mode
    }

    /// What to add to `due` so that it can be paid in coins: `due + adjustment` is a multiple of the
    /// step. `due` is what remains to be paid in cash; negative for a refund.
    ///
    /// Fails only with [`MoneyError::Overflow`], where the rounded amount would not fit.
    pub fn adjustment(self, due: Money) -> Result<Money, MoneyError> {
        let step = u64::from(self.step_minor.get());
        let over = due.minor().unsigned_abs() % step;
        let up = match self.mode {
            CashRoundingMode::NearestTieUp => over * 2 >= step,
            CashRoundingMode::NearestTieDown => over * 2 > step,
            CashRoundingMode::Up => true,
            CashRoundingMode::Down => false,
        };
        // Both are below the step, which has 32 bits.
        let (down_by, up_by) = (over.cast_signed(), (step - over).cast_signed());
        let magnitude = match (over, up) {
            (0, _) => 0,
            (_, true) => up_by,
            (_, false) => -down_by,
        };
        let adjustment = Money::from_minor(magnitude * due.minor().signum(), due.currency());
        due.checked_add(adjustment)?;
        Ok(adjustment)
    }
}

const NEAREST: CashRoundingMode = CashRoundingMode::NearestTieUp;

/// Country, currency, step in minor units, mode. Sources, as given row by row in
/// `tests/data/cash_rounding.csv`: CLDR 48 supplemental currency data (AM, CA, CH, CR, CZ, DK, GY,
/// HU, MN, MU, NO, RS, SE, TW, TZ, UZ; of these AM, CR, GY, MN, MU, RS, TW, TZ, UZ rest on "no cash
/// decimals" alone); the Casio V-R register manual (AU, DK, FI, MY, NO, NZ, SE, ZA); encyclopedia
/// pages on Swedish and cash rounding (AU, CA, IE, IL, MY, NL, NZ, SE, SG); Eesti Pank (EE); press of
/// the Seimas (IE, LT); software makers for BE, IT, SK.
///
/// Ties: with a step of 5 minor units there are none. DK 25 to 50, NO and SE 50 to 1.00 go up. NZ
/// leaves a 5 to the merchant; up is our start.
const COUNTRIES: [(&str, &str, u32, CashRoundingMode); 30] = [
    ("AM", "AMD", 100, NEAREST),
    ("AU", "AUD", 5, NEAREST),
    ("BE", "EUR", 5, NEAREST),
    ("CA", "CAD", 5, NEAREST),
    ("CH", "CHF", 5, NEAREST),
    ("CR", "CRC", 100, NEAREST),
    ("CZ", "CZK", 100, NEAREST),
    ("DK", "DKK", 50, NEAREST),
    ("EE", "EUR", 5, NEAREST),
    ("FI", "EUR", 5, NEAREST),
    ("GY", "GYD", 100, NEAREST),
    ("HU", "HUF", 500, NEAREST),
    ("IE", "EUR", 5, NEAREST),
    ("IL", "ILS", 10, NEAREST),
    ("IT", "EUR", 5, NEAREST),
    ("LT", "EUR", 5, NEAREST),
    ("MN", "MNT", 100, NEAREST),
    ("MU", "MUR", 100, NEAREST),
    ("MY", "MYR", 5, NEAREST),
    ("NL", "EUR", 5, NEAREST),
    ("NO", "NOK", 100, NEAREST),
    ("NZ", "NZD", 10, NEAREST),
    ("RS", "RSD", 100, NEAREST),
    ("SE", "SEK", 100, NEAREST),
    ("SG", "SGD", 5, NEAREST),
    ("SK", "EUR", 5, NEAREST),
    ("TW", "TWD", 100, NEAREST),
    ("TZ", "TZS", 100, NEAREST),
    ("UZ", "UZS", 100, NEAREST),
    ("ZA", "ZAR", 5, CashRoundingMode::Down),
];
