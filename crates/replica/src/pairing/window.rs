//! The manager's side: a window that is open for a few minutes and lets one device in.

use core::net::SocketAddr;
use std::collections::{BTreeMap, VecDeque};

use pos_core::ids::{DeviceId, StoreId};

use super::message::Message;
use super::ticket::{Invitation, Ticket, TypedCode};
use super::words::{Channel, Side, Words};
use super::{Method, Refusal};
use crate::core::{DeviceName, Role, RosterRecord};
use crate::limits;
use crate::sync::ConnId;

/// What a window is opened with. All randomness comes from here and is used once.
#[derive(Clone)]
pub struct Opening {
    /// The store devices are let into.
    pub store: StoreId,
    /// This device, a manager of the store.
    pub manager: DeviceId,
    /// What the new device shall be.
    pub role: Role,
    /// Where this device, and others of the store, may be met; at most
    /// [`limits::PAIRING_ADDRESSES_MAX`] of them are passed on.
    pub addresses: Vec<SocketAddr>,
    /// 16 random bytes: the secret of the QR code.
    pub secret: [u8; 16],
    /// 5 random bytes: the typed code.
    pub code: [u8; 5],
    /// 32 random bytes: this side's nonce.
    pub nonce: [u8; 32],
}

impl core::fmt::Debug for Opening {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Opening")
            .field("store", &self.store)
            .field("manager", &self.manager)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// What the person at the manager's till is asked: do both screens show these words, and may this
/// device come in?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The new device.
    pub device: DeviceId,
    /// What it would like to be called.
    pub name: DeviceName,
    /// The words.
    pub words: Words,
    /// With [`Method::Code`] the words have to be compared; nothing else tells a device in the
    /// middle from the one that is meant.
    pub method: Method,
}

/// A device to let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// Its key.
    pub device: DeviceId,
    /// Its name.
    pub name: DeviceName,
    /// What it may do.
    pub role: Role,
}

impl Added {
    /// The record the manager's till signs.
    pub fn record(&self) -> RosterRecord {
        RosterRecord::DeviceAdded { device: self.device, role: self.role, name: self.name.clone() }
    }
}

/// How a window ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The device is in, and has been told so if its connection held.
    Added(Added),
    /// Nobody came in. Another window may be opened.
    Failed(Refusal),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WindowOutput {
    /// Send a frame.
    Send {
        /// On this connection.
        conn: ConnId,
        /// The frame.
        frame: Vec<u8>,
    },
    /// Close a connection, once what was sent on it has gone out.
    Close(ConnId),
    /// Show the words and ask: then [`Window::confirm`] or [`Window::reject`].
    Compare(Comparison),
    /// Sign the record and wait until it is on disk: then [`Window::added`] or
    /// [`Window::not_added`].
    Add(Added),
    /// It is over.
    Ended(Ending),
}

/// A connection that has not said anything yet.
#[derive(Debug)]
struct Waiting {
    channel: Channel,
    deadline: u64,
}

/// The one device whose ticket was right.
#[derive(Debug)]
struct Session {
    conn: ConnId,
    channel: Channel,
    method: Method,
    name: DeviceName,
    commitment: [u8; 32],
    /// Both nonces are known and the words are on the screen.
    revealed: bool,
    ready: bool,
    confirmed: bool,
    adding: Option<Added>,
    deadline: u64,
}

/// An open pairing window. It lets one device in, once; it closes after five minutes, after five
/// wrong codes, and as soon as a device with the right code has come in or failed.
#[derive(Debug)]
pub struct Window {
    opening: Opening,
    deadline: u64,
    wrong_tries: u32,
    waiting: BTreeMap<ConnId, Waiting>,
    session: Option<Session>,
    over: bool,
    outputs: VecDeque<WindowOutput>,
}

impl Window {
    /// Opens a window. `now_ms` counts milliseconds and only goes forward.
    pub const fn open(opening: Opening, now_ms: u64) -> Self {
        Self {
            opening,
            deadline: now_ms.saturating_add(limits::PAIRING_OPEN_MS),
            wrong_tries: 0,
            waiting: BTreeMap::new(),
            session: None,
            over: false,
            outputs: VecDeque::new(),
        }
    }

    /// What the QR code says.
    pub fn invitation(&self) -> Invitation {
        Invitation {
            store: self.opening.store,
            manager: self.opening.manager,
            secret: self.opening.secret,
            addresses: self.addresses(),
        }
    }

    /// What a person may type instead.
    pub const fn code(&self) -> TypedCode {
        TypedCode::from_random(self.opening.code)
    }

    /// Whether it is over. What still comes in is answered with a refusal.
    pub const fn is_over(&self) -> bool {
        self.over
    }

