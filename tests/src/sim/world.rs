//! The world: a store, its wires, its time. Time moves by events alone: what is idle costs nothing.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use replica::core::{Alarm, Moment};
use replica::journal::Options;
use replica::memory::Keep;
use replica::recovery::RecoveryPhrase;
use replica::sync::{Class, ConnId, Output};

use super::cashier::Desk;
use super::config::{Config, Fault};
use super::limits::{EVENTS_MAX, POWER_CUT_BEHIND_SALES, QUEUED_BYTES_MAX};
use super::network::{Network, Place, Sent};
use super::shop::Shop;
use super::site::{Power, Running, Site};
use super::trace::Trace;
use super::witness::{Violation, Witness};
use crate::prng::Prng;

/// Something that happens at a moment.
#[derive(Debug)]
pub(super) enum Event {
    Frame { conn: ConnId, place: Place, class: Class, bytes: Vec<u8> },
    Lost { conn: ConnId, place: Place },
    Timer { site: usize },
    Step { site: usize },
    Rebuild { site: usize, starts: u64 },
    Dial { a: usize, b: usize },
    Start { site: usize },
    Stopped { site: usize, starts: u64 },
    Enrol { site: usize },
    Fault(Fault),
    Unblock { ways: Vec<(usize, usize)> },
    Idle { conn: ConnId, way: (usize, usize), since: u64 },
    Free { site: usize },
    Look,
}

struct Item {
    at: u64,
    order: u64,
    event: Event,
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}
impl Eq for Item {}
impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Item {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// Whether two tills try to reach each other.
#[derive(Debug, Default)]
pub(super) struct Pair {
    pub(super) pause_ms: u64,
    pub(super) connected_ms: Option<u64>,
    pub(super) dialling: bool,
}

/// Streams of random numbers by purpose: more of one does not reshuffle another.
#[derive(Debug)]
pub(super) struct Draws {
    pub(super) faults: Prng,
    pub(super) disk: Prng,
    pub(super) ids: Prng,
    pub(super) workload: Prng,
    pub(super) dials: Prng,
    pub(super) hostile: Prng,
}

/// A store and all that happens to it.
pub(super) struct World {
    pub(super) config: Config,
    pub(super) now: u64,
    heap: BinaryHeap<Reverse<Item>>,
    order: u64,
    pub(super) events: u64,
    pub(super) sites: Vec<Site>,
    pub(super) net: Network,
    pub(super) trace: Trace,
    pub(super) witness: Witness,
    pub(super) shop: Shop,
    pub(super) draws: Draws,
    pub(super) phrase: RecoveryPhrase,
    pub(super) pairs: BTreeMap<(usize, usize), Pair>,
    /// Faults so far, by kind.
    pub(super) injected: BTreeMap<Fault, u64>,
    /// Things that happened, by name: what a run must have seen.
    pub(super) sights: BTreeMap<&'static str, u64>,
    pub(super) healed: bool,
    pub(super) converged: bool,
    pub(super) converge_ms: u64,
    /// The only copy of an entry went bad: what follows it cannot be passed on.
    pub(super) gone: bool,
    pub(super) quiet_since: Option<u64>,
    /// Blocked directions, since when.
    pub(super) blocked_since: BTreeMap<(usize, usize), u64>,
    queued: usize,
    pub(super) store: Option<pos_core::ids::StoreId>,
    /// Devices whose keys, in wrong hands, have signed two entries for one place.
    pub(super) forked_devices: BTreeSet<pos_core::ids::DeviceId>,
}

impl core::fmt::Debug for World {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("World").field("now", &self.now).finish_non_exhaustive()
    }
}

impl World {
    pub(super) fn new(config: Config, shop: Shop, aloud: bool) -> Self {
        let seed = Prng::new(config.seed);
        let draws = Draws {
            faults: seed.child("faults"),
            disk: seed.child("disk"),
            ids: seed.child("ids"),
            workload: seed.child("workload"),
            dials: seed.child("dials"),
            hostile: seed.child("hostile"),
        };
        let loss = if config.has(Fault::Loss) { config.loss_percent } else { 0 };
        let net = Network::new(seed.child("network"), config.delay_ms, loss);
        let mut witness = Witness::default();
        witness.settings = Some(shop.settings.clone());
        Self {
            phrase: RecoveryPhrase::from_entropy(seed.child("phrase").bytes()),
            config,
            now: 0,
            heap: BinaryHeap::new(),
            order: 0,
            events: 0,
            sites: Vec::new(),
            net,
            trace: Trace::new(aloud),
            witness,
            shop,
            draws,
            pairs: BTreeMap::new(),
            injected: BTreeMap::new(),
            sights: BTreeMap::new(),
            healed: false,
            converged: false,
            converge_ms: 0,
            gone: false,
            quiet_since: None,
            blocked_since: BTreeMap::new(),
            queued: 0,
            store: None,
            forked_devices: BTreeSet::new(),
        }
    }

