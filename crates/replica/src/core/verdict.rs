//! Whether an entry that is held is also applied: a pure function of the set of entries held,
//! recomputed when the roster grows, never decided once at arrival.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::entry::{EntryId, Header, OpClass};
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
    /// It replaces a value set by an entry that has not arrived.
    DependencyMissing(EntryId),
    /// It claims to replace a value that none of the entries it names has set: its number would
    /// beat every honest edit.
    Unjustified(u16),
}

impl HeldBack {
    /// Whether nothing can be said yet about the edit numbers the entry claims, or never.
    pub(crate) const fn is_structural(&self) -> bool {
        matches!(
            self,
            Self::UnknownFormat(_)
                | Self::BodyMissing(_)
                | Self::Unreadable(_)
                | Self::DependencyMissing(_)
                | Self::Unjustified(_)
        )
    }
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
            Self::DependencyMissing(_) => f.write_str("waits for an entry whose value it replaces"),
            Self::Unjustified(_) => {
                f.write_str("claims an edit number that nothing it names accounts for")
            }
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

/// The verdict about an entry that can be read, given the roster records held.
pub fn judge(roster: &Roster, entry: EntryId, header: &Header) -> Verdict {
    held_back(roster, entry, header).map_or(Verdict::Applied, Verdict::HeldBack)
}

fn held_back(roster: &Roster, entry: EntryId, header: &Header) -> Option<HeldBack> {
    // The roster itself says which of its records count.
    if roster.counts(entry) {
        return None;
    }
    if let Some(cut) = roster.cut(header.feed)
        && header.seq > cut
    {
        return Some(HeldBack::BeyondCut(cut));
    }
    match roster.standing(header.feed.device, &header.roster_heads) {
        Standing::Unknown(missing) => Some(HeldBack::RosterMissing(missing)),
        Standing::Stranger => Some(HeldBack::NotAMember),
        Standing::Member(role) => header
            .ops
            .iter()
            .find(|op| is_roster(op.kind) || !allowed(role, op.kind, op.class))
            .map(|op| HeldBack::NotAllowed(op.kind)),
    }
}

/// Whether an op is a record of the roster.
pub(crate) const fn is_roster(kind: u16) -> bool {
    matches!(kind, kinds::FOUNDED | kinds::DEVICE_ADDED | kinds::DEVICE_REVOKED)
}

/// Whether a device of this role may write such an op: only a manager's changes the roster and
/// the store's settings.
pub(crate) fn role_allows(role: Role, kind: u16) -> bool {
    role == Role::Manager || !(kind == kinds::STORE_OPENED || is_roster(kind))
}

fn allowed(role: Role, kind: u16, class: OpClass) -> bool {
    // Which of the two classes a change has follows from its document: see `read_ops`.
    let class_fits = match class {
        OpClass::Fact => kind != kinds::DOCUMENT_CHANGE,
        OpClass::Personal => true,
        OpClass::Change => kind == kinds::DOCUMENT_CHANGE,
    };
    role_allows(role, kind) && class_fits
}
