//! Tills that lose their power, and start again.

use replica::journal::faults::Op;
use replica::memory::{Crash, Keep, MemoryStorage};
use replica::node::Node;
use replica::sync::Engine;

use super::config::Fault;
use super::limits::{IDLE_MS, STARTS_IN_A_ROW};
use super::site::{Power, Running};
use super::world::{Event, World};

impl World {
    /// What a power cut leaves, at random.
    pub(super) fn draw_crash(&mut self) -> Crash {
        let draw = &mut self.draws.disk;
        let files = match draw.below(5) {
            0 => Keep::Nothing,
            1 => Keep::Everything,
            2 => Keep::Bytes(draw.waiting(3000)),
            _ => Keep::Sectors(draw.next_u64()),
        };
        let batches = draw.below(4);
        let map_batches = if files == Keep::Everything {
            usize::MAX
        } else {
            usize::try_from(batches).unwrap_or(0)
        };
        Crash { files, map_batches }
    }

    /// Stops a till at once; it is started again after a while.
    pub(super) fn crash(&mut self, site: usize, crash: Crash, why: &str) {
        self.power_off(site, crash, why);
        let pause = 500 + self.draws.faults.waiting(60_000);
        self.later(pause, Event::Start { site });
    }

    /// Stops a till at once.
    pub(super) fn power_off(&mut self, site: usize, crash: Crash, why: &str) {
        let (now, options) = (self.now, self.options());
        let Some(one) = self.sites.get_mut(site).filter(|one| one.running().is_some()) else {
            return;
        };
        let Power::On(running) = core::mem::replace(&mut one.power, Power::Gone) else { return };
        one.timer_ms = None;
        one.off_ms = (crash == Crash::KILL).then_some(now);
        one.restarting = false;
        one.rebuilding = false;
        let Running { node, engine, .. } = *running;
        self.witness.stored(site, |feed, seq| engine.stored_on(feed, seq));
        if crash.files != Keep::Everything {
            self.witness.stopped(site, now);
        }
        let mut disk = node.into_storage();
        let half_written = disk.faults().met() == Some(Op::Write);
        disk.faults().clear();
        let files = disk.disk().clone();
        if disk.crash(crash).is_err() {
            // No room even to open it: somebody frees some.
            files.free();
            match MemoryStorage::on(files, options) {
                Ok(opened) => disk = opened,
                Err(error) => {
                    let what = format!("till {site} cannot open its disk: {error}");
                    return self.witness.complain("opens again", what);
                }
            }
        }
        if let Some(one) = self.sites.get_mut(site) {
            one.is_half_written |= half_written;
            one.power = Power::Off(Box::new(disk));
        }
        self.note(format_args!("till {site} {why}, {:?}", crash.files));
        for conn in self.net.of_site(site) {
            let Some(place) = self.net.conns.get(&conn).and_then(|conn| conn.place_of(site)) else {
                continue;
            };
            self.net.close_end(conn, place);
            let quick = self.draws.dials.chance(1, 2);
            let notice = self.draws.dials.below(if quick { 100 } else { IDLE_MS });
            self.later(notice, Event::Lost { conn, place: 1 - place });
        }
    }

    /// Starts a till.
    pub(super) fn start(&mut self, site: usize) {
        let (now, options, nonce) = (self.now, self.options(), self.draws.ids.bytes());
        let start_fails =
            !self.healed && self.config.has(Fault::PowerCuts) && self.draws.disk.chance(1, 10);
        let after = self.draws.disk.below(12);
        self.rot_own(site);
        let Some(one) = self.sites.get_mut(site) else { return };
        let disk = match core::mem::replace(&mut one.power, Power::Gone) {
            Power::Off(disk) => disk,
            other => {
                one.power = other;
                return;
            }
        };
        if start_fails {
            let failure = replica::journal::faults::Failure::Broken { written: 100 };
            disk.faults().fail_after(after, failure);
        }
        one.starts += 1;
        let files = disk.disk().clone();
        match Node::start(one.identity(nonce), *disk) {
            Ok(mut node) => {
                // It may have lost that it had joined.
                let joined = self.store.filter(|_| node.replica().store_id().is_none());
                if let Some(store) = joined
                    && node.join(store).is_err()
                {
                    self.witness.complain("joins", format!("till {site} cannot join again"));
                }
                let engine = Engine::new(one.device, one.trusted.clone());
                one.power = Power::On(Box::new(Running { node, engine, boot: now }));
                one.failed_starts = 0;
                self.note(format_args!("till {site} starts"));
                self.dial_all(site);
                self.settle(site);
            }
            Err(error) => {
                one.failed_starts += 1;
                let stuck = one.failed_starts > STARTS_IN_A_ROW;
                self.note(format_args!("till {site} does not start: {error}"));
                self.sight("start failed and was tried again");
                match MemoryStorage::on(files, options) {
                    Ok(disk) if !stuck => {
                        if let Some(one) = self.sites.get_mut(site) {
                            one.power = Power::Off(Box::new(disk));
                        }
                        self.later(1_000, Event::Start { site });
                    }
                    Ok(_) | Err(_) => {
                        let what = format!("till {site} does not start any more: {error}");
                        self.witness.complain("opens again", what);
                    }
                }
            }
        }
    }

    pub(super) fn free(&mut self, site: usize) {
        let Some(one) = self.sites.get(site) else { return };
        match &one.power {
            Power::On(running) => running.node.storage().free(),
            Power::Off(disk) => disk.free(),
            Power::Gone => return,
        }
        self.note(format_args!("till {site} has room again"));
    }
}
