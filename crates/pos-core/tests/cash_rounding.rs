//! Cash rounding: the rules of real markets, the table against its sources, and laws.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use pos_core::cash_rounding::{CashRounding, CashRoundingMode};
use pos_core::money::{Currency, Money, MoneyError};
use pos_core::rounding::Rounding;
use pos_core::tax::{
    PriceTax, TaxProfile, TaxRate, TaxRateId, TaxScope, TaxTarget, TaxableLine, assess,
};
use proptest::prelude::*;
use rust_decimal::Decimal;

use CashRoundingMode::{Down, NearestTieDown, NearestTieUp, Up};

fn currency(code: &str) -> Currency {
    Currency::from_code(code).unwrap()
}

/// What is paid in coins for an amount due.
fn paid(rounding: CashRounding, due: Money) -> Money {
    due.checked_add(rounding.adjustment(due).unwrap()).unwrap()
}

fn paid_in(country: &str, code: &str, minor: i64) -> i64 {
    let rounding = CashRounding::for_country(country, currency(code)).unwrap();
    paid(rounding, Money::from_minor(minor, currency(code))).minor()
}

/// Budget of Canada 2012, "Rounding": 1 and 2 down, 3 and 4 up, 6 and 7 down, 8 and 9 up.
#[test]
fn canada_rounds_cash_to_five_cents() {
    assert_eq!(paid_in("CA", "CAD", 492), 490);
    let up_to_ten = (0..=10).map(|ending| paid_in("CA", "CAD", 100 + ending)).collect::<Vec<_>>();
    assert_eq!(up_to_ten, [100, 100, 100, 105, 105, 105, 105, 105, 110, 110, 110]);
}

/// Comarch POS manual, rounding in Switzerland.
#[test]
fn switzerland_rounds_cash_to_five_rappen() {
    for (due, cash) in [(1697, 1695), (1699, 1700), (99_999, 100_000)] {
        assert_eq!(paid_in("CH", "CHF", due), cash);
    }
}

/// Casio V-R register manual, modes 4, 13 and 14.
#[test]
fn ties_go_up_in_scandinavia() {
    for (due, cash) in [(1024, 1000), (1025, 1050), (1074, 1050), (1075, 1100)] {
        assert_eq!(paid_in("DK", "DKK", due), cash);
    }
    for country in [("SE", "SEK"), ("NO", "NOK")] {
        assert_eq!(paid_in(country.0, country.1, 1049), 1000);
        assert_eq!(paid_in(country.0, country.1, 1050), 1100);
    }
}

/// Wikipedia, "Swedish rounding": in New Zealand a 5 is the merchant's choice.
#[test]
fn a_new_zealand_merchant_chooses_where_five_cents_go() {
    let due = Money::from_minor(195, currency("NZD"));
    let up = CashRounding::for_country("NZ", due.currency()).unwrap();
    let down = CashRounding::new(up.step_minor(), NearestTieDown).unwrap();
    assert_eq!((paid(up, due).minor(), paid(down, due).minor()), (200, 190));
}

/// Odoo documentation, cash rounding strategies.
#[test]
fn a_merchant_can_round_up_down_or_to_the_nearest() {
    let due = Money::from_minor(1992, Currency::EUR);
    for (mode, cash) in [(Up, 1995), (Down, 1990), (NearestTieUp, 1990), (NearestTieDown, 1990)] {
        assert_eq!(paid(CashRounding::new(5, mode).unwrap(), due).minor(), cash, "{mode:?}");
    }
}

/// Odoo pull request 204301: 95.00 + 2 x 42.00 including 7 %, rounded up to 1.00, 200 given in
/// cash. Odoo worked the total out from net and tax in floats, and gave 20.
#[test]
fn a_total_that_is_already_round_is_not_rounded_up() {
    let rates = [TaxRate {
        id: TaxRateId::new("R").unwrap(),
        name: "7 %".to_owned(),
        percent: "7".parse().unwrap(),
        target: TaxTarget::Net,
    }];
    let cash = CashRounding::new(100, Up).unwrap();
    for scope in [TaxScope::Line, TaxScope::Document] {
        let lines = [9500, 8400].map(|minor| TaxableLine {
            amount: Money::from_minor(minor, Currency::EUR),
            rates: &rates,
        });
        let profile = TaxProfile { prices: PriceTax::Inclusive, scope, rounding: Rounding::HalfUp };
        let sale = assess(&profile, Currency::EUR, &lines).unwrap();
        let given = Money::from_minor(20_000, Currency::EUR);
        let change = given.checked_sub(paid(cash, sale.gross)).unwrap();
        assert_eq!(change.minor(), 2100);
        assert_eq!(sale.net.checked_add(sale.tax).unwrap(), sale.gross);
    }
}

