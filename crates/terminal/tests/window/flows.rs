//! What a cashier does all day, by what accessibility tools see; and how many presses it takes.

use eframe::egui::Key;
use pos_core::quantity::Quantity;
use terminal::counter::Intent;
use terminal::counter::view::{CardState, Screen};

use crate::stage::Window;

const ESPRESSO: &str = "2900000000018";
const CROISSANT: &str = "2900000000056";

fn scanned(window: &mut Window, code: &str, lines: usize) {
    window.scan(code);
    window.until("the scanned line", |desk| desk.cart.lines.len() == lines);
}

fn paid(window: &mut Window) -> terminal::counter::view::PaidScreen {
    window.until("paid", |desk| matches!(desk.screen, Screen::Paid(_)));
    match window.desk().screen {
        Screen::Paid(paid) => paid,
        other => panic!("{other:?}"),
    }
}

fn pay(window: &mut Window) {
    window.tap_on("Pay £");
    window.until("the tenders", |desk| matches!(desk.screen, Screen::Pay(_)));
}

#[test]
fn a_scanned_cash_sale_with_the_exact_amount_takes_two_presses() {
    let mut window = Window::selling();
    scanned(&mut window, ESPRESSO, 1);
    scanned(&mut window, CROISSANT, 2);
    pay(&mut window);
    window.tap("Exact");
    let paid = paid(&mut window);
    assert_eq!(window.taps, 2);
    assert_eq!(paid.sale.total.minor(), 220 + 190);
    assert_eq!(paid.change.minor(), 0);
    assert!(window.has("No change"));
    // The next scan starts the next sale.
    scanned(&mut window, ESPRESSO, 1);
    assert!(matches!(window.desk().screen, Screen::Sale));
    assert_eq!(window.desk().cart.total.minor(), 220);
}

#[test]
fn a_card_sale_takes_one_press() {
    let mut window = Window::selling_with(|options| {
        options.card_reader = Some("simulated".to_owned());
    });
    scanned(&mut window, ESPRESSO, 1);
    window.tap("Card");
    let paid = paid(&mut window);
    assert_eq!(window.taps, 1);
    assert_eq!(paid.sale.total.minor(), 220);
}

#[test]
fn a_quantity_takes_two_presses() {
    let mut window = Window::selling();
    scanned(&mut window, ESPRESSO, 1);
    window.tap("Quantity");
    window.tap_first("6");
    let six = Quantity::from_units(6).unwrap();
    window.until("six", |desk| desk.cart.lines[0].quantity == six);
    assert_eq!(window.taps, 2);
    assert_eq!(window.desk().cart.total.minor(), 6 * 220);
}

#[test]
fn suspending_takes_one_press_and_retrieving_two() {
    let mut window = Window::selling();
    scanned(&mut window, ESPRESSO, 1);
    window.tap("Suspend");
    window.until("an empty cart", |desk| desk.cart.lines.is_empty() && desk.waiting.len() == 1);
    assert_eq!(window.taps, 1);
    window.taps = 0;
    window.tap("Retrieve (1)");
    window.tap_on("Suspended");
    window.until("the cart again", |desk| desk.cart.lines.len() == 1 && desk.waiting.is_empty());
    assert_eq!(window.taps, 2);
}

#[test]
fn a_refund_by_receipt_takes_four_presses() {
    let mut window = Window::selling();
    scanned(&mut window, ESPRESSO, 1);
    pay(&mut window);
    window.tap("Exact");
    let receipt = paid(&mut window).sale.receipt;
    window.tap("New sale");
    window.until("the sale", |desk| matches!(desk.screen, Screen::Sale));
    window.taps = 0;
    window.tap("Refund");
    window.until("the refund", |desk| matches!(desk.screen, Screen::Refund(_)));
    window.type_text(&receipt);
    window.key(Key::Enter);
    window.until(
        "the receipt",
        |desk| matches!(&desk.screen, Screen::Refund(refund) if refund.receipt.is_some()),
    );
    window.tap("All of it");
    window.until(
        "all chosen",
        |desk| matches!(&desk.screen, Screen::Refund(refund) if refund.due.exact.minor() == -220),
    );
    window.tap("Faulty");
    window.until(
        "the reason",
        |desk| matches!(&desk.screen, Screen::Refund(refund) if refund.reason.is_some()),
    );
    window.tap_on("Pay out £2.20");
    let refunded = paid(&mut window);
    assert_eq!(window.taps, 4);
    assert_eq!(refunded.sale.total.minor(), -220);
}

