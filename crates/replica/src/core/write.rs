//! Writing: how an own entry is made, appended, flushed and confirmed.

use std::collections::{BTreeMap, VecDeque};

use pos_core::cart::Direction;
use pos_core::record::Record;

use super::command::{CommandError, Moment, Outcome};
use super::effect::{Alarm, CommandId, Effect};
use super::entry::{Entry, EntryDraft, EntryId, Lane, OpClass, OpDraft, record_id};
use super::identity::{FeedId, Incarnation};
use super::kinds;
use super::life::{FeedEnd, IncarnationOpened, Resume, Seal};
use super::replica::{Replica, Unfolded, Waiting};
use crate::documents::{self, DocumentId};
use crate::limits;
use crate::simulation::{self, Canary, Mark};
use crate::storage::{FrameKind, Ordinal, Reads, Stream};

/// The stream an own entry of a lane goes to.
pub(super) const fn own_stream(lane: Lane) -> Stream {
    match lane {
        Lane::Ledger => Stream::OwnLedger,
        Lane::Floor => Stream::OwnFloor,
    }
}

impl Replica {
    /// Signs and appends one own entry and folds it. It is durable when its stream is flushed.
    pub(super) fn append_own(
        &mut self,
        reads: &dyn Reads,
        at: Moment,
        lane: Lane,
        deps: Vec<EntryId>,
        ops: Vec<OpDraft>,
    ) -> Result<(EntryId, Ordinal), CommandError> {
        let life = self.ensure_life(reads, at)?;
        self.refuse_number_given(&ops)?;
        let changes: Vec<DocumentId> = ops.iter().filter_map(changed).collect();
        let done = self.append_under(reads, at, life, lane, deps, ops)?;
        for document in changes {
            self.note_change(document);
        }
        Ok(done)
    }

    /// A change that is numbered like an earlier one of this life would be refused by everybody who
    /// has that one. So it is when an earlier one cannot be read, waits for what cannot be read, or
    /// is not folded again yet.
    fn refuse_number_given(&self, ops: &[OpDraft]) -> Result<(), CommandError> {
        let mut written = BTreeMap::new();
        for op in ops {
            let Some(document) = changed(op) else { continue };
            let before =
                written.entry(document).or_insert_with(|| self.changes.get(&document).copied());
            let number = before.unwrap_or(0).saturating_add(1);
            if documents::links(&op.body).is_some_and(|links| links.seq < number) {
                return Err(match self.rebuilding() {
                    Some((done, total)) => CommandError::Rebuilding { done, total },
                    None => CommandError::ChangesMissing,
                });
            }
            *before = Some(number);
        }
        Ok(())
    }

    fn note_change(&mut self, document: DocumentId) {
        if self.changes.len() >= limits::DOCUMENTS_CHANGED_MAX {
            self.changes.pop_first();
        }
        let count = self.changes.entry(document).or_default();
        *count = count.saturating_add(1);
    }

    /// Appends records as one entry and flushes it; the entry's id is that of its first record.
    /// They are folded behind the answer: see [`Effect::Continue`].
    pub(super) fn append_records(
        &mut self,
        reads: &dyn Reads,
        at: Moment,
        deps: Vec<EntryId>,
        records: &[Record],
    ) -> Result<(EntryId, Ordinal), CommandError> {
        // What this or another replica could not read would be answered and then kept aside.
        let ops = records.iter().map(readable_op).collect::<Result<Vec<_>, _>>()?;
        let life = self.ensure_life(reads, at)?;
        let (entry, ordinal) = self.sign_and_append(at, life, Lane::Ledger, deps, ops)?;
        for (index, record) in records.iter().enumerate() {
            self.resume.note(record_id(entry.id(), index), record);
        }
        let id = entry.id();
        self.unfolded.push_back(Unfolded { ordinal, entry });
        self.write_resume_if_due();
        self.effect(Effect::Flush(Stream::OwnLedger));
        Ok((id, ordinal))
    }

