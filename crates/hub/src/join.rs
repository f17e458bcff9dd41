//! `tillmesh-hub join`: a manager's till lets the hub into its store, and the hub fetches the store.

use std::fs;
use std::io::BufRead;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use pos_core::ids::StoreId;
use replica::core::DeviceName;
use replica::net::Visit;
use replica::net::mesh::{MeshError, PairingNews};
use replica::pairing::{
    Answer, DoorIo, JoinRequest, Method, PairingEvent, Refusal, Ticket, Words, knock,
};
use replica::storage::StorageError;
use replica::store::OpenError;
use replica::sync::ConnId;
use thiserror::Error;

use crate::folder::{FolderError, HubFolder};
use crate::member::{Member, MemberError, Word};
use crate::peer::{self, PeerSetup};
use crate::shell::{Clock, NoRandomness, random};

/// Longest wait before the keyboard is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How long the store's tills may be silent while the store is fetched, in milliseconds.
const PATIENCE_MS: u64 = 60_000;

/// Why the hub did not come into a store.
#[derive(Debug, Error)]
pub enum JoinError {
    /// Nobody said where the till is.
    #[error("say where the manager's till is: --at 192.168.1.20:7878, as it shows there")]
    NoAddress,
    /// The till did not let it in.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The hub is in that store.
    #[error("this hub belongs to store {0} already")]
    Known(StoreId),
    /// The network.
    #[error(transparent)]
    Net(#[from] MeshError),
    /// The store's folder.
    #[error(transparent)]
    Member(#[from] MemberError),
    /// The hub's folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The disk.
    #[error(transparent)]
    Disk(#[from] StorageError),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// The tills went away in the middle.
    #[error(
        "the store's tills do not answer any more: the hub is in, and `tillmesh-hub serve` fetches \
         the rest when they are back"
    )]
    Silent,
}

/// What the hub asks for entry with.
#[derive(Debug)]
pub struct Asked {
    /// The code or invitation the manager's till shows.
    pub ticket: Ticket,
    /// Where that till is; those of the invitation come after.
    pub addresses: Vec<SocketAddr>,
    /// What the hub is called in the store.
    pub name: DeviceName,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The store.
    pub store: StoreId,
    /// Its name; empty where a hub that serves fetches it.
    pub name: String,
    /// Entries that are here.
    pub entries: u64,
    /// Milliseconds it took to fetch them: verified, folded and on the disk.
    pub fetched_ms: u64,
}

/// Comes into a store and fetches it. `answers` are the lines a person types, `show` is what that
/// person reads.
pub fn join(
    hub: &HubFolder,
    setup: &PeerSetup,
    clock: Clock,
    mut asked: Asked,
    answers: &Receiver<String>,
    show: &mut dyn FnMut(&str),
) -> Result<Fetched, JoinError> {
    if let Ticket::Invitation(invitation) = &asked.ticket {
        asked.addresses.extend(&invitation.addresses);
    }
    if asked.addresses.is_empty() {
        return Err(JoinError::NoAddress);
    }
    let name = u64::from_be_bytes(random()?);
    let making = hub.joining_path(&format!("{name:016x}"));
    let made = come_in(hub, setup, clock, &making, asked, answers, show);
    // Of a store the hub did not come into nothing stays.
    if made.is_err() && making.exists() {
        drop(fs::remove_dir_all(&making));
    }
    let (store, word) = made?;
    let mut member = match hub.member(store, clock) {
        Ok(member) => member,
        // It saw the folder first.
        Err(FolderError::Member { error: MemberError::Open(OpenError::InUse { .. }), .. }) => {
            show("The hub is in. The hub that serves here fetches the store now.");
            return Ok(Fetched { store, name: String::new(), entries: 0, fetched_ms: 0 });
        }
        Err(error) => return Err(error.into()),
    };
    let begun = clock.millis();
    fetch(&mut member, setup, &word, show)?;
    let fetched_ms = clock.millis().saturating_sub(begun);
    let entries = member.replica().held_by_device().values().map(|held| held.entries).sum();
    let name = member.replica().settings().map(|known| known.name.clone()).unwrap_or_default();
    member.close();
    Ok(Fetched { store, name, entries, fetched_ms })
}

fn come_in(
    hub: &HubFolder,
    setup: &PeerSetup,
    clock: Clock,
    making: &std::path::Path,
    asked: Asked,
    answers: &Receiver<String>,
    show: &mut dyn FnMut(&str),
) -> Result<(StoreId, Word), JoinError> {
    let mut member = Member::open(making, clock)?;
    let key = member.identity().key.clone();
    let device = key.device();
    let request = JoinRequest { ticket: asked.ticket, device, name: asked.name, nonce: random()? };
    let bind = SocketAddr::new(setup.listen, 0);
    let visit = Visit::start(key, bind, &asked.addresses)?;
    let mut door = Door { visit, clock, answers, show };
    let joined = knock(&mut door, request);
    door.visit.leave();
    let joined = joined?;
    let path = hub.store_path(joined.store);
    if path.exists() {
        return Err(JoinError::Known(joined.store));
    }
    let word = Word { manager: joined.manager, addresses: joined.addresses };
    member.join(joined.store)?;
    member.keep_word(&word)?;
    member.close();
    fs::rename(making, &path).map_err(|error| FolderError::Folder { folder: path, error })?;
    Ok((joined.store, word))
}

fn fetch(
    member: &mut Member,
    setup: &PeerSetup,
    word: &Word,
    show: &mut dyn FnMut(&str),
) -> Result<(), JoinError> {
    show("The hub is in. The store is fetched from the manager's till now.");
    let trusted = std::iter::once(word.manager).collect();
    let mut mesh = peer::start_mesh(member, setup, &word.addresses, &trusted)?;
    let mut heard = (member.clock().millis(), 0);
    let result = loop {
        peer::wait(member, Some(&mut mesh), LOOK);
        let replica = member.replica();
        let is_member = replica.own_role().is_some() && replica.rebuilding().is_none();
        if is_member && mesh.in_step(member.node()) {
            break Ok(());
        }
        let done = mesh.catching_up(member.node()).map_or(0, |(done, _)| done);
        let now = member.clock().millis();
        if done != heard.1 {
            heard = (now, done);
        } else if now.saturating_sub(heard.0) > PATIENCE_MS {
            break Err(JoinError::Silent);
        }
    };
    let at = member.clock().moment();
    mesh.stop(member.node(), at);
    result
}

/// Lines as they are typed, read on a thread of their own.
pub fn typed_lines() -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

/// Network and keyboard of a hub at a till's door.
struct Door<'a> {
    visit: Visit,
    clock: Clock,
    answers: &'a Receiver<String>,
    show: &'a mut dyn FnMut(&str),
}

