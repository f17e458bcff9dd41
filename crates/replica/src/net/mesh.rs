//! A replica in its store: node, sync engine, sockets, discovery and address book, driven by one
//! thread that is never kept waiting by the network.
//!
//! Whoever holds the node calls [`Mesh::turn`] between its own commands, and [`Mesh::wait`] when it
//! has nothing to do. Sockets live in threads of their own and speak over one bounded channel.

use core::net::SocketAddr;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use pos_core::ids::{CartId, DeviceId};
use thiserror::Error;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::discovery::{Discovery, DiscoveryConfig, DiscoveryError, DiscoveryEvent};
use super::{
    DialFailure, Endpoint, EndpointConfig, Members, NetError, NetEvent, NetLimits, NetStats,
};
use crate::contacts::{self, Contacts, Diagnosis};
use crate::core::{DeviceKey, FeedId, Lane, Moment};
use crate::node::Node;
use crate::presence::{Place, PresenceTable};
use crate::storage::Storage;
use crate::sync::{Class, ConnId, Engine, Output, Peer};

use super::limits::{
    CONTACTS_SAVED_EVERY_MS, EVENTS_PER_TURN, EVENTS_QUEUED_MAX, NEWS_MAX, SPREAD_KEPT,
    SPREADING_MAX,
};

/// Small file with the addresses that worked.
const CONTACTS_FILE: &str = "contacts";

/// How a replica is put on the network.
#[derive(Debug)]
pub struct MeshConfig {
    /// The device's key.
    pub key: DeviceKey,
    /// Where to listen; port 0 takes any.
    pub bind: SocketAddr,
    /// Addresses to dial besides those that are found.
    pub configured: Vec<SocketAddr>,
    /// Whether to announce this till and look for others with mDNS.
    pub discover: bool,
    /// Whether several tills share this machine: then loopback addresses are announced too.
    pub loopback: bool,
    /// Whether addresses are dialled that peers tell of, or that worked before.
    pub learn: bool,
    /// Members by word of the pairing, until the roster is here.
    pub trusted: BTreeSet<DeviceId>,
    /// What is allowed at the door: the default, unless many tills share one address.
    pub limits: NetLimits,
}

/// Why a replica is not put on the network.
#[derive(Debug, Error)]
pub enum MeshError {
    /// The socket.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The device belongs to no store yet.
    #[error("this till belongs to no store yet: found one, or join one")]
    NoStore,
    /// No thread to wait in.
    #[error("the system gives no means to wait for the network: {0}")]
    Wait(std::io::Error),
}

/// What happened on the network, for the log and the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A peer is connected.
    Up {
        /// Who.
        device: DeviceId,
        /// Where.
        address: SocketAddr,
    },
    /// A peer is gone.
    Down {
        /// Who.
        device: DeviceId,
        /// Why.
        reason: String,
    },
    /// Somebody was not let in, or was cut off for what it sent.
    Refused {
        /// From where, or who.
        who: String,
        /// Why.
        reason: String,
    },
    /// Other tills cannot be found by mDNS here, or can be again.
    Discovery(Result<(), String>),
}

/// What happens on connections that devices pair over.
#[derive(Debug)]
pub enum PairingNews {
    /// A device is there that need not be a member.
    Connected {
        /// The connection.
        conn: ConnId,
        /// Who, proven by its key.
        device: DeviceId,
        /// Where.
        address: SocketAddr,
        /// A secret of this TLS session.
        exporter: [u8; 32],
    },
    /// A frame.
    Frame {
        /// On which connection.
        conn: ConnId,
        /// What it says.
        bytes: Vec<u8>,
    },
    /// A connection is gone.
    Closed(ConnId),
}

