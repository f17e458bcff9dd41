//! The published stock counters: one document for each business day of this device, written at
//! most once a second, so that displays, other stores and the hub see stock without the ledger.
//! They are computed apart from the books, on purpose: an audit compares the two.

use std::collections::{BTreeMap, BTreeSet};

use pos_core::business_date::BusinessDate;
use pos_core::ids::DeviceId;
use pos_core::product::{ProductKind, Sku};
use pos_core::record::Record;
use pos_core::stock::InventoryAdjustment;

use super::command::{CommandError, DocumentError, Moment};
use super::entry::{Entry, EntryId, Header, Lane, OpClass, OpDraft};
use super::keys;
use super::kinds;
use super::replica::{DayMovements, Replica, last_ordinal};
use crate::documents::{Author, DocumentId, DocumentKind, StockCounters};
use crate::limits;
use crate::storage::{FrameKind, Ordinal, Reads, Scanned, StorageError, Stream};

impl Replica {
    /// What an adjustment moved, for the counters this device will publish.
    pub(super) fn count_adjustment(&mut self, adjustment: &InventoryAdjustment) {
        let day = self.movements.entry(adjustment.business_date).or_default();
        for line in adjustment.lines.iter().filter(|line| line.kind == ProductKind::Stocked) {
            let moved = day.entry(line.sku.clone()).or_default();
            *moved = moved.saturating_add(line.quantity_change.thousandths());
        }
    }

    /// Publishes when a second has gone by since the last time.
    pub(super) fn publish_if_due(&mut self, reads: &dyn Reads, at: Moment) {
        let due = self.published_at_ms.saturating_add(limits::STOCK_PUBLISH_MS);
        if at.monotonic_ms >= due {
            self.publish(reads, at);
        }
    }

    /// Writes what moved since the last time into the documents of its days.
    pub(super) fn publish(&mut self, reads: &dyn Reads, at: Moment) {
        if self.movements.is_empty() || self.rebuild.is_some() || self.stopped.is_some() {
            return;
        }
        // The entry that opens this life is of the Ledger as well: it waits for its flush below.
        let opened = self.ensure_life(reads, at).is_ok();
        // Counters never count a sale that may still be lost, and never name an entry that may: they
        // are in another journal, of which a power cut can leave more.
        let ledger = Stream::OwnLedger;
        if opened && self.appended.get(&ledger) != self.flushed.get(&ledger) {
            return;
        }
        self.published_at_ms = at.monotonic_ms;
        // The counters are a convenience: what cannot be published now stays due, and is counted
        // anew from the journal.
        if !opened || self.publish_days(reads, at).is_err() {
            self.stock_document = None;
            return;
        }
        self.movements.clear();
        let next = self.appended.get(&Stream::OwnLedger).copied();
        self.published_from = next.unwrap_or(self.published_from);
    }

    /// All changes are made before the first one is written, and the last one alone says up to
    /// which Ledger entry the counters count: when a crash leaves only some of them, the next
    /// life counts from where they began.
    fn publish_days(&mut self, reads: &dyn Reads, at: Moment) -> Result<(), CommandError> {
        let mut ops = Vec::new();
        for (date, moved) in self.movements.clone() {
            self.publish_day(reads, date, &moved, &mut ops)?;
        }
        let last = ops.len().saturating_sub(1);
        for (index, op) in ops.into_iter().enumerate() {
            let deps = if index == last { vec![self.resume.ledger.head] } else { Vec::new() };
            self.append_own(reads, at, Lane::Floor, deps, vec![op])?;
        }
        Ok(())
    }

    fn publish_day(
        &mut self,
        reads: &dyn Reads,
        date: BusinessDate,
        moved: &DayMovements,
        ops: &mut Vec<OpDraft>,
    ) -> Result<(), CommandError> {
        let (mut document, mut totals) = match self.stock_document.take() {
            Some((of, document)) if of == date => {
                let totals = document.totals();
                (document, totals)
            }
            Some(_) | None => self.load_stock_document(reads, date)?,
        };
        for (sku, change) in moved {
            let total = totals.entry(sku.clone()).or_default();
            *total = total.saturating_add(*change);
        }
        let author = self.author();
        let subject = stock_document_id(self.device, date).to_bytes().to_vec();
        while let Some(body) = document.publish(&author, &totals).map_err(DocumentError::from)? {
            let kind = kinds::DOCUMENT_CHANGE;
            ops.push(OpDraft { kind, class: OpClass::Change, subject: subject.clone(), body });
        }
        self.stock_document = Some((date, document));
        Ok(())
    }

    /// Takes from an own published change up to where it counts.
    pub(super) fn note_published(
        &mut self,
        reads: &dyn Reads,
        header: &Header,
    ) -> Result<(), StorageError> {
        let Some(&last) = header.deps.first() else { return Ok(()) };
        let place = self.overlay.get(reads, &keys::entry(last))?;
        self.published_lamport = self.published_lamport.max(header.lamport);
        if let Some((Stream::OwnLedger, ordinal)) = place.as_deref().and_then(keys::parse_place)
            && self.rebuild.is_some()
        {
            self.published_from = self.published_from.max(ordinal.saturating_add(1));
        }
        Ok(())
    }

