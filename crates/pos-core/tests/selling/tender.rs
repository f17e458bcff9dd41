//! Vectors: the cash rounding rules of Canada, Switzerland, Belgium and Sweden, Odoo's three
//! strategies, and a defect Odoo had (its pull request 204301).

use pos_core::cash_rounding::{CashRounding, CashRoundingMode};
use pos_core::money::{Currency, Money, MoneyError};
use pos_core::tender::{Due, TenderError, Tendered, due_after, quick_cash, settle};
use pos_core::text::TextError;
use proptest::prelude::*;

use crate::support::{gbp, nickels};

const NEAREST: CashRoundingMode = CashRoundingMode::NearestTieUp;

fn steps(minor: u32, mode: CashRoundingMode) -> CashRounding {
    CashRounding::new(minor, mode).unwrap()
}

fn cash_due(minor: i64, rounding: Option<CashRounding>) -> i64 {
    due_after(gbp(minor), &[], rounding).unwrap().cash.minor()
}

#[test]
fn cash_due_follows_the_published_tables() {
    for (due, step, mode, expected) in [
        (492, 5, NEAREST, 490),
        (1697, 5, NEAREST, 1695),
        (1699, 5, NEAREST, 1700),
        (99_999, 5, NEAREST, 100_000),
        (1992, 5, CashRoundingMode::Up, 1995),
        (1992, 5, CashRoundingMode::Down, 1990),
        (1992, 5, NEAREST, 1990),
        (10_050, 100, NEAREST, 10_100),
        (10_049, 100, NEAREST, 10_000),
    ] {
        assert_eq!(cash_due(due, Some(steps(step, mode))), expected, "{due} in steps of {step}");
        assert_eq!(cash_due(-due, Some(steps(step, mode))), -expected, "a refund mirrors its sale");
    }
}

#[test]
fn a_card_pays_to_the_minor_unit() {
    let settled =
        settle(gbp(492), &[Tendered::card(gbp(492), None)], Some(nickels(NEAREST))).unwrap();
    assert_eq!((settled.rounding, settled.due.exact), (gbp(0), gbp(0)));
}

#[test]
fn only_the_part_paid_in_cash_is_rounded() {
    let tenders = [Tendered::card(gbp(501), None), Tendered::cash(gbp(1000))];
    let settled = settle(gbp(998), &tenders, Some(nickels(NEAREST))).unwrap();
    assert_eq!(settled.rounding, gbp(-2), "497 is due in cash, 495 is payable");
    assert_eq!(settled.change().unwrap(), gbp(505));

    let tenders = [Tendered::cash(gbp(500)), Tendered::card(gbp(498), None)];
    let settled = settle(gbp(998), &tenders, Some(nickels(NEAREST))).unwrap();
    assert_eq!(settled.rounding, gbp(0), "the card closed the sale");
}

#[test]
fn rounding_up_to_whole_units_gives_the_right_change() {
    // 95.00 + 2 x 42.00, cash 200: change 21.
    let rounding = Some(steps(100, CashRoundingMode::Up));
    let settled = settle(gbp(17_900), &[Tendered::cash(gbp(20_000))], rounding).unwrap();
    assert_eq!((settled.change().unwrap(), settled.rounding), (gbp(2100), gbp(0)));
}

#[test]
fn an_amount_below_half_a_coin_is_closed_by_cash_of_nothing() {
    let settled = settle(gbp(2), &[Tendered::cash(gbp(0))], Some(nickels(NEAREST))).unwrap();
    assert_eq!((settled.rounding, settled.due.exact), (gbp(-2), gbp(0)));
    assert_eq!(
        settle(gbp(2), &[Tendered::cash(gbp(0))], None),
        Err(TenderError::NoAmount),
        "where there are pennies, pennies are paid"
    );
}

#[test]
fn a_split_shows_what_is_left() {
    let due = due_after(gbp(1003), &[Tendered::cash(gbp(500))], Some(nickels(NEAREST))).unwrap();
    assert_eq!(due, Due { exact: gbp(503), cash: gbp(505) });
}

#[test]
fn tenders_that_cannot_be_are_refused() {
    let refused =
        |total, tenders: &[Tendered], rounding| settle(gbp(total), tenders, rounding).unwrap_err();
    let card = |minor| Tendered::card(gbp(minor), None);
    let cash = |minor| Tendered::cash(gbp(minor));
    assert_eq!(refused(100, &[card(101)], None), TenderError::CardTooMuch { due: gbp(100) });
    assert_eq!(refused(-100, &[cash(-101)], None), TenderError::PaysOutTooMuch { due: gbp(-100) });
    assert_eq!(
        refused(100, &[cash(-100)], None),
        TenderError::WrongWay { due: gbp(100), amount: gbp(-100) }
    );
    assert_eq!(refused(100, &[cash(100), cash(1)], None), TenderError::NothingDue);
    assert_eq!(refused(0, &[cash(1)], None), TenderError::NothingDue);
    assert_eq!(refused(100, &[card(0)], None), TenderError::NoAmount);
    assert_eq!(
        refused(101, &[cash(101)], Some(nickels(NEAREST))),
        TenderError::NotInCoins { amount: gbp(101), step: gbp(5) }
    );
    let euros = Tendered::cash(Money::from_minor(100, Currency::EUR));
    assert!(matches!(
        refused(100, &[euros], None),
        TenderError::Money(MoneyError::CurrencyMismatch { .. })
    ));
    let many = vec![card(1); 101];
    assert_eq!(refused(1000, &many, None), TenderError::TooManyParts);
}

#[test]
fn a_card_number_is_not_kept_as_a_reference() {
    let tender = Tendered {
        reference: Some("4242 4242 4242 4242".to_owned()),
        ..Tendered::card(gbp(100), None)
    };
    assert_eq!(
        settle(gbp(100), &[tender], None),
        Err(TenderError::Text(TextError::CardNumber { what: "reference" }))
    );
}

#[test]
fn quick_cash_offers_the_amount_and_the_next_round_sums() {
    let offered =
        |minor| -> Vec<i64> { quick_cash(gbp(minor)).iter().map(|m| m.minor()).collect() };
    assert_eq!(offered(1735), [1735, 1800, 2000, 5000, 10_000]);
    assert_eq!(offered(320), [320, 350, 400, 500, 1000]);
    assert_eq!(offered(2000), [2000, 5000, 10_000, 20_000, 50_000]);
    assert!(offered(0).is_empty());
    assert!(offered(-500).is_empty());
    assert_eq!(offered(i64::MAX)[0], i64::MAX);
}

proptest! {
    #[test]
    fn quick_cash_always_pays_and_never_repeats(minor in 1..i64::MAX) {
        let offered = quick_cash(gbp(minor));
        prop_assert!(offered.iter().all(|sum| sum.minor() >= minor));
        prop_assert!(offered.windows(2).all(|pair| pair[0].minor() < pair[1].minor()));
        prop_assert!(offered.len() <= 5);
    }
}
