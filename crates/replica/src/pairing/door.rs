//! The new device's side as one loop: network and keyboard come in as one source of events, whoever
//! they are.

use core::net::SocketAddr;

use pos_core::ids::DeviceId;

use super::joiner::{JoinRequest, Joined, Joiner, JoinerOutput};
use super::words::Words;
use super::{Method, Refusal};
use crate::core::DeviceName;
use crate::sync::ConnId;

/// What happens while devices pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PairingEvent {
    /// A connection under [`super::ALPN`] stands.
    Connected {
        /// Its number.
        conn: ConnId,
        /// The key TLS has proven.
        peer: DeviceId,
        /// 32 bytes of the TLS exporter under [`super::EXPORTER_LABEL`].
        exporter: [u8; 32],
        /// Where the peer is, for who dialled.
        address: Option<SocketAddr>,
    },
    /// A frame has come.
    Frame {
        /// On this connection.
        conn: ConnId,
        /// The frame.
        frame: Vec<u8>,
    },
    /// A connection has ended, or could not be made.
    Closed(ConnId),
    /// The person has answered the question.
    Answer(Answer),
    /// Nothing happened until the time that was named.
    Quiet,
}

/// What the person at the keyboard says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The words are the same: go on. The manager may give the device another name.
    Yes(Option<DeviceName>),
    /// They differ, or: not this device.
    No,
    /// Close the window.
    Cancel,
}

/// Network, keyboard and clock of a device that asks for entry.
pub trait DoorIo {
    /// Milliseconds that only go forward.
    fn now_ms(&self) -> u64;
    /// The next event; [`PairingEvent::Quiet`] at `until_ms`.
    fn next(&mut self, until_ms: Option<u64>) -> PairingEvent;
    /// Sends a frame.
    fn send(&mut self, conn: ConnId, frame: Vec<u8>);
    /// Closes a connection once what was sent on it has gone out.
    fn close(&mut self, conn: ConnId);
    /// Shows the words, and asks for an answer where the method needs one.
    fn compare(&mut self, words: &Words, method: Method);
}

/// Asks for entry until it is over. A device that is let in then joins the store
/// ([`crate::core::Replica::join`]) and connects to its manager under the ordinary protocol.
pub fn knock(io: &mut impl DoorIo, request: JoinRequest) -> Result<Joined, Refusal> {
    let mut joiner = Joiner::new(request, io.now_ms());
    let mut line = None;
    loop {
        while let Some(output) = joiner.poll() {
            match (output, line) {
                (JoinerOutput::Send(frame), Some(conn)) => io.send(conn, frame),
                (JoinerOutput::Close, Some(conn)) => io.close(conn),
                (JoinerOutput::Send(_) | JoinerOutput::Close, None) => {}
                (JoinerOutput::Compare { words, method }, _) => io.compare(&words, method),
                (JoinerOutput::Ended(result), _) => return result,
            }
        }
        let event = io.next(joiner.poll_timeout());
        let at = io.now_ms();
        match event {
            PairingEvent::Connected { conn, peer, exporter, address } if line.is_none() => {
                line = Some(conn);
                joiner.connected(at, peer, exporter, address);
            }
            PairingEvent::Frame { conn, frame } if line == Some(conn) => {
                joiner.received(at, &frame);
            }
            PairingEvent::Closed(conn) if line == Some(conn) => joiner.closed(at),
            PairingEvent::Answer(Answer::Yes(_)) => joiner.confirm(at),
            PairingEvent::Answer(Answer::No | Answer::Cancel) => joiner.reject(at),
            PairingEvent::Connected { conn, .. } => io.close(conn),
            PairingEvent::Frame { .. } | PairingEvent::Closed(_) | PairingEvent::Quiet => {
                joiner.tick(at);
            }
        }
    }
}
