//! The replica: everything this device knows, and the one place that changes it.
//!
//! `handle` takes an input and never blocks; `poll_effect` says what to do about it;
//! `poll_timeout` says when to call again if nothing happens. Reads go through [`Reads`], which
//! the caller passes in; writes are effects.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use pos_core::books::Books;
use pos_core::business_date::BusinessDate;
use pos_core::ids::{CartId, CustomerId, DeviceId, RegisterId, StoreId};
use pos_core::product::Sku;
use pos_core::store::StoreSettings;

use super::carts::OpenCart;
use super::command::{CommandError, Moment, Outcome};
use super::customers::OpenCustomer;
use super::effect::{Alarm, CommandId, Effect, Input};
use super::entry::{Entry, EntryId, Lane, Sealed};
use super::feeds::Feeds;
use super::identity::{DeviceKey, Incarnation};
use super::life::{FeedEnd, Resume};
use super::membership::RosterDue;
use super::overlay::Overlay;
use super::rebuild::Rebuild;
use super::roster::Roster;
use super::verdict::HeldBack;
use crate::documents::{Author, DocumentId, StockCounters};
use crate::limits;
use crate::simulation::{self, Mark};
use crate::storage::{Damage, Frame, FrameKind, Ordinal, Reads, Room, StorageError, Stream};

/// Who this replica is: drawn or read by the shell.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The device's key.
    pub key: DeviceKey,
    /// 32 secret bytes that salts derive from.
    pub seal: Sealed,
    /// 8 random bytes for this life.
    pub nonce: [u8; 8],
}

impl Identity {
    /// An identity from a secret the shell keeps, and a nonce it draws at every start.
    pub fn new(secret: [u8; 32], nonce: [u8; 8]) -> Self {
        let seal = blake3::derive_key("tillmesh salt seed v1", &secret);
        Self { key: DeviceKey::from_secret(secret), seal: Sealed(seal), nonce }
    }
}

/// A command whose entry waits for its flush.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) id: CommandId,
    pub(super) stream: Stream,
    pub(super) ordinal: Ordinal,
    pub(super) outcome: Outcome,
}

/// An own Ledger entry that is appended; its records are folded once it is answered.
#[derive(Debug)]
pub(super) struct Unfolded {
    pub(super) ordinal: Ordinal,
    pub(super) entry: Entry,
}

/// A published-counter day of this device: what moved since the document was last written.
pub(super) type DayMovements = BTreeMap<Sku, i64>;

/// A full replica of one store, on one device.
#[derive(Debug)]
pub struct Replica {
    pub(super) identity: Identity,
    pub(super) device: DeviceId,
    pub(super) group: Option<StoreId>,
    /// The life entries are written under, once the first one is.
    pub(super) life: Option<Incarnation>,
    pub(super) ends: BTreeMap<Lane, FeedEnd>,
    /// What a successor needs: kept up to date, written down every now and then.
    pub(super) resume: Resume,
    pub(super) bytes_since_resume: u64,
    pub(super) damaged_tail: u64,
    pub(super) lamport: u64,
    pub(super) roster: Roster,
    pub(super) books: Books,
    pub(super) feeds: Feeds,
    pub(super) roster_due: RosterDue,
    /// The roster grew since it was last written down for a successor.
    pub(super) resume_due: bool,
    pub(super) held: BTreeMap<EntryId, (HeldBack, Stream, Ordinal)>,
    /// Entries kept aside until another one arrives.
    pub(super) waiters: BTreeMap<EntryId, BTreeSet<EntryId>>,
    /// An own entry is being folded: documents in memory have its changes already.
    pub(super) writing: bool,
    /// Own records that are appended and not yet folded: see [`Effect::Continue`].
    pub(super) unfolded: VecDeque<Unfolded>,
    /// About how many rows of the books wait to be committed.
    pub(super) unsaved_rows: usize,
    pub(super) now_ms: u64,
    pub(super) committed_at_ms: u64,
    pub(super) closing: bool,
    pub(super) carts: BTreeMap<CartId, OpenCart>,
    pub(super) customers: BTreeMap<CustomerId, OpenCustomer>,
    pub(super) uses: u64,
    pub(super) movements: BTreeMap<BusinessDate, DayMovements>,
    pub(super) stock_document: Option<(BusinessDate, StockCounters)>,
    pub(super) published_from: Ordinal,
    /// Lamport time of the last change of a publication that was finished.
    pub(super) published_lamport: u64,
    pub(super) published_at_ms: u64,
    pub(super) overlay: Overlay,
    pub(super) appended: BTreeMap<Stream, Ordinal>,
    pub(super) flushed: BTreeMap<Stream, Ordinal>,
    pub(super) floor_due_ms: Option<u64>,
    pub(super) waiting: VecDeque<Waiting>,
    pub(super) rebuild: Option<Rebuild>,
    pub(super) damage: BTreeSet<Damage>,
    /// Frames that were found unreadable when somebody wanted them.
    pub(super) unreadable: BTreeSet<(Stream, Ordinal)>,
    /// What is kept aside and could not be read when it was to be judged again: one of them, for
    /// whatever else is unreadable shows when all is folded anew.
    pub(super) unreadable_aside: Option<Damage>,
    /// Changes this life has written, by document.
    pub(super) changes: BTreeMap<DocumentId, u64>,
    pub(super) room: Room,
    pub(super) stopped: Option<String>,
    pub(super) effects: VecDeque<Effect>,
}

