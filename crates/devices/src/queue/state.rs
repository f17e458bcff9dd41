//! What the queue's thread and everybody else share.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use thiserror::Error;

use super::Notice;
use super::job::{Job, JobNumber, JobState, JobView, Trouble};
use super::spool::{Found, Stage};
use crate::limits::{KICKS_MAX, QUEUE_MAX};

/// Why the queue does not do what it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum QueueError {
    /// Too much waits.
    #[error("{QUEUE_MAX} papers wait for the receipt printer: put it in order first")]
    Full,
    /// There is one original.
    #[error("{title} was printed before, or waits: print a copy")]
    Known {
        /// The job that has it.
        number: JobNumber,
        /// What it is called.
        title: String,
        /// How far it is.
        state: JobState,
    },
    /// No job of this number is here any more.
    #[error("this paper is not in the print queue any more")]
    Unknown,
    /// It is under way.
    #[error("this paper is being printed")]
    UnderWay,
    /// The queue has ended.
    #[error("the print queue is closed")]
    Closed,
}

/// The queue for the screen.
#[derive(Debug, Clone, Default)]
pub struct QueueView {
    /// What is not over: waiting, printing, maybe printed; in order.
    pub jobs: Vec<JobView>,
    /// Papers printed since the queue was opened.
    pub printed: u64,
    /// What is wrong with the printer, in words for a cashier by its `Display`.
    pub trouble: Option<Trouble>,
    /// Drawer kicks that came to nothing since the queue was opened.
    pub drawer_failures: u64,
    /// Drawer kicks that were sent since then.
    pub drawer_kicks: u64,
    /// The thread has ended.
    pub closed: bool,
}

impl QueueView {
    /// The papers a person has to decide about.
    pub fn maybe_printed(&self) -> impl Iterator<Item = &JobView> {
        self.jobs.iter().filter(|job| job.state == JobState::MaybePrinted)
    }

    /// Whether nothing waits and nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.jobs.iter().all(|job| job.state == JobState::MaybePrinted)
    }
}

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Order {
    Print(JobNumber, Box<Job>),
    Copy {
        of: JobNumber,
        number: JobNumber,
    },
    Settle(JobNumber),
    Retry,
    /// Print no other paper.
    Finish,
}

/// A job in memory: its view, and whether it is an original.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) view: JobView,
    pub(super) original: bool,
    /// A person has decided about it: it is not shown any more.
    pub(super) settled: bool,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) jobs: BTreeMap<JobNumber, Entry>,
    pub(super) orders: VecDeque<Order>,
    pub(super) kicks: VecDeque<Instant>,
    pub(super) trouble: Option<Trouble>,
    pub(super) printed: u64,
    pub(super) drawer_failures: u64,
    pub(super) drawer_kicks: u64,
    /// Nothing is printed any more, not even the rest of a paper.
    pub(super) ends: bool,
    pub(super) closed: bool,
    next: JobNumber,
}

