//! The stock audit: what the devices published and what the books say, compared. The two are
//! computed apart, by code that shares nothing but the records, so that a fault of either shows.
//!
//! A publication says up to which entry of its device's Ledger it counts. What comes after that
//! entry is in the books and in no document yet: it is read from the feed's end backwards and set
//! aside, so that a difference is never just news that is under way. A device of which that cannot
//! be said (entries are missing or kept aside, a copy of it went on) is left out with all its
//! documents and all its entries, and named.

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, BTreeSet};

use pos_core::ids::DeviceId;
use pos_core::product::{ProductKind, Sku};
use pos_core::record::Record;
use pos_core::stock::stock_movements;

use super::command::{CommandError, DocumentError};
use super::entry::{Entry, EntryId, Lane};
use super::feeds::FeedState;
use super::identity::{FeedId, Incarnation};
use super::keys;
use super::life::FeedEnd;
use super::published::changes_in;
use super::replica::Replica;
use crate::documents::{DocumentId, StockCounters};
use crate::storage::{Reads, StorageError};

/// A product whose published counters are not what the books say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockDifference {
    /// The product.
    pub sku: Sku,
    /// Thousandths by the books, without what is not published yet.
    pub books: i64,
    /// Thousandths as published.
    pub published: i64,
}

/// What an audit of the published stock counters found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StockAudit {
    /// Products compared.
    pub products: u64,
    /// Entries that move stock and that no document counts yet.
    pub unpublished: u64,
    /// Devices that were left out, because their entries or documents are not all here.
    pub left_out: BTreeSet<DeviceId>,
    /// Real differences, by product: each is a fault of a device or a forgery.
    pub differences: Vec<StockDifference>,
}

/// Movements of stock by product, in thousandths.
type Movements = BTreeMap<Sku, i64>;

/// Where each life of a device was sealed.
type Seals = BTreeMap<(DeviceId, Incarnation), BTreeSet<(u64, EntryId)>>;

/// A change of a stock document with what its entry says.
struct Published {
    /// Lamport time and id of the entry.
    order: (u64, EntryId),
    document: DocumentId,
    /// Up to where the publication counts that this change ends.
    upto: Option<EntryId>,
    entry: Entry,
}

/// How far a device's documents count its Ledger.
enum Counted {
    /// It cannot be said.
    Unknown,
    /// All lives before this one, and this one up to an entry.
    Upto(Incarnation, u64),
    /// Nothing.
    Nothing,
}

impl Replica {
    /// Compares the published stock counters of all devices with the books.
    pub fn audit_stock(&self, reads: &dyn Reads) -> Result<StockAudit, CommandError> {
        if let Some((done, total)) = self.rebuilding() {
            return Err(CommandError::Rebuilding { done, total });
        }
        let mut published = self.publications(reads)?;
        let seals = self.seals(reads)?;
        let kept_aside = self.authors_of_kept_aside(reads)?;
        let mut audit = StockAudit::default();
        let (mut shown, mut pending) = (Movements::new(), Movements::new());
        for device in self.feeds().iter().map(|(feed, _)| feed.device).collect::<BTreeSet<_>>() {
            let changes = published.remove(&device).unwrap_or_default();
            let end = changes.iter().filter(|change| change.upto.is_some()).map(|one| one.order);
            let end = end.max();
            let whole = !kept_aside.contains(&device) && self.lives_are_whole(device, &seals);
            let totals = counters(&changes, end)?;
            let counted = match (whole, totals) {
                (true, Some(totals)) => {
                    let counted = self.counted_upto(reads, &changes, end)?;
                    if !matches!(counted, Counted::Unknown) {
                        add(&mut shown, totals);
                    }
                    counted
                }
                _ => Counted::Unknown,
            };
            if matches!(counted, Counted::Unknown) {
                audit.left_out.insert(device);
            }
            audit.unpublished += self.uncounted(reads, device, &counted, &mut pending)?;
        }
        let on_hand = self.books.all_on_hand();
        let mut books: Movements =
            on_hand.map(|(sku, quantity)| (sku.clone(), quantity.thousandths())).collect();
        for (sku, moved) in pending {
            let left = books.entry(sku).or_default();
            *left = left.saturating_sub(moved);
        }
        let skus: BTreeSet<Sku> = books.keys().chain(shown.keys()).cloned().collect();
        for sku in skus {
            audit.products += 1;
            let by_books = books.get(&sku).copied().unwrap_or(0);
            let as_published = shown.get(&sku).copied().unwrap_or(0);
            if by_books != as_published {
                let difference = StockDifference { sku, books: by_books, published: as_published };
                audit.differences.push(difference);
            }
        }
        Ok(audit)
    }

