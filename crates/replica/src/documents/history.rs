//! What the gate knows of a document's past: which change holds which operation, where that
//! operation stands, and what each change had seen. Kept apart from Automerge, so that a verdict
//! never depends on what a hostile change may have done inside it.

use std::collections::BTreeMap;

use super::id::{ActorId, ChangeHash};

/// One operation: its counter and its author.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OpRef {
    pub(super) counter: u64,
    pub(super) actor: ActorId,
}

/// A map: the root, or the operation that made it.
pub(super) type MapRef = Option<OpRef>;

/// One key of one map.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Site {
    pub(super) map: MapRef,
    pub(super) key: Box<str>,
}

/// Where an operation stands and what it did.
#[derive(Debug, Clone)]
pub(super) struct OpFacts {
    pub(super) site: Site,
    pub(super) makes_map: bool,
}

/// The highest sequence number of each author that a change has seen, itself included.
pub(super) type Clock = BTreeMap<ActorId, u64>;

#[derive(Debug, Clone)]
pub(super) struct ChangeFacts {
    pub(super) author: ActorId,
    pub(super) seq: u64,
    pub(super) max_op: u64,
    pub(super) clock: Clock,
}

#[derive(Debug, Clone, Copy)]
struct OwnChange {
    hash: ChangeHash,
    /// Operations of this author up to and including this change.
    ops_so_far: u64,
}

#[derive(Debug, Clone)]
struct StoredOp {
    seq: u64,
    facts: OpFacts,
}

/// The known past of one document.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    changes: BTreeMap<ChangeHash, ChangeFacts>,
    by_author: BTreeMap<ActorId, Vec<OwnChange>>,
    ops: BTreeMap<OpRef, StoredOp>,
    sites: BTreeMap<Site, Vec<OpRef>>,
}

impl History {
    pub(super) fn change(&self, hash: &ChangeHash) -> Option<&ChangeFacts> {
        self.changes.get(hash)
    }

    pub(super) fn len(&self) -> usize {
        self.changes.len()
    }

    pub(super) fn actor_count(&self) -> usize {
        self.by_author.len()
    }

    /// The change an author wrote as its `seq`th (counted from 1).
    pub(super) fn by_seq(&self, author: ActorId, seq: u64) -> Option<ChangeHash> {
        let index = usize::try_from(seq.checked_sub(1)?).ok()?;
        self.by_author.get(&author)?.get(index).map(|change| change.hash)
    }

    /// An operation that lies within `clock`.
    pub(super) fn op_within(&self, op: &OpRef, clock: &Clock) -> Option<&OpFacts> {
        let stored = self.ops.get(op)?;
        let seen = clock.get(&op.actor).is_some_and(|seq| stored.seq <= *seq);
        seen.then_some(&stored.facts)
    }

    /// Whether any operation within `clock` ever wrote this key.
    pub(super) fn written_within(&self, site: &Site, clock: &Clock) -> bool {
        let mut ops = self.sites.get(site).into_iter().flatten();
        ops.any(|op| self.op_within(op, clock).is_some())
    }

    /// Operations of all changes within `clock`.
    pub(super) fn ops_within(&self, clock: &Clock) -> u64 {
        let of_author = |(author, seq): (&ActorId, &u64)| {
            let index = usize::try_from(seq.checked_sub(1)?).ok()?;
            self.by_author.get(author)?.get(index).map(|change| change.ops_so_far)
        };
        clock.iter().filter_map(of_author).fold(0, u64::saturating_add)
    }

    /// Takes in a change that passed the gate; `ops` in the order of their counters.
    pub(super) fn record(&mut self, hash: ChangeHash, facts: ChangeFacts, ops: Vec<OpFacts>) {
        let (author, seq) = (facts.author, facts.seq);
        let count = ops.len() as u64;
        let first = facts.max_op.saturating_add(1).saturating_sub(count);
        for (counter, facts) in (first..).zip(ops) {
            let op = OpRef { counter, actor: author };
            self.sites.entry(facts.site.clone()).or_default().push(op);
            self.ops.insert(op, StoredOp { seq, facts });
        }
        let own = self.by_author.entry(author).or_default();
        let before = own.last().map_or(0, |change| change.ops_so_far);
        own.push(OwnChange { hash, ops_so_far: before.saturating_add(count) });
        self.changes.insert(hash, facts);
    }
}
