//! Inputs and effects: the whole interface of the core as values.

use crate::storage::{Batch, Damage, FrameKind, Ordinal, Room, Stream};

use super::command::{Command, CommandError, Outcome};
use super::entry::EntryId;

/// Names a command of the shell until it is answered.
pub type CommandId = u64;

/// What the shell tells the core.
#[derive(Debug)]
pub enum Input {
    /// Do this.
    Command {
        /// Its name.
        id: CommandId,
        /// What.
        command: Command,
    },
    /// Everything appended to `stream` before `upto` is durable.
    Flushed {
        /// The stream.
        stream: Stream,
        /// First frame that is not.
        upto: Ordinal,
    },
    /// A write or flush failed: what was not confirmed may be lost.
    WriteFailed {
        /// The stream.
        stream: Stream,
        /// What the disk said.
        error: String,
    },
    /// The map cannot be used any more.
    MapFailed(String),
    /// How much room there is.
    Room(Room),
    /// Time has passed.
    Tick,
    /// All effects before [`Effect::Continue`] are carried out.
    Continue,
    /// Nothing else is to do: go on rebuilding.
    Idle,
    /// Stop in order: flush, publish, and say that everything is on disk.
    Close,
}

/// What the core wants done, in this order.
#[derive(Debug)]
pub enum Effect {
    /// Append a frame.
    Append {
        /// Where.
        stream: Stream,
        /// Its number.
        ordinal: Ordinal,
        /// What it holds.
        kind: FrameKind,
        /// Its bytes.
        payload: Vec<u8>,
    },
    /// Flush a stream, then say so.
    Flush(Stream),
    /// Change the map.
    Commit(Batch),
    /// Empty the map.
    ResetMap,
    /// A command is answered.
    Done {
        /// Its name.
        id: CommandId,
        /// The answer.
        result: Result<Outcome, CommandError>,
    },
    /// Come back with [`Input::Continue`]: there is work behind an answer that the one who waits for
    /// it need not wait for.
    Continue,
    /// Somebody should know.
    Alarm(Alarm),
}

/// What an operator or owner should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alarm {
    /// Frames of the journal cannot be read.
    Damaged(Damage),
    /// An unfinished write at the end of a journal was cut; its bytes were kept aside in a file.
    /// Nobody had been told that it was done.
    Torn(Damage),
    /// An entry in a good frame cannot be read: our fault, or the disk altered it and its
    /// checksum.
    Unreadable {
        /// Where.
        stream: Stream,
        /// Which frame.
        ordinal: Ordinal,
        /// Why.
        reason: String,
    },
    /// Writing has stopped.
    WritingStopped(String),
    /// The index is rebuilt from the journal.
    IndexRebuilding(String),
    /// A document's change was refused by the gate.
    ChangeRefused {
        /// The entry that carries it.
        entry: EntryId,
        /// Why.
        reason: String,
    },
}
