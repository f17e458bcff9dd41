//! The counter's thread.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use devices::payment::{PaymentTerminal, SimulatedReader, TcpReader};
use pos_core::ids::OperatorId;
use replica::store::FileStorage;

use super::bell::DoorBell;
use super::card::{CardDesk, ReaderFactory};
use super::desk::{Counter, Setup};
use super::intent::Intent;
use super::notice::Notice;
use super::papers::Papers;
use super::start::{Closed, Started, Starting};
use super::view::{FirstStart, FirstStep, Stage, View};
use crate::commands;
use crate::control::Control;
use crate::error::TerminalError;
use crate::limits::INTENTS_WAITING_MAX;
use crate::shell::SystemClock;
use crate::till::{MeshSetup, Till};

/// Longest wait before the loop looks whether it is to stop.
const LONGEST_WAIT: Duration = Duration::from_millis(200);
/// What takes the place of a reader's address, for one made of code.
const SIMULATED: &str = "simulated";

/// What a counter is set up with; from the command line.
#[derive(Debug, Clone)]
pub struct CounterOptions {
    /// The till's folder.
    pub folder: PathBuf,
    /// Where receipts go: `host:port`, or a file. None: nothing is printed.
    pub printer: Option<String>,
    /// The printer's profile; `None` takes `epson-80` on the network and `silent-80` for a file.
    pub profile: Option<String>,
    /// Where the card reader listens: `host:port`; `simulated` takes one made of code.
    pub card_reader: Option<String>,
    /// Where to listen for other tills.
    pub listen: String,
    /// Addresses of other tills.
    pub peers: Vec<String>,
    /// Do not look for other tills.
    pub no_discovery: bool,
    /// Several tills share this machine.
    pub loopback: bool,
    /// Who serves, until somebody says otherwise.
    pub cashier: String,
}

impl CounterOptions {
    /// A counter in this folder with neither printer nor reader.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            printer: None,
            profile: None,
            card_reader: None,
            listen: "[::]:0".to_owned(),
            peers: Vec::new(),
            no_discovery: false,
            loopback: false,
            cashier: "cashier".to_owned(),
        }
    }

    fn mesh(&self) -> Result<MeshSetup, TerminalError> {
        Ok(MeshSetup {
            bind: commands::address(&self.listen)?,
            configured: self
                .peers
                .iter()
                .map(|text| commands::address(text))
                .collect::<Result<_, _>>()?,
            discover: !self.no_discovery,
            loopback: self.loopback,
            learn: true,
            trusted: BTreeSet::new(),
        })
    }
}

/// The counter on its thread. Dropping it stops the till in order.
#[derive(Debug)]
pub struct Worker {
    intents: Option<SyncSender<Intent>>,
    view: Arc<Mutex<Arc<View>>>,
    bell: Rope,
    thread: Option<JoinHandle<()>>,
}

struct Rope(DoorBell);

impl std::fmt::Debug for Rope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rope")
    }
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
        let bell = DoorBell::default();
        let heard = bell.clone();
        let clock = SystemClock::start();
        let thread = std::thread::Builder::new().name("counter".to_owned()).spawn(move || {
            let publish = |next: Arc<View>| {
                *shared.lock().unwrap_or_else(PoisonError::into_inner) = next;
                changed();
            };
            work(&options, clock, &receiver, &heard, &publish);
        })?;
        Ok(Self { intents: Some(sender), view, bell: Rope(bell), thread: Some(thread) })
    }

    /// Asks for something to be done. Never waits; `false` when so much waits already that this is
    /// not taken, or the thread has ended.
    pub fn send(&self, intent: Intent) -> bool {
        let Some(intents) = &self.intents else { return false };
        match intents.try_send(intent) {
            Ok(()) => {
                self.bell.0.ring();
                true
            }
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
        self.bell.0.ring();
        if let Some(thread) = self.thread.take() {
            // A counter that panicked has said so on standard error.
            drop(thread.join());
        }
    }
}

fn work(
    options: &CounterOptions,
    clock: SystemClock,
    intents: &Receiver<Intent>,
    bell: &DoorBell,
    publish: &dyn Fn(Arc<View>),
) {
    let failed = |error: TerminalError| {
        let stage = Stage::Failed(error.to_string());
        publish(Arc::new(View { revision: u64::MAX, stage, notices: Vec::new() }));
    };
    let started = match open(options, clock, intents, publish) {
        Ok(Ok(started)) => started,
        Ok(Err(error)) => return failed(error),
        Err(Closed) => return,
    };
    if let Err(error) = sell(options, clock, started, intents, bell, publish) {
        failed(error);
    }
}

/// The till of the folder; after a first start, if it holds none.
fn open(
    options: &CounterOptions,
    clock: SystemClock,
    intents: &Receiver<Intent>,
    publish: &dyn Fn(Arc<View>),
) -> Result<Result<Started, TerminalError>, Closed> {
    let bind = match commands::address(&options.listen) {
        Ok(bind) => bind,
        Err(error) => return Ok(Err(error)),
    };
    match Till::open_any(&options.folder, clock) {
        Err(error) => return Ok(Err(error)),
        Ok(Some(till)) if till.replica().store_id().is_some() => {
            if !commands::is_half_founded(&till) {
                return Ok(Ok(Started { till, notices: Vec::new() }));
            }
            till.close();
        }
        Ok(Some(till)) => till.close(),
        Ok(None) => {}
    }
    let publish = |view: View| publish(Arc::new(view));
    let shown =
        FirstStart { step: FirstStep::Questions, name: String::new(), country: None, source: None };
    let mut starting = Starting {
        folder: &options.folder,
        clock,
        loopback: options.loopback,
        discover: !options.no_discovery,
        bind,
        intents,
        publish: &publish,
        shown,
        refused: None,
        revision: 0,
    };
    starting.run().map(Ok)
}

