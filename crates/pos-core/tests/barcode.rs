//! Labels of scales and shops: vectors of vendors' manuals, and laws of the patterns.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use pos_core::barcode::{
    BarcodePattern, BarcodeRule, BarcodeTable, EmbeddedKind, PatternError, Scan, scan,
};
use pos_core::gtin::Gtin;
use pos_core::money::{Currency, Money};
use pos_core::quantity::Quantity;
use proptest::prelude::*;

fn table(currency: Currency, rules: &[(EmbeddedKind, &str)]) -> Result<BarcodeTable, PatternError> {
    let rule = |&(kind, pattern): &(EmbeddedKind, &str)| {
        Ok(BarcodeRule { kind, pattern: pattern.parse()? })
    };
    BarcodeTable::new(currency, rules.iter().map(rule).collect::<Result<_, PatternError>>()?)
}

fn gtin(text: &str) -> Gtin {
    text.parse().unwrap()
}

fn weighed(item: &str, base: &str, grams: i64) -> Scan {
    let weight = Quantity::from_thousandths(grams);
    Scan::Weighed { item: item.to_owned(), base: gtin(base), weight }
}

/// Odoo documentation, bar code nomenclatures.
#[test]
fn odoo_weight_label_gives_item_weight_and_base_number() {
    let table = table(Currency::EUR, &[(EmbeddedKind::Weight, "21.....{NNDDD}")]).unwrap();
    assert_eq!(scan(&table, "2112345015002"), weighed("12345", "2112345000008", 1500));
    // Another prefix is another product; a wrong check digit is no label.
    assert_eq!(scan(&table, "2212345015009"), Scan::Product(gtin("2212345015009")));
    assert_eq!(scan(&table, "2112345015003"), Scan::Text("2112345015003".to_owned()));
}

/// Solteq POS manual; Loomis POS help, whose till shows the second as 0.12 kg.
#[test]
fn nordic_weight_labels_keep_all_three_decimals() {
    let table = table(Currency::EUR, &[(EmbeddedKind::Weight, "23......{NDDD}")]).unwrap();
    assert_eq!(scan(&table, "2323511101232"), weighed("235111", "2323511100006", 123));
    let light = scan(&table, "2389850601161");
    let Scan::Weighed { item, weight, .. } = light else { panic!("{light:?}") };
    assert_eq!((item.as_str(), weight.to_string().as_str()), ("898506", "0.116"));
}

/// NexoPOS: a value of five digits is a price in cents.
#[test]
fn a_price_label_is_worth_its_price_in_the_minor_units_of_the_currency() {
    let price_of = |currency: &str, pattern: &str, code: &str| {
        let table =
            table(Currency::from_code(currency).unwrap(), &[(EmbeddedKind::Price, pattern)])
                .unwrap();
        match scan(&table, code) {
            Scan::Priced { price, base, .. } => (price.minor(), base.to_string()),
            other => panic!("{other:?}"),
        }
    };
    let body = |digits: u64| Gtin::from_body(digits).unwrap().to_string();
    let base = body(221_234_500_000);
    assert_eq!(price_of("EUR", "22.....{NNNDD}", &body(221_234_501_299)), (1299, base.clone()));
    // One decimal, and the currency has two or three.
    assert_eq!(price_of("EUR", "22.....{NNNND}", &body(221_234_501_299)), (12_990, base.clone()));
    assert_eq!(price_of("KWD", "22.....{NNNND}", &body(221_234_501_299)), (129_900, base.clone()));
    assert_eq!(price_of("JPY", "22.....{NNNNN}", &body(221_234_501_299)), (1299, base));
}

#[test]
fn a_upc_label_matches_the_same_pattern_with_and_without_its_leading_zero() {
    let table =
        table(Currency::from_code("USD").unwrap(), &[(EmbeddedKind::Price, "02.....V{NNDD}")])
            .unwrap();
    let label = Gtin::from_body(21_234_592_875).unwrap().to_string();
    let expected = Scan::Priced {
        item: "12345".to_owned(),
        base: Gtin::from_body(21_234_500_000).unwrap(),
        price: Money::from_minor(2875, table.currency()),
    };
    assert_eq!(scan(&table, &label), expected);
    assert_eq!(scan(&table, &label[1..]), expected);
    // The verifier of 28.75 is 9: with another digit the label is not believed.
    let misread = Gtin::from_body(21_234_582_875).unwrap();
    assert_eq!(scan(&table, &misread.to_string()), Scan::Product(misread));
}

