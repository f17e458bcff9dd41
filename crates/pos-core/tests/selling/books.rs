use std::collections::BTreeMap;

use pos_core::books::{Books, RecordMeta, RowError, RowKey};
use pos_core::cart::Direction;
use pos_core::money::{Currency, Money};
use pos_core::price_book::{EditNumber, ProductFields};
use pos_core::product::ProductKind;
use pos_core::quantity::Quantity;
use pos_core::record::Record;
use pos_core::report::{ReceiptGap, ReceiptSeries, ReportError, ReportFilter};
use pos_core::sale::complete;
use pos_core::shift::{ShiftClosed, ShiftOpened};
use pos_core::stock::{AccountPosting, AdjustmentLine, InventoryAdjustment};
use pos_core::store::StoreSettings;
use pos_core::tender::Tendered;
use pos_core::till::{CashMovement, CashMovementKind};
use pos_core::transaction::TenderKind;
use proptest::prelude::*;

use crate::support::{
    cart_line, cart_of, completion, date, device, gbp, inclusive, new_product, operator, quantity,
    record_id, register, sku, wall_time,
};

/// A record and who wrote it when.
type Written = (RecordMeta, Record);

fn written(n: u64, record: Record) -> Written {
    (RecordMeta { id: record_id(n), device: device(1), lamport: n }, record)
}

fn shift_id(name: &str) -> u64 {
    if name == "R1" { 1001 } else { 1002 }
}

fn opened(name: &str, day: &str, number: u32) -> Record {
    Record::ShiftOpened(ShiftOpened {
        register: register(name),
        business_date: date(day),
        float: gbp(5000),
        operator: operator(),
        number,
        wall_time: wall_time(),
    })
}

/// A sale of `pieces` at 1.20 (20 % included) on a register; below zero, a return.
fn sale(name: &str, counter: u64, day: &str, pieces: i64, kind: TenderKind) -> Record {
    let mut line = cart_line(1, &pieces.abs().to_string(), "1.20", "standard");
    if pieces < 0 {
        line.product.direction = Direction::Return;
    }
    let amount = gbp(pieces * 120);
    let tenders = [match kind {
        TenderKind::Cash => Tendered::cash(amount),
        TenderKind::Card => Tendered::card(amount, None),
    }];
    let cart = cart_of(vec![line]);
    let settings = inclusive();
    let mut paid = completion(&cart, &settings, &tenders);
    paid.register = register(name);
    paid.receipt_counter = counter;
    paid.business_date = date(day);
    paid.shift = record_id(shift_id(name));
    Record::TransactionCompleted(complete(paid).unwrap())
}

fn adjusted(code: &str, how_much: &str, kind: ProductKind) -> Record {
    Record::StockAdjusted(InventoryAdjustment {
        lines: vec![AdjustmentLine {
            sku: sku(code),
            kind,
            quantity_change: quantity(how_much),
            description: String::new(),
        }],
        reason: "count".to_owned(),
        business_date: date("2010-12-01"),
        idempotency_key: None,
        wall_time: wall_time(),
    })
}

fn posted(minor: i64) -> Record {
    Record::AccountPosted(AccountPosting {
        account: "B".to_owned(),
        description: "bad debt".to_owned(),
        amount: gbp(minor),
        business_date: date("2010-12-02"),
        idempotency_key: None,
        wall_time: wall_time(),
    })
}

fn moved(kind: CashMovementKind, minor: i64) -> Record {
    Record::CashMoved(CashMovement {
        kind,
        register: register("R1"),
        shift: record_id(shift_id("R1")),
        business_date: date("2010-12-01"),
        amount: gbp(minor),
        reason: String::new(),
        operator: operator(),
        idempotency_key: None,
        wall_time: wall_time(),
    })
}

fn books_of(records: &[Written]) -> Books {
    let mut books = Books::new();
    for (meta, record) in records {
        books.apply(*meta, record).unwrap();
    }
    books
}

fn numbered(records: Vec<Record>) -> Vec<Written> {
    (1..).zip(records).map(|(n, record)| written(n, record)).collect()
}

/// Two registers, two days, one return, an adjustment, a posting, movements of cash.
fn two_days() -> Books {
    let mut records = numbered(vec![
        Record::StoreOpened(inclusive()),
        sale("R1", 1, "2010-12-01", 10, TenderKind::Cash),
        sale("R1", 2, "2010-12-01", 5, TenderKind::Card),
        sale("R1", 3, "2010-12-01", -2, TenderKind::Cash),
        sale("R2", 1, "2010-12-02", 1, TenderKind::Cash),
        adjusted("P1", "100", ProductKind::Stocked),
        adjusted("POST", "5", ProductKind::Service),
        posted(-300),
        moved(CashMovementKind::Loan, 1000),
        moved(CashMovementKind::Pickup, 700),
        moved(CashMovementKind::PaidIn, 20),
        moved(CashMovementKind::PaidOut, 3),
        moved(CashMovementKind::NoSale, 0),
    ]);
    records.push(written(shift_id("R1"), opened("R1", "2010-12-01", 1)));
    records.push(written(shift_id("R2"), opened("R2", "2010-12-02", 1)));
    books_of(&records)
}

