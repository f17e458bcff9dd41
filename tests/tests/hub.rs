//! The hub over the folders of real tills: the same entries come to the same figures, whatever the
//! order they come in and however often.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

use hub::collect::{CollectError, Collection};
use hub::report::{StoreReport, store_report};
use tests::sheet::Sheet;
use tests::tillmesh::Till;

fn collect(folders: &[&Path]) -> Vec<StoreReport> {
    let mut collection = Collection::default();
    for folder in folders {
        collection.add_folder(folder).unwrap();
    }
    collection.stores().map(|(id, store)| store_report(id, store).unwrap()).collect()
}

/// Copies the till's folder, as a backup of a stopped till does.
fn copy(till: &Till, to: &str) {
    let mut copy = Command::new("cp");
    copy.args(["-a", "shop", to]).current_dir(till.folder());
    assert!(copy.status().unwrap().success());
}

#[test]
fn a_backup_and_its_till_come_to_the_till_s_own_figures_in_any_order() {
    let till = Till::new().unwrap();
    let sheet = Sheet::december().unwrap();
    sheet.first_invoices(12).write_file(&till.folder().join("first.csv")).unwrap();
    sheet.first_invoices(30).write_file(&till.folder().join("all.csv")).unwrap();
    let replay = |file: &str| {
        till.run(["--store", "shop", "--json", "replay", file]).unwrap().succeeded().unwrap();
    };
    replay("first.csv");
    copy(&till, "backup");
    replay("all.csv");

    let (shop, backup) = (till.folder().join("shop"), till.folder().join("backup"));
    let report = till.run(["--store", "shop", "--json", "report", "sales"]).unwrap();
    let report = report.json().unwrap();
    let one = collect(&[&shop]);
    assert_eq!(one.len(), 1);
    assert_eq!(report["sales"]["count"], one[0].sales);
    assert_eq!(report["sales_value"], one[0].sales_value);
    assert_eq!(report["held_digest"], one[0].held_digest);
    assert_eq!(report["meaning_digest"], one[0].meaning_digest);
    // A backup adds nothing that the till has not, and takes nothing away.
    assert_eq!(collect(&[&shop, &backup]), one);
    assert_eq!(collect(&[&backup, &shop, &backup]), one);
    assert!(collect(&[&backup])[0].sales < one[0].sales);
}

#[test]
fn a_restored_backup_that_sold_on_is_merged_whole_and_shown() {
    let till = Till::new().unwrap();
    Sheet::december().unwrap().first_invoices(8).write_file(&till.folder().join("s.csv")).unwrap();
    till.run(["--store", "shop", "--json", "replay", "s.csv"]).unwrap().succeeded().unwrap();
    copy(&till, "restored");
    for store in ["shop", "restored"] {
        till.run(["--store", store, "sell", "POST@1.00"]).unwrap().succeeded().unwrap();
    }
    let merged = collect(&[&till.folder().join("shop"), &till.folder().join("restored")]);
    assert_eq!(merged.len(), 1);
    let alone = collect(&[&till.folder().join("shop")]);
    assert_eq!(merged[0].sales, alone[0].sales + 1, "both branches count");
    let told = merged[0].exceptions.join("; ");
    assert!(told.contains("given twice") && told.contains("two copies"), "{told}");
}

#[test]
fn a_folder_without_a_journal_is_refused_by_name() {
    let till = Till::new().unwrap();
    let refused = Collection::default().add_folder(till.folder()).unwrap_err();
    assert!(matches!(refused, CollectError::NotATill(_)), "{refused}");
}
