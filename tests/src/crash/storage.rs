//! The journal and a map, on any [`Disk`], as the till sees them: what [`super::check`] opens images
//! with. The map's batches are events of the trace like the writes to files.

use std::collections::BTreeMap;
use std::ops::Bound;

use replica::journal::disk::Disk;
use replica::journal::{Journal, Options, StreamReport, small};
use replica::storage::{
    Batch, Frame, FrameKind, Ordinal, Pairs, Reads, Recovered, Room, Scanned, Storage,
    StorageError, Stream,
};

use super::disk::{Event, Trace};

/// Keys and values.
pub type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// A till's disk: a journal on `D`, a map in memory.
#[derive(Debug)]
pub struct TillDisk<D: Disk> {
    disk: D,
    journal: Journal<D>,
    map: Map,
    trace: Trace,
}

impl<D: Disk + Clone> TillDisk<D> {
    /// Opens what is there.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open(disk: D, options: Options, map: Map, trace: Trace) -> Result<Self, StorageError> {
        small::open(&disk)?;
        let journal = Journal::open(disk.clone(), options)?;
        Ok(Self { disk, journal, map, trace })
    }
}

impl<D: Disk> TillDisk<D> {
    /// The disk below.
    pub const fn disk(&self) -> &D {
        &self.disk
    }

    /// What was done to it.
    pub const fn trace(&self) -> &Trace {
        &self.trace
    }

    /// The map with all its batches.
    pub const fn map(&self) -> &Map {
        &self.map
    }

    /// See [`Journal::verify`].
    pub fn verify(&self, stream: Stream) -> StreamReport {
        self.journal.verify(stream)
    }
}

/// Applies a batch to a map.
pub fn apply(map: &mut Map, batch: &Batch) {
    for (key, value) in &batch.changes {
        match value {
            Some(value) => drop(map.insert(key.clone(), value.clone())),
            None => drop(map.remove(key)),
        }
    }
}

impl<D: Disk> Reads for TillDisk<D> {
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

    fn recovered(&self, stream: Stream) -> &Recovered {
        self.journal.recovered(stream)
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.map.get(key).cloned())
    }

    fn list(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Pairs, StorageError> {
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let found = self.map.range::<[u8], _>((from, Bound::Unbounded));
        let found = found.take_while(|(key, _)| key.starts_with(prefix)).take(limit);
        Ok(found.map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}

impl<D: Disk> Storage for TillDisk<D> {
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
        batch.check()?;
        apply(&mut self.map, batch);
        self.trace.push(Event::Batch(batch.clone()));
        Ok(())
    }

    fn reset_map(&mut self) -> Result<(), StorageError> {
        self.map.clear();
        self.trace.push(Event::ResetMap);
        Ok(())
    }

    fn small_file(&self, name: &str) -> Result<Option<Vec<u8>>, StorageError> {
        small::get(&self.disk, name)
    }

    fn put_small_file(&mut self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        small::put(&self.disk, name, bytes)
    }

    fn room(&mut self) -> Room {
        self.journal.room()
    }

    fn has_room_for_others(&mut self, payloads: &[usize]) -> bool {
        self.journal.has_room_for_others(payloads)
    }
}
