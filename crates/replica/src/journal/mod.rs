//! The journal: three streams of frames in preallocated segment files, on any [`disk::Disk`].
//!
//! ```text
//! journal/ledger/00000000000000000000.seg   closed, with its index
//!                00000000000000000000.idx
//!                00000000000000016211.seg   the current one
//!                next.seg                   preallocated, becomes the next one
//! journal/floor/…  journal/others/…         likewise
//! torn-ledger-16240.bin                     what an unfinished write left, cut at start-up
//! files/…                                   small files
//! ```
//!
//! `frame` and `walk` are pure; `log` writes, `recover` opens, `read` reads. Nothing here knows the
//! operating system: `store` brings the real files, `memory` simulated ones.

pub mod disk;
pub mod faults;
pub mod frame;
pub(crate) mod log;
mod read;
mod recover;
pub(crate) mod segment;
pub mod small;
pub mod walk;

pub use read::{Place, StreamReport};
pub use segment::{FORMAT_VERSION, SEGMENT_HEADER_BYTES};

use crate::journal::disk::Disk;
use crate::journal::log::Log;
use crate::limits::{RESERVE_BYTES, SEGMENT_BYTES};
use crate::storage::{Frame, FrameKind, Ordinal, Recovered, Room, Scanned, StorageError, Stream};

/// Sizes of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    segment_bytes: u64,
    reserve_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self::new(SEGMENT_BYTES, RESERVE_BYTES)
    }
}

impl Options {
    /// Segments of `segment_bytes` (on a small disk less, down to twice the reserve), of which
    /// `reserve_bytes` (at most half a segment) are kept for finishing what is open.
    pub fn new(segment_bytes: u64, reserve_bytes: u64) -> Self {
        let least = 2 * SEGMENT_HEADER_BYTES as u64;
        let segment_bytes = segment_bytes.clamp(least, segment::SEGMENT_BYTES_MAX / 2);
        Self { segment_bytes, reserve_bytes: reserve_bytes.min(segment_bytes / 2) }
    }

    /// Bytes of a segment file.
    pub const fn segment_bytes(&self) -> u64 {
        self.segment_bytes
    }

    /// Bytes kept for finishing what is open.
    pub const fn reserve_bytes(&self) -> u64 {
        self.reserve_bytes
    }
}

/// The three streams on one disk.
#[derive(Debug)]
pub struct Journal<D: Disk> {
    disk: D,
    ledger: Log<D>,
    floor: Log<D>,
    others: Log<D>,
}

impl<D: Disk> Journal<D> {
    /// Opens the journal, or begins one.
    pub fn open(disk: D, options: Options) -> Result<Self, StorageError> {
        Ok(Self {
            ledger: Log::open(&disk, Stream::OwnLedger, options)?,
            floor: Log::open(&disk, Stream::OwnFloor, options)?,
            others: Log::open(&disk, Stream::Others, options)?,
            disk,
        })
    }

    /// The disk it is on.
    pub const fn disk(&self) -> &D {
        &self.disk
    }

    const fn log(&self, stream: Stream) -> &Log<D> {
        match stream {
            Stream::OwnLedger => &self.ledger,
            Stream::OwnFloor => &self.floor,
            Stream::Others => &self.others,
        }
    }

    const fn parts(&mut self, stream: Stream) -> (&D, &mut Log<D>) {
        let log = match stream {
            Stream::OwnLedger => &mut self.ledger,
            Stream::OwnFloor => &mut self.floor,
            Stream::Others => &mut self.others,
        };
        (&self.disk, log)
    }

    /// See [`crate::storage::Reads::next_ordinal`].
    pub const fn next_ordinal(&self, stream: Stream) -> Ordinal {
        self.log(stream).next
    }

    /// See [`crate::storage::Reads::segment_start`].
    pub fn segment_start(&self, stream: Stream, back: usize) -> Option<Ordinal> {
        self.log(stream).firsts.iter().rev().nth(back).copied()
    }

    /// See [`crate::storage::Reads::read`].
    pub fn read(&self, stream: Stream, ordinal: Ordinal) -> Result<Frame, StorageError> {
        self.log(stream).read(&self.disk, ordinal)
    }

    /// See [`crate::storage::Reads::scan`].
    pub fn scan(&self, stream: Stream, from: Ordinal, bytes: usize) -> Vec<Scanned> {
        self.log(stream).scan(&self.disk, from, bytes)
    }

    /// See [`crate::storage::Storage::append`].
    pub fn append(
        &mut self,
        stream: Stream,
        ordinal: Ordinal,
        kind: FrameKind,
        payload: &[u8],
    ) -> Result<(), StorageError> {
        let (disk, log) = self.parts(stream);
        log.append(disk, ordinal, kind, payload)
    }

    /// See [`crate::storage::Storage::flush`].
    pub fn flush(&mut self, stream: Stream) -> Result<(), StorageError> {
        self.parts(stream).1.flush()
    }

    /// See [`crate::storage::Storage::room`]: the two streams a sale needs decide.
    pub fn room(&mut self) -> Room {
        let (disk, ledger) = self.parts(Stream::OwnLedger);
        let ledger = ledger.has_room(disk);
        let (disk, floor) = self.parts(Stream::OwnFloor);
        let floor = floor.has_room(disk);
        if ledger && floor { Room::Ample } else { Room::Scarce }
    }

    /// See [`crate::storage::Storage::has_room_for_others`].
    pub fn has_room_for_others(&mut self, payloads: &[usize]) -> bool {
        let bytes = payloads.iter().map(|length| frame::frame_bytes(*length) as u64);
        let bytes = bytes.fold(0, u64::saturating_add);
        let (disk, others) = self.parts(Stream::Others);
        others.fits(disk, bytes)
    }

    /// See [`crate::storage::Storage::recovered`].
    pub const fn recovered(&self, stream: Stream) -> &Recovered {
        self.log(stream).recovered()
    }

    /// Reads everything in a stream and compares it with its checksums.
    pub fn verify(&self, stream: Stream) -> StreamReport {
        self.log(stream).verify(&self.disk)
    }

    /// Bytes in use on disk, without what is only preallocated.
    pub fn stream_bytes(&self, stream: Stream) -> u64 {
        self.log(stream).used_bytes(&self.disk)
    }

    /// Where a frame is, for a person with a hex editor; `None` if it is unreadable or not there.
    pub fn place_of(&self, stream: Stream, ordinal: Ordinal) -> Option<Place> {
        self.log(stream).place_of(&self.disk, ordinal)
    }

    /// Segment files of a stream in order, with their bytes in use.
    pub fn segments(&self, stream: Stream) -> Vec<(String, u64)> {
        self.log(stream).segments(&self.disk)
    }
}
