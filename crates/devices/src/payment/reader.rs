//! The driver of a reader that speaks our protocol over TCP.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use pos_core::ids::RecordId;

use super::wire::{Answer, Ask, Lines, Request, Tell, VERSION};
use super::{Approval, PaymentIntent, PaymentTerminal, ReaderError, Standing};
use crate::limits::{CUSTOMER_MAX, READER_ANSWER_MAX};

/// How long a reader may take. Tests know theirs and wait less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReaderPatience {
    /// See [`READER_ANSWER_MAX`].
    pub answer: Duration,
    /// See [`CUSTOMER_MAX`].
    pub customer: Duration,
}

impl Default for ReaderPatience {
    fn default() -> Self {
        Self { answer: READER_ANSWER_MAX, customer: CUSTOMER_MAX }
    }
}

/// A reader at an address. Each message has a connection of its own, so that a connection that broke
/// stands in no other message's way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpReader {
    address: String,
    patience: ReaderPatience,
}

impl TcpReader {
    /// A reader at `host:port`.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), patience: ReaderPatience::default() }
    }

    /// The same with other patience.
    #[must_use]
    pub fn with_patience(self, patience: ReaderPatience) -> Self {
        Self { patience, ..self }
    }

    fn connect(&self) -> io::Result<Lines> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the address leads nowhere");
        for address in self.address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, self.patience.answer) {
                Ok(stream) => return Ok(Lines::new(stream)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn exchange(
        &self,
        intent: RecordId,
        ask: Ask,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Standing, ReaderError> {
        let mut lines =
            self.connect().map_err(|error| ReaderError::Unreachable(error.to_string()))?;
        let is_start = matches!(ask, Ask::Start { .. });
        let lost = |error: io::Error| ReaderError::NoAnswer(error.to_string());
        // From here on it may have arrived, whatever happens.
        lines.send(&Request { v: VERSION, intent, ask }, self.patience.answer).map_err(lost)?;
        let customer = Instant::now() + self.patience.customer;
        loop {
            let soon = Instant::now() + self.patience.answer;
            let until = if is_start { customer } else { soon };
            let answer: Option<Answer> = lines.receive(until).map_err(lost)?;
            let Some(answer) = answer else {
                return Err(ReaderError::NoAnswer("no answer in time".to_owned()));
            };
            if answer.v != VERSION || answer.intent != intent {
                let what = "an answer to something else".to_owned();
                return Err(ReaderError::NoAnswer(what));
            }
            return Ok(match answer.tell {
                Tell::InProgress { say } if is_start => {
                    progress(&say);
                    continue;
                }
                Tell::InProgress { say } => Standing::InProgress(say),
                Tell::Approved { code, brand, last } => {
                    let last_digits = last_four(&last);
                    Standing::Approved(Approval { code, brand, last_digits })
                }
                Tell::Declined { why } => Standing::Declined(why),
                Tell::Cancelled => Standing::Cancelled,
                Tell::Unknown => Standing::NeverHeard,
                Tell::Refused { why } => return Err(ReaderError::Refused(why)),
            });
        }
    }
}

/// Whatever a reader sends as the end of a card's number, four digits are kept.
fn last_four(digits: &str) -> String {
    let digits: Vec<char> = digits.chars().filter(char::is_ascii_digit).collect();
    digits.iter().skip(digits.len().saturating_sub(4)).collect()
}

impl PaymentTerminal for TcpReader {
    fn start(
        &mut self,
        intent: &PaymentIntent,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Standing, ReaderError> {
        let amount = intent.amount();
        let currency = amount.currency().code().to_owned();
        self.exchange(intent.id(), Ask::Start { amount: amount.minor(), currency }, progress)
    }

    fn query(&mut self, intent: RecordId) -> Result<Standing, ReaderError> {
        self.exchange(intent, Ask::Query, &mut |_| ())
    }

    fn cancel(&mut self, intent: RecordId) -> Result<Standing, ReaderError> {
        self.exchange(intent, Ask::Cancel, &mut |_| ())
    }
}
