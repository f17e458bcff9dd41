//! Ringing up, taps, discounts, customers, carts that wait, cash, the shift.

use pos_core::transaction::TenderKind;
use replica::journal::faults::{Failure, Op};
use replica::memory::MemoryStorage;

use super::*;
use crate::counter::intent::{Discount, NewCustomer};
use crate::counter::view::WaitingState;
use crate::till::tests::memory_till;

fn line(text: (&str, &str, &str)) -> (String, String, String) {
    (text.0.to_owned(), text.1.to_owned(), text.2.to_owned())
}

#[test]
fn a_scanned_sale_paid_with_exact_cash_takes_two_taps() {
    let mut shop = Shop::open();
    let taps = shop.taps_of([
        Intent::Scan(ESPRESSO.to_owned()),
        Intent::Scan(MUG.to_owned()),
        Intent::Pay,
        Intent::TakeExactCash,
    ]);
    assert_eq!(taps, 2);
    let desk = shop.desk();
    let Screen::Paid(paid) = &desk.screen else { panic!("{:?}", desk.screen) };
    assert_eq!((paid.sale.total, paid.given, paid.change), (gbp(1070), gbp(1070), gbp(0)));
    assert!(paid.receipt.text.contains(&paid.sale.receipt), "{}", paid.receipt.text);
    assert_eq!((desk.cart.id, desk.safety.stored_on), (None, 1));
    assert!(desk.shift.is_some(), "a sale opens the shift");
    // The next scan is the next sale.
    shop.scan(ESPRESSO);
    assert!(matches!(shop.desk().screen, Screen::Sale));
    assert_eq!(shop.lines(), [line(("ESP-01", "1", "2.20"))]);
}

#[test]
fn ninety_scans_are_ninety_units_in_order_and_an_unknown_code_eats_none() {
    let mut shop = Shop::open();
    for at in 0..90 {
        shop.scan(if at % 2 == 0 { ESPRESSO } else { MUG });
        if at == 40 {
            shop.scan("4006381333931");
        }
    }
    assert_eq!(shop.lines(), [line(("ESP-01", "45", "99.00")), line(("MUG-01", "45", "382.50"))]);
    let unknown = Notice::UnknownCode { code: "4006381333931".to_owned() };
    assert_eq!(shop.notices(), [unknown]);
    let number = shop.counter().view().notices[0].number;
    shop.tap(Intent::Dismiss(number));
    assert!(shop.notices().is_empty());
}

#[test]
fn a_code_may_bring_a_count_a_weight_or_a_price() {
    let mut shop = Shop::open();
    shop.scan("3x2900000000018");
    shop.scan("mug-01");
    // Apples, 1.250 kg, then a pack of apples for 5.00.
    shop.scan("2100001012502");
    shop.scan("(01)02100001000004(3103)000500");
    let lines = shop.lines();
    assert_eq!(lines[0], line(("ESP-01", "3", "6.60")));
    assert_eq!(lines[1], line(("MUG-01", "1", "8.50")));
    assert_eq!(lines[2], line(("APP-KG", "1.75", "5.23")));
    assert!(shop.notices().is_empty(), "{:?}", shop.notices());
}

#[test]
fn a_quantity_is_one_intent_and_zero_takes_the_line_off() {
    let mut shop = Shop::open();
    shop.scan(ESPRESSO);
    let selected = shop.desk().cart.selected.unwrap();
    let taps = shop.taps_of([Intent::SetQuantity { line: selected, quantity: quantity("4") }]);
    assert_eq!((taps, shop.lines()), (1, vec![line(("ESP-01", "4", "8.80"))]));
    shop.tap(Intent::SetQuantity { line: selected, quantity: quantity("1.5") });
    assert_eq!(shop.notices(), [Notice::NotWhole { quantity: quantity("1.5") }]);
    shop.tap(Intent::SetQuantity { line: selected, quantity: quantity("0") });
    assert!(shop.lines().is_empty());
    shop.tap(Intent::Pay);
    assert!(shop.notices().contains(&Notice::EmptyCart));
}

