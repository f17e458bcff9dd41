//! The first start: three answers, and the till sells.

use std::io::Cursor;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvError, RecvTimeoutError};
use std::time::Duration;

use replica::core::DeviceName;
use replica::net::Visit;
use replica::net::mesh::PairingNews;
use replica::pairing::{Joined, Method, Ticket, Words};
use replica::recovery::RecoveryPhrase;
use replica::store::FileStorage;
use replica::sync::ConnId;

use super::intent::{Intent, StartAnswers, StartSource};
use super::notice::{Notice, Posted};
use super::view::{FirstStart, FirstStep, Stage, View};
use crate::commands::{self, Imported};
use crate::countries::Country;
use crate::csv_file::CsvFile;
use crate::error::TerminalError;
use crate::limits::FAULTS_SHOWN_MAX;
use crate::pairing::{self, Answer, PairingEvent, PairingIo};
use crate::shell::{self, SystemClock};
use crate::till::{MeshSetup, Till};

/// The products of a shop to try things with.
pub(super) const SAMPLE: &str = include_str!("../../assets/sample.csv");
/// Longest wait before the window is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How long the manager's till may take to give a new device its register once it has all else.
const REGISTER_PATIENCE_MS: u64 = 10_000;
/// How long a new device may take to fetch the store without a word from the others.
const PATIENCE_MS: u64 = 60_000;

/// The window is closed.
pub(super) struct Closed;

impl From<RecvError> for Closed {
    fn from(_: RecvError) -> Self {
        Self
    }
}

/// A till that can sell, and what is to be said about its start.
pub(super) struct Started {
    pub(super) till: Till<FileStorage>,
    pub(super) notices: Vec<Notice>,
}

/// Asks the questions until they are answered so that the till sells.
pub(super) struct Starting<'a> {
    pub(super) folder: &'a Path,
    pub(super) clock: SystemClock,
    pub(super) loopback: bool,
    pub(super) discover: bool,
    pub(super) bind: SocketAddr,
    pub(super) intents: &'a Receiver<Intent>,
    pub(super) publish: &'a dyn Fn(View),
    pub(super) shown: FirstStart,
    pub(super) refused: Option<Notice>,
    pub(super) revision: u64,
}

