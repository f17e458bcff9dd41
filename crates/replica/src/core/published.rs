//! The published stock counters: one document for each business day of this device, written at
//! most once a second, so that displays, other stores and the hub see stock without the ledger.
//! They are computed apart from the books, on purpose: an audit compares the two.

use std::collections::{BTreeMap, btree_map};

use pos_core::business_date::BusinessDate;
use pos_core::ids::DeviceId;
use pos_core::product::{ProductKind, Sku};
use pos_core::record::Record;
use pos_core::stock::InventoryAdjustment;

use super::command::{CommandError, DocumentError, Moment};
use super::entry::{Entry, Header, Lane, OpClass, OpDraft};
use super::keys;
use super::kinds;
use super::replica::{DayMovements, Replica, last_ordinal};
use crate::documents::{Author, DocumentId, StockCounters};
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
        self.published_at_ms = at.monotonic_ms;
        for (date, moved) in core::mem::take(&mut self.movements) {
            // The counters are a convenience: a day that cannot be published now stays due.
            if self.publish_day(reads, at, date, &moved).is_err() {
                self.movements.insert(date, moved);
            }
        }
        if self.movements.is_empty() {
            let next = self.appended.get(&Stream::OwnLedger).copied();
            self.published_from = next.unwrap_or(self.published_from);
        }
    }

    fn publish_day(
        &mut self,
        reads: &dyn Reads,
        at: Moment,
        date: BusinessDate,
        moved: &DayMovements,
    ) -> Result<(), CommandError> {
        self.ensure_life(reads, at)?;
        let (of, mut document) = match self.stock_document.take() {
            Some((of, document)) if of == date => (of, document),
            Some(_) | None => (date, self.load_stock_document(reads, date)?),
        };
        let mut totals = document.totals();
        for (sku, change) in moved {
            let total = totals.entry(sku.clone()).or_default();
            *total = total.saturating_add(*change);
        }
        let author = self.author();
        let subject = stock_document_id(self.device, date).to_bytes().to_vec();
        while let Some(body) = document.publish(&author, &totals).map_err(DocumentError::from)? {
            let kind = kinds::DOCUMENT_CHANGE;
            let op = OpDraft { kind, class: OpClass::Change, subject: subject.clone(), body };
            // The dependency says up to which Ledger entry the counters count.
            let deps = vec![self.resume.ledger.head];
            self.append_own(reads, at, Lane::Floor, deps, vec![op])?;
        }
        self.stock_document = Some((of, document));
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
        for (_, op, body) in entry.ops() {
            let Some(body) = body else { continue };
            match Record::decode(op.kind, body) {
                Ok(Record::TransactionCompleted(sale)) => self.count_sale(&sale),
                Ok(Record::StockAdjusted(adjustment)) => self.count_adjustment(&adjustment),
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// This device's counters of a day, as published so far.
    fn load_stock_document(
        &self,
        reads: &dyn Reads,
        date: BusinessDate,
    ) -> Result<StockCounters, CommandError> {
        let id = stock_document_id(self.device, date);
        let mut document = StockCounters::open(self.device.as_bytes(), date.days_since_epoch(), 0)
            .map_err(DocumentError::from)?;
        for (raw, author) in self.changes_of(reads, id)? {
            document.apply_remote(&raw, &author).map_err(DocumentError::from)?;
        }
        Ok(document)
    }

    /// The raw changes of a document, in the order they were stored, each with its author.
    pub(super) fn changes_of(
        &self,
        reads: &dyn Reads,
        document: DocumentId,
    ) -> Result<Vec<(Vec<u8>, Author)>, StorageError> {
        let mut changes = Vec::new();
        let prefix = keys::document(&document.to_bytes());
        for (key, _) in self.overlay.list(reads, &prefix, usize::MAX)? {
            let Some((stream, ordinal)) = keys::document_change_place(&key) else { continue };
            changes.extend(change_at(reads, stream, ordinal, document)?);
        }
        Ok(changes)
    }

    /// The sum of all published counters, as any reader of the documents sees it.
    pub fn published_stock(&self, reads: &dyn Reads) -> Result<BTreeMap<Sku, i64>, CommandError> {
        let mut documents: BTreeMap<DocumentId, StockCounters> = BTreeMap::new();
        for (key, _) in self.overlay.list(reads, keys::DOCUMENTS, usize::MAX)? {
            let bytes = key.get(keys::DOCUMENTS.len()..).unwrap_or_default();
            let id = bytes.get(..DocumentId::LEN).and_then(DocumentId::from_bytes);
            let (Some(id), Some((stream, ordinal))) = (id, keys::document_change_place(&key))
            else {
                continue;
            };
            let Some(day) = id.business_day() else { continue };
            for (raw, author) in change_at(reads, stream, ordinal, id)? {
                if let btree_map::Entry::Vacant(slot) = documents.entry(id) {
                    let opened = StockCounters::open(author.device(), day, 0);
                    slot.insert(opened.map_err(DocumentError::from)?);
                }
                let Some(document) = documents.get_mut(&id) else { continue };
                document.apply_remote(&raw, &author).map_err(DocumentError::from)?;
            }
        }
        let mut sum: BTreeMap<Sku, i64> = BTreeMap::new();
        for (sku, moved) in documents.values().flat_map(StockCounters::totals) {
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

/// The changes of `document` that the entry in a frame carries.
fn change_at(
    reads: &dyn Reads,
    stream: Stream,
    ordinal: Ordinal,
    document: DocumentId,
) -> Result<Vec<(Vec<u8>, Author)>, StorageError> {
    let frame = reads.read(stream, ordinal)?;
    let Ok(entry) = Entry::decode(&frame.payload) else { return Ok(Vec::new()) };
    let feed = entry.header().feed;
    let author = Author::new(feed.device.as_bytes(), &feed.incarnation.to_bytes());
    let subject = document.to_bytes();
    let raw = entry
        .ops()
        .filter(|(_, op, _)| op.kind == kinds::DOCUMENT_CHANGE && op.subject == subject)
        .filter_map(|(_, _, body)| body.map(|body| (body.to_vec(), author)));
    Ok(raw.collect())
}
