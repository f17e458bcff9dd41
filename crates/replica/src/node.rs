//! A replica on a disk: carries out effects, in order, one command at a time.

use std::collections::{BTreeMap, BTreeSet};

use pos_core::ids::{DeviceId, StoreId};

use crate::core::{
    Alarm, Command, CommandError, CommandId, Effect, FeedId, Identity, IngestError, Ingested,
    Input, Moment, Outcome, Replica,
};
use crate::simulation::{self, Canary, Mark};
use crate::storage::{Damage, Storage, StorageError};

/// A replica and its disk. Every method runs until the disk has done what the core asked for.
#[derive(Debug)]
pub struct Node<S> {
    replica: Replica,
    storage: S,
    next_command: CommandId,
    answers: BTreeMap<CommandId, Result<Outcome, CommandError>>,
    alarms: Vec<Alarm>,
    flushes: u64,
}

impl<S: Storage> Node<S> {
    /// Takes up what is on `storage`. A map that cannot be read is emptied and rebuilt while the
    /// till sells (see [`Node::rebuild_step`]).
    pub fn start(identity: Identity, storage: S) -> Result<Self, StorageError> {
        let replica = Replica::start(identity, &storage)?;
        let mut node = Self {
            replica,
            storage,
            next_command: 1,
            answers: BTreeMap::new(),
            alarms: Vec::new(),
            flushes: 0,
        };
        node.run_effects();
        Ok(node)
    }

    /// Runs one command until it is answered: for all that must be durable, until it is.
    pub fn execute(&mut self, at: Moment, command: Command) -> Result<Outcome, CommandError> {
        self.execute_then(at, command, |_answer| {})
    }

    /// As [`Node::execute`]. `answered` hears the answer as soon as it stands, before the replica
    /// does what is left to do behind it.
    pub fn execute_then(
        &mut self,
        at: Moment,
        command: Command,
        answered: impl FnOnce(&Result<Outcome, CommandError>),
    ) -> Result<Outcome, CommandError> {
        let id = self.next_command;
        self.next_command = id.wrapping_add(1);
        let room = self.storage.room();
        self.handle(at, Input::Room(room));
        self.replica.handle(&self.storage, at, Input::Command { id, command });
        while !self.answers.contains_key(&id) && self.run_effect(at) {}
        let answer = self.answers.remove(&id).unwrap_or_else(|| {
            let reason = self.replica.stopped().unwrap_or("no answer").to_owned();
            Err(CommandError::Stopped(reason))
        });
        answered(&answer);
        self.run_effects_at(at);
        if let Err(CommandError::Disk(StorageError::MapBroken(_))) = &answer {
            self.recover_map(at);
        }
        answer
    }

    /// Begins to rebuild the map if it cannot be read any more.
    pub fn recover_map(&mut self, at: Moment) {
        if let Err(StorageError::MapBroken(reason)) = self.storage.get(&[]) {
            self.handle(at, Input::MapFailed(reason));
        }
    }

    /// Does what time asks for: background flushes, publishing.
    pub fn tick(&mut self, at: Moment) {
        if self.replica.poll_timeout().is_some_and(|due| due <= at.monotonic_ms) {
            self.handle(at, Input::Tick);
        }
    }

    /// One bounded piece of a running rebuild; says whether more is left.
    pub fn rebuild_step(&mut self, at: Moment) -> bool {
        if self.replica.rebuilding().is_some() {
            self.handle(at, Input::Idle);
        }
        self.replica.rebuilding().is_some()
    }

    /// Who wrote a window, and whether it follows what is held: see [`Replica::connects`].
    pub fn connects(&self, window: &[&[u8]]) -> Result<(DeviceId, bool), IngestError> {
        self.replica.connects(&self.storage, window)
    }

    /// Flushes so far: what was written may be sent only after the next one.
    pub const fn flushes(&self) -> u64 {
        self.flushes
    }

    /// Feeds that have grown since the last call, own ones included.
    pub fn take_grown(&mut self) -> BTreeSet<FeedId> {
        self.replica.take_grown()
    }