    /// Counts what own Ledger entries moved that no published document has yet.
    pub(super) fn recount_movements(&mut self, reads: &dyn Reads) -> Result<(), StorageError> {
        self.movements.clear();
        let mut next = self.published_from;
        while next < reads.next_ordinal(Stream::OwnLedger) {
            let scanned = reads.scan(Stream::OwnLedger, next, limits::REBUILD_STEP_BYTES)?;
            let Some(last) = scanned.last() else { break };
            next = last_ordinal(last).saturating_add(1);
            for item in scanned {
                let Scanned::Frame(frame) = item else { continue };
                if frame.kind == FrameKind::Entry
                    && let Ok(entry) = Entry::decode(&frame.payload)
                {
                    self.count_entry(&entry);
                }
            }
        }
        Ok(())
    }

    fn count_entry(&mut self, entry: &Entry) {
        if self.held.contains_key(&entry.id()) {
            return;
        }
        for (_, op, body) in entry.ops() {
            let Some(body) = body else { continue };
            match Record::decode(op.kind, body) {
                Ok(Record::TransactionCompleted(sale)) => self.count_sale(&sale),
                Ok(Record::StockAdjusted(adjustment)) => self.count_adjustment(&adjustment),
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// This device's counters of a day as published so far, and the totals of the last
    /// publication that was finished.
    fn load_stock_document(
        &self,
        reads: &dyn Reads,
        date: BusinessDate,
    ) -> Result<(StockCounters, BTreeMap<Sku, i64>), CommandError> {
        let id = stock_document_id(self.device, date);
        let mut document = StockCounters::open(self.device.as_bytes(), date.days_since_epoch(), 0)
            .map_err(DocumentError::from)?;
        let mut finished = None;
        for change in self.changes_of(reads, id)? {
            if change.order.0 > self.published_lamport && finished.is_none() {
                finished = Some(document.totals());
            }
            let _refused_or_not = document.apply_remote(&change.raw, &change.author);
        }
        let finished = finished.unwrap_or_else(|| document.totals());
        Ok((document, finished))
    }

    /// The raw changes of a document with their authors, by Lamport time and id: in the order
    /// every replica reads them, which has what a change builds on before it.
    pub(super) fn changes_of(
        &self,
        reads: &dyn Reads,
        document: DocumentId,
    ) -> Result<Vec<StoredChange>, StorageError> {
        let mut changes = Vec::new();
        let prefix = keys::document(&document.to_bytes());
        for (key, _) in self.overlay.list(reads, &prefix, usize::MAX)? {
            let Some((stream, ordinal)) = keys::document_change_place(&key) else { continue };
            let Some(entry) = self.entry_at(reads, stream, ordinal)? else { continue };
            changes.extend(changes_in(&entry, document));
        }
        changes.sort_by_key(|change: &StoredChange| change.order);
        Ok(changes)
    }

    /// The entry in a frame; none where the frame is damaged, which is told elsewhere.
    pub(super) fn entry_at(
        &self,
        reads: &dyn Reads,
        stream: Stream,
        ordinal: Ordinal,
    ) -> Result<Option<Entry>, StorageError> {
        match self.frame(reads, stream, ordinal) {
            Ok(frame) => Ok(Entry::decode(&frame.payload).ok()),
            Err(StorageError::Damaged(_)) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// The sum of all published counters, as any reader of the documents sees it.
    pub fn published_stock(&self, reads: &dyn Reads) -> Result<BTreeMap<Sku, i64>, CommandError> {
        let mut ids = BTreeSet::new();
        for (key, _) in self.overlay.list(reads, keys::DOCUMENTS, usize::MAX)? {
            let bytes = key.get(keys::DOCUMENTS.len()..).unwrap_or_default();
            let id = bytes.get(..DocumentId::LEN).and_then(DocumentId::from_bytes);
            ids.extend(id.filter(|id| id.kind() == DocumentKind::StockCounters));
        }
        let mut documents = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(opened) = StockCounters::from_id(id) else { continue };
            let mut document = opened.map_err(DocumentError::from)?;
            for change in self.changes_of(reads, id)? {
                let _refused_or_not = document.apply_remote(&change.raw, &change.author);
            }
            documents.push(document);
        }
        let mut sum: BTreeMap<Sku, i64> = BTreeMap::new();
        for (sku, moved) in documents.iter().flat_map(StockCounters::totals) {
            let total = sum.entry(sku).or_default();
            *total = total.saturating_add(moved);
        }
        Ok(sum)
    }
}

/// The document of what `device` moved on `date`.
fn stock_document_id(device: DeviceId, date: BusinessDate) -> DocumentId {
    DocumentId::stock_counters(device.as_bytes(), date.days_since_epoch(), 0)
}

/// A change of a document, as an entry carries it.
pub(super) struct StoredChange {
    pub(super) raw: Vec<u8>,
    pub(super) author: Author,
    /// Lamport time and id of the entry.
    pub(super) order: (u64, EntryId),
}

/// The changes of `document` that an entry carries.
pub(super) fn changes_in(entry: &Entry, document: DocumentId) -> Vec<StoredChange> {
    let feed = entry.header().feed;
    let author = Author::new(feed.device.as_bytes(), &feed.incarnation.to_bytes());
    let order = (entry.header().lamport, entry.id());
    let subject = document.to_bytes();
    entry
        .ops()
        .filter(|(_, op, _)| op.kind == kinds::DOCUMENT_CHANGE && op.subject == subject)
        .filter_map(|(_, _, body)| Some(StoredChange { raw: body?.to_vec(), author, order }))
        .collect()
}
