//! Discounts as a cashier enters them, turned into what the domain keeps: hundredths of a percent a
//! line. Pure.
//!
//! An amount off a line is the percentage that comes to it. The domain rounds a line's discount to the
//! minor unit, so every amount has such a percentage while the line is worth no more than 10,000
//! minor units (100.00); above, some amounts have none, and then nothing is changed and the nearest
//! is named. An amount off the cart is spread over the lines by what they are worth.

use pos_core::cart::{CartView, LinePrice};
use pos_core::ids::LineId;
use pos_core::money::{Currency, Money};
use pos_core::rounding::Rounding;

/// 100 % in hundredths of a percent.
const WHOLE: i128 = LinePrice::WHOLE_BASIS_POINTS as i128;

/// A line that a discount is taken off: what it is worth without one, in minor units, above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Worth {
    line: LineId,
    minor: i64,
}

/// Why a discount cannot be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DiscountRefused {
    /// It is more than it is taken off.
    TooHigh,
    /// It cannot be given to the minor unit; the nearest that can.
    Inexact(Money),
    /// No line bears one.
    NothingToDiscount,
    /// It is in another currency, or a line is beyond what money holds.
    Impossible,
}

/// What each line's percentage has to be for `percent` off all of them.
pub(super) fn percent_off(
    cart: &CartView,
    only: Option<LineId>,
    basis_points: u16,
) -> Result<Vec<(LineId, u16)>, DiscountRefused> {
    if basis_points > LinePrice::WHOLE_BASIS_POINTS {
        return Err(DiscountRefused::TooHigh);
    }
    let lines = cart.live_lines().filter(|line| only.is_none_or(|only| only == line.id));
    let edits: Vec<(LineId, u16)> = lines.map(|line| (line.id, basis_points)).collect();
    if edits.is_empty() { Err(DiscountRefused::NothingToDiscount) } else { Ok(edits) }
}

/// What each line's percentage has to be so that `amount` is off them in all, exactly.
pub(super) fn amount_off(
    cart: &CartView,
    only: Option<LineId>,
    amount: Money,
    currency: Currency,
) -> Result<Vec<(LineId, u16)>, DiscountRefused> {
    if amount.currency() != currency || amount.is_negative() {
        return Err(DiscountRefused::Impossible);
    }
    let mut worths = Vec::new();
    for line in cart.live_lines().filter(|line| only.is_none_or(|only| only == line.id)) {
        let worth = line.price.unit_price.extend(line.quantity, Rounding::HalfUp);
        let worth = worth.map_err(|_too_large| DiscountRefused::Impossible)?;
        if worth.minor() > 0 {
            worths.push(Worth { line: line.id, minor: worth.minor() });
        }
    }
    spread(&worths, amount.minor()).map_err(|refused| refused.in_money(currency))
}

enum Refused {
    TooHigh,
    Inexact(i64),
    NothingToDiscount,
    Impossible,
}

impl Refused {
    const fn in_money(self, currency: Currency) -> DiscountRefused {
        match self {
            Self::TooHigh => DiscountRefused::TooHigh,
            Self::Inexact(minor) => DiscountRefused::Inexact(Money::from_minor(minor, currency)),
            Self::NothingToDiscount => DiscountRefused::NothingToDiscount,
            Self::Impossible => DiscountRefused::Impossible,
        }
    }
}

