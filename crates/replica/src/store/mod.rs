//! The real disk: the journal on real files, the map in a guarded sled, one process per folder.
//!
//! ```text
//! lock                 held by the process that has the folder open, with its number in it
//! journal/             the streams (see `journal`): the truth
//! files/               small files
//! torn-*.bin           what unfinished writes left
//! index/               the map: can be rebuilt from the journal
//! index.opening        while the map is being opened
//! index.broken-<n>     maps that were set aside, the last two
//! ```

mod lock;
mod map;
mod os_disk;

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

pub use map::{MapState, is_guarding};
pub use os_disk::{OsDisk, OsFile};

use crate::journal::disk::Disk;
use crate::journal::{self, Journal, Place, StreamReport, small};
use crate::storage::{
    Batch, Frame, FrameKind, Ordinal, Pairs, Reads, Recovered, Room, Scanned, Storage,
    StorageError, Stream,
};
use lock::{Lock, LockError};
use map::Map;

/// Sizes of a [`FileStorage`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Of the journal.
    pub journal: journal::Options,
    /// Memory the map may use for its cache, in bytes.
    pub map_cache_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { journal: journal::Options::default(), map_cache_bytes: 32 << 20 }
    }
}

/// Why a till's folder could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another program has it open.
    #[error(
        "another till program{} already works in the folder {}: close that one first, or choose \
         another folder",
        .pid.map_or_else(String::new, |pid| format!(" (process {pid})")),
        .folder.display()
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// The other program's number, if it left one.
        pid: Option<u32>,
    },
    /// The folder cannot be made or used.
    #[error(
        "the folder {} cannot be used ({error}): check that it exists and that you may write in it",
        .folder.display()
    )]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the operating system said.
        error: std::io::Error,
    },
    /// The journal in it cannot be opened.
    #[error("the journal in {} cannot be opened: {error}", .folder.display())]
    Journal {
        /// The folder.
        folder: PathBuf,
        /// Why.
        error: StorageError,
    },
}

/// A till's folder. Dropping it flushes nothing and lets go of the folder.
#[derive(Debug)]
pub struct FileStorage<D: Disk = OsDisk> {
    journal: Journal<D>,
    map: Map,
    // Last: the folder is let go of when everything else is closed.
    _lock: Lock,
}

impl FileStorage {
    /// Opens a folder, or begins one. Damage never keeps it from opening: it is reported by
    /// [`Storage::recovered`], and a map that cannot be used is begun anew
    /// ([`FileStorage::map_state`]).
    pub fn open(folder: &Path, options: Options) -> Result<Self, OpenError> {
        Self::open_on(folder, options, |disk| disk)
    }
}

impl<D: Disk> FileStorage<D> {
    /// As [`FileStorage::open`], with something between the journal and the real files: tests make
    /// calls fail with it.
    pub fn open_on(
        folder: &Path,
        options: Options,
        wrap: impl FnOnce(OsDisk) -> D,
    ) -> Result<Self, OpenError> {
        let named = |error| OpenError::Folder { folder: folder.to_owned(), error };
        if !folder.is_dir() {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true).mode(0o700).create(folder).map_err(named)?;
            if let Some(above) = folder.canonicalize().map_err(named)?.parent() {
                os_disk::sync_folder(above).map_err(named)?;
            }
        }
        let lock = Lock::take(folder).map_err(|error| match error {
            LockError::Taken(pid) => OpenError::InUse { folder: folder.to_owned(), pid },
            LockError::Io(error) => named(error),
        })?;
        let disk = wrap(OsDisk::new(folder));
        let journal = small::open(&disk)
            .map_err(StorageError::from)
            .and_then(|()| Journal::open(disk, options.journal))
            .map_err(|error| OpenError::Journal { folder: folder.to_owned(), error })?;
        let map = Map::open(folder, options.map_cache_bytes);
        Ok(Self { journal, map, _lock: lock })
    }

    /// How the map was found, or what became of it.
    pub const fn map_state(&self) -> &MapState {
        self.map.state()
    }

    /// Reads everything in a stream, closed segments too, and compares it with its checksums.
    pub fn verify(&self, stream: Stream) -> StreamReport {
        self.journal.verify(stream)
    }

    /// Bytes of a stream in use on disk, without what is only preallocated.
    pub fn stream_bytes(&self, stream: Stream) -> u64 {
        self.journal.stream_bytes(stream)
    }

    /// Where a frame is, for a person with a hex editor; `None` if it is unreadable or not there.
    pub fn place_of(&self, stream: Stream, ordinal: Ordinal) -> Option<Place> {
        self.journal.place_of(stream, ordinal)
    }

    /// Segment files of a stream in order, with their bytes in use.
    pub fn segments(&self, stream: Stream) -> Vec<(String, u64)> {
        self.journal.segments(stream)
    }

    /// Lets go of the folder. What was not flushed may be lost, as by dropping it.
    pub fn close(self) {}
}

impl<D: Disk> Reads for FileStorage<D> {
    fn recovered(&self, stream: Stream) -> &Recovered {
        self.journal.recovered(stream)
    }

    fn next_ordinal(&self, stream: Stream) -> Ordinal {
        self.journal.next_ordinal(stream)
    }

    fn segment_start(&self, stream: Stream, back: usize) -> Option<Ordinal> {
        self.journal.segment_start(stream, back)
    }

    fn read(&self, stream: Stream, ordinal: Ordinal) -> Result<Frame, StorageError> {
        self.journal.read(stream, ordinal)
    }

    fn scan(
        &self,
        stream: Stream,
        from: Ordinal,
        bytes: usize,
    ) -> Result<Vec<Scanned>, StorageError> {
        Ok(self.journal.scan(stream, from, bytes))
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        self.map.get(key)
    }

    fn list(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Pairs, StorageError> {
        self.map.list(prefix, after, limit)
    }
}

impl<D: Disk> Storage for FileStorage<D> {
    fn append(
        &mut self,
        stream: Stream,
        ordinal: Ordinal,
        kind: FrameKind,
        payload: &[u8],
    ) -> Result<(), StorageError> {
        self.journal.append(stream, ordinal, kind, payload)
    }

    fn flush(&mut self, stream: Stream) -> Result<(), StorageError> {
        self.journal.flush(stream)
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StorageError> {
        self.map.commit(batch)
    }

    fn reset_map(&mut self) -> Result<(), StorageError> {
        self.map.reset();
        Ok(())
    }

    fn small_file(&self, name: &str) -> Result<Option<Vec<u8>>, StorageError> {
        small::get(self.journal.disk(), name)
    }

    fn put_small_file(&mut self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        small::put(self.journal.disk(), name, bytes)
    }

    fn room(&mut self) -> Room {
        self.journal.room()
    }

    fn has_room_for_others(&mut self, payloads: &[usize]) -> bool {
        self.journal.has_room_for_others(payloads)
    }
}
