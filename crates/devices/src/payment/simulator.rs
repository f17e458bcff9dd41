//! A card reader made of code, with everything that goes wrong with readers.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pos_core::ids::RecordId;

use super::wire::{Answer, Ask, Lines, Request, Tell, VERSION};
use crate::limits::SIMULATED_CHARGES_MAX;

const TICK: Duration = Duration::from_millis(10);
/// How long it keeps a connection on which nothing is said.
const IDLE_MAX: Duration = Duration::from_secs(2);

/// What the reader does with the next new payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// Charges and says so.
    Approve,
    /// Says after a while that it has charged: a customer who looks for his card.
    ApproveAfter(Duration),
    /// Charges nothing and says so.
    Decline(String),
    /// Loses the message: nothing is charged, nothing answered.
    LoseTheMessage,
    /// Charges; the connection breaks before the answer.
    LoseTheAnswer,
    /// Charges and answers nonsense.
    TalkNonsense,
    /// Answers nothing; asked, it says so many times that the customer is at it, then it has charged.
    AskLater(u32),
    /// Takes the payment up only after the connection is gone, and after whatever is asked then: a
    /// message that lay in a buffer.
    ActLate(Duration),
}

/// A payment in the simulated reader's book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// Minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// How it stands.
    state: State,
    /// How often money was taken: once or never, or the reader is broken.
    pub times: u32,
}

impl Charge {
    /// Whether money was taken.
    pub fn is_charged(&self) -> bool {
        self.times > 0
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Approved { code: String },
    Declined { why: String },
    Cancelled,
    InProgress { left: u32 },
}

#[derive(Debug, Default)]
struct Book {
    charges: BTreeMap<RecordId, Charge>,
    script: VecDeque<Behaviour>,
    late: Vec<(Instant, RecordId, i64, String)>,
    approvals: u32,
    ends: bool,
}

/// A reader on a socket of this machine. It stops when it is dropped.
#[derive(Debug)]
pub struct SimulatedReader {
    address: SocketAddr,
    book: Arc<Mutex<Book>>,
    thread: Option<JoinHandle<()>>,
}

impl SimulatedReader {
    /// Switches a reader on; what the script does not say is approved.
    pub fn start(address: &str, script: impl IntoIterator<Item = Behaviour>) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let book = Book { script: script.into_iter().collect(), ..Book::default() };
        let book = Arc::new(Mutex::new(book));
        let shared = Arc::clone(&book);
        let thread = std::thread::Builder::new()
            .name("simulated card reader".to_owned())
            .spawn(move || serve(&shared, &listener))?;
        Ok(Self { address, book, thread: Some(thread) })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds to its script.
    pub fn then(&self, behaviour: Behaviour) {
        lock(&self.book).script.push_back(behaviour);
    }

    /// Its book.
    pub fn charges(&self) -> BTreeMap<RecordId, Charge> {
        lock(&self.book).charges.clone()
    }
}

impl Drop for SimulatedReader {
    fn drop(&mut self) {
        lock(&self.book).ends = true;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(book: &Mutex<Book>, listener: &TcpListener) {
    loop {
        {
            let mut book = lock(book);
            if book.ends {
                return;
            }
            book.act_late();
        }
        match listener.accept() {
            // A connection that breaks is the other side's concern.
            Ok((stream, _)) => drop(talk(book, stream)),
            Err(_) => std::thread::sleep(TICK),
        }
    }
}

fn talk(book: &Mutex<Book>, stream: TcpStream) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    let mut raw = stream.try_clone()?;
    let mut lines = Lines::new(stream);
    let Some(request) = lines.receive::<Request>(Instant::now() + IDLE_MAX)? else {
        return Ok(());
    };
    let reply = lock(book).answer(&request);
    let mut tell =
        |tell: Tell| lines.send(&Answer { v: VERSION, intent: request.intent, tell }, IDLE_MAX);
    match reply {
        Reply::Tell(answer) => tell(answer),
        Reply::After(wait, answer) => {
            tell(Tell::InProgress { say: "Present card".to_owned() })?;
            let until = Instant::now() + wait;
            while Instant::now() < until && !lock(book).ends {
                std::thread::sleep(TICK);
            }
            tell(answer)
        }
        Reply::Nonsense => raw.write_all(b"\x02\x06 ??\n"),
        Reply::HangUp => Ok(()),
    }
}

enum Reply {
    Tell(Tell),
    After(Duration, Tell),
    Nonsense,
    HangUp,
}

impl Book {
    fn answer(&mut self, request: &Request) -> Reply {
        if request.v != VERSION {
            return Reply::Tell(Tell::Refused { why: "another version".to_owned() });
        }
        match &request.ask {
            Ask::Start { amount, currency } => self.start(request.intent, *amount, currency),
            Ask::Query => Reply::Tell(self.standing(request.intent)),
            Ask::Cancel => Reply::Tell(self.cancel(request.intent)),
        }
    }

