//! Folding one entry into everything that is derived from entries. The one path for own entries,
//! received ones and rebuilds; its result does not depend on the order entries come in.

use pos_core::books::RecordMeta;
use pos_core::ids::{CartId, RecordId};
use pos_core::record::Record;
use pos_core::stock::stock_movements;
use pos_core::transaction::SaleTransaction;

use super::effect::{Alarm, Effect};
use super::entry::{Entry, EntryId, Header, Lane, OpClass};
use super::keys;
use super::kinds;
use super::life::IncarnationOpened;
use super::replica::Replica;
use super::roster::{RosterEntry, RosterRecord};
use super::verdict::{HeldBack, Verdict, judge};
use crate::documents::{Author, DocumentId, DocumentKind};
use crate::storage::{Ordinal, Reads, StorageError, Stream};

/// What an op means, once its body could be read.
enum Meaning<'a> {
    Record(Box<Record>),
    Roster(RosterRecord),
    Life(IncarnationOpened),
    Change { document: DocumentId, raw: &'a [u8] },
}

impl Replica {
    /// Takes in an entry that is stored as frame `ordinal` of `stream` and was not folded before.
    pub(super) fn fold(
        &mut self,
        reads: &dyn Reads,
        stream: Stream,
        ordinal: Ordinal,
        entry: &Entry,
    ) -> Result<(), StorageError> {
        let header = entry.header();
        self.lamport = self.lamport.max(header.lamport);
        if self.group.is_none() {
            self.group = Some(header.group);
        }
        // Own Floor entries are never asked for by id; leaving them out halves the index.
        if stream != Stream::OwnFloor {
            self.overlay.put(keys::entry(entry.id()), keys::place(stream, ordinal));
        }
        self.extend_feed(reads, entry)?;
        self.apply(reads, stream, ordinal, entry)
    }

    fn extend_feed(&mut self, reads: &dyn Reads, entry: &Entry) -> Result<(), StorageError> {
        let header = entry.header();
        let known_head = self.feeds.get(&header.feed).is_some_and(|state| {
            state.heads.contains(&(header.seq.saturating_sub(1), header.previous))
        });
        let previous_held = known_head
            || header.seq <= 1
            || self.overlay.get(reads, &keys::entry(header.previous))?.is_some();
        let state = self.feeds.add(header, entry.id(), previous_held).encode();
        self.overlay.put(keys::feed(header.feed), state);
        Ok(())
    }

    /// Judges an entry and, if it counts, applies all of its ops.
    fn apply(
        &mut self,
        reads: &dyn Reads,
        stream: Stream,
        ordinal: Ordinal,
        entry: &Entry,
    ) -> Result<(), StorageError> {
        let Some(group) = self.group else { return Ok(()) };
        let header = entry.header();
        let missing = entry.ops().find(|(_, _, body)| body.is_none()).map(|(_, op, _)| op.kind);
        let verdict = judge(group, &self.roster, header, missing);
        let meanings = match verdict {
            Verdict::HeldBack(reason) => Err(reason),
            Verdict::Applied => read_ops(entry),
        };
        let meanings = match meanings {
            Ok(meanings) => meanings,
            Err(reason) => {
                self.hold_back(entry.id(), reason, stream, ordinal);
                return Ok(());
            }
        };
        self.held.remove(&entry.id());
        for (id, meaning) in meanings {
            match meaning {
                Meaning::Record(record) => self.apply_record(reads, header, id, &record, stream)?,
                Meaning::Roster(record) => self.apply_roster(reads, header, id, record)?,
                Meaning::Life(opened) => self.apply_life(header, id, &opened),
                Meaning::Change { document, raw } => {
                    self.apply_change(reads, (stream, ordinal), entry, document, raw)?;
                }
            }
        }
        Ok(())
    }

    fn hold_back(&mut self, id: EntryId, reason: HeldBack, stream: Stream, ordinal: Ordinal) {
        let value = postcard::to_stdvec(&(&reason, keys::stream_tag(stream), ordinal));
        self.overlay.put(keys::held_back(id), value.unwrap_or_default());
        self.held.insert(id, (reason, stream, ordinal));
    }

    fn apply_record(
        &mut self,
        reads: &dyn Reads,
        header: &Header,
        id: RecordId,
        record: &Record,
        stream: Stream,
    ) -> Result<(), StorageError> {
        let meta = RecordMeta { id, device: header.feed.device, lamport: header.lamport };
        if let Err(error) = self.books.apply(meta, record) {
            let reason = error.to_string();
            self.effect(Effect::Alarm(Alarm::ChangeRefused { entry: id, reason }));
            return Ok(());
        }
        if let Some(key) = record.idempotency_key() {
            self.overlay.put(keys::idempotency(key), id.as_bytes().to_vec());
        }
        if let Record::TransactionCompleted(sale) = record {
            self.close_cart(reads, sale.cart, id)?;
            let receipt = keys::receipt(&sale.register, sale.receipt_counter, id);
            self.overlay.put(receipt, Vec::new());
            for returned in sale.items.iter().filter_map(|item| item.returns) {
                self.overlay.put(keys::refund(returned.transaction, id), Vec::new());
            }
            if stream == Stream::OwnLedger && self.rebuild.is_none() {
                self.count_sale(sale);
            }
        }
        if let Record::StockAdjusted(adjustment) = record
            && stream == Stream::OwnLedger
            && self.rebuild.is_none()
        {
            self.count_adjustment(adjustment);
        }
        Ok(())
    }