impl DoorIo for Door<'_> {
    fn now_ms(&self) -> u64 {
        self.clock.millis()
    }

    fn next(&mut self, until_ms: Option<u64>) -> PairingEvent {
        loop {
            match self.visit.next(LOOK) {
                Some(PairingNews::Connected { conn, device, address, exporter }) => {
                    let address = Some(address);
                    return PairingEvent::Connected { conn, peer: device, exporter, address };
                }
                Some(PairingNews::Frame { conn, bytes }) => {
                    return PairingEvent::Frame { conn, frame: bytes };
                }
                Some(PairingNews::Closed(conn)) => return PairingEvent::Closed(conn),
                None => {}
            }
            if let Ok(line) = self.answers.try_recv() {
                match line.trim().to_lowercase().as_str() {
                    "y" | "yes" => return PairingEvent::Answer(Answer::Yes(None)),
                    "n" | "no" | "q" | "quit" => return PairingEvent::Answer(Answer::No),
                    _ => {}
                }
            }
            if until_ms.is_some_and(|until| self.clock.millis() >= until) {
                return PairingEvent::Quiet;
            }
        }
    }

    fn send(&mut self, conn: ConnId, frame: Vec<u8>) {
        self.visit.send(conn, frame);
    }

    fn close(&mut self, conn: ConnId) {
        self.visit.close(conn);
    }

    fn compare(&mut self, words: &Words, method: Method) {
        let question = match method {
            Method::Code => {
                "Does the manager's till show exactly these words? [y/n] If it shows others or \
                 none, say no: somebody is in the way."
            }
            Method::Invitation => "The manager's till shows the same words and asks there.",
        };
        (self.show)(&format!("    {}\n\n{question}", words.all().join("   ")));
    }
}
