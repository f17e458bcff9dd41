//! A real shop's month through the real binary, compared with sums of our own.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use serde_json::Value;
use tests::oracle::Expected;
use tests::sheet::Sheet;
use tests::tillmesh::Till;

/// The figures of `tillmesh report sales --json` on the folder of the ended process.
fn report(till: &Till) -> Value {
    till.run(["--store", "shop", "--json", "report", "sales"])
        .unwrap()
        .succeeded()
        .unwrap()
        .json()
        .unwrap()
}

fn replay(till: &Till, file: &str) {
    till.run(["--store", "shop", "--json", "replay", file]).unwrap().succeeded().unwrap();
}

/// Compares every figure of the report with the oracle's.
fn compare(report: &Value, expected: &Expected) {
    let totals = &expected.totals;
    let money = |value: rust_decimal::Decimal| format!("{value:.2}");
    assert_eq!(report["sales"]["count"], totals.sales.count);
    assert_eq!(report["sales"]["value"], money(totals.sales.total));
    assert_eq!(report["returns"]["count"], totals.returns.count);
    assert_eq!(report["returns"]["value"], money(totals.returns.total));
    assert_eq!(report["adjustments"], totals.adjustments.count);
    assert_eq!(report["postings"]["count"], totals.postings.count);
    assert_eq!(report["postings"]["value"], money(totals.postings.total));
    assert_eq!(report["sales_value"], money(totals.value()));
    let receipts = &report["receipts"]["R1"];
    assert_eq!(receipts["first"], 1);
    assert_eq!(receipts["last"], totals.receipts());
    assert_eq!(receipts["count"], totals.receipts());
    assert_eq!(report["receipts_gapless"], true);
    for (day, of_day) in &expected.days {
        let row = report["by_day"].as_array().unwrap().iter().find(|row| row["date"] == **day);
        let row = row.unwrap_or_else(|| panic!("no row for {day}"));
        assert_eq!(row["sales"]["count"], of_day.sales.count, "{day}");
        assert_eq!(row["sales"]["value"], money(of_day.sales.total), "{day}");
        assert_eq!(row["returns"]["value"], money(of_day.returns.total), "{day}");
    }
}

/// On hand of every product, as the binary says.
fn compare_stock(till: &Till, expected: &Expected) {
    let stock = till.run(["--store", "shop", "--json", "stock"]).unwrap().succeeded().unwrap();
    let stock = stock.json().unwrap();
    let rows = stock["stock"].as_array().unwrap();
    for (sku, units) in &expected.on_hand {
        let row = rows.iter().find(|row| row["sku"] == **sku);
        let shown = row.map_or("0", |row| row["onHand"].as_str().unwrap());
        assert_eq!(shown, units.to_string(), "{sku}");
    }
    let moved = expected.on_hand.keys().filter(|sku| rows.iter().any(|row| row["sku"] == ***sku));
    assert_eq!(moved.count(), rows.len(), "a product is counted that never moved");
}

#[test]
fn december_2010_comes_to_the_shop_s_own_figures() {
    let till = Till::new().unwrap();
    let file = Sheet::december_path();
    replay(&till, file.to_str().unwrap());
    let report = report(&till);
    compare(&report, &Expected::of(&Sheet::december().unwrap()));
    compare_stock(&till, &Expected::of(&Sheet::december().unwrap()));
    // The figures of the data set's own description.
    assert_eq!(report["sales"]["count"], 1559);
    assert_eq!(report["sales"]["value"], "823746.14");
    assert_eq!(report["returns"]["count"], 326);
    assert_eq!(report["returns"]["value"], "-74789.12");
    assert_eq!(report["adjustments"], 140);
    assert_eq!(report["sales_value"], "748957.02");
    assert_eq!(report["receipts"]["R1"]["last"], 1885);
    let verified = till.run(["--store", "shop", "--json", "verify"]).unwrap();
    assert!(verified.status.success(), "{}", verified.stdout);
}

#[test]
fn a_perturbed_file_comes_to_the_sums_of_the_perturbed_file() {
    for seed in [7, 41] {
        let till = Till::new().unwrap();
        let sheet = Sheet::december().unwrap().first_invoices(150).perturb(seed);
        sheet.write_file(&till.folder().join("perturbed.csv")).unwrap();
        replay(&till, "perturbed.csv");
        let expected = Expected::of(&sheet);
        compare(&report(&till), &expected);
        compare_stock(&till, &expected);
    }
}

#[test]
fn a_replay_of_what_was_replayed_changes_nothing() {
    let till = Till::new().unwrap();
    let sheet = Sheet::december().unwrap().first_invoices(40);
    sheet.write_file(&till.folder().join("few.csv")).unwrap();
    replay(&till, "few.csv");
    let first = report(&till);
    replay(&till, "few.csv");
    assert_eq!(first["sales"], report(&till)["sales"]);
    assert_eq!(first["stock_digest"], report(&till)["stock_digest"]);
}