    /// Takes in a window of entries of another device.
    pub fn ingest(&mut self, at: Moment, window: &[&[u8]]) -> Result<Ingested, IngestError> {
        let mut all = Ingested::default();
        let mut left = window;
        let lengths: Vec<usize> = window.iter().map(|entry| entry.len()).collect();
        if self.replica.stopped().is_none() && !self.storage.has_room_for_others(&lengths) {
            simulation::reach(Mark::NoRoomForOthers);
            let reason = "no room for entries of other tills".to_owned();
            return Err(StorageError::Full(reason).into());
        }
        loop {
            let result = self.replica.ingest(&self.storage, left);
            self.run_effects_at(at);
            let part = result?;
            // Whoever hears that it was taken in holds it to be stored here.
            if let Some(reason) = self.replica.stopped() {
                return Err(CommandError::Stopped(reason.to_owned()).into());
            }
            all.new += part.new;
            all.known += part.known;
            all.taken += part.taken;
            left = left.get(part.taken..).unwrap_or_default();
            if left.is_empty() || part.taken == 0 {
                return Ok(all);
            }
        }
    }

    /// A frame that the index names cannot be read any more: see [`Replica::meet_damage`].
    pub fn meet_damage(&mut self, damage: &Damage) {
        self.replica.meet_damage(damage);
        self.run_effects();
    }

    /// Makes this device take in the entries of `store`: see [`Replica::join`].
    pub fn join(&mut self, store: StoreId) -> Result<(), CommandError> {
        self.replica.join(store)
    }

    /// Stops in order: publishes, flushes, marks the end.
    pub fn close(mut self, at: Moment) -> Vec<Alarm> {
        self.handle(at, Input::Close);
        self.alarms
    }

    /// Stops in order and gives the disk back.
    pub fn close_into(mut self, at: Moment) -> S {
        self.handle(at, Input::Close);
        self.storage
    }

    /// What somebody should know, since the last call.
    pub fn take_alarms(&mut self) -> Vec<Alarm> {
        core::mem::take(&mut self.alarms)
    }

    /// The replica.
    pub const fn replica(&self) -> &Replica {
        &self.replica
    }

    /// The disk.
    pub const fn storage(&self) -> &S {
        &self.storage
    }

    /// The disk, for a test that makes it fail.
    pub const fn storage_mut(&mut self) -> &mut S {
        &mut self.storage
    }

    /// Asks the replica something that needs the disk.
    pub fn query<T>(&mut self, ask: impl FnOnce(&mut Replica, &S) -> T) -> T {
        ask(&mut self.replica, &self.storage)
    }

    /// Takes the disk back, as after a crash: nothing is flushed or marked.
    pub fn into_storage(self) -> S {
        self.storage
    }

    fn handle(&mut self, at: Moment, input: Input) {
        self.replica.handle(&self.storage, at, input);
        self.run_effects_at(at);
    }

    fn run_effects(&mut self) {
        let at =
            Moment { monotonic_ms: 0, wall: pos_core::business_date::WallTime::from_millis(0) };
        self.run_effects_at(at);
    }

    fn run_effects_at(&mut self, at: Moment) {
        while self.run_effect(at) {}
    }

    /// Carries out the next effect; says whether there was one.
    fn run_effect(&mut self, at: Moment) -> bool {
        let Some(effect) = self.replica.poll_effect() else { return false };
        if let Some(input) = self.run(effect) {
            self.replica.handle(&self.storage, at, input);
        }
        true
    }

    /// Carries out one effect; says what the core has to know about it.
    fn run(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Append { stream, ordinal, kind, payload } => {
                if simulation::is(Canary::SendBeforeDurable) {
                    self.flushes = self.flushes.wrapping_add(1);
                }
                self.storage
                    .append(stream, ordinal, kind, &payload)
                    .err()
                    .map(|error| Input::WriteFailed { stream, error: error.to_string() })
            }
            Effect::Flush(stream) => {
                let upto = self.storage.next_ordinal(stream);
                Some(match self.storage.flush(stream) {
                    Err(_) if simulation::is(Canary::IgnoreFlushError) => {
                        Input::Flushed { stream, upto }
                    }
                    Ok(()) => {
                        self.flushes = self.flushes.wrapping_add(1);
                        Input::Flushed { stream, upto }
                    }
                    Err(error) => Input::WriteFailed { stream, error: error.to_string() },
                })
            }
            Effect::Commit(batch) => {
                self.storage.commit(&batch).err().map(|error| Input::MapFailed(error.to_string()))
            }
            Effect::ResetMap => {
                if let Err(error) = self.storage.reset_map() {
                    self.alarms.push(Alarm::WritingStopped(error.to_string()));
                }
                None
            }
            Effect::Done { id, result } => {
                self.answers.insert(id, result);
                None
            }
            Effect::Continue => Some(Input::Continue),
            Effect::Alarm(alarm) => {
                self.alarms.push(alarm);
                None
            }
        }
    }
}
