//! The core: pure, sans-IO. Bytes, time and randomness come in as arguments, effects go out as
//! values.
//!
//! Read [`Entry`] (what is signed), [`Replica`] (what handles inputs) and [`Effect`] (what it asks
//! for), in that order.

mod audit;
mod carts;
mod codec;
mod command;
mod customers;
mod decide;
mod device_name;
mod digest;
mod durable;
mod edits;
mod effect;
mod entry;
mod exceptions;
mod feeds;
mod fold;
mod identity;
mod ingest;
mod keys;
mod kinds;
mod life;
mod membership;
mod overlay;
mod places;
mod published;
mod rebuild;
mod refunds;
mod remainder;
mod replica;
mod revocation;
mod roster;
mod roster_view;
mod share;
mod timing;
mod verdict;
mod weigh;
mod write;

pub use audit::{StockAudit, StockDifference};
pub use codec::CodecError;
pub(crate) use codec::Reader;
pub use command::{Command, CommandError, Completed, DocumentError, Moment, Outcome};
pub use customers::CustomerSummary;
pub use device_name::DeviceName;
pub use digest::Digest;
pub use durable::Durable;
pub use effect::{Alarm, CommandId, Effect, Input};
pub use entry::{
    Body, DecodeError, Entry, EntryDraft, EntryId, FORMAT_VERSION, Header, Lane, Op, OpClass,
    OpDraft, Sealed, SignatureError, record_id,
};
pub(crate) use entry::{WireHeader, WireOp};
pub use exceptions::Exception;
pub use feeds::{FeedState, Feeds};
pub use identity::{DeviceKey, FeedId, Incarnation, store_id};
pub use ingest::{IngestError, Ingested};
pub use life::{FeedEnd, IncarnationOpened, Seal};
pub use refunds::RefundCommand;
pub use remainder::Remainder;
pub use replica::{Identity, Replica};
pub use revocation::{KeptAside, RosterError};
pub use roster::{Cut, Role, Roster, RosterEntry, RosterRecord, Standing};
pub use roster_view::{DeviceInfo, Pending, PendingChange};
pub use share::{Cursor, Held, Run};
pub use verdict::{HeldBack, Verdict, judge};
pub use weigh::MANAGER_VOICES;