/// Belgian law of 2019-12-01 for shops that round cash alone (Comarch, optios).
#[test]
fn of_a_mixed_payment_only_the_cash_part_is_rounded() {
    let total = Money::from_minor(1002, Currency::EUR);
    let rounding = CashRounding::for_country("BE", Currency::EUR).unwrap();
    let by_card = Money::from_minor(499, Currency::EUR);
    let due = total.checked_sub(by_card).unwrap();
    // 5.03 in cash is 5.05; the whole total would have gone down to 10.00.
    assert_eq!(rounding.adjustment(due).unwrap().minor(), 2);
    assert_eq!(rounding.adjustment(total).unwrap().minor(), -2);
    let nothing_left = total.checked_sub(total).unwrap();
    assert_eq!(rounding.adjustment(nothing_left).unwrap().minor(), 0);
}

#[test]
fn the_table_says_what_its_sources_say() {
    let mut reader = csv::Reader::from_reader(include_bytes!("data/cash_rounding.csv").as_slice());
    let mut rows = 0;
    for row in reader.records() {
        let row = row.unwrap();
        let currency = currency(&row[1]);
        let step = Money::from_decimal(row[2].parse().unwrap(), currency).unwrap();
        let mode = match &row[3] {
            "nearest" => NearestTieUp,
            "down" => Down,
            other => panic!("unknown mode {other}"),
        };
        let expected = CashRounding::new(u32::try_from(step.minor()).unwrap(), mode).unwrap();
        assert_eq!(CashRounding::for_country(&row[0], currency), Some(expected), "{}", &row[0]);
        rows += 1;
    }
    assert_eq!(rows, 30);
    assert_eq!(CashRounding::for_country("US", currency("USD")), None);
    assert_eq!(CashRounding::for_country("CH", Currency::EUR), None);
    assert_eq!(CashRounding::for_country("DE", Currency::EUR), None);
}

#[test]
fn a_step_of_nothing_is_refused_everywhere() {
    assert!(CashRounding::new(0, NearestTieUp).is_err());
    let json = serde_json::to_string(&CashRounding::new(5, Up).unwrap()).unwrap();
    assert_eq!(json, r#"{"stepMinor":5,"mode":"up"}"#);
    assert!(serde_json::from_str::<CashRounding>(&json.replace('5', "0")).is_err());
}

#[test]
fn an_amount_that_cannot_be_rounded_is_an_error_and_not_a_wrong_figure() {
    let due = Money::from_minor(i64::MAX, Currency::EUR);
    assert_eq!(CashRounding::new(5, Up).unwrap().adjustment(due), Err(MoneyError::Overflow));
    let refund = Money::from_minor(i64::MIN, Currency::EUR);
    assert_eq!(CashRounding::new(5, Down).unwrap().adjustment(refund).unwrap().minor(), 3);
}

proptest! {
    #[test]
    fn what_is_paid_is_a_multiple_of_the_step_and_less_than_one_step_away(
        minor in any::<i32>(), step in 1_u32..=10_000,
        mode in prop::sample::select(vec![NearestTieUp, NearestTieDown, Up, Down]),
    ) {
        let rounding = CashRounding::new(step, mode).unwrap();
        let due = Money::from_minor(i64::from(minor), Currency::EUR);
        let adjustment = rounding.adjustment(due).unwrap();
        let cash = due.checked_add(adjustment).unwrap();
        prop_assert_eq!(cash.minor() % i64::from(step), 0);
        prop_assert!(adjustment.minor().abs() < i64::from(step));
        prop_assert!(rounding.adjustment(cash).unwrap().is_zero());
        let refund = rounding.adjustment(due.checked_neg().unwrap()).unwrap();
        prop_assert_eq!(refund, adjustment.checked_neg().unwrap());
        let away = match mode { Up => Some(true), Down => Some(false), _ => None };
        if let Some(away) = away {
            prop_assert!(adjustment.is_zero() || (cash.minor().abs() > due.minor().abs()) == away);
        } else {
            prop_assert!(adjustment.minor().abs() * 2 <= i64::from(step));
            let exact = Decimal::from(minor) / Decimal::from(step);
            let tie = exact.fract().abs() == Decimal::new(5, 1);
            prop_assert!(!tie || (cash.minor().abs() > due.minor().abs()) == (mode == NearestTieUp));
        }
    }
}