#[test]
fn what_has_no_price_asks_for_one_and_opens_no_empty_cart() {
    let mut shop = Shop::open();
    shop.scan("GIF-01");
    let sku: pos_core::product::Sku = "GIF-01".parse().unwrap();
    let name = "Gift wrapping".to_owned();
    let quantity = quantity("1");
    assert_eq!(shop.notices(), [Notice::NeedsPrice { sku: sku.clone(), name, quantity }]);
    assert_eq!(shop.desk().cart.id, None);
    let price = pos_core::unit_price::UnitPrice::parse("1.50", Currency::GBP).unwrap();
    shop.tap(Intent::AddAtPrice { sku, quantity, price, reason: String::new() });
    assert_eq!(shop.lines(), [line(("GIF-01", "1", "1.50"))]);
}

#[test]
fn a_discount_is_a_percentage_or_an_amount_of_a_line_or_the_cart() {
    let mut shop = Shop::open();
    shop.scan(ESPRESSO);
    shop.scan(MUG);
    let mug = shop.desk().cart.selected.unwrap();
    shop.tap(Intent::DiscountLine { line: mug, discount: Discount::Percent(1000) });
    assert_eq!(shop.desk().cart.discount, gbp(-85));
    shop.tap(Intent::DiscountCart(Discount::Amount(gbp(170))));
    let desk = shop.desk();
    assert_eq!((desk.cart.discount, desk.cart.total), (gbp(-170), gbp(900)));
    shop.tap(Intent::DiscountCart(Discount::Amount(gbp(1071))));
    assert_eq!(shop.notices(), [Notice::DiscountTooHigh]);
    shop.tap(Intent::DiscountCart(Discount::Percent(0)));
    assert_eq!(shop.desk().cart.total, gbp(1070));
}

#[test]
fn a_customer_is_made_found_put_on_the_cart_and_taken_off() {
    let mut shop = Shop::open();
    let fields = NewCustomer { name: "Ada Byron".to_owned(), ..NewCustomer::default() };
    shop.tap(Intent::CreateCustomer(fields));
    shop.scan(ESPRESSO);
    let desk = shop.desk();
    assert_eq!(desk.cart.customer.as_ref().map(|row| row.name.as_str()), Some("Ada Byron"));
    shop.tap(Intent::SetCustomer(None));
    assert_eq!(shop.desk().cart.customer, None);
    shop.tap(Intent::SearchCustomers("byr".to_owned()));
    let found = shop.desk().customers;
    assert_eq!(found.len(), 1);
    shop.tap(Intent::SetCustomer(Some(found[0].id)));
    assert_eq!(shop.desk().cart.customer.map(|row| row.id), Some(found[0].id));
}

#[test]
fn a_cart_is_put_aside_by_one_intent_and_taken_up_by_one_and_what_was_open_waits() {
    let mut shop = Shop::open();
    shop.scan(ESPRESSO);
    assert_eq!(shop.taps_of([Intent::Suspend("table 4".to_owned())]), 1);
    let desk = shop.desk();
    assert_eq!(desk.cart.id, None);
    let [waiting] = desk.waiting.as_slice() else { panic!("{:?}", desk.waiting) };
    assert_eq!((waiting.label.as_str(), &waiting.state), ("table 4", &WaitingState::Suspended));
    assert_eq!(
        (waiting.total, waiting.contents.as_slice()),
        (gbp(220), &["Espresso".to_owned()][..])
    );
    shop.scan(MUG);
    shop.tap(Intent::Retrieve(waiting.id));
    let desk = shop.desk();
    assert_eq!((desk.cart.id, desk.cart.label.as_str()), (Some(waiting.id), "table 4"));
    assert_eq!(desk.waiting.len(), 1);
    assert_eq!(desk.waiting[0].contents, ["Coffee mug"]);
    shop.tap(Intent::GiveUpCart);
    assert_eq!((shop.desk().cart.id, shop.desk().waiting.len()), (None, 1));
}

#[test]
fn a_bill_is_split_a_part_is_handed_back_and_change_is_given() {
    let mut shop = Shop::open();
    shop.scan(MUG);
    shop.tap(Intent::TakeCash(gbp(500)));
    let desk = shop.desk();
    let Screen::Pay(pay) = &desk.screen else { panic!("{:?}", desk.screen) };
    assert_eq!((pay.due.exact, pay.taken.len(), pay.taken[0].removable), (gbp(350), 1, true));
    assert_eq!(pay.quick_cash[0], gbp(350));
    // Money was taken for it: nothing is added meanwhile.
    shop.scan(ESPRESSO);
    assert_eq!(shop.notices(), [Notice::PartlyPaid]);
    shop.tap(Intent::TakeBack(0));
    shop.tap(Intent::TakeCash(gbp(1000)));
    let desk = shop.desk();
    let Screen::Paid(paid) = &desk.screen else { panic!("{:?}", desk.screen) };
    assert_eq!((paid.given, paid.change), (gbp(1000), gbp(150)));
}

