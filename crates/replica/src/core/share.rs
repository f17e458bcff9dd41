//! What others may have: runs of entries that are on disk, read back for a peer.

use std::collections::{BTreeMap, BTreeSet};

use pos_core::ids::DeviceId;

use super::digest::Digest;
use super::durable::Durable;
use super::entry::{Entry, EntryId, Lane, Links};
use super::feeds::FeedState;
use super::identity::FeedId;
use super::ingest::IngestError;
use super::places;
use super::replica::Replica;
use crate::limits;
use crate::simulation::{self, Canary};
use crate::storage::{Damage, FrameKind, Reads, StorageError, Stream};

/// Entries of one feed, each following the one before: what a peer takes in as one window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The feed.
    pub feed: FeedId,
    /// Their bytes, in order. They are on this disk: nothing else may be sent.
    pub entries: Durable<Vec<Vec<u8>>>,
    /// Number of the last one.
    pub last: u64,
    /// Where to read on.
    pub next: Cursor,
    /// Bytes of all.
    pub bytes: usize,
}

/// Where reading a feed goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// Next number.
    pub seq: u64,
    /// Entries of that number that were read already: a forked feed has several.
    pub skip: usize,
}

impl Cursor {
    /// The beginning of a feed.
    pub const START: Self = Self { seq: 1, skip: 0 };

    /// Behind number `seq` of a feed that is not forked.
    pub const fn behind(seq: u64) -> Self {
        Self { seq: seq.saturating_add(1), skip: 0 }
    }
}

/// What one device has written, as a replica holds it: equal digests, equal entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// How many entries, as far as the ends of its feeds tell.
    pub entries: u64,
    /// Of the ends and gaps of all its feeds.
    pub digest: Digest,
    /// Nothing in between is missing.
    pub is_whole: bool,
}

impl Replica {
    /// Entries of `feed` from `from` on, as many as fit into `bytes` (at least one) and as
    /// are on disk. `None` where there is none to give: the end, a gap, or what waits for its flush.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] when the first of them cannot be read any more: see
    /// [`Replica::meet_damage`].
    pub fn run_from(
        &self,
        reads: &dyn Reads,
        feed: FeedId,
        from: Cursor,
        bytes: usize,
    ) -> Result<Option<Run>, StorageError> {
        let mut gathered = Gathered::default();
        let mut next = from;
        'rows: loop {
            let places = self.places_from(reads, feed, next.seq)?;
            let Some(&(last_of_row, _)) = places.last() else { break };
            let mut again = Cursor { skip: 0, ..next };
            for (seq, (stream, ordinal)) in places {
                // Nobody can take in what follows an entry that is missing here.
                if seq > again.seq.saturating_add(u64::from(again.skip > 0)) {
                    break 'rows;
                }
                again = if seq == again.seq { again } else { Cursor { seq, skip: 0 } };
                again.skip += 1;
                if again <= next {
                    continue;
                }
                let durable = self.flushed.get(&stream).is_some_and(|&upto| ordinal < upto)
                    || simulation::is(Canary::SendBeforeDurable);
                if !durable || gathered.is_full(bytes) {
                    break 'rows;
                }
                let frame = match reads.read(stream, ordinal) {
                    Ok(frame) if frame.kind == FrameKind::Entry => frame,
                    Err(StorageError::Damaged(damage)) if gathered.entries.is_empty() => {
                        return Err(StorageError::Damaged(damage));
                    }
                    // What came before it goes out first.
                    Ok(_) | Err(StorageError::Damaged(_) | StorageError::NoSuchFrame { .. }) => {
                        break 'rows;
                    }
                    Err(other) => return Err(other),
                };
                let Ok(links) = Entry::links(&frame.payload) else { break 'rows };
                if !gathered.follows(&links.previous) {
                    break 'rows;
                }
                gathered.take(frame.payload, links.id, seq);
                next = again;
            }
            if !places::ends_row(last_of_row) {
                break;
            }
            next = Cursor::behind(last_of_row);
        }
        Ok(gathered.into_run(feed, next))
    }

    /// A frame that the index names cannot be read any more. What it held of another device counts
    /// as missing once all is folded again, and is then fetched from whoever has it: until then this
    /// device would say that it holds what it cannot pass on. Done once for each frame.
    pub fn meet_damage(&mut self, damage: &Damage) {
        let others = damage.stream == Stream::Others;
        let busy = self.rebuild.is_some() || self.stopped.is_some();
        if others && !busy && self.unreadable.insert(damage.first) {
            self.begin_rebuild("an entry on the disk cannot be read any more".to_owned());
        }
    }

