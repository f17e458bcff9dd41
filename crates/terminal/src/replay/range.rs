//! The days a replay takes.

use jiff::civil::{Date, DateTime};
use thiserror::Error;

/// A text that names no day.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not a date: write 2010-12-01 for a day, 2010-12 for a month, 2010 for a year")]
pub struct RangeError(String);

/// Days from one to another, both included; without one of them there is no end on that side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DateRange {
    /// First day.
    pub from: Option<Date>,
    /// Last day.
    pub to: Option<Date>,
}

impl DateRange {
    /// Whether a moment is on one of the days.
    pub fn contains(&self, moment: DateTime) -> bool {
        let day = moment.date();
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day <= to)
    }

    /// The first day a text names: `2010-12` is 2010-12-01.
    pub fn first_day(text: &str) -> Result<Date, RangeError> {
        Self::days(text).map(|(first, _)| first)
    }

    /// The last day a text names: `2010-12` is 2010-12-31.
    pub fn last_day(text: &str) -> Result<Date, RangeError> {
        Self::days(text).map(|(_, last)| last)
    }

    fn days(text: &str) -> Result<(Date, Date), RangeError> {
        let refused = || RangeError(text.chars().take(40).collect());
        let mut parts = text.trim().split('-').map(|part| {
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            if digits { part.parse::<i16>().ok() } else { None }
        });
        let year = parts.next().flatten().ok_or_else(refused)?;
        let month = parts.next().map(|month| month.ok_or_else(refused)).transpose()?;
        let day = parts.next().map(|day| day.ok_or_else(refused)).transpose()?;
        if parts.next().is_some() {
            return Err(refused());
        }
        let date = |month: i16, day: i16| {
            let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
            Date::new(year, month, day).ok()
        };
        let first = date(month.unwrap_or(1), day.unwrap_or(1)).ok_or_else(refused)?;
        let last = match (month, day) {
            (_, Some(_)) => first,
            (Some(_), None) => first.last_of_month(),
            (None, None) => first.last_of_year(),
        };
        Ok((first, last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_names_its_first_and_its_last_day() {
        let first = |text| DateRange::first_day(text).map(|date| date.to_string());
        let last = |text| DateRange::last_day(text).map(|date| date.to_string());
        assert_eq!(first("2012-02"), Ok("2012-02-01".to_owned()));
        assert_eq!(last("2012-02"), Ok("2012-02-29".to_owned()));
        assert_eq!(last("2010"), Ok("2010-12-31".to_owned()));
        assert_eq!(first("2010-12-07"), last("2010-12-07"));
        for bad in ["", "2010-13", "2010-02-30", "december", "2010-12-01-01", "2010--1", "-5"] {
            assert!(DateRange::first_day(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn both_ends_of_a_range_belong_to_it() {
        let range = DateRange {
            from: Some("2010-12-01".parse().unwrap()),
            to: Some("2010-12-02".parse().unwrap()),
        };
        let on = |text: &str| range.contains(text.parse().unwrap());
        assert!(on("2010-12-01T00:00:00") && on("2010-12-02T23:59:59"));
        assert!(!on("2010-11-30T23:59:59") && !on("2010-12-03T00:00:00"));
        assert!(DateRange::default().contains("1999-01-01T00:00:00".parse().unwrap()));
    }
}
