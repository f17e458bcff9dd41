use pos_core::cart::{CartView, Direction};
use pos_core::cash_rounding::CashRoundingMode;
use pos_core::money::Money;
use pos_core::quantity::Quantity;
use pos_core::refund::{Refund, RefundError, RefundLine, quote_refund, refund, refundable};
use pos_core::store::StoreSettings;
use pos_core::tender::Tendered;
use pos_core::transaction::{Recorded, SaleTransaction};
use proptest::prelude::*;

use crate::support::{
    any_cart, any_settings, balances, cart_id, cart_line, cart_of, date, gbp, inclusive, line,
    nickels, operator, paid_by_card, pay, quantity, record_id, recorded, register, sku, wall_time,
};

fn refunded(
    original: &Recorded<SaleTransaction>,
    earlier: &[SaleTransaction],
    lines: &[RefundLine],
    settings: &StoreSettings,
) -> Result<SaleTransaction, RefundError> {
    let total = quote_refund(original, earlier, lines)?.total;
    let tenders = if total.is_zero() { vec![] } else { vec![Tendered::card(total, None)] };
    paid_out(original, earlier, lines, settings, &tenders)
}

fn paid_out(
    original: &Recorded<SaleTransaction>,
    earlier: &[SaleTransaction],
    lines: &[RefundLine],
    settings: &StoreSettings,
    tenders: &[Tendered],
) -> Result<SaleTransaction, RefundError> {
    refund(Refund {
        original,
        earlier,
        lines,
        cart: cart_id(9),
        settings,
        register: register("R1"),
        receipt_counter: 2,
        business_date: date("2010-12-02"),
        shift: record_id(101),
        operator: operator(),
        reason: " faulty ".to_owned(),
        idempotency_key: None,
        wall_time: wall_time(),
        tenders,
    })
}

fn back(n: u64, how_much: &str) -> RefundLine {
    RefundLine { line: line(n), quantity: quantity(how_much) }
}

fn sold(cart: &CartView, settings: &StoreSettings) -> Recorded<SaleTransaction> {
    recorded(1, paid_by_card(cart, settings))
}

#[test]
fn a_return_says_why_the_goods_came_back() {
    let original = sold(&cart_of(vec![cart_line(1, "1", "3", "zero")]), &inclusive());
    let paid = refunded(&original, &[], &[back(1, "1")], &inclusive()).unwrap();
    assert_eq!(paid.label, "faulty");
}

#[test]
fn three_for_ten_come_back_one_by_one_without_losing_a_penny() {
    let mut line = cart_line(1, "3", "3.3333", "standard");
    line.price.discount_basis_points = 333;
    let original = sold(&cart_of(vec![line]), &inclusive());
    let mut earlier = Vec::new();
    for _ in 0..3 {
        let part = refunded(&original, &earlier, &[back(1, "1")], &inclusive()).unwrap();
        assert_eq!((part.direction, part.items[0].returns.is_some()), (Direction::Return, true));
        earlier.push(part);
    }
    let sum = |of: fn(&SaleTransaction) -> Money| -> i64 {
        earlier.iter().map(|part| of(part).minor()).sum()
    };
    assert_eq!(sum(|part| part.total), -original.record.total.minor());
    assert_eq!(sum(|part| part.items[0].net), -original.record.items[0].net.minor());
    assert_eq!(sum(|part| part.items[0].discount), -original.record.items[0].discount.minor());
    let again = refunded(&original, &earlier, &[back(1, "1")], &inclusive());
    assert_eq!(again, Err(RefundError::TooMuch { sku: sku("P1"), left: Quantity::ZERO }));
}

#[test]
fn no_more_comes_back_than_went_out() {
    let original = sold(&cart_of(vec![cart_line(1, "2", "1", "zero")]), &inclusive());
    let refused = |lines: &[RefundLine]| refunded(&original, &[], lines, &inclusive()).unwrap_err();
    assert_eq!(
        refused(&[back(1, "2.001")]),
        RefundError::TooMuch { sku: sku("P1"), left: quantity("2") }
    );
    assert_eq!(refused(&[back(1, "1"), back(1, "1")]), RefundError::LineTwice);
    assert_eq!(refused(&[back(2, "1")]), RefundError::NoSuchLine);
    assert_eq!(refused(&[back(1, "0")]), RefundError::QuantityNotPositive);
    assert_eq!(refused(&[back(1, "-1")]), RefundError::QuantityNotPositive);
}

