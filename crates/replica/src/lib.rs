//! replica
pub mod limits;
pub mod storage;