    /// Folds what was appended and is answered by now.
    pub(super) fn fold_waiting(&mut self, reads: &dyn Reads) {
        while let Some(Unfolded { ordinal, entry }) = self.unfolded.pop_front() {
            if let Err(error) = self.fold(reads, Stream::OwnLedger, ordinal, &entry) {
                // Half of it may be folded: the journal says what all of it is.
                self.begin_rebuild(error.to_string());
            }
        }
    }

    /// What is left to do once the answer is out.
    pub(super) fn go_on(&mut self, reads: &dyn Reads) {
        self.settle_or_alarm(reads);
        self.flush_if_heavy();
        self.commit_when_flushed();
    }

    /// Answers a command once frame `ordinal` of `stream` is durable.
    pub(super) fn answer_when_durable(
        &mut self,
        id: CommandId,
        stream: Stream,
        ordinal: Ordinal,
        outcome: Outcome,
    ) {
        self.waiting.push_back(Waiting { id, stream, ordinal, outcome });
    }

    /// The life entries are written under. The first own entry of a process opens it and seals
    /// the one before.
    pub(super) fn ensure_life(
        &mut self,
        reads: &dyn Reads,
        at: Moment,
    ) -> Result<Incarnation, CommandError> {
        if let Some(life) = self.life {
            return Ok(life);
        }
        if self.group.is_none() {
            return Err(CommandError::NoStore);
        }
        if let Some(life) = self.resume.incarnation
            && simulation::is(Canary::NoNewIncarnation)
        {
            self.go_on_in(life);
            return Ok(life);
        }
        if self.resume.incarnation.is_some() {
            let seals = if self.damaged_tail > 0 { Mark::SealedDamage } else { Mark::Sealed };
            simulation::reach(seals);
        }
        let former = self.resume.incarnation.map(|incarnation| Seal {
            incarnation,
            ledger: self.resume.ledger,
            receipts: self.resume.receipts.clone(),
            z_numbers: self.resume.z_numbers.clone(),
            grand_totals: self.resume.grand_totals.clone(),
            damaged_frames: self.damaged_tail,
        });
        let life = self.next_life();
        let body = postcard::to_stdvec(&IncarnationOpened { former }).unwrap_or_default();
        let op = OpDraft {
            kind: kinds::INCARNATION_OPENED,
            class: OpClass::Fact,
            subject: Vec::new(),
            body,
        };
        // Refused first, so that a device that may not write opens no life.
        self.heads_to_name(core::slice::from_ref(&op))?;
        self.begin_life(life);
        self.append_under(reads, at, life, Lane::Ledger, Vec::new(), vec![op])?;
        self.write_resume();
        // The command that asked for it may be refused, and flush nothing.
        self.flush_floor_soon(at);
        Ok(life)
    }

    fn next_life(&self) -> Incarnation {
        let former = self.resume.incarnation.map_or(0, |incarnation| incarnation.counter);
        Incarnation { counter: former.saturating_add(1), nonce: self.identity.nonce }
    }

    /// Goes on where the last process stopped: a bug for the simulator to find.
    fn go_on_in(&mut self, life: Incarnation) {
        self.begin_life(life);
        self.ends.insert(Lane::Ledger, self.resume.ledger);
        let floor = FeedId { device: self.device, incarnation: life, lane: Lane::Floor };
        let head = self.feeds.get(&floor).and_then(|state| state.heads.last().copied());
        if let Some((seq, head)) = head {
            self.ends.insert(Lane::Floor, FeedEnd { seq, head });
        }
    }

    /// Has what waits for no command flushed in a moment: the floor, and what opened this life.
    fn flush_floor_soon(&mut self, at: Moment) {
        let due = at.monotonic_ms.saturating_add(limits::FLOOR_FLUSH_MS);
        self.floor_due_ms.get_or_insert(due);
    }

    fn begin_life(&mut self, life: Incarnation) {
        self.life = Some(life);
        self.changes.clear();
        self.ends.clear();
    }

