//! Shutting a device out: the record with its cuts, moving a cut up, and what is kept aside.

use std::collections::BTreeMap;

use pos_core::cart::Direction;
use pos_core::ids::{DeviceId, RecordId};
use pos_core::money::Currency;
use pos_core::record::Record;
use thiserror::Error;

use super::entry::{Entry, Lane};
use super::identity::FeedId;
use super::replica::Replica;
use super::roster::{Cut, RosterRecord};
use crate::limits;
use crate::storage::{Reads, StorageError};

/// Why a change of the roster makes no sense. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RosterError {
    /// Nobody let it in.
    #[error("there is no device {0} in this store: `tillmesh devices` lists those there are")]
    UnknownDevice(DeviceId),
    /// It stays out.
    #[error(
        "device {0} was shut out of the store; let it in anew under a new key (an empty folder)"
    )]
    Revoked(DeviceId),
    /// There is nothing to move.
    #[error("device {0} was not shut out: there is no cut to move")]
    NotRevoked(DeviceId),
    /// There is nothing to accept.
    #[error("nothing of device {0} is kept aside beyond its cuts")]
    NothingBeyond(DeviceId),
    /// The phrase cannot be shut out.
    #[error(
        "the recovery phrase cannot be revoked: if somebody else knows it, found the store anew"
    )]
    RecoveryKey,
    /// A record that nobody could read.
    #[error("a revocation names at most {limit} feeds, this one {found}: write several records")]
    TooManyCuts {
        /// Feeds it names.
        found: usize,
        /// Feeds it may name.
        limit: usize,
    },
    /// A store is founded once.
    #[error("a store is founded by `tillmesh init`, and once")]
    Founding,
}

/// What one feed of a revoked device holds beyond its cut: stored and relayed, and part of no
/// total. A person looks at it and may move the cut up: see [`Replica::extension`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAside {
    /// The feed.
    pub feed: FeedId,
    /// Its last entry that counts; 0 for none.
    pub cut: u64,
    /// Its last entry that is held.
    pub reached: u64,
    /// Entries kept aside.
    pub entries: u64,
    /// Sales among them.
    pub sales: u64,
    /// Returns among them.
    pub returns: u64,
    /// Sum of the sales in minor units, by currency.
    pub sales_value: BTreeMap<Currency, i128>,
    /// Sum of the returns, as printed on them.
    pub returns_value: BTreeMap<Currency, i128>,
    /// Cash put in or taken out, how often.
    pub cash_movements: u64,
    /// The first transactions of them, at most [`limits::KEPT_ASIDE_LISTED_MAX`].
    pub transactions: Vec<RecordId>,
}

impl KeptAside {
    const fn of(feed: FeedId, cut: u64) -> Self {
        Self {
            feed,
            cut,
            reached: 0,
            entries: 0,
            sales: 0,
            returns: 0,
            sales_value: BTreeMap::new(),
            returns_value: BTreeMap::new(),
            cash_movements: 0,
            transactions: Vec::new(),
        }
    }

    fn count(&mut self, entry: &Entry) {
        self.entries = self.entries.saturating_add(1);
        self.reached = self.reached.max(entry.header().seq);
        for (id, op, body) in entry.ops() {
            match body.map(|body| Record::decode(op.kind, body)) {
                Some(Ok(Record::TransactionCompleted(sale))) => {
                    let (count, sums) = match sale.direction {
                        Direction::Sale => (&mut self.sales, &mut self.sales_value),
                        Direction::Return => (&mut self.returns, &mut self.returns_value),
                    };
                    *count = count.saturating_add(1);
                    let sum = sums.entry(sale.total.currency()).or_default();
                    *sum = sum.saturating_add(i128::from(sale.total.minor()));
                    if self.transactions.len() < limits::KEPT_ASIDE_LISTED_MAX {
                        self.transactions.push(id);
                    }
                }
                Some(Ok(Record::CashMoved(_))) => {
                    self.cash_movements = self.cash_movements.saturating_add(1);
                }
                _ => {}
            }
        }
    }
}

impl Replica {
    /// The records that shut a device out, cut where its feeds end here: what it has written and
    /// this device holds counts, what turns up later does not. More than one when the device has
    /// lived more lives than one record names; each is a [`super::Command::ChangeRoster`].
    pub fn revocation(&self, device: DeviceId) -> Result<Vec<RosterRecord>, RosterError> {
        self.refuse_unknown(device)?;
        if self.roster.is_revoked(device) {
            return Err(RosterError::Revoked(device));
        }
        Ok(records(device, self.cuts_beyond(device, |_| 0)))
    }

