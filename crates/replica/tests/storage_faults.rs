//! Every call to the disk fails once, one after the other (the way SQLite tests itself): whatever
//! was confirmed stays, and no half frame is ever seen.
#![cfg(feature = "store")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

use replica::journal::disk::Disk;
use replica::journal::faults::{Failure, Faults, FaultyDisk, Op};
use replica::journal::{Journal, Options};
use replica::memory::{Crash, Keep, MemoryDisk, MemoryStorage};
use replica::storage::{FrameKind, Ordinal, Reads, Room, Scanned, Storage, StorageError, Stream};
use replica::store::{FileStorage, OsDisk};
use support::{append, append_flushed, body, options};

const SEGMENT: u64 = 2048;
const FAILURES: [Failure; 6] = [
    Failure::Full { written: 0 },
    Failure::Full { written: 13 },
    Failure::Full { written: 88 },
    Failure::Broken { written: 0 },
    Failure::Broken { written: 13 },
    Failure::Broken { written: 88 },
];

/// Frames of each stream that were confirmed by a flush.
#[derive(Debug, Default, Clone, Copy)]
struct Confirmed([Ordinal; 3]);

fn sizes() -> Options {
    options(SEGMENT)
}

/// Opens, writes into all streams (several segments each), opens again, writes on. A full disk is
/// tried again once; any other error ends it.
fn script<D: Disk + Clone>(
    disk: &D,
    rounds: u64,
    confirmed: &mut Confirmed,
) -> Result<(), StorageError> {
    for _ in 0..2 {
        let mut journal = match Journal::open(disk.clone(), sizes()) {
            Err(StorageError::Full(_)) => Journal::open(disk.clone(), sizes())?,
            other => other?,
        };
        for round in 0..rounds {
            for (stream, confirmed) in Stream::ALL.into_iter().zip(&mut confirmed.0) {
                let frames = if stream == Stream::OwnFloor { round % 4 } else { 2 };
                for _ in 0..frames {
                    let next = journal.next_ordinal(stream);
                    let mut append = || journal.append(stream, next, FrameKind::Entry, &body(next));
                    match append() {
                        Err(StorageError::Full(_)) => append()?,
                        other => other?,
                    }
                }
                journal.flush(stream)?;
                *confirmed = journal.next_ordinal(stream);
            }
            journal.room();
        }
    }
    Ok(())
}

/// Everything confirmed is there, everything there is whole, and nobody is alarmed.
fn check<D: Disk>(journal: &Journal<D>, confirmed: Confirmed, what: &str) {
    for (stream, least) in Stream::ALL.into_iter().zip(confirmed.0) {
        let next = journal.next_ordinal(stream);
        assert!(next >= least, "{what}: {stream:?} has {next} frames, {least} were confirmed");
        assert_eq!(journal.recovered(stream).damaged, [], "{what}");
        let mut seen = 0;
        while seen < next {
            for scanned in journal.scan(stream, seen, 5000) {
                let Scanned::Frame(frame) = scanned else { panic!("{what}: {scanned:?}") };
                assert_eq!((frame.ordinal, frame.payload), (seen, body(seen)), "{what}");
                seen += 1;
            }
        }
    }
}

/// Runs the script with every call failing once in turn; how often that was.
fn fail_each_call<D: Disk + Clone>(
    failure: Failure,
    rounds: u64,
    mut fresh: impl FnMut() -> FaultyDisk<D>,
) -> u64
where
    FaultyDisk<D>: Disk,
{
    for skip in 0.. {
        let disk = fresh();
        disk.faults().fail_after(skip, failure);
        let mut confirmed = Confirmed::default();
        let result = script(&disk, rounds, &mut confirmed);
        let was_met = disk.faults().calls() > skip;
        disk.faults().clear();
        let journal = Journal::open(disk, sizes()).unwrap();
        check(&journal, confirmed, &format!("{failure:?} at call {skip}: {result:?}"));
        if !was_met {
            result.unwrap();
            return skip;
        }
    }
    0
}

