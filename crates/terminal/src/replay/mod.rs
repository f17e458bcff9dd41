//! Replaying a shop's invoice file through a till: the rules are in `docs/replay.md`.
//!
//! [`read`] is pure: it turns rows into documents. [`run`] rings them up with the same commands a
//! cashier's taps become, each document durable before the next.

mod countries;
mod floor;
mod measure;
mod plan;
mod range;
mod run;
mod share;

pub use floor::Floor;
pub use measure::{Measurements, Percentiles};
pub use plan::{Body, Document, GoodsLine, Plan, PlannedProduct, StockLine, read};
pub use range::{DateRange, RangeError};
pub use run::{Acknowledged, Kind, Replay, ReplayError, Replayed};
pub use share::{Share, ShareError};
