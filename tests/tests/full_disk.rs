//! A disk that runs full: new sales stop with a sentence, the open one can be finished, nothing
//! acknowledged is lost, and the till goes on when there is room.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::Write;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tests::sheet::Sheet;
use tests::tillmesh::Till;

/// A small file system, gone with the value.
struct Mount<'a>(&'a Path);

impl<'a> Mount<'a> {
    /// `None` where this process may not mount.
    fn tmpfs(folder: &'a Path, mebibytes: u32) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder)
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then_some(Self(folder))
    }
}

impl Drop for Mount<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(self.0).output());
    }
}

/// The receipts in the books; there is none missing among them.
fn receipts_in(till: &Till) -> u64 {
    let report = till.run(["--store", "small/shop", "--json", "report", "sales"]).unwrap();
    let report = report.succeeded().unwrap().json().unwrap();
    assert_eq!(report["receipts_gapless"], true);
    report["receipts"]["R1"]["last"].as_u64().unwrap()
}

/// A start may find room: an index that was given up on the full disk is made anew, and smaller. Then
/// the till rightly sells on, until that is used up too. How many receipts there are in the end.
fn sell_until_refused(till: &Till, folder: &Path, mut receipts: u64) -> u64 {
    for round in 0..10 {
        fill(&folder.join(format!("filler-{round}")));
        let sold = till.run(["--store", "small/shop", "sell", "POST@1.00"]).unwrap();
        if sold.status.code() == Some(1) {
            assert!(sold.stderr.contains("full"), "{}", sold.stderr);
            assert_eq!(receipts_in(till), receipts);
            return receipts;
        }
        let again = till.run(["--store", "small/shop", "replay", "shop.csv"]).unwrap();
        assert_eq!(again.status.code(), Some(1), "{}", again.stderr);
        assert!(again.stderr.contains("full"), "{}", again.stderr);
        let now = receipts_in(till);
        assert!(now > receipts, "the sale is in the books");
        receipts = now;
    }
    panic!("after {receipts} receipts new sales are still taken");
}

/// Writes a file until nothing more fits.
fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).unwrap();
    for size in [1 << 16, 1 << 12, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

#[test]
fn a_full_disk_stops_new_sales_and_loses_nothing() {
    let till = Till::new().unwrap();
    let folder = till.folder().join("small");
    let Some(_mount) = Mount::tmpfs(&folder, 24) else {
        println!("skipped: this process may not mount a file system");
        return;
    };
    Sheet::december().unwrap().write_file(&till.folder().join("shop.csv")).unwrap();
    let arguments = ["--store", "small/shop", "--json", "replay", "shop.csv"];
    let filled = till.run(arguments).unwrap();
    assert_eq!(filled.status.code(), Some(1), "the file fits: make the disk smaller");
    assert!(filled.stderr.contains("full"), "{}", filled.stderr);
    assert!(!filled.stderr.contains("panicked"), "{}", filled.stderr);
    let acknowledged: Vec<Value> = filled
        .stdout
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok()?.get("ack").cloned())
        .collect();
    assert!(acknowledged.len() > 20, "{} acknowledged", acknowledged.len());

    // What was acknowledged is there, and no more.
    let receipts = acknowledged.iter().filter(|ack| !ack["receipt"].is_null()).count();
    let receipts = u64::try_from(receipts).unwrap();
    assert_eq!(receipts_in(&till), receipts);
    let receipts = sell_until_refused(&till, &folder, receipts);

    // With room again the till goes on by itself.
    let grown = Command::new("mount").args(["-o", "remount,size=256m"]).arg(&folder).output();
    assert!(grown.unwrap().status.success());
    let sold = till.run(["--store", "small/shop", "--json", "sell", "POST@1.00"]).unwrap();
    let sold = sold.succeeded().unwrap().json().unwrap();
    assert_eq!(sold["receiptCounter"], receipts + 1);
    let verified = till.run(["--store", "small/shop", "--json", "verify"]).unwrap();
    assert!(verified.status.success(), "{}", verified.stdout);
}