#[test]
fn returns_of_other_receipts_do_not_count() {
    let cart = cart_of(vec![cart_line(1, "2", "1", "zero")]);
    let (one, other) = (sold(&cart, &inclusive()), recorded(2, paid_by_card(&cart, &inclusive())));
    let earlier = [refunded(&other, &[], &[back(1, "2")], &inclusive()).unwrap()];
    assert_eq!(refundable(&one, &earlier).unwrap()[&line(1)], quantity("2"));
    assert_eq!(refundable(&other, &earlier).unwrap()[&line(1)], Quantity::ZERO);
}

#[test]
fn a_refund_cannot_be_refunded() {
    let original = sold(&cart_of(vec![cart_line(1, "2", "1", "zero")]), &inclusive());
    let part = recorded(5, refunded(&original, &[], &[back(1, "1")], &inclusive()).unwrap());
    let again = refunded(&part, &[], &[back(1, "1")], &inclusive());
    assert_eq!(again, Err(RefundError::IsAReturn));
    assert!(refundable(&part, &[]).unwrap().is_empty());
}

#[test]
fn a_refund_in_cash_rounds_on_its_own() {
    let settings = StoreSettings {
        cash_rounding: Some(nickels(CashRoundingMode::NearestTieUp)),
        ..inclusive()
    };
    let cart = cart_of(vec![cart_line(1, "2", "4.99", "standard")]);
    let sale = pay(&cart, &settings, &[Tendered::cash(gbp(1000))]).unwrap();
    assert_eq!(sale.rounding, gbp(2));
    let original = recorded(1, sale);
    let tenders = [Tendered::cash(gbp(-500))];
    let part = paid_out(&original, &[], &[back(1, "1")], &settings, &tenders).unwrap();
    assert_eq!((part.total, part.rounding), (gbp(-499), gbp(-1)));
    assert!(balances(&part));
}

#[test]
fn prices_and_tax_of_the_original_are_paid_back_after_the_rules_changed() {
    let exclusive = crate::support::settings(
        pos_core::tax::PriceTax::Exclusive,
        pos_core::tax::TaxScope::Document,
    );
    let original = sold(&cart_of(vec![cart_line(1, "2", "10.00", "city")]), &exclusive);
    let part = refunded(&original, &[], &[back(1, "2")], &inclusive()).unwrap();
    assert_eq!(part.total.minor(), -original.record.total.minor());
    assert_eq!(part.prices, original.record.prices);
}

proptest! {
    /// However a receipt comes back, in whatever parts and order, the parts sum to what was paid:
    /// total, tax by rate, net and discount; and each part is a transaction that holds.
    #[test]
    fn partial_returns_sum_to_the_original(
        cart in any_cart(),
        settings in any_settings(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 1..=100_i64), 0..20),
    ) {
        let original = sold(&cart, &settings);
        let mut earlier: Vec<SaleTransaction> = Vec::new();
        let mut returned = |line, quantity: Quantity| -> Result<(), TestCaseError> {
            if quantity.is_zero() {
                return Ok(());
            }
            let part =
                refunded(&original, &earlier, &[RefundLine { line, quantity }], &settings);
            let part = part.map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert!(balances(&part));
            earlier.push(part);
            Ok(())
        };
        let mut left = refundable(&original, &[]).unwrap();
        let lines: Vec<_> = left.keys().copied().collect();
        for (index, percent) in cuts {
            let Some(&line) = lines.get(index.index(lines.len().max(1))) else { continue };
            let held = left[&line].thousandths();
            let now = held * percent / 100;
            returned(line, Quantity::from_thousandths(now))?;
            left.insert(line, Quantity::from_thousandths(held - now));
        }
        for (line, quantity) in left {
            returned(line, quantity)?;
        }
        let gone_out = || original.record.items.iter().filter(|item| !item.quantity.is_negative());
        for item in gone_out() {
            let parts: Vec<_> =
                earlier.iter().flat_map(|part| &part.items).filter(|i| i.line == item.line).collect();
            let sum = |of: &dyn Fn(&pos_core::transaction::SaleItem) -> i64| -> i64 {
                parts.iter().map(|&part| of(part)).sum()
            };
            prop_assert_eq!(sum(&|part| part.amount.minor()), -item.amount.minor());
            prop_assert_eq!(sum(&|part| part.net.minor()), -item.net.minor());
            prop_assert_eq!(sum(&|part| part.discount.minor()), -item.discount.minor());
            for (place, (_, tax)) in item.taxes.iter().enumerate() {
                prop_assert_eq!(sum(&|part| part.taxes[place].1.minor()), -tax.minor());
            }
        }
        prop_assert!(refundable(&original, &earlier).unwrap().values().all(|left| left.is_zero()));
    }
}
