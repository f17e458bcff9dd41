//! `tillmesh pair` and `tillmesh join`: a device comes into the store, one command on each side.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use pos_core::ids::{DeviceId, RegisterId};
use pos_core::record::Record;
use replica::core::{Command, DeviceName, Role};
use replica::net::Visit;
use replica::net::mesh::PairingNews;
use replica::pairing::{Joined, Ticket, Window};
use replica::storage::Storage;
use replica::store::FileStorage;
use serde_json::json;

use super::Context;
use crate::cli::{Join, Pair};
use crate::control;
use crate::error::TerminalError;
use crate::output::{Output, Unit};
use crate::pairing::{self, Answer, PairingEvent, PairingIo, invitation_text};
use crate::till::{MeshSetup, Till};

/// Longest wait before the keyboard is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// Time for the last word of a pairing to arrive.
const LAST_WORD: Duration = Duration::from_millis(500);
/// How long the manager's till may take to give a new device its register once it has all else.
const REGISTER_PATIENCE: Duration = Duration::from_secs(10);
/// How long a new device may take to fetch the store without a word from the others.
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) fn pair(context: &mut Context<'_>, typed: &Pair) -> Result<(), TerminalError> {
    let asked = parse_register(typed.register.as_deref())?;
    let role = if typed.manager { Role::Manager } else { Role::Till };
    let answers = match context.answers.take() {
        Some(answers) => answers,
        None => control::lines_of(std::io::BufReader::new(std::io::stdin()))?,
    };
    let runs = context.till.is_some();
    context.with_whole_till(|context, till| {
        if !runs {
            till.share(setup(&typed.listen, typed.loopback)?)?;
        }
        let addresses = till.mesh().map(|mesh| mesh.addresses(typed.loopback)).unwrap_or_default();
        let mut io = AtTheManager {
            output: &mut *context.output,
            answers: &answers,
            addresses: addresses.clone(),
            unasked: typed.let_in,
            invited: false,
        };
        if let Some(mesh) = till.mesh() {
            mesh.endpoint().set_pairing(true);
        }
        let added = pairing::pair(till, &mut io, role, addresses);
        if let Some(mesh) = till.mesh() {
            mesh.endpoint().set_pairing(false);
        }
        let added = added?;
        let register = asked.map_or_else(|| next_register(till), Ok)?;
        let assigned =
            Record::RegisterAssigned { register: register.clone(), device: added.device };
        till.execute(Command::Record(Box::new(assigned)))?;
        let answer = json!({"added": {
            "device": added.device.to_string(),
            "name": added.name.as_str(),
            "register": register.as_str(),
        }});
        context.output.answer(&answer, || format!("It serves register {register}."))?;
        if !runs {
            hand_over(till, added.device);
        }
        Ok(())
    })
}

/// A till that does not stay on waits until the new device has what is here.
fn hand_over(till: &mut Till<FileStorage>, device: DeviceId) {
    let mut heard = Instant::now();
    let mut seen = false;
    while heard.elapsed() < PATIENCE {
        till.wait(LOOK);
        let Some(mesh) = till.mesh() else { break };
        let peer = mesh.peers().find(|peer| peer.device == device);
        match peer {
            Some(peer) if peer.in_flight > 0 => (seen, heard) = (true, Instant::now()),
            Some(_) => seen = true,
            // It has fetched the store, and gone.
            None if seen => break,
            None => {}
        }
    }
}

/// The next register nobody has: R2 after R1.
pub(crate) fn next_register<S: Storage>(till: &Till<S>) -> Result<RegisterId, TerminalError> {
    let number = |register: &RegisterId| register.as_str().strip_prefix('R')?.parse::<u32>().ok();
    let registers = till.replica().books().registers();
    let last = registers.filter_map(|(register, _)| number(register)).max().unwrap_or(0);
    RegisterId::new(format!("R{}", last.saturating_add(1)))
        .map_err(|error| TerminalError::Usage(error.to_string()))
}

fn parse_register(text: Option<&str>) -> Result<Option<RegisterId>, TerminalError> {
    super::parse_register(text)
}

fn setup(listen: &str, loopback: bool) -> Result<MeshSetup, TerminalError> {
    Ok(MeshSetup {
        bind: super::run::address(listen)?,
        configured: Vec::new(),
        discover: true,
        loopback,
        learn: true,
        trusted: BTreeSet::new(),
    })
}

