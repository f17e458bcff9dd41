//! Who belongs to a store: a fold of signed roster records.
//!
//! A roster record counts when its author was a manager as of the roster heads the record itself
//! names. What a device may do is read as of the heads *its entry* names, so a late revocation
//! does not reach back; a revocation's cut does, on purpose: beyond the highest cut of a feed
//! nothing applies.

use std::collections::{BTreeMap, BTreeSet};

use pos_core::ids::{DeviceId, StoreId};
use serde::{Deserialize, Serialize};

use super::entry::{EntryId, Lane};
use super::identity::{FeedId, Incarnation, store_id};
use super::kinds;

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
    /// The roster heads its author had seen.
    pub heads: Vec<EntryId>,
    /// What it says.
    pub record: RosterRecord,
}

/// All roster records held, in any order of arrival.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    entries: BTreeMap<EntryId, RosterEntry>,
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
    /// Adds a record; adding it again changes nothing.
    pub fn insert(&mut self, id: EntryId, entry: RosterEntry) {
        self.entries.insert(id, entry);
    }

    /// All records, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&EntryId, &RosterEntry)> {
        self.entries.iter()
    }

    /// Whether nothing is known yet.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The newest records: those no other record names. What a new entry writes in its header.
    pub fn heads(&self) -> Vec<EntryId> {
        let named: BTreeSet<EntryId> =
            self.entries.values().flat_map(|entry| entry.heads.iter().copied()).collect();
        self.entries.keys().copied().filter(|id| !named.contains(id)).collect()
    }

    /// What `device` was, as of `heads`.
    pub fn standing(&self, group: StoreId, device: DeviceId, heads: &[EntryId]) -> Standing {
        let past = match self.past(heads) {
            Ok(past) => past,
            Err(missing) => return Standing::Unknown(missing),
        };
        let mut role = None;
        for id in past {
            let Some(entry) = self.entries.get(&id) else { continue };
            let grants = match &entry.record {
                RosterRecord::Founded { nonce } => (entry.author == device
                    && store_id(device, nonce) == group)
                    .then_some(Role::Manager),
                RosterRecord::DeviceAdded { device: added, role } if *added == device => {
                    self.by_manager(group, entry).then_some(*role)
                }
                RosterRecord::DeviceAdded { .. } | RosterRecord::DeviceRevoked { .. } => None,
            };
            role = role.max(grants);
        }
        role.map_or(Standing::Stranger, Standing::Member)
    }

    /// The last entry of `feed` that counts, if its device was revoked: the highest of all valid
    /// cuts, `Some(0)` when no cut names the feed.
    pub fn cut(&self, group: StoreId, feed: FeedId) -> Option<u64> {
        let floor = feed.lane == Lane::Floor;
        let mut highest = None;
        for entry in self.entries.values() {
            let RosterRecord::DeviceRevoked { device, cuts } = &entry.record else { continue };
            if *device != feed.device || !self.by_manager(group, entry) {
                continue;
            }
            let of_feed = cuts
                .iter()
                .find(|cut| cut.incarnation == feed.incarnation && cut.floor == floor)
                .map_or(0, |cut| cut.seq);
            highest = highest.max(Some(of_feed));
        }
        highest
    }

    fn by_manager(&self, group: StoreId, entry: &RosterEntry) -> bool {
        self.standing(group, entry.author, &entry.heads) == Standing::Member(Role::Manager)
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
