use std::collections::BTreeSet;
use std::fmt::Write;

use pos_core::books::{Books, RecordMeta};
use pos_core::ids::IdempotencyKey;
use pos_core::limits;
use pos_core::money::{Currency, Money};
use pos_core::price_book::{Assign, EditNumber, ProductEdit, ProductFields};
use pos_core::product::{ProductKind, UnitOfMeasure};
use pos_core::quantity::Quantity;
use pos_core::record::{DecodeError, Record};
use pos_core::report::ZReportError;
use pos_core::shift::{ShiftClosed, ShiftOpened};
use pos_core::stock::{AccountPosting, AdjustmentLine, InventoryAdjustment};
use pos_core::store::OversellPolicy;
use pos_core::tender::Tendered;
use pos_core::till::{CashMovement, CashMovementKind};
use pos_core::transaction::{TenderKind, TransactionError};
use proptest::prelude::*;

use crate::support::{
    cart_id, cart_line, cart_of, completion, date, device, gbp, inclusive, operator, price,
    quantity, record_id, register, sku, wall_time,
};

fn opened() -> ShiftOpened {
    ShiftOpened {
        register: register("R1"),
        business_date: date("2010-12-01"),
        float: gbp(10_000),
        operator: operator(),
        number: 1,
        wall_time: wall_time(),
    }
}

fn sale() -> Record {
    let mut reduced = cart_line(2, "1", "9.99", "reduced");
    reduced.price.override_reason = Some("chipped".to_owned());
    reduced.price.discount_basis_points = 1000;
    let cart = cart_of(vec![cart_line(1, "6", "2.55", "standard"), reduced]);
    let tenders = [
        Tendered {
            reference: Some("A1".to_owned()),
            ..Tendered::card(gbp(1000), Some(record_id(3)))
        },
        Tendered::cash(gbp(2000)),
    ];
    let settings = inclusive();
    let mut paid = completion(&cart, &settings, &tenders);
    paid.idempotency_key = Some(IdempotencyKey::new("536365").unwrap());
    Record::TransactionCompleted(pos_core::sale::complete(paid).unwrap())
}

fn movement() -> CashMovement {
    CashMovement {
        kind: CashMovementKind::PaidOut,
        register: register("R1"),
        shift: record_id(100),
        business_date: date("2010-12-01"),
        amount: gbp(500),
        reason: "milk".to_owned(),
        operator: operator(),
        idempotency_key: None,
        wall_time: wall_time(),
    }
}

fn adjustment() -> InventoryAdjustment {
    InventoryAdjustment {
        lines: vec![AdjustmentLine {
            sku: sku("85123A"),
            kind: ProductKind::Stocked,
            quantity_change: quantity("-10"),
            description: "damaged".to_owned(),
        }],
        reason: "file".to_owned(),
        business_date: date("2010-12-01"),
        idempotency_key: Some(IdempotencyKey::new("536414").unwrap()),
        wall_time: wall_time(),
    }
}

fn closed() -> ShiftClosed {
    let mut books = Books::new();
    let apply = |books: &mut Books, n: u64, record: &Record| {
        let meta = RecordMeta { id: record_id(n), device: device(1), lamport: n };
        books.apply(meta, record).unwrap();
    };
    apply(&mut books, 100, &Record::ShiftOpened(opened()));
    apply(&mut books, 101, &sale());
    apply(&mut books, 102, &Record::CashMoved(movement()));
    let counted = Some(gbp(10_930));
    ShiftClosed {
        shift: record_id(100),
        counted,
        report: books.x_report(record_id(100)).unwrap().close(1, counted).unwrap(),
        operator: operator(),
        wall_time: wall_time(),
    }
}

fn edits() -> Vec<ProductEdit> {
    let fields = ProductFields {
        name: Some("Mug".to_owned()),
        gtins: Some(BTreeSet::from(["4006381333931".parse().unwrap()])),
        price: Some(Assign::Set(price("2.55"))),
        kind: Some(ProductKind::Stocked),
        unit: Some(UnitOfMeasure::Each),
        tax_category: Some("standard".to_owned()),
        oversell: Some(Assign::Set(OversellPolicy::Warn)),
        active: Some(true),
    };
    let clear = ProductFields { price: Some(Assign::Clear), ..ProductFields::default() };
    vec![
        ProductEdit { sku: sku("MUG"), edit: EditNumber(1), fields },
        ProductEdit { sku: sku("HAM"), edit: EditNumber(2), fields: clear },
    ]
}

