//! Damage is named, an unfinished write is cut and kept aside, and appending goes on behind both.
#![cfg(feature = "store")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use replica::journal::SEGMENT_HEADER_BYTES;
use replica::memory::{Crash, Keep, MemoryStorage};
use replica::storage::{FrameKind, Reads, Storage, StorageError, Stream};
use replica::store::{FileStorage, OpenError, Options};
use support::{Seeded, append, append_flushed, assert_only_lost, body, options};

const LEDGER: Stream = Stream::OwnLedger;
const SEGMENT: u64 = 16 << 10;

fn open(folder: &Path) -> FileStorage {
    let options = Options { journal: options(SEGMENT), ..Options::default() };
    FileStorage::open(folder, options).unwrap()
}

fn alter(path: &Path, offset: u64, change: impl FnOnce(u8) -> u8) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[change(byte[0])], offset).unwrap();
}

/// Names of files in the folder that begin so.
fn files(folder: &Path, prefix: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    entries.filter_map(|name| name.into_string().ok()).filter(|n| n.starts_with(prefix)).collect()
}

/// One flipped bit at each of a hundred places in the used part, one after the other, on one folder:
/// in closed segments, in the last one, in its last frame.
#[test]
fn each_of_a_hundred_flipped_bits_is_named_by_its_frame() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = open(folder.path());
    append_flushed(&mut disk, LEDGER, 150);
    let mut seeded = Seeded(20_260_417);
    for round in 0..100 {
        // The first rounds meet the last frame, whose end nothing behind it proves.
        let next = disk.next_ordinal(LEDGER);
        let victim = if round < 25 { next - 1 } else { seeded.below(next) };
        let Some(place) = disk.place_of(LEDGER, victim) else { panic!("{victim} is good") };
        let bit = seeded.below(place.bytes * 8);
        let offset = place.offset + bit / 8;
        drop(disk);
        let flip = |byte: u8| byte ^ (1 << (bit % 8));
        alter(&folder.path().join(&place.file), offset, flip);

        disk = open(folder.path());
        assert_eq!(disk.recovered(LEDGER).torn, None, "a flushed frame is never cut: bit {bit}");
        assert_eq!(disk.next_ordinal(LEDGER), next, "no ordinal is used again");
        assert_only_lost(&disk, LEDGER, next, &[victim]);
        let report = disk.verify(LEDGER);
        assert_eq!(report.frames, next - 1);
        assert_eq!(report.damaged.len(), 1);
        assert!(report.damaged[0].place.contains(&place.file), "{:?}", report.damaged);
        assert_eq!(append(&mut disk, LEDGER).unwrap(), next, "appending goes on");
        disk.flush(LEDGER).unwrap();
        drop(disk);

        // Still so when good frames follow; then the bit is put right again.
        if round % 5 == 0 {
            assert_only_lost(&open(folder.path()), LEDGER, next + 1, &[victim]);
        }
        alter(&folder.path().join(&place.file), offset, flip);
        drop(fs::remove_file(folder.path().join(place.file.replace(".seg", ".idx"))));
        disk = open(folder.path());
    }
    assert_only_lost(&disk, LEDGER, 250, &[]);
}

#[test]
fn an_altered_segment_header_is_reported_and_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = open(folder.path());
    append_flushed(&mut disk, LEDGER, 100);
    let segments = disk.segments(LEDGER);
    assert!(segments.len() > 1);
    drop(disk);
    for (path, _) in &segments {
        for offset in [0, 17, SEGMENT_HEADER_BYTES as u64 - 1] {
            alter(&folder.path().join(path), offset, |byte| byte ^ 4);
            let disk = open(folder.path());
            let report = disk.verify(LEDGER);
            assert_only_lost(&disk, LEDGER, 100, &[]);
            assert_eq!(report.altered.len(), 1, "{report:?}");
            assert!(report.altered[0].contains(path));
            drop(disk);
            alter(&folder.path().join(path), offset, |byte| byte ^ 4);
        }
    }
    assert!(open(folder.path()).verify(LEDGER).is_good());
}

