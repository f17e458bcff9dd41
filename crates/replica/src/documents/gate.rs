//! The gate: decides about one raw change before Automerge may apply it.
//!
//! Automerge 0.12 trusts its input. A change can panic it, hang it, or leave a document that saves
//! but never loads again. Every rule here is a pure function of the change and of its own past
//! (the changes it names, and theirs), never of what else this device happens to hold, so that all
//! devices reach the same verdict in any order of arrival. The one exception is two changes of one
//! author under one number: the one offered first stands. An author's changes travel in one feed,
//! so "first" is the same everywhere.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::legacy::{Key, ObjectId, Op, OpId, OpType};
use automerge::{Change, ExpandedChange, ObjType, ScalarValue};
use thiserror::Error;

use super::chunk;
use super::document::Document;
use super::history::{ChangeFacts, Clock, History, OpFacts, OpRef, Site};
use super::id::{ActorId, Author, ChangeHash, DocumentId};
use super::limits::{
    CHANGE_BYTES_MAX, CHANGE_OPS_MAX, DOCUMENT_ACTORS_MAX, DOCUMENT_CHANGES_MAX, DOCUMENT_OPS_MAX,
    KEY_BYTES_MAX, OP_COUNTER_MAX, VALUE_BYTES_MAX,
};
use super::schema::{self, Write, Written};

/// Version of the rules in this file. A change of rules is a change of verdicts: it gets a new
/// number, and old documents keep being judged by the rules they were written under.
pub const GATE_VERSION: u16 = 1;

/// Why a change is not applied. All but [`GateRefusal::Waiting`] and [`GateRefusal::ParkFull`] are
/// verdicts: the same on every device, for ever.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GateRefusal {
    /// Longer than any change may be. The author's fault.
    #[error("the change has {bytes} bytes, more than {CHANGE_BYTES_MAX}")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// Deflated, whole or in part: its true size is unknown until it is inflated.
    #[error("the change is compressed; only plain changes are taken")]
    Compressed,
    /// Not an Automerge change at all.
    #[error("the bytes are not a change")]
    Malformed,
    /// Parses, but is not how Automerge writes it: its hash could not be computed again.
    #[error("the change is not in its canonical form, or its checksum is wrong")]
    NotCanonical,
    /// The device that signed it may not write to this document.
    #[error("this document belongs to another device")]
    NotTheOwner,
    /// Written under an actor id that is not the signer's.
    #[error("the change carries the actor id of another author")]
    ForgedActor,
    /// A wall time: documents have none.
    #[error("the change carries a time of its own")]
    HasTime,
    /// A message or trailing bytes: documents have none.
    #[error("the change carries a message or trailing bytes")]
    ExtraBytes,
    /// No operations.
    #[error("the change does nothing")]
    NoOperations,
    /// More operations, or more replaced values, than one change may have.
    #[error("the change has more than {CHANGE_OPS_MAX} operations")]
    TooManyOperations,
    /// Names more direct predecessors than a store has devices.
    #[error("the change names too many predecessors")]
    TooManyDeps,
    /// Names a predecessor twice.
    #[error("the change names a predecessor twice")]
    RepeatedDep,
    /// Names no predecessor: it stands beside the genesis instead of on it.
    #[error("the change does not build on the document's beginning")]
    NoDeps,
    /// An operation that our documents do not use.
    #[error("the change holds a {0}, which this kind of document does not use")]
    OperationNotUsed(&'static str),
    /// A key longer than any of ours.
    #[error("a key of the change is longer than {KEY_BYTES_MAX} bytes")]
    KeyTooLong,
    /// A value longer than any of ours.
    #[error("a value of the change is longer than {VALUE_BYTES_MAX} bytes")]
    ValueTooLong,
    /// A key, a value or a writer that the document's kind has no place for.
    #[error("the change writes {key:?}, which its author may not write so")]
    NotInSchema {
        /// The key.
        key: String,
    },
    /// Builds on changes that are not here yet. Not a verdict: park it.
    #[error("the change waits for {} other(s)", .0.len())]
    Waiting(Vec<ChangeHash>),
    /// No room for another waiting change. Not a verdict: offer it again later.
    #[error("too many changes of this document wait for others")]
    ParkFull,
    /// Its number does not follow the last one of its author that it has seen.
    #[error("the change is number {found} of its author where {expected} is due")]
    SequenceGap {
        /// The number that would follow.
        expected: u64,
        /// The number it carries.
        found: u64,
    },
    /// Its author already wrote another change under this number.
    #[error("its author already wrote another change number {seq}")]
    DuplicateSequence {
        /// The number.
        seq: u64,
    },
    /// Does not name its author's previous change.
    #[error("the change does not name the previous change of its author")]
    OwnPreviousMissing,
    /// Its operations are not numbered right after those it builds on.
    #[error("the change counts its operations from {found} where {expected} is due")]
    WrongStartOp {
        /// The counter that would follow.
        expected: u64,
        /// The counter it carries.
        found: u64,
    },
    /// The operation counter runs out.
    #[error("the change counts its operations beyond {OP_COUNTER_MAX}")]
    CounterExhausted,
    /// More authors than one document may have: it must go on in a new epoch.
    #[error("the document has {DOCUMENT_ACTORS_MAX} authors; start its next epoch")]
    TooManyActors,
    /// More changes or operations than one document may have: it must go on in a new epoch.
    #[error("the document is full; start its next epoch")]
    DocumentFull,
    /// Writes into a map that its past does not hold.
    #[error("operation {index} of the change writes into an unknown map")]
    UnknownObject {
        /// Which operation, counted from 0.
        index: usize,
    },
    /// Replaces a value that its past does not hold at that key.
    #[error("operation {index} of the change replaces a value that is not there")]
    UnknownPredecessor {
        /// Which operation, counted from 0.
        index: usize,
    },
}

