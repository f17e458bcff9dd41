//! The sums of a receipt, done again from its printed figures by other means than the till's.

use pos_core::rounding::Rounding;
use pos_core::store::StoreSettings;
use pos_core::tax::{PriceTax, TaxScope};
use pos_core::transaction::SaleTransaction;
use std::collections::BTreeMap;

use super::shop::RATES;

/// `numerator / denominator`, rounded on its magnitude.
fn rounded(numerator: i128, denominator: i128, rounding: Rounding) -> i128 {
    let (magnitude, sign) = (numerator.abs(), numerator.signum());
    let (whole, rest) = (magnitude / denominator, magnitude % denominator);
    let up = match rounding {
        Rounding::Down => false,
        Rounding::Up => rest > 0,
        Rounding::HalfUp => 2 * rest >= denominator,
        Rounding::HalfEven => 2 * rest > denominator || (2 * rest == denominator && whole % 2 == 1),
    };
    sign * (whole + i128::from(up))
}

/// The tax in or on an amount, at a rate in ten-thousandths of a percent.
fn tax_of(amount: i128, rate: i64, prices: PriceTax, rounding: Rounding) -> i128 {
    let (rate, whole) = (i128::from(rate), 1_000_000);
    match prices {
        PriceTax::Exclusive => rounded(amount * rate, whole, rounding),
        PriceTax::Inclusive => rounded(amount * rate, whole + rate, rounding),
    }
}

/// What is wrong with the sums of a receipt, if something is.
pub(super) fn fault(sale: &SaleTransaction, settings: &StoreSettings) -> Option<String> {
    let sum = |of: &mut dyn Iterator<Item = i64>| of.map(i128::from).sum::<i128>();
    let lines = sum(&mut sale.items.iter().map(|item| item.net.minor()));
    let taxes = sum(&mut sale.items.iter().flat_map(|item| &item.taxes).map(|tax| tax.1.minor()));
    let total = i128::from(sale.total.minor());
    if lines + taxes != total {
        return Some(format!("lines {lines} and tax {taxes} are not the total {total}"));
    }
    let tendered = sum(&mut sale.payments.iter().map(|one| one.tendered.minor()));
    let change = sum(&mut sale.payments.iter().map(|one| one.change.minor()));
    let rounding = i128::from(sale.rounding.minor());
    if total + rounding != tendered - change {
        return Some(format!("total {total} and rounding {rounding}: {tendered} - {change} paid"));
    }
    let shown = sum(&mut sale.tax_summary.iter().map(|row| row.tax.minor()));
    if shown != taxes {
        return Some(format!("the tax summary says {shown}, the lines {taxes}"));
    }
    // What comes back on a receipt comes back with the tax that was paid then.
    if sale.items.iter().any(|item| item.returns.is_some()) {
        return None;
    }
    tax_fault(sale, settings)
}

fn tax_fault(sale: &SaleTransaction, settings: &StoreSettings) -> Option<String> {
    let profile = &settings.tax_profile;
    let mut by_rate: BTreeMap<&str, (i128, i128)> = BTreeMap::new();
    for item in &sale.items {
        let category = item.product.tax_category.as_str();
        let rate = RATES.iter().find(|(name, _)| *name == category).map(|(_, rate)| *rate)?;
        let amount = i128::from(item.amount.minor());
        let tax: i128 = item.taxes.iter().map(|(_, tax)| i128::from(tax.minor())).sum();
        if profile.scope == TaxScope::Line {
            let right = tax_of(amount, rate, profile.prices, profile.rounding);
            if tax != right {
                return Some(format!("a line of {amount} at {rate}: tax {tax}, not {right}"));
            }
        }
        let sums = by_rate.entry(category).or_default();
        *sums = (sums.0 + amount, sums.1 + tax);
    }
    if profile.scope == TaxScope::Line {
        return None;
    }
    by_rate.into_iter().find_map(|(category, (amount, tax))| {
        let rate = RATES.iter().find(|(name, _)| *name == category).map(|(_, rate)| *rate)?;
        let right = tax_of(amount, rate, profile.prices, profile.rounding);
        (tax != right).then(|| format!("{amount} at {rate}: tax {tax}, not {right}"))
    })
}
