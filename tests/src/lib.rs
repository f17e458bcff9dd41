//! What the suites that cross crates share.
//!
//! - [`tillmesh`] builds the real binary once and runs it in a folder of its own.
//! - [`store`] lets several of them share a store, each a process.
//! - [`sheet`] reads and writes the shop's invoice lines, and perturbs them by a seed.
//! - [`oracle`] computes what a replay of a sheet must report, without a line of the code under
//!   test.
//! - [`samples`] sums up measurements.
//! - [`crash`] crashes one till at every call of its disk.
//! - [`fuzz`] hands arbitrary bytes to all that takes bytes from outside.
//! - [`head_office`] runs real hubs.
//! - [`kills`] kills two real tills of one store, again and again.
//! - [`namespaces`] puts tills into network namespaces, with a [`relay`] between them.
//! - [`parity`] holds every disk to the same promises under power cuts.
//! - [`sim`] plays whole stores with everything that can go wrong.
//! - [`prng`] draws every random choice of a suite from a printed seed.

pub mod crash;
pub mod fuzz;
pub mod head_office;
pub mod kills;
pub mod namespaces;
pub mod oracle;
pub mod parity;
pub mod prng;
pub mod relay;
pub mod samples;
pub mod sheet;
pub mod sim;
pub mod store;
pub mod tillmesh;
