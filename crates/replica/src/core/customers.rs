//! Customers: documents that every till of the store may edit, field by field, and an index that
//! lists and finds them without opening a document.
//!
//! Their changes are op class *personal* and stand in the Ledger: they last, and may be erased.

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, BTreeSet};

use pos_core::ids::CustomerId;
use pos_core::text::TextError;
use serde::{Deserialize, Serialize};

use super::command::{CommandError, DocumentError, Moment};
use super::effect::{Alarm, Effect};
use super::entry::{Entry, Lane, OpDraft};
use super::feeds::FeedState;
use super::fold::class_of_change;
use super::keys;
use super::kinds;
use super::replica::Replica;
use crate::documents::{
    Author, ChangeHash, CustomerDocument, CustomerEdit, CustomerEditError, CustomerView,
    DocumentId, DocumentKind, GateRefusal, LocalError, Outcome,
};
use crate::limits;
use crate::storage::{Ordinal, Reads, StorageError, Stream};

/// Longest text a customer is found by, in bytes: key, text and id fit a key of the map.
const TERM_BYTES_MAX: usize = 128;
/// Words of a name a customer is found by.
const NAME_WORDS_MAX: usize = 8;
/// Fewest digits that are taken for a part of a phone number.
const PHONE_DIGITS_MIN: usize = 3;

/// A customer in memory: a document for each epoch that was written to.
#[derive(Debug)]
pub(super) struct OpenCustomer {
    epochs: BTreeMap<u16, CustomerDocument>,
    last_used: u64,
}

impl OpenCustomer {
    fn view(&self, customer: CustomerId) -> CustomerView {
        let mut view = CustomerView::empty(customer);
        for document in self.epochs.values() {
            document.lay_over(&mut view);
        }
        view
    }

    /// Makes one change, in the last epoch or, when that is full, in the next one. Nothing when
    /// the customer already is so.
    fn apply_edits(
        &mut self,
        customer: CustomerId,
        author: &Author,
        mut edits: Vec<CustomerEdit>,
    ) -> Result<Option<(u16, Vec<u8>)>, CommandError> {
        let last = self.epochs.keys().next_back().copied().unwrap_or(0);
        if last > 0 || self.epochs.is_empty() {
            // What an earlier epoch says need not be said again.
            let view = self.view(customer);
            edits.retain(|edit| !view.is_already(edit));
        }
        if edits.is_empty() {
            return Ok(None);
        }
        let made = self.epoch(customer, last)?.apply_edits(author, &edits);
        let (epoch, made) = match made {
            Err(CustomerEditError::Local(LocalError::Refused(
                GateRefusal::TooManyActors | GateRefusal::DocumentFull,
            ))) if last + 1 < limits::CUSTOMER_EPOCHS_MAX => {
                let view = self.view(customer);
                edits.retain(|edit| !view.is_already(edit));
                let next = self.epoch(customer, last + 1)?;
                (last + 1, next.apply_edits(author, &edits))
            }
            made => (last, made),
        };
        Ok(made?.map(|raw| (epoch, raw)))
    }

    fn epoch(
        &mut self,
        customer: CustomerId,
        epoch: u16,
    ) -> Result<&mut CustomerDocument, DocumentError> {
        Ok(match self.epochs.entry(epoch) {
            Slot::Occupied(held) => held.into_mut(),
            Slot::Vacant(free) => free.insert(CustomerDocument::open(customer, epoch)?),
        })
    }
}

/// A customer as it stands in the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct CustomerRow {
    heads: Vec<ChangeHash>,
    name: String,
    phone: String,
    email: String,
    notes: String,
    loyalty_id: String,
    marketing_consent: bool,
}

/// A customer in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerSummary {
    /// Its id.
    pub id: CustomerId,
    /// Name; empty when nobody filled it in.
    pub name: String,
    /// Phone number.
    pub phone: String,
    /// Email address.
    pub email: String,
    /// Number of the loyalty card.
    pub loyalty_id: String,
}

