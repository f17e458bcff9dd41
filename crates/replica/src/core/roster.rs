//! Who belongs to a store: a fold of signed roster records.
//!
//! A roster record counts when its author was a manager as of the roster heads the record itself
//! names. What a device may do is read as of the heads *its entry* names, so a late revocation
//! does not reach back; a revocation's cut does, on purpose: beyond the highest cut of a feed
//! nothing applies.
//!
//! Two managers may revoke each other unseen. Then seniority decides, so that every replica comes
//! to the same end: devices are looked at by their distance from the founder, then by their id,
//! and a manager's roster records beyond a cut by one who came before it do not count. Which
//! records count is therefore a function of the records held, whatever order they came in; what
//! does not count is kept all the same.

use std::collections::{BTreeMap, BTreeSet};

use pos_core::ids::{DeviceId, StoreId};
use serde::{Deserialize, Serialize};

use super::entry::{EntryId, Header, Lane};
use super::identity::{FeedId, Incarnation, store_id};
use super::kinds;
use crate::limits;

/// What a device may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Sells.
    Till,
    /// Sells, and adds and revokes tills.
    Manager,
}

/// How far a revoked device's feed still counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// The life.
    pub incarnation: Incarnation,
    /// On the Floor lane (else Ledger).
    pub floor: bool,
    /// Last entry that counts.
    pub seq: u64,
    /// Its id, so that a cut of a forked feed says which branch.
    pub head: EntryId,
}

/// A record of the roster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RosterRecord {
    /// The store is founded by the author, its first manager. The group id is derived from the
    /// author and this nonce, so nobody else can have founded it.
    Founded {
        /// Random.
        nonce: [u8; 16],
    },
    /// A device joins.
    DeviceAdded {
        /// The device.
        device: DeviceId,
        /// What it may do.
        role: Role,
    },
    /// A device is shut out.
    DeviceRevoked {
        /// The device.
        device: DeviceId,
        /// How far each of its feeds counts; a feed that is not named does not count at all.
        cuts: Vec<Cut>,
    },
}

impl RosterRecord {
    /// The record in an op's body.
    pub(crate) fn decode(kind: u16, body: &[u8]) -> Option<Self> {
        let (record, rest) = postcard::take_from_bytes::<Self>(body).ok()?;
        let within = match &record {
            Self::DeviceRevoked { cuts, .. } => cuts.len() <= limits::CUTS_MAX,
            Self::Founded { .. } | Self::DeviceAdded { .. } => true,
        };
        (record.kind() == kind && within && rest.is_empty()).then_some(record)
    }

    /// The kind of op that carries it.
    pub const fn kind(&self) -> u16 {
        match self {
            Self::Founded { .. } => kinds::FOUNDED,
            Self::DeviceAdded { .. } => kinds::DEVICE_ADDED,
            Self::DeviceRevoked { .. } => kinds::DEVICE_REVOKED,
        }
    }
}

/// A roster record with what its entry says about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterEntry {
    /// Its author.
    pub author: DeviceId,
    /// The life it was written in.
    pub incarnation: Incarnation,
    /// On the Floor lane (else Ledger).
    pub floor: bool,
    /// Its place in its feed.
    pub seq: u64,
    /// The roster heads its author had seen.
    pub heads: Vec<EntryId>,
    /// What it says.
    pub record: RosterRecord,
}

impl RosterEntry {
    /// The record of an entry.
    pub fn new(header: &Header, record: RosterRecord) -> Self {
        Self {
            author: header.feed.device,
            incarnation: header.feed.incarnation,
            floor: header.feed.lane == Lane::Floor,
            seq: header.seq,
            heads: header.roster_heads.clone(),
            record,
        }
    }

    fn feed(&self) -> FeedId {
        let lane = if self.floor { Lane::Floor } else { Lane::Ledger };
        FeedId { device: self.author, incarnation: self.incarnation, lane }
    }
}

/// The cuts of one revoked device: the last entry that counts of each feed a cut names. Of a feed
/// that no cut names nothing counts.
type Cuts = BTreeMap<FeedId, u64>;

