use pos_core::cart::{
    CartCommand, CartEdit, CartError, CartStatus, CartView, Direction, ItemRef, Merge, decide,
};
use pos_core::ids::CustomerId;
use pos_core::limits;
use pos_core::money::Currency;
use pos_core::price_book::{Assign, ProductFields};
use pos_core::product::{ProductKind, Sku, UnitOfMeasure};
use pos_core::stock::{Shortage, shortages};
use pos_core::store::{OversellPolicy, StoreSettings};
use pos_core::text::TextError;
use pos_core::unit_price::UnitPrice;
use proptest::prelude::*;

use crate::support::{
    add, add_sku, apply, book, empty_cart, inclusive, line, new_product, overridden, price,
    quantity, sku, stamp,
};

fn decided(cart: &CartView, command: &CartCommand) -> Result<Vec<CartEdit>, CartError> {
    decide(cart, &book(), &inclusive(), command, line(cart.lines.len() as u64 + 1))
}

/// The cart after these commands, all of which are carried out.
fn after(commands: &[CartCommand]) -> CartView {
    let mut cart = empty_cart();
    for command in commands {
        for edit in decided(&cart, command).unwrap() {
            apply(&mut cart, edit);
        }
    }
    cart
}

fn refused(cart: &CartView, command: &CartCommand) -> CartError {
    decided(cart, command).unwrap_err()
}

fn open_item(name: &str) -> ItemRef {
    ItemRef::Open {
        sku: sku("DEPT-1"),
        name: name.to_owned(),
        kind: ProductKind::Service,
        unit: UnitOfMeasure::Each,
        tax_category: "standard".to_owned(),
    }
}

fn priced(item: ItemRef, text: &str, reason: &str) -> CartCommand {
    CartCommand::AddItem {
        item,
        quantity: quantity("1"),
        price: Some(overridden(text, reason)),
        direction: Direction::Sale,
        merge: Merge::SameProduct,
    }
}

#[test]
fn scanning_a_product_again_adds_to_its_line() {
    let gtin = ItemRef::Gtin("4006381333931".parse().unwrap());
    let cart = after(&[add_sku("MUG", "1"), add(gtin, "2")]);
    assert_eq!(cart.lines.len(), 1);
    assert_eq!(cart.lines[0].quantity, quantity("3"));
    assert_eq!(cart.lines[0].price.unit_price, price("2.55"));
}

#[test]
fn each_scan_is_a_line_when_the_store_wants_it_so() {
    let mut again = add_sku("MUG", "1");
    if let CartCommand::AddItem { merge, .. } = &mut again {
        *merge = Merge::NewLine;
    }
    assert_eq!(after(&[add_sku("MUG", "1"), again]).lines.len(), 2);
}

#[test]
fn another_price_direction_or_discount_is_another_line() {
    let mut back = add_sku("MUG", "1");
    if let CartCommand::AddItem { direction, .. } = &mut back {
        *direction = Direction::Return;
    }
    let cheaper = priced(ItemRef::Sku(sku("MUG")), "1.00", "chipped");
    let discount = CartCommand::DiscountLine { line: line(1), basis_points: 500 };
    let cart = after(&[add_sku("MUG", "1"), discount, back, cheaper, add_sku("MUG", "1")]);
    assert_eq!(cart.lines.len(), 4);
}

#[test]
fn a_void_line_is_never_used_again() {
    let void = CartCommand::VoidLine { line: line(1) };
    let cart = after(&[add_sku("MUG", "1"), void.clone(), add_sku("MUG", "1")]);
    assert_eq!(cart.lines.len(), 2, "the item scanned again is a new line");
    let more = CartCommand::ChangeQuantity { line: line(1), quantity: quantity("2") };
    for command in [void, more, CartCommand::DiscountLine { line: line(1), basis_points: 1 }] {
        assert_eq!(refused(&cart, &command), CartError::LineVoid);
    }
}

