//! The endpoint: one UDP socket, the connections over it, and the thread they live in. Its handle
//! is called from outside of that thread and never waits for the network.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pos_core::ids::DeviceId;
use quinn::{Incoming, Runtime, TokioRuntime};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::config::{self, ConnectionIds};
use super::connection::{ConnectionStats, Link, code};
use super::event::{CloseReason, DialFailure, Farewell, NetError, NetEvent, Refusal, SendError};
use super::guard::{Answer, Gate, Reports};
use super::limits::{DIALS_MAX, EVENTS_WAITING_MAX, NetLimits, PAIRINGS_MAX, STOP_MS};
use super::meet::{self, Arrival, MeetFault};
use super::members::Members;
use super::socket::{self, Counters, CountingSocket, canonical};
use super::table::Table;
use super::tls::{Admit, Identity, MEMBER_PROTOCOL, PAIRING_PROTOCOL, SERVER_NAME};
use crate::core::DeviceKey;
use crate::sync::{Class, ConnId};

/// What an endpoint is started with.
#[derive(Debug, Clone)]
pub struct EndpointConfig {
    /// The device's key, which is its name on the network.
    pub key: DeviceKey,
    /// Where to listen. `[::]` with a port is best: it hears IPv4 as well, and where the machine
    /// has no IPv6 it becomes `0.0.0.0`. Port 0 takes any.
    pub bind: SocketAddr,
    /// Who may connect.
    pub members: Members,
    /// What is allowed at the door.
    pub limits: NetLimits,
    /// The runtime to live in; without one the endpoint has a thread and a runtime of its own.
    pub runtime: Option<Handle>,
}

/// This device on the network. Dropping it stops it.
#[derive(Debug)]
pub struct Endpoint {
    shared: Arc<Shared>,
    runtime: Handle,
    thread: Option<Thread>,
}

/// A thread with a runtime. It ends when what is left of an endpoint is sent to it, and its last
/// packets have left.
#[derive(Debug)]
struct Thread {
    stop: oneshot::Sender<quinn::Endpoint>,
    handle: JoinHandle<()>,
}

/// Numbers of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetStats {
    /// Bytes of UDP payload sent by the socket since it was bound, handshakes and refusals
    /// included.
    pub sent_bytes: u64,
    /// Bytes of UDP payload received by the socket, whoever sent them.
    pub received_bytes: u64,
    /// The connections there are.
    pub connections: Vec<ConnectionStats>,
}

/// Counts what a socket sends; it may outlive the endpoint.
#[derive(Debug, Clone)]
pub struct Meter(Arc<Counters>);

impl Meter {
    /// As [`NetStats::sent_bytes`].
    pub fn sent_bytes(&self) -> u64 {
        self.0.sent.load(Ordering::Relaxed)
    }
}

/// What the tasks of an endpoint and its handle share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) identity: Identity,
    /// Drawn at this start.
    pub(super) life: [u8; 16],
    pub(super) members: Members,
    pub(super) events: mpsc::Sender<NetEvent>,
    pub(super) pairings: Arc<Semaphore>,
    limits: NetLimits,
    quinn: quinn::Endpoint,
    settings: config::Settings,
    counters: Arc<Counters>,
    pairing: AtomicBool,
    stopping: AtomicBool,
    dials: Arc<Semaphore>,
    table: Mutex<Table>,
    gate: Mutex<Gate>,
    reports: Mutex<Reports>,
}

impl Endpoint {
    /// Binds the socket and starts to listen. What happens is told to `events`, in its own type if
    /// that can hold a [`NetEvent`]; while that channel is full nothing is read from the network.
    pub fn start<T>(config: EndpointConfig, events: mpsc::Sender<T>) -> Result<Self, NetError>
    where
        T: From<NetEvent> + Send + 'static,
    {
        let socket = socket::bind(config.bind)
            .map_err(|source| NetError::Bind { address: config.bind, source })?;
        let (runtime, thread) = if let Some(runtime) = &config.runtime {
            (runtime.clone(), None)
        } else {
            let (runtime, thread) = Thread::start()?;
            (runtime, Some(thread))
        };
        let shared = {
            let _inside = runtime.enter();
            start(config, socket, events)?
        };
        Ok(Self { shared, runtime, thread })
    }