impl PairingNews {
    pub(super) fn of(event: NetEvent) -> Option<Self> {
        match event {
            NetEvent::PairingConnected { conn, device, address, exporter, .. } => {
                Some(Self::Connected { conn, device, address, exporter })
            }
            NetEvent::Frame { conn, bytes, .. } => {
                Some(Self::Frame { conn, bytes: bytes.into_vec() })
            }
            NetEvent::Closed { conn, .. } => Some(Self::Closed(conn)),
            NetEvent::Connected { .. }
            | NetEvent::Datagram { .. }
            | NetEvent::DialFailed { .. }
            | NetEvent::Refused { .. }
            | NetEvent::Down => None,
        }
    }
}

#[derive(Debug)]
enum Event {
    Net(NetEvent),
    Found(DiscoveryEvent),
    /// Somebody wants the waiting to end.
    Nudge,
}

impl From<NetEvent> for Event {
    fn from(event: NetEvent) -> Self {
        Self::Net(event)
    }
}

/// Ends a [`Mesh::wait`] from another thread.
#[derive(Debug, Clone)]
pub struct Nudger(mpsc::Sender<Event>);

impl Nudger {
    /// Ends it. A full channel ends it as well.
    pub fn nudge(&self) {
        drop(self.0.try_send(Event::Nudge));
    }
}

/// A replica in its store.
#[derive(Debug)]
pub struct Mesh {
    engine: Engine,
    endpoint: Endpoint,
    contacts: Contacts,
    discovery: Option<Discovery>,
    members: Members,
    /// The roster's members when they were last passed on, and how many records it had then.
    known: (BTreeSet<DeviceId>, usize),
    learn: bool,
    trusted: BTreeSet<DeviceId>,
    devices: BTreeMap<ConnId, DeviceId>,
    events: mpsc::Receiver<Event>,
    sender: mpsc::Sender<Event>,
    runtime: Runtime,
    pairing: VecDeque<PairingNews>,
    news: VecDeque<News>,
    presence: PresenceTable,
    /// Own Ledger entries that not all connected peers have stored yet, and since when they are here.
    spreading: VecDeque<(FeedId, u64, Instant)>,
    spread: VecDeque<u64>,
    measured: Option<(FeedId, u64)>,
    saved_revision: u64,
    saved_ms: u64,
    ticked_ms: u64,
    sent_frames: SentFrames,
}

/// Frames given to the sockets since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SentFrames {
    /// How many.
    pub count: u64,
    /// Their bytes, without their lengths and all that QUIC adds.
    pub bytes: u64,
}

impl Mesh {
    /// Puts the replica of `node` on the network.
    pub fn start<S: Storage>(
        config: MeshConfig,
        node: &mut Node<S>,
        at: Moment,
    ) -> Result<Self, MeshError> {
        let me = node.replica().device();
        let store = node.replica().store_id().ok_or(MeshError::NoStore)?;
        let (sender, events) = mpsc::channel(EVENTS_QUEUED_MAX);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(MeshError::Wait)?;
        let members = Members::new(config.trusted.iter().copied());
        let endpoint = Endpoint::start(
            EndpointConfig {
                key: config.key,
                bind: config.bind,
                members: members.clone(),
                limits: config.limits,
                runtime: None,
            },
            sender.clone(),
        )?;
        let port = endpoint.local_address().port();
        let mut contacts = Contacts::new(me, port);
        if config.learn
            && let Ok(Some(bytes)) = node.storage().small_file(CONTACTS_FILE)
        {
            contacts.restore(at.monotonic_ms, &bytes);
        }
        for address in config.configured {
            contacts.add_static(at.monotonic_ms, address);
        }
        let mut news = VecDeque::new();
        let mut announced = DiscoveryConfig::new(store, me, port);
        announced.loopback = config.loopback;
        let discovery = config.discover.then(|| discover(announced, sender.clone()));
        let discovery = match discovery.transpose() {
            Ok(discovery) => discovery,
            Err(error) => {
                news.push_back(News::Discovery(Err(error.to_string())));
                None
            }
        };
        let mut mesh = Self {
            engine: Engine::new(me, config.trusted.clone()),
            endpoint,
            contacts,
            discovery,
            members,
            // No count of records yet: those trusted by word are passed on before the roster is here.
            known: (BTreeSet::new(), usize::MAX),
            learn: config.learn,
            trusted: config.trusted,
            devices: BTreeMap::new(),
            events,
            sender,
            runtime,
            pairing: VecDeque::new(),
            news,
            presence: PresenceTable::new(me, at.wall.as_millis().cast_unsigned()),
            spreading: VecDeque::new(),
            spread: VecDeque::new(),
            measured: None,
            saved_revision: 0,
            saved_ms: at.monotonic_ms,
            ticked_ms: 0,
            sent_frames: SentFrames::default(),
        };
        mesh.follow_roster(node, at);
        Ok(mesh)
    }

