//! Announces this till on the local network and listens for others, by multicast DNS (RFC 6762,
//! RFC 6763): the service `_tillmesh._udp.local.`.
//!
//! The library that speaks mDNS runs a thread of its own, and here is one more, which turns what
//! it hears into [`DiscoveryEvent`]s for [`crate::contacts::Contacts`]. What is heard is judged
//! there; here only what is of another store, and what cannot be reached from anywhere, is left
//! out. What is still heard is reported again every half minute, so an event that a full channel
//! refused comes again.

mod heard;
pub mod limits;
#[cfg(test)]
mod tests;

use core::net::{IpAddr, Ipv4Addr};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use mdns_sd::{
    IfKind, IfPredicate, MDNS_PORT, Receiver, RecvTimeoutError, ServiceDaemon, ServiceEvent,
    ServiceInfo,
};
use pos_core::ids::{DeviceId, StoreId};
use thiserror::Error;

use crate::contacts::announcement::{Announcement, Hint, Recogniser, week};
use heard::Heard;
use limits::{COUNT, ECHO, GOODBYE, LOOK, RECORDS_MAX, REPEAT, TICK};

/// The service tills announce.
pub const SERVICE: &str = "_tillmesh._udp.local.";

/// What is announced, and how.
#[derive(Debug, Clone, Copy)]
pub struct DiscoveryConfig {
    /// The store. Only its tills are reported.
    pub store: StoreId,
    /// This device.
    pub device: DeviceId,
    /// The UDP port its endpoint listens on.
    pub port: u16,
    /// Announce and report loopback addresses although there are others: for tests and for several
    /// tills on one machine. Where there is nothing but loopback it is used anyway.
    pub loopback: bool,
    /// The UDP port of multicast DNS: [`MDNS_PORT`], another one for tests.
    pub mdns_port: u16,
    /// The wall clock in milliseconds since 1970-01-01 UTC, for the week of the blinded store id.
    pub wall_ms: fn() -> i64,
}

impl DiscoveryConfig {
    /// As a shop needs it.
    pub fn new(store: StoreId, device: DeviceId, port: u16) -> Self {
        Self { store, device, port, loopback: false, mdns_port: MDNS_PORT, wall_ms }
    }
}

/// The machine's wall clock in milliseconds since 1970-01-01 UTC; 0 if it stands before that.
fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// What the discovery has to say: an argument of the method of [`crate::contacts::Contacts`] that
/// is named with each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiscoveryEvent {
    /// A till of this store announced itself: `heard`.
    Heard(Announcement),
    /// A till said goodbye, or its announcement ran out: `gone`.
    Gone(Hint),
    /// The addresses of this machine, loopback left out, at the start and when they change:
    /// `interfaces_changed`.
    Interfaces(BTreeSet<IpAddr>),
    /// Whether multicast DNS works here: `multicast_works`. Said when it changes, with what is wrong.
    Multicast(Result<(), String>),
}

/// Why the discovery does not run. The till works without it: saved, configured and told addresses
/// remain.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DiscoveryError {
    /// The system gave no thread or no socket.
    #[error("the local network cannot be searched for other tills: {0}")]
    System(String),
}

/// The running discovery. Dropped, it says goodbye to the network like [`Self::shutdown`].
#[derive(Debug)]
pub struct Discovery {
    shared: Arc<Shared>,
    worker: Option<JoinHandle<()>>,
}

/// What the handle and the thread share.
struct Shared {
    stop: AtomicBool,
    recogniser: Mutex<Recogniser>,
    /// This machine has no address but loopback.
    only_loopback: AtomicBool,
    daemon: Mutex<ServiceDaemon>,
}