    /// Milliseconds until the window closes by itself.
    pub const fn left_ms(&self, now_ms: u64) -> u64 {
        self.deadline.saturating_sub(now_ms)
    }

    /// The next thing to do, in order.
    pub fn poll(&mut self) -> Option<WindowOutput> {
        self.outputs.pop_front()
    }

    /// When to call [`Window::tick`].
    pub fn poll_timeout(&self) -> Option<u64> {
        if self.over {
            return None;
        }
        let waiting = self.waiting.values().map(|waiting| waiting.deadline);
        let session = self.session.as_ref().map_or(self.deadline, |session| session.deadline);
        waiting.chain([session]).min()
    }

    /// A device has connected. TLS vouches for `peer` and gave `exporter`.
    pub fn connected(&mut self, now_ms: u64, conn: ConnId, peer: DeviceId, exporter: [u8; 32]) {
        self.tick(now_ms);
        if self.over {
            return self.refuse(conn, Refusal::Closed);
        }
        if self.session.is_some() {
            return self.refuse(conn, Refusal::Busy);
        }
        if peer == self.opening.manager {
            return self.refuse(conn, Refusal::OutOfTurn);
        }
        // An honest device speaks at once: who has been silent longest makes room.
        if self.waiting.len() >= limits::PAIRING_WAITING_MAX {
            let longest = self.waiting.iter().min_by_key(|(_, waiting)| waiting.deadline);
            if let Some(silent) = longest.map(|(conn, _)| *conn) {
                self.waiting.remove(&silent);
                self.refuse(silent, Refusal::Busy);
            }
        }
        let channel = Channel { joiner: peer, manager: self.opening.manager, exporter };
        let deadline = now_ms.saturating_add(limits::PAIRING_HELLO_MS);
        self.waiting.insert(conn, Waiting { channel, deadline });
    }

    /// A frame has come.
    pub fn received(&mut self, now_ms: u64, conn: ConnId, frame: &[u8]) {
        self.tick(now_ms);
        if self.over {
            return;
        }
        if self.session.as_ref().is_some_and(|session| session.conn == conn) {
            self.in_session(Message::decode(frame).as_ref());
        } else if let Some(waiting) = self.waiting.remove(&conn) {
            self.hello(now_ms, conn, waiting.channel, Message::decode(frame));
        }
    }

    /// A connection has ended.
    pub fn closed(&mut self, now_ms: u64, conn: ConnId) {
        self.tick(now_ms);
        self.waiting.remove(&conn);
        match &self.session {
            // What is being written is written: the device is in, and finds out when it tries.
            Some(session) if session.conn == conn && session.adding.is_none() => {
                self.end(Ending::Failed(Refusal::Disconnected));
            }
            _ => {}
        }
    }

    /// The person says: the words are the same, let it in; under this name, if another one was
    /// typed.
    pub fn confirm(&mut self, now_ms: u64, name: Option<DeviceName>) {
        self.tick(now_ms);
        if let Some(session) = self.session.as_mut().filter(|session| session.revealed) {
            session.confirmed = true;
            session.name = name.unwrap_or_else(|| session.name.clone());
            self.add_if_agreed();
        }
    }

    /// The person says no.
    pub fn reject(&mut self, now_ms: u64) {
        self.tick(now_ms);
        if !self.is_adding() {
            self.fail(Refusal::Rejected);
        }
    }

    /// The record that lets the device in is on disk.
    pub fn added(&mut self) {
        let Some(session) = &self.session else { return };
        let (conn, Some(added)) = (session.conn, session.adding.clone()) else { return };
        let (store, addresses) = (self.opening.store, self.addresses());
        self.send(conn, &Message::Welcome { store, addresses });
        self.end(Ending::Added(added));
    }

    /// The record could not be written.
    pub fn not_added(&mut self) {
        if self.is_adding() {
            self.fail(Refusal::NotAdded);
        }
    }

    /// Closes the window.
    pub fn cancel(&mut self) {
        if !self.is_adding() {
            self.fail(Refusal::Closed);
        }
    }

    /// Does what time asks for.
    pub fn tick(&mut self, now_ms: u64) {
        if self.over || self.is_adding() {
            return;
        }
        let late: Vec<ConnId> = self
            .waiting
            .iter()
            .filter(|(_, waiting)| waiting.deadline <= now_ms)
            .map(|(conn, _)| *conn)
            .collect();
        for conn in late {
            self.waiting.remove(&conn);
            self.refuse(conn, Refusal::TimedOut);
        }
        let deadline = self.session.as_ref().map_or(self.deadline, |session| session.deadline);
        if deadline <= now_ms {
            self.fail(Refusal::TimedOut);
        }
    }