impl Replica {
    /// Takes up where the disk says this device stopped. Reads the end of its own journal and the
    /// map, never the history; with a lost map it can sell at once and rebuilds when idle.
    pub fn start(identity: Identity, reads: &dyn Reads) -> Result<Self, StorageError> {
        let device = identity.key.device();
        let mut replica = Self {
            identity,
            device,
            group: None,
            life: None,
            ends: BTreeMap::new(),
            resume: Resume::first(),
            bytes_since_resume: 0,
            damaged_tail: 0,
            lamport: 0,
            roster: Roster::default(),
            books: Books::new(),
            feeds: Feeds::default(),
            roster_due: RosterDue::Nothing,
            resume_due: false,
            held: BTreeMap::new(),
            waiters: BTreeMap::new(),
            writing: false,
            unfolded: VecDeque::new(),
            unsaved_rows: 0,
            now_ms: 0,
            committed_at_ms: 0,
            closing: false,
            carts: BTreeMap::new(),
            customers: BTreeMap::new(),
            uses: 0,
            movements: BTreeMap::new(),
            stock_document: None,
            published_from: 0,
            published_lamport: 0,
            published_at_ms: 0,
            overlay: Overlay::default(),
            appended: BTreeMap::new(),
            flushed: BTreeMap::new(),
            floor_due_ms: None,
            waiting: VecDeque::new(),
            rebuild: None,
            damage: BTreeSet::new(),
            unreadable: BTreeSet::new(),
            unreadable_aside: None,
            changes: BTreeMap::new(),
            room: Room::Ample,
            stopped: None,
            effects: VecDeque::new(),
        };
        for stream in Stream::ALL {
            let next = reads.next_ordinal(stream);
            replica.appended.insert(stream, next);
            replica.flushed.insert(stream, next);
            let recovered = reads.recovered(stream);
            if let Some(torn) = &recovered.torn {
                simulation::reach(Mark::TornTail);
                replica.effect(Effect::Alarm(Alarm::Torn(torn.clone())));
            }
            for damage in &recovered.damaged {
                if stream == Stream::OwnLedger {
                    let frames = damage.last.saturating_sub(damage.first).saturating_add(1);
                    replica.damaged_tail = replica.damaged_tail.saturating_add(frames);
                }
                replica.note_damage(damage.clone());
            }
        }
        replica.resume_own_ledger(reads)?;
        replica.load_map(reads)?;
        Ok(replica)
    }

    /// Handles one input. Never blocks; what is to be done comes out of [`Self::poll_effect`].
    pub fn handle(&mut self, reads: &dyn Reads, at: Moment, input: Input) {
        self.now_ms = at.monotonic_ms;
        // Whoever waits for a flush is answered before anything is folded; all else sees the fold.
        if !matches!(input, Input::Flushed { .. } | Input::WriteFailed { .. }) {
            self.fold_waiting(reads);
        }
        match input {
            Input::Command { id, command } => self.command(reads, at, id, command),
            Input::Flushed { stream, upto } => self.confirm(stream, upto),
            Input::WriteFailed { stream, error } => self.stop(stream, &error),
            Input::MapFailed(reason) => self.begin_rebuild(reason),
            Input::Room(room) => self.room = room,
            Input::Tick => self.tick(reads, at),
            Input::Continue => self.go_on(reads),
            Input::Idle => self.idle(reads),
            Input::Close => self.close(reads, at),
        }
    }

