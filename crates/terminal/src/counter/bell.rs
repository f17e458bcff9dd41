//! What wakes the counter's thread: an intent, the reader, the printer.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use replica::net::mesh::Nudger;

use super::card::Bell;

#[derive(Default)]
struct State {
    rung: bool,
    nudger: Option<Nudger>,
}

/// A bell that other threads ring. Where the till is on the network it is the mesh that waits, and it
/// is nudged.
#[derive(Clone, Default)]
pub(super) struct DoorBell {
    shared: Arc<(Mutex<State>, Condvar)>,
}

impl DoorBell {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the wait.
    pub(super) fn ring(&self) {
        let mut state = self.lock();
        state.rung = true;
        if let Some(nudger) = &state.nudger {
            nudger.nudge();
        }
        drop(state);
        self.shared.1.notify_all();
    }

    /// Nudges this mesh from now on.
    pub(super) fn nudges(&self, nudger: Option<Nudger>) {
        self.lock().nudger = nudger;
    }

    /// Waits until it is rung, at most so long; a ring since the last wait counts.
    pub(super) fn wait(&self, longest: Duration) {
        let mut state = self.lock();
        if !state.rung {
            let waited = self.shared.1.wait_timeout(state, longest);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.rung = false;
    }

    /// For whoever rings.
    pub(super) fn rope(&self) -> Bell {
        let bell = self.clone();
        Arc::new(move || bell.ring())
    }
}