#[test]
fn several_frames_overwritten_with_noise_or_zeros_are_named_as_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = open(folder.path());
    append_flushed(&mut disk, LEDGER, 150);
    let from = disk.place_of(LEDGER, 10).unwrap();
    let to = disk.place_of(LEDGER, 13).unwrap();
    assert_eq!(from.file, to.file);
    drop(disk);
    let path = folder.path().join(&from.file);
    for filler in [0_u8, 0xA7] {
        let noise = vec![filler; usize::try_from(to.offset + 30 - from.offset).unwrap()];
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(&noise, from.offset).unwrap();
        // With its index, without it, and with a bad one.
        for index in ["keep", "spoil", "delete"] {
            let index_path = path.with_extension("idx");
            match index {
                "spoil" => alter(&index_path, 40, |byte| byte ^ 1),
                "delete" => fs::remove_file(&index_path).unwrap(),
                _ => {}
            }
            assert_only_lost(&open(folder.path()), LEDGER, 150, &[10, 11, 12, 13]);
        }
    }
}

#[test]
fn a_segment_file_that_is_gone_is_damage_and_the_rest_still_reads() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = open(folder.path());
    append_flushed(&mut disk, LEDGER, 250);
    let gone = disk.segment_start(LEDGER, 2).unwrap();
    let behind = disk.segment_start(LEDGER, 1).unwrap();
    drop(disk);
    fs::remove_file(folder.path().join(format!("journal/ledger/{gone:020}.seg"))).unwrap();
    let mut disk = open(folder.path());
    assert_only_lost(&disk, LEDGER, 250, &(gone..behind).collect::<Vec<_>>());
    append_flushed(&mut disk, LEDGER, 1);
    drop(disk);
    fs::remove_file(folder.path().join(format!("journal/ledger/{:020}.seg", 0))).unwrap();
    let disk = open(folder.path());
    let first = disk.verify(LEDGER).damaged.remove(0);
    assert_eq!(first.first, 0);
}

/// A frame that was not flushed, with its last bytes zeroed or cut off, at every length.
#[test]
fn a_torn_tail_is_cut_kept_aside_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = open(folder.path());
    append_flushed(&mut disk, LEDGER, 7);
    let mut kept = 0;
    for cut in [9, 40, 77, 200] {
        let next = disk.next_ordinal(LEDGER);
        disk.append(LEDGER, next, FrameKind::Entry, &[0xB5; 300]).unwrap();
        let place = disk.place_of(LEDGER, next).unwrap();
        drop(disk);
        let path = folder.path().join(&place.file);
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        let from = place.offset + place.bytes - cut;
        file.write_all_at(&vec![0; usize::try_from(cut).unwrap()], from).unwrap();
        if cut == 77 {
            file.set_len(from).unwrap();
        }
        disk = open(folder.path());
        let torn = disk.recovered(LEDGER).torn.clone().expect("the tail is torn");
        assert_eq!((torn.first, torn.last), (next, next), "{torn:?}");
        kept += 1;
        let aside = files(folder.path(), &format!("torn-ledger-{next}"));
        assert_eq!(aside.len(), 1, "{aside:?}");
        let bytes = fs::read(folder.path().join(&aside[0])).unwrap();
        assert_eq!(bytes[24..100], [0xB5; 76], "the bytes are kept");
        assert_eq!(disk.next_ordinal(LEDGER), next, "nobody was told, so the number is free");
        assert_only_lost(&disk, LEDGER, next, &[]);
        append_flushed(&mut disk, LEDGER, 1);
        drop(disk);
        disk = open(folder.path());
        assert_eq!(disk.recovered(LEDGER).torn, None, "it is reported once");
        assert_only_lost(&disk, LEDGER, next + 1, &[]);
    }
    assert_eq!(files(folder.path(), "torn-").len(), kept);
}

#[test]
fn after_an_orderly_stop_a_changed_tail_is_damage_not_a_torn_write() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = open(folder.path());
    append_flushed(&mut disk, LEDGER, 3);
    disk.append(LEDGER, 3, FrameKind::Closed, b"good night").unwrap();
    disk.flush(LEDGER).unwrap();
    let place = disk.place_of(LEDGER, 3).unwrap();
    drop(disk);
    alter(&folder.path().join(&place.file), place.offset + place.bytes + 3, |_| 0x40);
    let mut disk = open(folder.path());
    assert_eq!(disk.recovered(LEDGER).torn, None);
    let damaged = &disk.recovered(LEDGER).damaged;
    assert_eq!(damaged.iter().map(|d| (d.first, d.last)).collect::<Vec<_>>(), [(4, 4)]);
    assert_eq!(disk.next_ordinal(LEDGER), 5, "its number is not used again");
    append_flushed(&mut disk, LEDGER, 1);
    assert_eq!(disk.read(LEDGER, 5).unwrap().payload, body(5));
}

