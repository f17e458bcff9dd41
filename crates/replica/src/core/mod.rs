//! The core: pure, sans-IO. Bytes, time and randomness come in as arguments, effects go out as
//! values.
//!
//! Read [`Entry`] (what is signed), [`Replica`] (what handles inputs) and [`Effect`] (what it asks
//! for), in that order.

mod carts;
mod codec;
mod command;
mod decide;
mod digest;
mod durable;
mod effect;
mod entry;
mod feeds;
mod fold;
mod identity;
mod ingest;
mod keys;
mod kinds;
mod life;
mod overlay;
mod published;
mod rebuild;
mod replica;
mod roster;
mod timing;
mod verdict;
mod write;

pub use codec::CodecError;
pub use entry::{
    Body, DecodeError, Entry, EntryDraft, EntryId, Header, Lane, Op, OpClass, OpDraft, Sealed,
    SignatureError, record_id,
};
pub use identity::{DeviceKey, FeedId, Incarnation, store_id};