    /// The first message of a connection: the only one that costs a try.
    fn hello(&mut self, now_ms: u64, conn: ConnId, channel: Channel, message: Option<Message>) {
        let Some(Message::Hello { method, proof, commitment, name }) = message else {
            return self.wrong_try(conn, Refusal::Malformed);
        };
        let ticket = match method {
            Method::Invitation => Ticket::Invitation(self.invitation()),
            Method::Code => Ticket::Code(self.code()),
        };
        // Compared in constant time.
        if channel.proof(method, &ticket.secret()) != blake3::Hash::from_bytes(proof) {
            return self.wrong_try(conn, Refusal::WrongCode);
        }
        if self.session.is_some() {
            return self.refuse(conn, Refusal::Busy);
        }
        let answer = channel.commitment(Side::Manager, &self.opening.nonce);
        self.send(conn, &Message::Commit { commitment: *answer.as_bytes() });
        let deadline = now_ms.saturating_add(limits::PAIRING_CONFIRM_MS);
        self.session = Some(Session {
            conn,
            channel,
            method,
            name,
            commitment,
            revealed: false,
            ready: false,
            confirmed: false,
            adding: None,
            deadline,
        });
        // One at a time: the others need not wait for what they cannot have.
        for conn in core::mem::take(&mut self.waiting).into_keys() {
            self.refuse(conn, Refusal::Busy);
        }
    }

    fn in_session(&mut self, message: Option<&Message>) {
        let Some(session) = &mut self.session else { return };
        let refusal = match message {
            None => Refusal::Malformed,
            Some(Message::Stop { reason }) => {
                if session.adding.is_none() {
                    self.end(Ending::Failed(*reason));
                }
                return;
            }
            Some(Message::Reveal { nonce }) if !session.revealed => {
                let kept = session.channel.commitment(Side::Joiner, nonce);
                if kept == blake3::Hash::from_bytes(session.commitment) {
                    return self.show_words(nonce);
                }
                Refusal::BrokenCommitment
            }
            Some(Message::Ready) if session.revealed && !session.ready => {
                session.ready = true;
                return self.add_if_agreed();
            }
            Some(_) => Refusal::OutOfTurn,
        };
        if !self.is_adding() {
            self.fail(refusal);
        }
    }

    fn show_words(&mut self, joiner: &[u8; 32]) {
        let manager = self.opening.nonce;
        let Some(session) = &mut self.session else { return };
        session.revealed = true;
        let comparison = Comparison {
            device: session.channel.joiner,
            name: session.name.clone(),
            words: session.channel.words(session.method, joiner, &manager),
            method: session.method,
        };
        let conn = session.conn;
        self.send(conn, &Message::Reveal { nonce: manager });
        self.outputs.push_back(WindowOutput::Compare(comparison));
    }

    fn add_if_agreed(&mut self) {
        let role = self.opening.role;
        let Some(session) = &mut self.session else { return };
        if session.ready && session.confirmed && session.adding.is_none() {
            let added = Added { device: session.channel.joiner, name: session.name.clone(), role };
            session.adding = Some(added.clone());
            self.outputs.push_back(WindowOutput::Add(added));
        }
    }

    fn wrong_try(&mut self, conn: ConnId, refusal: Refusal) {
        self.wrong_tries = self.wrong_tries.saturating_add(1);
        self.refuse(conn, refusal);
        if self.wrong_tries >= limits::PAIRING_TRIES_MAX {
            self.fail(Refusal::TooManyTries);
        }
    }

    fn is_adding(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.adding.is_some())
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.opening.addresses.iter().take(limits::PAIRING_ADDRESSES_MAX).copied().collect()
    }

    fn send(&mut self, conn: ConnId, message: &Message) {
        self.outputs.push_back(WindowOutput::Send { conn, frame: message.encode() });
    }

    fn refuse(&mut self, conn: ConnId, reason: Refusal) {
        self.send(conn, &Message::Stop { reason });
        self.outputs.push_back(WindowOutput::Close(conn));
    }

    /// Ends the window and tells whoever is connected.
    fn fail(&mut self, reason: Refusal) {
        if self.over {
            return;
        }
        if let Some(conn) = self.session.as_ref().map(|session| session.conn) {
            self.send(conn, &Message::Stop { reason });
        }
        self.end(Ending::Failed(reason));
    }

    fn end(&mut self, ending: Ending) {
        self.over = true;
        if let Some(session) = self.session.take() {
            self.outputs.push_back(WindowOutput::Close(session.conn));
        }
        for conn in core::mem::take(&mut self.waiting).into_keys() {
            self.refuse(conn, Refusal::Closed);
        }
        self.outputs.push_back(WindowOutput::Ended(ending));
    }
}
