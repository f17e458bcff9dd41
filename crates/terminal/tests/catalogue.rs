#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
//! The search over real names: typing errors people make, and laws.

use pos_core::gtin::Gtin;
use proptest::prelude::*;
use terminal::catalogue::{HITS_MAX, Index, Row, fold};

const PRODUCTS: &str = include_str!("data/products_sample.csv");
const MISSPELLINGS: &str = include_str!("data/misspellings.csv");

fn rows(csv: &str) -> Vec<(String, String)> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    reader.deserialize().map(Result::unwrap).collect()
}

struct Shelf {
    products: Vec<(String, String)>,
    index: Index,
}

impl Shelf {
    fn new() -> Self {
        let products = rows(PRODUCTS);
        let gtins: Vec<[Gtin; 1]> =
            products.iter().map(|(gtin, _)| [gtin.parse().unwrap()]).collect();
        let rows = products.iter().zip(&gtins);
        let rows = rows.map(|((sku, name), gtins)| Row { sku, name, gtins });
        let index = Index::build(rows).unwrap();
        Self { products, index }
    }

    fn names(&self, query: &str, most: usize) -> Vec<String> {
        let hits = self.index.search(query, most);
        hits.into_iter().map(|hit| fold(&self.products[hit.row].1)).collect()
    }
}

#[test]
fn fifty_misspellings_find_what_was_meant() {
    let shelf = Shelf::new();
    let list = rows(MISSPELLINGS);
    assert_eq!(list.len(), 50);
    let missed: Vec<String> = list
        .iter()
        .filter_map(|(typed, expected)| {
            let found = shelf.names(typed, 5);
            (!found.contains(&fold(expected))).then(|| format!("{typed}: {found:?}"))
        })
        .collect();
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn every_product_is_found_by_its_number_and_by_its_name() {
    let shelf = Shelf::new();
    for (row, (gtin, name)) in shelf.products.iter().enumerate().step_by(7) {
        let by_number = shelf.index.search(gtin, HITS_MAX);
        assert!(by_number.iter().any(|hit| hit.row == row), "{gtin}");
        if fold(name).chars().any(char::is_alphanumeric) {
            let found = shelf.names(name, HITS_MAX);
            assert!(found.contains(&fold(name)), "{name}: {found:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn one_wrong_letter_in_a_long_word_finds_it_all_the_same(
        pick in any::<prop::sample::Index>(),
        at in 1_usize..5,
        letter in proptest::char::range('a', 'z'),
    ) {
        let products = rows(PRODUCTS);
        let words: Vec<String> = products
            .iter()
            .flat_map(|(_, name)| fold(name).split(' ').map(str::to_owned).collect::<Vec<_>>())
            .filter(|word| word.len() >= 7 && word.chars().all(|c| c.is_ascii_lowercase()))
            .collect();
        let word = pick.get(&words);
        let mut typed: Vec<char> = word.chars().collect();
        typed[at] = letter;
        let typed: String = typed.into_iter().collect();
        let row = Row { sku: "A", name: word, gtins: &[] };
        let other = Row { sku: "B", name: "something else entirely", gtins: &[] };
        let index = Index::build([row, other]).unwrap();
        let found: Vec<usize> = index.search(&typed, 5).into_iter().map(|hit| hit.row).collect();
        prop_assert_eq!(found, [0]);
    }

    #[test]
    fn any_text_is_answered_and_no_product_twice(query in "\\PC{0,60}") {
        let shelf = Shelf::new();
        let mut found: Vec<usize> =
            shelf.index.search(&query, HITS_MAX).into_iter().map(|hit| hit.row).collect();
        prop_assert!(found.len() <= HITS_MAX);
        let many = found.len();
        found.sort_unstable();
        found.dedup();
        prop_assert_eq!(found.len(), many);
    }
}