#[test]
fn a_sales_report_adds_up() {
    let report = two_days().sales_report(ReportFilter::default()).unwrap();
    let totals = &report.totals;
    assert_eq!((totals.sales.count, totals.sales.amount), (3, gbp(1920)));
    assert_eq!((totals.returns.count, totals.returns.amount), (1, gbp(-240)));
    assert_eq!((totals.adjustments, totals.postings.count), (2, 1));
    assert_eq!((report.sales_value, report.total), (gbp(1680), gbp(1380)));
    assert_eq!(report.tax, gbp(280));
    assert_eq!((totals.units_sold, totals.units_returned), (quantity("16"), quantity("2")));
    assert_eq!(totals.tenders[&TenderKind::Cash].amount, gbp(1200 - 240 + 120));
    assert_eq!(totals.tenders[&TenderKind::Card].count, 1);
    assert_eq!(report.receipts.len(), 2);
    assert!(report.receipts.values().all(ReceiptSeries::is_gapless));
}

#[test]
fn a_sales_report_covers_the_days_and_register_it_is_asked_for() {
    let books = two_days();
    let report = |from: Option<&str>, to: Option<&str>, name: Option<&str>| {
        let filter =
            ReportFilter { from: from.map(date), to: to.map(date), register: name.map(register) };
        books.sales_report(filter).unwrap()
    };
    assert_eq!(report(None, Some("2010-12-01"), None).sales_value, gbp(1560));
    assert_eq!(report(Some("2010-12-02"), None, None).total, gbp(120 - 300));
    let one = report(None, None, Some("R2"));
    assert_eq!((one.total, one.totals.adjustments, one.receipts.len()), (gbp(120), 0, 1));
    assert_eq!(report(Some("2010-12-03"), None, None).total, gbp(0));
    assert_eq!(Books::new().sales_report(ReportFilter::default()), Err(ReportError::NoStore));
}

#[test]
fn an_x_report_says_what_should_be_in_the_drawer() {
    let books = two_days();
    let report = books.x_report(record_id(shift_id("R1"))).unwrap();
    assert_eq!(report.totals.drawer.no_sales, 1);
    assert_eq!(report.expected_cash, gbp(5000 + 1200 - 240 + 1000 - 700 + 20 - 3));
    assert_eq!(report.grand_totals.sales, gbp(1800));
    assert_eq!((report.grand_totals.returns, report.grand_totals.net), (gbp(-240), gbp(1560)));
    let other = books.x_report(record_id(shift_id("R2"))).unwrap();
    assert_eq!(other.expected_cash, gbp(5120));
    let unknown = record_id(5);
    assert_eq!(books.x_report(unknown), Err(ReportError::UnknownShift(unknown)));
}

#[test]
fn goods_move_stock_and_services_do_not() {
    let books = two_days();
    assert_eq!(books.on_hand(&sku("P1")), quantity("86"));
    assert_eq!(books.on_hand(&sku("POST")), Quantity::ZERO);
    assert_eq!(books.all_on_hand().count(), 1);
}

#[test]
fn an_exchange_counts_as_a_sale_and_as_a_return() {
    let mut back = cart_line(2, "1", "5.00", "standard");
    back.product.direction = Direction::Return;
    let cart = cart_of(vec![cart_line(1, "1", "3.00", "standard"), back]);
    let tenders = [Tendered::cash(gbp(-200))];
    let settings = inclusive();
    let exchange = complete(completion(&cart, &settings, &tenders)).unwrap();
    let books = books_of(&numbered(vec![
        Record::StoreOpened(inclusive()),
        Record::TransactionCompleted(exchange),
    ]));
    let totals = books.sales_report(ReportFilter::default()).unwrap().totals;
    assert_eq!((totals.sales.count, totals.sales.amount), (1, gbp(300)));
    assert_eq!((totals.returns.count, totals.returns.amount), (1, gbp(-500)));
}

#[test]
fn gaps_and_doubles_of_receipt_numbers_show() {
    let day = "2010-12-01";
    let records = [7, 2, 3, 3]
        .map(|counter| sale("R1", counter, day, 1, TenderKind::Cash))
        .into_iter()
        .collect();
    let books = books_of(&numbered(records));
    let series = books.gapless(&register("R1"));
    assert_eq!((series.first, series.last, series.count), (Some(2), Some(7), 4));
    assert_eq!(series.gaps, [ReceiptGap { from: 1, to: 1 }, ReceiptGap { from: 4, to: 6 }]);
    assert_eq!(series.duplicates, [3]);
    assert_eq!(books.last_receipt(&register("R1")), Some(7));
    assert!(books.gapless(&register("R9")).is_gapless());
}

