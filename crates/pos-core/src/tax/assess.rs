//! Working out the taxes of a document, exactly.
//!
//! All arithmetic is on whole numbers (minor units and ten-thousandths of a percent), so a share
//! of tax is an exact fraction until the one moment it is rounded. Rounding works on magnitudes:
//! a document with every amount negated has every result negated, so a return mirrors its sale.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::table::check_rates;
use super::{Percent, PriceTax, TaxError, TaxProfile, TaxRate, TaxRateId, TaxScope, TaxTarget};
use crate::money::{Currency, Money, MoneyError};
use crate::rounding::Rounding;

/// What a line contributes to a tax assessment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaxableLine<'a> {
    /// What the line costs after discounts: gross when prices include tax, else net. Negative for
    /// goods that come back.
    pub amount: Money,
    /// The rates it bears; none for an exempt line.
    pub rates: &'a [TaxRate],
}

/// A line with its taxes: `net + Σ taxes = gross`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaxedLine {
    /// The amount without tax.
    pub net: Money,
    /// The tax of each rate, in the order of the line's rates.
    pub taxes: Vec<(TaxRateId, Money)>,
    /// The amount with tax.
    pub gross: Money,
}

/// What one rate comes to on a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaxSummaryRow {
    /// The rate.
    pub rate: TaxRateId,
    /// Its percentage.
    pub percent: Percent,
    /// Net of the lines that bear the rate. A line with two rates counts in the rows of both.
    pub taxable: Money,
    /// Tax of those lines: exactly the sum over the lines.
    pub tax: Money,
}

/// The taxes of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaxAssessment {
    /// The lines, in the order they were given.
    pub lines: Vec<TaxedLine>,
    /// One row for each rate that occurs, sorted by rate id.
    pub summary: Vec<TaxSummaryRow>,
    /// Sum of the lines' net.
    pub net: Money,
    /// Sum of all taxes.
    pub tax: Money,
    /// Sum of the lines' gross: `net + tax`.
    pub gross: Money,
}