/// Network and keyboard of the manager's till.
struct AtTheManager<'a> {
    output: &'a mut Output,
    answers: &'a Receiver<String>,
    addresses: Vec<SocketAddr>,
    /// Whoever shows the invitation's secret comes in without a question.
    unasked: bool,
    invited: bool,
}

impl PairingIo<FileStorage> for AtTheManager<'_> {
    fn next(&mut self, till: &mut Till<FileStorage>, until_ms: Option<u64>) -> PairingEvent {
        loop {
            if let Some(event) = till.mesh().and_then(replica::net::mesh::Mesh::next_pairing) {
                return event_of(event);
            }
            if core::mem::take(&mut self.invited) {
                return PairingEvent::Answer(Answer::Yes(None));
            }
            if let Some(answer) = typed_answer(self.answers) {
                return PairingEvent::Answer(answer);
            }
            if until_ms.is_some_and(|until| till.moment().monotonic_ms >= until) {
                return PairingEvent::Quiet;
            }
            till.wait(LOOK);
        }
    }

    fn send(&mut self, till: &mut Till<FileStorage>, conn: replica::sync::ConnId, frame: Vec<u8>) {
        if let Some(mesh) = till.mesh() {
            mesh.send_pairing(conn, frame);
        }
    }

    fn close(&mut self, till: &mut Till<FileStorage>, conn: replica::sync::ConnId) {
        // Closing drops what is still on its way: the other side, once it has read the last word,
        // closes by itself.
        let patience = Instant::now();
        while patience.elapsed() < LAST_WORD {
            till.wait(LOOK);
        }
        if let Some(mesh) = till.mesh() {
            mesh.endpoint().close(conn, "pairing is over");
        }
    }

    fn invited(&mut self, window: &Window) {
        let invitation = window.invitation().to_string();
        if self.output.is_json() {
            let code = window.code().to_string();
            let line = json!({"invitation": invitation, "code": code});
            // Whoever asked may have gone: the window closes by itself.
            drop(self.output.json_line(&line));
        } else {
            self.show(&invitation_text(window));
            if let Some(address) = self.addresses.first() {
                let code = window.code();
                self.show(&format!("Without a camera: tillmesh join {code} --at {address}"));
            }
        }
    }

    fn compared(&mut self, comparison: &replica::pairing::Comparison) {
        let by_invitation = comparison.method == replica::pairing::Method::Invitation;
        if self.unasked && by_invitation {
            self.invited = true;
        } else {
            self.show(&format!("{} [y/n]", pairing::comparison_text(comparison)));
        }
    }

    fn show(&mut self, text: &str) {
        if !self.output.is_json() {
            drop(self.output.text(text));
        }
    }
}