    /// The end of this device's feed of a lane in its present life, durable or not.
    pub fn own_end(&self, lane: Lane) -> Option<(FeedId, u64)> {
        let incarnation = self.life?;
        let end = self.ends.get(&lane)?;
        Some((FeedId { device: self.device, incarnation, lane }, end.seq))
    }

    /// The ends and gaps of a feed.
    pub fn feed_state(&self, feed: &FeedId) -> Option<&FeedState> {
        self.feeds.get(feed)
    }

    /// The feeds of one device.
    pub fn feeds_of(&self, device: DeviceId) -> impl Iterator<Item = (&FeedId, &FeedState)> {
        self.feeds.of(device)
    }

    /// What each device has written, as held here.
    pub fn held_by_device(&self) -> BTreeMap<DeviceId, Held> {
        self.authors().map(|device| (device, self.held_of(device))).collect()
    }

    /// The devices that have written what is held here.
    pub fn authors(&self) -> impl Iterator<Item = DeviceId> {
        self.feeds.devices()
    }

    /// What one device has written, as held here.
    pub fn held_of(&self, device: DeviceId) -> Held {
        self.feeds.held(device, || self.work_out_held(device))
    }

    fn work_out_held(&self, device: DeviceId) -> Held {
        let mut hasher = blake3::Hasher::new_derive_key("tillmesh held of a device v1");
        let mut entries = 0_u64;
        let mut is_whole = true;
        for (feed, state) in self.feeds.of(device) {
            hasher.update(&feed.to_key());
            hasher.update(&state.encode());
            is_whole &= state.missing.is_empty();
            let ends: u64 = state.heads.iter().map(|(seq, _)| *seq).fold(0, u64::saturating_add);
            let gaps: u64 = state.missing.iter().map(|(seq, _)| *seq).fold(0, u64::saturating_add);
            entries = entries.saturating_add(ends.saturating_sub(gaps));
        }
        Held { entries, digest: Digest::of(&hasher), is_whole }
    }

    /// Whether entry `id` is held as number `seq` of `feed`.
    pub fn has_entry(
        &self,
        reads: &dyn Reads,
        feed: FeedId,
        seq: u64,
        id: EntryId,
    ) -> Result<bool, StorageError> {
        self.holds_at(reads, feed, seq, id)
    }

    /// Who wrote a window, and whether it follows what is held: its first entry begins a feed, or
    /// the one before it is here.
    pub fn connects(
        &self,
        reads: &dyn Reads,
        window: &[&[u8]],
    ) -> Result<(DeviceId, bool), IngestError> {
        let limit = limits::WINDOW_ENTRIES_MAX;
        let first = window.first().ok_or(IngestError::WindowSize { found: 0, limit })?;
        let links = Entry::links(first)
            .map_err(|error| IngestError::Malformed { index: 0, error: error.into() })?;
        let Links { feed, seq, previous, .. } = links;
        let before = seq.saturating_sub(1);
        let connects = before == 0
            || self.feeds.ends_with(&feed, before, previous)
            || self.holds_at(reads, feed, before, previous)?;
        Ok((feed.device, connects))
    }

    /// Feeds that have grown since the last call.
    pub fn take_grown(&mut self) -> BTreeSet<FeedId> {
        self.feeds.take_grown()
    }
}

/// A run that is being read.
#[derive(Debug, Default)]
struct Gathered {
    entries: Vec<Vec<u8>>,
    head: Option<EntryId>,
    last: u64,
    bytes: usize,
}

impl Gathered {
    fn is_full(&self, bytes: usize) -> bool {
        self.bytes >= bytes || self.entries.len() >= limits::WINDOW_ENTRIES_MAX
    }

    fn follows(&self, previous: &EntryId) -> bool {
        self.head.is_none_or(|head| head == *previous)
    }

    fn take(&mut self, payload: Vec<u8>, id: EntryId, seq: u64) {
        self.bytes = self.bytes.saturating_add(payload.len());
        self.entries.push(payload);
        self.head = Some(id);
        self.last = seq;
    }

    fn into_run(self, feed: FeedId, next: Cursor) -> Option<Run> {
        let Self { entries, last, bytes, .. } = self;
        (!entries.is_empty()).then(|| Run {
            feed,
            entries: Durable::confirmed(entries),
            last,
            next,
            bytes,
        })
    }
}