#[test]
fn a_new_quantity_becomes_the_difference() {
    let cart = after(&[add_sku("MUG", "5")]);
    let change = |to| {
        let command = CartCommand::ChangeQuantity { line: line(1), quantity: quantity(to) };
        decided(&cart, &command).unwrap()
    };
    assert_eq!(change("7"), [CartEdit::AddQuantity { line: line(1), quantity: quantity("2") }]);
    assert_eq!(change("2"), [CartEdit::RemoveQuantity { line: line(1), quantity: quantity("3") }]);
    assert_eq!(change("5"), []);
}

#[test]
fn pieces_are_whole_and_weights_are_not() {
    let cart = empty_cart();
    assert_eq!(
        refused(&cart, &add_sku("MUG", "1.5")),
        CartError::NotWhole { sku: sku("MUG"), quantity: quantity("1.5") }
    );
    assert!(decided(&cart, &add_sku("HAM", "0.125")).is_ok());
}

#[test]
fn nothing_and_less_than_nothing_are_refused() {
    let cart = after(&[add_sku("MUG", "1")]);
    for how_much in ["0", "-1"] {
        assert_eq!(refused(&cart, &add_sku("MUG", how_much)), CartError::QuantityNotPositive);
        let change = CartCommand::ChangeQuantity { line: line(1), quantity: quantity(how_much) };
        assert_eq!(refused(&cart, &change), CartError::QuantityNotPositive);
    }
}

#[test]
fn an_unknown_code_is_named() {
    let unknown = refused(&empty_cart(), &add_sku("NOPE", "1"));
    assert_eq!(unknown, CartError::UnknownItem("NOPE".to_owned()));
    assert_eq!(unknown.to_string(), "nothing in the price book has the code NOPE");
}

#[test]
fn what_is_no_longer_sold_can_still_come_back() {
    let sale = add_sku("OLD", "1");
    assert!(matches!(refused(&empty_cart(), &sale), CartError::Inactive { .. }));
    let CartCommand::AddItem { item, quantity, price, merge, .. } = sale else { unreachable!() };
    let back = CartCommand::AddItem { item, quantity, price, merge, direction: Direction::Return };
    assert!(decided(&empty_cart(), &back).is_ok());
}

#[test]
fn an_open_price_must_be_entered_with_its_reason() {
    let cart = empty_cart();
    assert_eq!(refused(&cart, &add_sku("FLOWERS", "1")), CartError::NeedsPrice(sku("FLOWERS")));
    assert_eq!(
        refused(&cart, &priced(ItemRef::Sku(sku("FLOWERS")), "7.50", "  ")),
        CartError::Text(TextError::Empty { what: "reason" })
    );
    let cart = after(&[priced(ItemRef::Sku(sku("FLOWERS")), "7.50", "bouquet")]);
    assert_eq!(cart.lines[0].price.override_reason.as_deref(), Some("bouquet"));
}

#[test]
fn the_list_price_entered_by_hand_is_no_override() {
    let cart = after(&[priced(ItemRef::Sku(sku("MUG")), "2.55", "asked"), add_sku("MUG", "1")]);
    assert_eq!(cart.lines.len(), 1);
    assert_eq!(cart.lines[0].price.override_reason, None);
}

#[test]
fn an_item_outside_the_price_book_says_what_it_is() {
    let cart = after(&[priced(open_item("Gift wrap"), "0.50", "no code")]);
    assert_eq!(cart.lines[0].product.name, "Gift wrap");
    assert_eq!(
        refused(&cart, &add(open_item("Gift wrap"), "1")),
        CartError::NeedsPrice(sku("DEPT-1"))
    );
    assert!(matches!(
        refused(&cart, &priced(open_item("4242424242424242"), "1", "x")),
        CartError::Text(TextError::CardNumber { .. })
    ));
}

