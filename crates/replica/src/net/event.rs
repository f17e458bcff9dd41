//! What the network tells the engine, and why connections end.

use core::fmt;
use core::net::SocketAddr;
use std::io;
use std::ops::Deref;

use pos_core::ids::DeviceId;
use thiserror::Error;
use tokio::sync::OwnedSemaphorePermit;

use crate::sync::{Class, ConnId};

/// What happened. For one connection: `Connected` or `PairingConnected` first, `Closed` last.
#[derive(Debug)]
pub enum NetEvent {
    /// A member is connected, and both sides know it. At most one connection of a device at a
    /// time is told: where a new one takes the place of an old one, the old one's `Closed` comes
    /// first.
    Connected {
        /// The connection.
        conn: ConnId,
        /// Who, proven by its key.
        device: DeviceId,
        /// Where.
        address: SocketAddr,
        /// Whether this side dialled.
        dialled: bool,
    },
    /// A device that need not be a member is connected in order to pair.
    PairingConnected {
        /// The connection.
        conn: ConnId,
        /// Who, proven by its key. Nothing says yet that it may be trusted.
        device: DeviceId,
        /// Where.
        address: SocketAddr,
        /// Whether this side dialled.
        dialled: bool,
        /// A secret of this very TLS session, the same on both sides and nowhere else.
        exporter: [u8; 32],
    },
    /// A frame came, whole and in the order of its class.
    Frame {
        /// On which connection.
        conn: ConnId,
        /// In which class.
        class: Class,
        /// What it says.
        bytes: Payload,
    },
    /// A datagram came. Some do not, and they may overtake each other.
    Datagram {
        /// On which connection.
        conn: ConnId,
        /// What it says.
        bytes: Vec<u8>,
    },
    /// A connection is gone.
    Closed {
        /// Which.
        conn: ConnId,
        /// Whose.
        device: DeviceId,
        /// Why.
        reason: CloseReason,
    },
    /// A dial came to nothing. Every dial ends in this or in a connection.
    DialFailed {
        /// What was dialled.
        address: SocketAddr,
        /// Why.
        reason: DialFailure,
    },
    /// Somebody was not let in. Told once a minute for one address.
    Refused {
        /// From where.
        address: SocketAddr,
        /// Why.
        reason: Refusal,
    },
    /// The socket has failed: this endpoint hears nothing any more. Start another.
    Down,
}

/// A frame's bytes. As long as it lives its bytes count against what its peer may have in flight,
/// so that a slow reader slows the sender and not the memory.
pub struct Payload {
    bytes: Vec<u8>,
    /// Given back when this is dropped.
    _room: Option<OwnedSemaphorePermit>,
}

impl Payload {
    pub(super) fn new(bytes: Vec<u8>, room: OwnedSemaphorePermit) -> Self {
        Self { bytes, _room: Some(room) }
    }

    /// The bytes, which from now on nobody counts.
    pub fn into_vec(self) -> Vec<u8> {
        self.bytes
    }
}

impl From<Vec<u8>> for Payload {
    /// Bytes nobody counts: for those who play the network's part.
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, _room: None }
    }
}

impl Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.bytes.len())
    }
}

/// Why one side ends a connection, as it tells the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    /// It has said what it wanted to say, or stops.
    Done,
    /// There is another connection between the two.
    Another,
    /// The other is no member of the store, here.
    NoMember,
    /// The other broke the rules of the wire.
    Malformed,
    /// The other does not read what it is sent.
    DoesNotRead,
    /// Not the device that was dialled, or a device with one's own key.
    WrongDevice,
    /// Pairing is switched off, or others are at it.
    NotPairing,
    /// A number this version does not know.
    Unknown(u64),
}

impl Farewell {
    /// The application error code on the wire.
    pub(super) fn code(self) -> u64 {
        match self {
            Self::Done => 0,
            Self::Another => 1,
            Self::NoMember => 2,
            Self::Malformed => 3,
            Self::DoesNotRead => 4,
            Self::WrongDevice => 5,
            Self::NotPairing => 6,
            Self::Unknown(code) => code,
        }
    }

    pub(super) fn from_code(code: u64) -> Self {
        match code {
            0 => Self::Done,
            1 => Self::Another,
            2 => Self::NoMember,
            3 => Self::Malformed,
            4 => Self::DoesNotRead,
            5 => Self::WrongDevice,
            6 => Self::NotPairing,
            code => Self::Unknown(code),
        }
    }
}

impl fmt::Display for Farewell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "done",
            Self::Another => "there is another connection between the two",
            Self::NoMember => "not a member of the store",
            Self::Malformed => "it broke the rules of the wire",
            Self::DoesNotRead => "the peer does not read",
            Self::WrongDevice => "not the device that was meant",
            Self::NotPairing => "pairing is switched off, or others are at it",
            Self::Unknown(code) => return write!(f, "code {code}"),
        })
    }
}

