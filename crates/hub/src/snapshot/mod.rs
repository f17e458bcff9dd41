//! Snapshots: every store's rows at one cut, as Parquet files and a signed manifest, for anybody's
//! tools.
//!
//! `take` writes one from the hub's rows, `serve` offers it over HTTP, `pull` fetches what changed,
//! `verify` counts everything again. The format is described in `docs/snapshots.md`.

pub mod api;
pub mod cli;
pub mod exact;
pub mod folder;
mod http;
pub mod manifest;
mod parquet_file;
pub mod path;
pub mod pull;
pub mod schema;
pub mod serve;
pub mod signing;
mod tables;
pub mod take;
pub mod verify;