impl GateRefusal {
    /// Whether this stands for ever on every device; otherwise the change may pass later.
    pub const fn is_verdict(&self) -> bool {
        !matches!(self, Self::Waiting(_) | Self::ParkFull)
    }
}

/// A change that passed the gate against one document's state, ready to be applied to it.
#[derive(Debug, Clone)]
pub struct CheckedChange {
    pub(super) parsed: ParsedChange,
    pub(super) facts: ChangeFacts,
    pub(super) ops: Vec<OpFacts>,
}

impl CheckedChange {
    /// The change's hash.
    pub const fn hash(&self) -> ChangeHash {
        self.parsed.hash
    }

    /// Operations in it.
    pub fn operation_count(&self) -> usize {
        self.ops.len()
    }
}

/// A change whose form is sound: what can be said of it without its past.
#[derive(Debug, Clone)]
pub(super) struct ParsedChange {
    pub(super) hash: ChangeHash,
    pub(super) author: Author,
    pub(super) seq: u64,
    pub(super) change: Change,
    deps: Vec<ChangeHash>,
    start_op: u64,
    operations: Vec<Op>,
}

/// Decides about one change against a document's state.
pub fn check(
    document: &Document,
    raw: &[u8],
    author: &Author,
) -> Result<CheckedChange, GateRefusal> {
    parse(document.id(), raw, author)?.judge(document.id(), document.history())
}

/// The rules that need no past.
pub(super) fn parse(
    id: &DocumentId,
    raw: &[u8],
    author: &Author,
) -> Result<ParsedChange, GateRefusal> {
    chunk::check_bounds(raw)?;
    if !id.admits(author.device()) {
        return Err(GateRefusal::NotTheOwner);
    }
    // Automerge's parser has panicked on bytes like these; nothing outlives the closure.
    let parsed = catch_unwind(AssertUnwindSafe(|| {
        let change = Change::from_bytes(raw.to_vec()).ok()?;
        let expanded = change.decode();
        let again = Change::from(expanded.clone());
        Some((change, expanded, again.raw_bytes() == raw))
    }));
    let Ok(Some((change, expanded, canonical))) = parsed else {
        return Err(GateRefusal::Malformed);
    };
    check_form(&expanded, author)?;
    if !canonical {
        return Err(GateRefusal::NotCanonical);
    }
    Ok(ParsedChange {
        hash: change.hash().0,
        author: *author,
        seq: expanded.seq,
        deps: expanded.deps.iter().map(|dep| dep.0).collect(),
        start_op: expanded.start_op.get(),
        operations: expanded.operations,
        change,
    })
}

