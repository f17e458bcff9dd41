use pos_core::ids::RecordId;
use pos_core::money::Currency;
use pos_core::quantity::Quantity;
use pos_core::receipt::{
    LocalTime, ReceiptItem, ReceiptMark, ReceiptTax, ReceiptTender, ReportKind,
};
use pos_core::report::{CountAmount, DrawerTotals, GrandTotals, TaxTotal, Totals, XReport};
use pos_core::transaction::{ReceiptNumber, TenderKind};
use pos_core::unit_price::UnitPrice;

use super::*;

fn gbp(minor: i64) -> pos_core::money::Money {
    pos_core::money::Money::from_minor(minor, Currency::GBP)
}

pub(super) fn item(name: &str, thousandths: i64, price: &str, minor: i64) -> ReceiptItem {
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

pub(super) fn document() -> ReceiptDocument {
    let id = RecordId::from_bytes([0; 32]);
    ReceiptDocument {
        marks: Vec::new(),
        store: "Corner Shop".to_owned(),
        header: vec!["12 High Street".to_owned()],
        number: ReceiptNumber::new("R1".parse().unwrap(), 42, &id),
        transaction: id,
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
A 20 % standard            5.25       1.05
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
        for line in lines_of(&document, width) {
            let columns = layout::columns(&line.text) * line.style.scale().0;
            assert!(columns <= width, "{width}: {line:?}");
        }
    }
}

fn lines_of(document: &ReceiptDocument, width: usize) -> Vec<Line> {
    let elements = layout(document, width).into_iter();
    let lines = elements.filter_map(|element| match element {
        Element::Line(line) => Some(line),
        _ => None,
    });
    lines.collect()
}

#[test]
fn amounts_end_in_the_same_column_beside_wide_characters() {
    let mut document = document();
    document.items = vec![item("緑茶", 1000, "2.00", 200), item("tea", 1000, "2.00", 200)];
    let ends: Vec<usize> = lines_of(&document, 42)
        .iter()
        .filter(|line| line.text.ends_with("2.00 A"))
        .map(|line| layout::columns(&line.text))
        .collect();
    assert_eq!(ends, [42, 42]);
}

#[test]
fn after_midnight_the_business_date_stands_beside_the_time() {
    let mut document = document();
    document.local_time = LocalTime { date: "2010-12-02".to_owned(), time: "01:10".to_owned() };
    assert!(text(&document, 42).contains("Business date 2010-12-01"));
}

#[test]
fn the_bytes_of_a_short_paper_are_these() {
    let line = |text: &str, style| Element::Line(Line { text: text.to_owned(), style });
    let elements = [
        line("Café £1 €2", Style::Plain),
        line("TOTAL   ", Style::Bold),
        line("Shop\u{1b}@", Style::Tall),
        line("COPY", Style::Double),
        line("Łódź", Style::Plain),
        line("back", Style::Plain),
        Element::Barcode("R1-000042-K7Q2".to_owned()),
        Element::Qr("TM1:X".to_owned()),
    ];
    let bytes = encode(&elements, &Profile::EPSON_80_MM, &Fonts::new().unwrap()).bytes();
    let mut golden = Vec::new();
    golden.extend_from_slice(b"\x1b@"); // initialize
    golden.extend_from_slice(b"\x1bt\x10Caf\xe9 \xa31 \x802\n"); // Windows-1252
    golden.extend_from_slice(b"\x1bE\x01TOTAL\x1bE\x00\n");
    golden.extend_from_slice(b"\x1d!\x01Shop@\x1d!\x00\n"); // the name's escape is gone
    golden.extend_from_slice(b"\x1d!\x11COPY\x1d!\x00\n");
    golden.extend_from_slice(b"\x1bt\x12\x9d\xa2d\xab\n"); // PC852
    golden.extend_from_slice(b"back\n"); // in the table that is selected
    golden.extend_from_slice(b"\x1ba\x01\x1dhP\x1dw\x02\x1dH\x00");
    golden.extend_from_slice(b"\x1dk\x49\x11{BR1-{C\x00\x00\x2a{B-K7Q2\n\x1ba\x00");
    golden
        .extend_from_slice(b"\x1ba\x01\x1d(k\x04\x001A2\x00\x1d(k\x03\x001C\x05\x1d(k\x03\x001E1");
    golden.extend_from_slice(b"\x1d(k\x08\x001P0TM1:X\x1d(k\x03\x001Q0\x1ba\x00");
    golden.extend_from_slice(b"\x1dVB\x00"); // feed and cut, leave a point
    assert_eq!(bytes, golden);
}

#[test]
fn marks_without_a_letter_are_an_empty_line() {
    let line = Line { text: "\u{aa4c}".to_owned(), style: Style::Plain };
    let fonts = Fonts::new().unwrap();
    let bytes = encode(&[Element::Line(line)], &Profile::EPSON_80_MM, &fonts).bytes();
    assert!(bytes.starts_with(b"\x1b@\x1bt\x10\n"), "{bytes:?}");
}

#[test]
fn what_no_table_has_is_a_picture_as_high_as_its_line() {
    let line = Line { text: "茶 2.00".to_owned(), style: Style::Plain };
    let fonts = Fonts::new().unwrap();
    let bytes = encode(&[Element::Line(line)], &Profile::EPSON_80_MM, &fonts).bytes();
    // 7 columns of 12 dots are 11 bytes; 30 rows.
    assert!(bytes.starts_with(b"\x1b@\x1dv0\x00\x0b\x00\x1e\x00"));
    assert_eq!(bytes.len(), 2 + 8 + 11 * 30 + 4);
    assert_eq!(
        &bytes[10..],
        [escpos::line_picture("茶 2.00", Style::Plain, &fonts).bits(), b"\x1dVB\x00"].concat()
    );
}

#[test]
fn a_printer_without_cutter_feeds_to_the_edge() {
    let bytes = encode(&[], &Profile::GENERIC_58_MM, &Fonts::new().unwrap()).bytes();
    assert_eq!(bytes, b"\x1b@\x1bd\x05");
    assert_eq!(kick(DrawerPin::Two), *b"\x1bp\x00\x19\xfa");
}

#[test]
fn a_copy_says_so_twice_as_large_and_keeps_the_codes_of_the_original() {
    let original = document().stored_on(1);
    let copy = original.clone().into_copy();
    let marks = |document: &ReceiptDocument| -> Vec<String> {
        let lines = lines_of(document, 48).into_iter();
        let large = lines.filter(|line| line.style == Style::Double);
        large.map(|line| line.text.trim().to_owned()).collect()
    };
    assert_eq!(marks(&original), ["STORED ON THIS TILL ONLY"]);
    assert_eq!(marks(&original.clone().stored_on(2)), [""; 0]);
    assert_eq!(marks(&copy), ["COPY"]);
    let codes = |document| layout(document, 48).into_iter().rev().take(2).collect::<Vec<_>>();
    assert_eq!(codes(&original), codes(&copy));
    let code = "TM1:R1-000042-0000:GBP:6.30:00000000000000000000000000000000";
    assert_eq!(
        codes(&copy),
        [Element::Qr(code.to_owned()), Element::Barcode("R1-000042-0000".to_owned())]
    );
}

#[test]
fn a_z_report_on_42_columns() {
    let expected = "
               Corner Shop
              12 High Street
                  COPY
                Z REPORT 7
2010-12-01 18:02                 R1 / anna
Shift 7                         2010-12-01
Currency                               GBP
------------------------------------------
Sales (2)                            12.00
Returns (1)                          -2.00
Discounts (0)                         0.00
Net standard                          8.33
Tax standard                          1.67
Cash (3)                             10.00
Cash rounding                         0.00
------------------------------------------
Opening float                       100.00
Loans (0)                             0.00
Pickups (0)                           0.00
Paid in (0)                           0.00
Paid out (0)                          0.00
Drawer opened without a sale             1
Expected cash                       110.00
Counted                             109.50
Short                                -0.50
------------------------------------------
Since the register's first use
Grand total sales                    12.00
Grand total returns                  -2.00
Grand total net                      10.00
";
    assert_eq!(format!("\n{}", report_text(&z_report().into_copy(), 42)), expected);
}

fn z_report() -> ReportDocument {
    let counted = |count, minor| CountAmount { count, amount: gbp(minor) };
    let none = counted(0, 0);
    let totals = Totals {
        sales: counted(2, 1200),
        returns: counted(1, -200),
        adjustments: 0,
        postings: none,
        tax: [("standard".parse().unwrap(), TaxTotal { taxable: gbp(833), tax: gbp(167) })].into(),
        tenders: [(TenderKind::Cash, counted(3, 1000))].into(),
        drawer: DrawerTotals {
            loans: none,
            pickups: none,
            paid_in: none,
            paid_out: none,
            no_sales: 1,
        },
        rounding: gbp(0),
        discounts: none,
        units_sold: Quantity::from_thousandths(2000),
        units_returned: Quantity::from_thousandths(1000),
    };
    let figures = XReport {
        register: "R1".parse().unwrap(),
        shift: RecordId::from_bytes([1; 32]),
        shift_number: 7,
        business_date: "2010-12-01".parse().unwrap(),
        opening_float: gbp(10_000),
        totals,
        expected_cash: gbp(11_000),
        grand_totals: GrandTotals { sales: gbp(1200), returns: gbp(-200), net: gbp(1000) },
    };
    let z = figures.close(7, Some(gbp(10_950))).unwrap();
    z.check().unwrap();
    ReportDocument {
        report: ReportKind::Z { number: z.number, counted: z.counted, over_short: z.over_short },
        copy: false,
        store: "Corner Shop".to_owned(),
        header: vec!["12 High Street".to_owned()],
        operator: "anna".parse().unwrap(),
        local_time: LocalTime { date: "2010-12-01".to_owned(), time: "18:02".to_owned() },
        figures: z.figures,
    }
}
