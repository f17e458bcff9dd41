//! One replica on a disk and on the network, in a thread of its own.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pos_core::business_date::WallTime;
use pos_core::ids::{DeviceId, StoreId};
use replica::core::{FeedId, FeedState, Lane, Moment};
use replica::net::mesh::{Mesh, MeshConfig, Nudger, SentFrames};
use replica::net::{Meter, NetLimits};
use replica::store::{FileStorage, Options};
use tokio::sync::{mpsc, oneshot};

use super::store::{self, Disked};
use crate::contestant::Fault;

/// Longest time a till sleeps.
const LONGEST: Duration = Duration::from_millis(100);

/// What a till tells the measurement.
#[derive(Debug)]
pub(super) enum Event {
    /// It has the Ledger entries of the till that makes the changes up to this one, on its disk.
    Seen { sequence: u64, at: Instant },
    /// The till that makes the changes knows that all others have them.
    Answered { sequence: u64, at: Instant },
}

/// What a till is started with.
#[derive(Debug, Clone)]
pub(super) struct Start {
    /// Counted from 0; till 0 founds the store and makes the changes.
    pub(super) number: usize,
    /// Tills in all.
    pub(super) tills: usize,
    /// Where its folder is made.
    pub(super) above: PathBuf,
    /// The store, for all but till 0.
    pub(super) store: Option<StoreId>,
    /// The zero of the clock all share.
    pub(super) clock: Instant,
    /// Who is told.
    pub(super) events: mpsc::UnboundedSender<Event>,
}

/// What the thread works on.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) node: Disked,
    pub(super) mesh: Option<Mesh>,
    start: Start,
    founder: DeviceId,
    /// Of the founder's Ledger: as far as the measurement was told.
    told: u64,
    nudger: Arc<Mutex<Option<Nudger>>>,
}

type Order = Box<dyn FnOnce(&mut Worker) + Send>;

/// A handle to a till's thread.
#[derive(Debug)]
pub(super) struct Till {
    orders: Option<Sender<Order>>,
    nudger: Arc<Mutex<Option<Nudger>>>,
    ended: Option<oneshot::Receiver<()>>,
}

impl Till {
    /// Starts the thread; done when the node stands on its disk. It is on no network yet.
    pub(super) async fn start(start: Start) -> Result<Self, Fault> {
        let (orders, ordered) = channel();
        let (ready, started) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let nudger = Arc::new(Mutex::new(None));
        let shared = Arc::clone(&nudger);
        std::thread::Builder::new().name(format!("till {}", start.number)).spawn(move || {
            match Worker::start(start, shared) {
                Ok(mut worker) => {
                    drop(ready.send(Ok(())));
                    worker.run(&ordered);
                }
                Err(fault) => drop(ready.send(Err(fault))),
            }
            let _told_or_gone = end.send(());
        })?;
        started.await??;
        Ok(Self { orders: Some(orders), nudger, ended: Some(ended) })
    }

    /// Lets the thread do something and waits for what it says.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        what: impl FnOnce(&mut Worker) -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let (answer, answered) = oneshot::channel();
        let order: Order = Box::new(move |worker| drop(answer.send(what(worker))));
        let orders = self.orders.as_ref().ok_or("the till is stopped")?;
        orders.send(order).map_err(|_gone| "the till's thread is gone")?;
        self.nudge();
        Ok(answered.await?)
    }

    fn nudge(&self) {
        if let Ok(nudger) = self.nudger.lock()
            && let Some(nudger) = nudger.as_ref()
        {
            nudger.nudge();
        }
    }

    /// Ends the thread, its connections first.
    pub(super) async fn stop(&mut self) {
        drop(self.orders.take());
        self.nudge();
        if let Some(ended) = self.ended.take() {
            drop(ended.await);
        }
    }
}

impl Worker {
    fn start(start: Start, nudger: Arc<Mutex<Option<Nudger>>>) -> Result<Self, Fault> {
        let folder = start.above.join(format!("till-{}", start.number));
        let storage = FileStorage::open(&folder, Options::default())?;
        let mut node = Disked::start(store::identity(start.number)?, storage)?;
        let founder = store::identity(0)?.key.device();
        match start.store {
            Some(store) => node.join(store)?,
            None => store::found(&mut node, moment(start.clock), start.tills)?,
        }
        Ok(Self { node, mesh: None, start, founder, told: 0, nudger })
    }

    pub(super) fn now(&self) -> Moment {
        moment(self.start.clock)
    }

    /// Goes on the network and dials `peers`; says where it listens, and what counts its bytes.
    pub(super) fn go_online(
        &mut self,
        peers: Vec<SocketAddr>,
    ) -> Result<(SocketAddr, Meter), Fault> {
        let trusted = (0..self.start.tills)
            .filter(|number| *number != self.start.number)
            .map(|number| Ok(store::identity(number)?.key.device()))
            .collect::<Result<BTreeSet<DeviceId>, Fault>>()?;
        let config = MeshConfig {
            key: store::identity(self.start.number)?.key,
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            configured: peers,
            discover: false,
            loopback: true,
            // All addresses are told: nobody dials a till a second time by hearsay.
            learn: false,
            trusted,
            limits: of_one_machine(self.start.tills),
        };
        let now = self.now();
        let mesh = Mesh::start(config, &mut self.node, now)?;
        let online = (mesh.address(), mesh.endpoint().meter());
        if let Ok(mut nudger) = self.nudger.lock() {
            *nudger = Some(mesh.nudger());
        }
        self.mesh = Some(mesh);
        Ok(online)
    }

