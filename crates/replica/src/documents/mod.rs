//! Documents that several people edit at once: open carts, customers, and the published stock
//! counters of each device.
//!
//! A document is a disposable view. The truth is the raw changes that the signed feeds carry; a
//! document takes them in any order, through a [gate] that decides about each before Automerge
//! sees it, and can be built again from them at any time. This module knows no clock and does no
//! IO, and nothing else in the crate uses Automerge.

pub mod cart;
pub mod customer;
pub mod document;
pub mod gate;
pub mod limits;
pub mod stock;

mod chunk;
mod history;
mod id;
mod line_units;
mod schema;

#[cfg(test)]
mod gate_tests;

pub use cart::{CartDocument, CartEditError};
pub use chunk::{ChangeLinks, links};
pub use customer::{CustomerDocument, CustomerEdit, CustomerEditError, CustomerView};
pub use document::{Applied, ApplyError, ApplyFault, Document, LocalError, Outcome, Released};
pub use gate::{CheckedChange, GATE_VERSION, GateRefusal};
pub use id::{ActorId, Author, ChangeHash, DocumentId, DocumentKind};
pub use stock::{StockCounters, StockError};
