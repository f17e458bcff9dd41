//! Dates of six digits.

use jiff::civil::Date;

use super::ai::number;

/// Reads YYMMDD. Day 00 is the last day of the month; no longer printed since 2025, still found on
/// older goods.
pub(super) fn parse(text: &str, reference_year: i16) -> Option<Date> {
    let (year, rest) = text.split_at_checked(2)?;
    let (month, day) = rest.split_at_checked(2)?;
    let year = full_year(number(year)?, reference_year)?;
    let (month, day) = (number(month)?, number::<i8>(day)?);
    if day == 0 {
        Date::new(year, month, 1).ok().map(Date::last_of_month)
    } else {
        Date::new(year, month, day).ok()
    }
}

/// The year that ends in these two digits, from 49 years before the reference year to 50 after it
/// (GS1 General Specifications, "Determination of century in dates").
fn full_year(two_digits: i16, reference_year: i16) -> Option<i16> {
    let shown = reference_year.rem_euclid(100);
    let century = reference_year.checked_sub(shown)?;
    let century = match two_digits.checked_sub(shown)? {
        51.. => century.checked_sub(100)?,
        ..=-50 => century.checked_add(100)?,
        _ => century,
    };
    century.checked_add(two_digits)
}
