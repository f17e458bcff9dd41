use pos_core::money::Currency;
use pos_core::quantity::Quantity;
use pos_core::receipt::{LocalTime, ReceiptItem, ReceiptMark, ReceiptTax, ReceiptTender};
use pos_core::transaction::{ReceiptNumber, TenderKind};
use pos_core::unit_price::UnitPrice;
use unicode_width::UnicodeWidthStr;

use super::*;

fn gbp(minor: i64) -> pos_core::money::Money {
    pos_core::money::Money::from_minor(minor, Currency::GBP)
}

fn item(name: &str, thousandths: i64, price: &str, minor: i64) -> ReceiptItem {
    ReceiptItem {
        sku: "A1".parse().unwrap(),
        name: name.to_owned(),
        quantity: Quantity::from_thousandths(thousandths),
        unit: pos_core::product::UnitOfMeasure::Each,
        unit_price: UnitPrice::parse(price, Currency::GBP).unwrap(),
        extended: gbp(minor),
        discount: None,
        amount: gbp(minor),
        rates: vec!["standard".parse().unwrap()],
    }
}

fn document() -> ReceiptDocument {
    let id = pos_core::ids::RecordId::from_bytes([0; 32]);
    ReceiptDocument {
        marks: Vec::new(),
        store: "Corner Shop".to_owned(),
        header: vec!["12 High Street".to_owned()],
        number: ReceiptNumber::new("R1".parse().unwrap(), 42, &id),
        register: "R1".parse().unwrap(),
        operator: "anna".parse().unwrap(),
        label: String::new(),
        business_date: "2010-12-01".parse().unwrap(),
        local_time: LocalTime { date: "2010-12-01".to_owned(), time: "08:26".to_owned() },
        items: vec![
            item("White hanging heart t-light holder, large", 1000, "2.55", 255),
            item("Café crème", 3000, "1.25", 375),
        ],
        subtotal: None,
        total: gbp(630),
        taxes: vec![ReceiptTax {
            rate: "standard".parse().unwrap(),
            percent: "20".parse().unwrap(),
            taxable: gbp(525),
            tax: gbp(105),
        }],
        rounding: None,
        payable: gbp(630),
        tenders: vec![ReceiptTender { kind: TenderKind::Cash, amount: gbp(1000), reference: None }],
        change: Some(gbp(370)),
        footer: vec!["Thank you".to_owned()],
    }
}

#[test]
fn a_receipt_on_42_columns() {
    let expected = "
               Corner Shop
              12 High Street
------------------------------------------
White hanging heart t-light holder,
large                               2.55 A
Café crème
  3 x 1.25                          3.75 A
------------------------------------------
TOTAL GBP                           6.30
Cash                               10.00
Change                              3.70
------------------------------------------
Tax                         net        tax
A standard 20 %            5.25       1.05
------------------------------------------
              R1-000042-0000
2010-12-01 08:26                 R1 / anna
                Thank you
";
    assert_eq!(format!("\n{}", text(&document(), 42)), expected);
}

#[test]
fn no_line_is_wider_than_the_paper_whatever_it_says() {
    let mut document = document();
    document.marks = vec![ReceiptMark::Copy, ReceiptMark::Return];
    document.label = "a label without any blank that goes on and on".repeat(3);
    document.header = vec!["x".repeat(100)];
    document.items = vec![
        item("日本の緑茶と抹茶アイスクリームと和菓子の詰め合わせセット", 1000, "12.00", 1200),
        item("한국 김치 라면 매운맛 다섯 개 묶음 특별 할인 상품입니다", -2000, "1.0001", -200),
        item(&"w".repeat(200), 1_234_567, "99999.9999", 123_456_789),
    ];
    document.rounding = Some(gbp(-1));
    document.subtotal = Some(gbp(525));
    for width in [24, 32, 42, 48, 64] {
        for line in layout(&document, width) {
            assert!(line.text.width() <= width, "{width}: {:?}", line.text);
        }
    }
}

#[test]
fn amounts_end_in_the_same_column_beside_wide_characters() {
    let mut document = document();
    document.items = vec![item("緑茶", 1000, "2.00", 200), item("tea", 1000, "2.00", 200)];
    let ends: Vec<usize> = layout(&document, 42)
        .iter()
        .filter(|line| line.text.ends_with("2.00 A"))
        .map(|line| line.text.width())
        .collect();
    assert_eq!(ends, [42, 42]);
}

#[test]
fn after_midnight_the_business_date_stands_beside_the_time() {
    let mut document = document();
    document.local_time =
        LocalTime { date: "2010-12-02".to_owned(), time: "01:10".to_owned() };
    assert!(text(&document, 42).contains("Business date 2010-12-01"));
}

#[test]
fn the_bytes_of_a_short_receipt_are_these() {
    let lines = [
        Line { text: "Café £1 €2 茶".to_owned(), style: Style::Plain },
        Line { text: "TOTAL   ".to_owned(), style: Style::Bold },
        Line { text: "Shop\u{1b}@".to_owned(), style: Style::Tall },
    ];
    let bytes = encode(&lines, &Model::EPSON_80_MM, Drawer::Open);
    let mut golden = Vec::new();
    golden.extend_from_slice(b"\x1b@\x1bt\x10"); // initialize, Windows-1252
    golden.extend_from_slice(b"\x1bp\x00\x19\xfa"); // drawer on pin 2, 50 ms, 500 ms
    golden.extend_from_slice(b"Caf\xe9 \xa31 \x802 ??\n");
    golden.extend_from_slice(b"\x1bE\x01TOTAL\x1bE\x00\n");
    golden.extend_from_slice(b"\x1d!\x01Shop@\x1d!\x00\n"); // the name's escape is gone
    golden.extend_from_slice(b"\x1dVB\x00"); // feed and cut, leave a point
    assert_eq!(bytes, golden);
}

#[test]
fn a_printer_without_cutter_and_drawer_feeds_to_the_edge() {
    let model = Model { cutter: Cutter::None, drawer: None, ..Model::EPSON_80_MM };
    let bytes = encode(&[], &model, Drawer::Open);
    assert_eq!(bytes, b"\x1b@\x1bt\x10\x1bd\x05");
    let shut = encode(&[], &Model::EPSON_80_MM, Drawer::Shut);
    assert!(!shut.windows(2).any(|pair| pair == b"\x1bp"));
}

#[test]
fn printing_writes_the_encoded_layout_and_a_broken_pipe_is_told() {
    let mut out = Vec::new();
    print(&document(), &Model::EPSON_80_MM, Drawer::Shut, &mut out).unwrap();
    let lines = layout(&document(), 48);
    assert_eq!(out, encode(&lines, &Model::EPSON_80_MM, Drawer::Shut));

    let mut full: &mut [u8] = &mut [0; 4];
    let error = print(&document(), &Model::EPSON_80_MM, Drawer::Shut, &mut full).unwrap_err();
    assert!(error.to_string().contains("print the receipt again"), "{error}");
}
