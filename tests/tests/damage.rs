//! Damage to a till's folder: named, survived, healed where it can be.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use replica::journal::Options as JournalOptions;
use replica::storage::{Reads, Scanned, Stream};
use replica::store::{FileStorage, Options};
use tests::prng::Prng;
use tests::sheet::Sheet;
use tests::tillmesh::Till;

/// A shop with some days behind it.
fn shop(invoices: usize) -> Till {
    let till = Till::new().unwrap();
    let sheet = Sheet::december().unwrap().first_invoices(invoices);
    sheet.write_file(&till.folder().join("shop.csv")).unwrap();
    let replay = ["--store", "shop", "--json", "replay", "shop.csv"];
    till.run(replay).unwrap().succeeded().unwrap();
    till
}

fn sell(till: &Till, what: &str) -> serde_json::Value {
    let item = format!("{what}@1.25");
    let sold = till.run(["--store", "shop", "--json", "sell", &item]).unwrap();
    sold.succeeded().unwrap().json().unwrap()
}

/// Where one used frame lies: its stream and number, its file and its bytes there.
struct Used {
    stream: Stream,
    ordinal: u64,
    file: PathBuf,
    first: u64,
    last: u64,
}

fn used_frames(folder: &Path) -> Vec<Used> {
    let options = Options { journal: JournalOptions::default(), ..Options::default() };
    let storage = FileStorage::open(folder, options).unwrap();
    let mut used = Vec::new();
    for stream in Stream::ALL {
        let mut next = 0;
        while next < storage.next_ordinal(stream) {
            for item in storage.scan(stream, next, 1 << 20).unwrap() {
                let Scanned::Frame(frame) = item else { panic!("damaged before the test") };
                next = frame.ordinal + 1;
                let place = storage.place_of(stream, frame.ordinal).unwrap();
                used.push(Used {
                    stream,
                    ordinal: frame.ordinal,
                    file: folder.join(&place.file),
                    first: place.offset,
                    last: place.offset + place.bytes - 1,
                });
            }
        }
    }
    used
}

fn flip(file: &Path, offset: u64, bit: u8) {
    let file = File::options().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    byte[0] ^= 1 << bit;
    file.write_all_at(&byte, offset).unwrap();
}

#[test]
fn a_flipped_bit_at_each_of_100_places_is_named_by_its_entry() {
    let seed = 100;
    println!("seed {seed}");
    let mut prng = Prng::new(seed);
    let till = shop(25);
    let used = used_frames(&till.folder().join("shop"));
    for _ in 0..100 {
        let frame = &used[prng.index(used.len())];
        let offset = frame.first + prng.below(frame.last - frame.first + 1);
        let bit = u8::try_from(prng.below(8)).unwrap();
        flip(&frame.file, offset, bit);
        let verified = till.run(["--store", "shop", "--json", "verify"]).unwrap();
        assert_eq!(verified.status.code(), Some(3), "{}", verified.stdout);
        let findings = verified.json().unwrap()["findings"].as_array().unwrap().clone();
        let named = findings.iter().any(|finding| {
            finding["kind"] == "damaged"
                && finding["stream"] == frame.stream.name()
                && finding["first"].as_u64().unwrap() <= frame.ordinal
                && finding["last"].as_u64().unwrap() >= frame.ordinal
        });
        let place = format!("{} {} byte {offset}", frame.stream.name(), frame.ordinal);
        assert!(named, "{place} is not named in {findings:?}");
        flip(&frame.file, offset, bit);
    }
    let verified = till.run(["--store", "shop", "--json", "verify"]).unwrap();
    assert!(verified.status.success(), "{}", verified.stdout);
}

#[test]
fn a_damaged_till_starts_says_so_and_sells_on() {
    let mut prng = Prng::new(3);
    let till = shop(25);
    let before = sell(&till, "POST");
    let used = used_frames(&till.folder().join("shop"));
    for _ in 0..3 {
        let frame = &used[prng.index(used.len())];
        flip(&frame.file, frame.first + 30, 2);
    }
    let verified = till.run(["--store", "shop", "--json", "verify"]).unwrap();
    assert_eq!(verified.status.code(), Some(3), "{}", verified.stdout);
    let status = till.run(["--store", "shop", "--json", "status"]).unwrap().succeeded().unwrap();
    let damage = status.json().unwrap()["damage"].as_array().unwrap().len();
    assert!(damage >= 1, "{}", status.stdout);
    let after = sell(&till, "POST");
    let number = |sale: &serde_json::Value| sale["receiptCounter"].as_u64().unwrap();
    assert_eq!(number(&after), number(&before) + 1);
}

#[test]
fn an_index_that_is_deleted_cut_or_noise_is_rebuilt_while_the_till_sells() {
    let till = shop(60);
    let report = |till: &Till| {
        let report = ["--store", "shop", "--json", "report", "sales"];
        till.run(report).unwrap().succeeded().unwrap().json().unwrap()
    };
    let mut sold = report(&till)["sales"]["count"].as_u64().unwrap();
    let index = till.folder().join("shop").join("index");
    let mut prng = Prng::new(5);
    for harm in ["delete", "truncate", "noise"] {
        for file in files_below(&index) {
            let length = fs::metadata(&file).unwrap().len();
            match harm {
                "delete" => fs::remove_file(&file).unwrap(),
                "truncate" => {
                    File::options().write(true).open(&file).unwrap().set_len(length / 2).unwrap();
                }
                _ => {
                    let noise: Vec<u8> =
                        (0..length).map(|_| u8::try_from(prng.below(256)).unwrap()).collect();
                    fs::write(&file, noise).unwrap();
                }
            }
        }
        sell(&till, "POST");
        sold += 1;
        let report = report(&till);
        assert_eq!(report["sales"]["count"], sold, "after {harm}");
        assert_eq!(report["receipts_gapless"], true);
        let verified = till.run(["--store", "shop", "--json", "verify"]).unwrap();
        assert!(verified.status.success(), "after {harm}: {}", verified.stdout);
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

#[test]
fn a_second_process_on_the_same_folder_is_refused_in_a_sentence() {
    let till = Till::new().unwrap();
    Sheet::december()
        .unwrap()
        .first_invoices(200)
        .write_file(&till.folder().join("shop.csv"))
        .unwrap();
    let mut first = till.start(["--store", "shop", "--json", "replay", "shop.csv"]).unwrap();
    first.next_line().unwrap();
    let second = till.run(["--store", "shop", "sell", "POST@1.00"]).unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(second.stderr.contains("already works in the folder"), "{}", second.stderr);
    assert!(!second.stderr.contains("panicked"));
    first.kill().unwrap();
    let mut rest = String::new();
    assert_eq!(second.stdout.as_bytes().take(1).read_to_string(&mut rest).unwrap(), 0);
}
