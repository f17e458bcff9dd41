//! Whatever happens to the map's files, the till opens and the journal is untouched.
#![cfg(feature = "store")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use replica::storage::{Batch, Reads, Storage, StorageError, Stream};
use replica::store::{FileStorage, MapState, Options};
use support::{Seeded, append_flushed, assert_only_lost, options};

fn open(folder: &Path) -> FileStorage {
    let options = Options { journal: options(1 << 14), ..Options::default() };
    FileStorage::open(folder, options).unwrap()
}

fn batch(pairs: impl IntoIterator<Item = (u32, Vec<u8>)>) -> Batch {
    let changes: BTreeMap<_, _> =
        pairs.into_iter().map(|(key, value)| (key.to_be_bytes().to_vec(), Some(value))).collect();
    Batch { changes }
}

/// A folder with ten frames and a map of `keys` keys.
fn filled(keys: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = open(folder.path());
    append_flushed(&mut disk, Stream::OwnLedger, 10);
    disk.commit(&batch((0..keys).map(|key| (key, vec![7; 200])))).unwrap();
    folder
}

fn index_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder.join("index"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}

/// The journal is whole, and the map works, at the latest after a reset.
fn assert_works(disk: &mut FileStorage, why: &str) {
    assert_only_lost(disk, Stream::OwnLedger, disk.next_ordinal(Stream::OwnLedger), &[]);
    let fresh = batch([(9_999_999, vec![1, 2, 3])]);
    let first = disk.list(b"", None, usize::MAX).map(drop).and_then(|()| disk.commit(&fresh));
    if let Err(error) = first {
        assert!(matches!(error, StorageError::MapBroken(_)), "{why}: {error:?}");
        assert!(
            matches!(disk.get(b"x"), Err(StorageError::MapBroken(_))),
            "{why}: it stays broken"
        );
        disk.reset_map().unwrap();
        disk.commit(&fresh).unwrap();
    }
    assert_eq!(disk.get(&9_999_999_u32.to_be_bytes()), Ok(Some(vec![1, 2, 3])), "{why}");
    append_flushed(disk, Stream::OwnLedger, 1);
}

#[test]
fn a_map_is_loaded_after_an_orderly_stop() {
    let folder = filled(1000);
    let disk = open(folder.path());
    assert_eq!(*disk.map_state(), MapState::Loaded);
    assert_eq!(disk.list(b"", None, 5000).unwrap().len(), 1000);
}

#[test]
fn a_deleted_map_is_begun_anew() {
    let folder = filled(1000);
    fs::remove_dir_all(folder.path().join("index")).unwrap();
    let mut disk = open(folder.path());
    assert_eq!(*disk.map_state(), MapState::Fresh);
    assert_eq!(disk.list(b"", None, 9), Ok(Vec::new()));
    assert_works(&mut disk, "deleted");
}

#[test]
fn a_truncated_map_never_keeps_the_till_from_opening() {
    for part in 0..6 {
        let folder = filled(1500);
        for path in index_files(folder.path()) {
            let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
            let bytes = file.metadata().unwrap().len();
            file.set_len(bytes * part / 6).unwrap();
        }
        let mut disk = open(folder.path());
        assert_works(&mut disk, &format!("{part}/6"));
        drop(disk);
        assert_works(&mut open(folder.path()), &format!("{part}/6, the next day"));
    }
}

#[test]
fn a_map_filled_with_noise_is_set_aside() {
    let folder = filled(1500);
    let mut seeded = Seeded(11);
    for path in index_files(folder.path()) {
        let bytes = fs::metadata(&path).unwrap().len();
        let noise: Vec<u8> = (0..bytes).map(|_| seeded.next().to_le_bytes()[0]).collect();
        fs::write(&path, noise).unwrap();
    }
    let mut disk = open(folder.path());
    assert_works(&mut disk, "noise");
}

/// Altered parts are noticed at opening or at reading, or hit free space: never a wrong value.
#[test]
fn a_map_with_altered_parts_never_gives_a_wrong_value() {
    let mut seeded = Seeded(5);
    for round in 0..12 {
        let folder = filled(1500);
        let path = folder.path().join("index/db");
        let mut bytes = fs::read(&path).unwrap();
        let from = usize::try_from(seeded.below(bytes.len() as u64 - 64)).unwrap();
        for byte in &mut bytes[from..from + 1 + round * 5] {
            *byte ^= 1 << seeded.below(8);
        }
        fs::write(&path, bytes).unwrap();
        let mut disk = open(folder.path());
        for key in 0..1500_u32 {
            match disk.get(&key.to_be_bytes()) {
                Ok(Some(value)) => assert_eq!(value, [7; 200]),
                Ok(None) => {}
                Err(StorageError::MapBroken(_)) => break,
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_works(&mut disk, &format!("round {round}"));
    }
}

#[test]
fn what_keeps_sled_from_opening_is_cleared_away_first() {
    let folder = filled(300);
    let index = folder.path().join("index");
    fs::write(index.join("snap.00000000000000F0.generating"), b"half").unwrap();
    let conf = fs::read(index.join("conf")).unwrap();
    fs::write(index.join("conf"), &conf[..conf.len() / 2]).unwrap();
    let disk = open(folder.path());
    assert_eq!(*disk.map_state(), MapState::Loaded);
    assert_eq!(disk.list(b"", None, 500).unwrap().len(), 300);
    assert!(index.join("conf").exists());
}

#[test]
fn an_opening_that_did_not_end_is_not_tried_again() {
    let folder = filled(300);
    for round in 1..=4 {
        fs::write(folder.path().join("index.opening"), []).unwrap();
        let disk = open(folder.path());
        assert!(matches!(disk.map_state(), MapState::Replaced { .. }), "{:?}", disk.map_state());
        assert_eq!(disk.list(b"", None, 9), Ok(Vec::new()));
        assert!(!folder.path().join("index.opening").exists());
        let aside: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with("index.broken-"))
            .collect();
        assert_eq!(aside.len(), round.min(2), "the last two are kept: {aside:?}");
        assert!(aside.contains(&format!("index.broken-{round}")));
    }
}
