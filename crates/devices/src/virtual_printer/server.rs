//! The printer behind a socket, and its faults.
//!
//! It keeps what it has when a connection ends, as real ones do: half a command included, so that
//! whoever connects next is misunderstood unless he says where he begins.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::interpreter::{Effect, Interpreter, Printout};
use super::lexer::{Command, Lexer};
use crate::limits::PRINTER_BUFFER_BYTES;
use crate::printer::{Fonts, Profile};

/// How often the threads look whether something changed.
const TICK: Duration = Duration::from_millis(10);

/// What is wrong with the printer. All of it can be changed while it runs.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fault of its own")]
pub struct Faults {
    /// No paper.
    pub paper_out: bool,
    /// Not much paper.
    pub paper_low: bool,
    /// The paper ends after so many rows of dots.
    pub paper_ends_after: Option<usize>,
    /// Cover open.
    pub cover_open: bool,
    /// Paused by its button.
    pub offline: bool,
    /// No power: connections are closed at once.
    pub unplugged: bool,
    /// What it receives is printed so much later.
    pub latency: Duration,
    /// The connection breaks after so many bytes, once.
    pub drop_after: Option<usize>,
    /// It never answers.
    pub mute: bool,
    /// It answers nonsense.
    pub garbage: bool,
}

impl Faults {
    const fn stops(&self) -> bool {
        self.paper_out || self.cover_open || self.offline || self.unplugged
    }

    /// The answer to `DLE EOT n`.
    const fn real_time(&self, what: u8) -> u8 {
        0x12 | match what {
            1 if self.stops() => 0x08,
            2 => (if self.cover_open { 0x04 } else { 0 }) | if self.paper_out { 0x20 } else { 0 },
            4 => (if self.paper_out { 0x6c } else { 0 }) | if self.paper_low { 0x0c } else { 0 },
            _ => 0,
        }
    }

    /// The report of `GS a`.
    const fn report(&self) -> [u8; 4] {
        let first =
            0x10 | if self.stops() { 0x08 } else { 0 } | if self.cover_open { 0x20 } else { 0 };
        let low = if self.paper_low || self.paper_out { 0x03 } else { 0 };
        let out = if self.paper_out { 0x0c } else { 0 };
        [first, 0, low | out, 0]
    }
}

/// How a printer is set up.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Its faults to begin with.
    pub faults: Faults,
}

#[derive(Debug)]
struct State {
    faults: Faults,
    /// What was received and when; its bytes count against the buffer.
    received: VecDeque<(Instant, Command, usize)>,
    buffered: usize,
    lexer: Lexer,
    interpreter: Interpreter,
    printed: Vec<Printout>,
    drawer: Vec<u8>,
    answers: VecDeque<u8>,
    reports: bool,
    reported: Option<[u8; 4]>,
    connections: u64,
    ends: bool,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A printer on a socket of this machine. It stops when it is dropped.
#[derive(Debug)]
pub struct VirtualPrinter {
    address: SocketAddr,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl VirtualPrinter {
    /// Switches a printer on.
    pub fn start(address: &str, profile: Profile, fonts: Fonts, setup: Setup) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let state = State {
            faults: setup.faults,
            received: VecDeque::new(),
            buffered: 0,
            lexer: Lexer::default(),
            interpreter: Interpreter::new(profile, fonts),
            printed: Vec::new(),
            drawer: Vec::new(),
            answers: VecDeque::new(),
            reports: false,
            reported: None,
            connections: 0,
            ends: false,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let spawn = |name: &str, work: fn(&Shared, &TcpListener), listener: TcpListener| {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || work(&shared, &listener))
        };
        let threads = vec![
            spawn("virtual printer: cable", serve, listener.try_clone()?)?,
            spawn("virtual printer: head", |shared, _| mechanism(shared), listener)?,
        ];
        Ok(Self { address, shared, threads })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes its faults.
    pub fn change(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.shared.lock().faults);
        self.shared.changed.notify_all();
    }

    /// The papers cut off so far.
    pub fn printed(&self) -> Vec<Printout> {
        self.shared.lock().printed.clone()
    }

    /// The papers from the `from`-th on.
    pub fn printed_since(&self, from: usize) -> Vec<Printout> {
        self.shared.lock().printed.get(from..).unwrap_or_default().to_vec()
    }

    /// Tears off what hangs out of it.
    pub fn tear_off(&self) -> Printout {
        self.shared.lock().interpreter.tear_off()
    }

    /// The pins on which a drawer was opened.
    pub fn drawer(&self) -> Vec<u8> {
        self.shared.lock().drawer.clone()
    }

    /// How often somebody connected.
    pub fn connections(&self) -> u64 {
        self.shared.lock().connections
    }

