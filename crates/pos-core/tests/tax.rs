//! Taxes: vectors of real registers and their vendors' forums, and laws for any document.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use pos_core::money::{Currency, Money};
use pos_core::rounding::Rounding;
use pos_core::tax::{
    Percent, PriceTax, TaxAssessment, TaxError, TaxProfile, TaxRate, TaxRateId, TaxScope, TaxTable,
    TaxTarget, TaxableLine, assess,
};
use proptest::prelude::*;

const GBP: Currency = Currency::GBP;

fn rate(id: &str, percent: &str, target: TaxTarget) -> TaxRate {
    TaxRate {
        id: TaxRateId::new(id).unwrap(),
        name: format!("{id} {percent} %"),
        percent: percent.parse().unwrap(),
        target,
    }
}

fn profile(prices: PriceTax, scope: TaxScope, rounding: Rounding) -> TaxProfile {
    TaxProfile { prices, scope, rounding }
}

fn line(minor: i64, rates: &[TaxRate]) -> TaxableLine<'_> {
    TaxableLine { amount: Money::from_minor(minor, GBP), rates }
}

fn lines<'a>(minors: &[i64], rates: &'a [TaxRate]) -> Vec<TaxableLine<'a>> {
    minors.iter().map(|&minor| line(minor, rates)).collect()
}

/// Tax of each line, in minor units, several rates added up.
fn line_taxes(assessment: &TaxAssessment) -> Vec<i64> {
    let tax = |line: &pos_core::tax::TaxedLine| line.taxes.iter().map(|tax| tax.1.minor()).sum();
    assessment.lines.iter().map(tax).collect()
}

/// Zuora, "Rounding rule for inclusive tax mode": the same price, two valid answers.
#[test]
fn the_target_of_a_rate_says_which_figure_of_an_inclusive_price_is_rounded() {
    let profile = profile(PriceTax::Inclusive, TaxScope::Line, Rounding::HalfUp);
    for (target, net, tax) in [(TaxTarget::Net, 288, 11), (TaxTarget::Tax, 287, 12)] {
        let rates = [rate("A", "4", target)];
        let assessment = assess(&profile, GBP, &lines(&[299], &rates)).unwrap();
        let row = &assessment.summary[0];
        assert_eq!((row.taxable.minor(), row.tax.minor()), (net, tax), "{target:?}");
        assert_eq!(assessment.gross.minor(), 299);
    }
}

/// Square developer forum, thread 11179, recomputed.
#[test]
fn a_document_rounded_once_can_differ_by_a_cent_from_one_rounded_line_by_line() {
    let rates = [rate("NYC", "8.875", TaxTarget::Tax)];
    let tax = |scope, minors: &[i64]| {
        let profile = profile(PriceTax::Exclusive, scope, Rounding::HalfUp);
        assess(&profile, GBP, &lines(minors, &rates)).unwrap()
    };
    assert_eq!(tax(TaxScope::Line, &[1880, 695]).tax.minor(), 229);
    assert_eq!(tax(TaxScope::Document, &[1880, 695]).tax.minor(), 229);
    let four = [1500, 800, 695, 695];
    assert_eq!(tax(TaxScope::Line, &four).tax.minor(), 328);
    let document = tax(TaxScope::Document, &four);
    assert_eq!(document.tax.minor(), 327);
    // Exact: 133.125, 71.0, 61.68125 twice. Cut: 133 + 71 + 61 + 61 = 326; the missing cent goes to
    // the largest remainder, of two equal ones to the earlier.
    assert_eq!(line_taxes(&document), [133, 71, 62, 61]);
}

/// Square developer forum, thread 11705: 6.00 at 9.75 % is 0.585.
#[test]
fn a_half_goes_where_the_profile_says() {
    let rates = [rate("A", "9.75", TaxTarget::Tax)];
    for (rounding, tax) in
        [(Rounding::HalfEven, 58), (Rounding::HalfUp, 59), (Rounding::Down, 58), (Rounding::Up, 59)]
    {
        for (sign, scope) in [(1, TaxScope::Line), (-1, TaxScope::Document)] {
            let profile = profile(PriceTax::Exclusive, scope, rounding);
            let assessment = assess(&profile, GBP, &lines(&[600 * sign], &rates)).unwrap();
            assert_eq!(assessment.tax.minor(), tax * sign, "{rounding:?}");
        }
    }
}

