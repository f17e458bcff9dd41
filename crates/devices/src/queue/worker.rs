//! The queue's thread: the only one that touches the folder and the printer.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::deliver::{Before, Delivered, Step, Watch, deliver, open_drawer};
use super::job::{Job, JobNumber, JobState, Trouble};
use super::spool::{Found, Spool, Stage};
use super::state::{Order, Shared};
use super::{Plug, QueueOptions};
use crate::limits::PRINTED_KEPT_MAX;
use crate::printer::encode;
use crate::transport::Printer;

/// How long the thread sleeps when there is nothing to do: it is woken when there is.
const IDLE: Duration = Duration::from_mins(1);

pub(super) struct Worker {
    shared: Arc<Shared>,
    spool: Spool,
    printer: Box<dyn Printer>,
    options: QueueOptions,
    /// Not on disk yet: taken, or its file could not be written.
    unspooled: VecDeque<(JobNumber, Box<Job>)>,
    /// On disk, no byte sent.
    waiting: BTreeSet<JobNumber>,
    /// On disk and over; the oldest are removed.
    over: VecDeque<(JobNumber, Stage)>,
    before: Before,
    /// When the printer may be tried again, and the pause after that.
    retry: Option<(Instant, Duration)>,
    finishes: bool,
}

/// The thread is to end as if it had been killed.
struct Died;

impl Worker {
    pub(super) fn new(
        shared: Arc<Shared>,
        spool: Spool,
        found: &Found,
        printer: Box<dyn Printer>,
        options: QueueOptions,
    ) -> Self {
        let of = |wanted: fn(Stage) -> bool| {
            let jobs = found.jobs.iter().map(|(&number, &(stage, _))| (number, stage));
            jobs.filter(move |&(_, stage)| wanted(stage))
        };
        let cut_short = of(|stage| stage == Stage::Unsure).next().is_some();
        Self {
            shared,
            spool,
            printer,
            options,
            unspooled: VecDeque::new(),
            waiting: of(|stage| stage == Stage::Waiting).map(|(number, _)| number).collect(),
            over: of(|stage| matches!(stage, Stage::Printed | Stage::Settled)).collect(),
            before: if cut_short { Before::CutShort } else { Before::Unknown },
            retry: None,
            finishes: false,
        }
    }

    pub(super) fn run(&mut self) {
        while let Ok(true) = self.round() {}
        self.shared.change(|state| state.closed = true);
    }

    /// One round; `false` when the work is over.
    fn round(&mut self) -> Result<bool, Died> {
        self.take_orders()?;
        self.kick();
        if self.finishes || self.shared.lock().ends {
            self.spool_all()?;
            return Ok(false);
        }
        let due = self.retry.map(|(at, _)| at.saturating_duration_since(Instant::now()));
        let due = due.unwrap_or_default();
        let has_work = !self.unspooled.is_empty() || !self.waiting.is_empty();
        if has_work && due.is_zero() {
            self.spool_all()?;
            if let Some(&number) = self.waiting.first() {
                self.print(number)?;
            }
        } else {
            self.shared.sleep(if has_work { due } else { IDLE });
        }
        Ok(true)
    }

    fn take_orders(&mut self) -> Result<(), Died> {
        loop {
            let Some(order) = self.shared.lock().orders.pop_front() else { return Ok(()) };
            match order {
                Order::Print(number, job) => {
                    self.dies(Step::Taken)?;
                    self.unspooled.push_back((number, job));
                }
                Order::Copy { of, number } => self.copy(of, number),
                Order::Settle(number) => self.settle(number),
                Order::Retry => self.retry = None,
                Order::Finish => self.finishes = true,
            }
        }
    }

    /// Writes every paper that was taken to the folder. Until that is done none is printed.
    fn spool_all(&mut self) -> Result<(), Died> {
        while let Some((number, job)) = self.unspooled.front() {
            if let Err(error) = self.spool.put(*number, job) {
                self.pause(Trouble::Spool(Arc::new(error)));
                return Ok(());
            }
            self.waiting.insert(*number);
            self.unspooled.pop_front();
            self.dies(Step::Spooled)?;
        }
        Ok(())
    }

