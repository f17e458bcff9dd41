//! What goes wrong, and when.

use pos_core::ids::DeviceId;
use replica::core::{Command, CommandError};
use replica::journal::faults::{Failure, Op};
use replica::memory::Crash;

use super::config::Fault;
use super::site::{Power, Running, Site};
use super::world::{Event, World};

const MINUTE_MS: u64 = 60_000;

/// Mean time between two faults of a kind: of a store, or of one till where `each` says so.
const fn mean_minutes(fault: Fault) -> (u64, bool) {
    match fault {
        Fault::Breaks => (10, false),
        Fault::Partitions => (20, false),
        Fault::PowerCuts | Fault::Kills | Fault::IndexLoss => (90, true),
        Fault::DiskErrors => (60, true),
        Fault::DiskFull | Fault::BitRot => (120, true),
        Fault::StaleBackups | Fault::Clocks => (60, false),
        Fault::Clones | Fault::DevicesLost | Fault::Revocations => (90, false),
        Fault::Hostile => (5, false),
        // Not events: they shape the network or the day.
        Fault::Loss
        | Fault::SlowLinks
        | Fault::Doubles
        | Fault::PartialMesh
        | Fault::LateJoins
        | Fault::OwnRot => (0, false),
    }
}

impl World {
    /// Puts the next fault of a kind into the future.
    pub(super) fn schedule(&mut self, fault: Fault) {
        let (minutes, each) = mean_minutes(fault);
        if minutes == 0 || self.healed {
            return;
        }
        let share = if each { self.config.tills as u64 } else { 1 };
        let mean = minutes * MINUTE_MS * 100 / self.config.haste_percent.max(1) / share.max(1);
        let after = 1_000 + self.draws.faults.waiting(mean);
        self.later(after, Event::Fault(fault));
    }

    /// A fault happens, and the next one of its kind is put into the future.
    pub(super) fn fault(&mut self, fault: Fault) {
        if self.healed {
            return;
        }
        let done = match fault {
            Fault::Breaks => self.break_any(),
            Fault::Partitions => self.partition(),
            Fault::PowerCuts => self.cut_power(),
            Fault::Kills => self.kill(),
            Fault::DiskErrors => self.fail_disk(),
            Fault::DiskFull => self.fill_disk(),
            Fault::BitRot => self.rot(),
            Fault::IndexLoss => self.lose_index(),
            Fault::StaleBackups => self.back_up_or_restore(),
            Fault::Clones => self.copy_till(),
            Fault::DevicesLost => self.lose_till(),
            Fault::Clocks => self.disturb_clock(),
            Fault::Revocations => self.revoke(),
            Fault::Hostile => self.attack(),
            Fault::Loss
            | Fault::SlowLinks
            | Fault::Doubles
            | Fault::PartialMesh
            | Fault::LateJoins
            | Fault::OwnRot => false,
        };
        if done {
            *self.injected.entry(fault).or_default() += 1;
        }
        self.schedule(fault);
    }

    /// Slow links, and pairs that never meet: what stays for the whole day.
    pub(super) fn shape_network(&mut self) {
        let sites = self.sites.len();
        for a in 0..sites {
            for b in 0..sites {
                if a != b && self.config.has(Fault::SlowLinks) && self.draws.faults.chance(1, 6) {
                    let ms_per_kb = self.draws.faults.between(10, 400);
                    self.net.slow_down(a, b, ms_per_kb);
                    *self.injected.entry(Fault::SlowLinks).or_default() += 1;
                }
                // All of them reach the first till, so that nobody is alone.
                let apart = a < b && a > 0 && self.config.has(Fault::PartialMesh);
                if apart && self.draws.faults.chance(1, 3) {
                    self.net.never.insert((a, b));
                    *self.injected.entry(Fault::PartialMesh).or_default() += 1;
                }
            }
        }
    }

    /// Tills that are there and answer to `may`.
    fn tills(&self, may: impl Fn(&Site) -> bool) -> Vec<usize> {
        self.sites.iter().enumerate().filter(|(_, one)| may(one)).map(|(site, _)| site).collect()
    }

    fn any(&mut self, may: impl Fn(&Site) -> bool) -> Option<usize> {
        let tills = self.tills(may);
        self.draws.faults.pick(&tills).copied()
    }

    fn any_running(&mut self) -> Option<usize> {
        self.any(|one| one.running().is_some())
    }

    fn break_any(&mut self) -> bool {
        let Some(conn) = self.net.any() else { return false };
        self.break_conn(conn);
        true
    }

