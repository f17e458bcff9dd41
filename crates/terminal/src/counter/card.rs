//! The card reader, on threads of its own: a till that waits for a customer's code sells nothing.
//!
//! Every question to the reader is a thread that ends with the answer, so that a payment can be given
//! up while the reader still waits for the customer. What is believed is [`Attempt`]'s to decide.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use devices::payment::{
    Approval, Attempt, AttemptError, PaymentIntent, PaymentTerminal, Phase, ReaderError,
};
use pos_core::ids::RecordId;
use pos_core::money::Money;

use super::view::CardState;

/// Makes a connection to the reader: one for each question.
pub type ReaderFactory = Arc<dyn Fn() -> Box<dyn PaymentTerminal> + Send + Sync>;
/// Wakes the counter.
pub type Bell = Arc<dyn Fn() + Send + Sync>;

/// What the counter has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CardNews {
    /// The customer was charged, or paid back.
    Charged(Approval),
    /// Nothing was charged, and nothing will be.
    NotCharged,
}

#[derive(Debug)]
enum Message {
    Says(RecordId, String),
    Ended(Question, Attempt, Result<(), String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    Start,
    Ask,
    Cancel,
}

/// The payment that is under way, or ended last.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question or an answer of its own")]
struct Current {
    attempt: Attempt,
    amount: Money,
    says: String,
    why: String,
    /// Questions that are not answered yet.
    starting: bool,
    asking: bool,
    from_before: bool,
    /// The counter was told how it ended.
    told: bool,
}

/// The reader's place at the counter.
pub struct CardDesk {
    make: Option<ReaderFactory>,
    bell: Bell,
    sender: Sender<Message>,
    messages: Receiver<Message>,
    current: Option<Current>,
}

impl fmt::Debug for CardDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CardDesk")
            .field("has_reader", &self.make.is_some())
            .field("current", &self.current)
            .finish_non_exhaustive()
    }
}

impl CardDesk {
    /// With a reader, or none. `bell` is rung on other threads when the reader has spoken.
    pub fn new(make: Option<ReaderFactory>, bell: Bell) -> Self {
        let (sender, messages) = channel();
        Self { make, bell, sender, messages, current: None }
    }

    pub(super) const fn has_reader(&self) -> bool {
        self.make.is_some()
    }

    /// Whether money may be on its way: nothing else may be taken, nothing changed.
    pub(super) fn is_under_way(&self) -> bool {
        self.current.as_ref().is_some_and(|current| {
            current.starting || current.asking || matches!(current.attempt.phase(), Phase::Unsure)
        })
    }

    /// Whether nobody knows how it ended, and nobody is being asked.
    pub(super) fn is_unknown(&self) -> bool {
        self.current.as_ref().is_some_and(|current| {
            !current.starting && !current.asking && *current.attempt.phase() == Phase::Unsure
        })
    }

    /// It was put aside.
    pub(super) fn forget(&mut self) {
        self.current = None;
    }

    /// A payment that ended is not shown any more.
    pub(super) fn forget_ended(&mut self) {
        if !self.is_under_way() {
            self.current = None;
        }
    }

    /// A payment whose end was not known when the program stopped.
    pub(super) fn take_up(&mut self, id: RecordId, amount: Money) {
        let mut current = Current::new(Attempt::resumed(id), amount);
        current.from_before = true;
        self.current = Some(current);
    }

    /// Asks for a payment.
    pub(super) fn ask_for(&mut self, intent: PaymentIntent) {
        let attempt = Attempt::new(intent);
        let mut current = Current::new(attempt.clone(), intent.amount());
        current.starting = true;
        self.current = Some(current);
        self.question(Question::Start, attempt);
    }

    /// Asks what became of it.
    pub(super) fn ask(&mut self) {
        let Some(current) = &mut self.current else { return };
        if current.starting || current.asking || *current.attempt.phase() != Phase::Unsure {
            return;
        }
        current.asking = true;
        let attempt = current.attempt.clone();
        self.question(Question::Ask, attempt);
    }

    /// Gives it up, unless it is charged already. While the reader works as well.
    pub(super) fn cancel(&mut self) {
        let Some(current) = &mut self.current else { return };
        let unsure = current.starting || *current.attempt.phase() == Phase::Unsure;
        if current.asking || !unsure {
            return;
        }
        current.asking = true;
        let attempt = Attempt::resumed(current.attempt.id());
        self.question(Question::Cancel, attempt);
    }