    /// Begins the life that founds a store: it has nothing to seal, the founding is its first
    /// entry.
    pub(super) fn begin_first_life(&mut self) {
        let life = self.next_life();
        self.begin_life(life);
    }

    fn append_under(
        &mut self,
        reads: &dyn Reads,
        at: Moment,
        incarnation: Incarnation,
        lane: Lane,
        deps: Vec<EntryId>,
        ops: Vec<OpDraft>,
    ) -> Result<(EntryId, Ordinal), CommandError> {
        // In the order of the feed, whatever comes first.
        self.fold_waiting(reads);
        let (entry, ordinal) = self.sign_and_append(at, incarnation, lane, deps, ops)?;
        self.note_own(&entry);
        self.writing = true;
        let folded = self.fold(reads, own_stream(lane), ordinal, &entry);
        self.writing = false;
        folded?;
        if lane == Lane::Floor {
            self.flush_floor_soon(at);
        }
        self.write_resume_if_due();
        Ok((entry.id(), ordinal))
    }

    /// Makes the next entry of a lane and puts it behind the others.
    fn sign_and_append(
        &mut self,
        at: Moment,
        incarnation: Incarnation,
        lane: Lane,
        deps: Vec<EntryId>,
        ops: Vec<OpDraft>,
    ) -> Result<(Entry, Ordinal), CommandError> {
        let roster_heads = self.heads_to_name(&ops)?;
        let end = self.ends.get(&lane).copied().unwrap_or(FeedEnd::NONE);
        let draft = EntryDraft {
            group: self.group.ok_or(CommandError::NoStore)?,
            lane,
            incarnation,
            seq: end.seq.saturating_add(1),
            previous: end.head,
            lamport: self.lamport.saturating_add(1),
            wall: at.wall,
            roster_heads,
            deps,
            ops,
        };
        let entry = Entry::sign(draft, &self.identity.key, &self.identity.seal)?;
        self.lamport = entry.header().lamport;
        let end = FeedEnd { seq: entry.header().seq, head: entry.id() };
        self.ends.insert(lane, end);
        let payload = entry.encode();
        if lane == Lane::Ledger {
            self.resume.incarnation = Some(incarnation);
            self.resume.ledger = end;
            let length = u64::try_from(payload.len()).unwrap_or(u64::MAX);
            self.bytes_since_resume = self.bytes_since_resume.saturating_add(length);
        }
        self.resume.lamport = self.lamport;
        let ordinal = self.append_frame(own_stream(lane), FrameKind::Entry, payload);
        Ok((entry, ordinal))
    }

    fn write_resume_if_due(&mut self) {
        if self.bytes_since_resume >= limits::RESUME_EVERY_BYTES {
            self.write_resume();
        }
    }

    /// Writes down what a successor needs to go on selling.
    pub(super) fn write_resume(&mut self) {
        self.resume.group = self.group;
        self.resume.lamport = self.lamport;
        let roster = self.roster.iter().map(|(id, record)| (*id, record.clone())).collect();
        let payload = Resume { roster, ..self.resume.clone() }.encode();
        self.append_frame(Stream::OwnLedger, FrameKind::Resume, payload);
        self.bytes_since_resume = 0;
    }

    pub(super) fn append_frame(
        &mut self,
        stream: Stream,
        kind: FrameKind,
        payload: Vec<u8>,
    ) -> Ordinal {
        let next = self.appended.entry(stream).or_default();
        let ordinal = *next;
        *next = ordinal.saturating_add(1);
        self.effect(Effect::Append { stream, ordinal, kind, payload });
        ordinal
    }

    /// Keeps what a successor needs up to date with an own entry.
    pub(super) fn note_own(&mut self, entry: &Entry) {
        let header = entry.header();
        self.group = self.group.or(Some(header.group));
        self.lamport = self.lamport.max(header.lamport);
        self.resume.lamport = self.lamport;
        if header.feed.lane == Lane::Ledger {
            self.resume.incarnation = Some(header.feed.incarnation);
            self.resume.ledger = FeedEnd { seq: header.seq, head: entry.id() };
        }
        for (id, op, body) in entry.ops() {
            if let Some(Ok(record)) = body.map(|body| Record::decode(op.kind, body)) {
                self.resume.note(id, &record);
            }
        }
    }

