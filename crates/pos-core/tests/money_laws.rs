//! Laws of money, quantities, prices and ids: nothing is lost in sharing out, and every value
//! comes back from both formats.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use core::fmt::Debug;

use pos_core::business_date::{BusinessDate, TimeZoneName, WallTime};
use pos_core::gtin::Gtin;
use pos_core::ids::{
    CartId, CustomerId, DeviceId, IdempotencyKey, LineId, OperatorId, RecordId, RegisterId, StoreId,
};
use pos_core::money::{Currency, Money, MoneyError};
use pos_core::product::Sku;
use pos_core::quantity::Quantity;
use pos_core::rounding::Rounding;
use pos_core::tax::{Percent, TaxRateId};
use pos_core::unit_price::UnitPrice;
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde::Serialize;
use serde::de::DeserializeOwned;

const CODES: [&str; 10] = ["GBP", "EUR", "USD", "JPY", "KWD", "CLF", "HUF", "CHF", "UYW", "XAF"];

/// ISO 4217 list one, amendment of 2024: digits after the point.
#[test]
fn currencies_have_the_minor_units_of_iso_4217() {
    let facts = [
        ("GBP", 2),
        ("EUR", 2),
        ("USD", 2),
        ("HUF", 2),
        ("ISK", 0),
        ("JPY", 0),
        ("KRW", 0),
        ("CLP", 0),
        ("XAF", 0),
        ("BHD", 3),
        ("IQD", 3),
        ("KWD", 3),
        ("TND", 3),
        ("CLF", 4),
        ("UYW", 4),
    ];
    for (code, digits) in facts {
        assert_eq!(Currency::from_code(code).unwrap().minor_units(), digits, "{code}");
    }
    for code in ["XAU", "XTS", "EURO", "", "eur", "ZZZ"] {
        let error = Currency::from_code(code).unwrap_err();
        assert_eq!(error, MoneyError::UnknownCurrency(code.to_owned()));
    }
}

#[test]
fn an_amount_finer_than_its_currency_is_refused_and_not_rounded() {
    let money = |text: &str, currency: &str| {
        serde_json::from_str::<Money>(&format!(r#"{{"amount":"{text}","currency":"{currency}"}}"#))
    };
    assert_eq!(money("12.5", "GBP").unwrap().minor(), 1250);
    assert_eq!(money("-0.001", "KWD").unwrap().minor(), -1);
    assert!(money("12.505", "GBP").is_err());
    assert!(money("1.5", "JPY").is_err());
    assert!(money("92233720368547758.08", "GBP").is_err());
    assert_eq!(money("92233720368547758.07", "GBP").unwrap().minor(), i64::MAX);
}

#[test]
fn arithmetic_that_does_not_fit_is_an_error() {
    let (least, most) = (money(i64::MIN, "GBP"), money(i64::MAX, "GBP"));
    let penny = money(1, "GBP");
    assert_eq!(most.checked_add(penny), Err(MoneyError::Overflow));
    assert_eq!(least.checked_sub(penny), Err(MoneyError::Overflow));
    assert_eq!(least.checked_neg(), Err(MoneyError::Overflow));
    assert!(matches!(penny.checked_add(money(1, "EUR")), Err(MoneyError::CurrencyMismatch { .. })));
    assert_eq!(penny.allocate(&[]), Err(MoneyError::NothingToAllocateTo));
    assert_eq!(penny.allocate(&[0, 0]), Err(MoneyError::NothingToAllocateTo));
    assert_eq!(most.allocate(&[u64::MAX, u64::MAX]).unwrap().len(), 2);
    // The one amount whose magnitude does not fit is refused when one part would get all of it.
    assert_eq!(least.allocate(&[1]), Err(MoneyError::Overflow));
    let half = money(i64::MIN / 2, "GBP");
    assert_eq!(least.allocate(&[1, 1]).unwrap(), [half, half]);
}

fn money(minor: i64, code: &str) -> Money {
    Money::from_minor(minor, Currency::from_code(code).unwrap())
}

fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let json = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), value, "{json}");
    let bytes = postcard::to_stdvec(value).unwrap();
    assert_eq!(&postcard::from_bytes::<T>(&bytes).unwrap(), value);
}

fn arb_minor() -> impl Strategy<Value = i64> {
    let extremes = vec![0, 1, -1, 99, -100, i64::MAX, i64::MIN, i64::MIN + 1];
    prop_oneof![-1_000_000_i64..1_000_000, any::<i64>(), prop::sample::select(extremes)]
}

fn arb_currency() -> impl Strategy<Value = Currency> {
    prop::sample::select(CODES.to_vec()).prop_map(|code| Currency::from_code(code).unwrap())
}

fn arb_weights() -> impl Strategy<Value = Vec<u64>> {
    let weight = prop_oneof![
        4 => 0_u64..1_000,
        2 => any::<u64>(),
        1 => prop::sample::select(vec![0, 1, u64::MAX]),
    ];
    prop::collection::vec(weight, 1..20)
        .prop_filter("something to share over", |weights| weights.iter().any(|&weight| weight > 0))
}

