//! What is measured, the same for each: N tills that share one cart, and a change made on one of them.

use std::error::Error;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

/// Why a measurement broke off, in words.
pub(crate) type Fault = Box<dyn Error + Send + Sync>;

/// Something that takes time.
pub(crate) type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

/// What a contestant is started with.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// Tills, the one that makes the changes included.
    pub(crate) nodes: usize,
    /// Bytes of one change, where the contestant does not decide them itself.
    pub(crate) payload: usize,
    /// A folder for its files, on the disk of which the floor is measured.
    pub(crate) folder: PathBuf,
}

/// A contestant that can be started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entrant {
    /// Its name in the table.
    pub(crate) name: &'static str,
    /// What is on disk when a change is called visible.
    pub(crate) durability: &'static str,
    /// Starts all tills and connects them; done when a change would reach all.
    pub(crate) start: fn(Setup) -> Pending<'static, Box<dyn Contestant>>,
}

/// Tills that are connected and share what one of them changes.
pub(crate) trait Contestant: Send {
    /// Makes one change on one till and waits until it is visible on all others.
    fn change(&mut self) -> Pending<'_, Change>;

    /// Bytes sent by all tills on all sockets since the start: each byte once, where it is sent.
    fn bytes(&self) -> u64;

    /// Closes all connections, so that the next measurement has the machine to itself.
    fn stop(&mut self) -> Pending<'_, ()>;
}

/// How long one change took; both times begin before it is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    /// Until the last till could read it, as durable there as the contestant promises.
    pub(crate) visible: Duration,
    /// Until the till that made it knew so of all; `None` where nothing tells it.
    pub(crate) answered: Option<Duration>,
}
