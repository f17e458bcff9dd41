//! How a new device is let in: a manager's till and the new device speak over one connection, two
//! screens show the same four words, a person says yes. Pure and sans-IO: connections and frames
//! come in as values, so do time and randomness; frames and what to do next come out.
//!
//! ```text
//! new device (Joiner)                             manager's till (Window)
//!   proof of the ticket, commitment, name  ──▶
//!                                          ◀──    commitment
//!   nonce                                  ──▶
//!                                          ◀──    nonce
//!        both show four words, made of both keys, the TLS session and both nonces
//!   ready                                  ──▶    the person here says: same words, let it in
//!                                                 DeviceAdded is signed and on disk
//!                                          ◀──    store, addresses
//! ```
//!
//! The transport is TLS 1.3 under [`ALPN`], both sides with the key they sign entries with; it
//! vouches for the peer's key and gives both sides the same exporter value. A frame is one message.
//! Read [`Ticket`] (what the new device is given), [`Window`], [`Joiner`], then [`knock`], the loop
//! around a joiner.
//!
//! What protects: with an [`Invitation`] (the QR code) the manager's key is known beforehand and
//! 128 secret bits prove who has read the screen. With a [`TypedCode`] nothing does but the words:
//! an attacker in the middle has other keys and other sessions on both sides, has to commit to his
//! nonces before he sees theirs, and so shows other words but for one chance in 2^44. See
//! `docs/decisions/0007-pairing-by-four-words.md`.

mod door;
mod joiner;
mod message;
mod ticket;
mod window;
mod words;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use door::{Answer, DoorIo, PairingEvent, knock};
pub use joiner::{JoinRequest, Joined, Joiner, JoinerOutput};
pub use ticket::{Invitation, Ticket, TicketError, TypedCode};
pub use window::{Added, Comparison, Ending, Opening, Window, WindowOutput};
pub use words::{WORDS, Words};

/// The protocol in the TLS handshake: another version has another name.
pub const ALPN: &[u8] = b"tillmesh-pair/1";
/// Label of the TLS exporter (RFC 8446, section 7.5) whose 32 bytes both sides pass in; its context
/// is empty.
pub const EXPORTER_LABEL: &[u8] = b"EXPORTER-tillmesh-pair-1";

/// How the new device was told of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Method {
    /// It has read the QR code: both sides are proven, the words are a second look.
    Invitation,
    /// A person has typed a code: only comparing the words proves anything.
    Code,
}

/// Why a pairing came to nothing. It is also what one side tells the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Error, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Refusal {
    /// The code or secret is another one.
    #[error("the code is not the one the manager's till shows: type it again")]
    WrongCode,
    /// Another device is being let in.
    #[error("the manager's till is letting another device in: wait, then try again")]
    Busy,
    /// No window is open, or not any more.
    #[error(
        "the manager's till does not let devices in at the moment: start `tillmesh pair` there"
    )]
    Closed,
    /// Too many wrong codes.
    #[error("too many wrong codes were tried: start `tillmesh pair` again for a new one")]
    TooManyTries,
    /// It took too long.
    #[error("it took too long: start again on both devices")]
    TimedOut,
    /// The peer's key is not the one the QR code names.
    #[error(
        "the device that answered is not the till that shows the code: somebody may be in the way"
    )]
    OtherManager,
    /// A frame that cannot be read.
    #[error("the other device does not speak this protocol: update both")]
    Malformed,
    /// A frame out of its turn.
    #[error("the other device broke the order of the protocol: try again, then update both")]
    OutOfTurn,
    /// What was revealed is not what was committed to.
    #[error(
        "the other device went back on its word: somebody may be in the way, do not go on here"
    )]
    BrokenCommitment,
    /// A person said that the words differ, or said no.
    #[error("it was called off: if the words differed, somebody may be in the way")]
    Rejected,
    /// The store it leads to is not the one of the QR code.
    #[error("the till belongs to another store than its code says: read the code again")]
    OtherStore,
    /// The roster record could not be written.
    #[error("the manager's till could not add the device: its screen says why")]
    NotAdded,
    /// The connection ended.
    #[error("the connection broke off: start again on both devices")]
    Disconnected,
}
