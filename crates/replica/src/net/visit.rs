//! The network of a device that belongs to no store yet: it dials a manager's till in order to pair.

use core::net::SocketAddr;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::limits::EVENTS_QUEUED_MAX;
use super::mesh::{MeshError, PairingNews};
use super::{Endpoint, EndpointConfig, Members, NetEvent, NetLimits};
use crate::core::DeviceKey;
use crate::sync::{Class, ConnId};

/// A device at somebody's door.
#[derive(Debug)]
pub struct Visit {
    endpoint: Endpoint,
    events: mpsc::Receiver<NetEvent>,
    runtime: Runtime,
}

impl Visit {
    /// Dials the addresses a manager's till may be at.
    pub fn start(
        key: DeviceKey,
        bind: SocketAddr,
        addresses: &[SocketAddr],
    ) -> Result<Self, MeshError> {
        let (sender, events) = mpsc::channel(EVENTS_QUEUED_MAX);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(MeshError::Wait)?;
        let endpoint = Endpoint::start(
            EndpointConfig {
                key,
                bind,
                members: Members::new([]),
                limits: NetLimits::default(),
                runtime: None,
            },
            sender,
        )?;
        for address in addresses {
            endpoint.dial_to_pair(*address, None);
        }
        Ok(Self { endpoint, events, runtime })
    }

    /// What happens next, if something does within `longest`.
    pub fn next(&mut self, longest: Duration) -> Option<PairingNews> {
        let events = &mut self.events;
        let event =
            self.runtime.block_on(async { tokio::time::timeout(longest, events.recv()).await });
        PairingNews::of(event.ok()??)
    }

    /// Sends a frame.
    pub fn send(&self, conn: ConnId, frame: Vec<u8>) {
        let _sent_or_closed = self.endpoint.send(conn, Class::Control, frame);
    }

    /// Ends a connection.
    pub fn close(&self, conn: ConnId) {
        self.endpoint.close(conn, "pairing is over");
    }

    /// Leaves.
    pub fn leave(self) {
        self.endpoint.shutdown();
    }
}