/// What several unflushed frames leave after a power cut, in any combination of sectors, is a
/// prefix of them: never a hole, never an alarm.
#[test]
fn any_subset_of_unflushed_sectors_leaves_a_prefix_and_no_alarm() {
    for subset in 0..=255_u64 {
        let mut disk = MemoryStorage::new(options(SEGMENT)).unwrap();
        append_flushed(&mut disk, LEDGER, 5);
        for _ in 0..4 {
            append(&mut disk, LEDGER).unwrap();
        }
        disk.crash(Crash { files: Keep::Sectors(subset), map_batches: 0 }).unwrap();
        let next = disk.next_ordinal(LEDGER);
        assert!((5..=9).contains(&next), "flushed frames stay: {next}");
        assert_eq!(disk.recovered(LEDGER).damaged, [], "nothing acknowledged is damaged: {subset}");
        assert_only_lost(&disk, LEDGER, next, &[]);
        append_flushed(&mut disk, LEDGER, 3);
        disk.crash(Crash::POWER_CUT).unwrap();
        assert_only_lost(&disk, LEDGER, next + 3, &[]);
    }
}

#[test]
fn the_simulated_disk_names_flipped_bits_as_the_real_one_does() {
    let mut disk = MemoryStorage::new(options(SEGMENT)).unwrap();
    append_flushed(&mut disk, LEDGER, 80);
    let mut seeded = Seeded(7);
    for _ in 0..50 {
        let victim = seeded.below(80);
        let place = disk.place_of(LEDGER, victim).unwrap();
        let (offset, bit) = (place.offset + seeded.below(place.bytes), 3);
        assert!(disk.disk().flip_bit(&place.file, offset, bit));
        disk.crash(Crash::POWER_CUT).unwrap();
        assert_only_lost(&disk, LEDGER, 80, &[victim]);
        assert!(disk.disk().flip_bit(&place.file, offset, bit));
        assert!(disk.disk().flip_bit(&place.file.replace(".seg", ".idx"), 5, 1) || victim > 40);
        disk.crash(Crash::POWER_CUT).unwrap();
        assert_only_lost(&disk, LEDGER, 80, &[]);
    }
}

#[test]
fn a_second_program_on_the_same_folder_is_refused_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let disk = open(folder.path());
    let error = FileStorage::open(folder.path(), Options::default()).unwrap_err();
    let OpenError::InUse { pid, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*pid, Some(std::process::id()));
    let text = error.to_string();
    assert!(text.starts_with("another till program (process "), "{text}");
    drop(disk);
    open(folder.path()).close();
}

#[test]
fn a_journal_of_a_newer_version_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = open(folder.path());
    append_flushed(&mut disk, LEDGER, 2);
    let (path, _) = disk.segments(LEDGER).remove(0);
    drop(disk);
    let path = folder.path().join(path);
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 2;
    let crc = crc32c::crc32c(&bytes[..60]);
    bytes[60..64].copy_from_slice(&crc.to_le_bytes());
    fs::write(&path, &bytes).unwrap();
    let error = FileStorage::open(folder.path(), Options::default()).unwrap_err();
    assert!(error.to_string().contains("newer version"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_frame_in_the_wrong_place_is_not_taken_for_the_right_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = open(folder.path());
    for ordinal in 0..10 {
        disk.append(LEDGER, ordinal, FrameKind::Entry, &[u8::try_from(ordinal).unwrap() + 1; 80])
            .unwrap();
        disk.flush(LEDGER).unwrap();
    }
    let (from, to) = (disk.place_of(LEDGER, 3).unwrap(), disk.place_of(LEDGER, 7).unwrap());
    drop(disk);
    let path = folder.path().join(&from.file);
    let mut bytes = fs::read(&path).unwrap();
    let at = |offset: u64| usize::try_from(offset).unwrap();
    bytes.copy_within(at(from.offset)..at(from.offset + from.bytes), at(to.offset));
    fs::write(&path, bytes).unwrap();
    let disk = open(folder.path());
    assert!(matches!(disk.read(LEDGER, 7), Err(StorageError::Damaged(_))));
    assert_eq!(disk.read(LEDGER, 8).unwrap().payload, [9; 80]);
    assert_eq!(disk.verify(LEDGER).frames, 9);
}
