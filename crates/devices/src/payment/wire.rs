//! What till and reader say to each other: one JSON object a line.
//!
//! ```text
//! > {"v":1,"do":"start","intent":"08…40","amount":630,"currency":"GBP"}
//! < {"v":1,"intent":"08…40","is":"inProgress","say":"Present card"}
//! < {"v":1,"intent":"08…40","is":"approved","code":"000001","brand":"Visa","last":"4242"}
//! > {"v":1,"do":"query","intent":"08…40"}
//! > {"v":1,"do":"cancel","intent":"08…40"}
//! ```
//!
//! Amounts are in minor units. `is` is one of `inProgress`, `approved`, `declined`, `cancelled`,
//! `unknown`, `refused`; only the first is followed by more.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use pos_core::ids::RecordId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::limits::READER_MESSAGE_BYTES_MAX;

pub(super) const VERSION: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) v: u32,
    pub(super) intent: RecordId,
    #[serde(flatten)]
    pub(super) ask: Ask,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "do")]
pub(super) enum Ask {
    Start { amount: i64, currency: String },
    Query,
    Cancel,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) v: u32,
    pub(super) intent: RecordId,
    #[serde(flatten)]
    pub(super) tell: Tell,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "is")]
pub(super) enum Tell {
    InProgress { say: String },
    Approved { code: String, brand: String, last: String },
    Declined { why: String },
    Cancelled,
    Unknown,
    Refused { why: String },
}

/// Lines on a socket.
#[derive(Debug)]
pub(super) struct Lines {
    stream: TcpStream,
    pending: Vec<u8>,
}

impl Lines {
    pub(super) const fn new(stream: TcpStream) -> Self {
        Self { stream, pending: Vec::new() }
    }

    pub(super) fn send(&mut self, message: &impl Serialize, within: Duration) -> io::Result<()> {
        let mut line = serde_json::to_vec(message).map_err(io::Error::other)?;
        line.push(b'\n');
        self.stream.set_write_timeout(Some(within.max(Duration::from_millis(1))))?;
        self.stream.write_all(&line)
    }

    /// The next message; `None` when none came before `until`.
    pub(super) fn receive<T: DeserializeOwned>(&mut self, until: Instant) -> io::Result<Option<T>> {
        loop {
            if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                return serde_json::from_slice(&line).map(Some).map_err(io::Error::other);
            }
            if self.pending.len() > READER_MESSAGE_BYTES_MAX {
                return Err(io::Error::new(ErrorKind::InvalidData, "the message has no end"));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
            let mut buffer = [0; 1024];
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    self.pending.extend_from_slice(buffer.get(..count).unwrap_or_default());
                }
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error),
            }
        }
    }
}
