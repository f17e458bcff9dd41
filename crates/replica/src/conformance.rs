//! What every [`Storage`] must do, in checks that run on any of them: the simulated disk is held to
//! the same promises as the real one.
//!
//! Each check begins with an empty disk from a [`Bench`] and returns the first promise that is not
//! kept, in words. [`run_all`] runs them all.

use std::collections::BTreeMap;

use crate::limits::{
    FRAME_BYTES_MAX, MAP_KEY_BYTES_MAX, MAP_VALUE_BYTES_MAX, SMALL_FILE_BYTES_MAX,
};
use crate::storage::{
    Batch, Frame, FrameKind, Ordinal, Reads, Room, Scanned, Storage, StorageError, Stream,
};

/// Makes disks and stops them.
pub trait Bench {
    /// The disk under test.
    type Disk: Storage;

    /// An empty one, with segments of about `segment_bytes`.
    fn empty(&mut self, segment_bytes: u64) -> Result<Self::Disk, String>;

    /// The same disk after its program was stopped without warning and started again. Where the
    /// bench can, what was not flushed is lost.
    fn restart(&mut self, disk: Self::Disk) -> Result<Self::Disk, String>;
}

/// Segments small enough that a handful of frames fills one.
const SMALL_SEGMENT: u64 = 2048;

type Check<B> = fn(&mut B) -> Result<(), String>;

/// Runs every check; the first broken promise ends it.
pub fn run_all<B: Bench>(bench: &mut B) -> Result<(), String> {
    let checks: [(&str, Check<B>); 11] = [
        ("ordinals", ordinals_count_from_zero_in_each_stream),
        ("reading", frames_come_back_as_they_were_put_in),
        ("paging", a_scan_ends_within_its_bytes_and_goes_on),
        ("segments", segments_roll_and_everything_stays_readable),
        ("long frames", a_frame_longer_than_a_segment_fits),
        ("limits", what_is_too_long_is_refused_and_changes_nothing),
        ("flush", what_was_flushed_is_there_after_a_restart),
        ("map", the_map_lists_in_order_and_by_prefix),
        ("batches", a_batch_happens_as_a_whole),
        ("reset", a_map_that_was_reset_is_empty_and_works),
        ("small files", small_files_are_replaced_as_a_whole),
    ];
    for (name, check) in checks {
        check(bench).map_err(|broken| format!("{name}: {broken}"))?;
    }
    Ok(())
}

fn ensure(holds: bool, promise: impl Into<String>) -> Result<(), String> {
    if holds { Ok(()) } else { Err(promise.into()) }
}

#[expect(clippy::needless_pass_by_value, reason = "used as a function in map_err")]
fn said(error: StorageError) -> String {
    error.to_string()
}

/// A payload that tells which frame it belongs to.
fn payload(ordinal: Ordinal, bytes: usize) -> Vec<u8> {
    let mut out = format!("frame {ordinal} ").into_bytes();
    let fill = u8::try_from(ordinal % 251).unwrap_or(0);
    out.resize(bytes.max(out.len()), fill);
    out
}

fn append<S: Storage>(disk: &mut S, stream: Stream, count: u64) -> Result<(), String> {
    for _ in 0..count {
        let ordinal = disk.next_ordinal(stream);
        let bytes = payload(ordinal, usize::try_from(ordinal * 37 % 300).unwrap_or(0));
        disk.append(stream, ordinal, FrameKind::Entry, &bytes).map_err(said)?;
    }
    Ok(())
}

fn scan_all<S: Reads>(disk: &S, stream: Stream, page: usize) -> Result<Vec<Frame>, String> {
    let mut all = Vec::new();
    let mut from = 0;
    loop {
        let found = disk.scan(stream, from, page).map_err(said)?;
        if found.is_empty() {
            return Ok(all);
        }
        for scanned in found {
            match scanned {
                Scanned::Frame(frame) => {
                    from = frame.ordinal + 1;
                    all.push(frame);
                }
                Scanned::Damaged(damage) => return Err(format!("damage: {damage:?}")),
            }
        }
    }
}

fn ensure_has<S: Reads>(disk: &S, stream: Stream, count: u64) -> Result<(), String> {
    let frames = scan_all(disk, stream, 1000)?;
    ensure(frames.len() as u64 == count, format!("{} of {count} frames", frames.len()))?;
    for (expected, frame) in (0..).zip(&frames) {
        let bytes = payload(expected, usize::try_from(expected * 37 % 300).unwrap_or(0));
        ensure(frame.ordinal == expected, "a scan goes in order")?;
        ensure(frame.payload == bytes, format!("frame {expected} is as it was written"))?;
        let read = disk.read(stream, expected).map_err(said)?;
        ensure(read == *frame, format!("read and scan agree on frame {expected}"))?;
    }
    Ok(())
}