    /// How many changes of published counters an audit would read, counted up to `most`: what it
    /// costs. A thousand take some tenths of a second.
    pub fn audit_size(&self, reads: &dyn Reads, most: usize) -> Result<usize, StorageError> {
        Ok(self.overlay.list(reads, &self.stock_documents(), most)?.len())
    }

    /// What the keys of all changes of stock documents begin with.
    fn stock_documents(&self) -> Vec<u8> {
        let any = DocumentId::stock_counters(self.device.as_bytes(), 0, 0).to_bytes();
        keys::document(any.get(..1).unwrap_or_default())
    }

    /// The changes of all stock documents by device, in the order of their entries.
    fn publications(
        &self,
        reads: &dyn Reads,
    ) -> Result<BTreeMap<DeviceId, Vec<Published>>, StorageError> {
        let mut found: BTreeMap<DeviceId, Vec<Published>> = BTreeMap::new();
        for (key, _) in self.overlay.list(reads, &self.stock_documents(), usize::MAX)? {
            let bytes = key.get(keys::DOCUMENTS.len()..).unwrap_or_default();
            let document = bytes.get(..DocumentId::LEN).and_then(DocumentId::from_bytes);
            let place = keys::document_change_place(&key);
            let (Some(document), Some((stream, ordinal))) = (document, place) else { continue };
            let Some(entry) = self.entry_at(reads, stream, ordinal)? else { continue };
            let order = (entry.header().lamport, entry.id());
            let upto = entry.header().deps.first().copied();
            let of_device = found.entry(entry.header().feed.device).or_default();
            of_device.push(Published { order, document, upto, entry });
        }
        for changes in found.values_mut() {
            changes.sort_by_key(|change| change.order);
        }
        Ok(found)
    }

    /// Where each life was sealed.
    fn seals(&self, reads: &dyn Reads) -> Result<Seals, StorageError> {
        let mut seals = Seals::new();
        for (key, value) in self.overlay.list(reads, keys::SEALS, usize::MAX)? {
            let Some(life) = keys::parse_seal(&key) else { continue };
            let Ok(end) = postcard::from_bytes::<FeedEnd>(&value) else { continue };
            seals.entry(life).or_default().insert((end.seq, end.head));
        }
        Ok(seals)
    }

    fn authors_of_kept_aside(&self, reads: &dyn Reads) -> Result<BTreeSet<DeviceId>, StorageError> {
        let mut authors = BTreeSet::new();
        for (_, stream, ordinal) in self.held.values() {
            let entry = self.entry_at(reads, *stream, *ordinal)?;
            authors.extend(entry.map(|entry| entry.header().feed.device));
        }
        Ok(authors)
    }

    /// Whether the lives of a device follow each other in one line, each held to its end.
    fn lives_are_whole(&self, device: DeviceId, seals: &Seals) -> bool {
        let of_device = |feed: &FeedId| feed.device == device;
        let mut counters = BTreeSet::new();
        let mut last = None;
        for (feed, state) in self.feeds().iter().filter(|(feed, _)| of_device(feed)) {
            if state.heads.len() != 1 || !state.missing.is_empty() {
                return false;
            }
            if feed.lane == Lane::Ledger {
                // Two lives of one number: a copy of the device went on.
                if !counters.insert(feed.incarnation.counter) {
                    return false;
                }
                last = last.max(Some(feed.incarnation));
            }
        }
        let whole = |((of, life), ends): (&(DeviceId, Incarnation), &BTreeSet<_>)| {
            let feed = FeedId { device: *of, incarnation: *life, lane: Lane::Ledger };
            let held = self.feeds().get(&feed).map(|state| &state.heads);
            held.is_some_and(|heads| heads == ends)
        };
        let sealed = seals.iter().filter(|((of, _), _)| *of == device);
        let ended: BTreeSet<Incarnation> = sealed.clone().map(|((_, life), _)| *life).collect();
        let open = self.feeds().iter().filter(|(feed, _)| {
            of_device(feed) && feed.lane == Lane::Ledger && !ended.contains(&feed.incarnation)
        });
        sealed.clone().all(whole) && open.map(|(feed, _)| feed.incarnation).eq(last)
    }