/// Sells until the window is closed.
fn sell(
    options: &CounterOptions,
    clock: SystemClock,
    started: Started,
    intents: &Receiver<Intent>,
    bell: &DoorBell,
    publish: &dyn Fn(Arc<View>),
) -> Result<(), TerminalError> {
    let Started { mut till, mut notices } = started;
    if till.mesh_ref().is_none()
        && let Err(error) = till.share(options.mesh()?)
    {
        notices.push(Notice::NoNetwork(error.to_string()));
    }
    bell.nudges(till.mesh_ref().map(replica::net::mesh::Mesh::nudger));
    let ring = bell.rope();
    let control = Control::listen(&options.folder, move || ring())?;
    if till.settings().is_err() {
        // Without the store's settings nothing can be sold: the index comes first, this once.
        till.finish_rebuild(|_, _| {});
    }
    if !fetched(&mut till, intents, publish) {
        till.close();
        return Ok(());
    }
    let (setup, _reader) = set_up(options, bell)?;
    let mut counter = Counter::new(till, setup)?;
    for notice in notices {
        counter.tell(notice);
    }
    publish(counter.view());
    while carry_out(&mut counter, intents, publish) {
        while let Some(request) = control.next() {
            commands::answer_request(&options.folder, clock, counter.till(), request);
        }
        wait(&mut counter, bell);
        if counter.tick() {
            publish(counter.view());
        }
    }
    bell.nudges(None);
    counter.close();
    Ok(())
}

/// Waits for the store's settings where a till was let in and stopped before it had them; `false`
/// when the window is closed first.
fn fetched(
    till: &mut Till<FileStorage>,
    intents: &Receiver<Intent>,
    publish: &dyn Fn(Arc<View>),
) -> bool {
    let mut shown = None;
    let mut revision = 0_u64;
    while till.settings().is_err() {
        if matches!(intents.try_recv(), Err(TryRecvError::Disconnected)) {
            return false;
        }
        let (done, total) = till.catching_up().unwrap_or_default();
        if shown.replace((done, total)) != Some((done, total)) {
            revision = revision.wrapping_add(1);
            let step = FirstStep::Fetching { done, total };
            let (name, country, source) = (String::new(), None, None);
            let stage = Stage::FirstStart(FirstStart { step, name, country, source });
            publish(Arc::new(View { revision, stage, notices: Vec::new() }));
        }
        till.wait(LONGEST_WAIT);
    }
    true
}

/// Printer and reader, and the simulated reader where it is one.
fn set_up(
    options: &CounterOptions,
    bell: &DoorBell,
) -> Result<(Setup, Option<SimulatedReader>), TerminalError> {
    let usage = |error: String| TerminalError::Usage(error);
    let papers = match &options.printer {
        None => Papers::default(),
        Some(printer) => {
            let profile = options.profile.as_deref();
            Papers::open(&options.folder, printer, profile, bell.rope())
                .map_err(|error| usage(error.to_string()))?
        }
    };
    let simulated = match options.card_reader.as_deref() {
        Some(SIMULATED) => Some(SimulatedReader::start("127.0.0.1:0", [])?),
        _ => None,
    };
    let address = match (&simulated, &options.card_reader) {
        (Some(reader), _) => Some(reader.address().to_string()),
        (None, address) => address.clone(),
    };
    let make = address.map(|address| -> ReaderFactory {
        Arc::new(move || -> Box<dyn PaymentTerminal> { Box::new(TcpReader::new(address.clone())) })
    });
    let operator =
        OperatorId::new(options.cashier.as_str()).map_err(|error| usage(error.to_string()))?;
    let card = CardDesk::new(make, bell.rope());
    Ok((Setup { operator, papers, card, loopback: options.loopback }, simulated))
}

/// Carries out what the window asks for; `false` when it is closed.
fn carry_out(
    counter: &mut Counter<FileStorage>,
    intents: &Receiver<Intent>,
    publish: &dyn Fn(Arc<View>),
) -> bool {
    let mut worked = false;
    loop {
        match intents.try_recv() {
            Ok(intent) => {
                if counter.apply(intent) {
                    publish(counter.view());
                }
                worked = true;
            }
            Err(TryRecvError::Empty) => break,
            Err(TryRecvError::Disconnected) => return false,
        }
    }
    if worked {
        counter.settle();
    }
    true
}

/// Until something comes, or is due.
fn wait(counter: &mut Counter<FileStorage>, bell: &DoorBell) {
    let till = counter.till();
    let rebuilding = till.replica().rebuilding().is_some();
    if till.mesh_ref().is_none() && !rebuilding {
        bell.wait(LONGEST_WAIT);
        till.wait(Duration::ZERO);
    } else {
        till.wait(LONGEST_WAIT);
    }
    // What happened to connections is seen in the list of peers.
    if let Some(mesh) = till.mesh() {
        drop(mesh.take_news());
    }
}