    /// Where the socket is bound.
    pub fn local_address(&self) -> SocketAddr {
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        self.shared.quinn.local_addr().map_or(unknown, canonical)
    }

    /// Connects to a member. Ends in [`NetEvent::Connected`] or [`NetEvent::DialFailed`]. With
    /// `expected`, only that device will do.
    pub fn dial(&self, address: SocketAddr, expected: Option<DeviceId>) {
        self.begin(address, expected, false);
    }

    /// Connects to a device in order to pair. Ends in [`NetEvent::PairingConnected`] or
    /// [`NetEvent::DialFailed`].
    pub fn dial_to_pair(&self, address: SocketAddr, expected: Option<DeviceId>) {
        self.begin(address, expected, true);
    }

    fn begin(&self, address: SocketAddr, expected: Option<DeviceId>, to_pair: bool) {
        let shared = Arc::clone(&self.shared);
        let place = Arc::clone(&shared.dials).try_acquire_owned();
        self.runtime.spawn(async move {
            let result = match place {
                Ok(place) => match dial(&shared, address, expected, to_pair).await {
                    Ok(met) => {
                        drop(place);
                        meet::live(&shared, met).await.map_err(meet::dial_failure)
                    }
                    Err(fault) => Err(meet::dial_failure(fault)),
                },
                Err(_) => Err(DialFailure::TooMany),
            };
            if let Err(reason) = result {
                drop(shared.events.send(NetEvent::DialFailed { address, reason }).await);
            }
        });
    }

    /// Sends a frame. It is queued; an error means that it will not arrive. When the queue of the
    /// class is full the peer does not read, and the connection is closed.
    pub fn send(&self, conn: ConnId, class: Class, frame: Vec<u8>) -> Result<(), SendError> {
        self.link(conn)?.send(class, frame)
    }

    /// Sends a datagram, which may be lost.
    pub fn datagram(&self, conn: ConnId, bytes: Vec<u8>) -> Result<(), SendError> {
        self.link(conn)?.datagram(bytes)
    }

    /// Closes a connection and tells the peer why, in at most
    /// [`WORDS_BYTES_MAX`](super::limits::WORDS_BYTES_MAX) bytes. What waits to be sent, and what
    /// was sent just now, may not arrive: whoever has the last word lets the other side close.
    pub fn close(&self, conn: ConnId, reason: &str) {
        if let Ok(link) = self.link(conn) {
            link.close(CloseReason::Here(reason.to_owned()));
        }
    }

    /// Whether devices that are no members may connect in order to pair. At first they may not.
    /// Pairings that are under way go on when it is switched off.
    pub fn set_pairing(&self, is_on: bool) {
        self.shared.pairing.store(is_on, Ordering::Relaxed);
    }

    /// Drops every packet in both directions, as if the cable were out: for demonstrations and
    /// tests.
    pub fn set_cut_off(&self, is_cut_off: bool) {
        self.shared.counters.cut_off.store(is_cut_off, Ordering::Relaxed);
    }

    /// What has passed through the socket, and how the connections are.
    pub fn stats(&self) -> NetStats {
        let links: Vec<Arc<Link>> = self.shared.table().links().cloned().collect();
        NetStats {
            sent_bytes: self.shared.counters.sent.load(Ordering::Relaxed),
            received_bytes: self.shared.counters.received.load(Ordering::Relaxed),
            connections: links.iter().map(|link| ConnectionStats::of(link)).collect(),
        }
    }

    /// Reads what the socket has sent from any thread.
    pub fn meter(&self) -> Meter {
        Meter(Arc::clone(&self.shared.counters))
    }

    /// Closes all connections and tells the peers; waits a moment for that to leave. No `Closed`
    /// is told for them.
    pub fn shutdown(mut self) {
        self.stop();
    }