fn check_form(expanded: &ExpandedChange, author: &Author) -> Result<(), GateRefusal> {
    if expanded.actor_id.to_bytes() != author.actor().as_bytes() {
        return Err(GateRefusal::ForgedActor);
    }
    if expanded.time != 0 {
        return Err(GateRefusal::HasTime);
    }
    if expanded.message.is_some() || !expanded.extra_bytes.is_empty() {
        return Err(GateRefusal::ExtraBytes);
    }
    let length = expanded.operations.len() as u64;
    if length == 0 {
        return Err(GateRefusal::NoOperations);
    }
    if length > CHANGE_OPS_MAX {
        return Err(GateRefusal::TooManyOperations);
    }
    if expanded.deps.is_empty() {
        return Err(GateRefusal::NoDeps);
    }
    // Sorted, because the canonical form sorts them.
    if expanded.deps.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(GateRefusal::RepeatedDep);
    }
    let max_op = expanded.start_op.get().saturating_add(length - 1);
    if max_op > OP_COUNTER_MAX {
        return Err(GateRefusal::CounterExhausted);
    }
    expanded.operations.iter().try_for_each(check_operation)
}

fn check_operation(op: &Op) -> Result<(), GateRefusal> {
    let unused = |what| Err(GateRefusal::OperationNotUsed(what));
    let Key::Map(key) = &op.key else { return unused("list operation") };
    if op.insert {
        return unused("list insertion");
    }
    if key.len() > KEY_BYTES_MAX {
        return Err(GateRefusal::KeyTooLong);
    }
    let length = match &op.action {
        OpType::Make(ObjType::Map) => 0,
        OpType::Put(value) => match value {
            ScalarValue::Bytes(bytes) => bytes.len(),
            ScalarValue::Str(text) => text.len(),
            ScalarValue::Int(_) | ScalarValue::Boolean(_) | ScalarValue::Null => 0,
            _ => return unused("value of a foreign type"),
        },
        OpType::Make(_) => return unused("list, text or table"),
        OpType::Delete => return unused("deletion"),
        OpType::Increment(_) => return unused("counter increment"),
        OpType::MarkBegin(_) | OpType::MarkEnd(_) => return unused("text mark"),
    };
    if length > VALUE_BYTES_MAX {
        return Err(GateRefusal::ValueTooLong);
    }
    Ok(())
}

impl ParsedChange {
    /// Length of its bytes.
    pub(super) fn len(&self) -> usize {
        self.change.raw_bytes().len()
    }

    /// The changes it builds on.
    pub(super) fn deps(&self) -> &[ChangeHash] {
        &self.deps
    }

    /// Whether both claim the same number of the same author.
    pub(super) fn same_slot(&self, other: &Self) -> bool {
        self.author == other.author && self.seq == other.seq
    }

    /// The rules that need the past.
    pub(super) fn judge(
        self,
        id: &DocumentId,
        history: &History,
    ) -> Result<CheckedChange, GateRefusal> {
        let actor = self.author.actor();
        let (mut clock, last_op) = self.past(history)?;
        self.check_sequence(history, &clock)?;
        let expected = last_op.saturating_add(1);
        if self.start_op != expected {
            return Err(GateRefusal::WrongStartOp { expected, found: self.start_op });
        }
        let ops = self.check_operations(id, history, &clock)?;
        let count = ops.len() as u64;
        let held = history.ops_within(&clock).saturating_add(count);
        clock.insert(actor, self.seq);
        // The genesis is in every clock and no author.
        if clock.len() > DOCUMENT_ACTORS_MAX + 1 {
            return Err(GateRefusal::TooManyActors);
        }
        let changes = clock.values().fold(0, |sum: u64, seq| sum.saturating_add(*seq));
        if changes > DOCUMENT_CHANGES_MAX || held > DOCUMENT_OPS_MAX {
            return Err(GateRefusal::DocumentFull);
        }
        let max_op = self.start_op.saturating_add(count).saturating_sub(1);
        let facts = ChangeFacts { author: actor, seq: self.seq, max_op, clock };
        Ok(CheckedChange { facts, ops, parsed: self })
    }

    /// What the change has seen: the union of its predecessors' clocks, and their last counter.
    fn past(&self, history: &History) -> Result<(Clock, u64), GateRefusal> {
        let (mut clock, mut last_op, mut missing) = (Clock::new(), 0, Vec::new());
        for hash in &self.deps {
            let Some(dep) = history.change(hash) else {
                missing.push(*hash);
                continue;
            };
            last_op = last_op.max(dep.max_op);
            for (actor, seq) in &dep.clock {
                let seen = clock.entry(*actor).or_default();
                *seen = (*seen).max(*seq);
            }
        }
        if missing.is_empty() { Ok((clock, last_op)) } else { Err(GateRefusal::Waiting(missing)) }
    }