#[test]
fn a_press_on_a_tile_adds_its_product() {
    let mut window = Window::selling();
    window.tap("Bagel with cream cheese");
    window.until("the line", |desk| desk.cart.total.minor() == 450);
    window.tap_first("Bagel with cream cheese");
    window.until("two of it", |desk| desk.cart.total.minor() == 900);
    scanned(&mut window, ESPRESSO, 2);
    window.tap("Butter 250 g");
    window.until("three lines", |desk| desk.cart.lines.len() == 3);
}

#[test]
fn a_code_typed_when_all_is_paid_starts_the_next_sale() {
    let mut window = Window::selling();
    scanned(&mut window, ESPRESSO, 1);
    pay(&mut window);
    window.tap("Exact");
    paid(&mut window);
    window.type_text(CROISSANT);
    window.key(Key::Enter);
    window.until("the next sale", |desk| desk.cart.total.minor() == 190);
}

#[test]
fn the_keyboard_alone_sells() {
    let mut window = Window::selling();
    window.type_text("croisant");
    window.key(Key::Enter);
    window.until("a croissant", |desk| {
        desk.cart.lines.first().is_some_and(|line| line.sku.as_str() == "CRO-01")
    });
    window.type_text("3x");
    window.type_text("espr");
    window.key(Key::Enter);
    window.until("three espressos", |desk| desk.cart.total.minor() == 190 + 3 * 220);
    window.key(Key::F10);
    window.until("the tenders", |desk| matches!(desk.screen, Screen::Pay(_)));
    window.type_text("20");
    window.key(Key::Enter);
    let paid = paid(&mut window);
    assert_eq!(paid.change.minor(), 2000 - 190 - 660);
    window.key(Key::Enter);
    window.until("the next sale", |desk| matches!(desk.screen, Screen::Sale));
    assert_eq!(window.taps, 0);
}

#[test]
fn a_split_is_paid_in_parts_and_cash_can_be_handed_back() {
    let mut window = Window::selling_with(|options| {
        options.card_reader = Some("simulated".to_owned());
    });
    scanned(&mut window, CROISSANT, 1);
    scanned(&mut window, ESPRESSO, 2);
    pay(&mut window);
    window.type_text("1.50");
    window.key(Key::Enter);
    let left = |desk: &terminal::counter::view::Desk| match &desk.screen {
        Screen::Pay(pay) => Some(pay.due.exact.minor()),
        _ => None,
    };
    window.until("a part", |desk| left(desk) == Some(410 - 150));
    window.tap("Hand back");
    window.until("nothing taken", |desk| left(desk) == Some(410));
    window.type_text("1");
    window.key(Key::Enter);
    window.until("another part", |desk| left(desk) == Some(310));
    window.tap_on("Card £3.10");
    assert_eq!(paid(&mut window).sale.total.minor(), 410);
}

#[test]
fn an_unknown_code_stops_nobody() {
    let mut window = Window::selling();
    window.scan("4006381333931");
    window.wait("a notice", |view| !view.notices.is_empty());
    assert!(window.has("Nothing has the code 4006381333931"));
    scanned(&mut window, ESPRESSO, 1);
    assert!(window.has("Nothing has the code 4006381333931"), "nobody has read it yet");
    window.tap("Dismiss");
    window.wait("no notice", |view| view.notices.is_empty());
}

#[test]
fn a_scan_counts_whatever_has_the_focus() {
    let mut window = Window::selling();
    for (number, key) in [Key::F3, Key::F12, Key::F1, Key::F5].into_iter().enumerate() {
        scanned(&mut window, ESPRESSO, usize::from(number > 0).max(1));
        window.key(key);
        window.type_text("ab");
        let before = window.desk().cart.additions;
        window.scan(CROISSANT);
        window.until("the scan", |desk| desk.cart.additions > before);
        window.key(Key::Escape);
        window.send(Intent::GiveUpCart);
        window.until("an empty cart", |desk| desk.cart.lines.is_empty());
    }
}

