//! A snapshot of a real shop's month, read by the tools head office has: DuckDB and pandas come to the
//! figures of the hub, and both to those of the file the tills rang up.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hub::embedded::Embedded;
use hub::folder::{HubFolder, Intake};
use hub::shell::Clock;
use hub::snapshot::signing::open_key;
use hub::snapshot::take::{Taken, take};
use hub::snapshot::verify::verify;
use hub::store::{HubStore, Stores};
use rust_decimal::Decimal;
use serde_json::Value;
use tests::oracle::Expected;
use tests::sheet::Sheet;
use tests::tillmesh::{Till, workspace_root};

/// What Python is asked.
const READ: &str = include_str!("read.py");

fn run(command: &mut Command) -> Result<Output, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let last = words.lines().last().unwrap_or_default();
    Err(format!("{} failed: {last}", command.get_program().to_string_lossy()))
}

/// A Python with DuckDB and pandas, fetched once and kept between runs.
fn python() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-parquet");
    let python = folder.join("bin/python");
    if run(Command::new(&python).args(["-c", "import duckdb, pandas, pyarrow"])).is_err() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        let packages = ["duckdb==2.0.0", "pandas==3.1.1", "pyarrow==26.0.1"];
        run(Command::new(&python).args(["-m", "pip", "install", "-q"]).args(packages))?;
    }
    Ok(python)
}

/// The sample over two stores of one till each, and a hub that has heard both.
fn hub() -> (Vec<Till>, tempfile::TempDir) {
    let file = Sheet::december_path();
    let folder = tempfile::tempdir().unwrap();
    let hub = HubFolder::open(&folder.path().join("hub")).unwrap();
    let mut intake = Intake::new(hub, Clock::start());
    let tills = ["1/2", "2/2"].map(|share| {
        let till = Till::new().unwrap();
        let file = file.to_str().unwrap();
        let replay = ["--store", "shop", "--json", "replay", "--share", share, file];
        till.run(replay).unwrap().succeeded().unwrap();
        intake.take(&till.folder().join("shop")).unwrap();
        till
    });
    assert_eq!(intake.finish().len(), 2);
    (tills.into(), folder)
}

/// A snapshot of a hub's folder, made from nothing but the folder.
fn snapshot(folder: &Path) -> (Embedded, Taken) {
    let hub = HubFolder::open(&folder.join("hub")).unwrap();
    let rows = Embedded::new();
    hub.load(Clock::start(), &rows).unwrap();
    let key = open_key(hub.path()).unwrap();
    let cut = rows.cut(&Stores::All).unwrap();
    let taken = take(&cut, &key, &folder.join("office"), false).unwrap();
    (rows, taken)
}

/// The lines of the documentation, as they stand there.
fn documented_sql() -> String {
    let text = fs::read_to_string(workspace_root().join("docs/snapshots.md")).unwrap();
    let begin = text.split("```sql\n").nth(1).unwrap();
    begin.split("```").next().unwrap().to_owned()
}