    /// The records that move the cuts of a revoked device up to the end of what is held, of `only`
    /// one feed or of all: what was kept aside counts then. Of a manager two voices have to say
    /// so. Rights do not come back: the device stays out.
    pub fn extension(
        &self,
        device: DeviceId,
        only: Option<FeedId>,
    ) -> Result<Vec<RosterRecord>, RosterError> {
        self.refuse_unknown(device)?;
        if !self.roster.is_revoked(device) {
            return Err(RosterError::NotRevoked(device));
        }
        let mut cuts = self.cuts_beyond(device, |feed| self.roster.cut(feed).unwrap_or(0));
        if let Some(only) = only {
            cuts.retain(|cut| cut.feed(device) == only);
        }
        if cuts.is_empty() {
            Err(RosterError::NothingBeyond(device))
        } else {
            Ok(records(device, cuts))
        }
    }

    /// What is kept aside because its device was revoked, by feed.
    pub fn kept_aside(&self, reads: &dyn Reads) -> Result<Vec<KeptAside>, StorageError> {
        let mut feeds: BTreeMap<FeedId, BTreeMap<(u64, RecordId), Entry>> = BTreeMap::new();
        for (id, (_, stream, ordinal)) in &self.held {
            let frame = self.frame(reads, *stream, *ordinal)?;
            let Ok(entry) = Entry::decode(&frame.payload) else { continue };
            let (feed, seq) = (entry.header().feed, entry.header().seq);
            if self.roster.cut(feed).is_some_and(|cut| seq > cut) {
                feeds.entry(feed).or_default().insert((seq, *id), entry);
            }
        }
        let report = feeds.into_iter().map(|(feed, entries)| {
            let mut kept = KeptAside::of(feed, self.roster.cut(feed).unwrap_or(0));
            for entry in entries.values() {
                kept.count(entry);
            }
            kept
        });
        Ok(report.collect())
    }

    /// The entries of the roster records that `author` would name, with all they name: what another
    /// writer has to hold to write as that author.
    pub(crate) fn roster_entries(
        &self,
        reads: &dyn Reads,
        author: DeviceId,
    ) -> Result<Vec<Vec<u8>>, StorageError> {
        let named = self.roster.past(&self.roster.heads(author)).unwrap_or_default();
        let mut entries = Vec::with_capacity(named.len());
        for id in named {
            if let Some(entry) = self.entry(reads, id)? {
                entries.push(entry.encode());
            }
        }
        Ok(entries)
    }

    /// Where the feeds of a device end that reach beyond `known`.
    fn cuts_beyond(&self, device: DeviceId, known: impl Fn(FeedId) -> u64) -> Vec<Cut> {
        let feeds = self.feeds.iter().filter(|(feed, _)| feed.device == device);
        let ends = feeds.filter_map(|(feed, state)| Some((*feed, *state.heads.last()?)));
        ends.filter(|(feed, (seq, _))| *seq > known(*feed))
            .map(|(feed, (seq, head))| Cut {
                incarnation: feed.incarnation,
                floor: feed.lane == Lane::Floor,
                seq,
                head,
            })
            .collect()
    }

    fn refuse_unknown(&self, device: DeviceId) -> Result<(), RosterError> {
        if self.roster.recovery() == Some(device) {
            return Err(RosterError::RecoveryKey);
        }
        match self.roster.role(device) {
            Some(_) => Ok(()),
            None => Err(RosterError::UnknownDevice(device)),
        }
    }

    /// Refuses a change of the roster that could not mean anything.
    pub(super) fn refuse_pointless(&self, record: &RosterRecord) -> Result<(), RosterError> {
        match record {
            RosterRecord::Founded { .. } => Err(RosterError::Founding),
            RosterRecord::DeviceAdded { device, .. } => {
                if self.roster.recovery() == Some(*device) {
                    Err(RosterError::RecoveryKey)
                } else if self.roster.is_revoked(*device) {
                    Err(RosterError::Revoked(*device))
                } else {
                    Ok(())
                }
            }
            RosterRecord::DeviceRevoked { device, cuts } => {
                self.refuse_unknown(*device)?;
                let (found, limit) = (cuts.len(), limits::CUTS_MAX);
                if found > limit {
                    return Err(RosterError::TooManyCuts { found, limit });
                }
                Ok(())
            }
        }
    }
}

/// As many records as it takes; one without cuts when the device has written nothing.
fn records(device: DeviceId, cuts: Vec<Cut>) -> Vec<RosterRecord> {
    if cuts.is_empty() {
        return vec![RosterRecord::DeviceRevoked { device, cuts }];
    }
    let parts = cuts.chunks(limits::CUTS_MAX);
    parts.map(|cuts| RosterRecord::DeviceRevoked { device, cuts: cuts.to_vec() }).collect()
}
