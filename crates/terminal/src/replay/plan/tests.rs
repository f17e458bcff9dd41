use std::io::Cursor;
use std::path::Path;

use super::*;

const HEADER: &str =
    "invoice,stock_code,description,quantity,invoice_date,unit_price,customer_id,country\n";

fn plan_of(rows: &str, range: DateRange) -> Plan {
    plan_of_bytes([HEADER.as_bytes(), rows.as_bytes()].concat(), range)
}

fn plan_of_bytes(bytes: Vec<u8>, range: DateRange) -> Plan {
    let mut file = CsvFile::from_reader(Path::new("invoices.csv"), Cursor::new(bytes), 0).unwrap();
    read(&mut file, Currency::GBP, range, |_| {}).unwrap()
}

/// A row of 1 December 2010, without customer.
fn row(invoice: &str, code: &str, quantity: &str, price: &str) -> String {
    format!(
        "{invoice},{code},THING {code},{quantity},2010-12-01T08:26:00,{price},,United Kingdom\n"
    )
}

fn plan(rows: &[(&str, &str, &str, &str)]) -> Plan {
    let rows: String = rows.iter().map(|&(a, b, c, d)| row(a, b, c, d)).collect();
    plan_of(&rows, DateRange::default())
}

fn goods(document: &Document) -> &[GoodsLine] {
    match &document.body {
        Body::Receipt { lines, .. } => lines,
        other => panic!("{other:?} is no receipt"),
    }
}

#[test]
fn rows_of_one_invoice_are_one_document_wherever_they_stand() {
    let plan = plan(&[
        ("536365", "10001", "6", "2.55"),
        ("536366", "10002", "1", "1.00"),
        ("536365", "10003", "2", "0.00"),
    ]);
    let seen: Vec<_> = plan
        .documents
        .iter()
        .map(|document| (document.invoice.as_str(), goods(document).len()))
        .collect();
    assert_eq!(seen, [("536365", 2), ("536366", 1)]);
    assert_eq!(plan.rows, 3);
}

#[test]
fn an_invoice_is_dated_by_its_first_row_and_taken_whole() {
    let rows = "1,10001,A,1,2010-12-31T23:59:00,1.00,,UK\n\
                2,10001,A,1,2011-01-01T00:00:00,1.00,,UK\n\
                1,10002,B,1,2011-01-01T00:01:00,1.00,,UK\n";
    let december = DateRange {
        from: DateRange::first_day("2010-12").ok(),
        to: DateRange::last_day("2010-12").ok(),
    };
    let plan = plan_of(rows, december);
    assert_eq!(plan.documents.len(), 1);
    let document = plan.documents.first().unwrap();
    assert_eq!(document.business_date.to_string(), "2010-12-31");
    assert_eq!(goods(document).len(), 2);
}

#[test]
fn codes_that_differ_by_case_alone_are_one_product() {
    let plan = plan(&[("1", "85123a", "1", "1.00"), ("1", "85123A", "2", "1.10")]);
    let skus: Vec<_> = plan.products.iter().map(|product| product.sku.as_str()).collect();
    assert_eq!(skus, ["85123A"]);
    assert_eq!(goods(plan.documents.first().unwrap()).len(), 2);
    let product = plan.products.first().unwrap();
    assert_eq!(product.list_price.unwrap().to_string(), "1.00 GBP");
    assert_eq!(product.name, "THING 85123a");
}

#[test]
fn codes_without_a_leading_digit_are_services() {
    let codes =
        ["POST", "DOT", "M", "m", "D", "C2", "BANK CHARGES", "gift_0001_20", "85123A", "22423"];
    let rows: Vec<_> = codes.iter().map(|code| ("1", *code, "1", "1.00")).collect();
    let plan = plan(&rows);
    let stocked: Vec<_> = plan
        .products
        .iter()
        .filter(|product| product.kind == ProductKind::Stocked)
        .map(|product| product.sku.as_str())
        .collect();
    assert_eq!(stocked, ["85123A", "22423"]);
}

#[test]
fn each_kind_is_told_by_price_first_then_by_the_letter() {
    let plan = plan(&[
        ("1", "10001", "-4", "0.00"),
        ("C2", "10001", "-1", "1.00"),
        ("A3", "B", "1", "-11062.06"),
        ("4", "10001", "3", "1.00"),
        ("C5", "10001", "-2", "0.00"),
        ("A6", "B", "1", "0"),
    ]);
    let kinds: Vec<_> = plan
        .documents
        .iter()
        .map(|document| match &document.body {
            Body::Receipt { direction: Direction::Sale, .. } => "sale",
            Body::Receipt { direction: Direction::Return, .. } => "return",
            Body::Adjustment { .. } => "adjustment",
            Body::Posting { .. } => "posting",
        })
        .collect();
    assert_eq!(kinds, ["adjustment", "return", "posting", "sale", "adjustment", "adjustment"]);
    let Body::Posting { amount, account, description } = &plan.documents.get(2).unwrap().body
    else {
        panic!("a posting")
    };
    assert_eq!(*amount, Money::from_minor(-1_106_206, Currency::GBP));
    assert_eq!((account.as_str(), description.as_str()), ("B", "THING B"));
}

