//! The map: loading it, following the journal with it, and rebuilding it while the till sells.

use pos_core::books::Books;
use pos_core::ids::StoreId;
use serde::{Deserialize, Serialize};

use super::effect::{Alarm, Effect};
use super::entry::{Entry, EntryId};
use super::feeds::FeedState;
use super::identity::FeedId;
use super::keys;
use super::membership::RosterDue;
use super::places::Looked;
use super::replica::{Replica, last_ordinal};
use super::roster::RosterEntry;
use super::verdict::HeldBack;
use crate::limits;
use crate::simulation::{self, Mark};
use crate::storage::{Damage, FrameKind, Ordinal, Reads, Scanned, StorageError, Stream};

/// Reads of the map in one go, in rows.
const PAGE_ROWS: usize = 4096;
/// The order streams are rebuilt in: what closes carts before what opens them.
const ORDER: [Stream; 3] = [Stream::OwnLedger, Stream::Others, Stream::OwnFloor];

/// How far the journal is folded into the map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Applied {
    version: u8,
    /// First frame of each stream (in the order of [`Stream::ALL`]) that is not folded.
    next: [Ordinal; 3],
    rebuild: Option<Rebuild>,
    group: Option<StoreId>,
    lamport: u64,
    published_from: Ordinal,
    published_lamport: u64,
    damage: Vec<SavedDamage>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SavedDamage {
    stream: u8,
    first: Ordinal,
    last: Ordinal,
    place: String,
    reason: String,
}

/// A rebuild that is running: what is left to fold below `target`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rebuild {
    next: [Ordinal; 3],
    target: [Ordinal; 3],
}

const APPLIED_VERSION: u8 = 3;

const fn slot(stream: Stream) -> usize {
    match stream {
        Stream::OwnLedger => 0,
        Stream::OwnFloor => 1,
        Stream::Others => 2,
    }
}

impl Rebuild {
    fn next_of(&self, stream: Stream) -> Ordinal {
        self.next.get(slot(stream)).copied().unwrap_or(0)
    }

    fn target_of(&self, stream: Stream) -> Ordinal {
        self.target.get(slot(stream)).copied().unwrap_or(0)
    }

    fn advance(&mut self, stream: Stream, to: Ordinal) {
        if let Some(next) = self.next.get_mut(slot(stream)) {
            *next = to;
        }
    }

    fn is_done(&self) -> bool {
        Stream::ALL.iter().all(|&stream| self.next_of(stream) >= self.target_of(stream))
    }

    pub(super) fn progress(&self) -> (u64, u64) {
        let total = self.target.iter().fold(0_u64, |sum, &target| sum.saturating_add(target));
        let done = Stream::ALL.iter().fold(0_u64, |sum, &stream| {
            sum.saturating_add(self.next_of(stream).min(self.target_of(stream)))
        });
        (done, total)
    }
}

impl Replica {
    /// Takes up the map at start: folds what the journal has more, or begins a rebuild.
    pub(super) fn load_map(&mut self, reads: &dyn Reads) -> Result<(), StorageError> {
        let journal = Stream::ALL.map(|stream| reads.next_ordinal(stream));
        match self.read_map(reads, journal) {
            Ok(Some(applied)) => {
                self.lamport = self.lamport.max(applied.lamport);
                self.published_from = applied.published_from;
                self.published_lamport = applied.published_lamport;
                self.rebuild = Some(Rebuild { next: applied.next, target: journal });
                while self.rebuild.is_some() {
                    self.rebuild_step(reads)?;
                }
                self.rebuild = applied.rebuild;
                self.settle(reads)
            }
            Ok(None) if journal.iter().all(|&next| next == 0) => Ok(()),
            Ok(None) => {
                self.rebuild_at_start(reads, "it was lost or does not fit the journal".to_owned())
            }
            Err(StorageError::MapBroken(reason)) => self.rebuild_at_start(reads, reason),
            Err(other) => Err(other),
        }
    }

    /// Begins a rebuild and does as much of it as no cashier notices: a young till's whole.
    fn rebuild_at_start(&mut self, reads: &dyn Reads, reason: String) -> Result<(), StorageError> {
        self.begin_rebuild(reason);
        self.rebuild_step(reads)?;
        while self.rebuilding().is_some_and(|(_, total)| total <= limits::REBUILD_AT_START_FRAMES) {
            self.rebuild_step(reads)?;
        }
        Ok(())
    }

