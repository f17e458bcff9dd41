//! Makes domain facts durable, signed and shared.
//!
//! A device writes one signed feed; everything else is a fold. Read [`core::Entry`] (what is
//! written), [`core::Replica`] (what decides) and [`node::Node`] (what drives it on a disk).
//!
//! - [`core`]: pure and sans-IO; time and randomness are arguments, writes are effects.
//! - [`documents`]: carts, customers and published stock counters, each change behind a gate.
//! - [`presence`]: who is on which cart, as a hint.
//! - [`sync`]: what two replicas say to each other, sans-IO as well.
//! - [`contacts`]: which addresses lead to whom, and whom to dial when; sans-IO too.
//! - [`pairing`]: how a new device is let in, sans-IO; [`recovery`]: what the phrase does that is
//!   kept off the tills.
//! - [`device_key`]: where a device's secret is kept.
//! - [`storage`]: what the core asks of a disk, with [`memory`] as its twin in memory and, with
//!   the feature `store`, the real one.
//! - `net`, with the feature of that name: QUIC, discovery and pairing. The only async part.

pub mod conformance;
pub mod contacts;
pub mod core;
pub mod device_key;
pub mod documents;
pub mod journal;
pub mod limits;
pub mod memory;
#[cfg(feature = "net")]
pub mod net;
pub mod node;
pub mod pairing;
pub mod presence;
pub mod recovery;
pub mod simulation;
pub mod storage;
#[cfg(feature = "store")]
pub mod store;
pub mod sync;
pub mod verify;
