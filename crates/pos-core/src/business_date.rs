//! Dates and times as a shop uses them. The core knows no clock and no time zone data: whoever
//! calls it says what the business date is and what the wall clock shows.

use core::fmt;
use core::str::FromStr;

use jiff::civil::Date;
use jiff::{Span, Timestamp, Unit};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// Why a text or number is not a date, a time or a time zone name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DateError {
    /// Not a date of the calendar in the form `2010-12-01`, or before the year 0 or after 9999.
    #[error("{0:?} is not a date: write year, month and day like 2010-12-01")]
    NotADate(String),
    /// Not the name of a time zone.
    #[error("{0:?} is not the name of a time zone: write it like Europe/London")]
    NotATimeZone(String),
    /// Not a moment in the form `2010-12-01T08:26:00Z`, or outside the years a calendar has.
    #[error("{0:?} is not a moment in time: write it like 2010-12-01T08:26:00Z")]
    NotAMoment(String),
}

/// The day a sale is booked on. A fact set when a shift opens and inherited by its sales, never
/// computed from clocks: a bar that closes at 3 in the morning still sells yesterday.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BusinessDate(Date);

const EPOCH: Date = Date::constant(1970, 1, 1);

impl BusinessDate {
    /// The date of a year (0 to 9999), month and day.
    pub fn new(year: i16, month: i8, day: i8) -> Result<Self, DateError> {
        let unreadable = || DateError::NotADate(format!("{year}-{month}-{day}"));
        let date = Date::new(year, month, day).map_err(|_no_such_day| unreadable())?;
        Self::from_date(date)
    }

    /// A calendar date as a business date; its year must be 0 to 9999.
    pub fn from_date(date: Date) -> Result<Self, DateError> {
        if date.year() < 0 {
            return Err(DateError::NotADate(date.to_string()));
        }
        Ok(Self(date))
    }

    /// The date a number of days after 1970-01-01.
    pub fn from_days_since_epoch(days: i32) -> Result<Self, DateError> {
        Span::new()
            .try_days(days)
            .and_then(|span| EPOCH.checked_add(span))
            .map_err(|_out_of_calendar| DateError::NotADate(format!("day {days}")))
            .and_then(Self::from_date)
    }

    /// Days since 1970-01-01.
    pub fn days_since_epoch(self) -> i32 {
        // Fails for no date: the whole calendar spans fewer days than an i32 counts.
        self.0.since((Unit::Day, EPOCH)).map_or(0, |span| span.get_days())
    }

    /// The calendar date.
    pub const fn date(self) -> Date {
        self.0
    }

    /// The day after; none after 9999-12-31.
    pub fn tomorrow(self) -> Option<Self> {
        self.0.tomorrow().ok().map(Self)
    }
}

impl fmt::Display for BusinessDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

impl fmt::Debug for BusinessDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BusinessDate({})", self.0)
    }
}

/// Reads exactly what `Display` writes: `2010-12-01`.
impl FromStr for BusinessDate {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, DateError> {
        let unreadable = || DateError::NotADate(text.chars().take(40).collect());
        let date = text.parse::<Date>().map_err(|_not_a_date| unreadable())?;
        // The parser also takes other ISO 8601 forms; one date has one spelling here.
        if date.to_string() != text {
            return Err(unreadable());
        }
        Self::from_date(date)
    }
}

/// `2010-12-01` for people, days since 1970-01-01 for machines.
impl Serialize for BusinessDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(&self.0)
        } else {
            serializer.serialize_i32(self.days_since_epoch())
        }
    }
}

impl<'de> Deserialize<'de> for BusinessDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
        } else {
            let days = i32::deserialize(deserializer)?;
            Self::from_days_since_epoch(days).map_err(de::Error::custom)
        }
    }
}

/// What a device's clock showed, in milliseconds since 1970-01-01T00:00Z. Shown and reported, never
/// decides: clocks of tills are wrong, so two wall times have no order here.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct WallTime(i64);

impl WallTime {
    /// 9999-12-30T22:00Z, the last moment a calendar can show in every time zone.
    pub const LATEST: Self = Self(253_402_207_200_000);
    /// The first moment of the year 0.
    pub const EARLIEST: Self = Self(-62_167_219_200_000);

    /// What the clock shows. A clock beyond the years 0 to 9999 is taken for the nearest moment in
    /// them: a wrong clock must not stop a sale.
    pub const fn from_millis(millis: i64) -> Self {
        if millis < Self::EARLIEST.0 {
            Self::EARLIEST
        } else if millis > Self::LATEST.0 {
            Self::LATEST
        } else {
            Self(millis)
        }
    }

    /// Milliseconds since 1970-01-01T00:00Z.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    fn exactly(millis: i64) -> Option<Self> {
        (Self::EARLIEST.0..=Self::LATEST.0).contains(&millis).then_some(Self(millis))
    }
}

/// In UTC: `2010-12-01T08:26:00Z`.
impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => f.pad(&timestamp.to_string()),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl fmt::Debug for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WallTime({self})")
    }
}