/// All roster records held, in any order of arrival, and what they come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    entries: BTreeMap<EntryId, RosterEntry>,
    /// The records that count.
    effective: BTreeSet<EntryId>,
    /// Revoked devices.
    cuts: BTreeMap<DeviceId, Cuts>,
}

/// What a new record changed for entries that were judged before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Growth {
    /// Nothing: the record was here.
    Known,
    /// What counted still counts; what was kept aside may count now.
    More,
    /// Records that counted count no more, or the cuts of these devices changed.
    Other(BTreeSet<DeviceId>),
}

/// Membership as of some heads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// A member with a role.
    Member(Role),
    /// Not a member as of those heads.
    Stranger,
    /// A named head is not held yet: nothing can be said.
    Unknown(EntryId),
}

impl Roster {
    /// Adds a record of `group`; adding it again changes nothing.
    pub(crate) fn insert(&mut self, group: StoreId, id: EntryId, entry: RosterEntry) -> Growth {
        if self.entries.contains_key(&id) {
            return Growth::Known;
        }
        self.entries.insert(id, entry);
        let (effective, cuts) = self.weigh(group);
        let lost = self.effective.difference(&effective).filter_map(|id| self.entries.get(id));
        let mut touched: BTreeSet<DeviceId> = lost.filter_map(RosterEntry::granted).collect();
        let changed = |device: &&DeviceId| self.cuts.get(device) != cuts.get(device);
        touched.extend(self.cuts.keys().chain(cuts.keys()).filter(changed));
        self.effective = effective;
        self.cuts = cuts;
        if touched.is_empty() { Growth::More } else { Growth::Other(touched) }
    }

    /// All records, by id, those that do not count included.
    pub fn iter(&self) -> impl Iterator<Item = (&EntryId, &RosterEntry)> {
        self.entries.iter()
    }

    /// Whether nothing is known yet.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether a record counts.
    pub fn counts(&self, id: EntryId) -> bool {
        self.effective.contains(&id)
    }

    /// The newest records that count: what a new entry writes in its header. Never more than a
    /// header may name, whatever strangers have written; then grants of `device` come first.
    pub fn heads(&self, device: DeviceId) -> Vec<EntryId> {
        let counted = || self.effective.iter().filter_map(|id| Some((*id, self.entries.get(id)?)));
        let named: BTreeSet<EntryId> =
            counted().flat_map(|(_, entry)| entry.heads.iter().copied()).collect();
        let mut heads: Vec<(bool, EntryId)> = counted()
            .filter(|(id, _)| !named.contains(id))
            .map(|(id, entry)| (entry.granted() != Some(device), id))
            .collect();
        heads.sort_unstable();
        heads.truncate(limits::ROSTER_HEADS_MAX);
        heads.into_iter().map(|(_, id)| id).collect()
    }

    /// What `device` was, as of `heads`.
    pub fn standing(&self, device: DeviceId, heads: &[EntryId]) -> Standing {
        match self.past(heads) {
            Err(missing) => Standing::Unknown(missing),
            Ok(past) => self
                .role_in(device, &past, &self.effective)
                .map_or(Standing::Stranger, Standing::Member),
        }
    }

    /// The last entry of `feed` that counts, if its device was revoked: the highest of all cuts
    /// that count, `Some(0)` when none names the feed.
    pub fn cut(&self, feed: FeedId) -> Option<u64> {
        let cuts = self.cuts.get(&feed.device)?;
        Some(cuts.get(&feed).copied().unwrap_or(0))
    }

    /// Whether a device was shut out.
    pub fn is_revoked(&self, device: DeviceId) -> bool {
        self.cuts.contains_key(&device)
    }

    /// Devices that belong to the store and were not revoked.
    pub fn members(&self) -> BTreeSet<DeviceId> {
        self.effective
            .iter()
            .filter_map(|id| self.entries.get(id)?.granted())
            .filter(|device| !self.cuts.contains_key(device))
            .collect()
    }

