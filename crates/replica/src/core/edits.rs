//! Edit numbers. An edit wins over what it replaces by carrying a higher number, so a number must
//! be earned: an entry whose edit is number n > 1 names in its deps an entry that edits the same
//! thing under at least n - 1. A device can then not jump ahead of everybody: each number costs a
//! signed entry.
//!
//! Whether a number holds depends on the entry and what it names alone, never on who wrote them: an
//! edit made on top of another keeps its number when the author of the other is revoked.

use std::collections::{BTreeMap, BTreeSet};

use pos_core::price_book::{EditNumber, ProductEdit, ProductFields};
use pos_core::product::Sku;
use pos_core::record::Record;

use super::command::CommandError;
use super::entry::{Entry, EntryId, FORMAT_VERSION};
use super::fold::{Meaning, read_ops, rows_of};
use super::keys;
use super::replica::Replica;
use super::verdict::HeldBack;
use crate::limits;
use crate::storage::{Reads, StorageError};

/// Most products edited by one entry: a bulk import is many of them.
const PRODUCTS_PER_ENTRY: usize = 500;

/// Most rows of the books one entry changes, so that what is folded from it always fits a batch
/// of the map. No till writes more: a sale has 5,000 lines at most.
const ROWS_PER_ENTRY_MAX: usize = 10_000;

/// The number under which each thing is edited; `None` is the store's settings.
type Claims = BTreeMap<Option<Sku>, u64>;

/// Edits for one entry, and the entries whose values they replace.
pub(super) struct Chunk {
    pub(super) edits: Vec<ProductEdit>,
    pub(super) deps: Vec<EntryId>,
}

impl Replica {
    /// What the ops of an entry mean, unless something in the entry, or in what it names, is
    /// missing or wrong.
    pub(super) fn read_entry<'a>(
        &self,
        reads: &dyn Reads,
        entry: &'a Entry,
    ) -> Result<Result<Vec<(EntryId, Meaning<'a>)>, HeldBack>, StorageError> {
        let header = entry.header();
        if header.version != FORMAT_VERSION {
            return Ok(Err(HeldBack::UnknownFormat(header.version)));
        }
        let meanings = match read_ops(entry) {
            Ok(meanings) => meanings,
            Err(reason) => return Ok(Err(reason)),
        };
        let rows =
            meanings.iter().map(|(_, meaning)| rows_of(meaning)).fold(0, usize::saturating_add);
        if let Some(op) = header.ops.first().filter(|_| rows > ROWS_PER_ENTRY_MAX) {
            return Ok(Err(HeldBack::Unreadable(op.kind)));
        }
        let replaces = |(_, number): &(_, u64)| *number > 1;
        let mut open: Claims = claims_of(&meanings).into_iter().filter(replaces).collect();
        if open.is_empty() {
            return Ok(Ok(meanings));
        }
        for &dep in &header.deps {
            let Some(claims) = self.settled_claims(reads, dep)? else {
                return Ok(Err(HeldBack::DependencyMissing(dep)));
            };
            open.retain(|what, number| {
                claims.get(what).is_none_or(|before| before.saturating_add(1) < *number)
            });
        }
        match header.ops.first() {
            Some(op) if !open.is_empty() => Ok(Err(HeldBack::Unjustified(op.kind))),
            _ => Ok(Ok(meanings)),
        }
    }

    /// The numbers an entry has earned; `None` while that cannot be said.
    fn settled_claims(
        &self,
        reads: &dyn Reads,
        id: EntryId,
    ) -> Result<Option<Claims>, StorageError> {
        match self.held.get(&id) {
            Some((HeldBack::Unjustified(_), ..)) => return Ok(Some(Claims::new())),
            Some((reason, ..)) if reason.is_structural() => return Ok(None),
            Some(_) | None => {}
        }
        let Some(entry) = self.entry(reads, id)? else { return Ok(None) };
        Ok(read_ops(&entry).ok().map(|meanings| claims_of(&meanings)))
    }

    /// Remembers an edit that counts, as what the next one replaces.
    pub(super) fn note_edits(
        &mut self,
        reads: &dyn Reads,
        entry: EntryId,
        record: &Record,
    ) -> Result<(), StorageError> {
        let mut note = |what: Option<&Sku>, number: EditNumber| {
            let key = keys::last_edit(what);
            let held = self.overlay.get(reads, &key)?;
            let ahead = held.as_deref().and_then(keys::parse_edit);
            if ahead.is_none_or(|ahead| (number.0, entry) > ahead) {
                self.overlay.put(key, keys::edit(number.0, entry));
            }
            Ok::<_, StorageError>(())
        };
        match record {
            Record::StoreOpened(settings) => note(None, settings.edit),
            Record::ProductsEdited(edits) => {
                edits.iter().try_for_each(|edit| note(Some(&edit.sku), edit.edit))
            }
            _ => Ok(()),
        }
    }

    /// The number of the next edit, and the entry it replaces the value of.
    pub(super) fn next_edit(
        &self,
        reads: &dyn Reads,
        what: Option<&Sku>,
    ) -> Result<(EditNumber, Option<EntryId>), CommandError> {
        let held = self.overlay.get(reads, &keys::last_edit(what))?;
        Ok(match held.as_deref().and_then(keys::parse_edit) {
            Some((number, entry)) => (EditNumber(number).next(), Some(entry)),
            None => (EditNumber(1), None),
        })
    }

    /// Splits edits so that each part and what it names fit one entry. A product named twice goes
    /// on in the next part, where its first edit has a number already.
    pub(super) fn next_chunk(
        &self,
        reads: &dyn Reads,
        edits: &mut std::iter::Peekable<std::vec::IntoIter<(Sku, ProductFields)>>,
    ) -> Result<Chunk, CommandError> {
        let mut deps = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut chunk = Vec::new();
        while chunk.len() < PRODUCTS_PER_ENTRY && deps.len() < limits::DEPS_MAX {
            let Some((sku, fields)) = edits.next_if(|(sku, _)| !seen.contains(sku)) else { break };
            let (edit, replaced) = self.next_edit(reads, Some(&sku))?;
            deps.extend(replaced);
            seen.insert(sku.clone());
            chunk.push(ProductEdit { sku, edit, fields });
        }
        Ok(Chunk { edits: chunk, deps: deps.into_iter().collect() })
    }
}

fn claims_of(meanings: &[(EntryId, Meaning<'_>)]) -> Claims {
    let mut claims = Claims::new();
    let mut claim = |what: Option<Sku>, number: EditNumber| {
        let highest = claims.entry(what).or_default();
        *highest = (*highest).max(number.0);
    };
    for (_, meaning) in meanings {
        let Meaning::Record(record) = meaning else { continue };
        match &**record {
            Record::StoreOpened(settings) => claim(None, settings.edit),
            Record::ProductsEdited(edits) => {
                for edit in edits {
                    claim(Some(edit.sku.clone()), edit.edit);
                }
            }
            _ => {}
        }
    }
    claims
}