    fn stop(&mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        self.shared.quinn.close(code(Farewell::Done), &[]);
        let Some(thread) = self.thread.take() else { return };
        drop(thread.stop.send(self.shared.quinn.clone()));
        // A panic in that thread has been told by it. And it does not wait for itself.
        if thread.handle.thread().id() != std::thread::current().id() {
            drop(thread.handle.join());
        }
    }

    fn link(&self, conn: ConnId) -> Result<Arc<Link>, SendError> {
        self.shared.table().link(conn).cloned().ok_or(SendError::Closed)
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_pairing(&self) -> bool {
        self.pairing.load(Ordering::Relaxed)
    }

    /// Tells of a refusal, unless its address has just been told of or the channel is full: who is
    /// refused must not be able to hold anything up.
    fn report(&self, address: SocketAddr, reason: Refusal) {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        if reports.tells(address.ip(), Instant::now()) {
            drop(self.events.try_send(NetEvent::Refused { address, reason }));
        }
    }
}

impl Thread {
    fn start() -> Result<(Handle, Self), NetError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(NetError::Thread)?;
        let inside = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<quinn::Endpoint>();
        let body = move || {
            runtime.block_on(async {
                let Ok(endpoint) = stopped.await else { return };
                let wait = Duration::from_millis(STOP_MS);
                drop(tokio::time::timeout(wait, endpoint.wait_idle()).await);
            });
        };
        let builder = std::thread::Builder::new().name("tillmesh-net".to_owned());
        let handle = builder.spawn(body).map_err(NetError::Thread)?;
        Ok((inside, Self { stop, handle }))
    }
}

/// Makes what is shared, and starts the tasks. Called inside of the runtime.
fn start<T>(
    config: EndpointConfig,
    socket: std::net::UdpSocket,
    events: mpsc::Sender<T>,
) -> Result<Arc<Shared>, NetError>
where
    T: From<NetEvent> + Send + 'static,
{
    let failed = |source| NetError::Bind { address: config.bind, source };
    let identity = Identity::new(&config.key)?;
    let life = identity.random()?;
    let settings = config::Settings::new(&identity, &config.members, config.limits.idle)?;
    let counters = Arc::new(Counters::default());
    let runtime: Arc<dyn Runtime> = Arc::new(TokioRuntime);
    let socket = runtime.wrap_udp_socket(socket).map_err(failed)?;
    let socket = CountingSocket::new(socket, Arc::clone(&counters));
    let server = Some(settings.server.clone());
    let quinn = quinn::Endpoint::new_with_abstract_socket(
        config::endpoint(ConnectionIds::new(&identity)?),
        server,
        Arc::new(socket),
        runtime,
    )
    .map_err(failed)?;
    let (sender, receiver) = mpsc::channel(EVENTS_WAITING_MAX);
    let shared = Arc::new(Shared {
        identity,
        life,
        members: config.members,
        events: sender,
        pairings: Arc::new(Semaphore::new(PAIRINGS_MAX)),
        limits: config.limits,
        quinn,
        settings,
        counters,
        pairing: AtomicBool::new(false),
        stopping: AtomicBool::new(false),
        dials: Arc::new(Semaphore::new(DIALS_MAX)),
        table: Mutex::default(),
        gate: Mutex::new(Gate::new(config.limits)),
        reports: Mutex::default(),
    });
    tokio::spawn(forward(receiver, events));
    tokio::spawn(follow_members(Arc::clone(&shared)));
    tokio::spawn(accept(Arc::clone(&shared)));
    Ok(shared)
}

/// Passes events on in the engine's own type.
async fn forward<T: From<NetEvent>>(mut from: mpsc::Receiver<NetEvent>, to: mpsc::Sender<T>) {
    while let Some(event) = from.recv().await {
        if to.send(event.into()).await.is_err() {
            return;
        }
    }
}

/// Cuts off who is taken out of the members.
async fn follow_members(shared: Arc<Shared>) {
    let mut changes = shared.members.changes();
    while changes.changed().await.is_ok() {
        if shared.stopping.load(Ordering::Relaxed) {
            return;
        }
        changes.mark_unchanged();
        let links: Vec<Arc<Link>> = shared.table().links().cloned().collect();
        for link in links.iter().filter(|link| !link.is_pairing) {
            if !shared.members.contains(link.device) {
                shared.gate().forget(link.device);
                link.close(CloseReason::Removed);
            }
        }
    }
}