    fn question(&self, question: Question, attempt: Attempt) {
        let Some(make) = &self.make else { return };
        let (make, sender, bell) = (Arc::clone(make), self.sender.clone(), Arc::clone(&self.bell));
        let unasked = attempt.clone();
        let thread = std::thread::Builder::new().name("card reader".to_owned()).spawn(move || {
            let message = put(question, attempt, make().as_mut(), &sender, &bell);
            // The counter may have gone.
            drop(sender.send(message));
            bell();
        });
        if let Err(error) = thread {
            drop(self.sender.send(Message::Ended(question, unasked, Err(error.to_string()))));
        }
    }

    /// What the counter has to do about what the reader has said.
    pub(super) fn hear(&mut self) -> Option<CardNews> {
        while let Ok(message) = self.messages.try_recv() {
            let Some(current) = &mut self.current else { continue };
            match message {
                Message::Says(id, says) if id == current.attempt.id() => current.says = says,
                Message::Ended(question, attempt, result)
                    if attempt.id() == current.attempt.id() =>
                {
                    current.learn(question, attempt, result);
                    if let Some(news) = current.news() {
                        return Some(news);
                    }
                }
                Message::Says(..) | Message::Ended(..) => {}
            }
        }
        None
    }

    /// For the screen.
    pub(super) fn state(&self) -> CardState {
        let Some(current) = &self.current else { return CardState::Idle };
        let (amount, why) = (current.amount, current.why.clone());
        match current.attempt.phase() {
            _ if current.starting => CardState::Asking { amount, says: current.says.clone() },
            Phase::Unsure => CardState::Unknown {
                amount,
                asking: current.asking,
                why,
                from_before: current.from_before,
            },
            Phase::NotAsked => CardState::Unreachable { amount, why },
            Phase::NotCharged(why) => CardState::Declined { amount, why: why.clone() },
            Phase::Approved(_) => CardState::Idle,
        }
    }
}

impl Current {
    const fn new(attempt: Attempt, amount: Money) -> Self {
        Self {
            attempt,
            amount,
            says: String::new(),
            why: String::new(),
            starting: false,
            asking: false,
            from_before: false,
            told: false,
        }
    }

    /// An end is believed whoever brings it first; what is not known takes nothing back.
    fn learn(&mut self, question: Question, attempt: Attempt, result: Result<(), String>) {
        match question {
            Question::Start => self.starting = false,
            Question::Ask | Question::Cancel => self.asking = false,
        }
        self.why = result.err().unwrap_or_default();
        let ended = |phase: &Phase| matches!(phase, Phase::Approved(_) | Phase::NotCharged(_));
        let learnt = ended(attempt.phase()) || question == Question::Start;
        if learnt && !ended(self.attempt.phase()) {
            self.attempt = attempt;
        }
    }

    /// How it ended, once.
    fn news(&mut self) -> Option<CardNews> {
        if self.told {
            return None;
        }
        let news = match self.attempt.phase() {
            Phase::Approved(approval) => CardNews::Charged(approval.clone()),
            Phase::NotCharged(_) => CardNews::NotCharged,
            Phase::NotAsked if !self.starting => CardNews::NotCharged,
            Phase::NotAsked | Phase::Unsure => return None,
        };
        self.told = true;
        self.starting = false;
        self.asking = false;
        Some(news)
    }
}

fn put(
    question: Question,
    mut attempt: Attempt,
    reader: &mut dyn PaymentTerminal,
    sender: &Sender<Message>,
    bell: &Bell,
) -> Message {
    let id = attempt.id();
    let mut progress = |says: &str| {
        drop(sender.send(Message::Says(id, says.to_owned())));
        bell();
    };
    let answer = match question {
        Question::Start => attempt.start(reader, &mut progress),
        Question::Ask => attempt.ask(reader),
        Question::Cancel => attempt.cancel(reader),
    };
    let result = in_words(answer.map(|answer| answer.map(|_phase| ())));
    Message::Ended(question, attempt, result)
}

fn in_words(answer: Result<Result<(), ReaderError>, AttemptError>) -> Result<(), String> {
    match answer {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}
