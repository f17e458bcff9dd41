//! Folding one entry into everything that is derived from entries. The one path for own entries,
//! received ones and rebuilds; its result does not depend on the order entries come in.

use std::collections::BTreeSet;

use pos_core::books::RecordMeta;
use pos_core::ids::{CartId, RecordId};
use pos_core::record::Record;
use pos_core::stock::stock_movements;
use pos_core::transaction::SaleTransaction;

use super::effect::{Alarm, Effect};
use super::entry::{Entry, EntryId, Header, Lane, OpClass};
use super::feeds::FeedState;
use super::keys;
use super::kinds;
use super::life::IncarnationOpened;
use super::remainder::{Closing, encode_links};
use super::replica::Replica;
use super::roster::RosterRecord;
use super::verdict::{HeldBack, Verdict, is_roster, judge};
use crate::documents::{self, Author, DocumentId, DocumentKind};
use crate::simulation::{self, Canary, Mark};
use crate::storage::{Ordinal, Reads, StorageError, Stream};

/// What an op means, once its body could be read.
pub(super) enum Meaning<'a> {
    Record(Box<Record>),
    Roster,
    Life(IncarnationOpened),
    Change { document: DocumentId, raw: &'a [u8] },
}

/// How far the clock of other devices is followed: more entries than a store writes in a century.
/// A device that claims more wins nothing by it, and cannot use up the numbers of the others.
const LAMPORT_FOLLOWED_MAX: u64 = 1 << 48;

impl Replica {
    /// Takes in an entry that is stored as frame `ordinal` of `stream` and was not folded before.
    pub(super) fn fold(
        &mut self,
        reads: &dyn Reads,
        stream: Stream,
        ordinal: Ordinal,
        entry: &Entry,
    ) -> Result<(), StorageError> {
        if self.group.is_none() {
            self.group = Some(entry.header().group);
        }
        self.index(reads, stream, ordinal, entry)?;
        self.extend_feed(reads, entry)?;
        self.admit(entry);
        self.apply(reads, stream, ordinal, entry)?;
        self.wake(reads, entry.id())
    }

    /// Remembers where an entry is. Floor entries are many and never asked for by id.
    fn index(
        &mut self,
        reads: &dyn Reads,
        stream: Stream,
        ordinal: Ordinal,
        entry: &Entry,
    ) -> Result<(), StorageError> {
        let header = entry.header();
        if header.feed.lane == Lane::Ledger {
            self.overlay.put(keys::entry(entry.id()), keys::place(stream, ordinal));
        }
        self.note_place(reads, header.feed, header.seq, (stream, ordinal))
    }

    fn extend_feed(&mut self, reads: &dyn Reads, entry: &Entry) -> Result<(), StorageError> {
        let header = entry.header();
        let before = header.seq.saturating_sub(1);
        let previous_held = before == 0
            || self.feeds.ends_with(&header.feed, before, header.previous)
            || self.holds_at(reads, header.feed, before, header.previous)?;
        let state = self.feeds.add(header, entry.id(), previous_held).encode();
        self.overlay.put(keys::feed(header.feed), state);
        Ok(())
    }