    /// Waits until the papers cut off and the drawers opened are as wanted; `false` when `within` has
    /// gone by first.
    pub fn wait_until(
        &self,
        within: Duration,
        wanted: impl Fn(&[Printout], &[u8]) -> bool,
    ) -> bool {
        let until = Instant::now() + within;
        let mut state = self.shared.lock();
        while !wanted(&state.printed, &state.drawer) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.shared.changed.wait_timeout(state, left);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        true
    }
}

impl Drop for VirtualPrinter {
    fn drop(&mut self) {
        self.shared.lock().ends = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

/// Takes one connection after the other; whoever comes meanwhile waits.
fn serve(shared: &Shared, listener: &TcpListener) {
    while !shared.lock().ends {
        match listener.accept() {
            Ok((stream, _)) => {
                let unplugged = {
                    let mut state = shared.lock();
                    state.connections += 1;
                    (state.reports, state.reported) = (false, None);
                    state.answers.clear();
                    state.faults.unplugged
                };
                if !unplugged {
                    // A connection that breaks is the other side's concern.
                    drop(talk(shared, stream));
                }
            }
            Err(_) => std::thread::sleep(TICK),
        }
    }
}

fn talk(shared: &Shared, mut stream: TcpStream) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(TICK))?;
    stream.set_write_timeout(Some(Duration::from_secs(1)))?;
    let mut buffer = [0; 512];
    loop {
        let room = {
            let state = shared.lock();
            if state.ends || state.faults.unplugged {
                return Ok(());
            }
            PRINTER_BUFFER_BYTES.saturating_sub(state.buffered).min(buffer.len())
        };
        if room == 0 {
            std::thread::sleep(TICK);
        } else {
            let part = buffer.get_mut(..room).unwrap_or_default();
            match stream.read(part) {
                Ok(0) => return Ok(()),
                Ok(count) => {
                    let part = part.get(..count).unwrap_or_default();
                    if take(shared, part) {
                        return Ok(());
                    }
                }
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error),
            }
        }
        let answers = outgoing(shared);
        stream.write_all(&answers)?;
    }
}

/// Takes bytes in; `true` when the connection breaks now.
fn take(shared: &Shared, bytes: &[u8]) -> bool {
    let mut state = shared.lock();
    let mut bytes = bytes;
    let mut breaks = false;
    if let Some(left) = state.faults.drop_after {
        breaks = left <= bytes.len();
        bytes = bytes.get(..left.min(bytes.len())).unwrap_or_default();
        state.faults.drop_after = if breaks { None } else { Some(left - bytes.len()) };
    }
    let commands = state.lexer.read(bytes);
    let share = bytes.len().checked_div(commands.len().max(1)).unwrap_or_default();
    for command in commands {
        match command {
            Command::Status(what) => {
                let answer = state.faults.real_time(what);
                state.answers.push_back(answer);
            }
            Command::DrawerNow(pin) => state.drawer.push(pin),
            command => {
                state.buffered += share;
                state.received.push_back((Instant::now(), command, share));
            }
        }
    }
    drop(state);
    shared.changed.notify_all();
    breaks
}

fn outgoing(shared: &Shared) -> Vec<u8> {
    let mut state = shared.lock();
    let report = state.faults.report();
    if state.reports && state.reported != Some(report) {
        state.reported = Some(report);
        state.answers.extend(report);
    }
    let answers: Vec<u8> = state.answers.drain(..).collect();
    if state.faults.mute {
        Vec::new()
    } else if state.faults.garbage {
        answers.iter().map(|byte| byte ^ 0xe5).collect()
    } else {
        answers
    }
}

/// Prints what was received when its time has come and nothing stops the head.
fn mechanism(shared: &Shared) {
    let mut state = shared.lock();
    while !state.ends {
        let latency = state.faults.latency;
        let due = state.received.front().is_some_and(|(at, ..)| at.elapsed() >= latency);
        if due && !state.faults.stops() {
            if let Some((_, command, share)) = state.received.pop_front() {
                state.buffered = state.buffered.saturating_sub(share);
                obey(&mut state, command);
            }
            shared.changed.notify_all();
        } else {
            let waited = shared.changed.wait_timeout(state, TICK);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn obey(state: &mut State, command: Command) {
    if let Command::Reports(what) = command {
        state.reports = what != 0;
        state.reported = None;
        return;
    }
    let before = state.interpreter.fed();
    let effect = state.interpreter.run(command);
    if let Some(left) = state.faults.paper_ends_after {
        let used = state.interpreter.fed().saturating_sub(before);
        state.faults.paper_ends_after = Some(left.saturating_sub(used)).filter(|left| *left > 0);
        state.faults.paper_out |= state.faults.paper_ends_after.is_none();
    }
    match effect {
        Some(Effect::Printed(paper)) => state.printed.push(*paper),
        Some(Effect::Drawer(pin)) => state.drawer.push(pin),
        Some(Effect::Answer(bytes)) => state.answers.extend(bytes),
        None => {}
    }
}