#[test]
fn goods_that_come_back_are_return_lines_of_a_quantity_above_zero() {
    let plan = plan(&[("C1", "10001", "-12", "4.65")]);
    let line = goods(plan.documents.first().unwrap()).first().unwrap();
    assert_eq!(line.direction, Direction::Return);
    assert_eq!(line.quantity, Quantity::from_units(12).unwrap());
}

#[test]
fn cash_and_card_take_turns_over_the_receipts_of_the_whole_file() {
    let rows = [
        ("1", "10001", "1", "1.00"),
        ("2", "10001", "-1", "0.00"),
        ("3", "10001", "1", "1.00"),
        ("C4", "10001", "-1", "1.00"),
    ];
    let tenders = |plan: &Plan| -> Vec<(String, TenderKind)> {
        let tender = |document: &Document| match document.body {
            Body::Receipt { tender, .. } => Some((document.invoice.to_string(), tender)),
            Body::Adjustment { .. } | Body::Posting { .. } => None,
        };
        plan.documents.iter().filter_map(tender).collect()
    };
    let all = tenders(&plan(&rows));
    let kinds: Vec<_> = all.iter().map(|(_, kind)| *kind).collect();
    assert_eq!(kinds, [TenderKind::Cash, TenderKind::Card, TenderKind::Cash]);

    // A run over part of the file decides the same for each invoice.
    let later =
        rows.map(|(a, b, c, d)| row(a, b, c, d)).concat().replacen("2010-12-01", "2010-11-30", 1);
    let december = DateRange { from: DateRange::first_day("2010-12").ok(), to: None };
    assert_eq!(tenders(&plan_of(&later, december)), all.get(1..).unwrap());
}

#[test]
fn a_row_that_cannot_be_used_is_named_by_its_line_and_the_rest_is_planned() {
    let mut bytes = HEADER.as_bytes().to_vec();
    let bad = [
        row("1", "10001", "6", "2.55"),
        row("1", "10002", "6", "two"),
        row("1", "10003", "6", "-2.55"),
        row("1", "10004", "6", "2.55555"),
        row("1", "10005", "0", "2.55"),
        row("1", "10006", "1.5", "2.55"),
        row("1", "", "1", "2.55"),
        row("", "10008", "1", "2.55"),
        row("1", "10009", "1", "2.55").replace("2010-12-01", "2010-02-30"),
        row("one two", "10010", "1", "2.55"),
        row("1", "10011", "9999999", "99999999999"),
        "1,10012\n".to_owned(),
    ];
    for row in &bad {
        bytes.extend_from_slice(row.as_bytes());
    }
    bytes.extend_from_slice(b"1,10013,caf\xe9,1,2010-12-01T08:26:00,2.55,,UK\n");
    bytes.extend_from_slice(row("2", "10001", "1", "2.55").as_bytes());
    let plan = plan_of_bytes(bytes, DateRange::default());
    let lines: Vec<_> = plan.faults.iter().map(|fault| fault.line).collect();
    assert_eq!(lines, (3..=14).collect::<Vec<_>>(), "{:#?}", plan.faults);
    let reason =
        |line: u64| plan.faults.iter().find(|fault| fault.line == line).unwrap().reason.clone();
    assert!(reason(3).contains("unit_price \"two\""), "{}", reason(3));
    assert!(reason(4).contains("below zero"), "{}", reason(4));
    assert_eq!(reason(8), "stock_code is missing");
    assert_eq!(reason(13), "quantity is missing");
    assert_eq!(reason(14), "description is not UTF-8 text");
    assert_eq!(plan.documents.len(), 2);
    assert_eq!(goods(plan.documents.first().unwrap()).len(), 1);
}

#[test]
fn an_invoice_of_more_rows_than_a_receipt_holds_is_named_and_left_out() {
    let mut rows = vec![("1", "10001", "1", "1.00"); limits::LINES_MAX + 1];
    rows.push(("2", "10001", "1", "1.00"));
    let plan = plan(&rows);
    assert_eq!(plan.documents.len(), 1);
    let fault = plan.faults.first().unwrap();
    assert_eq!(fault.line, 2);
    assert!(fault.reason.starts_with("invoice 1: 5001 rows"), "{}", fault.reason);
}

#[test]
fn a_product_without_a_description_is_called_by_its_code() {
    let plan = plan_of("1,10001,,1,2010-12-01T08:26:00,1.00,,UK\n", DateRange::default());
    assert_eq!(plan.products.first().unwrap().name, "10001");
}

#[test]
fn the_same_file_gives_the_same_plan() {
    let rows = [("1", "10001", "1", "1.00"), ("A2", "B", "1", "3.00"), ("1", "B", "1", "0.001")];
    assert_eq!(plan(&rows), plan(&rows));
}