    /// Judges an entry and, if it counts, applies all of its ops.
    pub(super) fn apply(
        &mut self,
        reads: &dyn Reads,
        stream: Stream,
        ordinal: Ordinal,
        entry: &Entry,
    ) -> Result<(), StorageError> {
        let header = entry.header();
        // What can be said of the entry and what it names comes before who wrote it: so it is
        // known whether an entry's edit numbers hold, whatever becomes of its author.
        let judged = match self.read_entry(reads, entry)? {
            Ok(meanings) => match judge(&self.roster, entry.id(), header) {
                Verdict::Applied => Ok(meanings),
                Verdict::HeldBack(reason) => Err(reason),
            },
            Err(reason) => Err(reason),
        };
        let meanings = match judged {
            Ok(meanings) => meanings,
            Err(reason) => {
                self.hold_back(entry.id(), reason, stream, ordinal);
                return Ok(());
            }
        };
        if self.held.remove(&entry.id()).is_some() {
            self.overlay.remove(keys::held_back(entry.id()));
            simulation::reach(Mark::CountsAfterAll);
        }
        if header.lamport <= LAMPORT_FOLLOWED_MAX {
            self.lamport = self.lamport.max(header.lamport);
        }
        for (id, meaning) in meanings {
            match meaning {
                Meaning::Record(record) => {
                    self.apply_record(reads, entry, id, &record, stream)?;
                }
                // The roster has it already: see `admit`.
                Meaning::Roster => {}
                Meaning::Life(opened) => self.apply_life(header, id, &opened),
                Meaning::Change { document, raw } => {
                    self.apply_change(reads, (stream, ordinal), entry, document, raw)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn hold_back(
        &mut self,
        id: EntryId,
        reason: HeldBack,
        stream: Stream,
        ordinal: Ordinal,
    ) {
        mark_held_back(&reason);
        let value = postcard::to_stdvec(&(&reason, keys::stream_tag(stream), ordinal));
        self.overlay.put(keys::held_back(id), value.unwrap_or_default());
        self.note_held(id, reason, stream, ordinal);
    }

    pub(super) fn note_held(
        &mut self,
        id: EntryId,
        reason: HeldBack,
        stream: Stream,
        ordinal: Ordinal,
    ) {
        if let HeldBack::DependencyMissing(dep) = reason {
            self.waiters.entry(dep).or_default().insert(id);
        }
        self.held.insert(id, (reason, stream, ordinal));
    }

    /// Looks again at the entries that waited for `id`, and at those that waited for them.
    fn wake(&mut self, reads: &dyn Reads, id: EntryId) -> Result<(), StorageError> {
        let mut settled = vec![id];
        while let Some(id) = settled.pop() {
            if matches!(self.held.get(&id), Some((HeldBack::DependencyMissing(_), ..))) {
                continue;
            }
            for waiting in self.waiters.remove(&id).unwrap_or_default() {
                let Some((HeldBack::DependencyMissing(dep), stream, ordinal)) =
                    self.held.get(&waiting).cloned()
                else {
                    continue;
                };
                if dep == id {
                    self.apply_again(reads, stream, ordinal)?;
                    settled.push(waiting);
                }
            }
        }
        Ok(())
    }

    pub(super) fn apply_again(
        &mut self,
        reads: &dyn Reads,
        stream: Stream,
        ordinal: Ordinal,
    ) -> Result<(), StorageError> {
        let frame = match self.frame(reads, stream, ordinal) {
            Ok(frame) => frame,
            // It keeps its old verdict until it was fetched again. Not now: whoever calls this is
            // in the middle of what all is folded anew for.
            Err(StorageError::Damaged(damage)) => {
                self.unreadable_aside = Some(damage);
                return Ok(());
            }
            Err(_) => return Ok(()),
        };
        match Entry::decode(&frame.payload) {
            Ok(entry) => self.apply(reads, stream, ordinal, &entry),
            Err(_) => Ok(()),
        }
    }

    fn apply_record(
        &mut self,
        reads: &dyn Reads,
        entry: &Entry,
        id: RecordId,
        record: &Record,
        stream: Stream,
    ) -> Result<(), StorageError> {
        let header = entry.header();
        let mut meta = RecordMeta { id, device: header.feed.device, lamport: header.lamport };
        if simulation::is(Canary::MergeByArrival) {
            meta.lamport = self.appended.values().sum();
        }
        if let Err(error) = self.books.apply(meta, record) {
            let reason = error.to_string();
            self.effect(Effect::Alarm(Alarm::ChangeRefused { entry: id, reason }));
            return Ok(());
        }
        self.unsaved_rows = self.unsaved_rows.saturating_add(record_rows(record));
        if let Some(key) = record.idempotency_key() {
            let key = keys::idempotency(key);
            // The first answer stands.
            if self.overlay.get(reads, &key)?.is_none() {
                self.overlay.put(key, id.as_bytes().to_vec());
            }
        }
        self.note_edits(reads, entry.id(), record)?;
        let counted_here = stream == Stream::OwnLedger && self.rebuild.is_none();
        match record {
            Record::TransactionCompleted(sale) => {
                self.close_cart(reads, sale, id)?;
                let receipt = keys::receipt(&sale.register, sale.receipt_counter, id);
                self.overlay.put(receipt, Vec::new());
                for returned in sale.items.iter().filter_map(|item| item.returns) {
                    self.overlay.put(keys::refund(returned.transaction, id), Vec::new());
                }
                if counted_here {
                    self.count_sale(sale);
                }
            }
            Record::StockAdjusted(adjustment) if counted_here => self.count_adjustment(adjustment),
            _ => {}
        }
        Ok(())
    }

    /// A sale that names a cart closes it, for ever. What of the cart it did not see stays.
    fn close_cart(
        &mut self,
        reads: &dyn Reads,
        sale: &SaleTransaction,
        by: RecordId,
    ) -> Result<(), StorageError> {
        let wanted = sale.cart_heads.iter().map(|head| *head.as_bytes()).collect();
        let closing = Closing { wanted, places: Vec::new() };
        self.overlay.put(keys::cart_closed_by(sale.cart, by), closing.encode());
        self.carts.remove(&sale.cart);
        self.settle_closed(reads, sale.cart, BTreeSet::new())?;
        Ok(())
    }

    fn apply_life(&mut self, header: &Header, id: EntryId, opened: &IncarnationOpened) {
        if let Some(seal) = &opened.former {
            let key = keys::seal(header.feed.device, seal.incarnation, id);
            self.overlay.put(key, postcard::to_stdvec(&seal.ledger).unwrap_or_default());
        }
    }

    fn apply_change(
        &mut self,
        reads: &dyn Reads,
        (stream, ordinal): (Stream, Ordinal),
        entry: &Entry,
        document: DocumentId,
        raw: &[u8],
    ) -> Result<(), StorageError> {
        let header = entry.header();
        let bytes = document.to_bytes();
        let row = keys::document_change(&bytes, stream, ordinal);
        match (document.kind(), cart_of(document)) {
            (DocumentKind::Cart, Some(cart)) => {
                let links = documents::links(raw);
                self.overlay.put(row, links.as_ref().map(encode_links).unwrap_or_default());
                self.overlay.put(keys::open_cart(cart), Vec::new());
                if !self.writing {
                    self.offer_change(cart, entry, raw);
                }
                let closed_with = self.closings(reads, cart)?;
                let paid = links.is_some_and(|links| {
                    closed_with.iter().any(|(_, closing)| closing.wanted.contains(&links.hash))
                });
                if !paid && simulation::is(Canary::PaidOverwrittenByDraft) {
                    for (by, _) in &closed_with {
                        self.overlay.remove(keys::cart_closed_by(cart, *by));
                    }
                }
                if paid {
                    self.settle_closed(reads, cart, BTreeSet::new())?;
                }
                return Ok(());
            }
            (DocumentKind::Customer, _) => {
                self.overlay.put(row, Vec::new());
                return self.apply_customer(reads, entry, document, raw);
            }
            (DocumentKind::StockCounters, _) if stream == Stream::OwnFloor => {
                self.note_published(reads, header)?;
            }
            (DocumentKind::Cart | DocumentKind::StockCounters, _) => {}
        }
        self.overlay.put(row, Vec::new());
        Ok(())
    }

    /// Offers a change to a cart in memory. Where the order of arrival could tell, the cart is
    /// dropped instead, and read back in the one order that all replicas use.
    fn offer_change(&mut self, cart: CartId, entry: &Entry, raw: &[u8]) {
        let Some(open) = self.carts.get_mut(&cart) else { return };
        let feed = entry.header().feed;
        let author = Author::new(feed.device.as_bytes(), &feed.incarnation.to_bytes());
        let result = open.document.apply_remote(raw, &author);
        open.forget_view();
        let in_order = matches!(&result, Ok(applied)
            if !matches!(applied.outcome, documents::Outcome::Parked { .. })
                && applied.released.is_empty());
        if let Err(refusal) = result {
            let reason = refusal.to_string();
            self.effect(Effect::Alarm(Alarm::ChangeRefused { entry: entry.id(), reason }));
        }
        if !in_order || self.feeds.get(&feed).is_some_and(FeedState::is_forked) {
            self.carts.remove(&cart);
        }
    }

    /// The transaction that closed a cart, if one did.
    pub(super) fn cart_closed(
        &self,
        reads: &dyn Reads,
        cart: CartId,
    ) -> Result<Option<RecordId>, StorageError> {
        let closings = self.overlay.list(reads, &keys::cart_closings(cart), 1)?;
        Ok(closings.first().and_then(|(key, _)| keys::trailing_entry(key)))
    }

    /// Adds what a sale moved to the counters this device will publish.
    pub(super) fn count_sale(&mut self, sale: &SaleTransaction) {
        let day = self.movements.entry(sale.business_date).or_default();
        for (sku, quantity) in stock_movements(sale) {
            let moved = day.entry(sku).or_default();
            *moved = moved.saturating_add(quantity.thousandths());
        }
    }
}

fn mark_held_back(reason: &HeldBack) {
    match reason {
        HeldBack::DependencyMissing(_) => simulation::reach(Mark::WaitedForDependency),
        HeldBack::RosterMissing(_) => simulation::reach(Mark::RosterMissing),
        HeldBack::NotAMember => simulation::reach(Mark::Stranger),
        HeldBack::NotAllowed(_) => simulation::reach(Mark::NotAllowed),
        HeldBack::BeyondCut(_) => simulation::reach(Mark::BeyondCut),
        HeldBack::Unjustified(_) => simulation::reach(Mark::Unjustified),
        HeldBack::UnknownFormat(_) | HeldBack::Unreadable(_) => simulation::reach(Mark::Newer),
        HeldBack::BodyMissing(_) => {}
    }
}

/// About how many rows of the books an op changes.
pub(super) fn rows_of(meaning: &Meaning<'_>) -> usize {
    match meaning {
        Meaning::Record(record) => record_rows(record),
        Meaning::Roster | Meaning::Life(_) | Meaning::Change { .. } => 1,
    }
}

fn record_rows(record: &Record) -> usize {
    match record {
        Record::ProductsEdited(edits) => edits.len(),
        Record::TransactionCompleted(sale) => sale.items.len().saturating_add(2),
        Record::StockAdjusted(adjustment) => adjustment.lines.len().saturating_add(1),
        _ => 2,
    }
}

/// The cart a document is of.
fn cart_of(document: DocumentId) -> Option<CartId> {
    let bytes = document.to_bytes();
    let key = bytes.get(1..).and_then(|rest| rest.first_chunk::<16>())?;
    (document.kind() == DocumentKind::Cart).then(|| CartId::from_bytes(*key))
}

/// The class of a change of such a document: a customer is a person's, and may be erased.
pub(super) const fn class_of_change(kind: DocumentKind) -> OpClass {
    match kind {
        DocumentKind::Customer => OpClass::Personal,
        DocumentKind::Cart | DocumentKind::StockCounters => OpClass::Change,
    }
}

/// What each op of an entry means, or why one cannot be read: then none applies.
pub(super) fn read_ops(entry: &Entry) -> Result<Vec<(RecordId, Meaning<'_>)>, HeldBack> {
    let mut meanings = Vec::with_capacity(entry.header().ops.len());
    for (id, op, body) in entry.ops() {
        let Some(body) = body else {
            if simulation::is(Canary::BlankTakenForErased) {
                continue;
            }
            return Err(HeldBack::BodyMissing(op.kind));
        };
        let unreadable = || HeldBack::Unreadable(op.kind);
        let is_change = op.kind == kinds::DOCUMENT_CHANGE;
        // Records last, so they are in the Ledger; a roster record stands alone in its entry.
        let in_ledger = entry.header().feed.lane == Lane::Ledger;
        if (!is_change && !in_ledger) || (is_roster(op.kind) && entry.header().ops.len() > 1) {
            return Err(unreadable());
        }
        let meaning = match op.kind {
            kinds::INCARNATION_OPENED => {
                Meaning::Life(postcard::from_bytes(body).map_err(|_malformed| unreadable())?)
            }
            kind if is_roster(kind) => {
                RosterRecord::decode(kind, body).ok_or_else(unreadable)?;
                Meaning::Roster
            }
            kinds::DOCUMENT_CHANGE => {
                let document = DocumentId::from_bytes(&op.subject).ok_or_else(unreadable)?;
                let author = entry.header().feed.device;
                let lane_fits = in_ledger == (document.kind() == DocumentKind::Customer);
                let alone = entry.header().ops.iter().all(|op| op.kind == kinds::DOCUMENT_CHANGE);
                let class_fits = op.class == class_of_change(document.kind());
                if !class_fits || !alone || !lane_fits || !document.admits(author.as_bytes()) {
                    return Err(unreadable());
                }
                Meaning::Change { document, raw: body }
            }
            kind => {
                let read = Record::decode(kind, body).map_err(|_malformed| unreadable())?;
                Meaning::Record(Box::new(read))
            }
        };
        meanings.push((id, meaning));
    }
    Ok(meanings)
}
