//! Disks that alter what was written: a bit of another till's entry, which that till holds as well, or of an
//! own one that others are known to hold.

use replica::core::{Entry, EntryId, FeedId};
use replica::memory::MemoryStorage;
use replica::storage::{FrameKind, Ordinal, Reads, Scanned, Stream};

use super::config::Fault;
use super::site::{Power, Site};
use super::witness::Fact;
use super::world::World;

/// How long before its till went off a sale must have been made to be rotten there, in milliseconds:
/// its published counters have followed it, and the index has both.
const SETTLED_MS: u64 = 10_000;

/// Replicas besides its author that must hold an entry whose author's copy may go bad.
const COPIES: usize = 2;

/// An entry of a journal.
struct Kept {
    ordinal: Ordinal,
    id: EntryId,
    feed: FeedId,
    seq: u64,
}

fn entries_in(disk: &MemoryStorage, stream: Stream) -> Vec<Kept> {
    let from = disk.segment_start(stream, 0).unwrap_or(0);
    let frames = disk.scan(stream, from, usize::MAX).unwrap_or_default();
    let kept = frames.into_iter().filter_map(|item| match item {
        Scanned::Frame(frame) if frame.kind == FrameKind::Entry => {
            let entry = Entry::decode(&frame.payload).ok()?;
            let (feed, seq) = (entry.header().feed, entry.header().seq);
            Some(Kept { ordinal: frame.ordinal, id: entry.id(), feed, seq })
        }
        Scanned::Frame(_) | Scanned::Damaged(_) => None,
    });
    kept.collect()
}

impl World {
    /// Alters a bit of what a till holds of others, which another one holds as well.
    pub(super) fn rot(&mut self) -> bool {
        let running = |one: &Site| one.running().is_some();
        let up: Vec<usize> = (0..self.sites.len())
            .filter(|site| self.sites.get(*site).is_some_and(running))
            .collect();
        let Some(&site) = self.draws.faults.pick(&up) else { return false };
        let draw = self.draws.disk.next_u64();
        let Some(disk) = self.sites.get(site).and_then(Site::running).map(|one| one.node.storage())
        else {
            return false;
        };
        let entries = entries_in(disk, Stream::Others);
        let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        let index = draw.checked_rem(count).and_then(|index| usize::try_from(index).ok());
        let Some(kept) = index.and_then(|index| entries.get(index)) else { return false };
        if self.holders_of(kept, |other, _| other != site) == 0 {
            return false;
        }
        let Some(place) = disk.place_of(Stream::Others, kept.ordinal) else { return false };
        let offset = place.offset + (draw >> 16) % place.bytes;
        let altered =
            disk.disk().flip_bit(&place.file, offset, u8::try_from(draw % 8).unwrap_or(0));
        let id = kept.id;
        if altered {
            if let Some(one) = self.sites.get_mut(site) {
                one.is_rotten = true;
            }
            self.witness.went_bad(id);
            self.note(format_args!("a bit of till {site} flips"));
        }
        altered
    }

    /// While a till is off, a bit of one of its own sales flips that others are known to hold: it finds
    /// that out as it starts, and nothing may be lost.
    pub(super) fn rot_own(&mut self, site: usize) {
        if self.healed || !self.config.has(Fault::OwnRot) || !self.draws.disk.chance(1, 3) {
            return;
        }
        let draw = self.draws.disk.next_u64();
        let Some(one) = self.sites.get(site) else { return };
        let (Power::Off(disk), Some(off_ms)) = (&one.power, one.off_ms) else { return };
        let settled = |own: &Kept| {
            self.witness.seen.get(&own.id).is_some_and(|seen| {
                matches!(seen.what, Fact::Sale { .. }) && seen.at + SETTLED_MS < off_ms
            })
        };
        let device = one.device;
        let mut own = entries_in(disk, Stream::OwnLedger);
        own.retain(|own| own.feed.device == device && settled(own));
        own.retain(|own| self.holders_of(own, |_, holder| holder.device != device) >= COPIES);
        let Some(index) = usize::try_from(draw >> 16).ok().and_then(|n| n.checked_rem(own.len()))
        else {
            return;
        };
        let place = own.get(index).and_then(|own| disk.place_of(Stream::OwnLedger, own.ordinal));
        let Some(place) = place else { return };
        let offset = place.offset + (draw & 0xffff) % place.bytes;
        if !disk.disk().flip_bit(&place.file, offset, u8::try_from(draw % 8).unwrap_or(0)) {
            return;
        }
        let register = one.register.clone();
        // It may have been the last number given.
        self.witness.may_repeat.insert(register);
        if let Some(one) = self.sites.get_mut(site) {
            one.is_rotten = true;
        }
        *self.injected.entry(Fault::OwnRot).or_default() += 1;
        self.note(format_args!("a bit of an own sale of till {site} flips"));
    }

    /// How many of those tills that are on hold an entry.
    fn holders_of(&self, kept: &Kept, among: impl Fn(usize, &Site) -> bool) -> usize {
        let holds = |(site, one): &(usize, &Site)| {
            among(*site, one)
                && one.running().is_some_and(|running| {
                    let (replica, disk) = (running.node.replica(), running.node.storage());
                    replica.has_entry(disk, kept.feed, kept.seq, kept.id).unwrap_or(false)
                })
        };
        self.sites.iter().enumerate().filter(holds).count()
    }
}
