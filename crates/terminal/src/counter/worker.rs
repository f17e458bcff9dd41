//! The counter's thread.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::intent::Intent;
use super::view::{Stage, View};
use crate::limits::INTENTS_WAITING_MAX;

/// What a counter is set up with; from the command line.
#[derive(Debug, Clone, Default)]
pub struct CounterOptions {
    /// The till's folder.
    pub folder: PathBuf,
    /// Where receipts go: `host:port`, or a file. None: nothing is printed.
    pub printer: Option<String>,
    /// The printer's profile; `None` takes `epson-80` on the network and `silent-80` for a file.
    pub profile: Option<String>,
    /// Where the card reader listens: `host:port`; `simulated` takes one made of code.
    pub card_reader: Option<String>,
    /// Where to listen for other tills; `None` takes any port on all addresses.
    pub listen: Option<String>,
    /// Addresses of other tills.
    pub peers: Vec<String>,
    /// Do not look for other tills.
    pub no_discovery: bool,
    /// Several tills share this machine.
    pub loopback: bool,
    /// Who serves, until somebody says otherwise; empty is `cashier`.
    pub operator: String,
}

/// The counter on its thread. Dropping it stops the till in order.
#[derive(Debug)]
pub struct Worker {
    intents: Option<SyncSender<Intent>>,
    view: Arc<Mutex<Arc<View>>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread. `changed` is called on it when there is another view: a window asks for a
    /// repaint there and does no more.
    pub fn start(
        options: CounterOptions,
        changed: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(INTENTS_WAITING_MAX);
        let opening = View { revision: 0, stage: Stage::Opening, notices: Vec::new() };
        let view = Arc::new(Mutex::new(Arc::new(opening)));
        let shared = Arc::clone(&view);
        let thread = std::thread::Builder::new().name("counter".to_owned()).spawn(move || {
            let publish = |next: View| {
                *shared.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
                changed();
            };
            work(&options, &receiver, publish);
        })?;
        Ok(Self { intents: Some(sender), view, thread: Some(thread) })
    }

    /// Asks for something to be done. Never waits; `false` when so much waits already that this is
    /// not taken, or the thread has ended.
    pub fn send(&self, intent: Intent) -> bool {
        let Some(intents) = &self.intents else { return false };
        match intents.try_send(intent) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }

    /// The latest view.
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.intents = None;
        if let Some(thread) = self.thread.take() {
            // A counter that panicked has said so on standard error.
            drop(thread.join());
        }
    }
}

fn work(options: &CounterOptions, intents: &Receiver<Intent>, publish: impl Fn(View)) {
    let _ = options;
    while let Ok(_intent) = intents.recv() {
        publish(View { revision: 1, stage: Stage::Opening, notices: Vec::new() });
    }
}
