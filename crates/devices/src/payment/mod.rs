//! Card readers.
//!
//! A payment is begun on disk (`PaymentStarted`) before the reader is called, and the id of that record
//! is the key under which the reader knows it: asked twice under one key, a reader charges once. What
//! matters is what follows a lost answer. An [`Attempt`] that was asked for and not answered is neither
//! paid nor unpaid; it stays so until the reader says what became of it, and until then the sale can
//! neither be closed nor paid in another way.

mod attempt;
mod reader;
mod simulator;
mod wire;

pub use attempt::{Attempt, AttemptError, Phase};
pub use reader::{ReaderPatience, TcpReader};
pub use simulator::{Behaviour, Charge, SimulatedReader};

use std::fmt;

use pos_core::durability::Flushed;
use pos_core::ids::RecordId;
use pos_core::money::Money;
use thiserror::Error;

/// A payment that may be asked for: its `PaymentStarted` is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaymentIntent {
    id: RecordId,
    amount: Money,
}

impl PaymentIntent {
    /// The intent of the record `id`; above zero the customer pays, below he is paid.
    pub fn new(id: RecordId, amount: Money, _proof: &impl Flushed) -> Self {
        Self { id, amount }
    }

    /// The id of the record, and the idempotency key.
    pub const fn id(&self) -> RecordId {
        self.id
    }

    /// How much.
    pub const fn amount(&self) -> Money {
        self.amount
    }
}

/// What the reader says of a payment it has made. No card number: nothing of it but the last digits
/// ever reaches the till.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The code of the approval; goes on the receipt.
    pub code: String,
    /// `Visa`, `girocard`.
    pub brand: String,
    /// The last digits of the card.
    pub last_digits: String,
}

/// Why a message could not be exchanged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReaderError {
    /// No connection: nothing was sent.
    #[error("the card reader cannot be reached ({0}): check its power and network")]
    Unreachable(String),
    /// It was sent, and no answer came that says how it ended.
    #[error("the card reader did not answer ({0}): ask it what became of the payment")]
    NoAnswer(String),
    /// It does not take this payment, and has charged nothing for this message.
    #[error("the card reader refuses the payment: {0}")]
    Refused(String),
}

/// How a payment stands with the reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Charged.
    Approved(Approval),
    /// Not charged, and will not be under this key.
    Declined(String),
    /// Given up before it was charged, and will not be charged under this key.
    Cancelled,
    /// The customer is at it.
    InProgress(String),
    /// This key was never heard of. A message that is still under way may change that.
    NeverHeard,
}

impl Standing {
    /// Whether it can change.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Approved(_) | Self::Declined(_) | Self::Cancelled)
    }
}

/// A card reader. Its calls wait: they belong on a thread of their own.
pub trait PaymentTerminal: fmt::Debug + Send {
    /// Asks for a payment and waits for its end. `progress` is told what the customer is shown.
    /// Asked again under the same key, a reader answers how that payment stands and charges nothing.
    fn start(
        &mut self,
        intent: &PaymentIntent,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Standing, ReaderError>;

    /// Asks how a payment stands.
    fn query(&mut self, intent: RecordId) -> Result<Standing, ReaderError>;

    /// Gives a payment up. Answered by [`Standing::Cancelled`], this key is never charged, even when
    /// the message that asked for it arrives later; by [`Standing::Approved`], it was too late.
    fn cancel(&mut self, intent: RecordId) -> Result<Standing, ReaderError>;
}

#[cfg(test)]
mod tests;