    fn print(&mut self, number: JobNumber) -> Result<(), Died> {
        let job = match self.spool.read(number, Stage::Waiting) {
            Ok(job) => job,
            Err(error) => {
                // Somebody else's hands were in the folder, or the disk is failing.
                self.waiting.remove(&number);
                drop(self.spool.advance(number, Stage::Waiting, Stage::Unreadable));
                self.shared.change(|state| {
                    state.jobs.remove(&number);
                    state.trouble = Some(Trouble::Spool(Arc::new(error)));
                });
                return Ok(());
            }
        };
        let elements = job.paper().elements(self.options.profile.columns);
        let paper = encode(&elements, &self.options.profile, &self.options.fonts);
        let token = token(number);
        let QueueOptions { profile, patience, plug, .. } = &self.options;
        let mut watch = JobWatch {
            shared: &self.shared,
            spool: &self.spool,
            number,
            fresh: patience.kick_fresh,
            plug: plug.as_ref(),
        };
        let printer = self.printer.as_mut();
        match deliver(&paper, token, self.before, printer, profile, patience, &mut watch) {
            Delivered::Printed => self.printed(number)?,
            Delivered::NotStarted(trouble) => self.pause(trouble),
            Delivered::PutOff => {}
            Delivered::Unsure(trouble) => self.unsure(number, trouble),
            Delivered::Died => return Err(Died),
        }
        Ok(())
    }

    fn printed(&mut self, number: JobNumber) -> Result<(), Died> {
        self.waiting.remove(&number);
        self.before = Before::Whole;
        self.retry = None;
        // If this cannot be noted, the next start finds it under way and asks.
        let noted = self.spool.advance(number, Stage::Printing, Stage::Printed);
        self.shared.change(|state| {
            if let Some(entry) = state.jobs.get_mut(&number) {
                entry.view.state = JobState::Printed;
            }
            state.printed += 1;
            state.trouble = match (noted, state.trouble.take()) {
                (Err(error), _) => Some(Trouble::Spool(Arc::new(error))),
                (Ok(()), Some(Trouble::Condition(condition))) if condition.is_ready() => {
                    Some(Trouble::Condition(condition))
                }
                (Ok(()), _) => None,
            };
        });
        self.dies(Step::Noted)?;
        self.over.push_back((number, Stage::Printed));
        self.forget_old();
        Ok(())
    }

    fn unsure(&mut self, number: JobNumber, trouble: Trouble) {
        self.waiting.remove(&number);
        self.before = Before::CutShort;
        drop(self.spool.advance(number, Stage::Printing, Stage::Unsure));
        self.shared.change(|state| {
            if let Some(entry) = state.jobs.get_mut(&number) {
                entry.view.state = JobState::MaybePrinted;
            }
        });
        self.pause(trouble);
    }

    /// Lets the printer be for a while, longer from time to time.
    fn pause(&mut self, trouble: Trouble) {
        let patience = &self.options.patience;
        let pause = self.retry.map_or(patience.retry_first, |(_, next)| next);
        let next = pause.saturating_mul(2).min(patience.retry_max);
        self.retry = Some((Instant::now() + pause, next));
        self.shared.change(|state| state.trouble = Some(trouble));
    }

    fn copy(&mut self, of: JobNumber, number: JobNumber) {
        const ANY: [Stage; 4] = [Stage::Waiting, Stage::Unsure, Stage::Printed, Stage::Settled];
        let known = self.unspooled.iter().find(|(number, _)| *number == of).map(|(_, job)| job);
        let job = match known {
            Some(job) => Some(job.as_ref().clone()),
            None => ANY.into_iter().find_map(|stage| self.spool.read(of, stage).ok()),
        };
        match job {
            Some(job) => {
                self.unspooled.push_back((number, Box::new(job.into_copy())));
                self.over_with(of);
            }
            None => {
                self.shared.change(|state| state.jobs.remove(&number));
            }
        }
    }