#[test]
fn any_call_may_fail_once_and_nothing_confirmed_is_lost() {
    for failure in FAILURES {
        let fresh = || FaultyDisk::new(MemoryDisk::default(), Faults::default());
        assert!(fail_each_call(failure, 8, fresh) > 150, "the script makes enough calls");
    }
}

#[test]
fn on_real_files_any_call_may_fail_once_and_nothing_confirmed_is_lost() {
    for failure in [Failure::Full { written: 13 }, Failure::Broken { written: 88 }] {
        let mut folder = tempfile::tempdir().unwrap();
        let fresh = || {
            folder = tempfile::tempdir().unwrap();
            FaultyDisk::new(OsDisk::new(folder.path()), Faults::default())
        };
        assert!(fail_each_call(failure, 3, fresh) > 50, "the script makes enough calls");
    }
}

#[test]
fn a_power_cut_at_any_call_loses_nothing_confirmed_whatever_sectors_survive() {
    let keeps = [
        Keep::Nothing,
        Keep::Everything,
        Keep::Bytes(600),
        Keep::Sectors(0x9999_9999_9999_9999),
        Keep::Sectors(0x6666_6666_6666_6666),
        Keep::Sectors(0xF0F0_F0F0_F0F0_F0F0),
    ];
    for keep in keeps {
        for written in [0, 13, 400] {
            for skip in 0.. {
                let memory = MemoryDisk::default();
                let disk = FaultyDisk::new(memory.clone(), Faults::default());
                disk.faults().fail_after(skip, Failure::Broken { written });
                let mut confirmed = Confirmed::default();
                let result = script(&disk, 8, &mut confirmed);
                let was_met = disk.faults().calls() > skip;
                disk.faults().clear();
                memory.cut_power(keep);
                let what = format!("{keep:?} at call {skip}: {result:?}");
                check(&Journal::open(disk, sizes()).unwrap(), confirmed, &what);
                if !was_met {
                    break;
                }
            }
        }
    }
}

#[test]
fn a_failed_flush_stops_its_stream_for_good_and_no_other() {
    let mut disk = MemoryStorage::new(sizes()).unwrap();
    append_flushed(&mut disk, Stream::OwnLedger, 2);
    append(&mut disk, Stream::OwnLedger).unwrap();
    disk.fail_next(Op::Sync, Failure::Broken { written: 0 });
    assert!(matches!(disk.flush(Stream::OwnLedger), Err(StorageError::FlushFailed(_))));
    for _ in 0..3 {
        assert_eq!(disk.flush(Stream::OwnLedger), Err(StorageError::Stopped));
        assert_eq!(append(&mut disk, Stream::OwnLedger), Err(StorageError::Stopped));
    }
    assert_eq!(disk.room(), Room::Scarce, "no new sale is begun");
    append_flushed(&mut disk, Stream::Others, 1);
    disk.crash(Crash::POWER_CUT).unwrap();
    append_flushed(&mut disk, Stream::OwnLedger, 1);
}

#[test]
fn a_flush_is_one_fdatasync_and_none_when_nothing_was_appended() {
    let mut disk = MemoryStorage::new(options(1 << 16)).unwrap();
    for frames in [1, 0, 5, 0, 0, 1] {
        for _ in 0..frames {
            append(&mut disk, Stream::OwnLedger).unwrap();
        }
        let before = disk.faults().syncs();
        let calls = disk.faults().calls();
        disk.flush(Stream::OwnLedger).unwrap();
        assert_eq!(disk.faults().syncs() - before, u64::from(frames > 0));
        assert_eq!(disk.faults().calls() - calls, u64::from(frames > 0));
    }
}

