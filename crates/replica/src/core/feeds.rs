//! Where every feed ends. Entries may arrive in any order: a head is an entry that no other one
//! follows, a gap is a predecessor that is named but not held, a fork is a feed with two heads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use super::codec::{CodecError, Reader};
use pos_core::ids::DeviceId;

use super::digest::Digest;
use super::entry::{EntryId, Header, Lane};
use super::identity::{FeedId, Incarnation};
use super::share::Held;

/// Ends and gaps of one feed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedState {
    /// Sequence number and id of each head; more than one is a fork.
    pub heads: BTreeSet<(u64, EntryId)>,
    /// Predecessors that are named but not held, with their sequence numbers.
    pub missing: BTreeSet<(u64, EntryId)>,
}

impl FeedState {
    /// Whether two entries of the feed follow the same one. Runs of one chain with gaps between
    /// them are told apart: between the ends of two runs something is missing.
    pub fn is_forked(&self) -> bool {
        let mut heads = self.heads.iter();
        let mut last = heads.next();
        for head in heads {
            let from = last.map_or(0, |(seq, _)| seq.saturating_add(1));
            last = Some(head);
            let between = |(seq, _): &&(u64, EntryId)| (from..head.0).contains(seq);
            if self.missing.iter().filter(between).count() != 1 {
                return true;
            }
        }
        let missing = self.missing.iter().map(|(seq, _)| seq).collect::<BTreeSet<_>>();
        missing.len() < self.missing.len()
    }

    /// Whether it is one run from its first entry: no fork, no gap. Then its end says all.
    pub fn is_one_run(&self) -> bool {
        self.heads.len() == 1 && self.missing.is_empty()
    }

    /// The highest sequence number held.
    pub fn reached(&self) -> u64 {
        self.heads.last().map_or(0, |(seq, _)| *seq)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for set in [&self.heads, &self.missing] {
            out.extend_from_slice(&u32::try_from(set.len()).unwrap_or(u32::MAX).to_le_bytes());
            for (seq, id) in set {
                out.extend_from_slice(&seq.to_le_bytes());
                out.extend_from_slice(id.as_bytes());
            }
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        let mut sets = [BTreeSet::new(), BTreeSet::new()];
        for set in &mut sets {
            for _ in 0..reader.u32("feed ends")? {
                let seq = reader.u64("feed seq")?;
                set.insert((seq, EntryId::from_bytes(reader.array("feed head")?)));
            }
        }
        reader.end()?;
        let [heads, missing] = sets;
        Ok(Self { heads, missing })
    }
}

/// All feeds held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Feeds {
    states: BTreeMap<FeedId, FeedState>,
    grown: BTreeSet<FeedId>,
    known: Known,
}

/// Digests that were worked out and still hold. Every frame of a connection asks for some, and with
/// many lives of many devices each is a hash over hundreds of rows.
#[derive(Debug, Clone, Default)]
struct Known {
    all: OnceLock<Digest>,
    of: BTreeMap<DeviceId, OnceLock<Held>>,
}

impl PartialEq for Known {
    /// What was worked out already tells nothing of the feeds.
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Known {}

impl Feeds {
    /// Counts an entry in. `previous_held` says whether the entry before it is held.
    pub(crate) fn add(&mut self, header: &Header, id: EntryId, previous_held: bool) -> &FeedState {
        self.grown.insert(header.feed);
        self.forget(header.feed.device);
        let state = self.states.entry(header.feed).or_default();
        if !state.missing.remove(&(header.seq, id)) {
            state.heads.insert((header.seq, id));
        }
        if let Some(before) = header.seq.checked_sub(1).filter(|&seq| seq > 0) {
            let was_head = state.heads.remove(&(before, header.previous));
            if !was_head && !previous_held {
                state.missing.insert((before, header.previous));
            }
        }
        state
    }

    pub(crate) fn restore(&mut self, feed: FeedId, state: FeedState) {
        self.forget(feed.device);
        self.states.insert(feed, state);
    }

    fn forget(&mut self, device: DeviceId) {
        self.known.all.take();
        self.known.of.insert(device, OnceLock::new());
    }

    /// The digest of all feeds, worked out at most once between two changes.
    pub(crate) fn digest(&self, work_out: impl FnOnce() -> Digest) -> Digest {
        *self.known.all.get_or_init(work_out)
    }

    /// What is held of a device, likewise.
    pub(crate) fn held(&self, device: DeviceId, work_out: impl FnOnce() -> Held) -> Held {
        match self.known.of.get(&device) {
            Some(known) => *known.get_or_init(work_out),
            None => work_out(),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.states.clear();
        self.known = Known::default();
    }

    /// Devices that have written something that is held.
    pub(crate) fn devices(&self) -> impl Iterator<Item = DeviceId> {
        self.known.of.keys().copied()
    }

    /// Feeds that entries were added to since the last call.
    pub(crate) fn take_grown(&mut self) -> BTreeSet<FeedId> {
        core::mem::take(&mut self.grown)
    }

    /// The feeds of one device.
    pub(crate) fn of(&self, device: DeviceId) -> impl Iterator<Item = (&FeedId, &FeedState)> {
        let first = FeedId {
            device,
            incarnation: Incarnation { counter: 0, nonce: [0; 8] },
            lane: Lane::Ledger,
        };
        self.states.range(first..).take_while(move |(feed, _)| feed.device == device)
    }

    /// Whether a feed ends, in one of its branches, with entry `id`: then nothing that follows it
    /// is held.
    pub(crate) fn ends_with(&self, feed: &FeedId, seq: u64, id: EntryId) -> bool {
        self.states.get(feed).is_some_and(|state| state.heads.contains(&(seq, id)))
    }

    /// All feeds, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&FeedId, &FeedState)> {
        self.states.iter()
    }

    /// One feed.
    pub fn get(&self, feed: &FeedId) -> Option<&FeedState> {
        self.states.get(feed)
    }
}