#[test]
fn the_first_pattern_that_matches_wins() {
    let rules =
        [(EmbeddedKind::Quantity, "211....{NNNNN}"), (EmbeddedKind::Weight, "21.....{NNDDD}")];
    let table = table(Currency::EUR, &rules).unwrap();
    let counted = scan(&table, "2112345015002");
    let quantity = Quantity::from_units(1500).unwrap();
    let base = gtin("2112345000008");
    assert_eq!(counted, Scan::Counted { item: "2345".to_owned(), base, quantity });
    let other = Gtin::from_body(219_234_501_500).unwrap().to_string();
    assert!(matches!(scan(&table, &other), Scan::Weighed { .. }));
}

#[test]
fn what_is_no_label_is_a_product_or_a_text() {
    let table = table(Currency::EUR, &[(EmbeddedKind::Weight, "2.......{NDDD}")]).unwrap();
    for code in ["3017620422003", "20000004", "12112345015009"] {
        assert_eq!(scan(&table, code), Scan::Product(gtin(code)), "{code}");
    }
    for code in ["", "85123A", "Tomatoes", "٢١١٢٣٤٥٠١٥٠٠٢"] {
        assert_eq!(scan(&table, &format!(" {code}\r")), Scan::Text(code.to_owned()));
    }
}

#[test]
fn a_pattern_that_makes_no_sense_is_refused_when_it_is_written() {
    for bad in [
        "",
        "21.....",
        "21.....{NNDDD",
        "21.....NNDDD}",
        "21.....{}",
        "21....{NNDDD}",
        "21......{NNDDD}",
        "21...{NN}{DDD}..",
        "21.....{DDDNN}",
        ".......{NNDDD}",
        "21....V{NNDDDD}",
        "2......VV{NNDD}",
        "21.....{NNxDD}",
    ] {
        assert!(bad.parse::<BarcodePattern>().is_err(), "{bad}");
    }
    let too_fine = table(Currency::EUR, &[(EmbeddedKind::Weight, "21....{NNDDDD}")]);
    assert!(matches!(too_fine, Err(PatternError::TooManyDecimals { found: 4, allowed: 3, .. })));
    let too_fine = table(Currency::EUR, &[(EmbeddedKind::Price, "21.....{NNDDD}")]);
    assert!(matches!(too_fine, Err(PatternError::TooManyDecimals { found: 3, allowed: 2, .. })));
    let many = vec![(EmbeddedKind::Weight, "21.....{NNDDD}"); 101];
    assert_eq!(table(Currency::EUR, &many), Err(PatternError::TooManyPatterns));
}

#[test]
fn a_table_comes_back_from_both_formats_and_is_checked_on_the_way() {
    let rules = [(EmbeddedKind::Price, "02.....V{NNDD}"), (EmbeddedKind::Weight, "21.....{NNDDD}")];
    let table = table(Currency::GBP, &rules).unwrap();
    let json = serde_json::to_string(&table).unwrap();
    assert_eq!(
        json,
        r#"{"currency":"GBP","rules":[{"kind":"price","pattern":"02.....V{NNDD}"},{"kind":"weight","pattern":"21.....{NNDDD}"}]}"#
    );
    assert_eq!(serde_json::from_str::<BarcodeTable>(&json).unwrap(), table);
    let bytes = postcard::to_stdvec(&table).unwrap();
    assert_eq!(postcard::from_bytes::<BarcodeTable>(&bytes).unwrap(), table);
    let finer = json.replace("GBP", "JPY");
    assert!(serde_json::from_str::<BarcodeTable>(&finer).is_err());
}

proptest! {
    #[test]
    fn a_label_made_for_a_pattern_reads_back_to_what_was_put_in(
        item in 0_u64..100_000, grams in 0_u64..100_000,
    ) {
        let table = table(Currency::EUR, &[(EmbeddedKind::Weight, "21.....{NNDDD}")]).unwrap();
        let body = 210_000_000_000 + item * 100_000;
        let label = Gtin::from_body(body + grams).unwrap().to_string();
        let base = Gtin::from_body(body).unwrap().to_string();
        let grams = i64::try_from(grams).unwrap();
        prop_assert_eq!(scan(&table, &label), weighed(&format!("{item:05}"), &base, grams));
    }

    #[test]
    fn no_text_at_all_stops_the_scanner(code in ".*", pattern in "[0-9.NDV{}]{0,16}") {
        if let Ok(pattern) = pattern.parse::<BarcodePattern>() {
            prop_assert_eq!(pattern.to_string().parse::<BarcodePattern>().unwrap(), pattern);
        }
        let table = table(Currency::EUR, &[(EmbeddedKind::Weight, "2.......{NDDD}")]).unwrap();
        scan(&table, &code);
    }
}