    fn partition(&mut self) -> bool {
        let sites = self.sites.len();
        if sites < 2 {
            return false;
        }
        let draw = &mut self.draws.faults;
        let for_ms = 10_000 + draw.waiting(30 * MINUTE_MS);
        let (mode, alone) = (draw.below(4), draw.index(sites));
        let side: Vec<bool> = (0..sites).map(|_| draw.chance(1, 2)).collect();
        let mut ways = Vec::new();
        for a in 0..sites {
            for b in 0..sites {
                let apart = match mode {
                    // Two parts; one part hears the other, not the other way round; one alone; one
                    // that is not heard.
                    0 => side.get(a) != side.get(b),
                    1 => side.get(a) == Some(&true) && side.get(b) == Some(&false),
                    2 => a == alone || b == alone,
                    _ => a == alone,
                };
                if apart && a != b {
                    ways.push((a, b));
                }
            }
        }
        if ways.is_empty() {
            return false;
        }
        self.note(format_args!("the network parts, mode {mode}, for {} s", for_ms / 1000));
        self.block(ways, for_ms);
        true
    }

    fn cut_power(&mut self) -> bool {
        // Now and then the power of the whole shop fails.
        let all = self.draws.faults.chance(1, 10);
        let tills = if all {
            self.tills(|one| one.running().is_some())
        } else {
            self.any_running().into_iter().collect()
        };
        for &site in &tills {
            let mut crash = self.draw_crash();
            if crash.files == replica::memory::Keep::Everything {
                crash.files = replica::memory::Keep::Nothing;
            }
            self.crash(site, crash, "loses its power");
        }
        !tills.is_empty()
    }

    fn kill(&mut self) -> bool {
        let Some(site) = self.any_running() else { return false };
        self.crash(site, Crash::KILL, "is killed");
        true
    }

    fn fail_disk(&mut self) -> bool {
        let Some(site) = self.any_running() else { return false };
        let (kind, skip) = (self.draws.disk.below(4), self.draws.disk.below(20));
        let written = usize::try_from(self.draws.disk.below(600)).unwrap_or(0);
        let Some(running) = self.sites.get(site).and_then(Site::running) else { return false };
        let disk = running.node.storage();
        match kind {
            0 | 1 => disk.fail_next(Op::Sync, Failure::Broken { written: 0 }),
            2 => disk.fail_next(Op::Write, Failure::Broken { written }),
            _ => disk.faults().fail_after(skip, Failure::Broken { written }),
        }
        self.note(format_args!("the disk of till {site} is to fail"));
        true
    }

    fn fill_disk(&mut self) -> bool {
        let Some(site) = self.any_running() else { return false };
        let (brief, skip) = (self.draws.disk.chance(1, 3), self.draws.disk.below(20));
        let written = usize::try_from(self.draws.disk.below(600)).unwrap_or(0);
        let for_ms = MINUTE_MS + self.draws.disk.waiting(20 * MINUTE_MS);
        let Some(running) = self.sites.get(site).and_then(Site::running) else { return false };
        if brief {
            running.node.storage().faults().fail_after(skip, Failure::Full { written });
        } else {
            running.node.storage().fill();
            self.later(for_ms, Event::Free { site });
        }
        self.note(format_args!("the disk of till {site} is full"));
        true
    }

    fn lose_index(&mut self) -> bool {
        let Some(site) = self.any_running() else { return false };
        self.note(format_args!("the index of till {site} breaks"));
        self.with(site, |Running { node, .. }, at| {
            node.storage_mut().break_map("broken by the simulator");
            node.recover_map(at);
        });
        true
    }

    /// All other tills of the store. An image may be older than all their memberships; whoever puts it
    /// back pairs the till anew.
    fn devices_but(&self, site: usize) -> Vec<DeviceId> {
        let others = self.sites.iter().enumerate().filter(|(other, _)| *other != site);
        others.map(|(_, one)| one.device).collect()
    }

    /// Makes an image of a till's disk, or puts a till back to its image.
    fn back_up_or_restore(&mut self) -> bool {
        let restore = self.draws.faults.chance(1, 2);
        let now = self.now;
        if !restore {
            let Some(site) = self.any(|one| one.running().is_some() && !one.is_copy) else {
                return false;
            };
            let Some(one) = self.sites.get_mut(site) else { return false };
            let Power::On(running) = &one.power else { return false };
            let Ok(image) = running.node.storage().image() else { return false };
            one.backup = Some((now, image));
            self.note(format_args!("till {site} is backed up"));
            return false;
        }
        let may = |one: &Site| one.backup.is_some() && !one.revoked;
        let Some(site) = self.any(|one| may(one) && one.running().is_some()) else { return false };
        self.power_off(site, Crash::KILL, "is put back to its backup");
        let others = self.devices_but(site);
        let Some(one) = self.sites.get_mut(site) else { return false };
        let Some((made, image)) = one.backup.take() else { return false };
        let register = one.register.clone();
        // What the cashier had in hand is on the disk that is gone.
        one.cashier.forget();
        one.trusted.extend(others);
        one.power = Power::Off(Box::new(image));
        self.witness.lost(site, made, &register);
        self.witness.may_repeat.insert(register);
        let pause = 1_000 + self.draws.faults.waiting(60_000);
        self.later(pause, Event::Start { site });
        true
    }

