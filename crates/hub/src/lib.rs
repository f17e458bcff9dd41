//! The optional cloud peer. Today it collects: it takes the entries of any number of till
//! folders, in any order, through the same ingest path a till uses, and reports over the stores.
//!
//! It has no write path of its own and no list of stores: a store is known when an entry of it
//! has come in, and two collections that hold the same entries agree by their digests.

pub mod collect;
pub mod embedded;
pub mod folded;
pub mod folder;
pub mod join;
pub mod limits;
pub mod member;
pub mod peer;
pub mod project;
pub mod projector;
pub mod report;
pub mod rows;
pub mod shell;
pub mod store;
