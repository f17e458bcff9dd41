use std::io::Cursor;
use std::path::Path;

use pos_core::money::Currency;
use pos_core::quantity::Quantity;
use pos_core::report::ReportFilter;
use replica::memory::Crash;

use super::*;
use crate::csv_file::CsvFile;
use crate::replay::{DateRange, read};
use crate::till::tests::{TestTill, memory_till, restarted};

const FILE: &str = "\
invoice,stock_code,description,quantity,invoice_date,unit_price
1,10001,Mug,2,2010-12-01T08:26:00,2.55
1,POST,Postage,1,2010-12-01T08:26:00,18.00
2,10002,Plate,3,2010-12-01T08:30:00,1.00
1,10001,Mug,1,2010-12-01T08:26:00,2.10
3,10002,damaged,-4,2010-12-02T09:00:00,0.00
C4,10001,Mug,-1,2010-12-02T09:01:00,2.55
A5,B,Adjust bad debt,1,2010-12-02T09:02:00,-11.06
6,10003,Cup,1,2010-12-03T09:00:00,0.005
6,10003,Cup,1,2010-12-03T09:00:00,0.005
";

fn plan() -> Plan {
    let source = Cursor::new(FILE.as_bytes().to_vec());
    let mut file = CsvFile::from_reader(Path::new("file.csv"), source, 0).unwrap();
    read(&mut file, Currency::GBP, DateRange::default(), |_| {}).unwrap()
}

/// Replays until `limit` documents are acknowledged, then stops as if the process had been killed.
fn replay_until(till: &mut TestTill, limit: usize) -> Vec<Acknowledged> {
    let (plan, register) = (plan(), till.register(None).unwrap());
    let mut acknowledged = Vec::new();
    let replay = Replay::new(till, &plan, register).unwrap();
    let result = replay.run(|document, _| {
        acknowledged.push(document.clone());
        if acknowledged.len() < limit { Ok(()) } else { Err(io::Error::other("killed")) }
    });
    assert_eq!(result.is_ok(), limit > plan.documents.len(), "{result:?}");
    acknowledged
}

fn shown(acknowledged: &[Acknowledged]) -> Vec<(String, &'static str, Option<u64>)> {
    let one = |one: &Acknowledged| {
        let receipt = one.receipt.as_ref().map(ReceiptNumber::counter);
        (one.invoice.to_string(), one.kind.name(), receipt)
    };
    acknowledged.iter().map(one).collect()
}

#[test]
fn a_file_becomes_sales_returns_adjustments_and_postings() {
    let mut till = memory_till();
    let acknowledged = replay_until(&mut till, usize::MAX);
    let row = |invoice: &str, kind, receipt| (invoice.to_owned(), kind, receipt);
    assert_eq!(
        shown(&acknowledged),
        [
            row("1", "sale", Some(1)),
            row("2", "sale", Some(2)),
            row("3", "adjustment", None),
            row("C4", "return", Some(3)),
            row("A5", "posting", None),
            row("6", "sale", Some(4)),
        ]
    );
    let books = till.replica().books();
    let report = books.sales_report(ReportFilter::default()).unwrap();
    let minor = |money: Money| money.minor();
    assert_eq!((report.totals.sales.count, minor(report.totals.sales.amount)), (3, 2_822));
    assert_eq!((report.totals.returns.count, minor(report.totals.returns.amount)), (1, -255));
    assert_eq!(report.totals.adjustments, 1);
    assert_eq!(minor(report.totals.postings.amount), -1_106);
    assert_eq!(minor(report.sales_value), 2_567);
    let on_hand = |sku: &str| books.on_hand(&sku.parse().unwrap()).to_string();
    assert_eq!(on_hand("10001"), (Quantity::from_units(-2).unwrap()).to_string());
    assert_eq!(on_hand("10002"), (Quantity::from_units(-7).unwrap()).to_string());
    assert_eq!(on_hand("POST"), Quantity::ZERO.to_string());
}

#[test]
fn every_day_has_its_shift_closed_with_a_z_report() {
    let mut till = memory_till();
    replay_until(&mut till, usize::MAX);
    let register = till.register(None).unwrap();
    assert_eq!(till.open_shift(&register), None);
    let books = till.replica().books();
    let closed: Vec<_> = books
        .shifts(&register)
        .into_iter()
        .flat_map(|(shift, opened)| {
            let numbers = books.closes(shift).map(|(_, closed)| closed.report.number);
            numbers.map(|number| (opened.business_date.to_string(), number)).collect::<Vec<_>>()
        })
        .collect();
    let day = |day: &str, number| (format!("2010-12-{day}"), number);
    assert_eq!(closed, [day("01", 1), day("02", 2), day("03", 3)]);
}

#[test]
fn a_price_that_is_not_the_list_price_is_an_override_with_its_reason() {
    let mut till = memory_till();
    let first = replay_until(&mut till, 1).remove(0);
    let sale = till.node().query(|replica, disk| replica.transaction(disk, first.id));
    let sale = sale.unwrap().unwrap();
    let reasons: Vec<_> = sale.items.iter().map(|item| item.override_reason.as_deref()).collect();
    assert_eq!(reasons, [None, None, Some(PRICE_REASON)]);
    assert_eq!(sale.wall_time.to_string(), "2010-12-01T08:26:00Z");
    assert_eq!(sale.idempotency_key.as_ref().unwrap().as_str(), "1");
}

#[test]
fn killed_anywhere_and_run_again_every_document_is_there_once_under_its_number() {
    let mut whole = memory_till();
    let expected = replay_until(&mut whole, usize::MAX);
    for killed_after in 1..=expected.len() {
        for crash in [Crash::POWER_CUT, Crash::KILL] {
            let mut till = memory_till();
            let before = replay_until(&mut till, killed_after);
            let mut till = restarted(till, crash, 2);
            let after = replay_until(&mut till, usize::MAX);
            assert_eq!(shown(&after), shown(&expected), "after {killed_after}, {crash:?}");
            for (first, again) in before.iter().zip(&after) {
                assert!(again.repeated, "{first:?}");
                assert_eq!((&first.id, &first.receipt), (&again.id, &again.receipt));
                assert_eq!(first.amount, again.amount);
            }
            let stock = |till: &TestTill| till.replica().stock_digest();
            assert_eq!(stock(&till), stock(&whole));
            assert_eq!(till.open_carts().unwrap().len(), 0);
        }
    }
}

#[test]
fn a_cart_left_by_a_killed_run_is_given_up_and_a_cashiers_cart_is_not() {
    let mut till = memory_till();
    replay_until(&mut till, 1);
    let ours = OperatorId::new(format!("{OPERATOR}-R1")).unwrap();
    let theirs = OperatorId::new("anna").unwrap();
    till.open_cart("2", &ours).unwrap();
    till.open_cart("2", &theirs).unwrap();
    let plan = plan();
    let register = till.register(None).unwrap();
    let done = Replay::new(&mut till, &plan, register).unwrap().run(|_, _| Ok(())).unwrap();
    assert_eq!((done.abandoned, done.repeated), (1, 1));
    let left = till.open_carts().unwrap();
    assert_eq!(left.iter().map(|cart| cart.operator.as_str()).collect::<Vec<_>>(), ["anna"]);
}
