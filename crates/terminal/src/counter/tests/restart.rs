//! The program is killed and started again.

use super::*;
use crate::counter::view::CardState;

#[test]
fn the_open_cart_is_there_again() {
    let mut shop = Shop::open();
    shop.scan(ESPRESSO);
    shop.scan(MUG);
    let before = shop.desk().cart;
    shop.restart(None);
    let after = shop.desk().cart;
    assert_eq!((after.id, &after.lines), (before.id, &before.lines));
}

#[test]
fn cash_that_was_taken_is_not_asked_for_again() {
    let mut shop = Shop::open();
    shop.scan(MUG);
    shop.tap(Intent::TakeCash(gbp(500)));
    shop.restart(None);
    let desk = shop.desk();
    let Screen::Pay(pay) = &desk.screen else { panic!("{:?}", desk.screen) };
    assert_eq!((pay.due.exact, pay.taken[0].amount), (gbp(350), gbp(500)));
    shop.tap(Intent::TakeExactCash);
    assert!(is_paid(&shop.desk()));
}

#[test]
fn a_card_payment_that_was_under_way_is_unknown_until_the_reader_says() {
    let mut shop = Shop::with_reader([Behaviour::LoseTheAnswer]);
    shop.scan(MUG);
    shop.tap(Intent::TakeCard(None));
    // Killed before anybody heard of it.
    shop.wait_for(|desk| {
        matches!(&desk.screen, Screen::Pay(pay) if matches!(pay.card, CardState::Unknown { .. }))
    });
    shop.restart(None);
    let desk = shop.desk();
    let Screen::Pay(pay) = &desk.screen else { panic!("{:?}", desk.screen) };
    assert!(
        matches!(pay.card, CardState::Unknown { from_before: true, asking: false, .. }),
        "{:?}",
        pay.card
    );
    assert!(!pay.may_tender);
    shop.tap(Intent::TakeExactCash);
    assert!(shop.notices().contains(&Notice::CardUnderWay));
    shop.tap(Intent::AskReader);
    shop.wait_for(is_paid);
    assert_eq!((shop.charges().len(), shop.charges()[0].times), (1, 1));
    // It is paid, and nothing of it comes up again.
    shop.restart(None);
    let desk = shop.desk();
    assert_eq!(desk.cart.id, None);
    assert!(matches!(desk.screen, Screen::Sale), "{:?}", desk.screen);
}

#[test]
fn a_cart_that_cannot_be_read_at_once_comes_when_the_index_is_whole() {
    let mut shop = Shop::open();
    shop.scan(ESPRESSO);
    shop.restart(None);
    let cart = shop.desk().cart.id.unwrap();
    // As a start finds it whose index is rebuilt.
    let counter = shop.counter();
    counter.forget_cart();
    counter.waits_for = Some(cart);
    counter.look(true);
    counter.publish();
    assert_eq!(shop.desk().cart.id, Some(cart));
    assert_eq!(shop.desk().cart.lines.len(), 1);
}
