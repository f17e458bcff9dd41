//! The optional cloud peer: a full replica of every store that lets it in, and what head office reads
//! from it.
//!
//! Entries come in as at a till, over QUIC ([`peer`]) or from folders ([`folder`], [`collect`]), and
//! are folded by the same replica. What they come to is kept as rows ([`rows`]) in a database
//! ([`store`]; today in memory, [`embedded`]) that can be made again from the journals at any time.
//! Rows are read over HTTP ([`http`]) by whoever has a token ([`tokens`]).
//!
//! It has no write path of its own and no list of stores: a store is known when it has let the hub
//! in or an entry of it has come in, and two hubs that hold the same entries agree.

pub mod cli;
pub mod collect;
pub mod commands;
pub mod embedded;
pub mod folded;
pub mod folder;
mod hexadecimal;
pub mod http;
pub mod join;
pub mod limits;
pub mod member;
pub mod peer;
pub mod project;
pub mod projector;
pub mod report;
pub mod rows;
pub mod serve;
pub mod shell;
pub mod snapshot;
pub mod store;
pub mod tokens;
