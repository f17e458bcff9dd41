//! Arbitrary bytes as journal files.

use std::sync::Arc;

use replica::journal::{Journal, Options};
use replica::storage::{FrameKind, Scanned, Stream};

use crate::crash::disk::{Files, TracedDisk};

const SEGMENT_BYTES: u64 = 4096;
const FIRST: &str = "journal/ledger/00000000000000000000.seg";
const NEXT: &str = "journal/ledger/next.seg";
const SECOND: &str = "journal/ledger/00000000000000000003.seg";
const INDEX: &str = "journal/ledger/00000000000000000000.idx";

fn options() -> Options {
    Options::new(SEGMENT_BYTES, SEGMENT_BYTES / 4)
}

/// The first byte says which files there are and whether the rest is a file or a list of changes to
/// a good one. Whatever it is: opening does not panic, what is read was written whole, and the journal takes
/// frames again and has them after the next opening.
pub(super) fn recovery(input: &[u8]) {
    let Some((how, rest)) = input.split_first() else { return };
    let base = if how & 1 == 0 { rest.to_vec() } else { changed(good(), rest) };
    let mut files = Files::default();
    let mut put = |path: &str, bytes: Vec<u8>| {
        let id = files.contents.len() as u64 + 1;
        files.contents.insert(id, Arc::new(bytes));
        files.names.insert(path.to_owned(), id);
    };
    if how & 2 != 0 {
        put(NEXT, rest.to_vec());
    }
    if how & 4 != 0 {
        put(SECOND, base.clone());
    }
    if how & 8 != 0 {
        put(INDEX, rest.to_vec());
    }
    put(FIRST, base);
    open_and_write_on(TracedDisk::on(files));
}

fn open_and_write_on(disk: TracedDisk) {
    let Ok(mut journal) = Journal::open(disk.clone(), options()) else { return };
    for stream in Stream::ALL {
        drop(journal.verify(stream));
        let mut next = 0;
        while next < journal.next_ordinal(stream) {
            let page = journal.scan(stream, next, 1 << 16);
            assert!(!page.is_empty(), "a scan goes on to the end");
            for found in page {
                let last = match found {
                    Scanned::Frame(frame) => frame.ordinal,
                    Scanned::Damaged(damage) => damage.last,
                };
                assert!(last >= next, "a scan goes forward");
                next = last.saturating_add(1);
            }
            // A number as high as an altered frame claims it is not counted up to.
            if next > 1 << 20 {
                return;
            }
        }
    }
    let next = journal.next_ordinal(Stream::OwnLedger);
    let wrote = journal
        .append(Stream::OwnLedger, next, FrameKind::Entry, b"after all this")
        .and_then(|()| journal.flush(Stream::OwnLedger));
    if wrote.is_err() {
        return;
    }
    drop(journal);
    let again = Journal::open(disk, options());
    assert!(again.is_ok(), "what was opened once opens again: {:?}", again.err());
    let Ok(journal) = again else { return };
    let read = journal.read(Stream::OwnLedger, next).map(|frame| frame.payload);
    assert_eq!(read.as_deref(), Ok(&b"after all this"[..]), "what was flushed is there");
}

/// A segment with some frames.
fn good() -> Vec<u8> {
    let disk = TracedDisk::default();
    let Ok(mut journal) = Journal::open(disk.clone(), options()) else { return Vec::new() };
    for (ordinal, bytes) in [(0, 40), (1, 700), (2, 5), (3, 300)] {
        let payload = vec![0x61; bytes];
        drop(journal.append(Stream::OwnLedger, ordinal, FrameKind::Entry, &payload));
        if ordinal == 1 {
            drop(journal.flush(Stream::OwnLedger));
        }
    }
    let files = disk.files();
    let content = files.names.get(FIRST).and_then(|id| files.contents.get(id));
    content.map(|content| content.to_vec()).unwrap_or_default()
}

/// Each three bytes of `changes`: a place, and what stands there from now on.
fn changed(mut bytes: Vec<u8>, changes: &[u8]) -> Vec<u8> {
    for change in changes.chunks_exact(3) {
        let [high, low, value] = change else { continue };
        let at = usize::from(u16::from_be_bytes([*high, *low]));
        let length = bytes.len().max(1);
        if let Some(byte) = bytes.get_mut(at % length) {
            *byte = *value;
        }
    }
    bytes
}

pub(super) fn recovery_seeds() -> Vec<Vec<u8>> {
    let whole = good();
    let mut seeds = vec![vec![1], vec![3], vec![5, 0, 90, 7], vec![15, 2, 0, 0]];
    seeds.push([&[0][..], &whole].concat());
    seeds.push([&[4][..], whole.get(..1500).unwrap_or_default()].concat());
    seeds
}