    /// Handles what has come, sends what there is to send, dials whom it is time to dial. Never
    /// waits, and takes no more than a bounded bite of what has come.
    pub fn turn<S: Storage>(&mut self, node: &mut Node<S>, at: Moment) {
        for _ in 0..EVENTS_PER_TURN {
            let Ok(event) = self.events.try_recv() else { break };
            self.handle(node, at, event);
        }
        self.settle(node, at);
    }

    /// Waits until something comes, at most `longest`, and handles it.
    pub fn wait<S: Storage>(
        &mut self,
        node: &mut Node<S>,
        longest: Duration,
        now: impl FnOnce() -> Moment,
    ) {
        let events = &mut self.events;
        let first =
            self.runtime.block_on(async { tokio::time::timeout(longest, events.recv()).await });
        let at = now();
        if let Ok(Some(event)) = first {
            self.handle(node, at, event);
        }
        self.turn(node, at);
    }

    /// When to call [`Self::turn`] at the latest, in milliseconds of the monotonic clock.
    pub fn poll_timeout(&self) -> Option<u64> {
        let presence = Some(self.presence.next_poll_ms());
        let due = [self.engine.poll_timeout(), self.contacts.next_timeout(), presence];
        due.into_iter().flatten().min()
    }

    /// Ends a wait from another thread.
    pub fn nudger(&self) -> Nudger {
        Nudger(self.sender.clone())
    }

    /// The peers that are connected.
    pub fn peers(&self) -> impl Iterator<Item = Peer> {
        self.engine.peers()
    }

    /// Entries taken in and entries announced, while this till catches up.
    pub fn catching_up<S: Storage>(&self, node: &Node<S>) -> Option<(u64, u64)> {
        self.engine.catching_up(node.replica())
    }

    /// On how many other devices an own entry is stored.
    pub fn stored_on(&self, feed: &FeedId, seq: u64) -> usize {
        self.engine.stored_on(feed, seq)
    }

    /// Microseconds from the moment an own sale, payment or other lasting entry was on this disk until
    /// every connected peer had said that it is on its own: of the last entries.
    pub fn spread_micros(&self) -> impl Iterator<Item = u64> {
        self.spread.iter().copied()
    }

    fn measure<S: Storage>(&mut self, node: &Node<S>) {
        if let Some((feed, seq)) = node.replica().own_end(Lane::Ledger)
            && self.spreading.back().is_none_or(|(of, last, _)| (*of, *last) != (feed, seq))
            && self.measured != Some((feed, seq))
        {
            self.measured = Some((feed, seq));
            self.spreading.push_back((feed, seq, Instant::now()));
        }
        while let Some((feed, seq, since)) = self.spreading.front() {
            let waiting = !self.engine.stored_by_all(feed, *seq);
            if waiting && self.spreading.len() <= SPREADING_MAX {
                break;
            }
            if !waiting && !self.devices.is_empty() {
                let micros = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
                self.spread.push_back(micros);
                if self.spread.len() > SPREAD_KEPT {
                    self.spread.pop_front();
                }
            }
            self.spreading.pop_front();
        }
    }