    /// How far the publication that ended last counts.
    fn counted_upto(
        &self,
        reads: &dyn Reads,
        changes: &[Published],
        end: Option<(u64, EntryId)>,
    ) -> Result<Counted, StorageError> {
        let Some(end) = end else { return Ok(Counted::Nothing) };
        let last = changes.iter().find(|change| change.order == end);
        let Some(upto) = last.and_then(|change| change.upto) else { return Ok(Counted::Nothing) };
        // It may count entries that have not come in.
        let Some(entry) = self.entry(reads, upto)? else { return Ok(Counted::Unknown) };
        Ok(Counted::Upto(entry.header().feed.incarnation, entry.header().seq))
    }

    /// Adds what a device's entries moved that its documents do not count; says how many entries.
    fn uncounted(
        &self,
        reads: &dyn Reads,
        device: DeviceId,
        counted: &Counted,
        pending: &mut Movements,
    ) -> Result<u64, StorageError> {
        let mut entries = 0;
        let own =
            |(feed, _): &(&FeedId, &FeedState)| feed.device == device && feed.lane == Lane::Ledger;
        for (feed, state) in self.feeds().iter().filter(own) {
            let after = match counted {
                Counted::Upto(life, _) if feed.incarnation.counter < life.counter => continue,
                Counted::Upto(life, seq) if feed.incarnation == *life => *seq,
                Counted::Upto(..) | Counted::Nothing | Counted::Unknown => 0,
            };
            // Of a forked feed each branch is walked, and what they share once.
            let mut seen = BTreeSet::new();
            for &(_, head) in &state.heads {
                let mut next = head;
                while seen.insert(next)
                    && let Some(entry) = self.entry(reads, next)?
                    && entry.header().seq > after
                {
                    next = entry.header().previous;
                    let moved = movements(&entry);
                    if !moved.is_empty() && !self.held.contains_key(&entry.id()) {
                        entries += 1;
                        add(pending, moved);
                    }
                }
            }
        }
        Ok(entries)
    }
}

/// The counters as the publication left them that ended at `end`; `None` when a change of them is
/// missing or refused.
fn counters(
    changes: &[Published],
    end: Option<(u64, EntryId)>,
) -> Result<Option<Movements>, CommandError> {
    let mut documents: BTreeMap<DocumentId, StockCounters> = BTreeMap::new();
    for change in changes.iter().filter(|change| Some(change.order) <= end) {
        let document = match documents.entry(change.document) {
            Slot::Occupied(held) => held.into_mut(),
            Slot::Vacant(free) => {
                let Some(opened) = StockCounters::from_id(change.document) else { continue };
                free.insert(opened.map_err(DocumentError::from)?)
            }
        };
        for stored in changes_in(&change.entry, change.document) {
            if document.apply_remote(&stored.raw, &stored.author).is_err() {
                return Ok(None);
            }
        }
    }
    if documents.values().any(|document| document.document().parked_count() > 0) {
        return Ok(None);
    }
    let mut sum = Movements::new();
    for document in documents.values() {
        add(&mut sum, document.totals());
    }
    Ok(Some(sum))
}

/// What the records of an entry move.
fn movements(entry: &Entry) -> Movements {
    let mut moved = Movements::new();
    for (_, op, body) in entry.ops() {
        match body.map(|body| Record::decode(op.kind, body)) {
            Some(Ok(Record::TransactionCompleted(sale))) => {
                let sold = stock_movements(&sale);
                add(&mut moved, sold.map(|(sku, quantity)| (sku, quantity.thousandths())));
            }
            Some(Ok(Record::StockAdjusted(adjustment))) => {
                let stocked =
                    |line: &pos_core::stock::AdjustmentLine| line.kind == ProductKind::Stocked;
                let lines = adjustment.lines.into_iter().filter(stocked);
                add(&mut moved, lines.map(|line| (line.sku, line.quantity_change.thousandths())));
            }
            Some(Ok(_) | Err(_)) | None => {}
        }
    }
    moved
}

fn add(sum: &mut Movements, moved: impl IntoIterator<Item = (Sku, i64)>) {
    for (sku, quantity) in moved {
        let total = sum.entry(sku).or_default();
        *total = total.saturating_add(quantity);
    }
}
