//! Disks that alter what was written: a bit of another till's entry, which that till holds as well, or of an
//! own one that others are known to hold.

use pos_core::ids::DeviceId;
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

/// An entry of a disk's own Ledger journal.
struct Own {
    ordinal: Ordinal,
    id: EntryId,
    feed: FeedId,
    seq: u64,
}

fn own_entries(disk: &MemoryStorage, device: DeviceId) -> Vec<Own> {
    let from = disk.segment_start(Stream::OwnLedger, 0).unwrap_or(0);
    let frames = disk.scan(Stream::OwnLedger, from, usize::MAX).unwrap_or_default();
    let own = frames.into_iter().filter_map(|item| match item {
        Scanned::Frame(frame) if frame.kind == FrameKind::Entry => {
            let entry = Entry::decode(&frame.payload).ok()?;
            let (feed, seq) = (entry.header().feed, entry.header().seq);
            Some(Own { ordinal: frame.ordinal, id: entry.id(), feed, seq })
        }
        Scanned::Frame(_) | Scanned::Damaged(_) => None,
    });
    own.filter(|own| own.feed.device == device).collect()
}

impl World {
    /// Alters a bit of what a till holds of others, which others hold as well.
    pub(super) fn rot(&mut self) -> bool {
        let running = |one: &Site| one.running().is_some();
        let up: Vec<usize> = (0..self.sites.len())
            .filter(|site| self.sites.get(*site).is_some_and(running))
            .collect();
        let Some(&site) = self.draws.faults.pick(&up) else { return false };
        let draw = self.draws.disk.next_u64();
        let Some(one) = self.sites.get_mut(site) else { return false };
        let Power::On(running) = &mut one.power else { return false };
        let disk = running.node.storage_mut();
        let bytes = disk.stream_bytes(Stream::Others);
        if bytes < 4096 || disk.next_ordinal(Stream::Others) < 8 {
            return false;
        }
        let bit = u8::try_from(draw % 8).unwrap_or(0);
        let altered = disk.flip_bit(Stream::Others, (draw >> 3) % bytes, bit);
        one.is_rotten |= altered;
        if altered {
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
        let settled = |own: &Own| {
            self.witness.seen.get(&own.id).is_some_and(|seen| {
                matches!(seen.what, Fact::Sale { .. }) && seen.at + SETTLED_MS < off_ms
            })
        };
        let mut own: Vec<Own> = own_entries(disk, one.device).into_iter().filter(settled).collect();
        own.retain(|own| self.copies_of(own) >= COPIES);
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

    fn copies_of(&self, own: &Own) -> usize {
        let holds = |one: &&Site| {
            one.device != own.feed.device
                && one.running().is_some_and(|running| {
                    let (replica, disk) = (running.node.replica(), running.node.storage());
                    replica.has_entry(disk, own.feed, own.seq, own.id).unwrap_or(false)
                })
        };
        self.sites.iter().filter(holds).count()
    }
}