    /// What keeps tills from finding each other, in words.
    pub fn diagnosis(&mut self, now_ms: u64) -> Vec<Diagnosis> {
        self.contacts.diagnosis(now_ms)
    }

    /// What has happened since the last call, the oldest first.
    pub fn take_news(&mut self) -> impl Iterator<Item = News> {
        core::mem::take(&mut self.news).into_iter()
    }

    /// Says where this till is: its cart, and words for people.
    pub fn set_place(&mut self, place: &Place) {
        self.presence.set_place(place);
    }

    /// Where this till says it is.
    pub const fn place(&self) -> &Place {
        self.presence.place()
    }

    /// The other tills that have a cart open now.
    pub fn who_is_on(&self, now_ms: u64, cart: CartId) -> Vec<(DeviceId, &str)> {
        self.presence.who_is_on(now_ms, cart)
    }

    /// The socket's address.
    pub fn address(&self) -> SocketAddr {
        self.endpoint.local_address()
    }

    /// Where this till may be met: its port at each address of this machine. Loopback only where there
    /// is nothing else, or (`loopback`) several tills share the machine.
    pub fn addresses(&self, loopback: bool) -> Vec<SocketAddr> {
        let bound = self.address();
        if !bound.ip().is_unspecified() {
            return vec![bound];
        }
        let found = if_addrs::get_if_addrs().unwrap_or_default();
        let of = |wanted: bool| -> Vec<SocketAddr> {
            let interfaces = found.iter().filter(|interface| interface.is_loopback() == wanted);
            interfaces
                .map(if_addrs::Interface::ip)
                .filter(|ip| matches!(ip, core::net::IpAddr::V4(_)) || wanted)
                .map(|ip| SocketAddr::new(ip, bound.port()))
                .collect()
        };
        let mut addresses = of(false);
        if loopback || addresses.is_empty() {
            addresses.extend(of(true));
        }
        addresses
    }

    /// Whether all connected peers hold what is held here, as far as they have said; `false` while
    /// nobody is connected.
    pub fn in_step<S: Storage>(&self, node: &Node<S>) -> bool {
        self.engine.in_step(node)
    }

    /// Counts of the socket.
    pub fn stats(&self) -> NetStats {
        self.endpoint.stats()
    }

    /// The engine's frames, without those of pairing.
    pub const fn sent_frames(&self) -> SentFrames {
        self.sent_frames
    }

    /// Cuts this till off from all others, for demonstrations: nothing comes, nothing goes.
    pub fn cut_off(&self, is_cut_off: bool) {
        self.endpoint.set_cut_off(is_cut_off);
    }

    /// The endpoint, for pairing.
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The next thing that has happened on a pairing connection.
    pub fn next_pairing(&mut self) -> Option<PairingNews> {
        self.pairing.pop_front()
    }

    /// Lets a device connect whose entry in the roster is on its way.
    pub fn trust(&mut self, device: DeviceId) {
        self.trusted.insert(device);
        self.members.insert(device);
    }

    /// Dials an address besides those that are found.
    pub fn dial(&mut self, now_ms: u64, address: SocketAddr) {
        self.contacts.add_static(now_ms, address);
    }

    /// Leaves the network.
    pub fn stop<S: Storage>(mut self, node: &mut Node<S>, at: Moment) {
        self.save_contacts(node, at, true);
        if let Some(discovery) = self.discovery.take() {
            discovery.shutdown();
        }
        self.endpoint.shutdown();
    }

    fn handle<S: Storage>(&mut self, node: &mut Node<S>, at: Moment, event: Event) {
        match event {
            Event::Net(event) => self.net(node, at, event),
            Event::Found(event) => self.found(at.monotonic_ms, event),
            Event::Nudge => {}
        }
    }