/// Reads RFC 3339 with any offset, to the millisecond.
impl FromStr for WallTime {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, DateError> {
        text.parse::<Timestamp>()
            .ok()
            .filter(|timestamp| timestamp.subsec_nanosecond() % 1_000_000 == 0)
            .and_then(|timestamp| Self::exactly(timestamp.as_millisecond()))
            .ok_or_else(|| DateError::NotAMoment(text.chars().take(40).collect()))
    }
}

/// RFC 3339 in UTC for people, milliseconds since 1970-01-01T00:00Z for machines.
impl Serialize for WallTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for WallTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
        } else {
            let millis = i64::deserialize(deserializer)?;
            Self::exactly(millis)
                .ok_or_else(|| de::Error::custom(DateError::NotAMoment(format!("{millis} ms"))))
        }
    }
}

/// The IANA name of a store's time zone: `Europe/London`. Only its form is checked, the core holds
/// no time zone data.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeZoneName(String);

impl TimeZoneName {
    /// Longest allowed name, in characters.
    pub const MAX_LEN: usize = 64;

    /// Checks and wraps a name: parts separated by `/`, each an ASCII letter followed by letters,
    /// digits, `+`, `-` and `_`.
    pub fn new(name: impl Into<String>) -> Result<Self, DateError> {
        let name = name.into();
        let well_formed = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphabetic())
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "+-_".contains(c))
        };
        if name.len() > Self::MAX_LEN || !name.split('/').all(well_formed) {
            return Err(DateError::NotATimeZone(name.chars().take(80).collect()));
        }
        Ok(Self(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TimeZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for TimeZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TimeZoneName({})", self.0)
    }
}

impl FromStr for TimeZoneName {
    type Err = DateError;
    fn from_str(name: &str) -> Result<Self, DateError> {
        Self::new(name)
    }
}

impl TryFrom<String> for TimeZoneName {
    type Error = DateError;
    fn try_from(name: String) -> Result<Self, DateError> {
        Self::new(name)
    }
}

impl From<TimeZoneName> for String {
    fn from(name: TimeZoneName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_business_date_has_one_spelling_and_one_number() {
        let date = BusinessDate::new(2010, 12, 1).unwrap();
        assert_eq!(date.to_string(), "2010-12-01");
        assert_eq!(date.days_since_epoch(), 14_944);
        assert_eq!(serde_json::to_string(&date).unwrap(), "\"2010-12-01\"");
        let bytes = postcard::to_stdvec(&date).unwrap();
        assert_eq!(bytes, postcard::to_stdvec(&14_944_i32).unwrap());
        assert_eq!(postcard::from_bytes::<BusinessDate>(&bytes).unwrap(), date);
        for other in ["20101201", "2010-12-1", "2010-12-01T00:00:00", " 2010-12-01", "2010-02-30"] {
            assert!(other.parse::<BusinessDate>().is_err(), "{other}");
        }
    }

    #[test]
    fn days_before_1970_and_at_both_ends_of_the_calendar_come_back() {
        for text in ["0000-01-01", "1969-12-31", "1970-01-01", "2024-02-29", "9999-12-31"] {
            let date: BusinessDate = text.parse().unwrap();
            assert_eq!(BusinessDate::from_days_since_epoch(date.days_since_epoch()), Ok(date));
        }
        let last: BusinessDate = "9999-12-31".parse().unwrap();
        assert_eq!(last.tomorrow(), None);
        assert!(BusinessDate::from_days_since_epoch(last.days_since_epoch() + 1).is_err());
        assert!(BusinessDate::from_days_since_epoch(i32::MAX).is_err());
        assert!(BusinessDate::from_days_since_epoch(i32::MIN).is_err());
        assert!(BusinessDate::new(-1, 12, 31).is_err());
    }

    #[test]
    fn a_wall_clock_beyond_the_calendar_still_sells() {
        for (shown, kept) in [
            (i64::MIN, WallTime::EARLIEST),
            (i64::MAX, WallTime::LATEST),
            (1_291_191_960_123, WallTime(1_291_191_960_123)),
        ] {
            let time = WallTime::from_millis(shown);
            assert_eq!(time, kept);
            let json = serde_json::to_string(&time).unwrap();
            assert_eq!(serde_json::from_str::<WallTime>(&json).unwrap(), kept, "{json}");
            let bytes = postcard::to_stdvec(&time).unwrap();
            assert_eq!(postcard::from_bytes::<WallTime>(&bytes).unwrap(), kept);
        }
        assert_eq!(WallTime::from_millis(1_291_191_960_000).to_string(), "2010-12-01T08:26:00Z");
        assert_eq!(WallTime::EARLIEST.to_string(), "0000-01-01T00:00:00Z");
    }

    #[test]
    fn a_time_zone_name_looks_like_one() {
        for good in ["Europe/London", "UTC", "Etc/GMT+5", "America/Argentina/Buenos_Aires"] {
            assert!(TimeZoneName::new(good).is_ok(), "{good}");
        }
        let long = "A".repeat(65);
        for bad in ["", "Europe/", "/London", "../etc/passwd", "Europe//London", "München", &long]
        {
            assert!(TimeZoneName::new(bad).is_err(), "{bad}");
        }
    }
}
