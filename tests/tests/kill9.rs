//! SIGKILL in the middle of selling: what was acknowledged is there, once, under its number.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use serde_json::Value;
use tests::oracle::Expected;
use tests::prng::Prng;
use tests::sheet::Sheet;
use tests::tillmesh::{Running, Till};

/// Receipt and record id that an invoice was acknowledged with.
type Acknowledged = BTreeMap<String, (Value, Value)>;

/// Reads acknowledgements until `limit` more have come or the process has ended.
fn read(running: &mut Running, limit: u64, acknowledged: &mut Acknowledged) {
    let mut seen = 0;
    while seen < limit {
        let Some(line) = running.next_line().unwrap() else { return };
        note(&line, acknowledged);
        seen += 1;
    }
}

/// An invoice that was acknowledged before must be acknowledged with the same receipt again.
fn note(line: &str, acknowledged: &mut Acknowledged) {
    // The last line of a killed process may be cut short: nobody could act on it.
    let Ok(value) = serde_json::from_str::<Value>(line) else { return };
    let Some(ack) = value.get("ack") else { return };
    let invoice = ack["invoice"].as_str().unwrap().to_owned();
    let now = (ack["receipt"].clone(), ack["id"].clone());
    let before = acknowledged.entry(invoice.clone()).or_insert_with(|| now.clone());
    assert_eq!(*before, now, "invoice {invoice} changed its receipt");
}

#[test]
fn five_kills_lose_double_and_change_nothing() {
    let seed = 20_101_201;
    println!("seed {seed}");
    let mut prng = Prng::new(seed);
    let till = Till::new().unwrap();
    let sheet = Sheet::december().unwrap().first_invoices(400);
    sheet.write_file(&till.folder().join("shop.csv")).unwrap();
    let arguments = ["--store", "shop", "--json", "replay", "shop.csv"];
    let mut acknowledged = Acknowledged::new();
    for _ in 0..5 {
        let mut running = till.start(arguments).unwrap();
        // The first acknowledgements of a later round repeat those of the rounds before.
        let more = u64::try_from(acknowledged.len()).unwrap() + 5 + prng.below(60);
        read(&mut running, more, &mut acknowledged);
        std::thread::sleep(std::time::Duration::from_micros(prng.below(30_000)));
        running.kill().unwrap();
        read(&mut running, u64::MAX, &mut acknowledged);
    }
    assert!(acknowledged.len() < 400, "the kills came too late to prove anything");

    let last = till.run(arguments).unwrap().succeeded().unwrap();
    for line in last.stdout.lines() {
        note(line, &mut acknowledged);
    }
    let expected = Expected::of(&sheet);
    assert_eq!(acknowledged.len(), expected.documents.len());
    for document in &expected.documents {
        let (receipt, _) = &acknowledged[&document.invoice];
        match document.receipt {
            Some(number) => {
                let shown = receipt.as_str().unwrap();
                assert!(shown.starts_with(&format!("R1-{number:06}-")), "{shown} is not {number}");
            }
            None => assert!(receipt.is_null()),
        }
    }
    let report =
        till.run(["--store", "shop", "--json", "report", "sales"]).unwrap().json().unwrap();
    assert_eq!(report["sales"]["count"], expected.totals.sales.count);
    assert_eq!(report["sales_value"], format!("{:.2}", expected.totals.value()));
    assert_eq!(report["receipts_gapless"], true);
    assert_eq!(report["receipts"]["R1"]["last"], expected.totals.receipts());
    let verified = till.run(["--store", "shop", "--json", "verify"]).unwrap();
    assert!(verified.status.success(), "{}\n{}", verified.stdout, verified.stderr);
}
