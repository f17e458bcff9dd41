//! replica
pub mod conformance;
pub mod journal;
pub mod limits;
pub mod memory;
pub mod storage;
#[cfg(feature = "store")]
pub mod store;