    /// Forgets all that is folded and folds the whole journal again, step by step. The roster is
    /// kept: it says at once which entries count, and what this device writes meanwhile names it.
    pub(super) fn begin_rebuild(&mut self, reason: String) {
        simulation::reach(Mark::Rebuild);
        self.books = Books::new();
        self.feeds.clear();
        self.held.clear();
        self.waiters.clear();
        self.carts.clear();
        self.customers.clear();
        self.unfolded.clear();
        self.unreadable_aside = None;
        self.movements.clear();
        self.stock_document = None;
        self.published_from = 0;
        self.published_lamport = 0;
        self.unsaved_rows = 0;
        // Waiting changes speak of a map that is gone; the rebuild makes them again.
        self.overlay.clear();
        for (id, record) in self.roster.iter() {
            let value = postcard::to_stdvec(record).unwrap_or_default();
            self.overlay.put(keys::roster(*id), value);
        }
        let target = Stream::ALL.map(|stream| self.appended.get(&stream).copied().unwrap_or(0));
        self.rebuild = Some(Rebuild { next: [0; 3], target });
        self.effect(Effect::ResetMap);
        self.effect(Effect::Alarm(Alarm::IndexRebuilding(reason)));
    }

    /// One bounded piece of the rebuild, when nothing else is to do.
    pub(super) fn idle(&mut self, reads: &dyn Reads) {
        if self.rebuild.is_none() {
            return;
        }
        simulation::reach(Mark::RebuildStep);
        if let Err(error) = self.rebuild_step(reads) {
            match error {
                StorageError::MapBroken(reason) => self.begin_rebuild(reason),
                other => self.effect(Effect::Alarm(Alarm::WritingStopped(other.to_string()))),
            }
        }
        self.commit_when_flushed();
    }

    fn rebuild_step(&mut self, reads: &dyn Reads) -> Result<(), StorageError> {
        let Some(rebuild) = &self.rebuild else { return Ok(()) };
        let behind = |stream: &&Stream| rebuild.next_of(**stream) < rebuild.target_of(**stream);
        let Some(&stream) = ORDER.iter().find(behind) else { return self.rebuild_done(reads) };
        let from = rebuild.next_of(stream);
        let target = rebuild.target_of(stream);
        let scanned = reads.scan(stream, from, limits::REBUILD_STEP_BYTES)?;
        let next = scanned.last().map_or(target, |item| last_ordinal(item).saturating_add(1));
        for item in scanned {
            match item {
                Scanned::Damaged(damage) => self.note_damage(damage),
                Scanned::Frame(frame) if frame.ordinal >= target => {}
                Scanned::Frame(frame) => {
                    self.rebuild_reached(stream, frame.ordinal);
                    self.fold_frame(reads, stream, &frame)?;
                }
            }
        }
        self.rebuild_reached(stream, next.min(target));
        if self.rebuild.as_ref().is_some_and(Rebuild::is_done) {
            return self.rebuild_done(reads);
        }
        Ok(())
    }

    fn rebuild_reached(&mut self, stream: Stream, ordinal: Ordinal) {
        if let Some(rebuild) = &mut self.rebuild {
            rebuild.advance(stream, ordinal);
        }
    }

    fn rebuild_done(&mut self, reads: &dyn Reads) -> Result<(), StorageError> {
        self.rebuild = None;
        self.recount_movements(reads)?;
        self.settle(reads)
    }

    fn fold_frame(
        &mut self,
        reads: &dyn Reads,
        stream: Stream,
        frame: &crate::storage::Frame,
    ) -> Result<(), StorageError> {
        if frame.kind != FrameKind::Entry {
            return Ok(());
        }
        match Entry::decode(&frame.payload) {
            // A copy that was fetched again can lie beside the first one.
            Ok(entry) if matches!(self.look_for(reads, &entry)?, Looked::Held) => Ok(()),
            Ok(entry) => self.fold(reads, stream, frame.ordinal, &entry),
            Err(error) => {
                let reason = error.to_string();
                let ordinal = frame.ordinal;
                self.effect(Effect::Alarm(Alarm::Unreadable { stream, ordinal, reason }));
                Ok(())
            }
        }
    }

    /// Hands the waiting changes to the map, once every entry they were folded from is durable.
    pub(super) fn commit_when_flushed(&mut self) {
        let behind = !self.all_flushed() || !self.unfolded.is_empty();
        if behind || self.stopped.is_some() || !self.commit_is_due() {
            return;
        }
        let rows = self.books.take_dirty();
        if self.overlay.len() == 0 && rows.is_empty() && self.rebuild.is_none() {
            return;
        }
        for (row, value) in rows {
            self.overlay.put(keys::books(&row), value);
        }
        let applied = Applied {
            version: APPLIED_VERSION,
            next: Stream::ALL.map(|stream| self.flushed.get(&stream).copied().unwrap_or(0)),
            rebuild: self.rebuild.clone(),
            group: self.group,
            lamport: self.lamport,
            published_from: self.published_from,
            published_lamport: self.published_lamport,
            damage: self.damage.iter().map(SavedDamage::of).collect(),
        };
        let value = postcard::to_stdvec(&applied).unwrap_or_default();
        self.overlay.put(keys::APPLIED.to_vec(), value);
        let batch = self.overlay.take();
        self.unsaved_rows = 0;
        self.committed_at_ms = self.now_ms;
        self.effect(Effect::Commit(batch));
    }

