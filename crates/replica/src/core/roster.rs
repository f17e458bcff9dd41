//! Who belongs to a store: a fold of signed roster records.
//!
//! A roster record counts when its author was a manager as of the roster heads the record itself
//! names. What a device may do is read as of the heads *its entry* names, so a late revocation
//! does not reach back; a revocation's cut does, on purpose: beyond the highest cut of a feed
//! nothing applies.
//!
//! A manager adds and revokes tills alone. A manager is made or unmade by two managers, or by the
//! key of the recovery phrase, which no till holds. What counts is a function of the records held,
//! whatever order they came in: see `weigh`. What does not count is kept all the same.

use std::collections::{BTreeMap, BTreeSet};

use pos_core::ids::{DeviceId, StoreId};
use serde::{Deserialize, Serialize};

use super::device_name::DeviceName;
use super::entry::{EntryId, Header, Lane};
use super::identity::{FeedId, Incarnation};
use super::kinds;
use super::weigh::{Cuts, Grant, Records, role_of, weigh};
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
    /// author, this nonce and the recovery key, so nobody else can have founded it, and not even
    /// the founder can name another recovery key later.
    Founded {
        /// Random.
        nonce: [u8; 16],
        /// The public half of the key of the recovery phrase: a manager that outranks all others
        /// and cannot be revoked.
        recovery: DeviceId,
        /// What the author is called.
        name: DeviceName,
    },
    /// A device joins, or a till is made a manager. One manager's record makes a till, those of two
    /// a manager.
    DeviceAdded {
        /// The device.
        device: DeviceId,
        /// What it may do.
        role: Role,
        /// What it is called.
        name: DeviceName,
    },
    /// A device is shut out: a till by one manager's record, a manager by those of two. Another
    /// record may move a cut up, never down.
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

    pub(super) fn feed(&self) -> FeedId {
        let lane = if self.floor { Lane::Floor } else { Lane::Ledger };
        FeedId { device: self.author, incarnation: self.incarnation, lane }
    }
}

/// All roster records held, in any order of arrival, and what they come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    entries: Records,
    /// The records that count.
    effective: BTreeSet<EntryId>,
    /// Revoked devices.
    cuts: BTreeMap<DeviceId, Cuts>,
    recovery: Option<DeviceId>,
    managers: BTreeSet<DeviceId>,
    /// Asked for at every frame: worked out once for each record.
    members: BTreeSet<DeviceId>,
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
        let weighed = weigh(&self.entries, group);
        let lost = self.effective.difference(&weighed.effective);
        let mut touched: BTreeSet<DeviceId> = lost
            .filter_map(|id| self.entries.get(id))
            .flat_map(RosterEntry::grants)
            .map(|grant| grant.device)
            .collect();
        let changed = |device: &&DeviceId| self.cuts.get(device) != weighed.cuts.get(device);
        touched.extend(self.cuts.keys().chain(weighed.cuts.keys()).filter(changed));
        self.effective = weighed.effective;
        self.cuts = weighed.cuts;
        self.recovery = weighed.recovery;
        self.managers = weighed.managers;
        self.members = self.work_out_members();
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
        let named: BTreeSet<EntryId> =
            self.counted().flat_map(|(_, entry)| entry.heads.iter().copied()).collect();
        let mut heads: Vec<(bool, EntryId)> = self
            .counted()
            .filter(|(id, _)| !named.contains(id))
            .map(|(id, entry)| (!entry.grants_to(device), id))
            .collect();
        heads.sort_unstable();
        heads.truncate(limits::ROSTER_HEADS_MAX);
        heads.into_iter().map(|(_, id)| id).collect()
    }

    /// What `device` was, as of `heads`.
    pub fn standing(&self, device: DeviceId, heads: &[EntryId]) -> Standing {
        match self.past(heads) {
            Err(missing) => Standing::Unknown(missing),
            Ok(past) => self.role_in(device, &past).map_or(Standing::Stranger, Standing::Member),
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

    /// The key of the recovery phrase, once the founding is held.
    pub const fn recovery(&self) -> Option<DeviceId> {
        self.recovery
    }

    /// Devices that belong to the store and were not revoked. The recovery key is no device.
    pub const fn members(&self) -> &BTreeSet<DeviceId> {
        &self.members
    }

    fn work_out_members(&self) -> BTreeSet<DeviceId> {
        self.counted()
            .flat_map(|(_, entry)| entry.grants())
            .map(|grant| grant.device)
            .filter(|device| !self.is_revoked(*device) && Some(*device) != self.recovery)
            .collect()
    }

    /// Whether entries may be exchanged with a device: a member, or whoever holds the recovery
    /// phrase, who has to fetch the store before a device can be added with it.
    pub fn admits(&self, device: DeviceId) -> bool {
        let granted = |(_, entry): (EntryId, &RosterEntry)| entry.grants_to(device);
        !self.is_revoked(device) && self.counted().any(granted)
    }

    /// What a device is by all records that count, whether it was shut out since or not.
    pub fn role(&self, device: DeviceId) -> Option<Role> {
        let all = self.counted().flat_map(|(_, entry)| entry.grants());
        role_of(self.recovery?, all.filter(|grant| grant.device == device))
    }

    /// Devices that two voices made managers, those that were shut out since and the recovery key
    /// included.
    pub const fn managers(&self) -> &BTreeSet<DeviceId> {
        &self.managers
    }

    /// The roster heads a record names.
    pub(super) fn heads_of(&self, id: EntryId) -> &[EntryId] {
        self.entries.get(&id).map_or(&[], |entry| entry.heads.as_slice())
    }

    /// The records that count.
    pub(super) fn counted(&self) -> impl Iterator<Item = (EntryId, &RosterEntry)> {
        self.effective.iter().filter_map(|id| Some((*id, self.entries.get(id)?)))
    }

    /// The highest role that records of `past` which count give to `device`.
    fn role_in(&self, device: DeviceId, past: &BTreeSet<EntryId>) -> Option<Role> {
        let counted = past.iter().filter(|id| self.effective.contains(id));
        let grants = counted
            .filter_map(|id| self.entries.get(id))
            .flat_map(RosterEntry::grants)
            .filter(|grant| grant.device == device);
        role_of(self.recovery?, grants)
    }

    /// The records `heads` and all they name, or the first that is missing.
    pub(super) fn past(&self, heads: &[EntryId]) -> Result<BTreeSet<EntryId>, EntryId> {
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
    /// Whether the record lets `device` in.
    fn grants_to(&self, device: DeviceId) -> bool {
        self.grants().iter().any(|grant: &Grant| grant.device == device)
    }
}
