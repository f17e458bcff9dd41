//! Papers on their way to a printer.

use std::fmt;
use std::io;
use std::sync::Arc;

use pos_core::durability::Flushed;
use pos_core::receipt::{ReceiptDocument, ReportDocument, ReportKind};
use serde::{Deserialize, Serialize};

use crate::limits::JOB_TEXT_CHARS_MAX;
use crate::printer::{Condition, Paper};

/// The number of a job in its queue: 1, 2, 3, …
pub type JobNumber = u64;

/// A paper that may be printed. Originals of what lasts are made from evidence that it is on disk, and
/// in no other way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// What it is known by: an original is taken once under its key, ever.
    key: String,
    /// What the cashier calls it.
    title: String,
    /// Whether it is an original, of which there is one.
    original: bool,
    paper: Paper,
}

impl Job {
    /// The receipt of a sale that is on disk.
    pub fn receipt(document: ReceiptDocument, _proof: &impl Flushed) -> Self {
        let key = format!("receipt {}", document.number);
        let original = !document.is_copy();
        Self::new(&key, original, Paper::Receipt(Box::new(document)))
    }

    /// The Z report of a shift whose end is on disk; an X report needs no proof, see [`Job::x_report`].
    pub fn z_report(document: ReportDocument, _proof: &impl Flushed) -> Self {
        Self::report(document)
    }

    /// An X report, which closes nothing; `None` for a Z report, which does.
    pub fn x_report(document: ReportDocument) -> Option<Self> {
        matches!(document.report, ReportKind::X).then(|| Self::report(document))
    }

    /// Lines that are no document.
    pub fn note(title: &str, lines: Vec<String>) -> Self {
        Self::new(title, false, Paper::Note(lines))
    }

    fn report(document: ReportDocument) -> Self {
        let register = &document.figures.register;
        match document.report {
            ReportKind::X => {
                let key = format!("X report of {register}");
                Self::new(&key, false, Paper::Report(Box::new(document)))
            }
            ReportKind::Z { number, .. } => {
                let key = format!("Z report {number} of {register}");
                let original = !document.copy;
                Self::new(&key, original, Paper::Report(Box::new(document)))
            }
        }
    }

    fn new(key: &str, original: bool, paper: Paper) -> Self {
        let key: String = key.chars().take(JOB_TEXT_CHARS_MAX).collect();
        Self { title: key.clone(), key, original, paper }
    }

    /// The same paper with the word COPY.
    #[must_use]
    pub fn into_copy(self) -> Self {
        let Self { key, paper, .. } = self;
        Self { title: format!("{key}, copy"), key, original: false, paper: paper.into_copy() }
    }

    /// What it is known by.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What the cashier calls it.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Whether there may be only one of it.
    pub const fn is_original(&self) -> bool {
        self.original
    }

    /// What is printed.
    pub const fn paper(&self) -> &Paper {
        &self.paper
    }
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobState {
    /// No byte of it was sent.
    Waiting,
    /// It is being sent.
    Printing,
    /// It is on paper; where the printer confirms nothing: it was sent.
    Printed,
    /// It was under way when the printer, its cable or this program stopped: it may be on paper.
    MaybePrinted,
}

/// A job as the screen shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobView {
    /// Its number.
    pub number: JobNumber,
    /// What it is known by.
    pub key: String,
    /// What the cashier calls it.
    pub title: String,
    /// How far it is.
    pub state: JobState,
}

/// Why a printer does not print.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// No connection, or it broke.
    Unreachable(Arc<io::Error>),
    /// Connected, and then silence.
    Silent,
    /// It says itself what is wrong.
    Condition(Condition),
    /// The folder of the queue cannot be written: without it nothing is printed twice on purpose.
    Spool(Arc<io::Error>),
}

impl Trouble {
    /// The same kind of trouble, for the decision whether there is news.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unreachable(_), Self::Unreachable(_))
            | (Self::Silent, Self::Silent)
            | (Self::Spool(_), Self::Spool(_)) => true,
            (Self::Condition(one), Self::Condition(two)) => one == two,
            _ => false,
        }
    }
}

/// In the words of the counter: what is wrong, and what to do. The sale is never in danger.
impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let goes_on = "Printing goes on by itself.";
        match self {
            Self::Unreachable(error) => write!(
                f,
                "The receipt printer cannot be reached ({error}). Check that it is switched on and \
                 its cable is plugged in. {goes_on}"
            ),
            Self::Silent => write!(
                f,
                "The receipt printer does not answer. Switch it off and on again. {goes_on}"
            ),
            Self::Condition(condition) => write!(f, "{}", condition_words(*condition)),
            Self::Spool(error) => write!(
                f,
                "Receipts cannot be put in line for the printer ({error}). Make room on this \
                 device's disk. {goes_on}"
            ),
        }
    }
}

fn condition_words(condition: Condition) -> &'static str {
    if condition.broken {
        "The receipt printer reports a fault it cannot mend. Switch it off and on; if that does not \
         help, it needs service."
    } else if condition.cover_open {
        "The cover of the receipt printer is open. Shut it. Printing goes on by itself."
    } else if condition.paper_out {
        "The receipt printer is out of paper. Put in a new roll. Printing goes on by itself."
    } else if condition.jammed {
        "The cutter of the receipt printer is stuck. Open the cover, take out the paper, shut it. \
         Printing goes on by itself."
    } else if condition.offline {
        "The receipt printer is paused. Press its feed button, or switch it off and on. Printing \
         goes on by itself."
    } else if condition.paper_low {
        "The paper of the receipt printer ends soon."
    } else {
        "The receipt printer is ready."
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trouble_says_what_to_do() {
        let lamp = |change: fn(&mut Condition)| {
            let mut condition = Condition::default();
            change(&mut condition);
            Trouble::Condition(condition).to_string()
        };
        assert!(lamp(|c| c.paper_out = true).contains("new roll"));
        assert!(lamp(|c| (c.paper_out, c.cover_open) = (true, true)).contains("Shut it"));
        assert!(lamp(|c| c.jammed = true).contains("take out the paper"));
        assert!(lamp(|c| c.offline = true).contains("feed button"));
        let error = Arc::new(io::Error::from(io::ErrorKind::ConnectionRefused));
        assert!(Trouble::Unreachable(error).to_string().contains("switched on"));
    }

    #[test]
    fn a_copy_keeps_its_key_and_is_no_original() {
        let note = Job::note("address", vec!["1 High Street".to_owned()]);
        let copy = note.clone().into_copy();
        assert_eq!((copy.key(), copy.title()), ("address", "address, copy"));
        assert!(!copy.is_original() && !note.is_original());
    }
}