    fn net<S: Storage>(&mut self, node: &mut Node<S>, at: Moment, event: NetEvent) {
        let now = at.monotonic_ms;
        match event {
            NetEvent::Connected { conn, device, address, .. } => {
                self.devices.insert(conn, device);
                self.contacts.connected(now, device, address);
                self.tell(News::Up { device, address });
                self.engine.connected(node, at, conn, device, Some(address));
            }
            NetEvent::Frame { conn, class, bytes } => {
                if self.devices.contains_key(&conn) {
                    self.engine.frame(node, at, conn, class, &bytes);
                    self.send();
                } else {
                    self.pairing(NetEvent::Frame { conn, class, bytes });
                }
            }
            NetEvent::Datagram { conn, bytes } => {
                if let Some(device) = self.devices.get(&conn) {
                    // A hint that cannot be read is no hint.
                    let _news = self.presence.hear(now, *device, &bytes);
                }
            }
            NetEvent::Closed { conn, device, reason } => {
                if self.devices.remove(&conn).is_some() {
                    self.engine.disconnected(node, at, conn);
                    if !self.devices.values().any(|other| *other == device) {
                        self.contacts.disconnected(now, device);
                        self.presence.forget(device);
                    }
                    self.tell(News::Down { device, reason: reason.to_string() });
                } else {
                    self.pairing(NetEvent::Closed { conn, device, reason });
                }
            }
            NetEvent::DialFailed { address, reason } => {
                self.contacts.dial_failed(now, address, in_the_book(&reason));
            }
            NetEvent::Refused { address, reason } => {
                let (who, reason) = (address.to_string(), reason.to_string());
                self.tell(News::Refused { who, reason });
            }
            NetEvent::Down => {
                let reason = "the socket has failed: start the till again".to_owned();
                self.tell(News::Refused { who: "the network".to_owned(), reason });
            }
            pairing @ NetEvent::PairingConnected { .. } => self.pairing(pairing),
        }
    }

    fn pairing(&mut self, event: NetEvent) {
        if let Some(news) = PairingNews::of(event)
            && self.pairing.len() < NEWS_MAX
        {
            self.pairing.push_back(news);
        }
    }

    fn found(&mut self, now: u64, event: DiscoveryEvent) {
        match event {
            DiscoveryEvent::Heard(announcement) => self.contacts.heard(now, &announcement),
            DiscoveryEvent::Gone(device) => self.contacts.gone(device),
            DiscoveryEvent::Interfaces(addresses) => {
                self.contacts.interfaces_changed(now, &addresses);
            }
            DiscoveryEvent::Multicast(works) => {
                self.contacts.multicast_works(works.is_ok());
                self.tell(News::Discovery(works));
            }
        }
    }

    /// What follows from what was handled, and from the own commands since the last turn.
    fn settle<S: Storage>(&mut self, node: &mut Node<S>, at: Moment) {
        let now = at.monotonic_ms;
        self.follow_roster(node, at);
        if self.engine.poll_timeout().is_some_and(|due| due <= now) {
            self.engine.tick(node, at);
        } else {
            self.engine.pump(node);
        }
        self.send();
        if let Some(word) = self.presence.poll(now) {
            for conn in self.devices.keys() {
                // A hint that does not arrive is sent again in a second.
                let _sent_or_closed = self.endpoint.datagram(*conn, word.clone());
            }
        }
        self.measure(node);
        if self.contacts.next_timeout().is_some_and(|due| due <= now) || self.ticked_ms + 1000 < now
        {
            self.ticked_ms = now;
            for dial in self.contacts.poll(now) {
                self.endpoint.dial(dial.address, dial.expected);
            }
        }
        self.save_contacts(node, at, false);
    }