    fn settle(&mut self, number: JobNumber) {
        self.unspooled.retain(|(waiting, _)| *waiting != number);
        if self.waiting.remove(&number)
            && let Err(error) = self.spool.remove(number, Stage::Waiting)
        {
            self.shared.change(|state| state.trouble = Some(Trouble::Spool(Arc::new(error))));
        }
        self.over_with(number);
        self.shared.change(|state| {
            state.jobs.retain(|&other, job| other != number || job.view.state != JobState::Waiting);
        });
    }

    /// What was unsure is settled.
    fn over_with(&mut self, number: JobNumber) {
        if self.spool.advance(number, Stage::Unsure, Stage::Settled).is_ok() {
            self.over.push_back((number, Stage::Settled));
            self.forget_old();
        }
        self.shared.change(|_| ());
    }

    fn forget_old(&mut self) {
        while self.over.len() > PRINTED_KEPT_MAX {
            if let Some((number, stage)) = self.over.pop_front() {
                // What cannot be removed now is removed at the next start.
                drop(self.spool.remove(number, stage));
                self.shared.lock().jobs.remove(&number);
            }
        }
    }

    fn kick(&mut self) {
        let fresh = self.options.patience.kick_fresh;
        while take_kick(&self.shared, fresh) {
            let opened = open_drawer(self.printer.as_mut(), &self.options.profile);
            self.shared.change(|state| match opened {
                Ok(()) => state.drawer_kicks += 1,
                Err(error) => {
                    state.drawer_failures += 1;
                    state.trouble = Some(Trouble::Unreachable(Arc::new(error)));
                }
            });
        }
    }

    fn dies(&self, step: Step) -> Result<(), Died> {
        let dies = self.options.plug.as_ref().is_some_and(|plug| plug(step));
        if dies { Err(Died) } else { Ok(()) }
    }
}

/// Four printable characters for a confirmation.
fn token(number: JobNumber) -> [u8; 4] {
    let digit = |place: u64| b'0' + u8::try_from(number / place % 10).unwrap_or_default();
    [digit(1000), digit(100), digit(10), digit(1)]
}

/// Takes the next wish for the drawer that is not too old; what is too old has failed.
fn take_kick(shared: &Shared, fresh: Duration) -> bool {
    let mut stale = 0;
    let mut state = shared.lock();
    let found = loop {
        match state.kicks.pop_front() {
            None => break false,
            Some(at) if at.elapsed() <= fresh => break true,
            Some(_) => stale += 1,
        }
    };
    drop(state);
    if stale > 0 {
        shared.change(|state| state.drawer_failures += stale);
    }
    found
}

struct JobWatch<'a> {
    shared: &'a Shared,
    spool: &'a Spool,
    number: JobNumber,
    fresh: Duration,
    plug: Option<&'a Plug>,
}

impl Watch for JobWatch<'_> {
    fn trouble(&mut self, trouble: Option<Trouble>) {
        let news = match (&self.shared.lock().trouble, &trouble) {
            (None, None) => false,
            (Some(old), Some(new)) => !old.is_like(new),
            _ => true,
        };
        if news {
            self.shared.change(|state| state.trouble = trouble);
        }
    }

    fn mark(&mut self) -> io::Result<()> {
        if let Err(error) = self.spool.advance(self.number, Stage::Waiting, Stage::Printing) {
            // Renamed and not confirmed, perhaps. No byte was sent, so it waits as before.
            drop(self.spool.advance(self.number, Stage::Printing, Stage::Waiting));
            return Err(error);
        }
        self.shared.change(|state| {
            if let Some(entry) = state.jobs.get_mut(&self.number) {
                entry.view.state = JobState::Printing;
            }
        });
        Ok(())
    }

    fn takes_kick(&mut self) -> bool {
        let taken = take_kick(self.shared, self.fresh);
        if taken {
            self.shared.change(|state| state.drawer_kicks += 1);
        }
        taken
    }

    fn ends(&self) -> bool {
        self.shared.lock().ends
    }

    fn dies(&mut self, step: Step) -> bool {
        self.plug.is_some_and(|plug| plug(step))
    }
}
