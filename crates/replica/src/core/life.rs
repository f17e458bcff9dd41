//! What one life of a device hands to the next.

use std::collections::BTreeMap;

use pos_core::business_date::BusinessDate;
use pos_core::ids::{RecordId, RegisterId, StoreId};
use serde::{Deserialize, Serialize};

use super::entry::EntryId;
use super::identity::Incarnation;
use super::roster::RosterEntry;
use crate::limits;

/// Where a feed ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedEnd {
    /// Last entry.
    pub seq: u64,
    /// Its id; zeros when there is none.
    pub head: EntryId,
}

impl FeedEnd {
    /// A feed without entries.
    pub const NONE: Self = Self { seq: 0, head: EntryId::from_bytes([0; 32]) };
}

/// The first entry of a life: it seals the life before, as far as the device knows it. A restored
/// backup or a cloned image seals an end that others have seen surpassed, and so shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncarnationOpened {
    /// What was sealed; `None` in the first life.
    pub former: Option<Seal>,
}

/// The end of a life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// The life.
    pub incarnation: Incarnation,
    /// Its Ledger feed.
    pub ledger: FeedEnd,
    /// Last receipt of each register this device serves.
    pub receipts: BTreeMap<RegisterId, u64>,
    /// Last Z report of each.
    pub z_numbers: BTreeMap<RegisterId, u32>,
    /// Grand total of sales and of returns since first use, in minor units, of each.
    pub grand_totals: BTreeMap<RegisterId, (i64, i64)>,
    /// Frames at the end of the journal that could not be read when this life began.
    pub damaged_frames: u64,
}

/// What the till needs to go on selling, written into its own Ledger journal every now and then:
/// start-up reads the last one and what follows it, never the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Resume {
    pub(crate) version: u8,
    pub(crate) group: Option<StoreId>,
    pub(crate) incarnation: Option<Incarnation>,
    pub(crate) ledger: FeedEnd,
    pub(crate) lamport: u64,
    pub(crate) receipts: BTreeMap<RegisterId, u64>,
    pub(crate) z_numbers: BTreeMap<RegisterId, u32>,
    pub(crate) grand_totals: BTreeMap<RegisterId, (i64, i64)>,
    /// Shift and business date.
    pub(crate) open_shifts: BTreeMap<RegisterId, (RecordId, BusinessDate)>,
    pub(crate) shift_numbers: BTreeMap<RegisterId, u32>,
    /// The roster as known then, so that entries written while the index is rebuilt name its
    /// heads and count. Left out when it is too long.
    pub(crate) roster: Vec<(EntryId, RosterEntry)>,
}

impl Resume {
    pub(crate) const VERSION: u8 = 1;

    pub(crate) const fn first() -> Self {
        Self {
            version: Self::VERSION,
            group: None,
            incarnation: None,
            ledger: FeedEnd::NONE,
            lamport: 0,
            receipts: BTreeMap::new(),
            z_numbers: BTreeMap::new(),
            grand_totals: BTreeMap::new(),
            open_shifts: BTreeMap::new(),
            shift_numbers: BTreeMap::new(),
            roster: Vec::new(),
        }
    }

    /// Number of the next shift of a register, from 1.
    pub(crate) fn next_shift_number(&self, register: &RegisterId) -> u32 {
        self.shift_numbers.get(register).copied().unwrap_or(0).saturating_add(1)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let bytes = postcard::to_stdvec(self).unwrap_or_default();
        if bytes.len() <= limits::ENTRY_BYTES_MAX {
            return bytes;
        }
        let without_roster = Self { roster: Vec::new(), ..self.clone() };
        postcard::to_stdvec(&without_roster).unwrap_or_default()
    }

    /// `None` when it cannot be read: then an older one is looked for.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let resume: Self = postcard::from_bytes(bytes).ok()?;
        (resume.version == Self::VERSION).then_some(resume)
    }
}