/// Takes first packets as they come.
async fn accept(shared: Arc<Shared>) {
    while let Some(incoming) = shared.quinn.accept().await {
        let address = canonical(incoming.remote_address());
        let proven = incoming.remote_address_validated();
        let answer = shared.gate().ask(address.ip(), proven, Instant::now());
        match answer {
            Answer::Accept => {
                let place = Place { shared: Arc::clone(&shared), address: address.ip() };
                tokio::spawn(receive(Arc::clone(&shared), incoming, address, place));
            }
            // It fails only for who has proven its address, who is not asked to.
            Answer::Prove => drop(incoming.retry()),
            Answer::Ignore => {
                incoming.ignore();
                shared.report(address, Refusal::TooMany);
            }
        }
    }
    if !shared.stopping.load(Ordering::Relaxed) {
        drop(shared.events.send(NetEvent::Down).await);
    }
}

/// A place at the door, given back when the handshake is over, however it ends.
struct Place {
    shared: Arc<Shared>,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.gate().done(self.address);
    }
}

async fn receive(shared: Arc<Shared>, incoming: Incoming, address: SocketAddr, place: Place) {
    let handshake = async {
        let is_pairing = shared.is_pairing();
        let members = (!is_pairing).then(|| shared.members.clone());
        let verifier = shared.identity.verifier(Admit { members, expected: None });
        let protocols = [MEMBER_PROTOCOL, PAIRING_PROTOCOL];
        let protocols = protocols.get(..1 + usize::from(is_pairing)).unwrap_or_default();
        let tls = shared.identity.server(protocols, Arc::clone(&verifier));
        let tls = tls.map_err(|error| MeetFault::Impossible(error.to_string()))?;
        let connecting = incoming.accept_with(shared.settings.with_server(tls));
        let connected = match connecting {
            Ok(connecting) => connecting.await,
            Err(error) => Err(error),
        };
        let connection = connected
            .map_err(|lost| verifier.fault().map_or(MeetFault::Lost(lost), MeetFault::Admit))?;
        let arrival = Arrival { connection, address, dialled: false, expected: None };
        meet::meet(&shared, arrival).await
    };
    let met = tokio::time::timeout(shared.limits.handshake, handshake).await;
    drop(place);
    let result = match met.unwrap_or(Err(MeetFault::TooSlow)) {
        Ok(met) => meet::live(&shared, met).await,
        Err(fault) => Err(fault),
    };
    if let Some(reason) = result.err().and_then(|fault| meet::refusal(&fault)) {
        shared.report(address, reason);
    }
}

async fn dial(
    shared: &Shared,
    address: SocketAddr,
    expected: Option<DeviceId>,
    to_pair: bool,
) -> Result<meet::Met, MeetFault> {
    let handshake = async {
        let members = (!to_pair).then(|| shared.members.clone());
        let verifier = shared.identity.verifier(Admit { members, expected });
        let protocol = if to_pair { PAIRING_PROTOCOL } else { MEMBER_PROTOCOL };
        let tls = shared.identity.client(protocol, Arc::clone(&verifier));
        let tls = tls.map_err(|error| MeetFault::Impossible(error.to_string()))?;
        let client = shared.settings.with_client(tls);
        let connecting = shared.quinn.connect_with(client, address, SERVER_NAME);
        let connecting = connecting.map_err(|error| MeetFault::Impossible(error.to_string()))?;
        let connection = connecting
            .await
            .map_err(|lost| verifier.fault().map_or(MeetFault::Lost(lost), MeetFault::Admit))?;
        let arrival = Arrival { connection, address, dialled: true, expected };
        meet::meet(shared, arrival).await
    };
    let met = tokio::time::timeout(shared.limits.handshake, handshake).await;
    met.unwrap_or(Err(MeetFault::TooSlow))
}