fn typed_answer(answers: &Receiver<String>) -> Option<Answer> {
    match answers.try_recv() {
        Ok(line) => match line.trim().to_lowercase().as_str() {
            "y" | "yes" => Some(Answer::Yes(None)),
            "n" | "no" => Some(Answer::No),
            "q" | "quit" => Some(Answer::Cancel),
            _ => None,
        },
        Err(TryRecvError::Empty | TryRecvError::Disconnected) => None,
    }
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

pub(super) fn join(context: &mut Context<'_>, typed: &Join) -> Result<(), TerminalError> {
    context.must_not_run("it belongs to a store already")?;
    let usage = |error: String| TerminalError::Usage(error);
    let ticket = Ticket::parse(&typed.ticket)?;
    let mut addresses: Vec<SocketAddr> =
        typed.at.iter().map(|text| super::run::address(text)).collect::<Result<_, _>>()?;
    if let Ticket::Invitation(invitation) = &ticket {
        addresses.extend(&invitation.addresses);
    }
    if addresses.is_empty() {
        let why = "say where the manager's till is: --at 192.168.1.20:7878, as it shows there";
        return Err(usage(why.to_owned()));
    }
    let name = DeviceName::new(&typed.name).map_err(|error| usage(error.to_string()))?;
    let bind = super::run::address(&typed.listen)?;
    let mut till = match Till::open_any(&context.folder, context.clock)? {
        Some(till) if till.replica().store_id().is_some() => {
            let folder = context.folder.clone();
            let name = till.settings().map_or_else(|_| String::new(), |known| known.name.clone());
            till.close();
            return Err(TerminalError::StoreExists { folder, name });
        }
        Some(till) => till,
        None => Till::make(&context.folder, context.clock)?,
    };
    let answers = control::lines_of(std::io::BufReader::new(std::io::stdin()))?;
    let visit = Visit::start(till.key(), bind, &addresses)?;
    let mut io = AtTheNewDevice { output: &mut *context.output, answers, visit };
    let joined = pairing::join(&mut till, &mut io, ticket, name);
    io.visit.leave();
    let joined = joined?;
    fetch(context, &mut till, bind, joined, typed.loopback)?;
    till.close();
    Ok(())
}

/// Fetches the store from those who are in it.
fn fetch(
    context: &mut Context<'_>,
    till: &mut Till<FileStorage>,
    bind: SocketAddr,
    joined: Joined,
    loopback: bool,
) -> Result<(), TerminalError> {
    let Joined { manager, addresses, .. } = joined;
    till.share(MeshSetup {
        bind,
        configured: addresses,
        discover: true,
        loopback,
        learn: true,
        trusted: std::iter::once(manager).collect(),
    })?;
    let started = Instant::now();
    let mut progress = context.output.progress(0, "Fetching the store", Unit::Things);
    let mut heard = (Instant::now(), 0);
    let mut has_all = None;
    loop {
        till.wait(LOOK);
        let is_member = till.replica().own_role().is_some();
        if is_member && till.replica().rebuilding().is_none() && till.in_step() {
            // The manager's till names the register after it has let the device in: not to wait for
            // it would leave a till that sells nothing until it meets another one.
            let since: &Instant = has_all.get_or_insert_with(Instant::now);
            if serves_a_register(till) || since.elapsed() > REGISTER_PATIENCE {
                break;
            }
        }
        if let Some((done, total)) = till.catching_up() {
            progress.of(total);
            progress.at(done);
            if done != heard.1 {
                heard = (Instant::now(), done);
            }
        }
        if heard.0.elapsed() > PATIENCE {
            return Err(TerminalError::Usage(
                "the store's tills do not answer any more: start one and then `tillmesh run` here, \
                 which goes on where this stopped"
                    .to_owned(),
            ));
        }
    }
    progress.finish();
    let register = till.register(None).ok().map(|register| register.as_str().to_owned());
    let store = till.settings()?.name.clone();
    let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let answer = json!({"joined": {
        "store": store, "register": register, "fetched_ms": millis,
        "entries": till.replica().held_by_device().values().map(|held| held.entries).sum::<u64>(),
    }});
    context.output.answer(&answer, || {
        let register = register.map_or_else(String::new, |name| format!(" as register {name}"));
        format!("This till is part of {store}{register}. Start it with `tillmesh run`.")
    })
}

fn serves_a_register(till: &Till<FileStorage>) -> bool {
    let replica = till.replica();
    replica.books().registers().any(|(_, holder)| holder == replica.device())
}

/// Network and keyboard of the device that comes in.
struct AtTheNewDevice<'a> {
    output: &'a mut Output,
    answers: Receiver<String>,
    visit: Visit,
}

impl PairingIo<FileStorage> for AtTheNewDevice<'_> {
    fn next(&mut self, till: &mut Till<FileStorage>, until_ms: Option<u64>) -> PairingEvent {
        loop {
            if let Some(event) = self.visit.next(LOOK) {
                return event_of(event);
            }
            if let Some(answer) = typed_answer(&self.answers) {
                return PairingEvent::Answer(answer);
            }
            if until_ms.is_some_and(|until| till.moment().monotonic_ms >= until) {
                return PairingEvent::Quiet;
            }
        }
    }

    fn send(&mut self, _till: &mut Till<FileStorage>, conn: replica::sync::ConnId, frame: Vec<u8>) {
        self.visit.send(conn, frame);
    }

    fn close(&mut self, _till: &mut Till<FileStorage>, conn: replica::sync::ConnId) {
        self.visit.close(conn);
    }

    fn show(&mut self, text: &str) {
        if !self.output.is_json() {
            drop(self.output.text(text));
        }
    }
}