/// Each stream counts for itself, and only the next number is taken.
pub fn ordinals_count_from_zero_in_each_stream<B: Bench>(bench: &mut B) -> Result<(), String> {
    let mut disk = bench.empty(SMALL_SEGMENT)?;
    for stream in Stream::ALL {
        ensure(disk.next_ordinal(stream) == 0, "an empty stream begins with 0")?;
        ensure(disk.scan(stream, 0, 1000) == Ok(Vec::new()), "an empty stream has no frames")?;
    }
    append(&mut disk, Stream::OwnFloor, 3)?;
    ensure(disk.next_ordinal(Stream::OwnFloor) == 3, "three frames were counted")?;
    ensure(disk.next_ordinal(Stream::OwnLedger) == 0, "streams count for themselves")?;
    for wrong in [2, 4] {
        let answer = disk.append(Stream::OwnFloor, wrong, FrameKind::Entry, b"x");
        ensure(answer.is_err(), format!("frame {wrong} is refused where 3 is next"))?;
    }
    append(&mut disk, Stream::OwnFloor, 1)?;
    ensure_has(&disk, Stream::OwnFloor, 4)
}

/// Kind and bytes survive; what is not there is said to be not there.
pub fn frames_come_back_as_they_were_put_in<B: Bench>(bench: &mut B) -> Result<(), String> {
    let mut disk = bench.empty(SMALL_SEGMENT)?;
    let kinds = [FrameKind::Entry, FrameKind::Resume, FrameKind::Closed];
    let bodies: [&[u8]; 3] = [b"", &[0; 100], b"TMF1 is only a word inside a payload"];
    for (ordinal, (kind, body)) in (0..).zip(kinds.into_iter().zip(bodies)) {
        disk.append(Stream::OwnLedger, ordinal, kind, body).map_err(said)?;
        let frame = disk.read(Stream::OwnLedger, ordinal).map_err(said)?;
        let expected = Frame { ordinal, kind, payload: body.to_vec() };
        ensure(frame == expected, "a frame is readable before it is flushed")?;
    }
    let beyond = disk.read(Stream::OwnLedger, 3);
    let answer = StorageError::NoSuchFrame { stream: Stream::OwnLedger, ordinal: 3 };
    ensure(beyond == Err(answer), "frame 3 of 3 is not there")
}

/// Pages are bounded, hold at least one frame, and together hold everything.
pub fn a_scan_ends_within_its_bytes_and_goes_on<B: Bench>(bench: &mut B) -> Result<(), String> {
    let mut disk = bench.empty(SMALL_SEGMENT)?;
    append(&mut disk, Stream::Others, 40)?;
    for page in [0, 1, 299, 300, 5000] {
        ensure(scan_all(&disk, Stream::Others, page)?.len() == 40, "pages miss nothing")?;
        let found = disk.scan(Stream::Others, 7, page).map_err(said)?;
        let bytes: usize = found
            .iter()
            .map(|scanned| match scanned {
                Scanned::Frame(frame) => frame.payload.len(),
                Scanned::Damaged(_) => 0,
            })
            .sum();
        ensure(found.len() == 1 || bytes <= page, format!("a page of {page} has {bytes} bytes"))?;
    }
    ensure(disk.scan(Stream::Others, 40, 9) == Ok(Vec::new()), "behind the end is nothing")
}

/// Small segments, many frames, several restarts.
pub fn segments_roll_and_everything_stays_readable<B: Bench>(bench: &mut B) -> Result<(), String> {
    let mut disk = bench.empty(SMALL_SEGMENT)?;
    for round in 1..=4 {
        append(&mut disk, Stream::OwnLedger, 50)?;
        disk.flush(Stream::OwnLedger).map_err(said)?;
        ensure_has(&disk, Stream::OwnLedger, round * 50)?;
        disk = bench.restart(disk)?;
        ensure(disk.next_ordinal(Stream::OwnLedger) == round * 50, "counting goes on")?;
        ensure_has(&disk, Stream::OwnLedger, round * 50)?;
    }
    let starts: Vec<_> = (0..).map_while(|n| disk.segment_start(Stream::OwnLedger, n)).collect();
    ensure(starts.len() > 5, "two hundred frames fill several small segments")?;
    ensure(starts.is_sorted_by(|a, b| a > b), "segments begin later and later")?;
    ensure(starts.last() == Some(&0), "the first segment begins with 0")?;
    ensure(disk.room() == Room::Ample, "an empty disk has room")
}