proptest! {
    #[test]
    fn an_amount_shared_out_loses_no_unit(
        minor in arb_minor().prop_filter("fits turned round", |&minor| minor != i64::MIN),
        currency in arb_currency(), weights in arb_weights(),
    ) {
        let whole = Money::from_minor(minor, currency);
        let parts = whole.allocate(&weights).unwrap();
        prop_assert_eq!(parts.len(), weights.len());
        prop_assert_eq!(Money::sum(parts.iter().copied(), currency).unwrap(), whole);
        let total = weights.iter().map(|&weight| i128::from(weight)).sum::<i128>();
        for (part, &weight) in parts.iter().zip(&weights) {
            // Less than one unit from the exact share `minor * weight / total`.
            let (floor, ceiling) = exact_share(minor, weight, total);
            prop_assert!((floor..=ceiling).contains(&i128::from(part.minor())));
            prop_assert!(part.minor().signum() * minor.signum() >= 0);
        }
        for (a, b) in parts.iter().zip(&weights) {
            for (c, d) in parts.iter().zip(&weights) {
                prop_assert!(b <= d || a.minor().unsigned_abs() >= c.minor().unsigned_abs());
            }
        }
        let turned = parts.iter().map(|part| part.checked_neg().unwrap()).collect::<Vec<_>>();
        prop_assert_eq!(whole.checked_neg().unwrap().allocate(&weights).unwrap(), turned);
    }

    #[test]
    fn money_quantities_prices_and_currencies_come_back_from_both_formats(
        minor in arb_minor(), currency in arb_currency(), price in 0..=i64::MAX,
    ) {
        comes_back(&currency);
        comes_back(&Money::from_minor(minor, currency));
        comes_back(&Quantity::from_thousandths(minor));
        comes_back(&UnitPrice::from_decimal(Decimal::new(price, 4), currency).unwrap());
        comes_back(&Percent::from_ten_thousandths(price % 10_000_001).unwrap());
        let exact = Money::from_minor(minor, currency).to_decimal();
        for rounding in [Rounding::HalfUp, Rounding::HalfEven, Rounding::Down, Rounding::Up] {
            let rounded = Money::round_from(exact, currency, rounding).unwrap();
            prop_assert_eq!(rounded.minor(), minor);
            comes_back(&rounding);
        }
    }

    #[test]
    fn ids_come_back_from_both_formats_and_sort_as_their_bytes(
        a in any::<[u8; 32]>(), b in any::<[u8; 32]>(), short in any::<[u8; 16]>(),
    ) {
        comes_back(&StoreId::from_bytes(short));
        comes_back(&CartId::from_bytes(short));
        comes_back(&LineId::from_bytes(short));
        comes_back(&CustomerId::from_bytes(short));
        comes_back(&DeviceId::from_bytes(a));
        comes_back(&RecordId::from_bytes(a));
        prop_assert_eq!(postcard::to_stdvec(&RecordId::from_bytes(a)).unwrap(), a.to_vec());
        let (x, y) = (RecordId::from_bytes(a), RecordId::from_bytes(b));
        prop_assert_eq!(x.cmp(&y), x.to_string().cmp(&y.to_string()));
        prop_assert_eq!(x.to_string().to_uppercase().parse::<RecordId>().unwrap(), x);
        prop_assert!(x.to_string()[1..].parse::<RecordId>().is_err());
    }

    #[test]
    fn names_and_numbers_come_back_from_both_formats(
        name in "[A-Za-zÀ-Öà-ö0-9._/-]{1,16}", zone in "[A-Z][a-z_]{0,20}(/[A-Z][a-z0-9+-]{0,20}){0,2}",
        body in 0_u64..10_000_000_000_000, days in -719_528_i32..=2_932_896, millis in any::<i64>(),
    ) {
        comes_back(&RegisterId::new(name.clone()).unwrap());
        comes_back(&OperatorId::new(name.clone()).unwrap());
        comes_back(&IdempotencyKey::new(name.clone()).unwrap());
        comes_back(&TaxRateId::new(name.clone()).unwrap());
        comes_back(&Sku::new(&name).unwrap());
        comes_back(&TimeZoneName::new(zone).unwrap());
        comes_back(&Gtin::from_body(body).unwrap());
        comes_back(&BusinessDate::from_days_since_epoch(days).unwrap());
        comes_back(&WallTime::from_millis(millis));
    }

    #[test]
    fn a_name_with_blanks_or_control_characters_is_no_name(name in "[a-z]{0,5}[ \t\n:;\u{0}][a-z]{0,5}") {
        prop_assert!(RegisterId::new(name.clone()).is_err());
        prop_assert!(TaxRateId::new(name.clone()).is_err());
        prop_assert!(TimeZoneName::new(name).is_err());
    }
}

/// The whole numbers on both sides of `minor * weight / total`, without leaving 128 bits.
fn exact_share(minor: i64, weight: u64, total: i128) -> (i128, i128) {
    // Fits: 63 bits times 64 bits.
    let product = i128::from(minor) * i128::from(weight);
    let floor = product.div_euclid(total);
    (floor, floor + i128::from(product.rem_euclid(total) != 0))
}