#[test]
fn a_discount_is_at_most_everything() {
    let cart = after(&[add_sku("MUG", "1")]);
    let discount = |basis_points| CartCommand::DiscountLine { line: line(1), basis_points };
    assert_eq!(refused(&cart, &discount(10_001)), CartError::DiscountTooHigh);
    assert!(decided(&cart, &discount(10_000)).is_ok());
    assert_eq!(decided(&cart, &discount(0)).unwrap(), [], "there was none");
}

#[test]
fn another_price_keeps_the_discount() {
    let cart = after(&[
        add_sku("MUG", "1"),
        CartCommand::DiscountLine { line: line(1), basis_points: 1000 },
        CartCommand::OverridePrice { line: line(1), price: overridden("2", "chipped") },
    ]);
    assert_eq!(cart.lines[0].price.discount_basis_points, 1000);
    assert_eq!(cart.lines[0].price.unit_price, price("2.00"));
}

#[test]
fn prices_in_another_currency_are_refused() {
    let euros = UnitPrice::parse("1", Currency::EUR).unwrap();
    let mut command = priced(ItemRef::Sku(sku("MUG")), "1", "x");
    if let CartCommand::AddItem { price: Some(price), .. } = &mut command {
        price.unit_price = euros;
    }
    let wrong = CartError::WrongCurrency { expected: Currency::GBP, found: Currency::EUR };
    assert_eq!(refused(&empty_cart(), &command), wrong);

    let mut book = book();
    let fields = ProductFields { price: Some(Assign::Set(euros)), ..ProductFields::default() };
    book.merge(stamp(1, 1, 1), &new_product("IMPORT", fields));
    let add = add_sku("IMPORT", "1");
    assert_eq!(decide(&empty_cart(), &book, &inclusive(), &add, line(1)), Err(wrong));
}

#[test]
fn a_suspended_cart_is_retrieved_before_anything_else() {
    let cart = after(&[add_sku("MUG", "1"), CartCommand::Suspend]);
    assert_eq!(refused(&cart, &add_sku("MUG", "1")), CartError::Suspended);
    assert_eq!(refused(&cart, &CartCommand::Suspend), CartError::Suspended);
    assert!(decided(&cart, &CartCommand::Retrieve).is_ok());
    assert!(decided(&cart, &CartCommand::Abandon).is_ok());
    assert_eq!(refused(&empty_cart(), &CartCommand::Retrieve), CartError::NotSuspended);
}

#[test]
fn an_abandoned_cart_takes_nothing_more() {
    let cart = after(&[CartCommand::Abandon]);
    assert_eq!(cart.status, CartStatus::Abandoned);
    let customer = Some(CustomerId::from_bytes([1; 16]));
    for command in [
        add_sku("MUG", "1"),
        CartCommand::Retrieve,
        CartCommand::Abandon,
        CartCommand::SetCustomer { customer },
    ] {
        assert_eq!(refused(&cart, &command), CartError::Abandoned);
    }
}

#[test]
fn a_label_is_short_and_no_card_number() {
    let label = |text: &str| CartCommand::SetLabel { label: text.to_owned() };
    assert_eq!(after(&[label(" table 12 ")]).label, "table 12");
    assert!(matches!(refused(&empty_cart(), &label(&"x".repeat(61))), CartError::Text(_)));
    assert!(matches!(refused(&empty_cart(), &label("4242 4242 4242 4242")), CartError::Text(_)));
}

#[test]
fn a_cart_and_a_line_have_an_upper_bound() {
    let mut cart = after(&[add_sku("MUG", "1")]);
    let template = cart.lines[0].clone();
    for n in 2..=limits::LINES_MAX as u64 {
        let mut more = template.clone();
        more.id = line(n);
        more.quantity = quantity("0");
        cart.lines.push(more);
    }
    assert_eq!(refused(&cart, &add_sku("HAM", "1")), CartError::TooManyLines);
    assert!(decided(&cart, &add_sku("MUG", "1")).is_ok(), "a live line still takes more");
    assert_eq!(refused(&empty_cart(), &add_sku("MUG", "10000001")), CartError::TooMuch);
    assert_eq!(refused(&cart, &add_sku("MUG", "10000000")), CartError::TooMuch);
}

