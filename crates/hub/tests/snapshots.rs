//! Snapshots in a folder: the same rows give the same bytes, what did not change is not written again,
//! and whatever is wrong with one is found and named.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hub::rows::SaleDocument;
use hub::snapshot::manifest::{ManifestError, SignedManifest, SnapshotKey};
use hub::snapshot::schema::{Division, TABLES};
use hub::snapshot::take::{TakeError, take};
use hub::snapshot::verify::{Finding, verify};
use hub::store::Cut;
use pos_core::money::Money;

mod chain;

use chain::{Shop, cut, key, shops};

fn taken(cut: &Cut) -> (tempfile::TempDir, SignedManifest) {
    let folder = tempfile::tempdir().unwrap();
    let taken = take(cut, &key(), folder.path(), false).unwrap();
    (folder, taken.manifest)
}

/// Every file of a folder with its bytes, the lock left out.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().unwrap() != ".lock" {
                let below = path.strip_prefix(folder).unwrap().to_owned();
                found.push((below, fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn findings(folder: &Path) -> Vec<String> {
    verify(folder, None).unwrap().findings.iter().map(ToString::to_string).collect()
}

#[test]
fn the_same_cut_gives_the_same_bytes_whatever_was_in_the_folder_before() {
    let cut = cut(&shops());
    let (one, manifest) = taken(&cut);
    let (two, _) = taken(&cut);
    assert_eq!(contents(one.path()), contents(two.path()));
    // A snapshot taken over another one ends as if nothing had been there.
    let mut fewer = shops();
    fewer.pop();
    let (three, _) = taken(&chain::cut(&fewer));
    take(&cut, &key(), three.path(), false).unwrap();
    assert_eq!(contents(one.path()), contents(three.path()));
    // Golden: a change of the Parquet writer, of a table or of the manifest's form shows here. It means
    // that everybody fetches everything once more, so it is to be meant.
    let hash = blake3::hash(&manifest.encode().unwrap());
    assert_eq!(hash.to_string(), GOLDEN);
}

const GOLDEN: &str = "72df90d353a552d79e6f4bca87ade1fd02799768e9198a4ab8927fff7649218a";

#[test]
fn a_snapshot_says_what_its_files_come_to() {
    let (folder, manifest) = taken(&cut(&shops()));
    assert_eq!(findings(folder.path()), [""; 0]);
    let tables = &manifest.manifest().tables;
    // Three stores, four days, sales of 1 to 5 lines.
    assert_eq!(tables["sales"].rows, 3 * 4 * 5);
    assert_eq!(tables["items"].rows, 3 * 4 * 15);
    assert_eq!(tables["payments"].rows, 3 * 4 * 5);
    assert_eq!(tables["adjustments"].rows, 3 * 2);
    assert_eq!(tables["postings"].rows, 3);
    assert_eq!(tables["stores"].rows, 3);
    assert_eq!(tables["customers"].rows, 9);
    assert_eq!(tables["products"].rows, 3 * 40);
    let money = |table: &str, currency, column| {
        tables[table].sums.money_of(currency, column).unwrap().to_string()
    };
    assert_eq!(money("sales", "GBP", "total"), "1500.00");
    assert_eq!(money("items", "EUR", "gross"), "750.00");
    assert_eq!(money("payments", "GBP", "settled"), "1500.00");
    assert_eq!(money("payments", "GBP", "tendered"), "1520.00");
    assert_eq!(money("postings", "EUR", "amount"), "-3.00");
    assert_eq!(tables["items"].sums.quantities["quantity"].to_string(), "180.000");
    assert_eq!(tables["adjustments"].sums.quantities["quantity_change"].to_string(), "-15.000");
    assert_eq!(tables["stock"].sums.quantities["on_hand"].to_string(), "-195.000");
}

#[test]
fn a_late_sale_rewrites_its_own_period_and_stock_and_nothing_else() {
    let mut shops = shops();
    let folder = tempfile::tempdir().unwrap();
    let first = take(&cut(&shops), &key(), folder.path(), false).unwrap();
    assert_eq!(first.kept, 0);
    let again = take(&cut(&shops), &key(), folder.path(), false).unwrap();
    assert_eq!((again.written, again.kept), (0, first.written));
    assert_eq!(again.manifest, first.manifest);

    let names = |manifest: &SignedManifest| -> BTreeSet<String> {
        let files = &manifest.manifest().files;
        files.iter().map(|file| file.path.to_string()).collect()
    };
    let changed = |before: &SignedManifest, after: &SignedManifest| -> Vec<String> {
        let new = &names(after) - &names(before);
        // Table and part, without store and hash.
        let part = |name: &String| {
            let pieces: Vec<&str> = name.split('/').collect();
            format!("{}/{}", pieces[0], pieces[2].rsplit_once('-').unwrap().0)
        };
        new.iter().map(part).collect()
    };
    shops[0].sell("2010-12-02", 3);
    let today = take(&cut(&shops), &key(), folder.path(), false).unwrap();
    let expected = ["items/2010-12-02", "payments/2010-12-02", "sales/2010-12-02", "stock/00of00"];
    assert_eq!(changed(&first.manifest, &today.manifest), expected);
    assert_eq!(today.written, expected.len());

    // A till that was cut off brings a sale of last month.
    shops[1].sell("2010-11-29", 3);
    let late = take(&cut(&shops), &key(), folder.path(), false).unwrap();
    let expected = ["items/2010-11", "payments/2010-11", "sales/2010-11", "stock/00of00"];
    assert_eq!(changed(&today.manifest, &late.manifest), expected);

    // A new month closes the last one: its days become one file.
    shops[0].sell("2011-01-03", 1);
    let month = take(&cut(&shops), &key(), folder.path(), false).unwrap();
    let changed = changed(&late.manifest, &month.manifest);
    for name in ["sales/2010-12", "sales/2011-01-03", "adjustments/2010-12", "postings/2010-12"] {
        assert!(changed.iter().any(|one| one == name), "{name} in {changed:?}");
    }
    assert_eq!(findings(folder.path()), [""; 0]);
}

#[test]
fn one_changed_product_of_many_rewrites_one_small_file() {
    let mut shop = Shop::new(1, "GBP");
    shop.many_products(40_000);
    let folder = tempfile::tempdir().unwrap();
    let shops = [shop];
    let first = take(&cut(&shops), &key(), folder.path(), false).unwrap();
    let stock = |name: &str| name.starts_with("stock/");
    let files = &first.manifest.manifest().files;
    assert_eq!(files.iter().filter(|file| stock(file.path.as_str())).count(), 8);
    let [mut shop] = shops;
    let sku = shop.cut.stock.keys().nth(100).unwrap().clone();
    shop.cut.stock.get_mut(&sku).unwrap().on_hand = pos_core::quantity::Quantity::ZERO;
    let second = take(&cut(&[shop]), &key(), folder.path(), false).unwrap();
    assert_eq!(second.written, 1);
    let all: u64 = files.iter().map(|file| file.bytes).sum();
    assert!(second.written_bytes * 4 < all, "{} of {all}", second.written_bytes);
}

#[test]
fn money_has_as_many_places_as_the_finest_currency() {
    let places = |currencies: &[&str]| {
        let numbered = (1..).zip(currencies);
        let mut shops: Vec<Shop> =
            numbered.map(|(number, currency)| Shop::new(number, currency)).collect();
        for shop in &mut shops {
            shop.sell("2010-12-01", 2);
        }
        let (folder, manifest) = taken(&cut(&shops));
        assert_eq!(findings(folder.path()), [""; 0]);
        let tables = &manifest.manifest().tables;
        let sums = tables.get("sales").map(|sales| sales.sums.money.values()).into_iter().flatten();
        let sums: Vec<String> = sums.map(|columns| columns["total"].to_string()).collect();
        (manifest.manifest().money_places, sums.join(" "))
    };
    assert_eq!(places(&["JPY"]), (0, "2500".to_owned()));
    assert_eq!(places(&["GBP", "JPY"]), (2, "25.00 2500.00".to_owned()));
    assert_eq!(places(&["GBP", "JPY", "KWD"]), (3, "25.000 2500.000 2.500".to_owned()));
    assert_eq!(places(&[]).0, 2);
}

#[test]
fn nothing_is_signed_that_the_books_contradict() {
    let mut shops = shops();
    let folder = tempfile::tempdir().unwrap();
    take(&cut(&shops), &key(), folder.path(), false).unwrap();
    let before = contents(folder.path());
    let totals = shops[1].cut.totals.values_mut().next().unwrap();
    let penny = Money::from_minor(1, totals.sales_value.currency());
    totals.sales_value = totals.sales_value.checked_add(penny).unwrap();
    let refused = take(&cut(&shops), &key(), folder.path(), false).unwrap_err();
    assert!(matches!(refused, TakeError::Disagree { what: "sales", .. }), "{refused}");
    // A line, and a payment, that do not come to what their sale says.
    let change = |shops: &mut [Shop], by: fn(&mut SaleDocument, Money)| {
        let day = Arc::make_mut(shops[1].cut.days.values_mut().next().unwrap());
        by(Arc::make_mut(day.sales.values_mut().next().unwrap()), penny);
    };
    let wrong: [fn(&mut SaleDocument, Money); 2] = [
        |sale, penny| {
            sale.items[0].gross = sale.items[0].gross.checked_add(penny).unwrap();
        },
        |sale, penny| {
            sale.payments[0].change = sale.payments[0].change.checked_add(penny).unwrap();
        },
    ];
    for by in wrong {
        let mut shops = chain::shops();
        change(&mut shops, by);
        let refused = take(&cut(&shops), &key(), folder.path(), false).unwrap_err();
        let what = "lines and payments";
        assert!(matches!(refused, TakeError::Disagree { what: found, .. } if found == what));
    }
    assert_eq!(contents(folder.path()), before);
}

#[test]
fn every_damage_is_named() {
    let (folder, manifest) = taken(&cut(&shops()));
    let files = &manifest.manifest().files;
    for file in files {
        let path = file.path.below(folder.path());
        let bytes = fs::read(&path).unwrap();
        // One bit anywhere, cut short, longer, gone.
        for at in [0, 4, bytes.len() / 2, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            fs::write(&path, changed).unwrap();
            let found = verify(folder.path(), None).unwrap().findings;
            assert!(matches!(&found[..], [Finding::Damaged(name)] if *name == file.path));
        }
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert!(findings(folder.path())[0].contains(file.path.as_str()));
        fs::write(&path, [&bytes[..], b"x"].concat()).unwrap();
        assert!(findings(folder.path())[0].contains(file.path.as_str()));
        fs::remove_file(&path).unwrap();
        let found = verify(folder.path(), None).unwrap().findings;
        assert!(matches!(&found[..], [Finding::Missing(name)] if *name == file.path));
        fs::write(&path, &bytes).unwrap();
    }
    // A file that would be counted by whoever reads the whole folder.
    let sales = files.iter().find(|file| file.path.as_str().starts_with("sales/")).unwrap();
    let path = sales.path.below(folder.path());
    let stray = path.with_file_name("copy.parquet");
    fs::copy(&path, &stray).unwrap();
    let found = verify(folder.path(), None).unwrap().findings;
    assert!(matches!(&found[..], [Finding::Stray(path)] if *path == stray), "{found:?}");
    fs::remove_file(&stray).unwrap();
    let stranger = SnapshotKey::from_secret(&[8; 32]).signer();
    let found = verify(folder.path(), Some(stranger)).unwrap().findings;
    assert!(matches!(&found[..], [Finding::Signer { .. }]));
    assert_eq!(findings(folder.path()), [""; 0]);
}

#[test]
fn no_character_of_a_manifest_can_be_changed() {
    let (_folder, manifest) = taken(&cut(&[Shop::new(1, "GBP")]));
    let bytes = manifest.encode().unwrap();
    assert_eq!(SignedManifest::decode(&bytes).unwrap(), manifest);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        SignedManifest::decode(&changed).unwrap_err();
        SignedManifest::decode(&[&bytes[..at], b" ", &bytes[at..]].concat()).unwrap_err();
    }
    for end in 0..bytes.len() {
        SignedManifest::decode(&bytes[..end]).unwrap_err();
    }
    let newer = String::from_utf8(bytes).unwrap().replace("\"version\":1", "\"version\":2");
    let refused = SignedManifest::decode(newer.as_bytes()).unwrap_err();
    assert!(matches!(refused, ManifestError::Version { version: 2, .. }), "{refused}");
}

#[test]
fn a_figure_changed_by_whoever_has_the_key_is_still_found() {
    let (folder, manifest) = taken(&cut(&shops()));
    // The totals of the tables must be those of the files, so a liar changes both.
    let mut lie = manifest.manifest().clone();
    let at = lie.files.iter().position(|file| file.path.as_str().starts_with("sales/")).unwrap();
    lie.files[at].rows += 1;
    let refused = SignedManifest::sign(lie.clone(), &key()).unwrap_err();
    assert!(matches!(refused, ManifestError::Totals(_)), "{refused}");
    lie.tables.get_mut("sales").unwrap().rows += 1;
    let signed = SignedManifest::sign(lie, &key()).unwrap();
    fs::write(folder.path().join("manifest.json"), signed.encode().unwrap()).unwrap();
    let found = verify(folder.path(), None).unwrap().findings;
    assert!(matches!(&found[..], [Finding::Rows { .. }]), "{found:?}");
}

#[test]
fn a_damaged_file_is_written_again_by_the_next_snapshot() {
    let cut = cut(&shops());
    let (folder, manifest) = taken(&cut);
    let files = &manifest.manifest().files;
    fs::write(files.last().unwrap().path.below(folder.path()), b"noise").unwrap();
    // What a power cut left where files wait takes no whole file's place.
    fs::write(folder.path().join(format!(".incoming/{}", files[0].blake3)), b"noise").unwrap();
    let again = take(&cut, &key(), folder.path(), false).unwrap();
    assert_eq!(again.written, 1);
    assert_eq!(findings(folder.path()), [""; 0]);
}

#[test]
fn the_documented_tables_are_those_that_are_written() {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/snapshots.md");
    let document = fs::read_to_string(document).unwrap();
    let documented: Vec<&str> = document
        .split("\n### `")
        .skip(1)
        .map(|section| section.split("\n## ").next().unwrap().trim())
        .collect();
    let mut written: Vec<String> = TABLES
        .iter()
        .map(|table| {
            let divided = match table.division {
                Division::Whole => "One file for all stores.",
                Division::Time => "Divided by time.",
                Division::Key => "Divided by key.",
            };
            let head = format!("{}`\n\nOne row: {}. {divided}\n\n", table.name, table.row);
            let mut text = head + "| column | type | meaning |\n| --- | --- | --- |";
            for column in table.columns {
                let none = if column.optional { " or none" } else { "" };
                let summed = if column.summed { "; summed in the manifest" } else { "" };
                let (name, kind, meaning) = (column.name, column.kind.name(), column.meaning);
                write!(text, "\n| `{name}` | {kind}{none} | {meaning}{summed} |").unwrap();
            }
            text
        })
        .collect();
    written.sort();
    let mut documented: Vec<String> = documented.into_iter().map(str::to_owned).collect();
    documented.sort();
    assert_eq!(documented, written);
}

#[test]
fn the_example_in_the_document_is_a_manifest_of_ours_with_its_lists_cut_short() {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/snapshots.md");
    let document = fs::read_to_string(document).unwrap();
    let (_folder, manifest) = taken(&cut(&shops()));
    let mut example: serde_json::Value =
        serde_json::from_slice(&manifest.encode().unwrap()).unwrap();
    example["manifest"]["cut"].as_array_mut().unwrap().truncate(1);
    let files = example["manifest"]["files"].as_array_mut().unwrap();
    files.retain(|file| file["path"].as_str().unwrap().starts_with("sales/"));
    files.truncate(1);
    example["manifest"]["tables"].as_object_mut().unwrap().retain(|table, _| table == "sales");
    let example = serde_json::to_string_pretty(&example).unwrap();
    let shown = document.split("```json\n").nth(1).unwrap().split("\n```").next().unwrap();
    assert_eq!(shown, example, "put this into the document:\n{example}");
}
