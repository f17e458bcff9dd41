//! Card payments, and readers that go wrong.

use super::*;
use crate::counter::view::{CardState, WaitingState};

fn card(desk: &Desk) -> &CardState {
    match &desk.screen {
        Screen::Pay(pay) => &pay.card,
        Screen::Refund(refund) => &refund.card,
        other => panic!("{other:?}"),
    }
}

fn is_unknown(desk: &Desk) -> bool {
    let asked_for = |card: &CardState| matches!(card, CardState::Unknown { asking: false, .. });
    matches!(&desk.screen, Screen::Pay(pay) if asked_for(&pay.card))
}

#[test]
fn a_scanned_sale_paid_by_card_takes_one_tap() {
    let mut shop = Shop::with_reader([]);
    let taps = shop.taps_of([Intent::Scan(MUG.to_owned()), Intent::TakeCard(None)]);
    assert_eq!(taps, 1);
    let desk = shop.wait_for(is_paid);
    let Screen::Paid(paid) = &desk.screen else { panic!("{:?}", desk.screen) };
    assert_eq!((paid.sale.total, paid.change), (gbp(850), gbp(0)));
    assert!(paid.receipt.text.contains("000001"), "{}", paid.receipt.text);
    let charges = shop.charges();
    assert_eq!((charges.len(), charges[0].amount, charges[0].times), (1, 850, 1));
}

#[test]
fn a_declined_card_leaves_the_way_to_cash_open() {
    let mut shop = Shop::with_reader([Behaviour::Decline("no funds".to_owned())]);
    shop.scan(MUG);
    shop.tap(Intent::TakeCard(None));
    let declined = |desk: &Desk| matches!(&desk.screen, Screen::Pay(pay) if matches!(pay.card, CardState::Declined { .. }));
    let desk = shop.wait_for(declined);
    let why = "no funds".to_owned();
    assert_eq!(card(&desk), &CardState::Declined { amount: gbp(850), why });
    shop.tap(Intent::TakeExactCash);
    assert!(is_paid(&shop.desk()));
    assert!(!shop.charges()[0].is_charged());
}

#[test]
fn nobody_pays_twice_when_the_answer_was_lost() {
    let mut shop = Shop::with_reader([Behaviour::LoseTheAnswer]);
    shop.scan(MUG);
    shop.tap(Intent::TakeCard(None));
    let desk = shop.wait_for(is_unknown);
    let Screen::Pay(pay) = &desk.screen else { panic!("{:?}", desk.screen) };
    assert!(!pay.may_tender);
    shop.tap(Intent::TakeExactCash);
    shop.tap(Intent::TakeCard(None));
    shop.tap(Intent::Back);
    shop.scan(ESPRESSO);
    assert_eq!(shop.notices(), [Notice::CardUnderWay]);
    assert!(is_unknown(&shop.desk()));
    shop.tap(Intent::AskReader);
    shop.wait_for(is_paid);
    assert_eq!((shop.charges().len(), shop.charges()[0].times), (1, 1));
}

#[test]
fn a_message_that_was_lost_is_given_up_and_charges_nothing() {
    let mut shop = Shop::with_reader([Behaviour::LoseTheMessage]);
    shop.scan(MUG);
    shop.tap(Intent::TakeCard(None));
    shop.wait_for(is_unknown);
    shop.tap(Intent::CancelCard);
    shop.wait_for(|desk| matches!(card(desk), CardState::Declined { .. }));
    shop.tap(Intent::TakeCard(Some(gbp(350))));
    let part = |desk: &Desk| matches!(&desk.screen, Screen::Pay(pay) if !pay.taken.is_empty());
    let desk = shop.wait_for(part);
    let Screen::Pay(pay) = &desk.screen else { panic!("{:?}", desk.screen) };
    assert_eq!((pay.due.exact, pay.taken[0].removable), (gbp(500), false));
    shop.tap(Intent::TakeExactCash);
    assert!(is_paid(&shop.desk()));
    assert_eq!(shop.charges().iter().filter(|charge| charge.is_charged()).count(), 1);
}

#[test]
fn a_reader_that_is_broken_keeps_nobody_from_selling() {
    let mut shop = Shop::with_reader([Behaviour::LoseTheAnswer]);
    shop.scan(MUG);
    shop.tap(Intent::TakeCard(None));
    let desk = shop.wait_for(is_unknown);
    let cart = desk.cart.id.unwrap();
    shop.tap(Intent::Suspend(String::new()));
    let desk = shop.desk();
    assert_eq!(desk.waiting[0].state, WaitingState::CardUnknown);
    shop.scan(ESPRESSO);
    shop.tap(Intent::TakeExactCash);
    assert!(is_paid(&shop.desk()));
    // Over a restart as well.
    shop.restart(None);
    assert_eq!(shop.desk().waiting[0].state, WaitingState::CardUnknown);
    shop.tap(Intent::Retrieve(cart));
    assert!(is_unknown(&shop.desk()));
    shop.tap(Intent::AskReader);
    shop.wait_for(is_paid);
    assert_eq!((shop.charges().len(), shop.charges()[0].times), (1, 1));
}

#[test]
fn nobody_at_the_readers_address_charges_nothing() {
    let mut shop = Shop::with_reader([]);
    shop.scan(MUG);
    // Switched off: what listened at its address is gone.
    shop.reader = None;
    shop.tap(Intent::TakeCard(None));
    let unreachable = |desk: &Desk| matches!(&desk.screen, Screen::Pay(pay) if matches!(pay.card, CardState::Unreachable { .. }));
    shop.wait_for(unreachable);
    shop.tap(Intent::TakeExactCash);
    assert!(is_paid(&shop.desk()));
}

#[test]
fn without_a_reader_no_card_is_taken() {
    let mut shop = Shop::open();
    shop.scan(MUG);
    shop.tap(Intent::TakeCard(None));
    assert_eq!(shop.notices(), [Notice::NoReader]);
    assert!(!shop.desk().has_reader);
}