#[test]
fn a_line_id_that_is_taken_is_not_used_twice() {
    let cart = after(&[add_sku("MUG", "1")]);
    let taken = decide(&cart, &book(), &inclusive(), &add_sku("HAM", "1"), line(1));
    assert_eq!(taken, Err(CartError::LineIdTaken));
}

#[test]
fn overselling_is_told_as_the_store_or_the_product_wants_it() {
    let cart = after(&[add_sku("MUG", "5"), add_sku("HAM", "2")]);
    let on_hand = |code: &Sku| if *code == sku("MUG") { quantity("4") } else { quantity("2") };
    let short = |policy| {
        let settings = StoreSettings { oversell: policy, ..inclusive() };
        shortages(&cart, &book(), &settings, on_hand).unwrap()
    };
    assert_eq!(short(OversellPolicy::Allow), []);
    let told = Shortage {
        sku: sku("MUG"),
        wanted: quantity("5"),
        on_hand: quantity("4"),
        policy: OversellPolicy::Warn,
    };
    assert_eq!(short(OversellPolicy::Warn), [told]);

    let mut book = book();
    let block = ProductFields {
        oversell: Some(Assign::Set(OversellPolicy::Block)),
        ..ProductFields::default()
    };
    book.merge(stamp(2, 2, 1), &new_product("MUG", block));
    let stopped = shortages(&cart, &book, &inclusive(), on_hand).unwrap();
    assert_eq!(stopped[0].policy, OversellPolicy::Block);

    let mut back = add_sku("MUG", "1");
    if let CartCommand::AddItem { direction, .. } = &mut back {
        *direction = Direction::Return;
    }
    let exchange = after(&[add_sku("MUG", "5"), back]);
    assert_eq!(shortages(&exchange, &book, &inclusive(), on_hand), Ok(vec![]));
}

fn any_command() -> impl Strategy<Value = CartCommand> {
    let code = prop::sample::select(vec!["MUG", "HAM", "OLD", "FLOWERS", "NOPE"]);
    let how_much = prop::sample::select(vec!["0", "-1", "1", "2", "0.5", "3"]);
    let id = (1..8_u64).prop_map(line);
    prop_oneof![
        4 => (code, how_much.clone()).prop_map(|(code, much)| add_sku(code, much)),
        2 => (id.clone(), how_much)
            .prop_map(|(line, much)| CartCommand::ChangeQuantity { line, quantity: quantity(much) }),
        1 => id.clone().prop_map(|line| CartCommand::VoidLine { line }),
        1 => (id, 0..12_000_u16)
            .prop_map(|(line, basis_points)| CartCommand::DiscountLine { line, basis_points }),
        1 => prop::sample::select(vec![CartCommand::Suspend, CartCommand::Retrieve]),
    ]
}

proptest! {
    /// Whatever a cashier does: no line disappears, none goes below zero, pieces stay whole, and a
    /// refused command changes nothing (it has no edits to apply).
    #[test]
    fn any_commands_leave_a_cart_that_can_be_sold(
        commands in prop::collection::vec(any_command(), 0..40),
    ) {
        let mut cart = empty_cart();
        for command in &commands {
            let before = cart.lines.len();
            for edit in decided(&cart, command).unwrap_or_default() {
                apply(&mut cart, edit);
            }
            prop_assert!(cart.lines.len() >= before);
        }
        for line in &cart.lines {
            prop_assert!(!line.quantity.is_negative());
            prop_assert!(line.price.discount_basis_points <= 10_000);
            let whole = line.quantity.thousandths() % 1000 == 0;
            prop_assert!(whole || line.product.unit != UnitOfMeasure::Each);
        }
        prop_assert!(pos_core::sale::quote(&cart, &inclusive()).is_ok());
    }
}
