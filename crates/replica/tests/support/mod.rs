//! What the storage tests share.
#![expect(clippy::unwrap_used, clippy::panic, unreachable_pub, reason = "helpers of tests")]

use replica::journal;
use replica::storage::{Frame, FrameKind, Ordinal, Reads, Scanned, Storage, StorageError, Stream};

/// A small seeded generator (splitmix64, Steele, Lea and Flood 2014).
pub struct Seeded(pub u64);

impl Seeded {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

pub fn options(segment_bytes: u64) -> journal::Options {
    journal::Options::new(segment_bytes, segment_bytes / 4)
}

/// Bytes without zeros, as signatures and hashes have few.
pub fn body(ordinal: Ordinal) -> Vec<u8> {
    let mut seeded = Seeded(ordinal);
    let bytes = 20 + seeded.below(400);
    let filler = (0..bytes).map(|_| 1 + u8::try_from(seeded.below(255)).unwrap());
    ordinal.to_le_bytes().into_iter().chain(filler).collect()
}

pub fn append<S: Storage>(disk: &mut S, stream: Stream) -> Result<Ordinal, StorageError> {
    let ordinal = disk.next_ordinal(stream);
    disk.append(stream, ordinal, FrameKind::Entry, &body(ordinal))?;
    Ok(ordinal)
}

pub fn append_flushed<S: Storage>(disk: &mut S, stream: Stream, count: u64) {
    for _ in 0..count {
        append(disk, stream).unwrap();
        disk.flush(stream).unwrap();
    }
}

pub fn scan<S: Reads>(disk: &S, stream: Stream) -> Vec<Scanned> {
    let mut all = Vec::new();
    let mut from = 0;
    loop {
        let page = disk.scan(stream, from, 3000).unwrap();
        if page.is_empty() {
            return all;
        }
        for scanned in page {
            from = 1 + match &scanned {
                Scanned::Frame(frame) => frame.ordinal,
                Scanned::Damaged(damage) => damage.last,
            };
            all.push(scanned);
        }
    }
}

/// Asserts that exactly the frames `lost` are damaged and all others are as they were written.
pub fn assert_only_lost<S: Reads>(disk: &S, stream: Stream, next: Ordinal, lost: &[Ordinal]) {
    let mut named = Vec::new();
    let mut expected = 0;
    for scanned in scan(disk, stream) {
        match scanned {
            Scanned::Frame(Frame { ordinal, payload, .. }) => {
                assert_eq!(ordinal, expected, "in order");
                assert_eq!(payload, body(ordinal), "frame {ordinal} is as it was written");
                expected = ordinal + 1;
            }
            Scanned::Damaged(damage) => {
                assert_eq!(damage.first, expected, "in order: {damage:?}");
                named.extend(damage.first..=damage.last);
                expected = damage.last + 1;
            }
        }
    }
    assert_eq!(expected, next, "everything is accounted for");
    assert_eq!(named, lost, "exactly the altered frames are named");
    for ordinal in lost {
        match disk.read(stream, *ordinal) {
            Err(StorageError::Damaged(damage)) => {
                assert!(damage.first <= *ordinal && *ordinal <= damage.last);
            }
            other => panic!("reading damaged frame {ordinal} gave {other:?}"),
        }
    }
}
