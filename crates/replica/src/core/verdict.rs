//! Whether an entry that is held is also applied: a pure function of the set of entries held,
//! recomputed when the roster grows, never decided once at arrival.

use core::fmt;

use pos_core::ids::StoreId;
use serde::{Deserialize, Serialize};

use super::entry::{EntryId, FORMAT_VERSION, Header, OpClass};
use super::kinds;
use super::roster::{Role, Roster, Standing};

/// Why an entry is kept aside. It stays stored and is relayed; its effects do not count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum HeldBack {
    /// Written by a newer version of this software.
    UnknownFormat(u8),
    /// A roster record it names has not arrived.
    RosterMissing(EntryId),
    /// Its author did not belong to the store.
    NotAMember,
    /// Its author may not do this.
    NotAllowed(u16),
    /// Written by a revoked device after its cut.
    BeyondCut(u64),
    /// An op's content is missing.
    BodyMissing(u16),
    /// An op's content cannot be read, or is of a kind this version does not know.
    Unreadable(u16),
}

impl fmt::Display for HeldBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownFormat(version) => {
                write!(f, "written in format {version}, which this version does not know: update")
            }
            Self::RosterMissing(_) => f.write_str("waits for news about who belongs to the store"),
            Self::NotAMember => f.write_str("written by a device that is not part of the store"),
            Self::NotAllowed(_) => f.write_str("its device may not do this"),
            Self::BeyondCut(seq) => {
                write!(f, "written by a revoked device after its last valid entry ({seq})")
            }
            Self::BodyMissing(_) => f.write_str("its content has not arrived"),
            Self::Unreadable(_) => f.write_str("its content cannot be read by this version"),
        }
    }
}

/// What becomes of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All of its ops count.
    Applied,
    /// None of them does, for now.
    HeldBack(HeldBack),
}

/// The verdict about an entry, given the roster records held. `missing_body` is the kind of an op
/// whose body is not here.
pub fn judge(
    group: StoreId,
    roster: &Roster,
    header: &Header,
    missing_body: Option<u16>,
) -> Verdict {
    match held_back(group, roster, header, missing_body) {
        None => Verdict::Applied,
        Some(reason) => Verdict::HeldBack(reason),
    }
}

fn held_back(
    group: StoreId,
    roster: &Roster,
    header: &Header,
    missing_body: Option<u16>,
) -> Option<HeldBack> {
    if header.version != FORMAT_VERSION {
        return Some(HeldBack::UnknownFormat(header.version));
    }
    if let Some(kind) = missing_body {
        return Some(HeldBack::BodyMissing(kind));
    }
    if let Some(cut) = roster.cut(group, header.feed)
        && header.seq > cut
    {
        return Some(HeldBack::BeyondCut(cut));
    }
    // A founding record vouches for itself: its author and nonce hash to the group.
    if header.ops.iter().all(|op| op.kind == kinds::FOUNDED) {
        return None;
    }
    match roster.standing(group, header.feed.device, &header.roster_heads) {
        Standing::Unknown(missing) => Some(HeldBack::RosterMissing(missing)),
        Standing::Stranger => Some(HeldBack::NotAMember),
        Standing::Member(role) => header
            .ops
            .iter()
            .find(|op| !allowed(role, op.kind, op.class))
            .map(|op| HeldBack::NotAllowed(op.kind)),
    }
}

/// Only a manager's device changes the roster and the store's settings.
fn allowed(role: Role, kind: u16, class: OpClass) -> bool {
    let manager_only =
        matches!(kind, kinds::DEVICE_ADDED | kinds::DEVICE_REVOKED | kinds::STORE_OPENED);
    let is_change = class == OpClass::Change;
    (role == Role::Manager || !manager_only) && is_change == (kind == kinds::DOCUMENT_CHANGE)
}