    /// Which records count, and the cuts that follow.
    fn weigh(&self, group: StoreId) -> (BTreeSet<EntryId>, BTreeMap<DeviceId, Cuts>) {
        let mut by_author: BTreeMap<DeviceId, Vec<(EntryId, &RosterEntry)>> = BTreeMap::new();
        for (id, entry) in &self.entries {
            by_author.entry(entry.author).or_default().push((*id, entry));
        }
        let mut effective = BTreeSet::new();
        let mut cuts: BTreeMap<DeviceId, Cuts> = BTreeMap::new();
        let mut queue: BTreeSet<(u32, DeviceId)> = BTreeSet::new();
        for (id, entry) in &self.entries {
            if let RosterRecord::Founded { nonce } = &entry.record
                && store_id(entry.author, nonce) == group
            {
                effective.insert(*id);
                queue.insert((0, entry.author));
            }
        }
        while let Some((depth, author)) = queue.pop_first() {
            // Cuts by those before it; its own come into force behind it.
            let own_cuts = cuts.get(&author).cloned();
            for (id, entry) in by_author.get(&author).into_iter().flatten() {
                let beyond = own_cuts
                    .as_ref()
                    .is_some_and(|cuts| entry.seq > cuts.get(&entry.feed()).copied().unwrap_or(0));
                let manager = || {
                    let past = self.past(&entry.heads).ok();
                    past.and_then(|past| self.role_in(author, &past, &effective))
                };
                if effective.contains(id) || beyond || manager() != Some(Role::Manager) {
                    continue;
                }
                match &entry.record {
                    RosterRecord::Founded { .. } => continue,
                    RosterRecord::DeviceAdded { device, role } => {
                        if *role == Role::Manager {
                            queue.insert((depth.saturating_add(1), *device));
                        }
                    }
                    RosterRecord::DeviceRevoked { device, cuts: named } => {
                        raise(cuts.entry(*device).or_default(), *device, named);
                    }
                }
                effective.insert(*id);
            }
        }
        (effective, cuts)
    }

    /// The highest role that records of `past` which count give to `device`.
    fn role_in(
        &self,
        device: DeviceId,
        past: &BTreeSet<EntryId>,
        effective: &BTreeSet<EntryId>,
    ) -> Option<Role> {
        let counted = past.iter().filter(|id| effective.contains(id));
        let grants = counted.filter_map(|id| match &self.entries.get(id)?.record {
            RosterRecord::Founded { .. } => {
                (self.entries.get(id)?.author == device).then_some(Role::Manager)
            }
            RosterRecord::DeviceAdded { device: added, role } => {
                (*added == device).then_some(*role)
            }
            RosterRecord::DeviceRevoked { .. } => None,
        });
        grants.max()
    }

    /// The records `heads` and all they name, or the first that is missing.
    fn past(&self, heads: &[EntryId]) -> Result<BTreeSet<EntryId>, EntryId> {
        let mut past = BTreeSet::new();
        let mut open: Vec<EntryId> = heads.to_vec();
        while let Some(id) = open.pop() {
            if past.insert(id) {
                let entry = self.entries.get(&id).ok_or(id)?;
                open.extend_from_slice(&entry.heads);
            }
        }
        Ok(past)
    }
}

impl RosterEntry {
    /// The device it lets in.
    const fn granted(&self) -> Option<DeviceId> {
        match &self.record {
            RosterRecord::Founded { .. } => Some(self.author),
            RosterRecord::DeviceAdded { device, .. } => Some(*device),
            RosterRecord::DeviceRevoked { .. } => None,
        }
    }
}

/// A cut only moves up.
fn raise(cuts: &mut Cuts, device: DeviceId, named: &[Cut]) {
    for cut in named {
        let lane = if cut.floor { Lane::Floor } else { Lane::Ledger };
        let feed = FeedId { device, incarnation: cut.incarnation, lane };
        let last = cuts.entry(feed).or_default();
        *last = (*last).max(cut.seq);
    }
}
