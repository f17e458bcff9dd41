//! The engine: all connections of a replica. Frames in, frames out; entries go to the node.

use core::net::SocketAddr;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use pos_core::ids::DeviceId;
use thiserror::Error;

use super::message::{FrameError, Hello, Message, PROTOCOL_VERSION, StoredRow, Window};
use super::session::Session;
use super::sources::{Asked, Progress};
use super::{Class, ConnId};
use crate::core::{Cursor, FeedId, IngestError, Moment, Run};
use crate::limits;
use crate::node::Node;
use crate::storage::{Storage, StorageError};

/// What the engine wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send a frame.
    Send {
        /// On which connection.
        conn: ConnId,
        /// How urgent.
        class: Class,
        /// Its bytes.
        frame: Vec<u8>,
    },
    /// End a connection.
    Close {
        /// Which.
        conn: ConnId,
        /// Why, for the log and for the peer.
        reason: CloseReason,
    },
    /// A member of the store was reached at these addresses, a peer says.
    Learnt {
        /// The peer that says so.
        from: DeviceId,
        /// The member.
        device: DeviceId,
        /// Where.
        addresses: Vec<SocketAddr>,
    },
}

/// Why a connection is ended.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CloseReason {
    /// A frame that cannot be read.
    #[error("it sent {0}")]
    Frame(#[from] FrameError),
    /// Entries that are refused.
    #[error("it sent entries that are refused: {0}")]
    Entries(String),
    /// It speaks only versions this one does not.
    #[error(
        "it speaks versions {oldest} to {newest} of the protocol, this till version {PROTOCOL_VERSION}: update the older one"
    )]
    Version {
        /// Its lowest.
        oldest: u16,
        /// Its highest.
        newest: u16,
    },
    /// It belongs to another store.
    #[error("it belongs to another store")]
    OtherStore,
    /// It is no member of the store, or no more.
    #[error("it is not part of the store (any more)")]
    NotAMember,
    /// A frame that does not fit what was said before.
    #[error("it did not keep to the protocol: {0}")]
    Protocol(&'static str),
    /// Too many connections.
    #[error("too many connections at once")]
    Full,
}

/// A peer, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The device.
    pub device: DeviceId,
    /// Where it is.
    pub address: Option<SocketAddr>,
    /// Name and version of its software.
    pub software: String,
    /// Entries it holds, when it last said so, that are not here.
    pub ahead: u64,
    /// Bytes of entries on the way to it.
    pub in_flight: usize,
}

/// All connections of a replica.
#[derive(Debug)]
pub struct Engine {
    pub(super) me: DeviceId,
    /// Members by word of the pairing, until the roster is here.
    pub(super) trusted: BTreeSet<DeviceId>,
    pub(super) sessions: BTreeMap<ConnId, Session>,
    /// Who brings the entries of a device, now and in future.
    pub(super) sources: BTreeMap<DeviceId, Asked>,
    /// Who was asked besides, once, for what the source does not have.
    pub(super) repairs: BTreeMap<DeviceId, Asked>,
    /// Who was asked last for what the source does not have.
    pub(super) helped_last: BTreeMap<DeviceId, ConnId>,
    /// Devices whose entries could not be taken in for a reason of our own.
    pub(super) dropped: BTreeSet<DeviceId>,
    /// Until when nothing is taken in, for want of room on the disk.
    pub(super) room_at_ms: u64,
    pub(super) progress: BTreeMap<DeviceId, Progress>,
    /// How far other devices have stored the feeds of this one.
    stored: BTreeMap<DeviceId, BTreeMap<FeedId, u64>>,
    pub(super) chosen_ms: u64,
    /// Flushes of the node when it was last looked at.
    pub(super) pumped_at: u64,
    /// What was read last, from where, and after how many flushes.
    pub(super) read: Option<((FeedId, Cursor, u64), Run)>,
    /// Entries held when a peer was first found to have more.
    pub(super) held_before: Option<u64>,
    outputs: VecDeque<Output>,
}

