//! One paper to one printer, from "how are you" to "it is on paper".
//!
//! Before the paper is marked as under way nothing of it is sent, so that until then it may be tried
//! again as often as needed. Afterwards it is never tried again by itself.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::job::Trouble;
use crate::limits;
use crate::printer::{
    Condition, Confirmation, Encoded, INITIALIZE, Profile, Reply, ReplyReader, Request, cut, kick,
};
use crate::transport::{Connection, Printer};

/// How long one look at the printer takes.
const TICK: Duration = Duration::from_millis(50);
/// How long the better of two confirmations is waited for once the other is there.
const BETTER_CONFIRMATION: Duration = Duration::from_secs(3);

/// How long everything may take. The values for real printers are in [`limits`]; tests know their
/// printer and wait less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// See [`limits::STATUS_MAX`].
    pub status: Duration,
    /// See [`limits::SILENCE_MAX`].
    pub silence: Duration,
    /// See [`limits::REPAIR_MAX`].
    pub repair: Duration,
    /// See [`limits::RETRY_FIRST`].
    pub retry_first: Duration,
    /// See [`limits::RETRY_MAX`].
    pub retry_max: Duration,
    /// See [`limits::KICK_FRESH`].
    pub kick_fresh: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            status: limits::STATUS_MAX,
            silence: limits::SILENCE_MAX,
            repair: limits::REPAIR_MAX,
            retry_first: limits::RETRY_FIRST,
            retry_max: limits::RETRY_MAX,
            kick_fresh: limits::KICK_FRESH,
        }
    }
}

/// Moments at which a queue can be stopped dead, in the order in which a paper meets them. What is on
/// disk and on paper then must still agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Taken, not on disk.
    Taken,
    /// On disk, waiting.
    Spooled,
    /// The printer is ready; not marked.
    Ready,
    /// Marked as under way; no byte sent.
    Marked,
    /// This many pieces are sent.
    Sent(usize),
    /// Everything is sent; not confirmed.
    AllSent,
    /// Confirmed; not noted.
    Confirmed,
    /// Noted as printed.
    Noted,
}

/// What a delivery asks of the queue it belongs to.
pub(super) trait Watch {
    /// The printer's state changed.
    fn trouble(&mut self, trouble: Option<Trouble>);
    /// Marks the paper as under way, on disk when this returns.
    fn mark(&mut self) -> io::Result<()>;
    /// Whether the drawer is to be opened now; asking takes the wish away.
    fn takes_kick(&mut self) -> bool;
    /// Whether the program ends.
    fn ends(&self) -> bool;
    /// Whether everything stops dead here: tests only.
    fn dies(&mut self, step: Step) -> bool;
}

/// How a delivery ended.
#[derive(Debug)]
pub(super) enum Delivered {
    Printed,
    /// Nothing of it was sent.
    NotStarted(Trouble),
    /// The program ends; nothing of it was sent.
    PutOff,
    /// Some of it was sent.
    Unsure(Trouble),
    Died,
}

/// What was wrong with the paper before this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing.
    Whole,
    /// Not known: the program has just begun.
    Unknown,
    /// It was cut short.
    CutShort,
}

