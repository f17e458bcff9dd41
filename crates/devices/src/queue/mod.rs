//! The print queue: each paper once, and nobody waits for it.
//!
//! [`PrintQueue::print`] puts a paper in line and returns; a thread does the rest. The thread writes
//! each paper to a folder before its first byte is sent, so that after any crash a paper is in one of
//! three states: *waiting* (printed by itself when the printer is back), *printed*, or *maybe printed*
//! (it was under way). What may be on paper already is never printed again as it was: a person decides
//! whether it came out ([`PrintQueue::settle`]) or a copy is wanted ([`PrintQueue::copy`]), which says
//! COPY.

mod deliver;
mod job;
mod spool;
mod state;
mod worker;

pub use deliver::{Patience, Step};
pub use job::{Job, JobNumber, JobState, JobView, Trouble};
pub use spool::SpoolError;
pub use state::{QueueError, QueueView};

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pos_core::durability::Flushed;

use crate::limits::CLOSE_MAX;
use crate::printer::{Fonts, Profile};
use crate::transport::Printer;
use spool::Spool;
use state::{Order, Shared};
use worker::Worker;

/// Whether everything stops dead at a step.
type Plug = Arc<dyn Fn(Step) -> bool + Send + Sync>;
/// Called when the view has changed.
type Notice = Arc<dyn Fn() + Send + Sync>;

/// How a queue is set up.
pub struct QueueOptions {
    /// What the printer can do.
    pub profile: Profile,
    /// How letters are drawn that it has not.
    pub fonts: Fonts,
    /// How long everything may take.
    pub patience: Patience,
    changed: Option<Notice>,
    plug: Option<Plug>,
}

impl QueueOptions {
    /// A queue for a printer with this profile.
    pub fn new(profile: Profile, fonts: Fonts) -> Self {
        Self { profile, fonts, patience: Patience::default(), changed: None, plug: None }
    }

    /// Calls `notice` on the queue's thread when its view has changed: a screen asks for it then.
    #[must_use]
    pub fn on_change(mut self, notice: impl Fn() + Send + Sync + 'static) -> Self {
        self.changed = Some(Arc::new(notice));
        self
    }

    /// Stops the queue's thread dead where `plug` says so, as the end of the program would: tests.
    #[must_use]
    pub fn pull_the_plug(mut self, plug: impl Fn(Step) -> bool + Send + Sync + 'static) -> Self {
        self.plug = Some(Arc::new(plug));
        self
    }
}

impl fmt::Debug for QueueOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueOptions")
            .field("profile", &self.profile.name)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

/// A printer's queue. Dropping it waits for the paper that is being printed, but not long.
#[derive(Debug)]
pub struct PrintQueue {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    unreadable: Vec<PathBuf>,
}

impl PrintQueue {
    /// Opens the queue in a folder; what waits there is printed.
    pub fn open(
        folder: &Path,
        printer: Box<dyn Printer>,
        options: QueueOptions,
    ) -> Result<Self, SpoolError> {
        let (spool, found) = Spool::open(folder)?;
        let shared = Arc::new(Shared::new(&found, options.changed.clone()));
        let mut worker = Worker::new(Arc::clone(&shared), spool, &found, printer, options);
        let thread = std::thread::Builder::new()
            .name("print queue".to_owned())
            .spawn(move || worker.run())
            .map_err(SpoolError::Folder)?;
        Ok(Self { shared, thread: Some(thread), unreadable: found.unreadable })
    }

    /// Puts a paper in line. Touches neither disk nor printer, and never waits for them.
    pub fn print(&self, job: Job) -> Result<JobNumber, QueueError> {
        self.shared.submit(job)
    }

    /// Opens the drawer for what is on disk. Between two lines of the paper that is being printed if
    /// need be; never later than [`Patience::kick_fresh`].
    pub fn open_drawer(&self, _proof: &impl Flushed) -> Result<(), QueueError> {
        self.shared.kick()
    }

    /// Prints a paper that is known here once more, with the word COPY. One that may have been
    /// printed is settled by that.
    pub fn copy(&self, number: JobNumber) -> Result<JobNumber, QueueError> {
        self.shared.copy(number)
    }

    /// Takes a paper out of the line: one that waits is not printed; of one that may have been printed
    /// the cashier has seen that it was, or wants none.
    pub fn settle(&self, number: JobNumber) -> Result<(), QueueError> {
        self.shared.settle(number)
    }

    /// Tries the printer now instead of a little later.
    pub fn retry(&self) {
        self.shared.order(Order::Retry);
    }

    /// What became of the original with this key; `None` when it never came here. The program may
    /// have ended after a sale and before its receipt came here: at its start it asks for its last
    /// receipt, and prints what is not known.
    pub fn fate_of(&self, key: &str) -> Option<JobState> {
        self.shared.fate_of(key)
    }

    /// The queue as it is now.
    pub fn view(&self) -> QueueView {
        self.shared.view()
    }

    /// Waits until the view is as wanted; `false` when `within` has gone by first.
    pub fn wait_until(&self, within: Duration, wanted: impl Fn(&QueueView) -> bool) -> bool {
        self.shared.wait_until(Instant::now() + within, wanted)
    }

    /// Files of the folder that could not be read when it was opened, and were set aside.
    pub fn unreadable(&self) -> &[PathBuf] {
        &self.unreadable
    }
}

impl Drop for PrintQueue {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.shared.order(Order::Finish);
        self.shared.wait_until(Instant::now() + CLOSE_MAX, |view| view.closed);
        self.shared.end();
        // A thread that panicked has printed nothing since; its papers are in the folder.
        drop(thread.join());
    }
}

#[cfg(test)]
#[cfg(feature = "virtual")]
mod tests;