#[test]
fn when_the_disk_is_full_the_reserve_is_still_there_and_room_comes_back_by_itself() {
    let mut disk = MemoryStorage::new(Options::new(4096, 1024)).unwrap();
    assert_eq!(disk.room(), Room::Ample);
    disk.fill();
    let mut after_scarce = 0;
    let refused = loop {
        let scarce = disk.room() == Room::Scarce;
        match append(&mut disk, Stream::OwnLedger) {
            Ok(_) => after_scarce += u64::from(scarce),
            Err(error) => break error,
        }
        disk.flush(Stream::OwnLedger).unwrap();
    };
    assert!(matches!(refused, StorageError::Full(_)), "{refused:?}");
    assert!(after_scarce >= 2, "an open sale could be finished: {after_scarce} frames");
    let next = disk.next_ordinal(Stream::OwnLedger);
    assert!(disk.put_small_file("settings", &[1; 100]).is_err());
    append_flushed(&mut disk, Stream::OwnFloor, 1);
    disk.free();
    assert_eq!(disk.room(), Room::Ample);
    append_flushed(&mut disk, Stream::OwnLedger, 20);
    disk.crash(Crash::POWER_CUT).unwrap();
    assert_eq!(disk.next_ordinal(Stream::OwnLedger), next + 20);
    support::assert_only_lost(&disk, Stream::OwnLedger, next + 20, &[]);
}

/// A real file system of 16 MB, mounted for the test.
struct SmallMount(tempfile::TempDir);

impl SmallMount {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().ok()?;
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"]).arg(folder.path());
        mount.output().ok()?.status.success().then_some(Self(folder))
    }
}

impl Drop for SmallMount {
    fn drop(&mut self) {
        let done = std::process::Command::new("umount").arg(self.0.path()).output();
        assert!(done.is_ok_and(|output| output.status.success()), "the mount is taken away");
    }
}

#[test]
fn a_till_on_a_disk_of_16_megabytes_sells_until_it_is_full_and_loses_nothing() {
    let Some(mount) = SmallMount::new() else {
        println!("skipped: a tmpfs cannot be mounted here (not root)");
        return;
    };
    let folder = mount.0.path().join("till");
    let mut disk = FileStorage::open(&folder, replica::store::Options::default()).unwrap();
    assert_eq!(disk.room(), Room::Ample);
    append_flushed(&mut disk, Stream::Others, 3);
    let sale = vec![0x5A; 100_000];
    let mut finished_when_scarce = 0;
    let mut refused = None;
    for _ in 0..400 {
        let scarce = disk.room() == Room::Scarce;
        let next = disk.next_ordinal(Stream::OwnLedger);
        if let Err(error) = disk.append(Stream::OwnLedger, next, FrameKind::Entry, &sale) {
            refused = Some(error);
            break;
        }
        disk.flush(Stream::OwnLedger).unwrap();
        finished_when_scarce += u32::from(scarce);
    }
    assert!(matches!(refused, Some(StorageError::Full(_))), "{refused:?}");
    assert!(finished_when_scarce >= 15, "2 MB were in reserve: {finished_when_scarce}");
    let next = disk.next_ordinal(Stream::OwnLedger);
    drop(disk);

    // Full as it is, the till starts, and has everything.
    let mut disk = FileStorage::open(&folder, replica::store::Options::default()).unwrap();
    assert_eq!(disk.next_ordinal(Stream::OwnLedger), next);
    assert!(disk.verify(Stream::OwnLedger).is_good());
    assert_eq!(disk.room(), Room::Scarce);
    append_flushed(&mut disk, Stream::OwnFloor, 1);
    drop(disk);

    // Somebody makes room.
    std::fs::remove_dir_all(folder.join("journal/others")).unwrap();
    let mut disk = FileStorage::open(&folder, replica::store::Options::default()).unwrap();
    assert_eq!(disk.room(), Room::Ample);
    disk.append(Stream::OwnLedger, next, FrameKind::Entry, &sale).unwrap();
    disk.flush(Stream::OwnLedger).unwrap();
    drop(disk);
}
