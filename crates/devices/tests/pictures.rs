//! The pictures in the documents are what we print. `UPDATE_PICTURES=1` draws them anew; look at them.
#![cfg(feature = "virtual")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use devices::printer::{Fonts, Profile, encode, layout};
use devices::virtual_printer::{Effect, Interpreter, Lexer, Printout, png};
use pos_core::ids::RecordId;
use pos_core::money::{Currency, Money};
use pos_core::product::UnitOfMeasure;
use pos_core::quantity::Quantity;
use pos_core::receipt::{
    LocalTime, ReceiptDocument, ReceiptItem, ReceiptMark, ReceiptTax, ReceiptTender,
};
use pos_core::transaction::{ReceiptNumber, TenderKind};
use pos_core::unit_price::UnitPrice;

fn eur(minor: i64) -> Money {
    Money::from_minor(minor, Currency::EUR)
}

fn item(name: &str, thousandths: i64, unit: UnitOfMeasure, price: &str, minor: i64) -> ReceiptItem {
    ReceiptItem {
        sku: "A1".parse().unwrap(),
        name: name.to_owned(),
        quantity: Quantity::from_thousandths(thousandths),
        unit,
        unit_price: UnitPrice::parse(price, Currency::EUR).unwrap(),
        extended: eur(minor),
        discount: None,
        amount: eur(minor),
        rates: vec!["standard".parse().unwrap()],
    }
}

fn document() -> ReceiptDocument {
    let mut id = [7; 32];
    id[..3].copy_from_slice(&[0x9f, 0xc2, 0x40]);
    let id = RecordId::from_bytes(id);
    let register = || "R1".parse().unwrap();
    let discounted = ReceiptItem {
        discount: Some(eur(-120)),
        amount: eur(1080),
        ..item("Teekanne „Lotte“, 1,2 l", 1000, UnitOfMeasure::Each, "12.00", 1200)
    };
    let bread = ReceiptItem {
        rates: vec!["reduced".parse().unwrap()],
        ..item("Roggenbrot", 2000, UnitOfMeasure::Each, "3.40", 680)
    };
    let tax = |rate: &str, percent: &str, taxable, tax| ReceiptTax {
        rate: rate.parse().unwrap(),
        percent: percent.parse().unwrap(),
        taxable: eur(taxable),
        tax: eur(tax),
    };
    ReceiptDocument {
        marks: vec![ReceiptMark::ThisTillOnly],
        store: "Café Łódź".to_owned(),
        header: vec![
            "Marktstraße 12, 79098 Freiburg".to_owned(),
            "USt-IdNr. DE123456789".to_owned(),
        ],
        number: ReceiptNumber::new(register(), 123, &id),
        transaction: id,
        register: register(),
        operator: "anna".parse().unwrap(),
        label: String::new(),
        business_date: "2026-11-23".parse().unwrap(),
        local_time: LocalTime { date: "2026-11-23".to_owned(), time: "14:05".to_owned() },
        items: vec![
            item("Espresso", 1000, UnitOfMeasure::Each, "2.60", 260),
            item(
                "Kaffeebohnen Äthiopien, gewaschen, hell geröstet",
                348,
                UnitOfMeasure::Kilogram,
                "31.90",
                1110,
            ),
            discounted,
            bread,
            item("Žluťoučký čaj", 1000, UnitOfMeasure::Each, "4.20", 420),
            item("Чай", 1000, UnitOfMeasure::Each, "4.20", 420),
            item("Ελληνικός καφές", 1000, UnitOfMeasure::Each, "3.10", 310),
        ],
        subtotal: None,
        total: eur(4280),
        taxes: vec![tax("standard", "19", 3025, 575), tax("reduced", "7", 636, 44)],
        rounding: None,
        payable: eur(4280),
        tenders: vec![
            ReceiptTender {
                kind: TenderKind::Card,
                amount: eur(2280),
                reference: Some("004217".to_owned()),
            },
            ReceiptTender { kind: TenderKind::Cash, amount: eur(5000), reference: None },
        ],
        change: Some(eur(3000)),
        footer: vec!["Danke und bis bald!".to_owned()],
    }
}

fn printed(document: &ReceiptDocument, profile: Profile) -> Printout {
    let fonts = || Fonts::new().unwrap();
    let bytes = encode(&layout(document, profile.columns), &profile, &fonts()).bytes();
    let mut printer = Interpreter::new(profile, fonts());
    for command in Lexer::default().read(&bytes) {
        if let Some(Effect::Printed(paper)) = printer.run(command) {
            return *paper;
        }
    }
    printer.tear_off()
}

fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/pictures").join(name)
}

/// The rows of a PNG file.
fn rows(file: &[u8]) -> (u32, Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
    let mut rows = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut rows).unwrap();
    (reader.info().width, rows)
}

#[test]
fn the_pictures_in_the_documents_are_what_we_print() {
    let copy = document().into_copy();
    for (name, paper) in [
        ("receipt-80.png", printed(&document(), Profile::EPSON_80_MM)),
        ("receipt-58.png", printed(&copy, Profile::GENERIC_58_MM)),
    ] {
        let drawn = png(&paper.picture).unwrap();
        if std::env::var_os("UPDATE_PICTURES").is_some() {
            std::fs::write(place(name), &drawn).unwrap();
        }
        let kept = std::fs::read(place(name)).unwrap();
        assert!(
            rows(&kept) == rows(&drawn),
            "{name} is not what is printed now: look, then update"
        );
    }
}
