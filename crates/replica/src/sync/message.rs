//! The frames two replicas exchange, and their bytes.
//!
//! ```text
//! frame   = type u8 | body
//! window  = id | raw length | packed entries      (varints; raw length 0: not compressed, else zstd)
//! ```
//!
//! All other bodies are postcard. A type from 128 on that is not known is passed over; any other
//! unknown type ends the connection. The transport has compared a frame's length with the limit of
//! its class before it was read.

use core::net::SocketAddr;

use pos_core::ids::{DeviceId, StoreId};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Class, pack};
use crate::core::{CodecError, EntryId, FeedId, Incarnation, Lane, Reader};
use crate::limits;

/// The version of the protocol this build speaks.
pub const PROTOCOL_VERSION: u16 = 1;

/// Types of frames. A number is never given to another frame.
mod frame {
    pub(super) const HELLO: u8 = 1;
    pub(super) const DIGEST: u8 = 2;
    pub(super) const SUMMARY: u8 = 3;
    pub(super) const WANT: u8 = 4;
    pub(super) const DIFFERS: u8 = 5;
    pub(super) const ENOUGH: u8 = 6;
    pub(super) const TOTAL: u8 = 7;
    pub(super) const WINDOW: u8 = 8;
    pub(super) const ACK: u8 = 9;
    pub(super) const STORED: u8 = 10;
    pub(super) const PEERS: u8 = 11;
    /// From here on, what is unknown is passed over.
    pub(super) const OPTIONAL: u8 = 128;
}

/// zstd's level: fast enough to keep up with a gigabit.
const COMPRESSION_LEVEL: i32 = 1;

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// The first frame of each side.
    Hello(Hello),
    /// The digest of all feeds: every few seconds.
    Digest([u8; 16]),
    /// What each device has written, as the sender holds it: the answer to a digest that differs.
    Summary(Vec<SummaryRow>),
    /// Asks for the entries of one device.
    Want(Want),
    /// The answer to a want whose digest is another one than the sender's: say which feeds.
    Differs(DeviceId),
    /// No more entries of this device, please.
    Enough(DeviceId),
    /// How much is about to come for a want.
    Total(Total),
    /// Entries of one feed.
    Window(Window),
    /// Windows that are on the receiver's disk.
    Ack(Vec<u64>),
    /// Entries of the receiver that are on the disk of a third device: passed on by a relay.
    Stored(Vec<StoredRow>),
    /// Where other members of the store were reached.
    Peers(Vec<(DeviceId, Vec<SocketAddr>)>),
}

/// Who is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Lowest version of the protocol the sender speaks.
    pub oldest: u16,
    /// Highest.
    pub newest: u16,
    /// The store.
    pub store: StoreId,
    /// Digest of all feeds held.
    pub held: [u8; 16],
    /// Name and version of the software, for people.
    pub software: String,
}

/// What one device has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummaryRow {
    /// The device.
    pub device: DeviceId,
    /// Entries held.
    pub entries: u64,
    /// Digest of the ends of its feeds.
    pub digest: [u8; 16],
}

/// Asks for one device's entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// The device that wrote them.
    pub device: DeviceId,
    /// Also those it will write, until said otherwise.
    pub standing: bool,
    /// What the sender holds of it.
    pub have: Have,
}

/// What is held of a device's feeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Have {
    /// All feeds, by their digest: enough where both hold the same.
    Digest([u8; 16]),
    /// Feed by feed. `more`: another want with the rest follows.
    Feeds {
        /// The ends.
        ends: Vec<FeedRow>,
        /// Whether more rows follow.
        more: bool,
    },
}

/// The end of one feed of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedRow {
    /// The life.
    pub incarnation: Incarnation,
    /// On the Floor lane (else Ledger).
    pub floor: bool,
    /// Number up to which all entries are held.
    pub seq: u64,
    /// The entry of that number.
    pub head: EntryId,
}

impl FeedRow {
    /// The feed of `device` it speaks of.
    pub const fn feed(&self, device: DeviceId) -> FeedId {
        let lane = if self.floor { Lane::Floor } else { Lane::Ledger };
        FeedId { device, incarnation: self.incarnation, lane }
    }
}

/// How much a want brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// The device that wrote it.
    pub device: DeviceId,
    /// Entries.
    pub entries: u64,
}

/// Entries of one feed, each following the one before, as they are on the wire: without what the
/// connection has told already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Names it in the acknowledgement; rises on a connection.
    pub id: u64,
    pub(super) packed: Vec<u8>,
}

/// How far a third device has stored a feed of the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRow {
    /// Who stores it.
    pub by: DeviceId,
    /// The life.
    pub incarnation: Incarnation,
    /// On the Floor lane (else Ledger).
    pub floor: bool,
    /// Up to this number.
    pub seq: u64,
}