/// Why a connection is gone.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CloseReason {
    /// This side's engine closed it.
    #[error("closed here: {0}")]
    Here(String),
    /// This side stops.
    #[error("this device stops")]
    Stopped,
    /// The device was taken out of the members.
    #[error("the device is no longer a member of the store")]
    Removed,
    /// A newer connection to the same device took its place.
    #[error("a newer connection to the same device took its place")]
    Replaced,
    /// The peer lets what it is sent pile up.
    #[error("the peer does not read")]
    DoesNotRead,
    /// The peer broke the rules of the wire.
    #[error("the peer broke the rules of the wire: {0}")]
    Malformed(FrameFault),
    /// A pairing took longer than pairings may.
    #[error("pairing took too long")]
    PairingTooLong,
    /// The peer closed it.
    #[error("closed by the peer: {farewell} ({words})")]
    Peer {
        /// Why, by its number.
        farewell: Farewell,
        /// The peer's words: printable, bounded, and not to be believed.
        words: String,
    },
    /// The peer started again and knows nothing of this connection.
    #[error("the peer has started again")]
    Restarted,
    /// Nothing was heard of the peer: it is off, or the network is.
    #[error("nothing is heard of the peer")]
    Silent,
    /// QUIC gave up.
    #[error("the connection broke: {0}")]
    Broke(String),
}

/// What is wrong with what a peer sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FrameFault {
    /// A frame claims more than its class allows.
    #[error("a frame of {length} bytes in {class:?}, where {max} are allowed")]
    TooLong {
        /// Of which class.
        class: Class,
        /// What it claims.
        length: u64,
        /// What is allowed.
        max: usize,
    },
    /// A stream of a class that does not exist.
    #[error("a stream of class {0}, which does not exist")]
    NoSuchClass(u8),
    /// A second stream of one class.
    #[error("a second stream of class {0:?}")]
    SecondStream(Class),
    /// A stream ended, which lasts as long as its connection.
    #[error("a stream ended before its connection")]
    StreamEnded,
    /// The first stream is not Control, or its greeting is not one.
    #[error("it did not greet")]
    NoGreeting,
}

/// Why a dial came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DialFailure {
    /// Nobody answers: off, elsewhere, or the network is in the way.
    #[error("nobody answers there")]
    NoAnswer,
    /// Another device answers at that address.
    #[error("another device answers there: {0}")]
    OtherDevice(DeviceId),
    /// It is this device, or one that was copied from it.
    #[error("this device itself answers there, or a copy of it")]
    Itself,
    /// The device there is no member, as far as this one knows.
    #[error("the device there is not a member of this store: {0}")]
    Unknown(DeviceId),
    /// What answers shows no key a till could have.
    #[error("what answers there is not a till: {0}")]
    NoTill(String),
    /// The device there does not know this one as a member.
    #[error("the device there does not count this one among its store")]
    NotAdmitted,
    /// The device there speaks another version, or is not pairing.
    #[error("the device there speaks another version, or is not pairing")]
    OtherProtocol,
    /// There is already a connection to that device: nothing is lost.
    #[error("there is already a connection to that device")]
    AlreadyConnected,
    /// The device there turned the connection down.
    #[error("turned down there: {0}")]
    TurnedDown(Farewell),
    /// Too many dials are under way: try again later.
    #[error("too many dials are under way")]
    TooMany,
    /// This device cannot send to such an address.
    #[error("this device cannot send to that address: {0}")]
    Unreachable(String),
    /// QUIC gave up.
    #[error("the connection broke: {0}")]
    Broke(String),
    /// This side stops.
    #[error("this device stops")]
    Stopped,
}

/// Why somebody was not let in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// A device that is no member.
    #[error("a device that is not a member of this store: {0}")]
    Unknown(DeviceId),
    /// A device that shows our own key: this one, or a copy of it.
    #[error("a device with this device's own key: a copy of it")]
    Itself,
    /// No certificate of a till: another kind of key, or no certificate.
    #[error("not a till: {0}")]
    NoTill(String),
    /// Another version, or another program; or pairing, which is switched off.
    #[error("another version or another program, or pairing, which is switched off")]
    OtherProtocol,
    /// It began and did not finish.
    #[error("it began to connect and did not finish")]
    NotFinished,
    /// More pairings are open than may be.
    #[error("others are pairing")]
    PairingBusy,
    /// It connects more often than a till would.
    #[error("too many connections from there")]
    TooMany,
    /// It broke the rules of the wire before it was let in.
    #[error("it broke the rules of the wire: {0}")]
    Malformed(String),
}

/// Why an endpoint does not start.
#[derive(Debug, Error)]
pub enum NetError {
    /// The address cannot be had: another program has the port, or it is not this machine's.
    #[error("cannot listen on {address}: {source}; is another till running on this machine?")]
    Bind {
        /// What was asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The device's certificate cannot be made.
    #[error("cannot make this device's certificate: {0}")]
    Certificate(String),
    /// The limits make no sense: the caller's mistake.
    #[error("the network's limits: {0}")]
    Limits(&'static str),
    /// The network's thread cannot be started.
    #[error("cannot start the network's thread: {0}")]
    Thread(#[source] io::Error),
}

/// Why a frame or a datagram is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SendError {
    /// There is no such connection, or not any more; its `Closed` is told or on its way.
    #[error("that connection is closed")]
    Closed,
    /// It is longer than its class allows: the caller's mistake.
    #[error("{length} bytes, where {max} are allowed")]
    TooLong {
        /// How long it is.
        length: usize,
        /// What is allowed.
        max: usize,
    },
    /// The peer does not read: the connection is being closed.
    #[error("the peer does not read")]
    DoesNotRead,
}