impl Starting<'_> {
    /// Until the till can sell, or the window is closed.
    pub(super) fn run(&mut self) -> Result<Started, Closed> {
        loop {
            self.step(FirstStep::Questions);
            let answers = loop {
                match self.intents.recv()? {
                    Intent::Start(answers) => break answers,
                    Intent::Dismiss(_) => {
                        self.refused = None;
                        self.step(FirstStep::Questions);
                    }
                    _ => {}
                }
            };
            self.refused = None;
            self.shown.name.clone_from(&answers.name);
            self.shown.country = Country::of(&answers.country).map(|country| country.code);
            self.shown.source = Some(answers.source.clone());
            match self.begin(&answers)? {
                Ok(started) => return Ok(started),
                Err(notice) => self.refused = Some(notice),
            }
        }
    }

    fn show(&mut self, stage: Stage) {
        self.revision = self.revision.wrapping_add(1);
        let notices = self.refused.clone().map(|notice| Posted { number: 1, notice });
        let notices = notices.into_iter().collect();
        (self.publish)(View { revision: self.revision, stage, notices });
    }

    fn step(&mut self, step: FirstStep) {
        if self.shown.step != step || self.revision == 0 || step == FirstStep::Questions {
            self.shown.step = step;
            self.show(Stage::FirstStart(self.shown.clone()));
        }
    }

    fn begin(&mut self, answers: &StartAnswers) -> Result<Result<Started, Notice>, Closed> {
        match &answers.source {
            StartSource::OtherTill { code, address, name } => Ok(self.join(code, address, name)),
            StartSource::Sample | StartSource::File(_) | StartSource::Nothing => {
                self.found(answers)
            }
        }
    }

    /// Founds a store: the words are seen before anything is written, and the file of products is
    /// opened before the words are shown.
    fn found(&mut self, answers: &StartAnswers) -> Result<Result<Started, Notice>, Closed> {
        let Some(country) = Country::of(&answers.country) else {
            let text = format!("{:?} is not a country of the list: choose one", answers.country);
            return Ok(Err(Notice::Refused(text)));
        };
        if let Err(error) = commands::settings_of(&answers.name, country) {
            return Ok(Err(Notice::Refused(error.to_string())));
        }
        let file = match products(&answers.source) {
            Ok(file) => file,
            Err(error) => return Ok(Err(Notice::Refused(error.to_string()))),
        };
        let entropy = match shell::random() {
            Ok(entropy) => entropy,
            Err(error) => return Ok(Err(Notice::Refused(error.to_string()))),
        };
        let phrase = RecoveryPhrase::from_entropy(entropy);
        self.show(Stage::RecoveryPhrase(
            phrase.words().iter().map(|word| (*word).to_owned()).collect(),
        ));
        loop {
            match self.intents.recv()? {
                Intent::PhraseNoted => break,
                Intent::Back => return Ok(Err(Notice::Refused("no store was made".to_owned()))),
                _ => {}
            }
        }
        let founded =
            commands::found_store(self.folder, self.clock, &answers.name, country, &phrase);
        let (till, fresh) = match founded {
            Ok(founded) => founded,
            Err(error) => return Ok(Err(Notice::Refused(error.to_string()))),
        };
        let mut started = Started { till, notices: Vec::new() };
        if !fresh {
            started.notices.push(Notice::CarriedOn);
        }
        if let Some(file) = file {
            let notice = self.import(&mut started.till, file);
            started.notices.push(notice);
        }
        Ok(Ok(started))
    }

    /// Reads the products. The store is founded by now: what cannot be read is said, and the till
    /// sells what could.
    fn import(&mut self, till: &mut Till<FileStorage>, mut file: CsvFile) -> Notice {
        self.step(FirstStep::Importing { rows: 0 });
        let done = commands::import(till, &mut file, |_bytes, rows| {
            self.step(FirstStep::Importing { rows });
        });
        match done {
            Ok(imported) => said(&imported),
            Err(error) => Notice::Refused(error.to_string()),
        }
    }

    /// Comes into a store that another till has.
    fn join(&mut self, code: &str, address: &str, name: &str) -> Result<Started, Notice> {
        let refused = |error: TerminalError| Notice::Refused(error.to_string());
        self.step(FirstStep::Connecting);
        let ticket = Ticket::parse(code).map_err(|error| Notice::Refused(error.to_string()))?;
        let mut addresses: Vec<SocketAddr> = Vec::new();
        if !address.trim().is_empty() {
            addresses.push(commands::address(address.trim()).map_err(refused)?);
        }
        if let Ticket::Invitation(invitation) = &ticket {
            addresses.extend(&invitation.addresses);
        }
        if addresses.is_empty() {
            return Err(Notice::Refused(
                "say where the other till is: 192.168.1.20:7878, as it shows there".to_owned(),
            ));
        }
        let name = DeviceName::new(name).map_err(|error| Notice::Refused(error.to_string()))?;
        let mut till = match Till::open_any(self.folder, self.clock).map_err(refused)? {
            Some(till) => till,
            None => Till::make(self.folder, self.clock).map_err(refused)?,
        };
        let visit = Visit::start(till.key(), self.bind, &addresses)
            .map_err(|error| Notice::Refused(error.to_string()))?;
        let mut io = AtTheWindow { starting: self, visit };
        let joined = pairing::join(&mut till, &mut io, ticket, name);
        let AtTheWindow { visit, .. } = io;
        visit.leave();
        let joined = match joined {
            Ok(joined) => joined,
            Err(error) => {
                till.close();
                return Err(refused(error));
            }
        };
        match self.fetch(&mut till, joined) {
            Ok(()) => Ok(Started { till, notices: Vec::new() }),
            Err(notice) => {
                till.close();
                Err(notice)
            }
        }
    }

    /// Fetches the store from those who are in it.
    fn fetch(&mut self, till: &mut Till<FileStorage>, joined: Joined) -> Result<(), Notice> {
        self.step(FirstStep::Fetching { done: 0, total: 0 });
        let Joined { manager, addresses, .. } = joined;
        let setup = MeshSetup {
            bind: self.bind,
            configured: addresses,
            discover: self.discover,
            loopback: self.loopback,
            learn: true,
            trusted: std::iter::once(manager).collect(),
        };
        till.share(setup).map_err(|error| Notice::Refused(error.to_string()))?;
        let now = |till: &Till<FileStorage>| till.moment().monotonic_ms;
        let (mut heard, mut has_all) = ((now(till), 0), None);
        loop {
            till.wait(LOOK);
            let at = now(till);
            let replica = till.replica();
            let is_whole = replica.own_role().is_some() && replica.rebuilding().is_none();
            if is_whole && till.in_step() {
                // The manager's till names the register after it has let the device in.
                let since = *has_all.get_or_insert(at);
                let waited = at.saturating_sub(since) > REGISTER_PATIENCE_MS;
                if till.register(None).is_ok() || waited {
                    return Ok(());
                }
            }
            if let Some((done, total)) = till.catching_up() {
                self.step(FirstStep::Fetching { done, total });
                if done != heard.1 {
                    heard = (at, done);
                }
            }
            let closed = matches!(
                self.intents.recv_timeout(Duration::ZERO),
                Err(RecvTimeoutError::Disconnected)
            );
            if closed || at.saturating_sub(heard.0) > PATIENCE_MS {
                return Err(Notice::Refused(
                    "the store's tills do not answer any more: start one, and this one again, which \
                     goes on where this stopped"
                        .to_owned(),
                ));
            }
        }
    }
}