#[test]
fn several_rates_of_a_line_apply_to_the_same_net_and_are_summed_up_each_by_itself() {
    let city = rate("b-city", "4.5", TaxTarget::Tax);
    let state = rate("a-state", "4", TaxTarget::Tax);
    let (both, one) = ([city.clone(), state.clone()], [state]);
    let profile = profile(PriceTax::Exclusive, TaxScope::Document, Rounding::HalfUp);
    let document = [line(1010, &both), line(505, &one), line(999, &[])];
    let assessment = assess(&profile, GBP, &document).unwrap();
    let rows = assessment
        .summary
        .iter()
        .map(|row| (row.rate.as_str(), row.taxable.minor(), row.tax.minor()))
        .collect::<Vec<_>>();
    // State: 4 % of 15.15 = 0.606; city: 4.5 % of 10.10 = 0.4545.
    assert_eq!(rows, [("a-state", 1515, 61), ("b-city", 1010, 45)]);
    assert_eq!(assessment.lines[2].gross.minor(), 999);
    assert_eq!(assessment.lines[0].taxes[0].0.as_str(), "b-city");
}

#[test]
fn an_inclusive_price_under_two_rates_gives_up_its_net_once() {
    // 107.25 = 100 + 4 + 3.25
    let rates = [rate("city", "3.25", TaxTarget::Net), rate("state", "4", TaxTarget::Net)];
    let mixed = [rate("city", "3.25", TaxTarget::Net), rate("state", "4", TaxTarget::Tax)];
    for rates in [&rates, &mixed] {
        for scope in [TaxScope::Line, TaxScope::Document] {
            let profile = profile(PriceTax::Inclusive, scope, Rounding::HalfUp);
            let assessment = assess(&profile, GBP, &lines(&[10_725], rates)).unwrap();
            let taxed = &assessment.lines[0];
            assert_eq!(taxed.net.minor(), 10_000);
            assert_eq!((taxed.taxes[0].1.minor(), taxed.taxes[1].1.minor()), (325, 400));
        }
    }
}

#[test]
fn the_order_in_which_a_line_lists_its_rates_does_not_matter() {
    let (a, b) = (rate("a", "7", TaxTarget::Net), rate("b", "19", TaxTarget::Net));
    let (ab, ba) = ([a.clone(), b.clone()], [b, a]);
    let profile = profile(PriceTax::Inclusive, TaxScope::Document, Rounding::HalfUp);
    let one = assess(&profile, GBP, &[line(333, &ab), line(777, &ab)]).unwrap();
    let other = assess(&profile, GBP, &[line(333, &ab), line(777, &ba)]).unwrap();
    assert_eq!(one.summary, other.summary);
    assert_eq!(line_taxes(&one), line_taxes(&other));
}

#[test]
fn a_tax_table_that_contradicts_itself_is_refused() {
    let (a, dear) = (rate("A", "7", TaxTarget::Net), rate("A", "19", TaxTarget::Net));
    let table = |categories: &[(&str, &[TaxRate])]| {
        let owned = |(key, rates): &(&str, &[TaxRate])| ((*key).to_owned(), rates.to_vec());
        TaxTable::new(categories.iter().map(owned).collect())
    };
    let id = a.id.clone();
    let twice = table(&[("food", &[a.clone(), a.clone()])]);
    assert_eq!(twice, Err(TaxError::RateTwice(id.clone())));
    let conflict =
        table(&[("food", core::slice::from_ref(&a)), ("drink", core::slice::from_ref(&dear))]);
    assert_eq!(conflict, Err(TaxError::RateConflict(id.clone())));
    let profile = profile(PriceTax::Inclusive, TaxScope::Line, Rounding::HalfUp);
    let (cheap, dear) = ([a.clone()], [dear]);
    let mixed = assess(&profile, GBP, &[line(1, &cheap), line(1, &dear)]);
    assert_eq!(mixed, Err(TaxError::RateConflict(id)));

    let good = table(&[("food", &[a]), ("books", &[])]).unwrap();
    assert_eq!(good.rates("books"), Ok(&[][..]));
    assert_eq!(good.rates("toys"), Err(TaxError::UnknownCategory("toys".to_owned())));
    let json = serde_json::to_string(&good).unwrap();
    assert_eq!(serde_json::from_str::<TaxTable>(&json).unwrap(), good);
    let bytes = postcard::to_stdvec(&good).unwrap();
    assert_eq!(postcard::from_bytes::<TaxTable>(&bytes).unwrap(), good);
    let twice = json.replacen(
        '[',
        "[{\"id\":\"A\",\"name\":\"\",\"percent\":\"7\",\"target\":\"net\"},",
        1,
    );
    assert!(serde_json::from_str::<TaxTable>(&twice).is_err());
}