/// One record of every kind.
fn all() -> Vec<Record> {
    vec![
        Record::StoreOpened(inclusive()),
        Record::RegisterAssigned { register: register("R1"), device: device(1) },
        Record::ProductsEdited(edits()),
        Record::ShiftOpened(opened()),
        Record::PaymentStarted {
            cart: cart_id(1),
            amount: gbp(1000),
            kind: TenderKind::Card,
            register: register("R1"),
            wall_time: wall_time(),
        },
        sale(),
        Record::StockAdjusted(adjustment()),
        Record::AccountPosted(AccountPosting {
            account: "B".to_owned(),
            description: "Adjust bad debt".to_owned(),
            amount: gbp(-1_106_206),
            business_date: date("2011-08-12"),
            idempotency_key: None,
            wall_time: wall_time(),
        }),
        Record::CashMoved(movement()),
        Record::ShiftClosed(closed()),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

/// The bytes on disk and on the wire. A change here is a change of the format: it needs a new kind,
/// never new bytes for an old one.
#[test]
fn every_kind_keeps_its_bytes() {
    for (record, (kind, golden)) in all().iter().zip(GOLDEN) {
        let bytes = record.encode();
        assert_eq!((record.kind(), hex(&bytes).as_str()), (kind, golden));
        assert_eq!(Record::decode(kind, &bytes).as_ref(), Ok(record));
    }
    assert_eq!(all().len(), GOLDEN.len());
}

#[test]
fn a_record_cut_short_or_run_on_is_refused() {
    for record in all() {
        let (kind, bytes) = (record.kind(), record.encode());
        for length in 0..bytes.len() {
            assert!(Record::decode(kind, &bytes[..length]).is_err(), "{kind} cut to {length}");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert!(matches!(Record::decode(kind, &longer), Err(DecodeError::Malformed { .. })));
    }
}

/// No two byte strings mean one record: what decodes at all encodes to the same bytes again.
#[test]
fn a_flipped_bit_is_refused_or_means_something_else() {
    for record in all() {
        let (kind, bytes) = (record.kind(), record.encode());
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[place] ^= 1 << bit;
                if let Ok(other) = Record::decode(kind, &flipped) {
                    assert_ne!(other, record);
                    assert_eq!(other.encode(), flipped);
                }
            }
        }
    }
}

#[test]
fn a_record_in_another_spelling_is_refused() {
    // "r1" of length 2 written as a two-byte length.
    let bytes = Record::RegisterAssigned { register: register("R1"), device: device(1) }.encode();
    let overlong = [&[0x82, 0x00], &bytes[1..]].concat();
    assert_eq!(Record::decode(101, &overlong), Err(DecodeError::NotCanonical { kind: 101 }));
    // A SKU in lower case is the SKU in upper case.
    let bytes = Record::ProductsEdited(edits()).encode();
    let lower: Vec<u8> = bytes.iter().map(|b| if *b == b'H' { b'h' } else { *b }).collect();
    assert_eq!(Record::decode(102, &lower), Err(DecodeError::NotCanonical { kind: 102 }));
}

#[test]
fn a_kind_of_a_newer_version_is_told_from_a_broken_record() {
    assert_eq!(Record::decode(999, b"x"), Err(DecodeError::UnknownKind(999)));
    assert!(matches!(Record::decode(103, b"x"), Err(DecodeError::Malformed { kind: 103, .. })));
    let long = vec![0; limits::RECORD_BYTES_MAX + 1];
    assert_eq!(Record::decode(100, &long), Err(DecodeError::TooLong { found: long.len() }));
}

#[test]
fn a_record_that_contradicts_itself_is_refused() {
    let refused = |record: &Record| Record::decode(record.kind(), &record.encode()).unwrap_err();

    let Record::TransactionCompleted(mut sale) = sale() else { unreachable!() };
    sale.total = gbp(2430);
    assert!(matches!(
        refused(&Record::TransactionCompleted(sale)),
        DecodeError::Unbalanced(TransactionError::Total { .. })
    ));
    assert_eq!(
        refused(&Record::ProductsEdited(vec![])),
        DecodeError::Count { kind: 102, found: 0 }
    );
    assert_eq!(
        refused(&Record::ShiftOpened(ShiftOpened { number: 0, ..opened() })),
        DecodeError::Shift
    );
    assert_eq!(
        refused(&Record::ShiftClosed(ShiftClosed { shift: record_id(9), ..closed() })),
        DecodeError::Shift
    );
    let mut wrong = closed();
    wrong.report.figures.expected_cash = gbp(1);
    assert_eq!(
        refused(&Record::ShiftClosed(wrong)),
        DecodeError::ZReport(ZReportError::ExpectedCash)
    );
    let mut wrong = closed();
    wrong.report.over_short = Some(gbp(5));
    assert_eq!(refused(&Record::ShiftClosed(wrong)), DecodeError::ZReport(ZReportError::OverShort));
    for amount in [0, -1] {
        let wrong = CashMovement { amount: gbp(amount), ..movement() };
        assert!(matches!(refused(&Record::CashMoved(wrong)), DecodeError::CashMovement(_)));
    }
    let wrong = InventoryAdjustment { lines: vec![], ..adjustment() };
    assert!(matches!(refused(&Record::StockAdjusted(wrong)), DecodeError::Stock(_)));
    let wrong = InventoryAdjustment { reason: "x".repeat(201), ..adjustment() };
    assert!(matches!(refused(&Record::StockAdjusted(wrong)), DecodeError::Stock(_)));
}

#[test]
fn a_z_report_counts_the_drawer() {
    let report = closed().report;
    // 2,429 by the lines; 1,000 of it by card; the rest in cash; 500 paid out of a float of 10,000.
    assert_eq!(report.figures.totals.sales.amount, gbp(2429));
    assert_eq!(report.figures.expected_cash, gbp(10_000 + 1429 - 500));
    assert_eq!(report.over_short, Some(gbp(1)));
}

#[test]
fn a_record_tells_its_day_its_command_and_its_cart() {
    let told: Vec<_> = all()
        .iter()
        .map(|record| {
            let key = record.idempotency_key().map(IdempotencyKey::as_str);
            (
                record.kind(),
                record.business_date().is_some(),
                key.map(str::len),
                record.cart().is_some(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (100, false, None, false),
            (101, false, None, false),
            (102, false, None, false),
            (103, true, None, false),
            (104, false, None, true),
            (105, true, Some(6), true),
            (106, true, Some(6), false),
            (107, true, None, false),
            (108, true, None, false),
            (109, true, None, false),
        ]
    );
}

#[test]
fn people_read_records_in_camel_case() {
    let json = serde_json::to_value(sale()).unwrap();
    let sale = &json["transactionCompleted"];
    assert_eq!(sale["receiptCounter"], 1);
    assert_eq!(sale["businessDate"], "2010-12-01");
    assert_eq!(sale["items"][1]["overrideReason"], "chipped");
    assert_eq!(sale["payments"][0]["paymentId"], record_id(3).to_string());
    let json = serde_json::to_value(Record::StockAdjusted(adjustment())).unwrap();
    assert_eq!(json["stockAdjusted"]["lines"][0]["quantityChange"], "-10");
    for record in all() {
        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), record);
    }
}

proptest! {
    #[test]
    fn noise_is_never_a_panic(kind in 99..111_u16, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(record) = Record::decode(kind, &bytes) {
            prop_assert_eq!(record.encode(), bytes);
        }
    }
}

#[test]
fn amounts_at_the_edge_of_64_bits_are_refused_and_do_not_panic() {
    let Record::TransactionCompleted(mut sale) = sale() else { unreachable!() };
    sale.items[0].net = gbp(i64::MAX);
    assert!(sale.check().is_err());
    sale.items[0].quantity = Quantity::from_thousandths(i64::MIN);
    assert!(sale.check().is_err());
    sale.payments[0].change = Money::from_minor(i64::MIN, Currency::GBP);
    assert!(sale.check().is_err());
}

const GOLDEN: [(u16, &str); 10] = [
    (
        100,
        "010b436f726e65722073686f70ba060d4575726f70652f4c6f6e646f6e00000004046369747902014301\
         4390bf050001530153ccab050107726564756365640101420142a08d0600087374616e64617264010141\
         014180b51801047a65726f00000001010d3120486967682053747265657401095468616e6b20796f75",
    ),
    (101, "0252310101010101010101010101010101010101010101010101010101010101010101"),
    (
        102,
        "02034d55470101034d75670101abdbbef7cc740101b88e03ba060100010001087374616e646172640101\
         0101010348414d02000001000000000000",
    ),
    (103, "025231c0e901a09c01ba0603616461018087ce90944b"),
    (104, "00000000000000010000000000000000d00fba06010252318087ce90944b"),
    (
        105,
        "0002523101c0e90100000000000000640000000000000000000000000000000000000000000000000361\
         646100000000000000000100000000000000000100000000000000070000000000000000000000000000\
         00000000000000000000000002000000000000000100000000000000000250310950726f647563742031\
         0001087374616e646172640001b88e03ba06e05db88e03ba060000ba06f417ba06f613ba06010141fe03\
         ba0600000000000000000200000000000000000250320950726f64756374203200010772656475636564\
         0001f8980cba06d00ff8980cba06010763686970706564c701ba06860eba06b00dba0601014256ba0600\
         fa25ba0602014180b518f613ba06fe03ba060142a08d06b00dba0656ba0600ba06020100000000000000\
         0300000000000000000000000000000000000000000000000001d00fba0600ba06010241310000a01fba\
         06f608ba060001063533363336358087ce90944b",
    ),
    (106, "0106383531323341009f9c010764616d616765640466696c65c0e90101063533363431348087ce90944b"),
    (107, "01420f41646a757374206261642064656274bb848701ba06bced01008087ce90944b"),
    (
        108,
        "030252310000000000000064000000000000000000000000000000000000000000000000c0e901e807ba\
         06046d696c6b03616461008087ce90944b",
    ),
    (
        109,
        "000000000000006400000000000000000000000000000000000000000000000001e4aa01ba0601025231\
         000000000000006400000000000000000000000000000000000000000000000001c0e901a09c01ba0601\
         fa25ba060000ba06000000ba06020141f613ba06fe03ba060142b00dba0656ba06020001aa16ba060101\
         d00fba060000ba060000ba060000ba0601e807ba060000ba0601c701ba06b06d00e2aa01ba06fa25ba06\
         00ba06fa25ba0601e4aa01ba060102ba06036164618087ce90944b",
    ),
];
