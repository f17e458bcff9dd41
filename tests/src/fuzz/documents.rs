//! Arbitrary bytes as changes of a cart.

use pos_core::cart::{CartEdit, Direction, LinePrice, LineProduct};
use pos_core::ids::{CartId, LineId, OperatorId};
use pos_core::money::Currency;
use pos_core::product::{ProductKind, Sku, UnitOfMeasure};
use pos_core::quantity::Quantity;
use pos_core::unit_price::UnitPrice;
use replica::documents::{Author, CartDocument, links};

use super::bytes::{framed, frames};

const CART: [u8; 16] = [1; 16];

fn author(device: u8) -> Author {
    Author::new(&[device; 32], b"fuzz")
}

fn cart() -> Option<CartDocument> {
    CartDocument::open(CartId::from_bytes(CART), 0).ok()
}

/// Changes, each behind its length, offered by their author and by another device. Whatever is taken,
/// the document can be read, stands on its own changes, and takes an edit.
pub(super) fn gate(input: &[u8]) {
    let Some(mut document) = cart() else { return };
    for (number, raw) in frames(input).into_iter().enumerate() {
        drop(links(raw));
        let by = if number % 4 == 3 { 2 } else { 1 };
        drop(document.apply_remote(raw, &author(by)));
        drop(document.view());
    }
    let before = document.view();
    assert!(document.document().verify().is_ok(), "the document stands on its changes");
    assert!(document.rebuild().is_ok(), "it is rebuilt from them");
    assert_eq!(document.view(), before, "and is what it was");
    if document.unreadable_lines() == 0 && before.lines.len() < 100 {
        let edit = line(9).map(|edit| document.apply_edit(&author(9), &edit));
        let refused = matches!(edit, Some(Err(_)));
        assert!(!refused, "a line can be added: {edit:?}");
    }
}

fn line(number: u8) -> Option<CartEdit> {
    let price = UnitPrice::parse("2.55", Currency::GBP).ok()?;
    Some(CartEdit::AddLine {
        line: LineId::from_bytes([number; 16]),
        product: LineProduct {
            sku: Sku::new("S1").ok()?,
            name: "Mug".to_owned(),
            kind: ProductKind::Stocked,
            unit: UnitOfMeasure::Each,
            tax_category: "standard".to_owned(),
            direction: Direction::Sale,
            list_price: Some(price),
        },
        price: LinePrice { unit_price: price, override_reason: None, discount_basis_points: 0 },
        quantity: Quantity::from_units(2).ok()?,
    })
}

fn changes() -> Option<Vec<Vec<u8>>> {
    let mut cart = cart()?;
    let author = author(1);
    let line_id = LineId::from_bytes([3; 16]);
    let mut changes = vec![cart.apply_open(&author, &OperatorId::new("ada").ok()?, "7").ok()??];
    let more = CartEdit::AddQuantity { line: line_id, quantity: Quantity::from_units(1).ok()? };
    for edit in [line(3)?, more, CartEdit::VoidLine { line: line_id }] {
        changes.push(cart.apply_edit(&author, &edit).ok()??);
    }
    Some(changes)
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let changes = changes().unwrap_or_default();
    let mut seeds: Vec<Vec<u8>> = changes.iter().map(|change| framed(change)).collect();
    seeds.push(seeds.concat());
    seeds
}
