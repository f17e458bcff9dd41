//! The network: QUIC between the tills of a store, discovery, pairing. The only async part.
//!
//! [`Endpoint`] is one UDP socket with connections over it. It transports frames of three classes
//! and datagrams between devices that have proven their keys, and tells what happens as
//! [`NetEvent`]s; what frames say it does not know. The wire is described in
//! `docs/wire-format.md`, "Transport".

pub mod limits;

mod config;
mod connection;
pub mod discovery;
mod endpoint;
mod event;
mod frames;
mod guard;
mod meet;
mod members;
pub mod mesh;
mod socket;
mod table;
mod tls;
mod visit;

pub use connection::ConnectionStats;
pub use endpoint::{Endpoint, EndpointConfig, Meter, NetStats};
pub use event::{
    CloseReason, DialFailure, Farewell, FrameFault, NetError, NetEvent, Payload, Refusal, SendError,
};
pub use limits::NetLimits;
pub use members::Members;
pub use tls::{MEMBER_PROTOCOL, PAIRING_PROTOCOL};
pub use visit::Visit;