impl Replica {
    /// An id for a new customer: a hash over this till's life and its next Lamport time, so that
    /// nothing personal follows from it.
    pub(super) fn new_customer(
        &mut self,
        reads: &dyn Reads,
        at: Moment,
    ) -> Result<CustomerId, CommandError> {
        self.settings()?;
        self.ensure_life(reads, at)?;
        Ok(CustomerId::from_bytes(self.derive("tillmesh customer v1")))
    }

    /// Makes edits of a customer as one change. Gives the ordinal of its entry; none when the
    /// customer already is so.
    pub(super) fn edit_customer(
        &mut self,
        reads: &dyn Reads,
        at: Moment,
        customer: CustomerId,
        edits: Vec<CustomerEdit>,
    ) -> Result<Option<Ordinal>, CommandError> {
        let edits = edits.into_iter().map(tidied).collect::<Result<Vec<_>, _>>()?;
        self.ensure_life(reads, at)?;
        self.load_customer(reads, customer)?;
        let author = self.author();
        let open = self.customers.get_mut(&customer);
        let open = open.ok_or(CommandError::UnknownCustomer(customer))?;
        let is_new = open.epochs.is_empty();
        let Some((epoch, body)) = open.apply_edits(customer, &author, edits)? else {
            // A customer of whom nothing is known is none.
            return if is_new { Err(CommandError::NothingToDo) } else { Ok(None) };
        };
        let op = OpDraft {
            kind: kinds::DOCUMENT_CHANGE,
            class: class_of_change(DocumentKind::Customer),
            subject: DocumentId::customer(customer, epoch).to_bytes().to_vec(),
            body,
        };
        match self.append_own(reads, at, Lane::Ledger, Vec::new(), vec![op]) {
            Ok((_, ordinal)) => {
                self.effect(Effect::Flush(Stream::OwnLedger));
                Ok(Some(ordinal))
            }
            Err(error) => {
                // The document in memory has a change that no feed has.
                self.customers.remove(&customer);
                Err(error)
            }
        }
    }

    /// A customer as it stands.
    pub fn customer(
        &self,
        reads: &dyn Reads,
        customer: CustomerId,
    ) -> Result<CustomerView, CommandError> {
        match (self.customer_row(reads, customer)?, self.rebuilding()) {
            (Some(row), _) => Ok(row.view(customer)),
            (None, Some((done, total))) => Err(CommandError::Rebuilding { done, total }),
            (None, None) => Err(CommandError::UnknownCustomer(customer)),
        }
    }