fn closed(books: &Books, shift: u64) -> Record {
    let report = books.x_report(record_id(shift)).unwrap().close(1, None).unwrap();
    Record::ShiftClosed(ShiftClosed {
        shift: record_id(shift),
        counted: None,
        report,
        operator: operator(),
        wall_time: wall_time(),
    })
}

#[test]
fn a_shift_is_open_until_it_is_closed_in_whatever_order_that_is_heard() {
    let open = written(shift_id("R1"), opened("R1", "2010-12-01", 1));
    let mut books = books_of(std::slice::from_ref(&open));
    let close = written(50, closed(&books, shift_id("R1")));
    assert_eq!(books.open_shift(&register("R1")).map(|(id, _)| id), Some(open.0.id));
    books.apply(close.0, &close.1).unwrap();
    assert_eq!(books.open_shift(&register("R1")), None);
    assert_eq!(books.closes(open.0.id).count(), 1);

    let late = books_of(&[close, open]);
    assert_eq!(late.open_shift(&register("R1")), None);
    assert!(late.rows().eq(books.rows()));
}

#[test]
fn the_later_settings_and_the_later_holder_stand() {
    let settings = |edit, name: &str| {
        let edit = EditNumber(edit);
        Record::StoreOpened(StoreSettings { edit, name: name.to_owned(), ..inclusive() })
    };
    let holder = |n| Record::RegisterAssigned { register: register("R1"), device: device(n) };
    let books = books_of(&[
        written(4, holder(2)),
        written(1, settings(2, "second")),
        written(9, settings(1, "first, with a Lamport time far ahead")),
        written(3, holder(1)),
    ]);
    assert_eq!(books.settings().unwrap().name, "second");
    assert_eq!(books.register_holder(&register("R1")), Some(device(2)));
    assert_eq!(books.registers().count(), 1);
}

#[test]
fn only_rows_that_changed_are_given_to_the_disk() {
    let mut books = two_days();
    let all: BTreeMap<_, _> = books.rows().collect();
    assert_eq!(books.take_dirty(), all);
    assert!(books.take_dirty().is_empty());
    let (meta, record) = written(90, sale("R1", 4, "2010-12-01", 1, TenderKind::Cash));
    books.apply(meta, &record).unwrap();
    let dirty = books.take_dirty();
    assert_eq!(dirty.len(), 2, "the totals of the shift, and one product on hand");
    assert!(dirty.contains_key(&RowKey::OnHand(sku("P1")).to_bytes()));
}

#[test]
fn damaged_rows_are_refused() {
    let mut books = Books::new();
    assert_eq!(books.load_row(b"\x09", b""), Err(RowError::Key));
    let key = RowKey::OnHand(sku("P1"));
    for value in [&b""[..], b"\x02\x00", b"\x80"] {
        let refused = books.load_row(&key.to_bytes(), value);
        assert_eq!(refused, Err(RowError::Value(key.clone())), "{value:?}");
    }
    let (mug, cup) = (RowKey::Product(sku("MUG")), RowKey::Product(sku("CUP")));
    let edits = vec![new_product("MUG", ProductFields::default())];
    let value = books_of(&[written(1, Record::ProductsEdited(edits))]).row(&mug).unwrap();
    assert_eq!(books.load_row(&cup.to_bytes(), &value), Err(RowError::Value(cup)));
}

#[test]
fn sums_beyond_64_bits_are_kept_and_refused_only_where_they_are_shown() {
    let large = |n| written(n, posted(i64::MAX));
    let settings = written(9, Record::StoreOpened(inclusive()));
    let mut books = books_of(&[settings, large(1), large(2)]);
    assert!(matches!(books.sales_report(ReportFilter::default()), Err(ReportError::Money(_))));
    for n in 3..5 {
        let (meta, record) = written(n, posted(-i64::MAX));
        books.apply(meta, &record).unwrap();
    }
    assert_eq!(books.sales_report(ReportFilter::default()).unwrap().total, gbp(0));
}

#[test]
fn another_currency_is_another_row_and_no_error() {
    let Record::AccountPosted(mut foreign) = posted(100) else { unreachable!() };
    foreign.amount = Money::from_minor(100, Currency::EUR);
    let books = books_of(&numbered(vec![
        Record::StoreOpened(inclusive()),
        posted(7),
        Record::AccountPosted(foreign),
    ]));
    assert_eq!(books.sales_report(ReportFilter::default()).unwrap().total, gbp(7));
}