#[test]
fn duckdb_and_pandas_agree_with_the_hub_to_the_penny_and_the_unit() {
    let python = match python() {
        Ok(python) => python,
        Err(why) => {
            println!("skipped: {why}");
            return;
        }
    };
    let (_tills, folder) = hub();
    let (rows, taken) = snapshot(folder.path());
    let verified = verify(&folder.path().join("office"), None).unwrap();
    assert!(verified.findings.is_empty(), "{:?}", verified.findings);

    fs::write(folder.path().join("read.py"), READ).unwrap();
    fs::write(folder.path().join("documented.sql"), documented_sql()).unwrap();
    let mut ask = Command::new(&python);
    let said = run(ask.arg("read.py").current_dir(folder.path())).unwrap();
    let said: Value = serde_json::from_slice(&said.stdout).unwrap();

    let expected = Expected::of(&Sheet::december().unwrap());
    let december = "748957.02";
    assert_eq!(format!("{:.2}", expected.totals.value()), december);
    let tables = &taken.manifest.manifest().tables;
    let told =
        |table: &str, column| tables[table].sums.money_of("GBP", column).unwrap().to_string();
    assert_eq!(said["documented"], december, "the lines of the documentation");
    for reader in ["duckdb", "pandas"] {
        let found = &said[reader];
        assert_eq!(found["total"], december, "{reader}");
        assert_eq!(found["gross"], december, "{reader}");
        assert_eq!(found["settled"], december, "{reader}");
        assert_eq!(found["tax"], told("sales", "tax"), "{reader}");
        assert_eq!(found["net"], told("items", "net"), "{reader}");
        assert_eq!(found["sales"], expected.totals.receipts(), "{reader}");
        assert_eq!(found["receipts"], expected.totals.receipts(), "{reader}");
        assert_eq!(found["adjustments"], expected.totals.adjustments.count, "{reader}");
        assert_eq!(found["stores"], 2, "{reader}");
        // Every product, by both stores together, to the unit.
        let on_hand = found["onHand"].as_object().unwrap();
        for (sku, units) in &expected.on_hand {
            assert_eq!(on_hand[sku], format!("{units}.000"), "{reader}: {sku}");
        }
        assert_eq!(on_hand.len(), expected.on_hand.len(), "{reader}");
        // Every day, against the hub's own report.
        let days = found["days"].as_object().unwrap();
        assert_eq!(days.len(), expected.days.len(), "{reader}");
        for (day, totals) in &expected.days {
            let date = day.parse().unwrap();
            let reported = rows.days(&Stores::All, date, date).unwrap();
            let value: Decimal = reported.iter().map(|row| row.sales_value.to_decimal()).sum();
            assert_eq!(totals.value(), value, "{day}");
            assert_eq!(days[day], format!("{value:.2}"), "{reader}: {day}");
        }
    }
    assert_eq!(said["types"], types(), "as DuckDB sees the columns of sales");
}

fn types() -> Value {
    serde_json::json!({
        "store_id": "VARCHAR", "sale_id": "VARCHAR", "business_date": "DATE",
        "sold_at": "TIMESTAMP WITH TIME ZONE", "direction": "VARCHAR", "register": "VARCHAR",
        "receipt_counter": "BIGINT", "receipt_number": "VARCHAR", "device_id": "VARCHAR",
        "operator": "VARCHAR", "shift_id": "VARCHAR", "customer_id": "VARCHAR",
        "currency": "VARCHAR", "total": "DECIMAL(38,2)", "tax": "DECIMAL(38,2)",
        "rounding": "DECIMAL(38,2)", "lines": "INTEGER", "tenders": "INTEGER",
    })
}

#[test]
fn a_hub_that_is_filled_anew_gives_the_same_files() {
    let sheet = Sheet::december().unwrap().first_invoices(30);
    let till = Till::new().unwrap();
    sheet.write_file(&till.folder().join("few.csv")).unwrap();
    let replay = ["--store", "shop", "--json", "replay", "few.csv"];
    till.run(replay).unwrap().succeeded().unwrap();
    let taken = ["one", "two"].map(|name| {
        let folder = till.folder().join(name);
        let hub = HubFolder::open(&folder.join("hub")).unwrap();
        let mut intake = Intake::new(hub, Clock::start());
        intake.take(&till.folder().join("shop")).unwrap();
        intake.finish();
        snapshot(&folder).1
    });
    let [one, two] = taken.each_ref().map(|taken| taken.manifest.manifest());
    // Two hubs have two keys; what they sign is the same.
    assert_ne!(taken[0].manifest.signer(), taken[1].manifest.signer());
    assert_eq!(one, two);
    // And a second look at the same folder writes nothing.
    let again = snapshot(&till.folder().join("one")).1;
    assert_eq!((again.written, again.manifest), (0, taken[0].manifest.clone()));
}