#[test]
fn lines_are_chosen_changed_and_taken_off_by_keys() {
    let mut window = Window::selling();
    scanned(&mut window, ESPRESSO, 1);
    scanned(&mut window, CROISSANT, 2);
    let first = window.desk().cart.lines[0].id;
    window.key(Key::ArrowUp);
    window.until("the first line", |desk| desk.cart.selected == Some(first));
    window.type_text("+");
    window.until("two of it", |desk| desk.cart.total.minor() == 2 * 220 + 190);
    window.key(Key::Delete);
    window.until("one line", |desk| desk.cart.total.minor() == 190);
}

#[test]
fn discounts_and_prices_are_given_by_keys_and_pads() {
    let mut window = Window::selling();
    scanned(&mut window, ESPRESSO, 1);
    window.key(Key::F4);
    window.tap("10 %");
    window.until("ten percent", |desk| desk.cart.total.minor() == 198);
    window.key(Key::F6);
    window.tap("Damaged");
    window.type_text("1.00");
    window.key(Key::Enter);
    window.until("another price", |desk| {
        desk.cart.lines[0].override_reason.as_deref() == Some("Damaged")
    });
}

#[test]
fn a_product_without_a_price_asks_for_one() {
    let mut window = Window::selling();
    let open = window.desk().catalogue.items.iter().find(|item| item.price.is_none()).cloned();
    let Some(item) = open else { return };
    window.send(Intent::Add { sku: item.sku.clone(), quantity: None });
    window.wait("the notice", |view| !view.notices.is_empty());
    assert!(window.has("Price of"));
    window.type_text("3.50");
    window.key(Key::Enter);
    window.until("the line", |desk| desk.cart.total.minor() == 350);
}

#[test]
fn a_customer_is_written_down_and_named() {
    let mut window = Window::selling();
    scanned(&mut window, ESPRESSO, 1);
    window.key(Key::F3);
    window.type_text("Ada");
    window.tap("New customer");
    window.key(Key::Enter);
    window.until("the customer", |desk| {
        desk.cart.customer.as_ref().is_some_and(|customer| customer.name == "Ada")
    });
}

#[test]
fn a_shift_is_read_and_closed() {
    let mut window = Window::selling();
    scanned(&mut window, ESPRESSO, 1);
    pay(&mut window);
    window.tap("Exact");
    paid(&mut window);
    window.tap("Menu");
    window.tap("Shift and reports");
    window.tap("Read the X report");
    window.until("X", |desk| matches!(desk.screen, Screen::X(Some(_))));
    assert!(window.has("Should be in the drawer"));
    window.tap("Back");
    window.until("the sale", |desk| matches!(desk.screen, Screen::Sale));
    window.tap("Menu");
    window.tap("Shift and reports");
    window.type_text("2.00");
    window.key(Key::Enter);
    window.until("Z", |desk| matches!(desk.screen, Screen::Z(_)));
    assert!(window.has("Short"));
}

#[test]
fn the_first_start_asks_three_questions_and_sells() {
    let mut window = Window::fresh(|_| {});
    window.wait("the questions", |view| {
        matches!(view.stage, terminal::counter::Stage::FirstStart(_))
    });
    window.tap("What is your store called?");
    window.type_text("Corner Shop");
    window.tap("In which country is it?");
    window.type_text("Deutsch");
    window.tap("Deutschland");
    window.tap("A small sample shop");
    window.tap("Start selling");
    window.wait("the phrase", |view| {
        matches!(view.stage, terminal::counter::Stage::RecoveryPhrase(_))
    });
    window.tap("I have written them down");
    window.until("products", |desk| !desk.catalogue.items.is_empty());
    assert_eq!(window.desk().place.currency.code(), "EUR");
    scanned(&mut window, ESPRESSO, 1);
}

#[test]
fn a_declined_card_says_that_nothing_was_charged() {
    let mut window = Window::selling_with(|options| {
        options.card_reader = Some("simulated".to_owned());
    });
    scanned(&mut window, ESPRESSO, 1);
    // The simulated reader says what it does with which amounts; this one it takes.
    window.tap("Card");
    window.until("an end", |desk| match &desk.screen {
        Screen::Paid(_) => true,
        Screen::Pay(pay) => !matches!(pay.card, CardState::Asking { .. } | CardState::Idle),
        _ => false,
    });
}

#[test]
fn the_language_changes_at_once() {
    let mut window = Window::selling();
    window.tap("Menu");
    window.tap("Settings");
    window.tap("Deutsch");
    assert!(window.has("Einstellungen"));
}