    /// Leaves the network; says what its socket and its engine have sent.
    pub(super) fn go_offline(&mut self) -> (u64, SentFrames) {
        let sent = (self.sent_bytes(), self.sent_frames());
        let now = self.now();
        if let Some(mesh) = self.mesh.take() {
            mesh.stop(&mut self.node, now);
        }
        sent
    }

    pub(super) fn peers(&self) -> usize {
        self.mesh.as_ref().map_or(0, |mesh| mesh.peers().count())
    }

    pub(super) fn sent_bytes(&self) -> u64 {
        self.mesh.as_ref().map_or(0, |mesh| mesh.stats().sent_bytes)
    }

    pub(super) fn sent_frames(&self) -> SentFrames {
        self.mesh.as_ref().map(Mesh::sent_frames).unwrap_or_default()
    }

    /// Packets, and QUIC acknowledgements in them.
    pub(super) fn sent_packets(&self) -> (u64, u64) {
        let Some(mesh) = &self.mesh else { return (0, 0) };
        let connections = mesh.stats().connections;
        connections.iter().fold((0, 0), |(packets, acks), connection| {
            (packets + connection.sent_packets, acks + connection.sent_acks)
        })
    }

    /// Whether it holds all that its peers hold, as far as they have said.
    pub(super) fn in_step(&self) -> bool {
        self.mesh.as_ref().is_some_and(|mesh| mesh.in_step(&self.node))
    }

    fn run(&mut self, orders: &Receiver<Order>) {
        loop {
            if !self.obey(orders) {
                break;
            }
            let now = self.now();
            self.node.tick(now);
            while self.node.rebuild_step(now) {}
            let clock = self.start.clock;
            if let Some(mesh) = &mut self.mesh {
                mesh.turn(&mut self.node, now);
            }
            // A turn takes in what has come, so it is looked at before the next wait as well.
            self.look();
            if let Some(mesh) = &mut self.mesh {
                let due = [self.node.replica().poll_timeout(), mesh.poll_timeout()];
                let due = due.into_iter().flatten().min().unwrap_or(u64::MAX);
                let longest = Duration::from_millis(due.saturating_sub(now.monotonic_ms));
                mesh.wait(&mut self.node, longest.min(LONGEST), || moment(clock));
            }
            self.look();
        }
        self.go_offline();
    }

    /// Does what it is told to; `false`: the measurement is over.
    fn obey(&mut self, orders: &Receiver<Order>) -> bool {
        // Without a network there is nothing else to wait for.
        let longest = if self.mesh.is_some() { Duration::ZERO } else { LONGEST };
        loop {
            match orders.recv_timeout(longest) {
                Ok(order) => order(self),
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
            if self.mesh.is_some() {
                return true;
            }
        }
    }

    fn look(&mut self) {
        let at = Instant::now();
        let others = self.start.tills.saturating_sub(1);
        let sequence = if self.start.number == 0 {
            let end = self.node.replica().own_end(Lane::Ledger);
            let Some((feed, sequence)) = end else { return };
            let stored = self.mesh.as_ref().map_or(0, |mesh| mesh.stored_on(&feed, sequence));
            if stored < others {
                return;
            }
            sequence
        } else {
            self.ledger_of_founder()
        };
        if sequence > self.told {
            self.told = sequence;
            let event = if self.start.number == 0 {
                Event::Answered { sequence, at }
            } else {
                Event::Seen { sequence, at }
            };
            drop(self.start.events.send(event));
        }
    }

    /// How much of the founder's Ledger is here: on disk, which is when the replica counts it.
    fn ledger_of_founder(&self) -> u64 {
        let feeds = self.node.replica().feeds_of(self.founder);
        let ledgers = feeds.filter(|(feed, _): &(&FeedId, _)| feed.lane == Lane::Ledger);
        ledgers.map(|(_, state)| FeedState::reached(state)).max().unwrap_or(0)
    }
}

/// As many handshakes from one address as there are tills on it.
fn of_one_machine(tills: usize) -> NetLimits {
    let default = NetLimits::default();
    let burst = u32::try_from(tills.saturating_mul(4)).unwrap_or(u32::MAX);
    NetLimits {
        handshakes_per_address: default.handshakes_per_address.max(tills.saturating_mul(2)),
        handshakes_before_proof: default.handshakes_before_proof.max(tills.saturating_mul(2)),
        address_burst: default.address_burst.max(burst),
        ..default
    }
}

fn moment(clock: Instant) -> Moment {
    let elapsed = u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX);
    let wall = 1_291_190_000_000_i64.saturating_add(i64::try_from(elapsed).unwrap_or(i64::MAX));
    // Not from zero: a monotonic clock has been running for a while when a till starts.
    let monotonic_ms = elapsed.saturating_add(10_000);
    Moment { monotonic_ms, wall: WallTime::from_millis(wall) }
}