/// Why a frame cannot be read: its sender's fault.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FrameError {
    /// Nothing in it.
    #[error("an empty frame")]
    Empty,
    /// A type this version does not know and must.
    #[error("a frame of unknown type {0}")]
    UnknownType(u8),
    /// A type that does not belong on the stream it came on.
    #[error("a frame of type {0} on the wrong stream")]
    WrongClass(u8),
    /// Its body is not what its type says.
    #[error("a frame of type {0} that cannot be read")]
    Malformed(u8),
    /// A window with a wrong layout, or over its limits.
    #[error("a window of entries that cannot be read: {0}")]
    Window(#[from] CodecError),
    /// Compressed entries that are not, or are more than the window says.
    #[error("a window whose compressed entries cannot be read")]
    Compression,
}

impl Message {
    /// Its bytes. Windows over [`limits::COMPRESS_FROM_BYTES`] are compressed.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Hello(hello) => body(frame::HELLO, hello),
            Self::Digest(digest) => body(frame::DIGEST, digest),
            Self::Summary(rows) => body(frame::SUMMARY, rows),
            Self::Want(want) => body(frame::WANT, want),
            Self::Differs(device) => body(frame::DIFFERS, device),
            Self::Enough(device) => body(frame::ENOUGH, device),
            Self::Total(total) => body(frame::TOTAL, total),
            Self::Window(window) => window.encode(),
            Self::Ack(ids) => body(frame::ACK, ids),
            Self::Stored(rows) => body(frame::STORED, rows),
            Self::Peers(peers) => body(frame::PEERS, peers),
        }
    }

    /// Reads a frame that came on a stream of `class`; `None` for one that may be passed over.
    pub fn decode(class: Class, bytes: &[u8]) -> Result<Option<Self>, FrameError> {
        let (&kind, rest) = bytes.split_first().ok_or(FrameError::Empty)?;
        if (kind == frame::WINDOW) == (class == Class::Control) && kind < frame::OPTIONAL {
            return Err(FrameError::WrongClass(kind));
        }
        Ok(Some(match kind {
            frame::HELLO => Self::Hello(read(kind, rest)?),
            frame::DIGEST => Self::Digest(read(kind, rest)?),
            frame::SUMMARY => Self::Summary(read(kind, rest)?),
            frame::WANT => Self::Want(read(kind, rest)?),
            frame::DIFFERS => Self::Differs(read(kind, rest)?),
            frame::ENOUGH => Self::Enough(read(kind, rest)?),
            frame::TOTAL => Self::Total(read(kind, rest)?),
            frame::WINDOW => Self::Window(Window::decode(rest)?),
            frame::ACK => Self::Ack(read(kind, rest)?),
            frame::STORED => Self::Stored(read(kind, rest)?),
            frame::PEERS => Self::Peers(read(kind, rest)?),
            frame::OPTIONAL.. => return Ok(None),
            unknown => return Err(FrameError::UnknownType(unknown)),
        }))
    }
}

fn body<T: Serialize>(kind: u8, value: &T) -> Vec<u8> {
    // Values of known length never fail to encode into a growing buffer.
    postcard::to_extend(value, vec![kind]).unwrap_or_default()
}

fn read<T: serde::de::DeserializeOwned>(kind: u8, bytes: &[u8]) -> Result<T, FrameError> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok(_) | Err(_) => Err(FrameError::Malformed(kind)),
    }
}

impl Window {
    /// Entries as they are: whatever was sent before, and whatever they are.
    pub fn whole<'a>(id: u64, entries: impl IntoIterator<Item = &'a [u8]>) -> Self {
        Self { id, packed: pack::whole(entries) }
    }

    fn encode(&self) -> Vec<u8> {
        let compressed = (self.packed.len() >= limits::COMPRESS_FROM_BYTES)
            .then(|| zstd::bulk::compress(&self.packed, COMPRESSION_LEVEL).ok())
            .flatten()
            .filter(|compressed| compressed.len() < self.packed.len());
        let raw_length = if compressed.is_some() { self.packed.len() } else { 0 };
        let body = compressed.as_ref().unwrap_or(&self.packed);
        let mut out = Vec::with_capacity(body.len() + 16);
        out.push(frame::WINDOW);
        pack::put(&mut out, self.id);
        pack::put(&mut out, u64::try_from(raw_length).unwrap_or(u64::MAX));
        out.extend_from_slice(body);
        out
    }

    fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        let mut reader = Reader::new(bytes);
        let id = reader.varint("window id")?;
        let length = reader.varint_count(limits::WINDOW_BYTES_MAX, "window length")?;
        let body = reader.rest();
        if length == 0 {
            return Ok(Self { id, packed: body.to_vec() });
        }
        let packed = zstd::bulk::decompress(body, length)
            .map_err(|_not_compressed| FrameError::Compression)?;
        if packed.len() == length { Ok(Self { id, packed }) } else { Err(FrameError::Compression) }
    }
}

#[cfg(test)]
mod tests;