#[test]
fn the_shift_is_read_closed_and_opened_with_a_float() {
    let mut shop = Shop::open();
    shop.tap(Intent::ReadX);
    assert!(matches!(shop.desk().screen, Screen::X(None)));
    shop.tap(Intent::OpenShift(gbp(5000)));
    shop.scan(MUG);
    shop.tap(Intent::TakeExactCash);
    shop.tap(Intent::OpenDrawer);
    shop.tap(Intent::ReadX);
    let desk = shop.desk();
    let Screen::X(Some(report)) = &desk.screen else { panic!("{:?}", desk.screen) };
    assert_eq!((report.expected_cash, report.totals.drawer.no_sales), (gbp(5850), 1));
    assert_eq!(report.totals.tenders[&TenderKind::Cash].amount, gbp(850));
    shop.tap(Intent::CloseShift(Some(gbp(5800))));
    let desk = shop.desk();
    let Screen::Z(report) = &desk.screen else { panic!("{:?}", desk.screen) };
    assert_eq!((report.number, report.over_short), (1, Some(gbp(-50))));
    assert_eq!(desk.shift, None);
    shop.tap(Intent::CloseShift(None));
    assert_eq!(shop.notices(), [Notice::NoShift]);
}

/// A counter on a disk in memory that can be made to fail.
fn memory_counter() -> Counter<MemoryStorage> {
    let mut till = memory_till();
    crate::till::tests::add_product(&mut till, "MUG-01", Some("8.50"));
    Counter::new(till, setup(None, Papers::default(), &DoorBell::default())).unwrap()
}

#[test]
fn a_disk_that_stops_pays_nothing_and_says_so() {
    let mut counter = memory_counter();
    counter.apply(Intent::OpenShift(gbp(0)));
    counter.apply(Intent::Scan("MUG-01".to_owned()));
    counter.settle();
    counter.till().node().storage_mut().fail_next(Op::Sync, Failure::Broken { written: 0 });
    counter.apply(Intent::TakeExactCash);
    let desk = desk_of(&counter);
    assert!(!is_paid(&desk), "{:?}", desk.screen);
    let stopped = |notice: &Notice| matches!(notice, Notice::Stopped(_));
    assert!(notices_of(&counter).iter().any(stopped), "{:?}", notices_of(&counter));
    assert!(desk_of(&counter).safety.stopped.is_some());
    // The cash is the customer's: it is not kept as taken.
    counter.apply(Intent::Pay);
    let desk = desk_of(&counter);
    let Screen::Pay(pay) = &desk.screen else { panic!("{:?}", desk.screen) };
    assert!(pay.taken.is_empty());
}

#[test]
fn a_full_disk_finishes_the_open_cart_and_begins_no_other() {
    let mut counter = memory_counter();
    counter.apply(Intent::Scan("MUG-01".to_owned()));
    counter.till().node().storage_mut().fill();
    let full = (0..10_000).any(|_| {
        // A cart that was begun is always paid.
        counter.apply(Intent::TakeExactCash);
        assert!(is_paid(&desk_of(&counter)), "{:?}", notices_of(&counter));
        counter.apply(Intent::Scan("MUG-01".to_owned()));
        notices_of(&counter).contains(&Notice::DiskFull)
    });
    assert!(full && desk_of(&counter).cart.id.is_none());
}

#[test]
fn a_view_that_says_the_same_is_the_same_view() {
    let mut shop = Shop::open();
    shop.scan(ESPRESSO);
    let counter = shop.counter();
    counter.tick();
    let revision = counter.view().revision;
    assert!((0..50).all(|_| !counter.tick()), "nothing happened");
    assert_eq!(counter.view().revision, revision);
    assert!(counter.apply(Intent::Scan(MUG.to_owned())));
    assert_eq!(counter.view().revision, revision + 1);
}