#[test]
fn amounts_that_cannot_be_added_are_refused() {
    let rates = [rate("A", "1000", TaxTarget::Tax)];
    let exclusive = profile(PriceTax::Exclusive, TaxScope::Document, Rounding::HalfUp);
    assert!(matches!(
        assess(&exclusive, Currency::EUR, &[line(1, &rates)]),
        Err(TaxError::Money(_))
    ));
    for minor in [i64::MAX, i64::MIN] {
        assert!(matches!(assess(&exclusive, GBP, &[line(minor, &rates)]), Err(TaxError::Money(_))));
    }
    // The largest document still works where its sums fit.
    let inclusive = profile(PriceTax::Inclusive, TaxScope::Document, Rounding::HalfEven);
    let assessment = assess(&inclusive, GBP, &[line(i64::MAX, &rates)]).unwrap();
    assert_eq!(assessment.gross.minor(), i64::MAX);
}

#[test]
fn an_empty_document_has_no_tax() {
    let profile = profile(PriceTax::Inclusive, TaxScope::Document, Rounding::HalfUp);
    let assessment = assess(&profile, GBP, &[]).unwrap();
    assert!(assessment.gross.is_zero() && assessment.lines.is_empty());
}

/// The whole figures of a percentage: a small pool of rates, so that lines share some.
fn arb_pool() -> impl Strategy<Value = Vec<TaxRate>> {
    let percent = prop_oneof![
        3 => prop::sample::select(vec![0, 40_000, 50_000, 88_750, 190_000, 200_000, 255_000]),
        1 => 0..=Percent::MAX.ten_thousandths(),
    ];
    let target = prop_oneof![Just(TaxTarget::Net), Just(TaxTarget::Tax)];
    prop::collection::vec((percent, target), 1..=3).prop_map(|rates| {
        let named = |(index, (percent, target)): (usize, (i64, TaxTarget))| TaxRate {
            id: TaxRateId::new(format!("r{index}")).unwrap(),
            name: String::new(),
            percent: Percent::from_ten_thousandths(percent).unwrap(),
            target,
        };
        rates.into_iter().enumerate().map(named).collect()
    })
}

/// An amount, and which rates of the pool the line bears.
fn arb_lines() -> impl Strategy<Value = Vec<(i64, u8)>> {
    let amount =
        prop_oneof![8 => -100_000_i64..100_000, 2 => -5_i64..5, 1 => -(1_i64 << 50)..(1 << 50)];
    prop::collection::vec((amount, any::<u8>()), 0..12)
}

fn arb_profile() -> impl Strategy<Value = TaxProfile> {
    let prices = prop_oneof![Just(PriceTax::Inclusive), Just(PriceTax::Exclusive)];
    let scope = prop_oneof![Just(TaxScope::Line), Just(TaxScope::Document)];
    let rounding = prop::sample::select(vec![
        Rounding::HalfUp,
        Rounding::HalfEven,
        Rounding::Down,
        Rounding::Up,
    ]);
    (prices, scope, rounding).prop_map(|(prices, scope, rounding)| profile(prices, scope, rounding))
}

fn pick(pool: &[TaxRate], lines: &[(i64, u8)]) -> Vec<(i64, Vec<TaxRate>)> {
    let chosen = |mask: u8| {
        let of_mask = pool.iter().enumerate().filter(move |(bit, _)| mask >> bit & 1 == 1);
        of_mask.map(|(_, rate)| rate.clone()).collect()
    };
    lines.iter().map(|&(minor, mask)| (minor, chosen(mask))).collect()
}

fn run(profile: TaxProfile, lines: &[(i64, Vec<TaxRate>)], sign: i64) -> TaxAssessment {
    let lines = lines.iter().map(|(minor, rates)| line(minor * sign, rates)).collect::<Vec<_>>();
    assess(&profile, GBP, &lines).unwrap()
}

fn minors<'a>(amounts: impl IntoIterator<Item = &'a Money>) -> i64 {
    amounts.into_iter().map(|amount| amount.minor()).sum()
}