    /// Everything in `stream` before `upto` is durable: answers who waited for it, and lets the
    /// map follow once all streams are.
    pub(super) fn confirm(&mut self, stream: Stream, upto: Ordinal) {
        self.flushed.insert(stream, upto);
        if stream == Stream::OwnFloor && self.appended.get(&stream).copied().unwrap_or(0) == upto {
            self.floor_due_ms = None;
        }
        let (durable, waiting): (VecDeque<Waiting>, VecDeque<Waiting>) =
            core::mem::take(&mut self.waiting)
                .into_iter()
                .partition(|wait| wait.stream == stream && wait.ordinal < upto);
        self.waiting = waiting;
        for wait in durable {
            self.effect(Effect::Done { id: wait.id, result: Ok(wait.outcome) });
        }
        if self.unfolded.is_empty() {
            self.commit_when_flushed();
        } else {
            self.effect(Effect::Continue);
        }
    }

    /// A write failed. What was not confirmed may be lost, so nothing that builds on it may be
    /// written or answered: the folder has to be opened again.
    pub(super) fn stop(&mut self, stream: Stream, error: &str) {
        simulation::reach(Mark::WritingStopped);
        let reason = format!("{}: {error}", stream.name());
        self.stopped.get_or_insert_with(|| reason.clone());
        self.floor_due_ms = None;
        self.unfolded.clear();
        // Nothing that comes after what failed may reach the disk.
        self.effects.retain(|effect| matches!(effect, Effect::Done { .. } | Effect::Alarm(_)));
        for wait in core::mem::take(&mut self.waiting) {
            let result = Err(CommandError::Stopped(reason.clone()));
            self.effect(Effect::Done { id: wait.id, result });
        }
        self.effect(Effect::Alarm(Alarm::WritingStopped(reason)));
    }
}

/// The document that an op changes, if it does.
fn changed(op: &OpDraft) -> Option<DocumentId> {
    (op.kind == kinds::DOCUMENT_CHANGE).then(|| DocumentId::from_bytes(&op.subject)).flatten()
}

impl Resume {
    /// Takes in an own record.
    fn note(&mut self, id: EntryId, record: &Record) {
        match record {
            Record::TransactionCompleted(sale) => {
                let last = self.receipts.entry(sale.register.clone()).or_default();
                *last = (*last).max(sale.receipt_counter);
                let totals = self.grand_totals.entry(sale.register.clone()).or_default();
                let slot = match sale.direction {
                    Direction::Sale => &mut totals.0,
                    Direction::Return => &mut totals.1,
                };
                *slot = slot.saturating_add(sale.total.minor());
            }
            Record::ShiftOpened(shift) => {
                let register = shift.register.clone();
                self.shift_numbers.insert(register.clone(), shift.number);
                self.open_shifts.insert(register, (id, shift.business_date));
            }
            Record::ShiftClosed(closed) => {
                let register = &closed.report.figures.register;
                self.open_shifts.remove(register);
                self.z_numbers.insert(register.clone(), closed.report.number);
            }
            Record::StoreOpened(_)
            | Record::RegisterAssigned { .. }
            | Record::ProductsEdited(_)
            | Record::PaymentStarted { .. }
            | Record::StockAdjusted(_)
            | Record::AccountPosted(_)
            | Record::CashMoved(_) => {}
        }
    }
}

pub(super) fn record_op(record: &Record) -> OpDraft {
    fact(record.kind(), record.encode())
}

/// A record that every replica of this version can read.
fn readable_op(record: &Record) -> Result<OpDraft, CommandError> {
    Ok(fact(record.kind(), record.encode_readable()?))
}

const fn fact(kind: u16, body: Vec<u8>) -> OpDraft {
    OpDraft { kind, class: OpClass::Fact, subject: Vec::new(), body }
}
