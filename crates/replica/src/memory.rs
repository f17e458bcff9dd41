//! A disk in memory, for tests and simulations: the same journal code and the same bytes as the real
//! one, on [`MemoryDisk`]. It loses what was not flushed when told to ([`MemoryStorage::crash`]),
//! fails when told to ([`MemoryStorage::faults`]), and does nothing by itself: the same calls give
//! the same bytes.

mod disk;

pub use disk::{Keep, MemoryDisk, MemoryFile};

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::journal::faults::{Failure, Faults, FaultyDisk, Op};
use crate::journal::{Journal, Options, Place, StreamReport, small};
use crate::storage::{
    Batch, Frame, FrameKind, Ordinal, Pairs, Reads, Recovered, Room, Scanned, Storage,
    StorageError, Stream,
};

/// Batches of the map that a power cut may still take back.
const MAP_PENDING_MAX: usize = 64;

/// What a crash leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crash {
    /// Of what was written to files.
    pub files: Keep,
    /// How many of the map's last batches survive, at most, counted from the oldest that was not
    /// flushed yet: the map is flushed when it likes, in order.
    pub map_batches: usize,
}

impl Crash {
    /// The power fails, and nothing survives that was not flushed.
    pub const POWER_CUT: Self = Self { files: Keep::Nothing, map_batches: 0 };
    /// The program is killed; the operating system keeps what it was given.
    pub const KILL: Self = Self { files: Keep::Everything, map_batches: usize::MAX };
}

/// A disk in memory.
#[derive(Debug)]
pub struct MemoryStorage {
    disk: FaultyDisk<MemoryDisk>,
    options: Options,
    journal: Journal<FaultyDisk<MemoryDisk>>,
    /// The map with all batches.
    map: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The map without those of `map_pending`.
    map_safe: BTreeMap<Vec<u8>, Vec<u8>>,
    map_pending: Vec<Batch>,
    map_broken: Option<String>,
}

impl MemoryStorage {
    /// An empty disk with room for everything.
    pub fn new(options: Options) -> Result<Self, StorageError> {
        Self::on(MemoryDisk::default(), options)
    }

    /// What is on this disk, with an empty map.
    pub fn on(disk: MemoryDisk, options: Options) -> Result<Self, StorageError> {
        let disk = FaultyDisk::new(disk, Faults::default());
        small::open(&disk)?;
        Ok(Self {
            journal: Journal::open(disk.clone(), options)?,
            disk,
            options,
            map: BTreeMap::new(),
            map_safe: BTreeMap::new(),
            map_pending: Vec::new(),
            map_broken: None,
        })
    }

    /// Stops at once and opens what is left again. When this fails the disk is as it was found; call
    /// again, with [`Crash::KILL`], to try once more.
    pub fn crash(&mut self, crash: Crash) -> Result<(), StorageError> {
        self.disk.inner().cut_power(crash.files);
        let pending = std::mem::take(&mut self.map_pending);
        for batch in pending.iter().take(crash.map_batches) {
            apply(&mut self.map_safe, batch);
        }
        self.map = self.map_safe.clone();
        self.journal = Journal::open(self.disk.clone(), self.options)?;
        Ok(())
    }

    /// Another disk with the same content, down to what is not flushed: an image of this one.
    pub fn image(&self) -> Result<Self, StorageError> {
        let mut image = Self::on(self.disk.inner().image(), self.options)?;
        image.map.clone_from(&self.map);
        image.map_safe.clone_from(&self.map_safe);
        image.map_pending.clone_from(&self.map_pending);
        image.map_broken.clone_from(&self.map_broken);
        Ok(image)
    }

    /// What is to fail.
    pub const fn faults(&self) -> &Faults {
        self.disk.faults()
    }

    /// The next call of this kind fails.
    pub fn fail_next(&self, op: Op, failure: Failure) {
        self.faults().fail_next(op, failure);
    }

    /// The files.
    pub const fn disk(&self) -> &MemoryDisk {
        self.disk.inner()
    }

    /// Nothing more fits on the disk.
    pub fn fill(&self) {
        self.disk().fill();
    }

    /// There is room again.
    pub fn free(&self) {
        self.disk().free();
    }

    /// Alters one bit of a stream; `offset` counts the bytes in use over all its segments. False if
    /// there are not so many.
    pub fn flip_bit(&self, stream: Stream, offset: u64, bit: u8) -> bool {
        let mut left = offset;
        for (path, used) in self.journal.segments(stream) {
            if left < used {
                return self.disk().flip_bit(&path, left, bit);
            }
            left -= used;
        }
        false
    }

    /// The map cannot be used any more, until it is reset.
    pub fn break_map(&mut self, why: &str) {
        self.map_broken = Some(why.to_owned());
    }

    /// See [`Journal::verify`].
    pub fn verify(&self, stream: Stream) -> StreamReport {
        self.journal.verify(stream)
    }

    /// See [`Journal::place_of`].
    pub fn place_of(&self, stream: Stream, ordinal: Ordinal) -> Option<Place> {
        self.journal.place_of(stream, ordinal)
    }

    /// See [`Journal::stream_bytes`].
    pub fn stream_bytes(&self, stream: Stream) -> u64 {
        self.journal.stream_bytes(stream)
    }

    fn check_map(&self) -> Result<(), StorageError> {
        match &self.map_broken {
            Some(why) => Err(StorageError::MapBroken(why.clone())),
            None => Ok(()),
        }
    }
}

fn apply(map: &mut BTreeMap<Vec<u8>, Vec<u8>>, batch: &Batch) {
    for (key, value) in &batch.changes {
        match value {
            Some(value) => drop(map.insert(key.clone(), value.clone())),
            None => drop(map.remove(key)),
        }
    }
}

impl Reads for MemoryStorage {
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
        self.check_map()?;
        Ok(self.map.get(key).cloned())
    }

    fn list(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Pairs, StorageError> {
        self.check_map()?;
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let all = self.map.range::<[u8], _>((from, Bound::Unbounded));
        Ok(all
            .take_while(|(key, _)| key.starts_with(prefix))
            .take(limit)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }
}

impl Storage for MemoryStorage {
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
        self.check_map()?;
        batch.check()?;
        apply(&mut self.map, batch);
        self.map_pending.push(batch.clone());
        if self.map_pending.len() > MAP_PENDING_MAX {
            apply(&mut self.map_safe, &self.map_pending.remove(0));
        }
        Ok(())
    }

    fn reset_map(&mut self) -> Result<(), StorageError> {
        self.map.clear();
        self.map_safe.clear();
        self.map_pending.clear();
        self.map_broken = None;
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