proptest! {
    #[test]
    fn every_sum_of_a_document_holds_to_the_minor_unit(
        profile in arb_profile(), pool in arb_pool(), lines in arb_lines(),
    ) {
        let given = pick(&pool, &lines);
        let assessment = run(profile, &given, 1);
        prop_assert_eq!(assessment.lines.len(), given.len());
        for (taxed, (amount, rates)) in assessment.lines.iter().zip(&given) {
            let tax = minors(taxed.taxes.iter().map(|tax| &tax.1));
            prop_assert_eq!(taxed.net.minor() + tax, taxed.gross.minor());
            let priced = if profile.prices == PriceTax::Inclusive { taxed.gross } else { taxed.net };
            prop_assert_eq!(priced.minor(), *amount);
            prop_assert!(taxed.taxes.iter().map(|tax| &tax.0).eq(rates.iter().map(|rate| &rate.id)));
        }
        prop_assert_eq!(assessment.net.minor(), minors(assessment.lines.iter().map(|line| &line.net)));
        prop_assert_eq!(assessment.tax.minor(), minors(assessment.summary.iter().map(|row| &row.tax)));
        prop_assert_eq!(assessment.net.minor() + assessment.tax.minor(), assessment.gross.minor());
        prop_assert!(assessment.summary.is_sorted_by(|a, b| a.rate < b.rate));
        for row in &assessment.summary {
            let bearing = assessment.lines.iter().filter(|line| line.taxes.iter().any(|tax| tax.0 == row.rate));
            prop_assert_eq!(row.taxable.minor(), minors(bearing.map(|line| &line.net)));
        }
    }

    #[test]
    fn a_document_turned_round_has_every_figure_turned_round(
        profile in arb_profile(), pool in arb_pool(), lines in arb_lines(),
    ) {
        let given = pick(&pool, &lines);
        let (sale, mirror) = (run(profile, &given, 1), run(profile, &given, -1));
        for (a, b) in sale.lines.iter().zip(&mirror.lines) {
            prop_assert_eq!(a.net.checked_neg().unwrap(), b.net);
            prop_assert_eq!(a.gross.checked_neg().unwrap(), b.gross);
            for (x, y) in a.taxes.iter().zip(&b.taxes) {
                prop_assert_eq!(-x.1.minor(), y.1.minor());
            }
        }
        prop_assert_eq!(-sale.tax.minor(), mirror.tax.minor());
    }

    #[test]
    fn no_line_is_further_than_one_unit_from_its_exact_tax(
        profile in arb_profile(), pool in arb_pool(), lines in arb_lines(),
    ) {
        let one_rate = lines.iter().map(|&(minor, mask)| (minor, mask & 1)).collect::<Vec<_>>();
        let given = pick(&pool[..1], &one_rate);
        let parts = i128::from(pool[0].percent.ten_thousandths());
        let included = if profile.prices == PriceTax::Inclusive { parts } else { 0 };
        for (taxed, (amount, rates)) in run(profile, &given, 1).lines.iter().zip(&given) {
            let whole = 1_000_000 + included;
            let tax = taxed.taxes.first().map_or(0, |tax| i128::from(tax.1.minor()));
            let exact = if rates.is_empty() { 0 } else { i128::from(*amount) * parts };
            prop_assert!((tax * whole - exact).abs() < whole, "{tax} of {amount}");
            prop_assert!(tax.signum() * i128::from(amount.signum()) >= 0);
            prop_assert!(tax.abs() <= i128::from(taxed.gross.minor().abs()));
        }
    }

    #[test]
    fn in_document_scope_the_tax_of_a_rate_is_the_rounded_tax_of_the_sum(
        rounding in prop::sample::select(vec![Rounding::HalfUp, Rounding::HalfEven, Rounding::Down]),
        pool in arb_pool(), lines in arb_lines(),
    ) {
        let profile = profile(PriceTax::Exclusive, TaxScope::Document, rounding);
        for row in run(profile, &pick(&pool, &lines), 1).summary {
            // An independent way: decimals instead of whole-number fractions.
            let exact = row.taxable.to_decimal() * row.percent.to_decimal() / rust_decimal::Decimal::ONE_HUNDRED;
            prop_assert_eq!(Money::round_from(exact, GBP, rounding).unwrap(), row.tax);
        }
    }

    #[test]
    fn an_assessment_comes_back_from_both_formats(
        profile in arb_profile(), pool in arb_pool(), lines in arb_lines(),
    ) {
        let assessment = run(profile, &pick(&pool, &lines), 1);
        let json = serde_json::to_string(&(profile, &assessment)).unwrap();
        let back = serde_json::from_str::<(TaxProfile, TaxAssessment)>(&json).unwrap();
        prop_assert_eq!(&back, &(profile, assessment.clone()));
        let bytes = postcard::to_stdvec(&assessment).unwrap();
        prop_assert_eq!(postcard::from_bytes::<TaxAssessment>(&bytes).unwrap(), assessment);
    }
}
