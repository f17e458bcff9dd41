//! Every bound of the network, each with its reason. Lengths are in bytes and times in
//! milliseconds where nothing else is said.

use std::time::Duration;

use crate::sync::Class;

/// Longest frame of class Control: a hello or a digest of a full store is under 10 kB.
pub const CONTROL_FRAME_BYTES_MAX: usize = 64 << 10;
/// Longest frame of class Live: one journal frame of entries, and what names them.
pub const LIVE_FRAME_BYTES_MAX: usize = (1 << 20) + (4 << 10);
/// Longest frame of class Bulk: one window of catch-up, and what names it.
pub const BULK_FRAME_BYTES_MAX: usize = (1 << 20) + (4 << 10);
/// Longest datagram: fits the smallest packet QUIC knows, with its headers.
pub const DATAGRAM_BYTES_MAX: usize = 1024;
/// Datagrams a second taken from one connection; more are dropped.
pub const DATAGRAMS_PER_SECOND: u32 = 64;

/// Most bytes of class Control that wait to be sent to one peer.
pub const CONTROL_QUEUE_BYTES_MAX: usize = 1 << 20;
/// Most bytes of class Live that wait to be sent to one peer: thousands of entries.
pub const LIVE_QUEUE_BYTES_MAX: usize = 4 << 20;
/// Most bytes of class Bulk that wait to be sent to one peer. Whoever fills it holds a credit of
/// less, so that only a peer that never reads lets it overflow.
pub const BULK_QUEUE_BYTES_MAX: usize = 8 << 20;
/// What a frame counts for in a queue besides its bytes, so that empty ones are bounded too.
pub const FRAME_OVERHEAD_BYTES: usize = 64;
/// Most bytes of one class of one connection that were received and are not dropped yet.
pub const RECEIVED_BYTES_MAX: usize = 2 << 20;
/// Events that wait for room in the engine's channel, besides those in it.
pub const EVENTS_WAITING_MAX: usize = 64;

/// A connection on which nothing is heard for this long is lost: dialling anew finds a peer sooner than
/// what QUIC sends again at ever longer intervals.
pub const IDLE_MS: u64 = 6_000;
/// Of that time, the part after which an idle connection sends a packet in order to stay: every
/// 2 seconds.
pub const KEEP_ALIVE_PART: u32 = 3;
/// Bytes of the connection ids that peers put into each packet to this endpoint.
pub const CONNECTION_ID_BYTES: usize = 4;
/// What a peer may send on one stream before it is read.
pub const STREAM_WINDOW_BYTES: u32 = 1 << 20;
/// What a peer may send on all streams before it is read: more than all of them, so that a full
/// Bulk stream never stops Control.
pub const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;
/// Bytes handed to QUIC and not acknowledged: as much as a peer may grant.
pub const SEND_WINDOW_BYTES: u64 = 4 << 20;
/// Streams a peer may have open: one a class, and one to spare.
pub const STREAMS_MAX: u32 = 4;
/// Bytes of datagrams that wait, in each direction; the oldest make room.
pub const DATAGRAM_BUFFER_BYTES: usize = 16 << 10;
/// First guess of a round trip: a lost first packet is repeated after three of these.
pub const INITIAL_RTT_MS: u64 = 100;
/// What the socket asks the kernel to hold for it: a burst of a full mesh.
pub const SOCKET_BUFFER_BYTES: usize = 2 << 20;
/// Errors of receiving in a row after which the socket is given up.
pub const SOCKET_FAULTS_MAX: u32 = 1000;

/// From the first packet of a connection until both sides have greeted.
pub const HANDSHAKE_MS: u64 = 5_000;
/// Connections from outside that are being made at once.
pub const HANDSHAKES_MAX: usize = 128;
/// Places beyond those, for addresses at which a member was last seen.
pub const HANDSHAKES_OF_MEMBERS: usize = 64;
/// From this many on a source must first prove that it receives at its address.
pub const HANDSHAKES_BEFORE_PROOF: usize = 32;
/// Connections being made at once from one address.
pub const HANDSHAKES_PER_ADDRESS: usize = 16;
/// Connections one address may begin at once ...
pub const ADDRESS_BURST: u32 = 64;
/// ... and what it may begin in each second afterwards.
pub const ADDRESS_PER_SECOND: u32 = 32;
/// Addresses that are remembered.
pub const ADDRESSES_MAX: usize = 1024;
/// First packets that wait to be looked at.
pub const INCOMING_MAX: usize = 256;
/// Bytes kept for one of them ...
pub const INCOMING_BYTES_MAX: u64 = 8 << 10;
/// ... and for all of them.
pub const INCOMING_BYTES_TOTAL: u64 = 512 << 10;
/// Own dials that are under way at once.
pub const DIALS_MAX: usize = 64;
/// Longest certificate that is read. Ours have under 400 bytes.
pub const CERTIFICATE_BYTES_MAX: usize = 1024;

