use std::collections::BTreeSet;

use pos_core::gtin::Gtin;
use pos_core::price_book::{Assign, EditNumber, PriceBook, ProductEdit, ProductFields};
use pos_core::store::OversellPolicy;
use proptest::prelude::*;

use crate::support::{new_product, price, sku, stamp};

fn edit(code: &str, number: u64, fields: ProductFields) -> ProductEdit {
    ProductEdit { sku: sku(code), edit: EditNumber(number), fields }
}

fn named(name: &str) -> ProductFields {
    ProductFields { name: Some(name.to_owned()), ..ProductFields::default() }
}

fn priced(text: &str) -> ProductFields {
    ProductFields { price: Some(Assign::Set(price(text))), ..ProductFields::default() }
}

fn gtin(text: &str) -> Gtin {
    text.parse().unwrap()
}

#[test]
fn the_higher_edit_number_wins_whatever_the_clock_says() {
    let mut book = PriceBook::new();
    book.merge(stamp(2, 5, 1), &edit("A", 2, named("second")));
    assert!(!book.merge(stamp(1, 999, 9), &edit("A", 1, named("first, Lamport time far ahead"))));
    assert_eq!(book.product(&sku("A")).unwrap().name, "second");
    assert_eq!(book.next_edit(&sku("A")), EditNumber(3));
}

#[test]
fn edits_of_different_fields_both_stand() {
    let mut book = PriceBook::new();
    book.merge(stamp(1, 1, 1), &new_product("A", ProductFields::default()));
    book.merge(stamp(2, 2, 1), &edit("A", 2, priced("3")));
    book.merge(stamp(2, 2, 2), &edit("A", 2, named("renamed")));
    let product = book.product(&sku("a")).unwrap();
    assert_eq!((product.name.as_str(), product.price), ("renamed", Some(price("3.00"))));
}

#[test]
fn a_product_exists_once_it_has_a_name() {
    let mut book = PriceBook::new();
    book.merge(stamp(2, 2, 1), &edit("A", 2, priced("3")));
    assert_eq!((book.product(&sku("A")), book.len()), (None, 0));
    book.merge(stamp(1, 1, 1), &edit("A", 1, named("late")));
    assert_eq!(book.product(&sku("A")).unwrap().price, Some(price("3")));
    assert_eq!((book.len(), book.iter().count()), (1, 1));
}

#[test]
fn a_price_and_an_oversell_rule_can_be_taken_back() {
    let mut book = PriceBook::new();
    let block = ProductFields {
        oversell: Some(Assign::Set(OversellPolicy::Block)),
        ..ProductFields::default()
    };
    book.merge(stamp(1, 1, 1), &new_product("A", block));
    let clear = ProductFields {
        price: Some(Assign::Clear),
        oversell: Some(Assign::Clear),
        ..ProductFields::default()
    };
    book.merge(stamp(2, 2, 1), &edit("A", 2, clear));
    let product = book.product(&sku("A")).unwrap();
    assert_eq!((product.price, product.oversell), (None, None));
}

#[test]
fn a_barcode_follows_the_product_that_carries_it() {
    let mut book = PriceBook::new();
    let code = gtin("4006381333931");
    let with = |gtins| ProductFields { gtins: Some(gtins), ..ProductFields::default() };
    book.merge(stamp(1, 1, 1), &new_product("B", with(BTreeSet::from([code]))));
    book.merge(stamp(1, 1, 1), &new_product("A", with(BTreeSet::from([code]))));
    assert_eq!(book.by_gtin(&code).unwrap().sku, sku("A"), "the first of two by SKU");
    let inactive = ProductFields { active: Some(false), ..ProductFields::default() };
    book.merge(stamp(2, 2, 1), &edit("A", 2, inactive));
    assert_eq!(book.by_gtin(&code).unwrap().sku, sku("B"), "an active one before an inactive one");
    book.merge(stamp(2, 2, 1), &edit("B", 2, with(BTreeSet::new())));
    assert_eq!(book.by_gtin(&code).unwrap().sku, sku("A"));
    assert!(book.by_gtin(&gtin("9780201379624")).is_none());
}

fn any_edit() -> impl Strategy<Value = (u64, u64, u8, ProductEdit)> {
    let code = prop::sample::select(vec!["A", "B"]);
    let name = prop::option::of(prop::sample::select(vec!["x", "y", "z"]));
    let cost = prop::option::of(prop::sample::select(vec!["1", "2.5", "3"]));
    let active = prop::option::of(any::<bool>());
    let gtins =
        prop::option::of(prop::sample::subsequence(vec!["4006381333931", "9780201379624"], 0..=2));
    (1..4_u64, 1..3_u64, 1..3_u8, code, name, cost, active, gtins).prop_map(
        |(number, lamport, author, code, name, cost, active, gtins)| {
            let fields = ProductFields {
                name: name.map(str::to_owned),
                price: cost.map(|text| Assign::Set(price(text))),
                active,
                gtins: gtins.map(|codes| codes.into_iter().map(gtin).collect()),
                ..ProductFields::default()
            };
            (number, lamport, author, edit(code, number, fields))
        },
    )
}

proptest! {
    #[test]
    fn any_order_and_any_repetition_of_edits_give_the_same_book(
        edits in prop::collection::vec(any_edit(), 0..12),
        again in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        shuffled in any::<u64>(),
    ) {
        let merge = |order: &[usize]| {
            let mut book = PriceBook::new();
            for &at in order {
                let (number, lamport, author, edit) = &edits[at];
                book.merge(stamp(*number, *lamport, *author), edit);
            }
            book
        };
        let straight: Vec<usize> = (0..edits.len()).collect();
        let mut other = straight.clone();
        if !edits.is_empty() {
            other.extend(again.iter().map(|index| index.index(edits.len())));
        }
        // Any fixed mixing will do: the order differs, the seed names it.
        other.sort_by_key(|&at| (at as u64 + 1).wrapping_mul(shuffled | 1).rotate_left(17));
        prop_assert_eq!(merge(&straight), merge(&other));
    }
}
