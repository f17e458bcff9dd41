//! One document: an Automerge document behind the gate, rebuilt at will from the changes it took.

use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::transaction::{Transactable, Transaction};
use automerge::{Automerge, AutomergeError, Change, ObjId, ObjType, ROOT, ReadDoc, ScalarValue};
use thiserror::Error;

use super::gate::{self, CheckedChange, GateRefusal, ParsedChange};
use super::history::{ChangeFacts, Clock, History, OpFacts, Site};
use super::id::{ActorId, Author, ChangeHash, DocumentId};
use super::limits::{PARKED_BYTES_MAX, PARKED_CHANGES_MAX, PARKED_CHANGES_PER_AUTHOR_MAX};
use super::schema::{KEY_SCHEMA, SCHEMA_VERSION, genesis_maps};

/// Automerge failed behind the gate. A fault of this program on this device, never a verdict about
/// the change: the document was rebuilt without it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the document library failed ({0}); the document was rebuilt without the change")]
pub struct ApplyFault(&'static str);

/// Why a change was not applied.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ApplyError {
    /// The gate refused it.
    #[error(transparent)]
    Refused(#[from] GateRefusal),
    /// This device failed to apply it.
    #[error(transparent)]
    Fault(#[from] ApplyFault),
}

/// Why an own edit made no change. The document is as it was.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LocalError {
    /// The edit does not pass the gate that guards other devices: too long, or the document is
    /// full and must go on in its next epoch.
    #[error("this edit cannot be kept: {0}")]
    Refused(#[from] GateRefusal),
    /// This device failed to make it.
    #[error(transparent)]
    Fault(#[from] ApplyFault),
}

/// What became of a change that was not refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the document.
    Applied,
    /// It already was.
    Known,
    /// It waits for these changes, or (when empty) for a waiting change of its own author.
    Parked {
        /// Changes it builds on that are not here.
        missing: Vec<ChangeHash>,
    },
}

/// What became of a change that had been waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// The change.
    pub hash: ChangeHash,
    /// Its author.
    pub author: Author,
    /// Applied, or why not.
    pub result: Result<(), ApplyError>,
}

/// What offering one change did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// What became of the change itself.
    pub outcome: Outcome,
    /// Changes that had waited for it, in the order they were decided.
    pub released: Vec<Released>,
}

/// A document of any kind.
#[derive(Debug)]
pub struct Document {
    id: DocumentId,
    automerge: Automerge,
    history: History,
    /// Every change after the genesis, in the order they were applied: what a rebuild needs.
    applied: Vec<Change>,
    parked: Vec<ParsedChange>,
}

impl Document {
    /// The document as it begins: the same on every device.
    pub fn genesis(id: DocumentId) -> Result<Self, ApplyFault> {
        let (automerge, hash, ops) =
            guarded("genesis", || genesis(&id))?.map_err(|_error| ApplyFault("genesis refused"))?;
        let actor = id.genesis_actor();
        let facts = ChangeFacts {
            author: actor,
            seq: 1,
            max_op: ops.len() as u64,
            clock: Clock::from([(actor, 1)]),
        };
        let mut history = History::default();
        history.record(hash, facts, ops);
        Ok(Self { id, automerge, history, applied: Vec::new(), parked: Vec::new() })
    }

    /// Its name.
    pub const fn id(&self) -> &DocumentId {
        &self.id
    }

    /// The changes no other change of the document builds on, sorted.
    pub fn heads(&self) -> Vec<ChangeHash> {
        let mut heads: Vec<_> = self.automerge.get_heads().iter().map(|head| head.0).collect();
        heads.sort_unstable();
        heads
    }

    /// Changes in it, the genesis included.
    pub fn change_count(&self) -> usize {
        self.history.len()
    }

    /// Authors in it, the genesis not counted.
    pub fn author_count(&self) -> usize {
        self.history.actor_count().saturating_sub(1)
    }

    /// Changes that wait for others.
    pub fn parked_count(&self) -> usize {
        self.parked.len()
    }

    /// Whether a change is in the document.
    pub fn contains(&self, hash: &ChangeHash) -> bool {
        self.history.change(hash).is_some()
    }

