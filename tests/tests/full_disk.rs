//! A disk that runs full: new sales stop with a sentence, the open one can be finished, nothing
//! acknowledged is lost, and the till goes on when there is room.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

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
    let report = till.run(["--store", "small/shop", "--json", "report", "sales"]).unwrap();
    let report = report.succeeded().unwrap().json().unwrap();
    let receipts = acknowledged.iter().filter(|ack| !ack["receipt"].is_null()).count();
    assert_eq!(report["receipts"]["R1"]["last"], receipts);
    assert_eq!(report["receipts_gapless"], true);
    let refused = till.run(["--store", "small/shop", "sell", "POST@1.00"]).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stderr.contains("full"), "{}", refused.stderr);

    // With room again the till goes on by itself.
    let grown = Command::new("mount").args(["-o", "remount,size=256m"]).arg(&folder).output();
    assert!(grown.unwrap().status.success());
    let sold = till.run(["--store", "small/shop", "--json", "sell", "POST@1.00"]).unwrap();
    let sold = sold.succeeded().unwrap().json().unwrap();
    assert_eq!(sold["receiptCounter"], receipts + 1);
    let verified = till.run(["--store", "small/shop", "--json", "verify"]).unwrap();
    assert!(verified.status.success(), "{}", verified.stdout);
}
