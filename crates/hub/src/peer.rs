//! The stores on the network: a thread for each, which holds its replica, speaks with its tills and
//! keeps the rows up. Stores that join while the hub serves are taken up within a second.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use pos_core::ids::{DeviceId, StoreId};
use replica::core::Alarm;
use replica::net::NetLimits;
use replica::net::mesh::{Mesh, MeshConfig, MeshError, News};

use crate::folder::{FolderError, HubFolder};
use crate::limits;
use crate::member::{Member, MemberError};
use crate::shell::Clock;
use crate::store::HubStore;

/// Longest wait before a store's thread looks whether it is to stop.
const LONGEST_WAIT: Duration = Duration::from_millis(200);

/// How the stores are put on the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerSetup {
    /// Where to listen. Every store has a port of its own, and keeps it.
    pub listen: IpAddr,
    /// Whether to announce the hub and look for tills by multicast DNS.
    pub discover: bool,
    /// Whether tills run on this machine as well.
    pub loopback: bool,
    /// Tills to dial besides those that are known, in whatever store.
    pub peers: Vec<SocketAddr>,
}

/// How a store is connected now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Link {
    /// Where the hub listens for the store's tills; `None` while it is not on the network.
    pub address: Option<SocketAddr>,
    /// Connected devices, and how many entries each holds that are not here.
    pub peers: BTreeMap<DeviceId, u64>,
    /// What an operator should know, the newest last.
    pub remarks: Vec<String>,
    /// The rows hold what the folder held at the start.
    pub is_loaded: bool,
}

/// How all stores are connected now; shared with whoever shows it.
#[derive(Debug, Clone, Default)]
pub struct Links(Arc<Mutex<BTreeMap<StoreId, Link>>>);

impl Links {
    /// How each store is connected.
    pub fn all(&self) -> BTreeMap<StoreId, Link> {
        self.lock().clone()
    }

    /// How one store is connected.
    pub fn of(&self, store: StoreId) -> Link {
        self.lock().get(&store).cloned().unwrap_or_default()
    }

    fn set(&self, store: StoreId, link: Link) {
        self.lock().insert(store, link);
    }