/// Works out the taxes of the lines of one document, all in `currency`.
///
/// - *Line scope* rounds each rate on each line.
/// - *Document scope* rounds once and shares the rounded tax out over the lines by largest
///   remainder; a tie goes to the earlier line, so pass the lines in an order all tills agree on
///   (by line id). Prices without tax are summed per rate. Prices with tax are summed per *set* of
///   rates, since the net they contain depends on all of them together; where each line bears one
///   rate, as with VAT, that is per rate too.
/// - *Inclusive prices under several rates*: the rates whose target is the tax are taken out first,
///   each rounded by itself; what remains is a price that includes only the others, whose net is
///   rounded and whose tax is shared out in proportion to their percentages.
pub fn assess(
    profile: &TaxProfile,
    currency: Currency,
    lines: &[TaxableLine<'_>],
) -> Result<TaxAssessment, TaxError> {
    let rates = check_rates(lines.iter().map(|line| line.rates))?;
    // Refuses amounts of another currency, and totals that would not fit.
    Money::sum(lines.iter().map(|line| line.amount), currency)?;
    let taxes = match (profile.scope, profile.prices) {
        (TaxScope::Line, prices) => {
            lines.iter().map(|line| line_taxes(prices, profile.rounding, line)).collect()
        }
        (TaxScope::Document, PriceTax::Exclusive) => exclusive_document(profile.rounding, lines),
        (TaxScope::Document, PriceTax::Inclusive) => inclusive_document(profile.rounding, lines),
    };
    let lines = lines
        .iter()
        .zip(taxes)
        .map(|(line, taxes)| taxed_line(profile.prices, line, &taxes))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(TaxAssessment {
        summary: summarise(&rates, currency, &lines)?,
        net: Money::sum(lines.iter().map(|line| line.net), currency)?,
        tax: Money::sum(lines.iter().flat_map(|line| &line.taxes).map(|tax| tax.1), currency)?,
        gross: Money::sum(lines.iter().map(|line| line.gross), currency)?,
        lines,
    })
}

/// Tax in minor units of each rate of a line, in the order of its rates.
type LineTaxes = Vec<i128>;

fn taxed_line(
    prices: PriceTax,
    line: &TaxableLine<'_>,
    taxes: &[i128],
) -> Result<TaxedLine, TaxError> {
    let currency = line.amount.currency();
    let taxes = line
        .rates
        .iter()
        .zip(taxes)
        .map(|(rate, &tax)| {
            let minor = i64::try_from(tax).map_err(|_too_large| MoneyError::Overflow)?;
            Ok((rate.id.clone(), Money::from_minor(minor, currency)))
        })
        .collect::<Result<Vec<_>, TaxError>>()?;
    let tax = Money::sum(taxes.iter().map(|&(_, tax)| tax), currency)?;
    let (net, gross) = match prices {
        PriceTax::Exclusive => (line.amount, line.amount.checked_add(tax)?),
        PriceTax::Inclusive => (line.amount.checked_sub(tax)?, line.amount),
    };
    Ok(TaxedLine { net, taxes, gross })
}

fn summarise(
    rates: &BTreeMap<&TaxRateId, &TaxRate>,
    currency: Currency,
    lines: &[TaxedLine],
) -> Result<Vec<TaxSummaryRow>, TaxError> {
    rates
        .values()
        .map(|rate| {
            let mut row = TaxSummaryRow {
                rate: rate.id.clone(),
                percent: rate.percent,
                taxable: Money::zero(currency),
                tax: Money::zero(currency),
            };
            for line in lines {
                for (_, tax) in line.taxes.iter().filter(|(id, _)| *id == rate.id) {
                    row.taxable = row.taxable.checked_add(line.net)?;
                    row.tax = row.tax.checked_add(*tax)?;
                }
            }
            Ok(row)
        })
        .collect()
}

fn line_taxes(prices: PriceTax, rounding: Rounding, line: &TaxableLine<'_>) -> LineTaxes {
    let amount = i128::from(line.amount.minor());
    match prices {
        PriceTax::Exclusive => {
            line.rates.iter().map(|rate| on_top(amount, rate.percent, rounding)).collect()
        }
        PriceTax::Inclusive => contained(amount, line.rates, rounding),
    }
}

/// The tax that comes on top of a net amount.
fn on_top(net: i128, percent: Percent, rounding: Rounding) -> i128 {
    let tax = net.unsigned_abs() * u128::from(percent.parts());
    signed(round_ratio(tax, u128::from(Percent::WHOLE), rounding), net)
}

/// The taxes that a gross amount contains, in the order of `rates`.
fn contained(gross: i128, rates: &[TaxRate], rounding: Rounding) -> LineTaxes {
    let whole = u128::from(Percent::WHOLE);
    let parts = |rate: &TaxRate| u128::from(rate.percent.parts());
    let sum = |target| rates.iter().filter(|rate| rate.target == target).map(parts).sum::<u128>();
    let (tax_parts, net_parts) = (sum(TaxTarget::Tax), sum(TaxTarget::Net));
    let magnitude = gross.unsigned_abs();
    let mut rest = magnitude;
    let mut rounded_by_themselves = Vec::new();
    for rate in rates.iter().filter(|rate| rate.target == TaxTarget::Tax) {
        // Several roundings upwards on a few minor units must not take more than there is.
        let exact = (magnitude * parts(rate), whole + tax_parts + net_parts);
        let tax = round_ratio(exact.0, exact.1, rounding).min(rest);
        rest -= tax;
        rounded_by_themselves.push(tax);
    }
    let net = round_ratio(rest * whole, whole + net_parts, rounding).min(rest);
    let weights = rates.iter().map(|rate| match rate.target {
        TaxTarget::Net => i128::from(rate.percent.parts()),
        TaxTarget::Tax => 0,
    });
    let shared =
        share_out(signed(rest - net, 1), &weights.collect::<Vec<_>>(), rest - net, net_parts);
    let mut by_themselves = rounded_by_themselves.into_iter();
    rates
        .iter()
        .zip(shared)
        .map(|(rate, shared)| match rate.target {
            TaxTarget::Net => signed(shared.unsigned_abs(), gross),
            TaxTarget::Tax => signed(by_themselves.next().unwrap_or(0), gross),
        })
        .collect()
}

/// Prices without tax: each rate is worked out on the sum of the lines that bear it.
fn exclusive_document(rounding: Rounding, lines: &[TaxableLine<'_>]) -> Vec<LineTaxes> {
    let mut bearers = BTreeMap::<&TaxRateId, (Percent, Vec<Place>)>::new();
    for (line, taxable) in lines.iter().enumerate() {
        for (slot, rate) in taxable.rates.iter().enumerate() {
            let (_, places) = bearers.entry(&rate.id).or_insert_with(|| (rate.percent, Vec::new()));
            places.push(Place { line, slot });
        }
    }
    let mut taxes = no_taxes(lines);
    for (percent, places) in bearers.values() {
        let amounts = places.iter().map(|place| amount_at(lines, place.line)).collect::<Vec<_>>();
        let total = on_top(amounts.iter().sum(), *percent, rounding);
        let whole = u128::from(Percent::WHOLE);
        let shares = share_out(total, &amounts, u128::from(percent.parts()), whole);
        place(&mut taxes, places, shares);
    }
    taxes
}

/// Prices with tax: lines that bear the same rates are worked out as one amount.
fn inclusive_document(rounding: Rounding, lines: &[TaxableLine<'_>]) -> Vec<LineTaxes> {
    let mut groups = BTreeMap::<Vec<&TaxRateId>, Vec<usize>>::new();
    for (index, line) in lines.iter().enumerate() {
        let mut key = line.rates.iter().map(|rate| &rate.id).collect::<Vec<_>>();
        key.sort_unstable();
        groups.entry(key).or_default().push(index);
    }
    let mut taxes = no_taxes(lines);
    for members in groups.values() {
        let Some(first) = members.first().and_then(|&index| lines.get(index)) else { continue };
        let amounts = members.iter().map(|&line| amount_at(lines, line)).collect::<Vec<_>>();
        let totals = contained(amounts.iter().sum(), first.rates, rounding);
        let parts = first.rates.iter().map(|rate| u128::from(rate.percent.parts()));
        let whole = u128::from(Percent::WHOLE) + parts.clone().sum::<u128>();
        for ((rate, parts), total) in first.rates.iter().zip(parts).zip(totals) {
            let shares = share_out(total, &amounts, parts, whole);
            // Two lines may list the same rates in another order.
            let places =
                members.iter().map(|&line| Place { line, slot: slot_of(lines, line, rate) });
            place(&mut taxes, &places.collect::<Vec<_>>(), shares);
        }
    }
    taxes
}

/// Where one tax goes: a line, and a place among its rates.
struct Place {
    line: usize,
    slot: usize,
}

fn no_taxes(lines: &[TaxableLine<'_>]) -> Vec<LineTaxes> {
    lines.iter().map(|line| vec![0; line.rates.len()]).collect()
}

fn amount_at(lines: &[TaxableLine<'_>], index: usize) -> i128 {
    lines.get(index).map_or(0, |line| i128::from(line.amount.minor()))
}

fn slot_of(lines: &[TaxableLine<'_>], line: usize, rate: &TaxRate) -> usize {
    let mut rates = lines.get(line).map_or(&[][..], |line| line.rates).iter();
    rates.position(|own| own.id == rate.id).unwrap_or(usize::MAX)
}

fn place(taxes: &mut [LineTaxes], places: &[Place], shares: Vec<i128>) {
    for (place, share) in places.iter().zip(shares) {
        if let Some(tax) = taxes.get_mut(place.line).and_then(|line| line.get_mut(place.slot)) {
            *tax = share;
        }
    }
}

/// Shares `total` out over `amounts`, whose exact shares are `amount * num / den`, by largest
/// remainder: each share is cut towards zero, what is missing goes unit by unit to the largest
/// remainders of its sign, earlier lines first. Negating `total` and `amounts` negates the shares.
///
/// `total` is the rounded sum of the exact shares, or a few units off when several inclusive rates
/// were rounded together; nothing is given to an amount of zero.
fn share_out(total: i128, amounts: &[i128], num: u128, den: u128) -> Vec<i128> {
    let exact = |amount: i128| amount.unsigned_abs() * num;
    let mut shares = amounts
        .iter()
        .map(|&amount| signed(exact(amount) / den.max(1), amount))
        .collect::<Vec<_>>();
    let missing = total - shares.iter().sum::<i128>();
    let mut takers = amounts
        .iter()
        .enumerate()
        .filter(|&(_, &amount)| amount != 0)
        .map(|(index, &amount)| {
            let remainder = signed(exact(amount) % den.max(1), amount) * missing.signum();
            (core::cmp::Reverse(remainder), index)
        })
        .collect::<Vec<_>>();
    takers.sort_unstable();
    let mut left = missing.unsigned_abs();
    while left > 0 && !takers.is_empty() {
        for &(_, index) in &takers {
            if left == 0 {
                break;
            }
            if let Some(share) = shares.get_mut(index) {
                *share += missing.signum();
                left -= 1;
            }
        }
    }
    shares
}

/// `num / den` as a whole number.
fn round_ratio(num: u128, den: u128, rounding: Rounding) -> u128 {
    let (floor, remainder) = (num / den, num % den);
    let up = match rounding {
        Rounding::Down => false,
        Rounding::Up => remainder > 0,
        Rounding::HalfUp => remainder * 2 >= den,
        Rounding::HalfEven => match (remainder * 2).cmp(&den) {
            core::cmp::Ordering::Less => false,
            core::cmp::Ordering::Equal => floor % 2 == 1,
            core::cmp::Ordering::Greater => true,
        },
    };
    floor + u128::from(up)
}

/// `magnitude` with the sign of `like`. Magnitudes here are far below `i128::MAX`: at most the
/// amount of a document times 1000 %.
fn signed(magnitude: u128, like: i128) -> i128 {
    let magnitude = i128::try_from(magnitude).unwrap_or(i128::MAX);
    if like < 0 { -magnitude } else { magnitude }
}
