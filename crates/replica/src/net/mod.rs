//! The network: QUIC between the tills of a store, discovery, pairing. The only async part.

pub mod discovery;
