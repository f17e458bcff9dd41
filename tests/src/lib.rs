//! What the suites that cross crates share.
//!
//! - [`tillmesh`] builds the real binary once and runs it in a folder of its own.
//! - [`store`] lets several of them share a store, each a process.
//! - [`sheet`] reads and writes the shop's invoice lines, and perturbs them by a seed.
//! - [`oracle`] computes what a replay of a sheet must report, without a line of the code under
//!   test.
//! - [`samples`] sums up measurements.
//! - [`sim`] plays whole stores with everything that can go wrong.
//! - [`prng`] draws every random choice of a suite from a printed seed.

pub mod oracle;
pub mod prng;
pub mod samples;
pub mod sheet;
pub mod sim;
pub mod store;
pub mod tillmesh;