/// Spreads the amount by worth, then gives what rounding has left to the lines that can take it.
fn spread(worths: &[Worth], amount: i64) -> Result<Vec<(LineId, u16)>, Refused> {
    let total = worths.iter().try_fold(0_i64, |sum, worth| sum.checked_add(worth.minor));
    let total = total.ok_or(Refused::Impossible)?;
    if worths.is_empty() {
        return Err(Refused::NothingToDiscount);
    }
    if amount > total {
        return Err(Refused::TooHigh);
    }
    let mut points = Vec::with_capacity(worths.len());
    let mut given = 0_i64;
    for worth in worths {
        let share = i128::from(amount) * i128::from(worth.minor) / i128::from(total).max(1);
        let share = i64::try_from(share).map_err(|_too_large| Refused::Impossible)?;
        let chosen = points_for(worth.minor, share);
        given = given.saturating_add(off(worth.minor, chosen));
        points.push(chosen);
    }
    // No line takes more than is left, and the smallest come last: among them every minor unit has
    // a percentage.
    let mut order: Vec<usize> = (0..worths.len()).collect();
    order.sort_by_key(|&at| worths.get(at).map_or((0, at), |worth| (-worth.minor, at)));
    for at in order {
        let (Some(worth), Some(chosen)) = (worths.get(at), points.get_mut(at)) else { continue };
        let now = off(worth.minor, *chosen);
        let wanted = now.saturating_add(amount.saturating_sub(given)).clamp(0, worth.minor);
        *chosen = points_for(worth.minor, wanted);
        given = given.saturating_sub(now).saturating_add(off(worth.minor, *chosen));
    }
    if given != amount {
        return Err(Refused::Inexact(given));
    }
    Ok(worths.iter().map(|worth| worth.line).zip(points).collect())
}

/// The percentage whose rounded discount is `wanted`, or the nearest below.
fn points_for(worth: i64, wanted: i64) -> u16 {
    let nearest =
        (2 * i128::from(wanted) * WHOLE + i128::from(worth)) / (2 * i128::from(worth)).max(1);
    let nearest = u16::try_from(nearest.clamp(0, WHOLE)).unwrap_or(LinePrice::WHOLE_BASIS_POINTS);
    if off(worth, nearest) > wanted { nearest.saturating_sub(1) } else { nearest }
}

/// What a percentage takes off, rounded as the domain rounds it: half away from zero.
fn off(worth: i64, points: u16) -> i64 {
    let doubled = 2 * i128::from(worth) * i128::from(points) + WHOLE;
    i64::try_from(doubled / (2 * WHOLE)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worths(minors: &[i64]) -> Vec<Worth> {
        let line = |at: usize| LineId::from_bytes([u8::try_from(at).unwrap(); LineId::LEN]);
        minors.iter().enumerate().map(|(at, &minor)| Worth { line: line(at), minor }).collect()
    }

    fn given(worths: &[Worth], points: &[(LineId, u16)]) -> i64 {
        worths.iter().zip(points).map(|(worth, (_, points))| off(worth.minor, *points)).sum()
    }

    #[test]
    fn every_amount_comes_off_a_line_of_up_to_a_hundred_exactly() {
        for worth in [1, 2, 3, 7, 99, 100, 101, 999, 1234, 5000, 9999, 10_000] {
            let lines = worths(&[worth]);
            for amount in 0..=worth {
                let points = spread(&lines, amount).ok().unwrap();
                assert_eq!(given(&lines, &points), amount, "{amount} off {worth}");
            }
        }
    }

    #[test]
    fn an_amount_off_a_cart_is_spread_and_sums_exactly() {
        for lines in [&[333, 333, 334][..], &[1, 1, 1], &[25_000, 199], &[120_000, 9_999, 5]] {
            let lines = worths(lines);
            for amount in [1, 2, 3] {
                let points = spread(&lines, amount).ok().unwrap();
                assert_eq!(given(&lines, &points), amount, "{amount} off {lines:?}");
            }
        }
        let lines = worths(&[1000, 3000]);
        let points = spread(&lines, 400).ok().unwrap();
        assert_eq!(points.iter().map(|(_, points)| *points).collect::<Vec<_>>(), [1000, 1000]);
    }

    #[test]
    fn more_than_all_is_refused_and_what_cannot_be_given_is_named() {
        assert!(matches!(spread(&worths(&[500]), 501), Err(Refused::TooHigh)));
        assert!(matches!(spread(&[], 1), Err(Refused::NothingToDiscount)));
        // Of 1,000.00 a hundredth of a percent is 0.10.
        assert!(matches!(spread(&worths(&[100_000]), 101), Err(Refused::Inexact(100))));
    }
}