    /// Copies a till's disk into another machine; both go on.
    fn copy_till(&mut self) -> bool {
        if self.sites.iter().any(|one| one.is_copy) {
            return false;
        }
        let Some(site) = self.any(|one| one.running().is_some() && !one.revoked) else {
            return false;
        };
        let copy = self.sites.len();
        let draw = self.draws.workload.child("copy");
        // Two that bear one key never meet: somebody has to stand between them.
        let whole = |one: &Site| !matches!(one.power, Power::Gone) && !one.revoked;
        if self.tills(whole).len() < 3 {
            return false;
        }
        let trusted = self.devices_but(site);
        let Some(one) = self.sites.get(site) else { return false };
        let Some(running) = one.running() else { return false };
        let Ok(mut image) = running.node.storage().image() else { return false };
        if image.crash(Crash::KILL).is_err() {
            return false;
        }
        let twin = Site {
            secret: one.secret,
            device: one.device,
            register: one.register.clone(),
            power: Power::Off(Box::new(image)),
            clock: one.clock.clone(),
            cashier: one.cashier.twin(draw, 1000 + copy),
            timer_ms: None,
            trusted: trusted.into_iter().collect(),
            backup: None,
            off_ms: None,
            revoked: false,
            is_copy: true,
            is_rotten: one.is_rotten,
            is_half_written: one.is_half_written,
            failed_starts: 0,
            starts: 0,
            restarting: false,
            rebuilding: false,
        };
        self.witness.may_repeat.insert(twin.register.clone());
        self.sites.push(twin);
        self.note(format_args!("till {site} is copied as till {copy}"));
        self.later(1_000, Event::Start { site: copy });
        self.later(20_000, Event::Step { site: copy });
        true
    }

    fn lose_till(&mut self) -> bool {
        // Never the last one, nor the one that all others reach.
        let alive =
            self.tills(|one| !matches!(one.power, Power::Gone) && !one.revoked && !one.is_copy);
        if alive.len() < 3 {
            return false;
        }
        let Some(site) = self.any(|one| one.running().is_some() && !one.is_copy) else {
            return false;
        };
        if site == 0 {
            return false;
        }
        self.power_off(site, Crash::POWER_CUT, "is destroyed");
        let Some(one) = self.sites.get_mut(site) else { return false };
        one.power = Power::Gone;
        one.backup = None;
        let register = one.register.clone();
        self.witness.lost(site, 0, &register);
        true
    }

    fn disturb_clock(&mut self) -> bool {
        let Some(site) = self.any_running() else { return false };
        let now = self.now;
        let Some(one) = self.sites.get_mut(site) else { return false };
        let what = one.clock.disturb(&mut self.draws.faults, now);
        self.note(format_args!("the clock of till {site} {what}"));
        self.sight(what);
        true
    }

    fn revoke(&mut self) -> bool {
        let alive = self.tills(|one| !matches!(one.power, Power::Gone) && !one.revoked);
        let Some(manager) = self.tills(|_| true).into_iter().find(|site| self.can_manage(*site))
        else {
            return false;
        };
        if alive.len() < 4 || self.sites.iter().any(|one| one.revoked) {
            return false;
        }
        // A till, not a manager's: that takes two.
        let may = |one: &Site| !matches!(one.power, Power::Gone) && !one.is_copy;
        let Some(site) = self.any(may).filter(|site| *site > 1) else { return false };
        let Some(one) = self.sites.get(site) else { return false };
        let (device, register) = (one.device, one.register.clone());
        // The copy would be shut out as well.
        if self.sites.iter().filter(|other| other.device == device).count() > 1 {
            return false;
        }
        let revoked = self.with(manager, |Running { node, .. }, at| {
            let records = node.replica().revocation(device).ok()?;
            for record in records {
                match node.execute(at, Command::ChangeRoster(record)) {
                    // Not answered: it may be on the disk all the same.
                    Ok(_) | Err(CommandError::Stopped(_) | CommandError::Disk(_)) => {}
                    Err(_) => return None,
                }
            }
            Some(())
        });
        if revoked.flatten().is_none() {
            return false;
        }
        if let Some(one) = self.sites.get_mut(site) {
            one.revoked = true;
        }
        let Some(node) = self.sites.get(manager).and_then(Site::running) else { return false };
        let (replica, disk) = (node.node.replica(), node.node.storage());
        let kept = |id: &pos_core::ids::RecordId| {
            replica.transaction(disk, *id).is_ok_and(|held| held.is_some())
        };
        self.witness.shut_out(site, self.now, &register, kept);
        self.note(format_args!("till {manager} shuts till {site} out"));
        true
    }

    /// Frees the disk of a till from everything that is to fail.
    pub(super) fn mend_disk(&mut self, site: usize) {
        let Some(one) = self.sites.get(site) else { return };
        let disk = match &one.power {
            Power::On(running) => running.node.storage(),
            Power::Off(disk) => disk,
            Power::Gone => return,
        };
        disk.faults().clear();
        disk.free();
    }
}