    /// The changes that those waiting build on and that are not here, sorted.
    pub fn missing(&self) -> Vec<ChangeHash> {
        let waiting = self.parked.iter().flat_map(ParsedChange::deps);
        let mut missing: Vec<_> = waiting.filter(|hash| !self.contains(hash)).copied().collect();
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    /// The raw changes after the genesis, in an order in which another device can apply them.
    pub fn raw_changes(&self) -> impl Iterator<Item = &[u8]> {
        self.applied.iter().map(Change::raw_bytes)
    }

    /// Offers one change of an author whose signature the caller has checked. An author's changes
    /// must be offered in the order of its feed; between authors any order gives the same document.
    pub fn apply(&mut self, raw: &[u8], author: &Author) -> Result<Applied, ApplyError> {
        let parsed = gate::parse(&self.id, raw, author)?;
        let hash = parsed.hash;
        if self.contains(&hash) {
            return Ok(Applied { outcome: Outcome::Known, released: Vec::new() });
        }
        if self.parked.iter().any(|parked| parked.hash == hash) {
            let missing = parsed.deps().iter().filter(|dep| !self.contains(dep)).copied();
            let outcome = Outcome::Parked { missing: missing.collect() };
            return Ok(Applied { outcome, released: Vec::new() });
        }
        // The feed's first change under a number stands: a second one waits for its verdict.
        if self.parked.iter().any(|earlier| earlier.same_slot(&parsed)) {
            return self.park(parsed, Vec::new());
        }
        match parsed.clone().judge(&self.id, &self.history) {
            Ok(checked) => self.take(checked)?,
            Err(GateRefusal::Waiting(missing)) => return self.park(parsed, missing),
            Err(refusal) => return Err(refusal.into()),
        }
        let released = self.release();
        Ok(Applied { outcome: Outcome::Applied, released })
    }

    fn park(
        &mut self,
        parsed: ParsedChange,
        missing: Vec<ChangeHash>,
    ) -> Result<Applied, ApplyError> {
        let bytes: usize = self.parked.iter().map(ParsedChange::len).sum();
        let own = self.parked.iter().filter(|parked| parked.author == parsed.author).count();
        if self.parked.len() >= PARKED_CHANGES_MAX
            || own >= PARKED_CHANGES_PER_AUTHOR_MAX
            || bytes.saturating_add(parsed.len()) > PARKED_BYTES_MAX
        {
            return Err(GateRefusal::ParkFull.into());
        }
        self.parked.push(parsed);
        Ok(Applied { outcome: Outcome::Parked { missing }, released: Vec::new() })
    }

    /// Decides about waiting changes until none can be decided any more.
    fn release(&mut self) -> Vec<Released> {
        let mut released = Vec::new();
        while let Some(index) = self.next_ready() {
            let parsed = self.parked.remove(index);
            let (hash, author) = (parsed.hash, parsed.author);
            let result = parsed
                .judge(&self.id, &self.history)
                .map_err(ApplyError::from)
                .and_then(|checked| self.take(checked).map_err(ApplyError::from));
            released.push(Released { hash, author, result });
        }
        released
    }

    fn next_ready(&self) -> Option<usize> {
        let ready = |(index, parked): &(usize, &ParsedChange)| {
            let mut earlier = self.parked.iter().take(*index);
            parked.deps().iter().all(|dep| self.contains(dep))
                && !earlier.any(|earlier| earlier.same_slot(parked))
        };
        self.parked.iter().enumerate().find(ready).map(|(index, _parked)| index)
    }

    /// Applies a change that passed the gate.
    pub(super) fn take(&mut self, checked: CheckedChange) -> Result<(), ApplyFault> {
        let CheckedChange { parsed, facts, ops } = checked;
        let automerge = &mut self.automerge;
        let applied = guarded("apply", || {
            automerge.apply_changes([parsed.change.clone()]).is_ok()
                && automerge.get_heads().iter().any(|head| head.0 == parsed.hash)
        });
        match applied {
            Ok(true) => {
                self.history.record(parsed.hash, facts, ops);
                self.applied.push(parsed.change);
                Ok(())
            }
            Ok(false) => self.rebuild().and(Err(ApplyFault("apply refused"))),
            Err(fault) => self.rebuild().and(Err(fault)),
        }
    }

    /// Builds the Automerge document again from the changes it took.
    pub fn rebuild(&mut self) -> Result<(), ApplyFault> {
        let (id, applied) = (&self.id, &self.applied);
        let rebuilt = guarded("rebuild", || {
            let (mut automerge, _hash, _ops) = genesis(id)?;
            automerge.apply_changes(applied.iter().cloned())?;
            Ok::<_, AutomergeError>(automerge)
        })?;
        self.automerge = rebuilt.map_err(|_error| ApplyFault("rebuild refused"))?;
        Ok(())
    }

    /// Saves the document, loads it back and compares: what a checkpoint relies on.
    pub fn verify(&self) -> Result<(), ApplyFault> {
        let automerge = &self.automerge;
        let sound = guarded("save and load", || {
            Automerge::load(&automerge.save())
                .is_ok_and(|loaded| loaded.get_heads() == automerge.get_heads())
        })?;
        if sound { Ok(()) } else { Err(ApplyFault("a saved document does not load")) }
    }

    /// Makes an own change: its raw bytes, or `None` when the edit leaves everything as it is.
    pub(super) fn local_change(
        &mut self,
        author: &Author,
        edit: impl FnOnce(&mut Transaction<'_>) -> Result<(), AutomergeError>,
    ) -> Result<Option<Vec<u8>>, LocalError> {
        let automerge = &mut self.automerge;
        let made = guarded("edit", || {
            automerge.set_actor(author.actor().as_bytes().as_slice().into());
            let mut transaction = automerge.transaction();
            edit(&mut transaction)?;
            let (hash, _patches) = transaction.commit();
            let find = |hash| automerge.get_change_by_hash(&hash);
            Ok::<_, AutomergeError>(hash.and_then(find))
        });
        let change = match made {
            Ok(Ok(Some(change))) => change,
            Ok(Ok(None)) => return Ok(None),
            Ok(Err(_error)) => return Err(ApplyFault("edit refused").into()),
            Err(fault) => {
                self.rebuild()?;
                return Err(fault.into());
            }
        };
        let raw = change.raw_bytes().to_vec();
        let checked = gate::parse(&self.id, &raw, author)
            .and_then(|parsed| parsed.judge(&self.id, &self.history));
        match checked {
            Ok(CheckedChange { parsed, facts, ops }) => {
                self.history.record(parsed.hash, facts, ops);
                self.applied.push(change);
                Ok(Some(raw))
            }
            Err(refusal) => {
                self.rebuild()?;
                Err(refusal.into())
            }
        }
    }

    pub(super) const fn history(&self) -> &History {
        &self.history
    }

    pub(super) const fn automerge(&self) -> &Automerge {
        &self.automerge
    }
}

/// Puts a value so that it stands alone. Where concurrent edits left several values and the winner
/// is the one to be put, Automerge would write a deletion of the others, which no schema has: a
/// placeholder of the same type goes first.
pub(super) fn put_alone(
    transaction: &mut Transaction<'_>,
    object: &ObjId,
    key: &str,
    value: ScalarValue,
) -> Result<(), AutomergeError> {
    if transaction.get_all(object, key)?.len() > 1 {
        let placeholder = match &value {
            ScalarValue::Boolean(flag) => ScalarValue::Boolean(!flag),
            ScalarValue::Str(text) if text.is_empty() => ScalarValue::from("-"),
            ScalarValue::Str(_) => ScalarValue::from(""),
            ScalarValue::Int(number) => ScalarValue::Int(i64::from(*number == 0)),
            ScalarValue::Bytes(bytes) => {
                ScalarValue::Bytes(bytes.iter().map(|byte| !byte).collect())
            }
            _ => ScalarValue::Bytes(vec![0; 16]),
        };
        transaction.put(object, key, placeholder)?;
    }
    transaction.put(object, key, value)
}

/// Runs Automerge code whose panic must not take the till down. Whoever calls it rebuilds what the
/// code may have left half done.
fn guarded<T>(what: &'static str, run: impl FnOnce() -> T) -> Result<T, ApplyFault> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|_panic| ApplyFault(what))
}

/// The first change: constants only, keys sorted.
fn genesis(id: &DocumentId) -> Result<(Automerge, ChangeHash, Vec<OpFacts>), AutomergeError> {
    let actor: ActorId = id.genesis_actor();
    let mut automerge = Automerge::new().with_actor(actor.as_bytes().as_slice().into());
    let mut transaction = automerge.transaction();
    let mut ops = Vec::new();
    let at_root = |key: &str| Site { map: None, key: key.into() };
    for key in genesis_maps(id.kind()) {
        transaction.put_object(ROOT, *key, ObjType::Map)?;
        ops.push(OpFacts { site: at_root(key), makes_map: true });
    }
    transaction.put(ROOT, KEY_SCHEMA, SCHEMA_VERSION)?;
    ops.push(OpFacts { site: at_root(KEY_SCHEMA), makes_map: false });
    let (hash, _patches) = transaction.commit();
    Ok((automerge, hash.map(|hash| hash.0).unwrap_or_default(), ops))
}