impl core::fmt::Debug for Shared {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Shared")
            .field("stop", &self.stop)
            .field("recogniser", &self.recogniser)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn with_recogniser<T>(&self, act: impl FnOnce(&mut Recogniser) -> T) -> T {
        act(&mut self.recogniser.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn daemon(&self) -> ServiceDaemon {
        self.daemon.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Discovery {
    /// Starts to announce and to listen. `sink` takes the events and must not block; it answers
    /// whether anybody is still there to take them: once it says no, the discovery ends.
    pub fn start(
        config: DiscoveryConfig,
        sink: impl FnMut(DiscoveryEvent) -> bool + Send + 'static,
    ) -> Result<Self, DiscoveryError> {
        let daemon = daemon(config.mdns_port)?;
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            recogniser: Mutex::new(Recogniser::new(config.store, config.device)),
            only_loopback: AtomicBool::new(false),
            daemon: Mutex::new(daemon),
        });
        let mut worker = Worker::new(config, Arc::clone(&shared), Box::new(sink))?;
        let worker = thread::Builder::new()
            .name("discovery".to_owned())
            .spawn(move || worker.run())
            .map_err(|error| DiscoveryError::System(error.to_string()))?;
        Ok(Self { shared, worker: Some(worker) })
    }

    /// Says who belongs to the store, so that a member whose clock is wrong by weeks is found too.
    pub fn members_changed(&self, members: &BTreeSet<DeviceId>) {
        self.shared.with_recogniser(|recogniser| recogniser.members_changed(members));
    }

    /// Takes the announcement back and ends. Returns when that is done, after seconds at the most.
    pub fn shutdown(mut self) {
        self.stop();
    }

    fn stop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        let _wakes_the_worker = self.shared.daemon().stop_browse(SERVICE);
        if let Some(worker) = self.worker.take() {
            // A worker that panicked has nothing left to stop.
            let _ended = worker.join();
        }
    }
}

impl Drop for Discovery {
    fn drop(&mut self) {
        self.stop();
    }
}

fn daemon(port: u16) -> Result<ServiceDaemon, DiscoveryError> {
    ServiceDaemon::new_with_port(port).map_err(system)
}

#[expect(clippy::needless_pass_by_value, reason = "an argument of map_err")]
fn system(error: mdns_sd::Error) -> DiscoveryError {
    DiscoveryError::System(error.to_string())
}

/// The thread behind a [`Discovery`].
struct Worker {
    config: DiscoveryConfig,
    shared: Arc<Shared>,
    sink: Box<dyn FnMut(DiscoveryEvent) -> bool + Send>,
    browse: Receiver<ServiceEvent>,
    heard: Heard,
    interfaces: Option<BTreeSet<IpAddr>>,
    announced_in: Option<i64>,
    /// Since when nothing is heard although this till announces itself, if so.
    deaf_since: Option<Instant>,
    fault: Option<String>,
    looked: Option<Instant>,
    counted: Instant,
    repeated: Instant,
    listening: bool,
}

impl Worker {
    fn new(
        config: DiscoveryConfig,
        shared: Arc<Shared>,
        sink: Box<dyn FnMut(DiscoveryEvent) -> bool + Send>,
    ) -> Result<Self, DiscoveryError> {
        let daemon = shared.daemon();
        let now = Instant::now();
        Ok(Self {
            browse: daemon.browse(SERVICE).map_err(system)?,
            config,
            shared,
            sink,
            heard: Heard::default(),
            interfaces: None,
            announced_in: None,
            deaf_since: Some(now),
            fault: None,
            looked: None,
            counted: now,
            repeated: now,
            listening: true,
        })
    }

    fn run(&mut self) {
        while self.listening && !self.shared.stop.load(Ordering::SeqCst) {
            self.keep_up();
            match self.browse.recv_timeout(TICK) {
                Ok(event) => self.take(event),
                Err(RecvTimeoutError::Timeout) => {}
                // The library drops a listener that fell behind.
                Err(RecvTimeoutError::Disconnected) => self.browse_again(),
            }
        }
        self.leave();
    }

    /// What is due by the clock.
    fn keep_up(&mut self) {
        let now = Instant::now();
        if self.looked.is_none_or(|looked| now.duration_since(looked) >= LOOK) {
            self.looked = Some(now);
            self.look_at_interfaces();
            self.announce_when_due();
            self.look_at_faults(now);
        }
        if now.duration_since(self.repeated) >= REPEAT {
            self.repeated = now;
            for announcement in self.heard.all() {
                self.say(DiscoveryEvent::Heard(announcement));
            }
        }
        if now.duration_since(self.counted) >= COUNT {
            self.counted = now;
            self.count_records();
        }
    }

    fn say(&mut self, event: DiscoveryEvent) {
        self.listening = self.listening && (self.sink)(event);
    }

    fn look_at_interfaces(&mut self) {
        // A system that cannot say has the ones it had.
        let Ok(all) = if_addrs::get_if_addrs() else { return };
        let addresses: BTreeSet<IpAddr> = all
            .iter()
            .filter(|interface| interface.is_oper_up() && !interface.is_loopback())
            .map(if_addrs::Interface::ip)
            .filter(|ip| !is_translated(*ip))
            .collect();
        if self.interfaces.as_ref() == Some(&addresses) {
            return;
        }
        self.shared.only_loopback.store(addresses.is_empty(), Ordering::SeqCst);
        self.interfaces = Some(addresses.clone());
        // Registered again, it is announced on the new addresses at once.
        self.announced_in = None;
        self.deaf_since = self.deaf_since.map(|_| Instant::now());
        self.say(DiscoveryEvent::Interfaces(addresses));
    }

    /// Announces when it was not yet, or for another week, or on other addresses.
    fn announce_when_due(&mut self) {
        let week = week((self.config.wall_ms)());
        if self.announced_in == Some(week) {
            return;
        }
        match self.announce(week) {
            Ok(()) => self.announced_in = Some(week),
            Err(mdns_sd::Error::Again) => {}
            Err(error) => self.fault_is(Some(error.to_string())),
        }
    }

    fn announce(&self, week: i64) -> mdns_sd::Result<()> {
        let beacon = self.shared.with_recogniser(|recogniser| recogniser.beacon(week));
        // The hint names the instance and the host: two tills never share a name, and no other
        // name of the machine goes out.
        let instance = beacon.device.to_string();
        let host = format!("tillmesh-{instance}.local.");
        let fields = beacon.fields();
        let mut info =
            ServiceInfo::new(SERVICE, &instance, &host, "", self.config.port, &fields[..])?
                .enable_addr_auto();
        let shared = Arc::clone(&self.shared);
        let loopback = self.config.loopback;
        info.set_interfaces(vec![IfKind::Predicate(IfPredicate::new(move |interface| {
            let loopback_too = loopback || shared.only_loopback.load(Ordering::SeqCst);
            (loopback_too || !interface.is_loopback()) && !is_translated(interface.ip())
        }))]);
        self.shared.daemon().register(info)
    }