/// The file a new store's products are read from, opened.
fn products(source: &StartSource) -> Result<Option<CsvFile>, TerminalError> {
    Ok(match source {
        StartSource::File(path) => Some(CsvFile::open(path)?),
        StartSource::Sample => {
            let bytes = SAMPLE.as_bytes().to_vec();
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            let source = Cursor::new(bytes);
            Some(CsvFile::from_reader(Path::new("sample.csv"), source, length)?)
        }
        StartSource::Nothing | StartSource::OtherTill { .. } => None,
    })
}

fn said(imported: &Imported) -> Notice {
    let faults = imported.faults.iter().take(FAULTS_SHOWN_MAX);
    Notice::Imported {
        products: imported.added.saturating_add(imported.changed),
        faults: faults.map(ToString::to_string).collect(),
        rejected: u64::try_from(imported.faults.len()).unwrap_or(u64::MAX),
    }
}

/// Network and screen of the device that comes in.
struct AtTheWindow<'a, 'b> {
    starting: &'a mut Starting<'b>,
    visit: Visit,
}

impl PairingIo<FileStorage> for AtTheWindow<'_, '_> {
    fn next(&mut self, till: &mut Till<FileStorage>, until_ms: Option<u64>) -> PairingEvent {
        loop {
            if let Some(news) = self.visit.next(LOOK) {
                return event_of(news);
            }
            match self.starting.intents.recv_timeout(Duration::ZERO) {
                Ok(Intent::WordsMatch(true)) => return PairingEvent::Answer(Answer::Yes(None)),
                Ok(Intent::WordsMatch(false)) => return PairingEvent::Answer(Answer::No),
                Ok(Intent::Back) | Err(RecvTimeoutError::Disconnected) => {
                    return PairingEvent::Answer(Answer::Cancel);
                }
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            }
            if until_ms.is_some_and(|until| till.moment().monotonic_ms >= until) {
                return PairingEvent::Quiet;
            }
        }
    }

    fn send(&mut self, _till: &mut Till<FileStorage>, conn: ConnId, frame: Vec<u8>) {
        self.visit.send(conn, frame);
    }

    fn close(&mut self, _till: &mut Till<FileStorage>, conn: ConnId) {
        self.visit.close(conn);
    }

    fn words(&mut self, words: &Words, method: Method) {
        let asked_here = method == Method::Code;
        self.starting.step(FirstStep::Words { words: *words.all(), asked_here });
    }

    fn show(&mut self, _text: &str) {}
}

fn event_of(news: PairingNews) -> PairingEvent {
    match news {
        PairingNews::Connected { conn, device, address, exporter } => {
            PairingEvent::Connected { conn, peer: device, exporter, address: Some(address) }
        }
        PairingNews::Frame { conn, bytes } => PairingEvent::Frame { conn, frame: bytes },
        PairingNews::Closed(conn) => PairingEvent::Closed(conn),
    }
}
