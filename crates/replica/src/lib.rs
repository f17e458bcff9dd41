//! replica
pub mod documents;
pub mod limits;
pub mod storage;