    /// Customers by name, at most `limit` and [`limits::CUSTOMERS_LISTED_MAX`] of them. With a
    /// search those of whom the name, a word of it, the phone number, the email address or the
    /// loyalty card begins so; without regard to case.
    pub fn customers(
        &self,
        reads: &dyn Reads,
        search: &str,
        limit: usize,
    ) -> Result<Vec<CustomerSummary>, CommandError> {
        let limit = limit.min(limits::CUSTOMERS_LISTED_MAX);
        let wanted = folded(search);
        let mut ids = BTreeSet::new();
        let mut collect = |prefix: Vec<u8>, most: usize| -> Result<(), CommandError> {
            for (key, _) in self.overlay.list(reads, &prefix, most)? {
                ids.extend(key.last_chunk::<16>().copied().map(CustomerId::from_bytes));
            }
            Ok(())
        };
        if wanted.is_empty() {
            collect(keys::customers_by(false, ""), limit)?;
        } else {
            collect(keys::customers_by(true, &wanted), limits::CUSTOMER_HITS_MAX)?;
            let digits = phone_digits(search);
            if digits.len() >= PHONE_DIGITS_MIN {
                collect(keys::customers_by(true, &digits), limits::CUSTOMER_HITS_MAX)?;
            }
        }
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            found.extend(self.customer_row(reads, id)?.map(|row| row.summary(id)));
        }
        found.sort_by_cached_key(|customer| (folded(&customer.name), customer.id));
        found.truncate(limit);
        Ok(found)
    }

    /// Takes in a change of a customer: its index follows at once.
    pub(super) fn apply_customer(
        &mut self,
        reads: &dyn Reads,
        entry: &Entry,
        document: DocumentId,
        raw: &[u8],
    ) -> Result<(), StorageError> {
        let customer = CustomerId::from_bytes(*document.key());
        if document.epoch() >= limits::CUSTOMER_EPOCHS_MAX {
            return Ok(());
        }
        if !self.writing {
            self.offer_to_customer(customer, document.epoch(), entry, raw);
        }
        self.load_customer(reads, customer)?;
        let Some(open) = self.customers.get(&customer) else { return Ok(()) };
        let row = CustomerRow::of(open, customer);
        let before = self.customer_row(reads, customer)?;
        if before.as_ref() == Some(&row) {
            return Ok(());
        }
        let (old, new) =
            (before.map(|row| row.keys(customer)).unwrap_or_default(), row.keys(customer));
        for gone in old.difference(&new) {
            self.overlay.remove(gone.clone());
        }
        for key in new.difference(&old) {
            self.overlay.put(key.clone(), Vec::new());
        }
        let value = postcard::to_stdvec(&row).unwrap_or_default();
        self.overlay.put(keys::customer(customer), value);
        Ok(())
    }

    /// Offers a change to a customer in memory. Where the order of arrival could tell, the
    /// document is dropped instead, and read back in the one order that all replicas use.
    fn offer_to_customer(&mut self, customer: CustomerId, epoch: u16, entry: &Entry, raw: &[u8]) {
        let Some(open) = self.customers.get_mut(&customer) else { return };
        let Ok(document) = open.epoch(customer, epoch) else { return };
        let feed = entry.header().feed;
        let author = Author::new(feed.device.as_bytes(), &feed.incarnation.to_bytes());
        let result = document.apply_remote(raw, &author);
        let in_order = matches!(&result, Ok(applied)
            if applied.outcome == Outcome::Applied && applied.released.is_empty());
        if let Err(refusal) = result {
            let reason = refusal.to_string();
            self.effect(Effect::Alarm(Alarm::ChangeRefused { entry: entry.id(), reason }));
        }
        if !in_order || self.feeds.get(&feed).is_some_and(FeedState::is_forked) {
            self.customers.remove(&customer);
        }
    }

    /// Brings a customer into memory; one that nobody has written begins empty.
    fn load_customer(
        &mut self,
        reads: &dyn Reads,
        customer: CustomerId,
    ) -> Result<(), StorageError> {
        self.uses = self.uses.saturating_add(1);
        let last_used = self.uses;
        if let Some(open) = self.customers.get_mut(&customer) {
            open.last_used = last_used;
            return Ok(());
        }
        let mut open = OpenCustomer { epochs: BTreeMap::new(), last_used };
        for epoch in self.epochs_of(reads, customer)? {
            let changes = self.changes_of(reads, DocumentId::customer(customer, epoch))?;
            let Ok(document) = open.epoch(customer, epoch) else { return Ok(()) };
            for change in changes {
                // What the gate refuses is left out, on every replica.
                let _refused_or_not = document.apply_remote(&change.raw, &change.author);
            }
        }
        if self.customers.len() >= limits::CUSTOMERS_IN_MEMORY_MAX {
            let oldest = self.customers.iter().min_by_key(|(_, open)| open.last_used);
            if let Some(oldest) = oldest.map(|(id, _)| *id) {
                self.customers.remove(&oldest);
            }
        }
        self.customers.insert(customer, open);
        Ok(())
    }

    /// The epochs somebody has written to.
    fn epochs_of(
        &self,
        reads: &dyn Reads,
        customer: CustomerId,
    ) -> Result<BTreeSet<u16>, StorageError> {
        let any = DocumentId::customer(customer, 0).to_bytes();
        let all_epochs = any.split_last_chunk::<2>().map_or(&any[..], |(start, _)| start);
        let rows = self.overlay.list(reads, &keys::document(all_epochs), usize::MAX)?;
        let epoch = |(key, _): &(Vec<u8>, Vec<u8>)| {
            let id = key.get(keys::DOCUMENTS.len()..)?.get(..DocumentId::LEN)?;
            DocumentId::from_bytes(id).map(|id| id.epoch())
        };
        let epochs = rows.iter().filter_map(epoch);
        Ok(epochs.filter(|epoch| *epoch < limits::CUSTOMER_EPOCHS_MAX).collect())
    }

    fn customer_row(
        &self,
        reads: &dyn Reads,
        customer: CustomerId,
    ) -> Result<Option<CustomerRow>, StorageError> {
        let value = self.overlay.get(reads, &keys::customer(customer))?;
        Ok(value.and_then(|value| postcard::from_bytes(&value).ok()))
    }

    /// The heads of every customer's document.
    pub(super) fn customer_heads(
        &self,
        reads: &dyn Reads,
    ) -> Result<BTreeMap<DocumentId, Vec<ChangeHash>>, CommandError> {
        let rows = self.overlay.list(reads, keys::CUSTOMERS, usize::MAX)?;
        let heads = rows.iter().filter_map(|(key, value)| {
            let id = key.last_chunk::<16>().copied().map(CustomerId::from_bytes)?;
            let row: CustomerRow = postcard::from_bytes(value).ok()?;
            Some((DocumentId::customer(id, 0), row.heads))
        });
        Ok(heads.collect())
    }
}

