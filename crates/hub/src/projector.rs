//! Keeps the rows of one store up with its replica: reads what the journal has grown by, and says
//! what of the rows changes.
//!
//! An entry that the replica keeps aside (its author was not a member, an entry it needs is missing)
//! is in no row; when the replica counts it after all, so do the rows. When the replica folds
//! everything anew, because a device was revoked or its index was lost, the rows are made anew too.

use std::collections::{BTreeMap, BTreeSet};

use pos_core::business_date::{BusinessDate, WallTime};
use pos_core::ids::{DeviceId, StoreId};
use replica::core::{CommandError, Entry, EntryId, Replica};
use replica::node::Node;
use replica::storage::{FrameKind, Ordinal, Reads, Scanned, Storage, StorageError, Stream};
use thiserror::Error;

use crate::folded;
use crate::limits;
use crate::project::Facts;
use crate::rows::{ExceptionRow, FeedHead};
use crate::store::StoreChange;

/// Why the rows of a store cannot follow its replica now. Nothing is lost: the next time they do.
#[derive(Debug, Error)]
pub enum ProjectError {
    /// The disk.
    #[error("the store's journal cannot be read: {0}")]
    Disk(#[from] StorageError),
    /// The replica refuses.
    #[error("the store's replica cannot be asked: {0}")]
    Replica(#[from] CommandError),
}

/// How far the rows of one store are.
#[derive(Debug)]
pub struct Projector {
    store: StoreId,
    /// The next frame of each stream.
    next: BTreeMap<Stream, Ordinal>,
    /// Entries read and kept aside by the replica.
    aside: BTreeMap<EntryId, (Stream, Ordinal)>,
    /// Entries kept aside whose frames could not be read.
    unread: BTreeSet<EntryId>,
    heads: Vec<FeedHead>,
    days: BTreeSet<BusinessDate>,
    /// Lamport time and clock of the newest entry of each device.
    written: BTreeMap<DeviceId, (u64, WallTime)>,
    /// The rows are to be made from the beginning.
    stale: bool,
    /// Exceptions were last derived before the last change.
    exceptions_due: bool,
    exceptions_at_ms: u64,
}

impl Projector {
    /// Rows of nothing yet.
    pub const fn new(store: StoreId) -> Self {
        Self {
            store,
            next: BTreeMap::new(),
            aside: BTreeMap::new(),
            unread: BTreeSet::new(),
            heads: Vec::new(),
            days: BTreeSet::new(),
            written: BTreeMap::new(),
            stale: true,
            exceptions_due: false,
            exceptions_at_ms: 0,
        }
    }

    /// What changes in the rows; `None` when nothing does, or while the replica folds everything
    /// anew. `now_ms` counts milliseconds and only goes forward: exceptions follow at most every
    /// [`limits::EXCEPTIONS_EVERY_MS`], or at once where it is [`u64::MAX`].
    ///
    /// Whoever cannot put the change into the database calls [`Self::start_over`].
    pub fn changes<S: Storage>(
        &mut self,
        node: &mut Node<S>,
        now_ms: u64,
    ) -> Result<Option<StoreChange>, ProjectError> {
        if node.replica().rebuilding().is_some() {
            self.stale = true;
            return Ok(None);
        }
        let result = node.query(|replica, reads| self.changes_of(replica, reads, now_ms));
        if result.is_err() {
            self.stale = true;
        }
        result
    }

    /// Makes the next change contain everything: whoever could not put the last one into the
    /// database, or has seen the replica fold everything anew, says so here.
    pub const fn start_over(&mut self) {
        self.stale = true;
    }

    fn changes_of(
        &mut self,
        replica: &Replica,
        reads: &dyn Reads,
        now_ms: u64,
    ) -> Result<Option<StoreChange>, ProjectError> {
        let held: BTreeSet<EntryId> = replica.held_back().map(|(id, _)| *id).collect();
        let mut replace = self.stale;
        let facts = loop {
            if replace {
                let exceptions_at_ms = self.exceptions_at_ms;
                *self = Self { exceptions_at_ms, ..Self::new(self.store) };
            }
            let mut facts = self.read_on(reads, &held)?;
            self.free(reads, &held, &mut facts)?;
            let missed: BTreeSet<EntryId> =
                held.iter().filter(|id| !self.aside.contains_key(*id)).copied().collect();
            // What is kept aside and was read as if it counted is in the rows: they begin again.
            if replace || missed.is_subset(&self.unread) {
                self.unread = missed;
                break facts;
            }
            replace = true;
        };
        self.stale = false;
        let heads = folded::heads(replica);
        if heads == self.heads && facts == Facts::default() && !replace {
            return self.exceptions_alone(replica, reads, now_ms);
        }
        self.heads = heads;
        self.change(replica, reads, facts, replace, now_ms).map(Some)
    }

    /// What the journal has grown by.
    fn read_on(
        &mut self,
        reads: &dyn Reads,
        held: &BTreeSet<EntryId>,
    ) -> Result<Facts, StorageError> {
        let mut facts = Facts::default();
        for stream in Stream::ALL {
            let mut next = self.next.get(&stream).copied().unwrap_or_default();
            while next < reads.next_ordinal(stream) {
                let scanned = reads.scan(stream, next, limits::READ_BYTES)?;
                if scanned.is_empty() {
                    break;
                }
                for item in scanned {
                    let frame = match item {
                        // What was in it is missing for the replica too, until it comes in again.
                        Scanned::Damaged(damage) => {
                            next = damage.last.saturating_add(1);
                            continue;
                        }
                        Scanned::Frame(frame) => frame,
                    };
                    next = frame.ordinal.saturating_add(1);
                    if frame.kind == FrameKind::Entry
                        && let Ok(entry) = Entry::decode(&frame.payload)
                    {
                        self.take(&entry, (stream, frame.ordinal), held, &mut facts);
                    }
                }
            }
            self.next.insert(stream, next);
        }
        Ok(facts)
    }

    fn take(
        &mut self,
        entry: &Entry,
        place: (Stream, Ordinal),
        held: &BTreeSet<EntryId>,
        facts: &mut Facts,
    ) {
        let header = entry.header();
        // The newest is the one written in knowledge of most: a clock may have been wrong once.
        let newest =
            self.written.entry(header.feed.device).or_insert((header.lamport, header.wall));
        if header.lamport >= newest.0 {
            *newest = (header.lamport, header.wall);
        }
        if held.contains(&entry.id()) {
            self.aside.insert(entry.id(), place);
        } else {
            facts.absorb(Facts::of(self.store, entry));
        }
    }

    /// Takes in what the replica does not keep aside any more.
    fn free(
        &mut self,
        reads: &dyn Reads,
        held: &BTreeSet<EntryId>,
        facts: &mut Facts,
    ) -> Result<(), StorageError> {
        let freed = self.aside.iter().filter(|(id, _)| !held.contains(*id));
        let freed: Vec<(EntryId, (Stream, Ordinal))> =
            freed.map(|(id, place)| (*id, *place)).collect();
        for (id, (stream, ordinal)) in freed {
            let frame = match reads.read(stream, ordinal) {
                Ok(frame) => Some(frame),
                Err(StorageError::Damaged(_)) => None,
                Err(error) => return Err(error),
            };
            if let Some(entry) = frame.and_then(|frame| Entry::decode(&frame.payload).ok()) {
                facts.absorb(Facts::of(self.store, &entry));
            }
            self.aside.remove(&id);
        }
        Ok(())
    }

    fn change(
        &mut self,
        replica: &Replica,
        reads: &dyn Reads,
        facts: Facts,
        replace: bool,
        now_ms: u64,
    ) -> Result<StoreChange, ProjectError> {
        let books = replica.books();
        self.days.extend(&facts.days);
        let days = if facts.settings { &self.days } else { &facts.days };
        let mut change = StoreChange {
            replace,
            products: folded::products(self.store, books, &facts.products),
            stock: folded::stock(self.store, books, &facts.stock),
            days: folded::days(self.store, books, days),
            customers: folded::customers(self.store, replica, reads, &facts.customers)?,
            devices: Some(folded::devices(self.store, replica, &self.written)),
            sales: facts.sales.into_values().collect(),
            adjustments: facts.adjustments,
            postings: facts.postings.into_values().collect(),
            ..StoreChange::none(folded::store(self.store, books), self.heads.clone())
        };
        self.exceptions_due = true;
        change.exceptions = self.exceptions(replica, reads, replace, now_ms)?;
        Ok(change)
    }

    fn exceptions_alone(
        &mut self,
        replica: &Replica,
        reads: &dyn Reads,
        now_ms: u64,
    ) -> Result<Option<StoreChange>, ProjectError> {
        let exceptions = self.exceptions(replica, reads, false, now_ms)?;
        let change =
            StoreChange::none(folded::store(self.store, replica.books()), self.heads.clone());
        Ok(exceptions.is_some().then_some(StoreChange { exceptions, ..change }))
    }

    fn exceptions(
        &mut self,
        replica: &Replica,
        reads: &dyn Reads,
        now: bool,
        now_ms: u64,
    ) -> Result<Option<Vec<ExceptionRow>>, StorageError> {
        let due = self.exceptions_at_ms.saturating_add(limits::EXCEPTIONS_EVERY_MS);
        if !self.exceptions_due || (now_ms < due && !now && self.exceptions_at_ms > 0) {
            return Ok(None);
        }
        let found = folded::exceptions(self.store, replica, reads)?;
        (self.exceptions_due, self.exceptions_at_ms) = (false, now_ms);
        Ok(Some(found))
    }
}