/// The longest frame there may be fits, whatever the size of a segment.
pub fn a_frame_longer_than_a_segment_fits<B: Bench>(bench: &mut B) -> Result<(), String> {
    let mut disk = bench.empty(SMALL_SEGMENT)?;
    let bodies: Vec<_> = [10, FRAME_BYTES_MAX, 3000, 10].map(|n| payload(n as u64, n)).into();
    for (ordinal, body) in (0..).zip(&bodies) {
        disk.append(Stream::OwnFloor, ordinal, FrameKind::Entry, body).map_err(said)?;
    }
    disk.flush(Stream::OwnFloor).map_err(said)?;
    disk = bench.restart(disk)?;
    for (ordinal, body) in (0..).zip(&bodies) {
        let frame = disk.read(Stream::OwnFloor, ordinal).map_err(said)?;
        ensure(frame.payload == *body, format!("frame {ordinal} is as it was written"))?;
    }
    Ok(())
}

/// Limits are checked first.
pub fn what_is_too_long_is_refused_and_changes_nothing<B: Bench>(
    bench: &mut B,
) -> Result<(), String> {
    let too_long = |answer: Result<(), StorageError>, what: &str| {
        let is_refused = matches!(answer, Err(StorageError::TooLong { .. }));
        ensure(is_refused, format!("{what} that is too long is refused as such"))
    };
    let mut disk = bench.empty(SMALL_SEGMENT)?;
    let long = vec![1; FRAME_BYTES_MAX + 1];
    too_long(disk.append(Stream::OwnLedger, 0, FrameKind::Entry, &long), "a frame")?;
    ensure(disk.next_ordinal(Stream::OwnLedger) == 0, "nothing was appended")?;
    too_long(disk.put_small_file("big", &vec![1; SMALL_FILE_BYTES_MAX + 1]), "a small file")?;
    ensure(disk.small_file("big") == Ok(None), "no file was written")?;
    let key = vec![b'k'; MAP_KEY_BYTES_MAX + 1];
    let value = vec![1; MAP_VALUE_BYTES_MAX + 1];
    too_long(disk.commit(&batch([("a", Some("1"))], [(key, vec![])])), "a key")?;
    too_long(disk.commit(&batch([("a", Some("1"))], [(b"v".to_vec(), value)])), "a value")?;
    ensure(disk.get(b"a") == Ok(None), "nothing of a refused batch happens")?;
    let key = vec![b'k'; MAP_KEY_BYTES_MAX];
    let value = vec![1; MAP_VALUE_BYTES_MAX];
    disk.commit(&batch([], [(key.clone(), value.clone())])).map_err(said)?;
    ensure(disk.get(&key) == Ok(Some(value)), "what is just within the limits is kept")
}

/// Flushed is flushed; and what was not flushed leaves no hole and no half frame.
pub fn what_was_flushed_is_there_after_a_restart<B: Bench>(bench: &mut B) -> Result<(), String> {
    let mut disk = bench.empty(SMALL_SEGMENT)?;
    let mut flushed = BTreeMap::new();
    for round in 0..6 {
        for stream in Stream::ALL {
            append(&mut disk, stream, 9)?;
            disk.flush(stream).map_err(said)?;
            flushed.insert(stream, disk.next_ordinal(stream));
            append(&mut disk, stream, round)?;
        }
        disk = bench.restart(disk)?;
        for stream in Stream::ALL {
            let next = disk.next_ordinal(stream);
            let least = flushed.get(&stream).copied().unwrap_or_default();
            ensure(next >= least, format!("{stream:?} lost flushed frames: {next} < {least}"))?;
            ensure_has(&disk, stream, next)?;
            ensure(disk.recovered(stream).damaged.is_empty(), "a restart damages nothing")?;
        }
    }
    Ok(())
}

fn batch<const N: usize, const M: usize>(
    texts: [(&str, Option<&str>); N],
    bytes: [(Vec<u8>, Vec<u8>); M],
) -> Batch {
    let texts = texts
        .into_iter()
        .map(|(key, value)| (key.as_bytes().to_vec(), value.map(|text| text.as_bytes().to_vec())));
    let bytes = bytes.into_iter().map(|(key, value)| (key, Some(value)));
    Batch { changes: texts.chain(bytes).collect() }
}

