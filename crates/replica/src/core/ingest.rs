//! The one path by which entries of others come in: push, catch-up, checkpoint, hub, USB stick.

use thiserror::Error;

use super::command::CommandError;
use super::effect::Effect;
use super::entry::{DecodeError, Entry, SignatureError};
use super::identity::FeedId;
use super::places::Looked;
use super::replica::Replica;
use crate::limits;
use crate::simulation::{self, Canary, Mark};
use crate::storage::{FrameKind, Reads, StorageError, Stream};

/// Why a window of entries was refused as a whole. The sender is at fault, unless the disk is.
#[derive(Debug, Error)]
pub enum IngestError {
    /// More entries than a window may have, or none.
    #[error("a window has 1 to {limit} entries, this one has {found}")]
    WindowSize {
        /// Entries it has.
        found: usize,
        /// Entries it may have.
        limit: usize,
    },
    /// An entry is not one.
    #[error("entry {index} of the window: {error}")]
    Malformed {
        /// Which.
        index: usize,
        /// Why.
        error: DecodeError,
    },
    /// It belongs to another store.
    #[error("entry {0} of the window belongs to another store")]
    OtherStore(usize),
    /// Entries of two feeds, or out of sequence, or not chained.
    #[error("entry {index} of the window does not follow the one before it in {feed}")]
    NotChained {
        /// Which.
        index: usize,
        /// Its feed.
        feed: FeedId,
    },
    /// A body was left out. Nothing can be erased yet, so this copy is not whole; others have it.
    #[error("entry {0} of the window came without its content: this copy is incomplete")]
    BodyWithheld(usize),
    /// The last entry's signature does not fit: nothing in the window is vouched for.
    #[error("the window does not end on a valid signature: {0}")]
    Unsigned(#[from] SignatureError),
    /// Our own disk.
    #[error(transparent)]
    Disk(#[from] StorageError),
    /// Writing has stopped.
    #[error(transparent)]
    Refused(#[from] CommandError),
}

/// What became of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ingested {
    /// Entries that are new here.
    pub new: usize,
    /// Entries that were here already.
    pub known: usize,
    /// Entries of the window that were looked at: fewer than it has when much has to reach the
    /// disk first. Offer the window again then, from there on.
    pub taken: usize,
}

fn mark_refused(error: &IngestError) {
    match error {
        IngestError::Malformed { .. } => simulation::reach(Mark::Malformed),
        IngestError::OtherStore(_) => simulation::reach(Mark::OtherStore),
        IngestError::NotChained { .. } => simulation::reach(Mark::NotChained),
        IngestError::BodyWithheld(_) => simulation::reach(Mark::BodyWithheld),
        IngestError::Unsigned(_) => simulation::reach(Mark::Unsigned),
        IngestError::Refused(CommandError::Rebuilding { .. }) => {
            simulation::reach(Mark::IngestWhileRebuilding);
        }
        IngestError::WindowSize { .. } | IngestError::Disk(_) | IngestError::Refused(_) => {}
    }
}

impl Replica {
    /// Takes in a window of consecutive entries of one feed. Checks are cheapest first; nothing
    /// is stored unless the window ends on a valid signature, which vouches for all of it.
    pub fn ingest(&mut self, reads: &dyn Reads, window: &[&[u8]]) -> Result<Ingested, IngestError> {
        self.take_in(reads, window).inspect_err(mark_refused)
    }

    fn take_in(&mut self, reads: &dyn Reads, window: &[&[u8]]) -> Result<Ingested, IngestError> {
        self.fold_waiting(reads);
        let limit = limits::WINDOW_ENTRIES_MAX;
        if window.is_empty() || window.len() > limit {
            return Err(IngestError::WindowSize { found: window.len(), limit });
        }
        if let Some(reason) = self.stopped() {
            return Err(CommandError::Stopped(reason.to_owned()).into());
        }
        // Until the index is whole, "not found" proves nothing, and nothing is stored twice.
        if let Some((done, total)) = self.rebuilding() {
            return Err(CommandError::Rebuilding { done, total }.into());
        }
        // Which store it is to belong to is not for the first stranger to say: see `join`.
        let group = self.store_id().ok_or(CommandError::NoStore)?;
        let mut entries: Vec<Entry> = Vec::with_capacity(window.len());
        for (index, bytes) in window.iter().enumerate() {
            let entry =
                Entry::decode(bytes).map_err(|error| IngestError::Malformed { index, error })?;
            let header = entry.header();
            if group != header.group {
                return Err(IngestError::OtherStore(index));
            }
            let is_blank = entry.bodies().iter().any(Option::is_none);
            if is_blank && !simulation::is(Canary::BlankTakenForErased) {
                return Err(IngestError::BodyWithheld(index));
            }
            if let Some(before) = entries.last() {
                let chained = before.header().feed == header.feed
                    && before.header().seq.checked_add(1) == Some(header.seq)
                    && before.id() == header.previous;
                if !chained && !simulation::is(Canary::SkipChainCheck) {
                    return Err(IngestError::NotChained { index, feed: header.feed });
                }
            }
            entries.push(entry);
        }
        if let Some(last) = entries.last() {
            last.verify()?;
        }
        let mut result = Ingested::default();
        for (entry, bytes) in entries.iter().zip(window) {
            result.taken += 1;
            match self.look_for(reads, entry)? {
                Looked::NotHeld => {}
                Looked::Held => {
                    result.known += 1;
                    continue;
                }
                Looked::Unreadable(damage) => {
                    // It is counted in already, so it may not come in once more beside itself: it
                    // has to count as missing first.
                    self.meet_damage(&damage);
                    if let Some((done, total)) = self.rebuilding() {
                        if result.new > 0 {
                            self.effect(Effect::Flush(Stream::Others));
                        }
                        return Err(CommandError::Rebuilding { done, total }.into());
                    }
                    result.known += 1;
                    continue;
                }
            }
            let ordinal = self.append_frame(Stream::Others, FrameKind::Entry, bytes.to_vec());
            self.fold(reads, Stream::Others, ordinal, entry)?;
            result.new += 1;
            if self.flush_if_heavy() {
                break;
            }
        }
        self.settle(reads)?;
        if result.new > 0 {
            self.effect(Effect::Flush(Stream::Others));
        }
        Ok(result)
    }

    /// Whether an entry is held.
    pub(super) fn look_for(
        &self,
        reads: &dyn Reads,
        entry: &Entry,
    ) -> Result<Looked, StorageError> {
        let header = entry.header();
        let before = header.seq.saturating_sub(1);
        // What follows an end of its feed is new: the usual case, told without a look at the disk.
        if self.feeds.ends_with(&header.feed, before, header.previous) {
            return Ok(Looked::NotHeld);
        }
        self.look_at(reads, header.feed, header.seq, entry.id())
    }
}