    /// The journal of every till.
    pub(super) fn options(&self) -> Options {
        Options::new(self.config.segment_bytes, self.config.segment_bytes / 4)
    }

    /// Notes an event.
    pub(super) fn note(&mut self, what: core::fmt::Arguments<'_>) {
        self.trace.note(self.now, what);
    }

    /// Notes that something worth seeing was seen.
    pub(super) fn sight(&mut self, what: &'static str) {
        *self.sights.entry(what).or_default() += 1;
    }

    /// Lets an event happen `after` milliseconds from now.
    pub(super) fn later(&mut self, after: u64, event: Event) {
        self.at(self.now.saturating_add(after), event);
    }

    pub(super) fn at(&mut self, at: u64, event: Event) {
        self.order += 1;
        if let Event::Frame { bytes, .. } = &event {
            self.queued += bytes.len();
            if self.queued > QUEUED_BYTES_MAX * self.sites.len().max(1) {
                self.witness.complain("memory", "frames pile up on the wires".to_owned());
            }
        }
        self.heap.push(Reverse(Item { at: at.max(self.now), order: self.order, event }));
    }

    /// Lets the next event happen; says whether there was one that may.
    pub(super) fn next(&mut self) -> bool {
        let Some(Reverse(item)) = self.heap.pop() else { return false };
        self.now = item.at;
        self.events += 1;
        if self.events > EVENTS_MAX {
            self.witness.complain("liveness", "the run does not come to an end".to_owned());
        }
        self.happen(item.event);
        self.witness.violations.is_empty()
    }