    fn remark(&self, store: StoreId, remark: String) {
        let mut links = self.lock();
        let remarks = &mut links.entry(store).or_default().remarks;
        if remarks.last() != Some(&remark) {
            remarks.push(remark);
        }
        if remarks.len() > limits::REMARKS_MAX {
            remarks.remove(0);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<StoreId, Link>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All stores of a hub's folder at work.
#[derive(Debug)]
pub struct Peers {
    hub: HubFolder,
    setup: PeerSetup,
    clock: Clock,
    rows: Arc<dyn HubStore>,
    links: Links,
    stop: Arc<AtomicBool>,
    threads: BTreeMap<StoreId, JoinHandle<()>>,
}

impl Peers {
    /// Nothing at work yet: see [`Self::look`].
    pub fn new(hub: HubFolder, setup: PeerSetup, clock: Clock, rows: Arc<dyn HubStore>) -> Self {
        let (links, stop) = (Links::default(), Arc::new(AtomicBool::new(false)));
        Self { hub, setup, clock, rows, links, stop, threads: BTreeMap::new() }
    }

    /// How the stores are connected.
    pub fn links(&self) -> Links {
        self.links.clone()
    }

    /// Takes up the stores of the folder that are not at work: new ones, and those that were in
    /// use by another program or have failed. Gives those it took up.
    pub fn look(&mut self) -> Result<Vec<StoreId>, FolderError> {
        let ended: Vec<StoreId> =
            self.threads.iter().filter(|(_, one)| one.is_finished()).map(|(id, _)| *id).collect();
        for store in ended {
            if let Some(Err(_panicked)) = self.threads.remove(&store).map(JoinHandle::join) {
                self.links.remark(store, "the store's thread failed and was begun anew".to_owned());
            }
        }
        let mut taken_up = Vec::new();
        for store in self.hub.stores()? {
            if self.threads.contains_key(&store) {
                continue;
            }
            match self.start(store) {
                Ok(thread) => {
                    self.threads.insert(store, thread);
                    taken_up.push(store);
                }
                Err(error) => self.links.remark(store, error.to_string()),
            }
        }
        Ok(taken_up)
    }

    /// Whether every store at work has made its rows from what its folder held.
    pub fn are_loaded(&self) -> bool {
        let links = self.links.all();
        self.threads.iter().all(|(store, thread)| {
            thread.is_finished() || links.get(store).is_some_and(|link| link.is_loaded)
        })
    }

    /// Stops all stores in order, and waits for them.
    pub fn stop(self) {
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.threads.into_values() {
            drop(thread.join());
        }
    }

    fn start(&self, store: StoreId) -> Result<JoinHandle<()>, FolderError> {
        let member = self.hub.member(store, self.clock)?;
        let setup = self.setup.clone();
        let (rows, links) = (Arc::clone(&self.rows), self.links.clone());
        let stop = Arc::clone(&self.stop);
        let folder = self.hub.store_path(store);
        let work = move || {
            let mut at_work = AtWork { store, member, mesh: None, setup, rows, links, due_ms: 0 };
            if let Err(error) = at_work.run(&stop) {
                at_work.links.remark(store, error.to_string());
            }
            at_work.close();
        };
        std::thread::Builder::new()
            .name(format!("store {store}"))
            .spawn(work)
            .map_err(|error| FolderError::Folder { folder, error })
    }
}

/// One store at work.
struct AtWork {
    store: StoreId,
    member: Member,
    mesh: Option<Mesh>,
    setup: PeerSetup,
    rows: Arc<dyn HubStore>,
    links: Links,
    due_ms: u64,
}

impl AtWork {
    fn run(&mut self, stop: &AtomicBool) -> Result<(), MemberError> {
        // The rows are there before the network brings more.
        self.member.finish_rebuild();
        self.member.refresh(&*self.rows, false)?;
        self.tell();
        if let Err(error) = self.share() {
            self.links.remark(self.store, error.to_string());
        }
        while !stop.load(Ordering::SeqCst) {
            wait(&mut self.member, self.mesh.as_mut(), LONGEST_WAIT);
            let now = self.member.clock().millis();
            if now >= self.due_ms {
                self.due_ms = now.saturating_add(limits::PROJECT_EVERY_MS);
                self.member.refresh(&*self.rows, false)?;
                self.tell();
            }
        }
        Ok(())
    }

    /// Puts the store on the network, where the hub belongs to it.
    fn share(&mut self) -> Result<(), MeshError> {
        let word = self.member.word().ok().flatten();
        let is_member = self.member.replica().own_role().is_some();
        if word.is_none() && !is_member {
            let why = "its entries come from folders alone: the hub was not let in by a till \
                       (`tillmesh-hub join`)";
            self.links.remark(self.store, why.to_owned());
            return Ok(());
        }
        let mut configured = self.setup.peers.clone();
        configured.extend(word.iter().flat_map(|word| &word.addresses));
        // Once the roster is here it alone says who may be spoken to.
        let trusted = word.iter().filter(|_| !is_member).map(|word| word.manager).collect();
        self.mesh = Some(start_mesh(&mut self.member, &self.setup, &configured, &trusted)?);
        Ok(())
    }

    fn tell(&mut self) {
        let remarks = self.links.of(self.store).remarks;
        let mut link = Link { remarks, is_loaded: true, ..Link::default() };
        if let Some(mesh) = &mut self.mesh {
            link.address = Some(mesh.address());
            link.peers = mesh.peers().map(|peer| (peer.device, peer.ahead)).collect();
        }
        self.links.set(self.store, link);
        let news: Vec<News> =
            self.mesh.iter_mut().flat_map(|mesh| mesh.take_news().collect::<Vec<_>>()).collect();
        for one in news {
            match one {
                News::Refused { who, reason } => {
                    self.links.remark(self.store, format!("{who} was turned away: {reason}"));
                }
                News::Discovery(Err(reason)) => {
                    let text = format!("tills cannot be looked for here: {reason}");
                    self.links.remark(self.store, text);
                }
                News::Up { .. } | News::Down { .. } | News::Discovery(Ok(())) => {}
            }
        }
        for alarm in self.member.node().take_alarms() {
            self.links.remark(self.store, in_words(&alarm));
        }
        if let Some(reason) = self.member.replica().stopped() {
            self.links.remark(self.store, format!("nothing more is taken in: {reason}"));
        }
    }

    fn close(mut self) {
        let at = self.member.clock().moment();
        if let Some(mesh) = self.mesh.take() {
            mesh.stop(self.member.node(), at);
        }
        self.member.close();
    }
}

/// Puts a replica on the network; on the port it had before, where that is free.
pub fn start_mesh(
    member: &mut Member,
    setup: &PeerSetup,
    configured: &[SocketAddr],
    trusted: &BTreeSet<DeviceId>,
) -> Result<Mesh, MeshError> {
    let at = member.clock().moment();
    let config = |port: u16| MeshConfig {
        key: member.identity().key.clone(),
        bind: SocketAddr::new(setup.listen, port),
        configured: configured.to_vec(),
        discover: setup.discover,
        loopback: setup.loopback,
        learn: true,
        trusted: trusted.clone(),
        limits: NetLimits::default(),
    };
    let (kept, any) = (member.port().map(config), config(0));
    let mesh = match kept.map(|config| Mesh::start(config, member.node(), at)) {
        Some(Ok(mesh)) => mesh,
        // Another program has taken it.
        Some(Err(_)) | None => Mesh::start(any, member.node(), at)?,
    };
    // Without the file it is another port at the next start, and multicast DNS tells of it.
    drop(member.keep_port(mesh.address().port()));
    Ok(mesh)
}

/// Does what time asks for and what has come from tills; waits for them at most `longest`.
pub fn wait(member: &mut Member, mesh: Option<&mut Mesh>, longest: Duration) {
    let clock = member.clock();
    let rebuilding = member.replica().rebuilding().is_some();
    let due = [member.replica().poll_timeout(), mesh.as_ref().and_then(|mesh| mesh.poll_timeout())];
    let due = due.into_iter().flatten().min();
    let due = due.map(|due| due.saturating_sub(clock.millis()).max(1));
    let longest = due.map_or(longest, |ms| longest.min(Duration::from_millis(ms)));
    let longest = if rebuilding { Duration::ZERO } else { longest };
    match mesh {
        Some(mesh) => mesh.wait(member.node(), longest, || clock.moment()),
        None => std::thread::sleep(longest),
    }
    if member.replica().rebuilding().is_some() {
        member.note_rebuild();
    }
    if rebuilding {
        member.node().rebuild_step(clock.moment());
    }
    member.node().tick(clock.moment());
}

fn in_words(alarm: &Alarm) -> String {
    match alarm {
        Alarm::Damaged(damage) => format!(
            "{} entries {} to {} are damaged here ({}): what other devices have of them is fetched again",
            damage.stream.name(),
            damage.first,
            damage.last,
            damage.reason
        ),
        Alarm::Torn(torn) => format!(
            "an unfinished write was cut from the {} journal: it is fetched again",
            torn.stream.name()
        ),
        Alarm::Unreadable { stream, ordinal, reason } => {
            format!("{} entry {ordinal} cannot be read here ({reason})", stream.name())
        }
        Alarm::WritingStopped(reason) => {
            format!(
                "writing has stopped ({reason}): nothing more comes in until the hub is restarted"
            )
        }
        Alarm::IndexRebuilding(reason) => {
            format!("the index is made again from the journal ({reason}); nothing is lost")
        }
        Alarm::ChangeRefused { entry, reason } => {
            format!("a change in entry {entry} does not count ({reason})")
        }
    }
}
