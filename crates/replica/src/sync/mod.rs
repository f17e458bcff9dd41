//! What two replicas say to each other, without saying how: sans-IO, like the core. Frames come in
//! as bytes with the connection they came on, and go out as bytes with the connection they are for.
//!
//! Receivers decide. Each replica *wants* the entries of every device from one peer: the device itself
//! where it is connected, else one that passes them on. A want stands until it is taken back, so
//! pushing, relaying and catching up are one thing: entries from the journal, from where the receiver
//! is, as fast as it acknowledges. Read [`Engine`], then `serve` (giving) and `sources` (getting).

mod engine;
mod message;
mod pack;
mod serve;
mod session;
mod sources;

pub use engine::{CloseReason, Engine, Output, Peer};
pub use message::{
    FeedRow, FrameError, Have, Hello, Message, PROTOCOL_VERSION, StoredRow, SummaryRow, Total,
    Want, Window,
};

/// A connection to a peer, as the transport numbers it: never used twice in a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// How urgent a frame is. Each class keeps its own order; a higher one overtakes a lower one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// What the connection itself needs: hello, digests, acknowledgements.
    Control,
    /// Entries just written.
    Live,
    /// Entries a peer has missed.
    Bulk,
}

impl Class {
    /// All classes, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Control, Self::Live, Self::Bulk];
}