impl Engine {
    /// The engine of a replica. `trusted` are devices that are let in though the roster that says
    /// so may not be here yet: the manager's that paired this one.
    pub fn new(me: DeviceId, trusted: BTreeSet<DeviceId>) -> Self {
        Self {
            me,
            trusted,
            sessions: BTreeMap::new(),
            sources: BTreeMap::new(),
            repairs: BTreeMap::new(),
            helped_last: BTreeMap::new(),
            dropped: BTreeSet::new(),
            room_at_ms: 0,
            progress: BTreeMap::new(),
            stored: BTreeMap::new(),
            chosen_ms: 0,
            pumped_at: 0,
            read: None,
            held_before: None,
            outputs: VecDeque::new(),
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// A connection is up: `device` is who its certificate says.
    pub fn connected<S: Storage>(
        &mut self,
        node: &mut Node<S>,
        at: Moment,
        conn: ConnId,
        device: DeviceId,
        address: Option<SocketAddr>,
    ) {
        if !self.admits(node, device) {
            return self.close(conn, CloseReason::NotAMember);
        }
        let Some(store) = node.replica().store_id().filter(|_| !self.is_full()) else {
            return self.close(conn, CloseReason::Full);
        };
        self.sessions.insert(conn, Session::new(device, address, at.monotonic_ms));
        let held = node.replica().held_digest().to_bytes();
        let hello = Hello {
            oldest: PROTOCOL_VERSION,
            newest: PROTOCOL_VERSION,
            store,
            held,
            software: concat!("tillmesh ", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        self.send(conn, &Message::Hello(hello));
    }

    /// A connection is gone.
    pub fn disconnected<S: Storage>(&mut self, node: &mut Node<S>, at: Moment, conn: ConnId) {
        self.forget(conn);
        self.choose(node, at.monotonic_ms);
    }

    /// A frame has come.
    pub fn frame<S: Storage>(
        &mut self,
        node: &mut Node<S>,
        at: Moment,
        conn: ConnId,
        class: Class,
        bytes: &[u8],
    ) {
        if !self.sessions.contains_key(&conn) {
            return;
        }
        match Message::decode(class, bytes) {
            Ok(Some(message)) => {
                if let Err(reason) = self.handle(node, at, conn, message) {
                    self.close(conn, reason);
                }
            }
            Ok(None) => {}
            Err(error) => self.close(conn, error.into()),
        }
    }

    /// Does what time asks for.
    pub fn tick<S: Storage>(&mut self, node: &mut Node<S>, at: Moment) {
        let now = at.monotonic_ms;
        for conn in self.conns() {
            let Some(session) = self.sessions.get(&conn) else { continue };
            let (device, ready, due) = (session.device, session.ready, session.digest_due_ms);
            if !self.admits(node, device) {
                self.close(conn, CloseReason::NotAMember);
            } else if ready && due <= now {
                self.send_digest(node, conn, now);
            }
        }
        let patience_ends = self.chosen_ms.saturating_add(limits::SOURCE_PATIENCE_MS) <= now;
        if patience_ends || (!self.dropped.is_empty() && self.room_at_ms <= now) {
            self.choose(node, now);
        }
        self.pump(node);
        self.resume(node);
    }

    /// When to call [`Self::tick`] again, in milliseconds of the monotonic clock.
    pub fn poll_timeout(&self) -> Option<u64> {
        let ready = self.sessions.values().filter(|session| session.ready);
        let digest = ready.map(|session| session.digest_due_ms).min();
        let choose = (!self.sessions.is_empty())
            .then(|| self.chosen_ms.saturating_add(limits::SOURCE_PATIENCE_MS));
        [digest, choose].into_iter().flatten().min()
    }

    /// The peers that are connected.
    pub fn peers(&self) -> impl Iterator<Item = Peer> {
        self.sessions.values().filter(|session| session.ready).map(|session| Peer {
            device: session.device,
            address: session.address,
            software: session.software.clone(),
            ahead: session.theirs.values().map(|row| row.entries).max().unwrap_or(0),
            in_flight: session.in_flight_bytes(),
        })
    }

    /// Whether there is nothing to send to anybody until a feed grows.
    pub fn has_sent_all(&self) -> bool {
        let serving = self.sessions.values().flat_map(|session| session.serving.values());
        serving.into_iter().all(super::session::Serving::is_idle)
    }

    /// On how many devices besides this one the entry `seq` of an own feed is stored.
    pub fn stored_on(&self, feed: &FeedId, seq: u64) -> usize {
        let reached =
            |feeds: &&BTreeMap<FeedId, u64>| feeds.get(feed).is_some_and(|&stored| stored >= seq);
        self.stored.values().filter(reached).count()
    }

    /// Whether a peer is connected, and none holds what is not here, as far as they have said.
    pub fn in_step<S: Storage>(&self, node: &Node<S>) -> bool {
        let mut ready = self.sessions.values().filter(|session| session.ready).peekable();
        ready.peek().is_some()
            && self.progress.is_empty()
            && ready.all(|session| {
                !session.awaits_summary
                    && session
                        .theirs
                        .values()
                        .all(|row| !super::sources::is_ahead(node.replica(), row))
            })
    }

    /// Whether every connected peer has stored the entry `seq` of an own feed.
    pub fn stored_by_all(&self, feed: &FeedId, seq: u64) -> bool {
        self.sessions.values().filter(|session| session.ready).all(|session| {
            let feeds = self.stored.get(&session.device);
            feeds.and_then(|feeds| feeds.get(feed)).is_some_and(|&stored| stored >= seq)
        })
    }

    fn handle<S: Storage>(
        &mut self,
        node: &mut Node<S>,
        at: Moment,
        conn: ConnId,
        message: Message,
    ) -> Result<(), CloseReason> {
        let ready = self.sessions.get(&conn).is_some_and(|session| session.ready);
        match message {
            Message::Hello(_) if ready => return Err(CloseReason::Protocol("a second hello")),
            Message::Hello(hello) => return self.hello(node, at, conn, hello),
            _ if !ready => return Err(CloseReason::Protocol("no hello")),
            Message::Digest(digest) => self.digest(node, conn, digest),
            Message::Summary(rows) => self.summary(node, at.monotonic_ms, conn, rows),
            Message::Want(want) => self.want(node, conn, want)?,
            Message::Differs(device) => self.send_feeds(node, conn, device),
            Message::Enough(device) => self.enough(conn, device),
            Message::Total(total) => self.total(conn, total),
            Message::Window(window) => return self.window(node, at, conn, &window),
            Message::Ack(ids) => self.ack(node, conn, &ids),
            Message::Stored(rows) => self.stored_rows(node, &rows),
            Message::Peers(peers) => self.learn(conn, peers),
        }
        Ok(())
    }

    fn hello<S: Storage>(
        &mut self,
        node: &mut Node<S>,
        at: Moment,
        conn: ConnId,
        hello: Hello,
    ) -> Result<(), CloseReason> {
        let Hello { oldest, newest, store, held, software } = hello;
        if !(oldest..=newest).contains(&PROTOCOL_VERSION) {
            return Err(CloseReason::Version { oldest, newest });
        }
        if node.replica().store_id() != Some(store) {
            return Err(CloseReason::OtherStore);
        }
        let known = self.reached_members(conn);
        let Some(session) = self.sessions.get_mut(&conn) else { return Ok(()) };
        session.ready = true;
        session.software = software.chars().take(limits::SOFTWARE_CHARS_MAX).collect();
        let (device, address) = (session.device, session.address);
        session.digest_due_ms = at.monotonic_ms.saturating_add(limits::DIGEST_EVERY_MS);
        self.digest(node, conn, held);
        if !known.is_empty() {
            self.send(conn, &Message::Peers(known));
        }
        if let Some(address) = address {
            for other in self.conns().into_iter().filter(|other| *other != conn) {
                self.send(other, &Message::Peers(vec![(device, vec![address])]));
            }
        }
        self.choose(node, at.monotonic_ms);
        Ok(())
    }

    fn window<S: Storage>(
        &mut self,
        node: &mut Node<S>,
        at: Moment,
        conn: ConnId,
        window: &Window,
    ) -> Result<(), CloseReason> {
        let (Some(store), Some(session)) =
            (node.replica().store_id(), self.sessions.get_mut(&conn))
        else {
            return Ok(());
        };
        let unpacked = session.unpacker.unpack(store, &window.packed).map_err(FrameError::from)?;
        let entries: Vec<&[u8]> = unpacked.iter().map(Vec::as_slice).collect();
        let (author, connects) =
            node.connects(&entries).map_err(|error| CloseReason::Entries(error.to_string()))?;
        if at.monotonic_ms < self.room_at_ms {
            // What follows what the disk had no room for: fetched with it, not over and over.
            self.dropped.insert(author);
            return Ok(());
        }
        if !connects {
            // Something in between was lost on the way: asked for from where this replica is.
            self.ask_again(node, conn, author, at.monotonic_ms);
            return Ok(());
        }
        match node.ingest(at, &entries) {
            Ok(ingested) => {
                self.heard(conn, author, entries.len(), ingested.new, at.monotonic_ms);
                self.send(conn, &Message::Ack(vec![window.id]));
                self.pump(node);
                Ok(())
            }
            // Our own disk or index: the peer is not to blame, and is asked again later.
            Err(error @ (IngestError::Disk(_) | IngestError::Refused(_))) => {
                self.dropped.insert(author);
                if matches!(error, IngestError::Disk(StorageError::Full(_))) {
                    self.room_at_ms = at.monotonic_ms.saturating_add(limits::ROOM_AFTER_MS);
                }
                Ok(())
            }
            Err(refused) => Err(CloseReason::Entries(refused.to_string())),
        }
    }

    /// Counts windows as stored by a peer, and passes that on to their author.
    fn ack<S: Storage>(&mut self, node: &mut Node<S>, conn: ConnId, ids: &[u64]) {
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        let by = session.device;
        let arrived: Vec<_> = ids.iter().filter_map(|id| session.arrived(*id)).collect();
        let mut told: BTreeMap<ConnId, Vec<StoredRow>> = BTreeMap::new();
        for window in arrived {
            let (feed, seq) = (window.feed, window.last);
            if feed.device == self.me {
                self.note_stored(by, feed, seq);
            } else if let Some(author) = self.conn_of(feed.device) {
                let floor = feed.lane == crate::core::Lane::Floor;
                let row = StoredRow { by, incarnation: feed.incarnation, floor, seq };
                told.entry(author).or_default().push(row);
            }
        }
        for (author, rows) in told {
            self.send(author, &Message::Stored(rows));
        }
        self.serve(node, conn);
    }

    /// Believes a relay what it says of members and of entries that are.
    fn stored_rows<S: Storage>(&mut self, node: &Node<S>, rows: &[StoredRow]) {
        let members = node.replica().roster().members();
        let by_members = rows.iter().filter(|row| members.contains(&row.by));
        for row in by_members.take(limits::ROWS_PER_FRAME) {
            let lane = if row.floor { crate::core::Lane::Floor } else { crate::core::Lane::Ledger };
            let feed = FeedId { device: self.me, incarnation: row.incarnation, lane };
            let state = node.replica().feed_state(&feed);
            if state.is_some_and(|state| row.seq <= state.reached()) {
                self.note_stored(row.by, feed, row.seq);
            }
        }
    }

    pub(super) fn note_stored(&mut self, by: DeviceId, feed: FeedId, seq: u64) {
        let is_full = self.stored.len() >= limits::SUMMARY_DEVICES_MAX;
        if by == self.me || (is_full && !self.stored.contains_key(&by)) {
            return;
        }
        let reached = self.stored.entry(by).or_default().entry(feed).or_default();
        *reached = (*reached).max(seq);
    }

    /// Where other members are reached, for a newcomer.
    fn reached_members(&self, but: ConnId) -> Vec<(DeviceId, Vec<SocketAddr>)> {
        let others = self.sessions.iter().filter(|(conn, session)| **conn != but && session.ready);
        others
            .filter_map(|(_, session)| Some((session.device, vec![session.address?])))
            .take(limits::ROWS_PER_FRAME)
            .collect()
    }

    fn learn(&mut self, conn: ConnId, peers: Vec<(DeviceId, Vec<SocketAddr>)>) {
        let Some(from) = self.sessions.get(&conn).map(|session| session.device) else { return };
        for (device, mut addresses) in peers.into_iter().take(limits::ROWS_PER_FRAME) {
            addresses.truncate(limits::ADDRESSES_PER_PEER_MAX);
            if device != self.me {
                self.outputs.push_back(Output::Learnt { from, device, addresses });
            }
        }
    }

    fn admits<S: Storage>(&self, node: &Node<S>, device: DeviceId) -> bool {
        let roster = node.replica().roster();
        roster.members().contains(&device)
            || (self.trusted.contains(&device) && !roster.is_revoked(device))
    }

    fn is_full(&self) -> bool {
        self.sessions.len() >= limits::SESSIONS_MAX
    }

    pub(super) fn conns(&self) -> Vec<ConnId> {
        self.sessions.keys().copied().collect()
    }

    /// The connection to a device itself, if there is one.
    pub(super) fn conn_of(&self, device: DeviceId) -> Option<ConnId> {
        let direct = |(_, session): &(&ConnId, &Session)| session.ready && session.device == device;
        self.sessions.iter().find(direct).map(|(conn, _)| *conn)
    }

    pub(super) fn send(&mut self, conn: ConnId, message: &Message) {
        self.send_as(conn, Class::Control, message);
    }

    pub(super) fn send_as(&mut self, conn: ConnId, class: Class, message: &Message) {
        self.outputs.push_back(Output::Send { conn, class, frame: message.encode() });
    }

    pub(super) fn close(&mut self, conn: ConnId, reason: CloseReason) {
        self.forget(conn);
        self.outputs.push_back(Output::Close { conn, reason });
    }

    fn forget(&mut self, conn: ConnId) {
        self.sessions.remove(&conn);
        self.sources.retain(|_, asked| asked.conn != conn);
        self.repairs.retain(|_, asked| asked.conn != conn);
        self.progress.retain(|_, progress| progress.conn != conn);
        self.outputs
            .retain(|output| !matches!(output, Output::Send { conn: of, .. } if *of == conn));
    }
}
