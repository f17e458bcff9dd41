//! One payment from the till's point of view.

use pos_core::ids::RecordId;
use thiserror::Error;

use super::{Approval, PaymentIntent, PaymentTerminal, ReaderError, Standing};

/// How far a payment is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// The reader was not asked: nothing can have been charged.
    NotAsked,
    /// It was asked, and has not said how it ended: it may have charged.
    Unsure,
    /// It has charged.
    Approved(Approval),
    /// It has not charged and never will under this key.
    NotCharged(String),
}

/// A step that this payment does not allow.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AttemptError {
    /// It is over.
    #[error("this card payment is over: start a new one")]
    Over,
    /// The till was started anew: how much it was about is in its records, and the reader is asked.
    #[error("this card payment was begun before the till was started: ask the reader about it")]
    OnlyAsk,
}

/// One payment: what was asked, and what is known of it. The only way out of [`Phase::Unsure`] is a
/// final word of the reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    id: RecordId,
    intent: Option<PaymentIntent>,
    phase: Phase,
}

impl Attempt {
    /// A payment that is going to be asked for.
    pub const fn new(intent: PaymentIntent) -> Self {
        Self { id: intent.id(), intent: Some(intent), phase: Phase::NotAsked }
    }

    /// A payment whose record is on disk and whose end is not: the till was stopped in between. The
    /// reader may have been asked.
    pub const fn resumed(id: RecordId) -> Self {
        Self { id, intent: None, phase: Phase::Unsure }
    }

    /// The id of the record, and the idempotency key.
    pub const fn id(&self) -> RecordId {
        self.id
    }

    /// How far it is.
    pub const fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Whether the sale may be paid in another way: nothing was charged and nothing will be.
    pub const fn allows_other_tender(&self) -> bool {
        matches!(self.phase, Phase::NotAsked | Phase::NotCharged(_))
    }

    /// Asks the reader for the payment; again, if the answer was lost.
    pub fn start(
        &mut self,
        reader: &mut dyn PaymentTerminal,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Result<&Phase, ReaderError>, AttemptError> {
        if !matches!(self.phase, Phase::NotAsked | Phase::Unsure) {
            return Err(AttemptError::Over);
        }
        let intent = self.intent.ok_or(AttemptError::OnlyAsk)?;
        let before = std::mem::replace(&mut self.phase, Phase::Unsure);
        let answer = reader.start(&intent, progress);
        if matches!(answer, Err(ReaderError::Unreachable(_) | ReaderError::Refused(_))) {
            // This message charged nothing; one before it may have.
            self.phase = before;
        }
        Ok(self.learn(answer))
    }

    /// Asks the reader what became of it.
    pub fn ask(
        &mut self,
        reader: &mut dyn PaymentTerminal,
    ) -> Result<Result<&Phase, ReaderError>, AttemptError> {
        match self.phase {
            Phase::Unsure => {
                let answer = reader.query(self.id);
                Ok(self.learn(answer))
            }
            _ => Err(AttemptError::Over),
        }
    }

    /// Gives it up, unless it is charged already.
    pub fn cancel(
        &mut self,
        reader: &mut dyn PaymentTerminal,
    ) -> Result<Result<&Phase, ReaderError>, AttemptError> {
        match self.phase {
            Phase::NotAsked => {
                self.phase = Phase::NotCharged("cancelled".to_owned());
                Ok(Ok(&self.phase))
            }
            Phase::Unsure => {
                let answer = reader.cancel(self.id);
                Ok(self.learn(answer))
            }
            _ => Err(AttemptError::Over),
        }
    }

    fn learn(&mut self, answer: Result<Standing, ReaderError>) -> Result<&Phase, ReaderError> {
        match answer? {
            Standing::Approved(approval) => self.phase = Phase::Approved(approval),
            Standing::Declined(why) => self.phase = Phase::NotCharged(why),
            Standing::Cancelled => self.phase = Phase::NotCharged("cancelled".to_owned()),
            // Never heard of it *yet*: our message may still be under way. Cancelling settles it.
            Standing::InProgress(_) | Standing::NeverHeard => {}
        }
        Ok(&self.phase)
    }
}