/// Refusals of one address are told once in this time.
pub const REPORT_EVERY_MS: u64 = 60_000;
/// Refusals of all addresses that are told in that time.
pub const REPORTS_MAX: usize = 64;

/// Pairing connections that are open at once.
pub const PAIRINGS_MAX: usize = 4;
/// A pairing connection is closed after this long: two people compare words in it.
pub const PAIRING_MS: u64 = 300_000;
/// A connection as old as this is not one of two that were dialled at once: its peer, which
/// connects again, has lost it.
pub const RACE_MS: u64 = 10_000;
/// Longest words a connection is closed with.
pub const WORDS_BYTES_MAX: usize = 200;
/// How long a stopping endpoint waits for its last packets to leave.
pub const STOP_MS: u64 = 1_000;

const _: () =
    assert!(STREAM_WINDOW_BYTES as usize * Class::ALL.len() < CONNECTION_WINDOW_BYTES as usize);
const _: () = assert!(BULK_FRAME_BYTES_MAX + FRAME_OVERHEAD_BYTES <= RECEIVED_BYTES_MAX);
const _: () = assert!(LIVE_FRAME_BYTES_MAX + FRAME_OVERHEAD_BYTES <= RECEIVED_BYTES_MAX);

/// Longest frame of a class, in bytes.
pub const fn frame_bytes_max(class: Class) -> usize {
    match class {
        Class::Control => CONTROL_FRAME_BYTES_MAX,
        Class::Live => LIVE_FRAME_BYTES_MAX,
        Class::Bulk => BULK_FRAME_BYTES_MAX,
    }
}

/// Most bytes of a class that wait to be sent to one peer.
pub const fn queue_bytes_max(class: Class) -> usize {
    match class {
        Class::Control => CONTROL_QUEUE_BYTES_MAX,
        Class::Live => LIVE_QUEUE_BYTES_MAX,
        Class::Bulk => BULK_QUEUE_BYTES_MAX,
    }
}

/// What one endpoint allows at its door. The constants of this file, unless a test or a bench puts
/// many devices behind one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetLimits {
    /// [`HANDSHAKES_MAX`].
    pub handshakes: usize,
    /// [`HANDSHAKES_BEFORE_PROOF`].
    pub handshakes_before_proof: usize,
    /// [`HANDSHAKES_PER_ADDRESS`].
    pub handshakes_per_address: usize,
    /// [`ADDRESS_BURST`].
    pub address_burst: u32,
    /// [`ADDRESS_PER_SECOND`].
    pub address_per_second: u32,
    /// [`HANDSHAKE_MS`].
    pub handshake: Duration,
    /// [`IDLE_MS`]; a third of it without a packet, and one is sent.
    pub idle: Duration,
}

impl Default for NetLimits {
    fn default() -> Self {
        Self {
            handshakes: HANDSHAKES_MAX,
            handshakes_before_proof: HANDSHAKES_BEFORE_PROOF,
            handshakes_per_address: HANDSHAKES_PER_ADDRESS,
            address_burst: ADDRESS_BURST,
            address_per_second: ADDRESS_PER_SECOND,
            handshake: Duration::from_millis(HANDSHAKE_MS),
            idle: Duration::from_millis(IDLE_MS),
        }
    }
}

/// Events of the network that wait for the thread that holds the replica.
pub const EVENTS_QUEUED_MAX: usize = 1024;
/// Events handled before that thread looks after its own commands again.
pub const EVENTS_PER_TURN: usize = 64;
/// News and datagrams that wait to be looked at.
pub const NEWS_MAX: usize = 1024;
/// Shortest time between two savings of the addresses that worked, in milliseconds.
pub const CONTACTS_SAVED_EVERY_MS: u64 = 10_000;
/// Own entries whose way to the others is measured at once.
pub const SPREADING_MAX: usize = 1024;
/// Such measurements that are kept.
pub const SPREAD_KEPT: usize = 20_000;