/// Opens the drawer, without a paper.
pub(super) fn open_drawer(printer: &mut dyn Printer, profile: &Profile) -> io::Result<()> {
    let Some(pin) = profile.drawer else { return Ok(()) };
    let mut connection = printer.connect()?;
    let bytes = kick(pin);
    let mut rest = bytes.as_slice();
    let began = Instant::now();
    while !rest.is_empty() {
        let taken = connection.write(rest, TICK)?;
        rest = rest.get(taken..).unwrap_or_default();
        if began.elapsed() > limits::KICK_FRESH {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
    connection.flush()
}

/// Prints one paper.
pub(super) fn deliver(
    paper: &Encoded,
    token: [u8; 4],
    before: Before,
    printer: &mut dyn Printer,
    profile: &Profile,
    patience: &Patience,
    watch: &mut dyn Watch,
) -> Delivered {
    let connection = match printer.connect() {
        Ok(connection) => connection,
        Err(error) => return Delivered::NotStarted(Trouble::Unreachable(Arc::new(error))),
    };
    let mut talk = Talk {
        connection,
        profile,
        patience,
        reader: ReplyReader::default(),
        real_time: Vec::new(),
        asked: None,
        condition: None,
        heard: Instant::now(),
        looked: Instant::now(),
        paper_confirmed: None,
        confirmed: false,
        token,
    };
    match talk.until_ready(watch) {
        Ok(()) => {}
        Err(Stop::Ends) => return Delivered::PutOff,
        Err(Stop::Trouble(trouble)) => return Delivered::NotStarted(trouble),
        Err(Stop::Died) => return Delivered::Died,
    }
    if watch.dies(Step::Ready) {
        return Delivered::Died;
    }
    if let Err(error) = watch.mark() {
        return Delivered::NotStarted(Trouble::Spool(Arc::new(error)));
    }
    match talk.send(paper, before, watch).and_then(|()| talk.confirm(watch)) {
        Ok(()) if watch.dies(Step::Confirmed) => Delivered::Died,
        Ok(()) => Delivered::Printed,
        Err(Stop::Trouble(trouble)) => Delivered::Unsure(trouble),
        Err(Stop::Ends) => Delivered::Unsure(Trouble::Silent),
        Err(Stop::Died) => Delivered::Died,
    }
}

/// Why a conversation stops.
enum Stop {
    Trouble(Trouble),
    Ends,
    Died,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Trouble(Trouble::Unreachable(Arc::new(error)))
    }
}

/// A conversation with a printer.
struct Talk<'a> {
    connection: Box<dyn Connection>,
    profile: &'a Profile,
    patience: &'a Patience,
    reader: ReplyReader,
    /// Answers to the parts of the question that is open.
    real_time: Vec<u8>,
    /// When the open question was asked.
    asked: Option<Instant>,
    condition: Option<Condition>,
    /// When the printer last gave a sign of life.
    heard: Instant,
    /// When its answers were last read.
    looked: Instant,
    /// When everything before was done, as far as the weaker confirmation says.
    paper_confirmed: Option<Instant>,
    confirmed: bool,
    token: [u8; 4],
}

