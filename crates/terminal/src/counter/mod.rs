//! The counter: a till that a person works at, without the screen.
//!
//! It takes [`Intent`]s and makes [`View`]s. Between them it holds a [`Till`](crate::till::Till) and
//! does with it what the command line does, by the same commands. It decides nothing about money: the
//! domain does, and what the domain refuses becomes a [`Notice`]. No words for people are in here.
//!
//! [`worker::Worker`] runs it on a thread of its own: a window sends intents and is handed the
//! latest view, and never waits. Printer, card reader and network are on other threads still, so
//! that selling waits for none of them.

mod bell;
mod card;
mod carts;
mod desk;
mod discount;
pub mod intent;
mod kept;
mod let_in;
pub mod notice;
mod papers;
mod pay;
mod refund;
mod ringing;
mod safety;
mod scan;
mod shift;
mod start;
pub mod view;
pub mod wedge;
pub mod worker;

pub use card::{Bell, CardDesk, ReaderFactory};
pub use desk::{Counter, Setup};
pub use intent::{Discount, Intent, NewCustomer, RefundReason, StartAnswers, StartSource};
pub use notice::{Notice, Posted, Weight};
pub use papers::{Papers, PrinterSetupError, no_bell};
pub use view::{Desk, Screen, Stage, View};
pub use worker::{CounterOptions, Worker};

#[cfg(test)]
mod tests;