    fn check_sequence(&self, history: &History, clock: &Clock) -> Result<(), GateRefusal> {
        let actor = self.author.actor();
        let last = clock.get(&actor).copied().unwrap_or(0);
        let expected = last.saturating_add(1);
        if self.seq != expected {
            return Err(GateRefusal::SequenceGap { expected, found: self.seq });
        }
        let previous = history.by_seq(actor, last);
        if previous.is_some_and(|hash| !self.deps.contains(&hash)) {
            return Err(GateRefusal::OwnPreviousMissing);
        }
        if history.by_seq(actor, self.seq).is_some_and(|hash| hash != self.hash) {
            return Err(GateRefusal::DuplicateSequence { seq: self.seq });
        }
        Ok(())
    }

    fn check_operations(
        &self,
        id: &DocumentId,
        history: &History,
        clock: &Clock,
    ) -> Result<Vec<OpFacts>, GateRefusal> {
        let mut past = Past {
            history,
            clock,
            actor: self.author.actor(),
            start_op: self.start_op,
            own: Vec::with_capacity(self.operations.len()),
            own_sites: BTreeSet::new(),
        };
        for (index, op) in self.operations.iter().enumerate() {
            let map = match &op.obj {
                ObjectId::Root => None,
                ObjectId::Id(op) => Some(op_ref(op).ok_or(GateRefusal::UnknownObject { index })?),
            };
            let Key::Map(key) = &op.key else {
                return Err(GateRefusal::OperationNotUsed("list operation"));
            };
            let site = Site { map, key: key.as_str().into() };
            for pred in op.pred.iter() {
                let known = op_ref(pred).and_then(|pred| past.op(&pred));
                if known.is_none_or(|facts| facts.site != site) {
                    return Err(GateRefusal::UnknownPredecessor { index });
                }
            }
            let path = past.path(map).ok_or(GateRefusal::UnknownObject { index })?;
            let value = match &op.action {
                OpType::Put(value) => Written::Scalar(value),
                _ => Written::Map,
            };
            let write = Write {
                path: &path,
                key: &site.key,
                value,
                fresh: op.pred.is_empty() && !past.wrote(&site),
                own_map: map.is_some_and(|map| map.actor == past.actor),
                author: past.actor,
            };
            if !schema::allows(id.kind(), &write) {
                return Err(GateRefusal::NotInSchema { key: key.to_string() });
            }
            let makes_map = matches!(value, Written::Map);
            past.own_sites.insert(site.clone());
            past.own.push(OpFacts { site, makes_map });
        }
        Ok(past.own)
    }
}

/// What an operation may refer to: its change's past, and the operations before it.
struct Past<'a> {
    history: &'a History,
    clock: &'a Clock,
    actor: ActorId,
    start_op: u64,
    own: Vec<OpFacts>,
    own_sites: BTreeSet<Site>,
}

impl Past<'_> {
    fn op(&self, op: &OpRef) -> Option<&OpFacts> {
        if op.actor == self.actor && op.counter >= self.start_op {
            let index = usize::try_from(op.counter - self.start_op).ok()?;
            return self.own.get(index);
        }
        self.history.op_within(op, self.clock)
    }

    fn wrote(&self, site: &Site) -> bool {
        self.own_sites.contains(site) || self.history.written_within(site, self.clock)
    }

    /// The keys from the root to a map; `None` when the map is not known.
    fn path(&self, mut map: Option<OpRef>) -> Option<Vec<&str>> {
        let mut keys = Vec::new();
        while let Some(op) = map {
            let facts = self.op(&op)?;
            if !facts.makes_map {
                return None;
            }
            keys.push(&*facts.site.key);
            map = facts.site.map;
        }
        keys.reverse();
        Some(keys)
    }
}

fn op_ref(op: &OpId) -> Option<OpRef> {
    let actor = op.actor().to_bytes().try_into().ok()?;
    Some(OpRef { counter: op.counter(), actor: ActorId::from_bytes(actor) })
}