impl Talk<'_> {
    /// Asks how the printer is. A printer that is known not to answer is believed to be ready.
    fn until_ready(&mut self, watch: &mut dyn Watch) -> Result<(), Stop> {
        if !self.profile.status {
            return Ok(());
        }
        let began = Instant::now();
        let mut woken = false;
        self.ask()?;
        while self.condition.is_none() {
            // It may take questions for the rest of a picture that was cut short, by us or by another
            // till: give it what it waits for, and ask again. Nothing of this paper is in it.
            if !woken && began.elapsed() > self.patience.status / 2 {
                woken = true;
                self.write(&vec![0; limits::RESYNC_BYTES], watch)?;
                self.ask()?;
            }
            if watch.ends() {
                return Err(Stop::Ends);
            }
            if began.elapsed() > self.patience.status {
                return Err(Stop::Trouble(Trouble::Silent));
            }
            self.drawer(watch)?;
            self.look(TICK, watch)?;
        }
        match self.condition {
            Some(condition) if !condition.is_ready() => {
                Err(Stop::Trouble(Trouble::Condition(condition)))
            }
            _ => Ok(()),
        }
    }

    fn send(&mut self, paper: &Encoded, before: Before, watch: &mut dyn Watch) -> Result<(), Stop> {
        if watch.dies(Step::Marked) {
            return Err(Stop::Died);
        }
        self.begin(before, watch)?;
        for (number, piece) in paper.pieces().iter().enumerate() {
            self.drawer(watch)?;
            self.write(piece, watch)?;
            if watch.dies(Step::Sent(number + 1)) {
                return Err(Stop::Died);
            }
        }
        self.connection.flush()?;
        if watch.dies(Step::AllSent) { Err(Stop::Died) } else { Ok(()) }
    }

    /// Gets the printer out of whatever the paper before left it in: the rest of a picture it waits
    /// for is filled with white, and what hangs out of it is cut off, so that nobody is handed a
    /// piece of somebody else's receipt.
    fn begin(&mut self, before: Before, watch: &mut dyn Watch) -> Result<(), Stop> {
        if before != Before::Whole {
            self.write(&vec![0; limits::RESYNC_BYTES], watch)?;
        }
        if before == Before::CutShort {
            let mut rest = INITIALIZE.to_vec();
            rest.extend_from_slice(b"(not finished)\n");
            rest.extend_from_slice(cut(self.profile));
            self.write(&rest, watch)?;
        }
        if self.profile.status {
            self.write(&Request::Reports.bytes(), watch)?;
        }
        Ok(())
    }

    /// Waits until the printer says that all of it is on paper.
    fn confirm(&mut self, watch: &mut dyn Watch) -> Result<(), Stop> {
        match self.profile.confirmation {
            Confirmation::None => return Ok(()),
            Confirmation::PaperStatus => self.write(&Request::PaperInOrder.bytes(), watch)?,
            Confirmation::ProcessId => {
                self.write(&Request::ProcessId(self.token).bytes(), watch)?;
                self.write(&Request::PaperInOrder.bytes(), watch)?;
            }
        }
        self.heard = Instant::now();
        while !self.is_confirmed() {
            if watch.ends() {
                return Err(Stop::Ends);
            }
            self.drawer(watch)?;
            self.look(TICK, watch)?;
            self.give_up_after(self.heard)?;
            if self.asked.is_none_or(|asked| asked.elapsed() > limits::POLL_EVERY)
                && self.heard.elapsed() > limits::POLL_EVERY
            {
                self.ask()?;
            }
        }
        Ok(())
    }

    fn is_confirmed(&self) -> bool {
        let weak = self.paper_confirmed.is_some_and(|at| {
            self.profile.confirmation == Confirmation::PaperStatus
                || at.elapsed() > BETTER_CONFIRMATION.min(self.patience.silence)
        });
        self.confirmed || weak
    }

    fn drawer(&mut self, watch: &mut dyn Watch) -> Result<(), Stop> {
        if let Some(pin) = self.profile.drawer
            && watch.takes_kick()
        {
            self.write(&kick(pin), watch)?;
        }
        Ok(())
    }

    /// Writes one whole command, however slowly the printer takes it.
    fn write(&mut self, bytes: &[u8], watch: &mut dyn Watch) -> Result<(), Stop> {
        let mut rest = bytes;
        let mut progress = Instant::now();
        while !rest.is_empty() {
            if watch.ends() {
                return Err(Stop::Ends);
            }
            let taken = self.connection.write(rest, TICK)?;
            rest = rest.get(taken..).unwrap_or_default();
            if taken > 0 {
                progress = Instant::now();
            } else {
                self.give_up_after(progress)?;
            }
            if self.profile.status && (taken == 0 || self.looked.elapsed() > TICK) {
                self.look(Duration::ZERO, watch)?;
            }
        }
        Ok(())
    }

    /// A printer that says what is wrong with it is waited for longer than a silent one.
    fn give_up_after(&self, progress: Instant) -> Result<(), Stop> {
        let wrong = self.condition.filter(|condition| !condition.is_ready());
        let (most, trouble) = match wrong {
            Some(condition) => (self.patience.repair, Trouble::Condition(condition)),
            None => (self.patience.silence, Trouble::Silent),
        };
        if progress.elapsed() > most { Err(Stop::Trouble(trouble)) } else { Ok(()) }
    }

    /// Sends the question; not while one of its answers is missing, unless that is long ago.
    fn ask(&mut self) -> io::Result<()> {
        self.real_time.clear();
        self.asked = Some(Instant::now());
        let bytes = Request::Condition.bytes();
        let mut rest = bytes.as_slice();
        let began = Instant::now();
        while !rest.is_empty() {
            let taken = self.connection.write(rest, TICK)?;
            rest = rest.get(taken..).unwrap_or_default();
            if taken == 0 && began.elapsed() > self.patience.status {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        Ok(())
    }

    fn look(&mut self, wait: Duration, watch: &mut dyn Watch) -> io::Result<()> {
        let mut buffer = [0; 256];
        let count = self.connection.read(&mut buffer, wait)?;
        self.looked = Instant::now();
        for reply in self.reader.read(buffer.get(..count).unwrap_or_default()) {
            let condition = match reply {
                Reply::RealTime(byte) => {
                    self.real_time.push(byte);
                    let four = <[u8; 4]>::try_from(self.real_time.as_slice()).ok();
                    four.map(Condition::from_real_time)
                }
                Reply::Report(report) => Some(Condition::from_report(report)),
                Reply::Paper(_) => {
                    self.paper_confirmed.get_or_insert_with(Instant::now);
                    None
                }
                Reply::ProcessId(token) => {
                    self.confirmed |= token == self.token;
                    None
                }
            };
            if let Some(condition) = condition {
                self.heard = if condition.is_ready() || self.condition != Some(condition) {
                    Instant::now()
                } else {
                    self.heard
                };
                self.condition = Some(condition);
                self.asked = None;
                let wrong = !condition.is_ready() || condition.paper_low;
                watch.trouble(wrong.then_some(Trouble::Condition(condition)));
            }
        }
        Ok(())
    }
}
