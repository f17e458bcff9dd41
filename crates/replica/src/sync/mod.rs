//! What two replicas say to each other, without saying how: sans-IO, like the core. Frames come in
//! as bytes with the connection they came on, and go out as bytes with the connection they are for.

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