    /// A sale that names a cart closes it, for ever.
    fn close_cart(
        &mut self,
        reads: &dyn Reads,
        cart: CartId,
        by: RecordId,
    ) -> Result<(), StorageError> {
        self.overlay.put(keys::cart_closed_by(cart, by), Vec::new());
        self.overlay.drop_fresh(keys::open_cart(cart));
        let document = DocumentId::cart(cart, 0).to_bytes();
        for (key, _) in self.overlay.list(reads, &keys::document(&document), usize::MAX)? {
            self.overlay.drop_fresh(key);
        }
        self.carts.remove(&cart);
        Ok(())
    }

    fn apply_roster(
        &mut self,
        reads: &dyn Reads,
        header: &Header,
        id: EntryId,
        record: RosterRecord,
    ) -> Result<(), StorageError> {
        let revokes = matches!(record, RosterRecord::DeviceRevoked { .. });
        let entry =
            RosterEntry { author: header.feed.device, heads: header.roster_heads.clone(), record };
        let value = postcard::to_stdvec(&entry).unwrap_or_default();
        self.overlay.put(keys::roster(id), value);
        self.admit(id, entry);
        if self.rebuild.is_some() {
            return Ok(());
        }
        if revokes {
            // Entries that counted may count no more: only folding again can take them out.
            self.begin_rebuild(reads, "a device was revoked".to_owned());
            return Ok(());
        }
        self.judge_again(reads)
    }

    pub(super) fn admit(&mut self, id: EntryId, entry: RosterEntry) {
        self.roster.insert(id, entry);
    }

    /// Looks again at what was kept aside: the roster has grown.
    fn judge_again(&mut self, reads: &dyn Reads) -> Result<(), StorageError> {
        let held: Vec<(EntryId, Stream, Ordinal)> =
            self.held.iter().map(|(id, (_, stream, ordinal))| (*id, *stream, *ordinal)).collect();
        for (id, stream, ordinal) in held {
            let frame = reads.read(stream, ordinal)?;
            let Ok(entry) = Entry::decode(&frame.payload) else { continue };
            self.apply(reads, stream, ordinal, &entry)?;
            if !self.held.contains_key(&id) {
                self.overlay.remove(keys::held_back(id));
            }
        }
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
        if let Some(cart) = cart_of(document) {
            if self.cart_closed(reads, cart)?.is_some() {
                return Ok(());
            }
            self.overlay.put(keys::open_cart(cart), Vec::new());
            let incarnation = header.feed.incarnation.to_bytes();
            let author = Author::new(header.feed.device.as_bytes(), &incarnation);
            // Own edits are in the document already: the gate knows them and nothing happens.
            if let Some(open) = self.carts.get_mut(&cart)
                && let Err(refusal) = open.document.apply_remote(raw, &author)
            {
                let reason = refusal.to_string();
                self.effect(Effect::Alarm(Alarm::ChangeRefused { entry: entry.id(), reason }));
            }
        }
        if document.kind() == DocumentKind::StockCounters && stream == Stream::OwnFloor {
            self.note_published(reads, header)?;
        }
        let key = keys::document_change(&document.to_bytes(), stream, ordinal);
        self.overlay.put(key, Vec::new());
        Ok(())
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

/// The cart a document is of.
fn cart_of(document: DocumentId) -> Option<CartId> {
    let bytes = document.to_bytes();
    let key = bytes.get(1..).and_then(|rest| rest.first_chunk::<16>())?;
    (document.kind() == DocumentKind::Cart).then(|| CartId::from_bytes(*key))
}

/// What each op of an entry means, or why one cannot be read: then none applies.
fn read_ops(entry: &Entry) -> Result<Vec<(RecordId, Meaning<'_>)>, HeldBack> {
    let mut meanings = Vec::with_capacity(entry.header().ops.len());
    for (id, op, body) in entry.ops() {
        let body = body.ok_or(HeldBack::BodyMissing(op.kind))?;
        let unreadable = || HeldBack::Unreadable(op.kind);
        let meaning = match op.kind {
            kinds::INCARNATION_OPENED => {
                Meaning::Life(postcard::from_bytes(body).map_err(|_malformed| unreadable())?)
            }
            kinds::FOUNDED | kinds::DEVICE_ADDED | kinds::DEVICE_REVOKED => {
                let record: RosterRecord =
                    postcard::from_bytes(body).map_err(|_malformed| unreadable())?;
                if record.kind() != op.kind {
                    return Err(unreadable());
                }
                Meaning::Roster(record)
            }
            kinds::DOCUMENT_CHANGE => {
                let document = DocumentId::from_bytes(&op.subject).ok_or_else(unreadable)?;
                let author = entry.header().feed.device;
                let lane_fits = document.kind() == DocumentKind::Customer
                    || entry.header().feed.lane == Lane::Floor;
                if op.class != OpClass::Change || !lane_fits || !document.admits(author.as_bytes())
                {
                    return Err(unreadable());
                }
                Meaning::Change { document, raw: body }
            }
            kind => {
                let record = Record::decode(kind, body).map_err(|_malformed| unreadable())?;
                Meaning::Record(Box::new(record))
            }
        };
        meanings.push((id, meaning));
    }
    Ok(meanings)
}