    /// When the next event happens.
    pub(super) fn next_at(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse(item)| item.at)
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Frame { conn, place, class, bytes } => self.frame(conn, place, class, &bytes),
            Event::Lost { conn, place } => self.lose(conn, place),
            Event::Timer { site } => self.timer(site),
            Event::Step { site } => self.step(site),
            Event::Rebuild { site, starts } => self.rebuild(site, starts),
            Event::Dial { a, b } => self.dial(a, b),
            Event::Start { site } => self.start(site),
            Event::Stopped { site, starts } => {
                if self.sites.get(site).is_some_and(|one| one.starts == starts) {
                    let crash = self.draw_crash();
                    self.crash(site, crash, "restarted after it stopped writing");
                }
            }
            Event::Enrol { site } => self.enrol(site),
            Event::Fault(fault) => self.fault(fault),
            Event::Unblock { ways } => self.unblock(&ways),
            Event::Idle { conn, way, since } => self.idle(conn, way, since),
            Event::Free { site } => self.free(site),
            Event::Look => self.look(),
        }
    }

    /// Lets the program of a till do something, and what follows from it.
    pub(super) fn with<T>(
        &mut self,
        site: usize,
        act: impl FnOnce(&mut Running, Moment) -> T,
    ) -> Option<T> {
        let now = self.now;
        let one = self.sites.get_mut(site)?;
        let at = one.moment(now);
        let done = act(one.running_mut()?, at);
        self.settle(site);
        Some(done)
    }

    /// Does what an engine asks for, and sets the next timer.
    pub(super) fn settle(&mut self, site: usize) {
        let now = self.now;
        let Some(one) = self.sites.get_mut(site) else { return };
        let starts = one.starts;
        let Power::On(running) = &mut one.power else { return };
        let Running { node, engine, boot } = running.as_mut();
        engine.pump(node);
        let mut outputs = Vec::new();
        while let Some(output) = engine.poll() {
            outputs.push(output);
        }
        let due = [node.replica().poll_timeout(), engine.poll_timeout()];
        let due = due.into_iter().flatten().min();
        let due = due.map(|due| due.saturating_add(*boot).saturating_sub(1000).max(now + 1));
        let alarms = node.take_alarms();
        let stopped = node.replica().stopped().is_some();
        let rebuilding = node.replica().rebuilding().is_some();
        let timer = due.filter(|due| one.timer_ms.is_none_or(|set| *due < set));
        one.timer_ms = timer.or(one.timer_ms);
        let rebuild = rebuilding && !core::mem::replace(&mut one.rebuilding, rebuilding);
        let stop = stopped && !core::mem::replace(&mut one.restarting, stopped);
        if let Some(due) = timer {
            self.at(due, Event::Timer { site });
        }
        if rebuild {
            self.later(3, Event::Rebuild { site, starts });
        }
        if stop {
            self.note(format_args!("till {site} stops writing"));
            self.witness.stopped(site, now);
            let pause = 1_000 + self.draws.disk.waiting(20_000);
            self.later(pause, Event::Stopped { site, starts });
        }
        for alarm in alarms {
            self.alarm(site, &alarm);
        }
        for output in outputs {
            self.output(site, output);
        }
    }

    fn alarm(&mut self, site: usize, alarm: &Alarm) {
        match alarm {
            Alarm::ChangeRefused { entry, reason } => {
                let what = format!("till {site} refused a change of {entry}: {reason}");
                self.witness.complain("honest changes", what);
            }
            Alarm::Torn(_) => self.note(format_args!("till {site} cut a torn tail")),
            Alarm::IndexRebuilding(why) => {
                self.note(format_args!("till {site} rebuilds its index: {why}"));
            }
            Alarm::Damaged(damage) => {
                self.note(format_args!("till {site} meets damage: {}", damage.reason));
                let explained =
                    self.sites.get(site).is_some_and(|one| one.is_rotten || one.is_half_written);
                if !explained {
                    let what = format!("till {site}: {}: {}", damage.place, damage.reason);
                    self.witness.complain("no damage without a cause", what);
                }
            }
            Alarm::Unreadable { .. } | Alarm::WritingStopped(_) => {}
        }
    }

    fn output(&mut self, site: usize, output: Output) {
        match output {
            Output::Send { conn, class, frame } => {
                let (sent, place) = self.net.send(self.now, conn, site, class, &frame);
                if let Sent::At(at) = sent {
                    self.at(at, Event::Frame { conn, place, class, bytes: frame });
                }
            }
            Output::Close { conn, reason } => {
                self.note(format_args!("till {site} hangs up: {reason}"));
                self.hang_up(conn, site);
            }
            Output::Learnt { .. } => {}
        }
    }

    fn frame(&mut self, conn: ConnId, place: Place, class: Class, bytes: &[u8]) {
        self.queued = self.queued.saturating_sub(bytes.len());
        if !self.net.is_open(conn, place) {
            return;
        }
        let Some(site) = self.net.conns.get(&conn).and_then(|conn| conn.site_at(place)) else {
            return;
        };
        self.with(site, |running, at| {
            running.engine.frame(&mut running.node, at, conn, class, bytes);
        });
    }

    fn timer(&mut self, site: usize) {
        let now = self.now;
        let Some(one) = self.sites.get_mut(site) else { return };
        if one.timer_ms != Some(now) {
            return;
        }
        one.timer_ms = None;
        self.with(site, |Running { node, engine, .. }, at| {
            node.tick(at);
            if engine.poll_timeout().is_some_and(|due| due <= at.monotonic_ms) {
                engine.tick(node, at);
            }
        });
    }

    fn rebuild(&mut self, site: usize, starts: u64) {
        let Some(one) = self.sites.get_mut(site).filter(|one| one.starts == starts) else { return };
        one.rebuilding = false;
        self.with(site, |running, at| running.node.rebuild_step(at));
    }

    fn step(&mut self, site: usize) {
        let now = self.now;
        let Some(one) = self.sites.get_mut(site) else { return };
        let at = one.moment(now);
        let (witness, shop) = (&mut self.witness, &self.shop);
        let pause = match &mut one.power {
            Power::On(running) => {
                let running = running.as_mut();
                one.cashier.step(&mut Desk { running, at, now, site, witness, shop })
            }
            Power::Off(_) => 15_000,
            Power::Gone => return,
        };
        let did = core::mem::take(&mut one.cashier.did);
        if !did.is_empty() {
            self.note(format_args!("till {site} {did}"));
        }
        // The power likes to fail right behind an answer, before the till does anything else.
        let sold = did.starts_with("paid") && self.config.has(Fault::PowerCuts) && !self.healed;
        if sold && self.draws.disk.chance(1, POWER_CUT_BEHIND_SALES) {
            let mut crash = self.draw_crash();
            if crash.files == Keep::Everything {
                crash.files = Keep::Nothing;
            }
            *self.injected.entry(Fault::PowerCuts).or_default() += 1;
            self.crash(site, crash, "loses its power behind an answer");
        }
        self.settle(site);
        if self.sites.get(site).is_some_and(|one| one.revoked) && self.healed {
            return;
        }
        self.later(pause.max(1), Event::Step { site });
    }

    /// The promise that was broken, if one was.
    pub(super) fn violation(&self) -> Option<Violation> {
        self.witness.violations.first().cloned()
    }
}