/// The state, who waits for it, and who wants to hear of it.
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    notice: Option<Notice>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(found: &Found, notice: Option<Notice>) -> Self {
        let mut state = State::default();
        for (&number, (stage, job)) in &found.jobs {
            let settled = *stage == Stage::Settled;
            let job_state = match stage {
                Stage::Waiting => JobState::Waiting,
                Stage::Printed => JobState::Printed,
                _ => JobState::MaybePrinted,
            };
            state.jobs.insert(number, Entry { settled, ..entry(number, job, job_state) });
            state.next = number;
        }
        Self { state: Mutex::new(state), changed: Condvar::new(), notice }
    }

    /// The state. A thread that panicked while it held it left it whole: every change is one step.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and tells everybody.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let answer = change(&mut self.lock());
        self.changed.notify_all();
        if let Some(notice) = &self.notice {
            notice();
        }
        answer
    }

    /// Sleeps until something changes, at most this long.
    pub(super) fn sleep(&self, most: Duration) {
        let state = self.lock();
        if state.orders.is_empty() && state.kicks.is_empty() && !state.ends {
            drop(self.changed.wait_timeout(state, most).unwrap_or_else(PoisonError::into_inner));
        }
    }

    pub(super) fn submit(&self, job: Job) -> Result<JobNumber, QueueError> {
        let mut state = self.lock();
        state.has_room()?;
        if job.is_original()
            && let Some(known) = state.original(job.key())
        {
            let JobView { number, ref title, state, .. } = known.view;
            return Err(QueueError::Known { number, title: title.clone(), state });
        }
        let number = state.number();
        state.jobs.insert(number, entry(number, &job, JobState::Waiting));
        state.orders.push_back(Order::Print(number, Box::new(job)));
        drop(state);
        self.changed.notify_all();
        Ok(number)
    }

    pub(super) fn copy(&self, of: JobNumber) -> Result<JobNumber, QueueError> {
        let mut state = self.lock();
        state.has_room()?;
        let known = state.jobs.get_mut(&of).ok_or(QueueError::Unknown)?;
        match known.view.state {
            JobState::Printing => return Err(QueueError::UnderWay),
            JobState::MaybePrinted => known.settled = true,
            JobState::Waiting | JobState::Printed => {}
        }
        let (key, title) = (known.view.key.clone(), format!("{}, copy", known.view.key));
        let number = state.number();
        let view = JobView { number, key, title, state: JobState::Waiting };
        state.jobs.insert(number, Entry { view, original: false, settled: false });
        state.orders.push_back(Order::Copy { of, number });
        drop(state);
        self.changed.notify_all();
        Ok(number)
    }

    pub(super) fn settle(&self, number: JobNumber) -> Result<(), QueueError> {
        let mut state = self.lock();
        let known = state.jobs.get_mut(&number).filter(|entry| !entry.settled);
        let known = known.ok_or(QueueError::Unknown)?;
        match known.view.state {
            JobState::Printing => return Err(QueueError::UnderWay),
            JobState::Printed => return Err(QueueError::Unknown),
            JobState::MaybePrinted => known.settled = true,
            JobState::Waiting => {}
        }
        state.orders.push_back(Order::Settle(number));
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    pub(super) fn kick(&self) -> Result<(), QueueError> {
        let mut state = self.lock();
        if state.closed {
            return Err(QueueError::Closed);
        }
        if state.kicks.len() >= KICKS_MAX {
            return Err(QueueError::Full);
        }
        state.kicks.push_back(Instant::now());
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    pub(super) fn order(&self, order: Order) {
        self.lock().orders.push_back(order);
        self.changed.notify_all();
    }

    pub(super) fn end(&self) {
        self.lock().ends = true;
        self.changed.notify_all();
    }

    pub(super) fn fate_of(&self, key: &str) -> Option<JobState> {
        self.lock().original(key).map(|entry| entry.view.state)
    }

    pub(super) fn view(&self) -> QueueView {
        self.lock().view()
    }

    pub(super) fn wait_until(&self, until: Instant, wanted: impl Fn(&QueueView) -> bool) -> bool {
        let mut state = self.lock();
        loop {
            if wanted(&state.view()) {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let (next, _) =
                self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
            state = next;
        }
    }
}

fn entry(number: JobNumber, job: &Job, state: JobState) -> Entry {
    let (key, title) = (job.key().to_owned(), job.title().to_owned());
    let view = JobView { number, key, title, state };
    Entry { view, original: job.is_original(), settled: false }
}

impl State {
    fn number(&mut self) -> JobNumber {
        self.next += 1;
        self.next
    }

    fn has_room(&self) -> Result<(), QueueError> {
        if self.closed {
            return Err(QueueError::Closed);
        }
        let open = |entry: &&Entry| !entry.settled && entry.view.state != JobState::Printed;
        if self.jobs.values().filter(open).count() >= QUEUE_MAX {
            return Err(QueueError::Full);
        }
        Ok(())
    }

    fn original(&self, key: &str) -> Option<&Entry> {
        self.jobs.values().find(|entry| entry.original && entry.view.key == key)
    }

    fn view(&self) -> QueueView {
        let open = |entry: &&Entry| !entry.settled && entry.view.state != JobState::Printed;
        QueueView {
            jobs: self.jobs.values().filter(open).map(|entry| entry.view.clone()).collect(),
            printed: self.printed,
            trouble: self.trouble.clone(),
            drawer_failures: self.drawer_failures,
            drawer_kicks: self.drawer_kicks,
            closed: self.closed,
        }
    }
}
