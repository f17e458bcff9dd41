//! Goods that come back.

use super::*;
use crate::counter::intent::RefundReason;

/// Sells three espressi and a mug; the receipt's number.
fn sold(shop: &mut Shop) -> String {
    shop.scan("3x2900000000018");
    shop.scan(MUG);
    shop.tap(Intent::TakeExactCash);
    shop.desk().last.unwrap().receipt
}

fn refund(desk: &Desk) -> &crate::counter::view::RefundScreen {
    match &desk.screen {
        Screen::Refund(refund) => refund,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_refund_by_receipt_takes_four_taps() {
    let mut shop = Shop::open();
    let receipt = sold(&mut shop);
    let taps = shop.taps_of([
        Intent::Refund,
        Intent::Scan(receipt.clone()),
        Intent::RefundAll,
        Intent::RefundReason(RefundReason::Unwanted),
        Intent::RefundCash,
    ]);
    assert_eq!(taps, 4);
    let desk = shop.desk();
    let Screen::Paid(paid) = &desk.screen else { panic!("{:?}", desk.screen) };
    assert_eq!((paid.sale.total, paid.given), (gbp(-1510), gbp(-1510)));
    assert!(paid.receipt.text.contains("unwanted"), "{}", paid.receipt.text);
    assert_eq!(shop.on_hand("MUG-01"), "0");
    // Nothing is left on it; a scan at the sale opens it as well.
    shop.scan(&receipt);
    assert!(shop.notices().contains(&Notice::NothingLeft));
    assert!(
        refund(&shop.desk())
            .receipt
            .as_ref()
            .unwrap()
            .lines
            .iter()
            .all(|line| { line.left.is_zero() })
    );
}

#[test]
fn never_more_comes_back_than_was_sold_and_a_reason_is_asked_for() {
    let mut shop = Shop::open();
    let receipt = sold(&mut shop);
    shop.tap(Intent::Refund);
    // The counter's number alone will do.
    let counter = receipt.split('-').nth(1).unwrap().to_owned();
    shop.tap(Intent::FindReceipt(counter));
    let desk = shop.desk();
    let found = refund(&desk).receipt.clone().unwrap();
    assert_eq!((found.number.as_str(), found.total), (receipt.as_str(), gbp(1510)));
    let espresso = found.lines[0].line;
    shop.tap(Intent::RefundLine { line: espresso, quantity: quantity("4") });
    let sku = found.lines[0].sku.clone();
    assert_eq!(shop.notices(), [Notice::OverRefund { sku, left: quantity("3") }]);
    assert!(refund(&shop.desk()).due.exact.is_zero());
    shop.tap(Intent::RefundLine { line: espresso, quantity: quantity("2") });
    assert_eq!(refund(&shop.desk()).due.cash, gbp(-440));
    shop.tap(Intent::RefundCash);
    assert!(shop.notices().contains(&Notice::ReasonMissing));
    shop.tap(Intent::RefundReason(RefundReason::Faulty));
    shop.tap(Intent::Restock(false));
    shop.tap(Intent::RefundCash);
    assert!(is_paid(&shop.desk()), "{:?}", shop.notices());
    // Three went out; two came back and are not on the shelf.
    assert_eq!(shop.on_hand("ESP-01"), "-3");
    shop.tap(Intent::FindReceipt(receipt));
    assert_eq!(refund(&shop.desk()).receipt.as_ref().unwrap().lines[0].left, quantity("1"));
}

#[test]
fn a_scan_during_a_refund_takes_one_more_of_that_thing_back() {
    let mut shop = Shop::open();
    let receipt = sold(&mut shop);
    shop.tap(Intent::FindReceipt(receipt));
    for _ in 0..4 {
        shop.scan(ESPRESSO);
    }
    shop.scan("2900000000025");
    let desk = shop.desk();
    let lines = refund(&desk).receipt.clone().unwrap().lines;
    assert_eq!((lines[0].chosen, lines[1].chosen), (quantity("3"), quantity("0")));
    assert!(shop.notices().iter().all(|notice| matches!(notice, Notice::OverRefund { .. })));
}

#[test]
fn a_refund_goes_back_to_the_card_once() {
    let mut shop = Shop::with_reader([Behaviour::LoseTheAnswer]);
    let receipt = sold(&mut shop);
    shop.tap(Intent::FindReceipt(receipt));
    shop.tap(Intent::RefundAll);
    shop.tap(Intent::RefundReason(RefundReason::Wrong));
    shop.tap(Intent::RefundCard);
    let unknown = |desk: &Desk| {
        use crate::counter::view::CardState;
        matches!(&desk.screen, Screen::Refund(refund)
            if matches!(refund.card, CardState::Unknown { asking: false, .. }))
    };
    shop.wait_for(unknown);
    // Killed meanwhile: what was to come back is there again.
    shop.restart(None);
    let desk = shop.wait_for(unknown);
    assert_eq!(refund(&desk).reason, Some(RefundReason::Wrong));
    shop.tap(Intent::AskReader);
    let desk = shop.wait_for(is_paid);
    let Screen::Paid(paid) = &desk.screen else { panic!("{:?}", desk.screen) };
    assert_eq!(paid.sale.total, gbp(-1510));
    let charges = shop.charges();
    assert_eq!((charges.len(), charges[0].amount, charges[0].times), (1, -1510, 1));
    assert!(shop.desk().waiting.is_empty());
}

#[test]
fn an_unknown_receipt_is_said_and_nothing_is_found() {
    let mut shop = Shop::open();
    sold(&mut shop);
    shop.tap(Intent::Refund);
    shop.tap(Intent::FindReceipt("R1-000099-AAAA".to_owned()));
    let typed = "R1-000099-AAAA".to_owned();
    assert_eq!(shop.notices(), [Notice::UnknownReceipt { typed }]);
    shop.tap(Intent::RefundAll);
    assert!(shop.notices().contains(&Notice::NothingLeft));
}