    /// Rows that change all the time (totals, feeds, carts that are paid a moment later) reach the
    /// map once a second, not with every sale: what is lost by a crash is folded again at start.
    fn commit_is_due(&self) -> bool {
        let rows = self.overlay.len().saturating_add(self.unsaved_rows);
        self.closing
            || self.rebuild.is_some()
            || rows >= limits::MAP_COMMIT_ROWS
            || self.now_ms.saturating_sub(self.committed_at_ms) >= limits::MAP_COMMIT_MS
    }

    /// Reads the map into memory; `None` when it cannot be a fold of this journal.
    fn read_map(
        &mut self,
        reads: &dyn Reads,
        journal: [Ordinal; 3],
    ) -> Result<Option<Applied>, StorageError> {
        let Some(value) = reads.get(keys::APPLIED)? else { return Ok(None) };
        let Ok(applied) = postcard::from_bytes::<Applied>(&value) else { return Ok(None) };
        let ahead = applied.next.iter().zip(journal).any(|(&folded, held)| folded > held);
        if applied.version != APPLIED_VERSION || ahead {
            return Ok(None);
        }
        self.group = self.group.or(applied.group);
        let broken = |what: &str| StorageError::MapBroken(format!("a row of {what} is unreadable"));
        for (key, value) in all_rows(reads, keys::BOOKS)? {
            let row = key.get(keys::BOOKS.len()..).unwrap_or_default();
            self.books.load_row(row, &value).map_err(|_unreadable| broken("the books"))?;
        }
        for (key, value) in all_rows(reads, keys::FEEDS)? {
            let feed = FeedId::from_key(key.get(keys::FEEDS.len()..).unwrap_or_default());
            let feed = feed.map_err(|_unreadable| broken("the feeds"))?;
            let state = FeedState::decode(&value).map_err(|_unreadable| broken("the feeds"))?;
            self.feeds.restore(feed, state);
        }
        let mut roster = Vec::new();
        for (key, value) in all_rows(reads, keys::ROSTER)? {
            let id = keys::trailing_entry(&key).ok_or_else(|| broken("the roster"))?;
            let entry: RosterEntry =
                postcard::from_bytes(&value).map_err(|_unreadable| broken("the roster"))?;
            roster.push((id, entry));
        }
        self.take_up_roster(roster);
        for (key, value) in all_rows(reads, keys::HELD_BACK)? {
            let id = keys::trailing_entry(&key).ok_or_else(|| broken("what is kept aside"))?;
            let (reason, tag, ordinal): (HeldBack, u8, Ordinal) =
                postcard::from_bytes(&value).map_err(|_unreadable| broken("what is kept aside"))?;
            let stream = keys::stream_of_tag(tag).ok_or_else(|| broken("what is kept aside"))?;
            // A newer version of this software may know what an older one did not.
            if matches!(reason, HeldBack::UnknownFormat(_) | HeldBack::Unreadable(_)) {
                self.roster_due = self.roster_due.max(RosterDue::JudgeAgain);
            }
            self.note_held(id, reason, stream, ordinal);
        }
        self.resume_due = false;
        for saved in &applied.damage {
            if let Some(damage) = saved.restore() {
                self.note_damage(damage);
            }
        }
        Ok(Some(applied))
    }
}

impl Replica {
    /// Takes up the roster of the map, and then what the journal's resume point knows beyond it:
    /// verdicts and figures of the map were made without that, so it has to be done now what was
    /// done, or was to be done, when it came in.
    fn take_up_roster(&mut self, of_map: Vec<(EntryId, RosterEntry)>) {
        let of_resume = core::mem::take(&mut self.roster);
        for (id, entry) in of_map {
            self.admit_record(id, entry);
        }
        self.roster_due = RosterDue::Nothing;
        for (id, entry) in of_resume.iter() {
            self.admit_record(*id, entry.clone());
        }
    }
}

impl SavedDamage {
    fn of(damage: &Damage) -> Self {
        Self {
            stream: keys::stream_tag(damage.stream),
            first: damage.first,
            last: damage.last,
            place: damage.place.clone(),
            reason: damage.reason.clone(),
        }
    }

    fn restore(&self) -> Option<Damage> {
        Some(Damage {
            stream: keys::stream_of_tag(self.stream)?,
            first: self.first,
            last: self.last,
            place: self.place.clone(),
            reason: self.reason.clone(),
        })
    }
}

/// Key and value of the map.
type Row = (Vec<u8>, Vec<u8>);

/// All rows of a prefix, page by page.
pub(super) fn all_rows(reads: &dyn Reads, prefix: &[u8]) -> Result<Vec<Row>, StorageError> {
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let after = rows.last().map(|(key, _)| key.clone());
        let page = reads.list(prefix, after.as_deref(), PAGE_ROWS)?;
        let whole = page.len() < PAGE_ROWS;
        rows.extend(page);
        if whole {
            return Ok(rows);
        }
    }
}