    /// A till hears its own announcements. One that does not cannot send or receive multicast:
    /// another program holds the port, a firewall is in the way, the system forbids it.
    fn look_at_faults(&mut self, now: Instant) {
        let has_network = self.interfaces.as_ref().is_some_and(|all| !all.is_empty());
        let deaf = self.deaf_since.is_some_and(|since| now.duration_since(since) >= ECHO);
        if !has_network || !deaf {
            return;
        }
        self.fault_is(Some("this till does not hear its own announcement".to_owned()));
        // The library opens its sockets once. What was in the way may be gone.
        self.start_afresh();
    }

    fn hears(&mut self, hears: bool) {
        if hears {
            self.deaf_since = None;
            self.fault_is(None);
        } else if self.deaf_since.is_none() {
            self.deaf_since = Some(Instant::now());
        }
    }

    fn fault_is(&mut self, fault: Option<String>) {
        if self.fault != fault {
            self.fault.clone_from(&fault);
            self.say(DiscoveryEvent::Multicast(fault.map_or(Ok(()), Err)));
        }
    }

    fn take(&mut self, event: ServiceEvent) {
        match event {
            ServiceEvent::ServiceResolved(service) => {
                self.hears(true);
                let week = week((self.config.wall_ms)());
                let announcement = self.shared.with_recogniser(|recogniser| {
                    heard::read(&service, recogniser, week, self.config.loopback)
                });
                let Some(announcement) = announcement else { return };
                let is_member = |hint| self.shared.with_recogniser(|it| it.is_member(hint));
                if self.heard.keep(&service.fullname, &announcement, is_member) {
                    self.say(DiscoveryEvent::Heard(announcement));
                }
            }
            ServiceEvent::ServiceRemoved(_, name) => {
                if self.is_own(&name) {
                    self.hears(false);
                }
                if let Some(hint) = self.heard.drop(&name) {
                    self.say(DiscoveryEvent::Gone(hint));
                }
            }
            _ => {}
        }
    }

    fn is_own(&self, name: &str) -> bool {
        name.starts_with(&Hint::of(self.config.device).to_string())
    }

    fn browse_again(&mut self) {
        match self.shared.daemon().browse(SERVICE) {
            Ok(browse) => {
                self.browse = browse;
                // Goodbyes may have been missed. Who is still there is reported anew.
                self.heard = Heard::default();
            }
            Err(mdns_sd::Error::Again) => thread::sleep(TICK),
            Err(_) => self.start_afresh(),
        }
    }

    /// The library keeps every record it hears for as long as the record asks. A flood of made-up
    /// names must not fill this machine's memory.
    fn count_records(&mut self) {
        if records(&self.shared.daemon()).is_some_and(|records| records > RECORDS_MAX) {
            self.start_afresh();
        }
    }

    /// Replaces the library's thread by a new one that remembers nothing.
    fn start_afresh(&mut self) {
        let fresh = daemon(self.config.mdns_port).and_then(|fresh| {
            let browse = fresh.browse(SERVICE).map_err(system)?;
            Ok((browse, fresh))
        });
        match fresh {
            Ok((browse, fresh)) => {
                let mut daemon = self.shared.daemon.lock().unwrap_or_else(PoisonError::into_inner);
                let old = core::mem::replace(&mut *daemon, fresh);
                drop(daemon);
                self.browse = browse;
                self.heard = Heard::default();
                self.announced_in = None;
                self.deaf_since = Some(Instant::now());
                say_goodbye(&old);
            }
            Err(DiscoveryError::System(error)) => {
                self.fault_is(Some(error));
                thread::sleep(TICK);
            }
        }
    }

    fn leave(&mut self) {
        say_goodbye(&self.shared.daemon());
    }
}

/// How many records the library remembers, if it answers.
fn records(daemon: &ServiceDaemon) -> Option<i64> {
    let metrics = daemon.get_metrics().ok()?.recv_timeout(GOODBYE).ok()?;
    let kinds = ["cached-ptr", "cached-srv", "cached-txt", "cached-addr", "cached-nsec"];
    Some(kinds.iter().filter_map(|kind| metrics.get(*kind)).sum())
}

/// Ends a thread of the library, which takes back what it announced.
fn say_goodbye(daemon: &ServiceDaemon) {
    if let Ok(ended) = daemon.shutdown() {
        // Nothing to do if it does not answer: it holds no more than its sockets.
        let _ended = ended.recv_timeout(GOODBYE);
    }
}

/// 192.0.0.0/29: the inside of a phone's address translation, on every phone the same.
fn is_translated(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => Ipv4Addr::from(u32::from(ip) & !7) == Ipv4Addr::new(192, 0, 0, 0),
        IpAddr::V6(_) => false,
    }
}