    fn send(&mut self) {
        while let Some(output) = self.engine.poll() {
            match output {
                // What cannot be sent belongs to a connection whose end is about to be told.
                Output::Send { conn, class, frame } => {
                    let bytes = u64::try_from(frame.len()).unwrap_or(u64::MAX);
                    self.sent_frames.count = self.sent_frames.count.wrapping_add(1);
                    self.sent_frames.bytes = self.sent_frames.bytes.wrapping_add(bytes);
                    let _sent_or_closed = self.endpoint.send(conn, class, frame);
                }
                Output::Close { conn, reason } => {
                    let reason = reason.to_string();
                    self.endpoint.close(conn, &reason);
                    if let Some(device) = self.devices.get(&conn) {
                        let who = device.to_string();
                        self.tell(News::Refused { who, reason });
                    }
                }
                Output::Learnt { from, device, addresses } => {
                    if self.learn {
                        self.contacts.learnt(self.ticked_ms, from, device, &addresses);
                    }
                }
            }
        }
    }

    /// Sends a frame on a pairing connection.
    pub fn send_pairing(&self, conn: ConnId, frame: Vec<u8>) {
        let _sent_or_closed = self.endpoint.send(conn, Class::Control, frame);
    }

    /// Passes the roster on to those at the door.
    fn follow_roster<S: Storage>(&mut self, node: &Node<S>, at: Moment) {
        let roster = node.replica().roster();
        let records = roster.iter().count();
        if records == self.known.1 {
            return;
        }
        let mut members = roster.members().clone();
        members.extend(self.trusted.iter().filter(|device| !roster.is_revoked(**device)));
        members.remove(&node.replica().device());
        self.known.1 = records;
        if members != self.known.0 {
            self.members.replace(members.iter().copied());
            self.contacts.members_changed(at.monotonic_ms, &members);
            if let Some(discovery) = &self.discovery {
                discovery.members_changed(&members);
            }
            self.known.0 = members;
        }
    }

    fn save_contacts<S: Storage>(&mut self, node: &mut Node<S>, at: Moment, now: bool) {
        let revision = self.contacts.revision();
        let due = self.saved_ms.saturating_add(CONTACTS_SAVED_EVERY_MS) <= at.monotonic_ms;
        if revision == self.saved_revision || !(due || now) {
            return;
        }
        (self.saved_revision, self.saved_ms) = (revision, at.monotonic_ms);
        // A convenience: without it the tills are found anew.
        drop(node.storage_mut().put_small_file(CONTACTS_FILE, &self.contacts.saved()));
    }

    fn tell(&mut self, news: News) {
        if self.news.len() < NEWS_MAX {
            self.news.push_back(news);
        }
    }
}

/// Announces this till and looks for others.
fn discover(
    config: DiscoveryConfig,
    found: mpsc::Sender<Event>,
) -> Result<Discovery, DiscoveryError> {
    // What is dropped while the channel is full is announced again.
    Discovery::start(config, move |event| {
        let sent = found.try_send(Event::Found(event));
        !matches!(sent, Err(mpsc::error::TrySendError::Closed(_)))
    })
}

/// A failed dial as the address book knows it.
const fn in_the_book(failure: &DialFailure) -> contacts::DialFailure {
    match failure {
        DialFailure::NoAnswer => contacts::DialFailure::NoAnswer,
        DialFailure::OtherDevice(device) => contacts::DialFailure::OtherDevice(*device),
        DialFailure::Itself => contacts::DialFailure::Itself,
        DialFailure::Unknown(_) | DialFailure::NoTill(_) => contacts::DialFailure::Stranger,
        DialFailure::NotAdmitted => contacts::DialFailure::Refused,
        DialFailure::OtherProtocol => contacts::DialFailure::OtherVersion,
        DialFailure::AlreadyConnected => contacts::DialFailure::Superseded,
        DialFailure::TurnedDown(_)
        | DialFailure::TooMany
        | DialFailure::Broke(_)
        | DialFailure::Stopped => contacts::DialFailure::Broken,
        DialFailure::Unreachable(_) => contacts::DialFailure::Unreachable,
    }
}