impl CustomerRow {
    fn of(open: &OpenCustomer, customer: CustomerId) -> Self {
        let CustomerView { id: _, name, phone, email, notes, loyalty_id, marketing_consent } =
            open.view(customer);
        let heads = open.epochs.values().flat_map(CustomerDocument::heads).collect();
        Self { heads, name, phone, email, notes, loyalty_id, marketing_consent }
    }

    fn view(self, id: CustomerId) -> CustomerView {
        let Self { heads: _, name, phone, email, notes, loyalty_id, marketing_consent } = self;
        CustomerView { id, name, phone, email, notes, loyalty_id, marketing_consent }
    }

    fn summary(self, id: CustomerId) -> CustomerSummary {
        let Self { name, phone, email, loyalty_id, .. } = self;
        CustomerSummary { id, name, phone, email, loyalty_id }
    }

    /// The keys the customer is listed and found by.
    fn keys(&self, id: CustomerId) -> BTreeSet<Vec<u8>> {
        let name = folded(&self.name);
        let mut terms: BTreeSet<String> =
            [folded(&self.email), folded(&self.loyalty_id), phone_digits(&self.phone)].into();
        let mut rest = name.as_str();
        for _word in 0..NAME_WORDS_MAX {
            terms.insert(rest.to_owned());
            let Some((_, after)) = rest.split_once(' ') else { break };
            rest = after;
        }
        terms.remove("");
        let found_by = terms.iter().map(|term| keys::customer_by(true, term, id));
        found_by.chain([keys::customer_by(false, &name, id)]).collect()
    }
}

/// Text as it is compared: lower case, single blanks, cut to what a key can hold.
fn folded(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    let mut folded = words.join(" ");
    // The zero ends a text inside a key.
    folded.retain(|letter| letter != '\0');
    folded.truncate(folded.floor_char_boundary(TERM_BYTES_MAX));
    folded
}

/// The digits of what may be a phone number; nothing if it holds anything else.
fn phone_digits(text: &str) -> String {
    if text.chars().any(|letter| !letter.is_ascii_digit() && !" +-./()".contains(letter)) {
        return String::new();
    }
    text.chars().filter(char::is_ascii_digit).take(TERM_BYTES_MAX).collect()
}

/// An edit as it is kept: trimmed, and without control characters. Lengths and card numbers are
/// for the document to refuse.
fn tidied(edit: CustomerEdit) -> Result<CustomerEdit, CommandError> {
    let tidy = |what, text: String| {
        let text = text.trim();
        if text.chars().any(char::is_control) {
            return Err(CommandError::from(TextError::Control { what }));
        }
        Ok(text.to_owned())
    };
    Ok(match edit {
        CustomerEdit::SetName(text) => CustomerEdit::SetName(tidy("name", text)?),
        CustomerEdit::SetPhone(text) => CustomerEdit::SetPhone(tidy("phone number", text)?),
        CustomerEdit::SetEmail(text) => CustomerEdit::SetEmail(tidy("email address", text)?),
        CustomerEdit::SetNotes(text) => CustomerEdit::SetNotes(tidy("notes", text)?),
        CustomerEdit::SetLoyaltyId(text) => CustomerEdit::SetLoyaltyId(tidy("loyalty id", text)?),
        consent @ CustomerEdit::SetMarketingConsent(_) => consent,
    })
}
