use clap::Parser;
use pos_core::business_date::BusinessDate;
use pos_core::transaction::TenderKind;
use replica::memory::Crash;

use super::*;
use crate::till::tests::{TestTill, add_product, memory_till, memory_till_of, restarted};

fn typed(arguments: &str) -> Sell {
    let line = format!("tillmesh sell {arguments}");
    match crate::cli::Cli::try_parse_from(line.split_whitespace()).unwrap().command {
        Some(crate::cli::Command::Sell(sell)) => sell,
        other => panic!("{other:?}"),
    }
}

fn till() -> TestTill {
    let mut till = memory_till();
    add_product(&mut till, "MUG", Some("3.50"));
    add_product(&mut till, "BOX2", Some("1.00"));
    add_product(&mut till, "OPEN", None);
    till
}

fn sold(till: &mut TestTill, arguments: &str) -> Completed {
    sell(till, &typed(arguments)).unwrap().completed.into_inner()
}

fn gbp(minor: i64) -> Money {
    Money::from_minor(minor, pos_core::money::Currency::GBP)
}

#[test]
fn an_item_is_a_code_with_quantity_and_price_behind_it() {
    let till = till();
    let book = till.replica().books().price_book();
    let read = |text: &str| {
        let item = Item::read(text, book, pos_core::money::Currency::GBP).unwrap();
        let ItemRef::Sku(sku) = item.what else { panic!("a SKU") };
        let price = item.price.map(|price| price.to_string());
        (sku.to_string(), item.quantity.to_string(), price)
    };
    assert_eq!(read("mug").0, "MUG");
    assert_eq!(read("MUGx2").1, read("MUG×2").1);
    let priced = read("MUGx0.5@2.25");
    assert_eq!(priced.2.as_deref(), Some("2.25 GBP"));
    // A code that ends like a quantity is taken as it stands.
    assert_eq!(read("BOX2"), ("BOX2".to_owned(), read("mug").1, None));
    assert_eq!(read("BOX2x3").0, "BOX2");
    for unknown in ["CUP", "MUGx", "xMUG", "MUG@", "MUG@-1"] {
        assert!(Item::read(unknown, book, pos_core::money::Currency::GBP).is_err(), "{unknown}");
    }
}

#[test]
fn a_sale_opens_todays_shift_and_takes_exact_cash() {
    let mut till = till();
    let done = sold(&mut till, "MUGx2 BOX2");
    assert_eq!(done.transaction.total, gbp(800));
    assert_eq!(done.number.counter(), 1);
    let today: BusinessDate = "2010-12-01".parse().unwrap();
    assert_eq!(done.transaction.business_date, today);
    let payment = done.transaction.payments.first().unwrap();
    assert_eq!((payment.kind, payment.tendered), (TenderKind::Cash, gbp(800)));
    assert_eq!(till.open_carts().unwrap().len(), 0);
}

#[test]
fn cash_first_and_the_rest_by_card() {
    let mut till = till();
    let done = sold(&mut till, "MUGx2 --cash 4 --card 004217");
    let tenders: Vec<_> =
        done.transaction.payments.iter().map(|p| (p.kind, p.tendered.minor())).collect();
    assert_eq!(tenders, [(TenderKind::Cash, 400), (TenderKind::Card, 300)]);
    let card = done.transaction.payments.get(1).unwrap();
    assert_eq!(card.reference.as_deref(), Some("004217"));
    assert!(card.payment_id.is_some(), "the card was charged only after that was on disk");
}

#[test]
fn change_is_given_and_cash_is_rounded_where_small_coins_are_gone() {
    let mut till = memory_till_of("CHF", "CH");
    add_product(&mut till, "MUG", Some("3.52"));
    let done = sold(&mut till, "MUG --cash 10");
    let payment = done.transaction.payments.first().unwrap();
    assert_eq!((done.transaction.rounding.minor(), payment.change.minor()), (-2, 650));
}

#[test]
fn goods_come_back_and_the_customer_is_paid() {
    let mut till = till();
    let done = sold(&mut till, "MUG --return");
    assert_eq!(
        (done.transaction.direction, done.transaction.total),
        (Direction::Return, gbp(-350))
    );
    let by_card = sold(&mut till, "MUG --return --card");
    assert_eq!(by_card.transaction.payments.first().unwrap().tendered, gbp(-350));
}

#[test]
fn a_sale_with_a_key_is_answered_with_its_first_receipt() {
    let mut till = till();
    let first = sold(&mut till, "MUG --key order-1");
    let mut till = restarted(till, Crash::POWER_CUT, 2);
    let again = sell(&mut till, &typed("MUG --key order-1")).unwrap();
    assert!(again.repeated);
    assert_eq!(again.completed.get().number, first.number);
    assert_eq!(sold(&mut till, "MUG --key order-2").number.counter(), 2);
}

#[test]
fn too_little_cash_keeps_the_cart_to_go_on_with() {
    let mut till = till();
    let error = sell(&mut till, &typed("MUG --cash 2")).unwrap_err();
    let TerminalError::Unpaid { cart, .. } = &error else { panic!("{error}") };
    assert!(error.to_string().contains("1.50 GBP is still due"), "{error}");
    let done = sold(&mut till, &format!("--cart {cart} BOX2 --cash 5"));
    assert_eq!((done.transaction.total, done.number.counter()), (gbp(450), 1));
}

#[test]
fn what_cannot_be_rung_up_leaves_no_cart_behind() {
    let mut till = till();
    let error = sell(&mut till, &typed("CUP")).unwrap_err();
    assert!(error.to_string().contains("CUP"), "{error}");
    let error = sell(&mut till, &typed("OPEN")).unwrap_err();
    assert!(error.to_string().contains("enter one"), "{error}");
    assert_eq!(till.open_carts().unwrap().len(), 0);
    assert_eq!(sold(&mut till, "OPEN@1.25").transaction.total, gbp(125));
}

#[test]
fn a_cart_that_a_crash_left_open_is_finished_after_it() {
    let mut till = till();
    let operator = OperatorId::new("anna").unwrap();
    let cart = till.open_cart("table 4", &operator).unwrap();
    let mug = Item::read("MUG", till.replica().books().price_book(), gbp(0).currency()).unwrap();
    till.edit_cart(cart, mug.command(&typed("MUG"), Merge::NewLine)).unwrap();
    let mut till = restarted(till, Crash::KILL, 2);
    let waiting = till.open_carts().unwrap();
    assert_eq!(waiting.iter().map(|cart| cart.label.as_str()).collect::<Vec<_>>(), ["table 4"]);
    let done = sold(&mut till, &format!("--cart {}", short(cart)));
    assert_eq!(done.transaction.total, gbp(350));
    let error = sell(&mut till, &typed(&format!("--cart {}", short(cart)))).unwrap_err();
    assert!(error.to_string().contains("no open cart"), "{error}");
}
