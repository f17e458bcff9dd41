//! Where the entries of each feed are in the journal, by sequence number: what a peer has missed is
//! read from there.
//!
//! One row of the map names the places of `ENTRIES_PER_ROW` numbers, so that there are few rows and
//! one that is filled is never touched again:
//!
//! ```text
//! w feed, seq / 64 as u64        seq % 64 u8 | stream u8 | ordinal u64, once an entry
//! ```

use super::entry::{Entry, EntryId};
use super::identity::FeedId;
use super::keys;
use super::replica::Replica;
use crate::limits;
use crate::storage::{Damage, Ordinal, Reads, StorageError, Stream};

/// Sequence numbers of one row.
const ENTRIES_PER_ROW: u64 = 64;
/// Bytes of one place in a row.
const PLACE_BYTES: usize = 10;

/// Where an entry of a feed is.
pub(crate) type Place = (Stream, Ordinal);

/// Whether `seq` is the last number of its row: the next ones are in another.
pub(crate) const fn ends_row(seq: u64) -> bool {
    seq % ENTRIES_PER_ROW == ENTRIES_PER_ROW - 1
}

fn row_of(feed: FeedId, seq: u64) -> (Vec<u8>, u8) {
    let slot = u8::try_from(seq % ENTRIES_PER_ROW).unwrap_or(0);
    (keys::feed_places(feed, seq / ENTRIES_PER_ROW), slot)
}

fn encode(slot: u8, (stream, ordinal): Place) -> [u8; PLACE_BYTES] {
    let mut bytes = [0; PLACE_BYTES];
    let (head, tail) = bytes.split_at_mut(2);
    head.copy_from_slice(&[slot, keys::stream_tag(stream)]);
    tail.copy_from_slice(&ordinal.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<(u8, Place)> {
    let (slot, rest) = bytes.split_first()?;
    let (tag, ordinal) = rest.split_first()?;
    let ordinal = Ordinal::from_le_bytes(ordinal.try_into().ok()?);
    Some((*slot, (keys::stream_of_tag(*tag)?, ordinal)))
}

impl Replica {
    /// Remembers where entry `seq` of a feed is. A forked feed has several under one number.
    pub(super) fn note_place(
        &mut self,
        reads: &dyn Reads,
        feed: FeedId,
        seq: u64,
        place: Place,
    ) -> Result<(), StorageError> {
        let (key, slot) = row_of(feed, seq);
        let mut row = self.overlay.get(reads, &key)?.unwrap_or_default();
        let place = encode(slot, place);
        let known = row.chunks_exact(PLACE_BYTES).any(|held| held == place);
        // Only a device that forks itself on purpose fills a row; what is beyond is held and
        // counted all the same, but nobody gets it from here.
        if !known && row.len() < limits::PLACES_PER_ROW_MAX * PLACE_BYTES {
            row.extend_from_slice(&place);
            self.overlay.put(key, row);
        }
        Ok(())
    }

    /// The places of a feed's entries from `from` on, by sequence number: those of one row of the
    /// map, so at least one if there is one in it. Empty at the end of the feed.
    pub(crate) fn places_from(
        &self,
        reads: &dyn Reads,
        feed: FeedId,
        from: u64,
    ) -> Result<Vec<(u64, Place)>, StorageError> {
        let (key, first) = row_of(feed, from);
        let row = self.overlay.get(reads, &key)?.unwrap_or_default();
        let base = from.saturating_sub(u64::from(first));
        let mut places: Vec<(u64, Place)> = row
            .chunks_exact(PLACE_BYTES)
            .filter_map(decode)
            .filter(|(slot, _)| *slot >= first)
            .map(|(slot, place)| (base.saturating_add(u64::from(slot)), place))
            .collect();
        places.sort_unstable();
        Ok(places)
    }

    /// Whether the entry `id` is folded and has number `seq` in its feed.
    pub(crate) fn holds_at(
        &self,
        reads: &dyn Reads,
        feed: FeedId,
        seq: u64,
        id: EntryId,
    ) -> Result<bool, StorageError> {
        Ok(matches!(self.look_at(reads, feed, seq, id)?, Looked::Held))
    }

    /// Looks for the entry `id` at number `seq` of its feed.
    pub(super) fn look_at(
        &self,
        reads: &dyn Reads,
        feed: FeedId,
        seq: u64,
        id: EntryId,
    ) -> Result<Looked, StorageError> {
        let places = self.places_from(reads, feed, seq)?;
        let mut here = places.into_iter().take_while(|(held, _)| *held == seq).peekable();
        if here.peek().is_none() {
            return Ok(Looked::NotHeld);
        }
        if let Some(place) = self.overlay.get(reads, &keys::entry(id))? {
            let place = keys::parse_place(&place);
            let is_here = here.any(|(_, held)| Some(held) == place);
            return Ok(if is_here { Looked::Held } else { Looked::NotHeld });
        }
        let mut unreadable = None;
        for (_, (stream, ordinal)) in here {
            match self.frame(reads, stream, ordinal) {
                Ok(frame) if Entry::decode(&frame.payload).is_ok_and(|entry| entry.id() == id) => {
                    return Ok(Looked::Held);
                }
                Ok(_) | Err(StorageError::NoSuchFrame { .. }) => {}
                Err(StorageError::Damaged(damage)) => unreadable = Some(damage),
                Err(other) => return Err(other),
            }
        }
        Ok(unreadable.map_or(Looked::NotHeld, Looked::Unreadable))
    }
}

/// What stands where an entry would be.
#[derive(Debug)]
pub(super) enum Looked {
    /// The entry.
    Held,
    /// Nothing, or others of a forked feed.
    NotHeld,
    /// What was folded and cannot be read any more: nobody can tell whether it was this one.
    Unreadable(Damage),
}