    /// The next thing to do, in order; `None` when there is nothing. All effects are carried out
    /// before the next input is handled.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        let effect = self.effects.pop_front();
        if matches!(effect, Some(Effect::ResetMap)) {
            self.overlay.below_is_back();
        }
        effect
    }

    /// Makes this device, which belongs to no store yet, take in the entries of `store`. It may
    /// write once a manager's record that lets it in has arrived. Doing it again changes nothing.
    pub fn join(&mut self, store: StoreId) -> Result<(), CommandError> {
        match self.group {
            Some(group) if group == store => Ok(()),
            Some(_) => Err(CommandError::AlreadyFounded),
            None => {
                self.group = Some(store);
                self.resume_due = true;
                Ok(())
            }
        }
    }

    /// When to call `handle` with [`Input::Tick`], in milliseconds of the monotonic clock.
    pub fn poll_timeout(&self) -> Option<u64> {
        let publish = (!self.movements.is_empty() && self.stopped.is_none())
            .then(|| self.published_at_ms.saturating_add(limits::STOCK_PUBLISH_MS));
        // What is not flushed yet says itself when the map may follow.
        let ready = self.all_flushed() && self.unfolded.is_empty() && self.stopped.is_none();
        let commit = (self.overlay.len() > 0 && ready)
            .then(|| self.committed_at_ms.saturating_add(limits::MAP_COMMIT_MS));
        let aside = self.may_fetch_aside().then_some(0);
        [self.floor_due_ms, publish, commit, aside].into_iter().flatten().min()
    }

    /// Whether something that is kept aside is to be fetched again, now that nothing else is under way.
    pub(super) const fn may_fetch_aside(&self) -> bool {
        self.unreadable_aside.is_some() && self.rebuild.is_none() && self.stopped.is_none()
    }

    /// The device.
    pub const fn device(&self) -> DeviceId {
        self.device
    }

    /// The store this device belongs to, once it does.
    pub const fn store_id(&self) -> Option<StoreId> {
        self.group
    }

    /// The fold of all records: what reports read.
    pub const fn books(&self) -> &Books {
        &self.books
    }

    /// The store's settings.
    pub fn settings(&self) -> Result<&StoreSettings, CommandError> {
        self.books.settings().ok_or_else(|| match self.rebuilding() {
            Some((done, total)) => CommandError::Rebuilding { done, total },
            None => CommandError::NoStore,
        })
    }

    /// The roster.
    pub const fn roster(&self) -> &Roster {
        &self.roster
    }

    /// How far a rebuild of the index is, if one is running: frames read, frames in all.
    pub fn rebuilding(&self) -> Option<(u64, u64)> {
        self.rebuild.as_ref().map(Rebuild::progress)
    }

    /// Frames that could not be read so far.
    pub const fn damage(&self) -> &BTreeSet<Damage> {
        &self.damage
    }

    /// Entries kept aside, and why.
    pub fn held_back(&self) -> impl Iterator<Item = (&EntryId, &HeldBack)> {
        self.held.iter().map(|(id, (reason, ..))| (id, reason))
    }

    /// Why nothing can be written any more, if so.
    pub fn stopped(&self) -> Option<&str> {
        self.stopped.as_deref()
    }

    /// Last receipt number of a register this device serves.
    pub fn last_receipt(&self, register: &RegisterId) -> u64 {
        self.resume.receipts.get(register).copied().unwrap_or(0)
    }

    /// Asks for the flushes after which the map may follow, when much waits for it.
    pub(super) fn flush_if_heavy(&mut self) -> bool {
        let rows = self.overlay.len().saturating_add(self.unsaved_rows);
        if rows < limits::MAP_BATCH_CHANGES_MAX / 2 || self.stopped.is_some() {
            return false;
        }
        for stream in Stream::ALL {
            if self.appended.get(&stream) != self.flushed.get(&stream) {
                self.effect(Effect::Flush(stream));
            }
        }
        true
    }

    /// Whether all that was appended is on disk.
    pub fn all_flushed(&self) -> bool {
        self.appended == self.flushed
    }

    pub(super) fn author(&self) -> Author {
        let incarnation = self.life.map_or([0; 12], Incarnation::to_bytes);
        Author::new(self.device.as_bytes(), &incarnation)
    }

    pub(super) fn effect(&mut self, effect: Effect) {
        self.effects.push_back(effect);
    }

    /// A frame, written already or about to be.
    pub(super) fn frame(
        &self,
        reads: &dyn Reads,
        stream: Stream,
        ordinal: Ordinal,
    ) -> Result<Frame, StorageError> {
        if ordinal < reads.next_ordinal(stream) {
            return reads.read(stream, ordinal);
        }
        let waiting = self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Append { stream: of, ordinal: at, kind, payload }
                if (*of, *at) == (stream, ordinal) =>
            {
                Some(Frame { ordinal, kind: *kind, payload: payload.clone() })
            }
            _ => None,
        });
        waiting.ok_or(StorageError::NoSuchFrame { stream, ordinal })
    }

    pub(super) fn note_damage(&mut self, damage: Damage) {
        if self.damage.insert(damage.clone()) {
            simulation::reach(Mark::Damage);
            // A waiting row makes the next commit remember it; its value is written there.
            self.overlay.put(super::keys::APPLIED.to_vec(), Vec::new());
            self.effect(Effect::Alarm(Alarm::Damaged(damage)));
        }
    }

    /// Takes what a full check found as all the damage there is: what was mended since is
    /// forgotten, what is new is remembered.
    pub fn set_damage(&mut self, found: impl IntoIterator<Item = Damage>) {
        self.damage = found.into_iter().collect();
        self.overlay.put(super::keys::APPLIED.to_vec(), Vec::new());
    }

    /// Reads the last [`Resume`] of the own Ledger journal and what follows it.
    fn resume_own_ledger(&mut self, reads: &dyn Reads) -> Result<(), StorageError> {
        let mut back = 0;
        while let Some(start) = reads.segment_start(Stream::OwnLedger, back) {
            let found = self.resume_from(reads, start)?;
            if found || start == 0 {
                return Ok(());
            }
            back += 1;
        }
        Ok(())
    }

    /// Takes up own entries from `start` on; says whether a resume point was among them.
    fn resume_from(&mut self, reads: &dyn Reads, start: Ordinal) -> Result<bool, StorageError> {
        self.resume = Resume::first();
        let mut found = start == 0;
        let mut next = start;
        while next < reads.next_ordinal(Stream::OwnLedger) {
            let scanned = reads.scan(Stream::OwnLedger, next, limits::REBUILD_STEP_BYTES)?;
            let Some(last) = scanned.last() else { break };
            next = last_ordinal(last).saturating_add(1);
            for item in scanned {
                match item {
                    crate::storage::Scanned::Damaged(damage) => self.note_damage(damage),
                    crate::storage::Scanned::Frame(frame) => match frame.kind {
                        FrameKind::Resume => {
                            if let Some(resume) = Resume::decode(&frame.payload) {
                                self.take_resume(resume);
                                found = true;
                            }
                        }
                        FrameKind::Entry => {
                            if let Ok(entry) = Entry::decode(&frame.payload) {
                                self.note_own(&entry);
                            }
                        }
                        FrameKind::Closed => {}
                    },
                }
            }
        }
        Ok(found)
    }
}

impl Replica {
    fn take_resume(&mut self, mut resume: Resume) {
        self.group = self.group.or(resume.group);
        self.lamport = self.lamport.max(resume.lamport);
        for (id, record) in core::mem::take(&mut resume.roster) {
            self.admit_record(id, record);
        }
        self.resume = resume;
        // It is written down, and nothing is folded yet.
        self.resume_due = false;
        self.roster_due = RosterDue::Nothing;
    }
}

/// The last frame a scanned item speaks of.
pub(super) const fn last_ordinal(item: &crate::storage::Scanned) -> Ordinal {
    match item {
        crate::storage::Scanned::Frame(frame) => frame.ordinal,
        crate::storage::Scanned::Damaged(damage) => damage.last,
    }
}
