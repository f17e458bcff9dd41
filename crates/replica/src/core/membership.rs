//! How the roster grows, and what that means for entries that were judged before.

use std::collections::BTreeSet;

use pos_core::ids::DeviceId;

use super::command::CommandError;
use super::effect::{Alarm, Effect};
use super::entry::{Entry, EntryId, FORMAT_VERSION, Lane, OpDraft};
use super::keys;
use super::kinds;
use super::replica::Replica;
use super::roster::{Growth, Role, RosterEntry, RosterRecord, Standing};
use super::verdict::{is_roster, role_allows};
use crate::simulation::{self, Canary, Mark};
use crate::storage::{Ordinal, Reads, StorageError, Stream};

/// What has to be done because the roster grew, once the entry that made it grow is folded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RosterDue {
    /// Nothing.
    #[default]
    Nothing,
    /// Look again at what was kept aside.
    JudgeAgain,
    /// Entries that counted may count no more: only folding again can take them out.
    FoldAgain,
}

impl Replica {
    /// Takes an entry's roster record into the roster, whether it counts or not: the roster says.
    pub(super) fn admit(&mut self, entry: &Entry) {
        let header = entry.header();
        let mut ops = entry.ops();
        let (Some((_, op, Some(body))), None) = (ops.next(), ops.next()) else { return };
        if header.version != FORMAT_VERSION
            || header.feed.lane != Lane::Ledger
            || !is_roster(op.kind)
        {
            return;
        }
        let Some(record) = RosterRecord::decode(op.kind, body) else { return };
        let record = RosterEntry::new(header, record);
        let value = postcard::to_stdvec(&record).unwrap_or_default();
        self.overlay.put(keys::roster(entry.id()), value);
        self.admit_record(entry.id(), record);
    }

    pub(super) fn admit_record(&mut self, id: EntryId, record: RosterEntry) {
        let Some(group) = self.group else { return };
        let due = match self.roster.insert(group, id, record) {
            Growth::Known => return,
            Growth::Other(devices) if self.reach_beyond_cut(&devices) => RosterDue::FoldAgain,
            Growth::More | Growth::Other(_) => RosterDue::JudgeAgain,
        };
        self.roster_due = self.roster_due.max(due);
        self.resume_due = true;
    }

    /// Whether entries of these devices are held that their cuts now leave out.
    fn reach_beyond_cut(&self, devices: &BTreeSet<DeviceId>) -> bool {
        self.feeds.iter().any(|(feed, state)| {
            devices.contains(&feed.device)
                && self.roster.cut(*feed).is_none_or(|cut| state.reached() > cut)
        })
    }

    /// Does what the growth of the roster asks for.
    pub(super) fn settle(&mut self, reads: &dyn Reads) -> Result<(), StorageError> {
        if self.stopped.is_some() || self.group.is_none() {
            return Ok(());
        }
        if core::mem::take(&mut self.resume_due) {
            // What a successor is told of the roster, its entries name: no disk may keep that and
            // lose the records themselves.
            if self.appended.get(&Stream::Others) != self.flushed.get(&Stream::Others) {
                self.effect(Effect::Flush(Stream::Others));
            }
            self.write_resume();
            self.effect(Effect::Flush(Stream::OwnLedger));
        }
        if self.rebuild.is_some() {
            return Ok(());
        }
        match core::mem::take(&mut self.roster_due) {
            RosterDue::Nothing => Ok(()),
            RosterDue::JudgeAgain if simulation::is(Canary::VerdictDecidedOnce) => Ok(()),
            RosterDue::JudgeAgain => self.judge_again(reads),
            RosterDue::FoldAgain => {
                simulation::reach(Mark::FoldAgain);
                self.begin_rebuild("a device was revoked".to_owned());
                Ok(())
            }
        }
    }

    /// As [`Self::settle`]; what the disk refuses is said.
    pub(super) fn settle_or_alarm(&mut self, reads: &dyn Reads) {
        if let Err(error) = self.settle(reads) {
            self.effect(Effect::Alarm(Alarm::WritingStopped(error.to_string())));
        }
    }

    fn judge_again(&mut self, reads: &dyn Reads) -> Result<(), StorageError> {
        let held: Vec<(Stream, Ordinal)> =
            self.held.values().map(|(_, stream, ordinal)| (*stream, *ordinal)).collect();
        for (stream, ordinal) in held {
            self.apply_again(reads, stream, ordinal)?;
        }
        Ok(())
    }

    /// The roster heads a new entry names, if it would count: nothing is written, acknowledged or
    /// printed that every replica would keep aside.
    pub(super) fn heads_to_name(&self, ops: &[OpDraft]) -> Result<Vec<EntryId>, CommandError> {
        if ops.iter().any(|op| op.kind == kinds::FOUNDED) {
            return Ok(Vec::new());
        }
        let heads = self.roster.heads(self.device);
        if self.roster.is_revoked(self.device) {
            return Err(CommandError::NotAMember);
        }
        match (self.roster.standing(self.device, &heads), self.rebuilding()) {
            (Standing::Member(role), _) => {
                let refused = |op: &&OpDraft| !role_allows(role, op.kind);
                match ops.iter().find(refused) {
                    Some(_) => Err(CommandError::ManagerOnly),
                    None => Ok(heads),
                }
            }
            (_, Some((done, total))) => Err(CommandError::Rebuilding { done, total }),
            (Standing::Stranger | Standing::Unknown(_), None) => Err(CommandError::NotAMember),
        }
    }

    /// What this device may do, if it belongs to the store.
    pub fn own_role(&self) -> Option<Role> {
        match self.roster.standing(self.device, &self.roster.heads(self.device)) {
            Standing::Member(role) if !self.roster.is_revoked(self.device) => Some(role),
            _ => None,
        }
    }
}