/// Order is that of the bytes; `after` is exclusive.
pub fn the_map_lists_in_order_and_by_prefix<B: Bench>(bench: &mut B) -> Result<(), String> {
    let mut disk = bench.empty(SMALL_SEGMENT)?;
    let all = ["a", "b", "b/1", "b/10", "b/2", "b0", "c"];
    for key in all.iter().rev() {
        disk.commit(&batch([(key, Some(key))], [])).map_err(said)?;
    }
    let list = |prefix: &str, after: Option<&str>, limit| -> Result<Vec<String>, String> {
        let after = after.map(str::as_bytes);
        let found = disk.list(prefix.as_bytes(), after, limit).map_err(said)?;
        ensure(found.iter().all(|(key, value)| key == value), "values belong to their keys")?;
        Ok(found.iter().map(|(key, _)| String::from_utf8_lossy(key).into_owned()).collect())
    };
    ensure(list("", None, 99)? == all, "an empty prefix lists everything, in order")?;
    ensure(list("b/", None, 99)? == ["b/1", "b/10", "b/2"], "a prefix bounds the list")?;
    ensure(list("b/", None, 2)? == ["b/1", "b/10"], "the limit bounds the list")?;
    ensure(list("b/", Some("b/10"), 99)? == ["b/2"], "after is exclusive")?;
    ensure(list("b/", Some("b/11"), 99)? == ["b/2"], "after need not be a key")?;
    ensure(list("b/", Some("a"), 99)? == ["b/1", "b/10", "b/2"], "after may lie before")?;
    ensure(list("b/", Some("c"), 99)?.is_empty(), "after may lie behind")?;
    ensure(list("b/", None, 0)?.is_empty(), "a limit of 0 lists nothing")
}

/// All of a batch, removals too; an empty value is not a missing one.
pub fn a_batch_happens_as_a_whole<B: Bench>(bench: &mut B) -> Result<(), String> {
    let mut disk = bench.empty(SMALL_SEGMENT)?;
    disk.commit(&batch([("x", Some("1")), ("y", Some("1")), ("e", Some(""))], [])).map_err(said)?;
    disk.commit(&batch([("x", None), ("y", Some("2")), ("none", None)], [])).map_err(said)?;
    ensure(disk.get(b"x") == Ok(None), "what was removed is gone")?;
    ensure(disk.get(b"y") == Ok(Some(b"2".to_vec())), "a later batch wins")?;
    ensure(disk.get(b"e") == Ok(Some(Vec::new())), "an empty value is a value")?;
    disk.commit(&Batch::default()).map_err(said)?;
    // The map may lose its last batches in a restart, but never a part of one.
    for round in 0..20_u8 {
        let pairs = ["l", "r"].map(|key| (key.as_bytes().to_vec(), vec![round]));
        disk.commit(&batch([], pairs)).map_err(said)?;
        if round % 5 == 4 {
            disk = bench.restart(disk)?;
            let (left, right) = (disk.get(b"l"), disk.get(b"r"));
            ensure(left == right && left.is_ok(), "two keys of one batch change together")?;
        }
    }
    Ok(())
}

/// Resetting always leads to a map that works.
pub fn a_map_that_was_reset_is_empty_and_works<B: Bench>(bench: &mut B) -> Result<(), String> {
    let mut disk = bench.empty(SMALL_SEGMENT)?;
    append(&mut disk, Stream::OwnLedger, 2)?;
    for round in ["1", "2", "3", "4"] {
        disk.commit(&batch([("k", Some(round))], [])).map_err(said)?;
        disk.reset_map().map_err(said)?;
        ensure(disk.list(b"", None, 9) == Ok(Vec::new()), "a reset map is empty")?;
        disk.commit(&batch([("k", Some(round))], [])).map_err(said)?;
        let value = Some(round.as_bytes().to_vec());
        ensure(disk.get(b"k") == Ok(value), "a reset map takes changes")?;
    }
    ensure_has(&disk, Stream::OwnLedger, 2)
}

/// The new content or the old one; names are narrow.
pub fn small_files_are_replaced_as_a_whole<B: Bench>(bench: &mut B) -> Result<(), String> {
    let mut disk = bench.empty(SMALL_SEGMENT)?;
    ensure(disk.small_file("device.key") == Ok(None), "a file that is not there is None")?;
    for bytes in [&b"first"[..], b"", &[7; 9000]] {
        disk.put_small_file("device.key", bytes).map_err(said)?;
        ensure(disk.small_file("device.key") == Ok(Some(bytes.to_vec())), "it is replaced")?;
        disk = bench.restart(disk)?;
        ensure(disk.small_file("device.key") == Ok(Some(bytes.to_vec())), "it is durable")?;
    }
    for name in ["", "..", ".hidden", "a/b", "Upper", "tilde~", "nul\0", "ä"] {
        ensure(disk.put_small_file(name, b"x").is_err(), format!("{name:?} is no file name"))?;
        ensure(disk.small_file(name).is_err(), format!("{name:?} is no file name to read"))?;
    }
    let long = disk.put_small_file(&"n".repeat(500), b"x");
    ensure(matches!(long, Err(StorageError::TooLong { .. })), "a name of 500 bytes is too long")
}