fn any_record() -> impl Strategy<Value = Record> {
    let name = || prop::sample::select(vec!["R1", "R2"]);
    let day = || prop::sample::select(vec!["2010-12-01", "2010-12-02"]);
    let tender = prop::sample::select(vec![TenderKind::Cash, TenderKind::Card]);
    let pieces = prop_oneof![1..9_i64, -9..0_i64];
    let movement = prop::sample::select(vec![CashMovementKind::Loan, CashMovementKind::Pickup]);
    let code = || prop::sample::select(vec!["P1", "P2"]);
    let product = (code(), 1..4_u64, "[a-c]").prop_map(|(code, number, name)| {
        let mut edit = new_product(code, ProductFields { name: Some(name), ..Default::default() });
        edit.edit = EditNumber(number);
        Record::ProductsEdited(vec![edit])
    });
    prop_oneof![
        6 => (name(), 1..30_u64, day(), pieces, tender)
            .prop_map(|(name, counter, day, pieces, kind)| sale(name, counter, day, pieces, kind)),
        1 => (code(), -9..9_i64)
            .prop_map(|(code, n)| adjusted(code, &n.to_string(), ProductKind::Stocked)),
        1 => any::<i64>().prop_map(posted),
        1 => (movement, 1..1000_i64).prop_map(|(kind, minor)| moved(kind, minor)),
        1 => product,
        1 => (name(), 0..200_u8)
            .prop_map(|(name, n)| Record::RegisterAssigned { register: register(name), device: device(n) }),
        1 => (1..4_u64, "[a-c]").prop_map(|(edit, name)| {
            let edit = EditNumber(edit);
            Record::StoreOpened(StoreSettings { edit, name, ..inclusive() })
        }),
        1 => (name(), day(), 1..4_u32).prop_map(|(name, day, number)| opened(name, day, number)),
        1 => name().prop_map(|name| closed(&two_days(), shift_id(name))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// The rows are the same, byte for byte, whatever order the records come in, and whether or not
    /// the books are put away and taken up again in the middle.
    #[test]
    fn the_books_know_no_order(
        (straight, shuffled) in prop::collection::vec((any_record(), 1..4_u64, 0..3_u8), 0..24)
            .prop_map(|records| -> Vec<Written> {
                let written = |(n, (record, lamport, author))| {
                    (RecordMeta { id: record_id(n), device: device(author), lamport }, record)
                };
                (1..).zip(records).map(written).collect()
            })
            .prop_flat_map(|records| (Just(records.clone()), Just(records).prop_shuffle())),
        pause in 0..24_usize,
    ) {
        let one = books_of(&straight);
        let (before, after) = shuffled.split_at(pause.min(shuffled.len()));
        let mut other = Books::new();
        for (key, value) in books_of(before).take_dirty() {
            other.load_row(&key, &value).unwrap();
        }
        for (meta, record) in after {
            other.apply(*meta, record).unwrap();
        }
        let rows: Vec<_> = one.rows().collect();
        prop_assert!(rows.is_sorted());
        prop_assert_eq!(&rows, &other.rows().collect::<Vec<_>>());
        for name in ["R1", "R2"] {
            prop_assert_eq!(one.gapless(&register(name)), other.gapless(&register(name)));
            let open = |books: &Books| books.open_shift(&register(name)).map(|(id, _)| id);
            prop_assert_eq!(open(&one), open(&other));
        }
    }

    /// Counted twice: the books, and a loop over the pieces.
    #[test]
    fn the_books_agree_with_a_count_by_hand(
        pieces in prop::collection::vec(prop_oneof![1..50_i64, -50..0_i64], 1..30),
    ) {
        let mut records = vec![Record::StoreOpened(inclusive())];
        for (counter, &pieces) in (1..).zip(&pieces) {
            records.push(sale("R1", counter, "2010-12-01", pieces, TenderKind::Cash));
        }
        let books = books_of(&numbered(records));
        let report = books.sales_report(ReportFilter::default()).unwrap();
        let sum: i64 = pieces.iter().sum();
        prop_assert_eq!(report.sales_value, gbp(sum * 120));
        prop_assert_eq!(report.tax, gbp(sum * 20));
        let sales = pieces.iter().filter(|&&n| n > 0).count();
        prop_assert_eq!(report.totals.sales.count, sales as u64);
        prop_assert_eq!(report.totals.returns.count, (pieces.len() - sales) as u64);
        prop_assert_eq!(books.on_hand(&sku("P1")), Quantity::from_units(-sum).unwrap());
        prop_assert_eq!(books.gapless(&register("R1")).count, pieces.len() as u64);
        prop_assert!(books.gapless(&register("R1")).is_gapless());
    }
}
