//! What the core asks of a disk: three append-only streams of frames, one ordered map of what can
//! be rebuilt, and a few small files. `memory` and `store` implement it; one conformance suite
//! holds for both.

use thiserror::Error;

use crate::limits::{MAP_BATCH_CHANGES_MAX, MAP_KEY_BYTES_MAX, MAP_VALUE_BYTES_MAX};

/// An append-only stream of frames, each in segment files of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// This device's Ledger feeds: sales, payments, shifts. What makes a sale durable.
    OwnLedger,
    /// This device's Floor feeds: open carts. Flushed in the background.
    OwnFloor,
    /// Everybody else's entries, so that catch-up never stands in the way of a sale.
    Others,
}

impl Stream {
    /// All streams.
    pub const ALL: [Self; 3] = [Self::OwnLedger, Self::OwnFloor, Self::Others];

    /// Short name, used for folders and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OwnLedger => "ledger",
            Self::OwnFloor => "floor",
            Self::Others => "others",
        }
    }
}

/// Number of a frame in its stream, from 0, without gaps. Never used again once it was flushed: that
/// of a frame that was cut as unfinished is.
pub type Ordinal = u64;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FrameKind {
    /// A signed entry.
    Entry,
    /// What the till needs to go on selling, so that start-up never reads further back.
    Resume,
    /// Written by an orderly stop: everything before it was flushed.
    Closed,
}

/// One frame as read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its number.
    pub ordinal: Ordinal,
    /// What it holds.
    pub kind: FrameKind,
    /// Its bytes, checked against their checksum.
    pub payload: Vec<u8>,
}

/// A run of frames that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Damage {
    /// The stream.
    pub stream: Stream,
    /// First frame that is unreadable.
    pub first: Ordinal,
    /// Last frame that is unreadable.
    pub last: Ordinal,
    /// Where: segment file name and byte offset, for a person with a hex editor.
    pub place: String,
    /// What is wrong, in words.
    pub reason: String,
}

/// What a scan meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scanned {
    /// A good frame.
    Frame(Frame),
    /// Frames that cannot be read; the scan goes on behind them.
    Damaged(Damage),
}

/// What opening found at the end of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovered {
    /// A torn tail: bytes of an unfinished write that were cut (kept aside in a file), or `None`.
    /// Nobody was told that these frames are written; their numbers are used again.
    pub torn: Option<Damage>,
    /// Damage met in the last segment, before its good end.
    pub damaged: Vec<Damage>,
}

/// Why the disk did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StorageError {
    /// No space is left.
    #[error("the disk is full ({0}): free some space, then go on")]
    Full(String),
    /// A flush failed. What was written since the last good one may be lost; nothing more may be
    /// written before the folder is opened again.
    #[error("the disk did not confirm a write ({0}): writing has stopped, restart the till")]
    FlushFailed(String),
    /// Writing was stopped by an earlier error.
    #[error("writing has stopped after an earlier disk error: restart the till")]
    Stopped,
    /// The frame is there, but altered.
    #[error("{} entry {} is damaged ({})", .0.stream.name(), .0.first, .0.reason)]
    Damaged(Damage),
    /// There is no such frame.
    #[error("{stream:?} has no frame {ordinal}")]
    NoSuchFrame {
        /// The stream.
        stream: Stream,
        /// The frame that was asked for.
        ordinal: Ordinal,
    },
    /// The map cannot be used; it has to be rebuilt.
    #[error("the index is unusable ({0}) and has to be rebuilt")]
    MapBroken(String),
    /// Longer than `limits` allows.
    #[error("{what} of {bytes} bytes is over the limit of {limit}")]
    TooLong {
        /// What is too long.
        what: &'static str,
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Anything else the operating system said.
    #[error("the disk failed: {0}")]
    Io(String),
}

/// Changes to the map that happen together or not at all. Later changes of a key win.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// Key and new value; `None` removes the key. Sorted by key, each key once.
    pub changes: std::collections::BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl Batch {
    /// Refuses what is over the limits, before anything is changed.
    pub fn check(&self) -> Result<(), StorageError> {
        let within = |what, bytes, limit| {
            if bytes > limit {
                return Err(StorageError::TooLong { what, bytes, limit });
            }
            Ok(())
        };
        within("the number of changes", self.changes.len(), MAP_BATCH_CHANGES_MAX)?;
        for (key, value) in &self.changes {
            within("a key", key.len(), MAP_KEY_BYTES_MAX)?;
            within("a value", value.as_ref().map_or(0, Vec::len), MAP_VALUE_BYTES_MAX)?;
        }
        Ok(())
    }
}

/// How much room there is for new work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// Enough.
    Ample,
    /// What is preallocated is all there is: finish what is open, begin nothing new.
    Scarce,
}

/// Keys and their values.
pub type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// Reads, which the core may make while it handles an input.
pub trait Reads {
    /// Number the next frame of `stream` will get.
    fn next_ordinal(&self, stream: Stream) -> Ordinal;

    /// First frame of the newest segment of `stream` that still is `back` segments before the
    /// last one (`0` = the last); `None` when there are not so many.
    fn segment_start(&self, stream: Stream, back: usize) -> Option<Ordinal>;

    /// One frame.
    fn read(&self, stream: Stream, ordinal: Ordinal) -> Result<Frame, StorageError>;

    /// Frames from `from` on, in order, until their payloads exceed `bytes` (at least one is
    /// returned if there is one). Damage is reported in place. Empty at the end of the stream.
    fn scan(
        &self,
        stream: Stream,
        from: Ordinal,
        bytes: usize,
    ) -> Result<Vec<Scanned>, StorageError>;

    /// What opening found at the end of `stream`.
    fn recovered(&self, stream: Stream) -> &Recovered;

    /// The value of a key of the map.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError>;

    /// Keys that begin with `prefix`, in order, after `after` (exclusive) if given, at most
    /// `limit` of them.
    fn list(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Pairs, StorageError>;
}

/// A disk.
pub trait Storage: Reads {
    /// Appends a frame; it is durable only after [`Storage::flush`]. `ordinal` must be
    /// [`Reads::next_ordinal`]: the caller and the disk keep count together.
    fn append(
        &mut self,
        stream: Stream,
        ordinal: Ordinal,
        kind: FrameKind,
        payload: &[u8],
    ) -> Result<(), StorageError>;

    /// Makes everything appended to `stream` durable, with one `fdatasync`. After an error the
    /// stream takes nothing more: an fsync is never retried.
    fn flush(&mut self, stream: Stream) -> Result<(), StorageError>;

    /// Applies a batch to the map: all or nothing. Not durable by itself; what it holds can be
    /// rebuilt from the streams.
    fn commit(&mut self, batch: &Batch) -> Result<(), StorageError>;

    /// Empties the map, so that it can be rebuilt. Works on a broken map.
    fn reset_map(&mut self) -> Result<(), StorageError>;

    /// A small file, or `None`.
    fn small_file(&self, name: &str) -> Result<Option<Vec<u8>>, StorageError>;

    /// Replaces a small file: write new, fsync, rename, fsync the directory.
    fn put_small_file(&mut self, name: &str, bytes: &[u8]) -> Result<(), StorageError>;

    /// Whether new work may begin. Checks (and if possible extends) what is preallocated.
    fn room(&mut self) -> Room;

    /// Whether entries of other devices with these payload lengths find room. Gets it ready if it
    /// can, and never takes what is kept for sales.
    fn has_room_for_others(&mut self, payloads: &[usize]) -> bool;
}