    fn start(&mut self, intent: RecordId, amount: i64, currency: &str) -> Reply {
        if let Some(known) = self.charges.get(&intent) {
            let same = known.amount == amount && known.currency == currency;
            if !same && known.state != State::Cancelled {
                let why = "this key belongs to a payment of another amount".to_owned();
                return Reply::Tell(Tell::Refused { why });
            }
            return Reply::Tell(self.standing(intent));
        }
        if self.charges.len() >= SIMULATED_CHARGES_MAX {
            return Reply::Tell(Tell::Refused { why: "the reader's memory is full".to_owned() });
        }
        let charged = |book: &mut Self| book.charge(intent, amount, currency);
        match self.script.pop_front().unwrap_or(Behaviour::Approve) {
            Behaviour::Approve => Reply::Tell(charged(self)),
            Behaviour::ApproveAfter(wait) => Reply::After(wait, charged(self)),
            Behaviour::Decline(why) => {
                let state = State::Declined { why };
                self.note(intent, amount, currency, state);
                Reply::Tell(self.standing(intent))
            }
            Behaviour::LoseTheMessage => Reply::HangUp,
            Behaviour::LoseTheAnswer => {
                charged(self);
                Reply::HangUp
            }
            Behaviour::TalkNonsense => {
                charged(self);
                Reply::Nonsense
            }
            Behaviour::AskLater(left) => {
                self.note(intent, amount, currency, State::InProgress { left });
                Reply::HangUp
            }
            Behaviour::ActLate(wait) => {
                self.late.push((Instant::now() + wait, intent, amount, currency.to_owned()));
                Reply::HangUp
            }
        }
    }

    fn act_late(&mut self) {
        let (due, rest) =
            std::mem::take(&mut self.late).into_iter().partition(|(at, ..)| *at <= Instant::now());
        self.late = rest;
        let due: Vec<(Instant, RecordId, i64, String)> = due;
        for (_, intent, amount, currency) in due {
            if !self.charges.contains_key(&intent) {
                self.charge(intent, amount, &currency);
            }
        }
    }

    fn note(&mut self, intent: RecordId, amount: i64, currency: &str, state: State) {
        let charge = Charge { amount, currency: currency.to_owned(), state, times: 0 };
        self.charges.insert(intent, charge);
    }

    fn charge(&mut self, intent: RecordId, amount: i64, currency: &str) -> Tell {
        if !self.charges.contains_key(&intent) {
            self.note(intent, amount, currency, State::InProgress { left: 0 });
        }
        self.approvals += 1;
        let code = format!("{:06}", self.approvals);
        if let Some(charge) = self.charges.get_mut(&intent) {
            charge.times += 1;
            charge.state = State::Approved { code };
        }
        self.standing(intent)
    }

    fn standing(&mut self, intent: RecordId) -> Tell {
        let Some(charge) = self.charges.get_mut(&intent) else { return Tell::Unknown };
        let (amount, currency) = (charge.amount, charge.currency.clone());
        match &mut charge.state {
            State::Approved { code } => Tell::Approved {
                code: code.clone(),
                brand: "Simulated".to_owned(),
                last: "0000".to_owned(),
            },
            State::Declined { why } => Tell::Declined { why: why.clone() },
            State::Cancelled => Tell::Cancelled,
            State::InProgress { left: 0 } => self.charge(intent, amount, &currency),
            State::InProgress { left } => {
                *left -= 1;
                Tell::InProgress { say: "Present card".to_owned() }
            }
        }
    }

    fn cancel(&mut self, intent: RecordId) -> Tell {
        match self.charges.get_mut(&intent) {
            // Remembered, so that a message that comes later charges nothing.
            None => self.note(intent, 0, "", State::Cancelled),
            Some(charge) if matches!(charge.state, State::InProgress { .. }) => {
                charge.state = State::Cancelled;
            }
            Some(_) => {}
        }
        self.standing(intent)
    }
}
