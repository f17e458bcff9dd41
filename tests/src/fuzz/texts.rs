//! What people scan, type and import.

use std::io::Cursor;
use std::path::Path;

use pos_core::barcode::{BarcodeRule, BarcodeTable, EmbeddedKind, Scan, scan};
use pos_core::gs1::ElementString;
use pos_core::gtin::Gtin;
use pos_core::money::{Currency, Money};
use pos_core::quantity::Quantity;
use pos_core::rounding::Rounding;
use pos_core::unit_price::UnitPrice;
use terminal::csv_file::CsvFile;

/// Rows read of one file: each is bounded, their number is the file's.
const ROWS_MAX: usize = 10_000;

fn table() -> Option<BarcodeTable> {
    let rule = |kind, pattern: &str| Some(BarcodeRule { kind, pattern: pattern.parse().ok()? });
    let rules = vec![
        rule(EmbeddedKind::Weight, "21.....{NNDDD}")?,
        rule(EmbeddedKind::Price, "23.....{NNNDD}")?,
    ];
    BarcodeTable::new(Currency::GBP, rules).ok()
}

/// A code is a GTIN, a label, GS1 elements, or a text; a GTIN written down reads as itself.
pub(super) fn barcodes(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Ok(gtin) = text.parse::<Gtin>() {
        assert_eq!(gtin.to_gtin14().parse(), Ok(gtin), "as 14 digits");
        assert_eq!(gtin.to_string().parse(), Ok(gtin), "as it is shown");
    }
    if let Some(table) = table() {
        match scan(&table, &text) {
            Scan::Weighed { weight, .. } => assert!(!weight.is_negative()),
            Scan::Priced { price, .. } => assert!(!price.is_negative()),
            Scan::Counted { quantity, .. } => assert!(!quantity.is_negative()),
            Scan::Product(gtin) => assert_eq!(gtin.to_string().parse(), Ok(gtin)),
            Scan::Text(kept) => assert_eq!(kept, text.trim()),
        }
    }
    if let Ok(elements) = ElementString::parse(&text, 2026) {
        let weight = elements.net_weight_kg();
        assert!(weight.is_none_or(|weight| !weight.is_sign_negative()), "{weight:?}");
        let _read = (elements.gtin(), elements.price(), elements.count());
    }
}

pub(super) fn barcode_seeds() -> Vec<Vec<u8>> {
    [
        "4006381333931",
        "96385074",
        "036000291452",
        "2112345012340",
        "2354321009997",
        "(01)04006381333931(3103)001250(17)261231(10)ABC",
        "]C10104006381333931\u{1d}10LOT",
        "https://id.gs1.org/01/04006381333931/10/ABC?17=261231",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// An amount reads as itself when it is written down, and arithmetic loses nothing.
pub(super) fn money(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    for currency in [Currency::GBP, Currency::EUR] {
        let Ok(price) = UnitPrice::parse(&text, currency) else { continue };
        assert_eq!(UnitPrice::parse(&price.to_decimal().to_string(), currency), Ok(price));
        let Ok(quantity) = Quantity::from_units(3) else { continue };
        if let Ok(extended) = price.extend(quantity, Rounding::HalfUp) {
            parts_sum_up(extended);
        }
    }
    if let Ok(quantity) = text.parse::<Quantity>() {
        assert_eq!(quantity.to_string().parse(), Ok(quantity));
    }
    if let Ok(currency) = text.trim().parse::<Currency>() {
        assert_eq!(currency.code().parse(), Ok(currency));
    }
}

fn parts_sum_up(amount: Money) {
    for weights in [&[1, 1, 1][..], &[7, 0, 2], &[u64::MAX, 1]] {
        if let Ok(parts) = amount.allocate(weights) {
            assert_eq!(Money::sum(parts, amount.currency()), Ok(amount), "parts sum up");
        }
    }
}

pub(super) fn money_seeds() -> Vec<Vec<u8>> {
    ["2.55", "-0.01", "99999999999.9999", "1e9", "GBP", " 3 ", "0.0001", "1,000.00", "12.500"]
        .map(|text| text.as_bytes().to_vec())
        .to_vec()
}

/// Any file is read to its end or refused with a line, packed or not.
pub(super) fn csv(input: &[u8]) {
    let source = Cursor::new(input.to_vec());
    let Ok(mut file) = CsvFile::from_reader(Path::new("x.csv"), source, input.len() as u64) else {
        return;
    };
    let columns = ["sku", "name", "price", "gtin"].map(|name| file.optional(name));
    drop(file.required("sku", &["sku"]));
    for _ in 0..ROWS_MAX {
        let Ok(Some(row)) = file.next_row() else { return };
        for column in columns {
            if let Ok(text) = row.filled(column) {
                assert!(!text.is_empty(), "filled is not empty");
            }
            drop(row.text(column));
        }
    }
}

pub(super) fn csv_seeds() -> Vec<Vec<u8>> {
    let plain = b"sku,name,price,gtin\nA1,Tea,2.50,4006381333931\n\"A,2\",\"Cof\"\"fee\",1,\n";
    vec![
        plain.to_vec(),
        b"\xef\xbb\xbfSKU ,Name\r\nA1,Tea\r\n".to_vec(),
        b"sku\n\xff\xfe\n".to_vec(),
        vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x2b, 0xce, 0x2e, 0xe5, 2, 0],
    ]
}
