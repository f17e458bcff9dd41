//! Waiting until nothing is on the wire any more, and telling of what takes long.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Looks at the counter so often.
const LOOK: Duration = Duration::from_millis(10);
/// After a change: longer than QUIC delays its last acknowledgement (25 ms).
const QUIET: Duration = Duration::from_millis(40);
/// After a connection or many documents: the parties may think in between.
const LONG_QUIET: Duration = Duration::from_secs(1);
/// A contestant that never falls silent is measured all the same.
const PATIENCE: Duration = Duration::from_secs(5);
/// What a contestant sends while nobody does anything is counted this long: longer than its digests
/// are apart.
const IDLE: Duration = Duration::from_secs(7);

/// Waits for the end of what one change brought about. It took `change` to be seen; the silence is as
/// long, so that what is still being worked out does not fall into the next contestant's turn. One that
/// is never silent, because its tills compare notes, is given the time alone.
pub(crate) async fn wait(change: Duration, is_ever_silent: bool, bytes: &dyn Fn() -> u64) {
    if is_ever_silent {
        wait_for(change.max(QUIET), bytes).await;
    } else {
        tokio::time::sleep(change.max(QUIET)).await;
    }
}

/// Bytes a second that are sent while nobody does anything.
pub(crate) async fn idle(bytes: &dyn Fn() -> u64) -> u64 {
    let before = bytes();
    tokio::time::sleep(IDLE).await;
    (bytes() - before).checked_div(IDLE.as_secs()).unwrap_or(0)
}

/// Waits for the end of what a start or a reconnection brought about.
pub(crate) async fn wait_long(bytes: &dyn Fn() -> u64) {
    wait_for(LONG_QUIET, bytes).await;
}

async fn wait_for(silence: Duration, bytes: &dyn Fn() -> u64) {
    let begun = Instant::now();
    let mut last = (bytes(), Instant::now());
    while last.1.elapsed() < silence && begun.elapsed() < PATIENCE {
        tokio::time::sleep(LOOK).await;
        let now = bytes();
        if now != last.0 {
            last = (now, Instant::now());
        }
    }
}

/// Says something on stderr, at most once a second.
pub(crate) fn tell(words: impl FnOnce() -> String) {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    let Ok(mut last) = LAST.lock() else { return };
    if last.is_none_or(|at| at.elapsed() >= Duration::from_secs(1)) {
        *last = Some(Instant::now());
        eprintln!("{}", words());
    }
}
