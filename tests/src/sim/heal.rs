//! The second phase: nothing fails any more, and whatever can heal must.

use std::collections::BTreeSet;

use pos_core::ids::{DeviceId, RegisterId};
use pos_core::record::Record;
use replica::core::{Command, Digest, EntryId, FeedId, HeldBack, Role, RosterRecord};
use replica::memory::Crash;
use replica::recovery;
use replica::sync::ConnId;

use super::config::Fault;
use super::limits::{CONVERGE_LOOK_MS, CONVERGE_WITHIN_MS};
use super::shop;
use super::site::{Power, Running, Site};
use super::world::{Event, World};

/// Virtual time the tills of a healed shop have for their last sale, in milliseconds: several patient
/// cashiers, one after a rebuild.
const LAST_SALE_MS: u64 = 15 * 60_000;

impl World {
    /// The tills that must agree in the end.
    pub(super) fn core(&self) -> Vec<usize> {
        let sites = self.sites.iter().enumerate();
        let in_core = sites.filter(|(_, one)| !matches!(one.power, Power::Gone) && !one.revoked);
        in_core.map(|(site, _)| site).collect()
    }

    /// Ends all faults and starts what is off. Tills that are shut out are switched off.
    pub(super) fn heal(&mut self) {
        self.healed = true;
        self.note(format_args!("everything heals"));
        let blocked: BTreeSet<(usize, usize)> = self.blocked_since.keys().copied().collect();
        self.net.heal();
        self.blocked_since.clear();
        for way in blocked {
            self.release(way);
        }
        let all: Vec<ConnId> = self.net.conns.keys().copied().collect();
        for conn in all {
            // One transport does not keep two connections to one till for ever.
            let ends = self.net.conns.get(&conn).map(|conn| conn.ends);
            if ends.is_some_and(|[a, b]| self.net.between(a, b) > 1) {
                self.break_conn(conn);
            }
        }
        for site in 0..self.sites.len() {
            self.mend_disk(site);
            let Some(one) = self.sites.get_mut(site) else { continue };
            one.cashier.close_shop();
            let stopped =
                one.running().is_some_and(|running| running.node.replica().stopped().is_some());
            if one.revoked {
                self.power_off(site, Crash::KILL, "stays shut out");
                continue;
            }
            if stopped {
                self.power_off(site, Crash::KILL, "is restarted");
            }
            let hurry = 200 + self.draws.workload.below(2_000);
            self.later(hurry, Event::Start { site });
            self.later(5_000 + hurry, Event::Step { site });
            self.dial_all(site);
        }
        self.later(CONVERGE_LOOK_MS, Event::Look);
    }

    /// Lets those in again whose membership was lost with the manager's till that had let them in.
    fn readmit(&mut self, core: &[usize]) {
        let knows = |one: &Running| !one.node.replica().roster().is_empty();
        let running = |site: usize| self.sites.get(site).and_then(Site::running);
        let by = core.iter().copied().find(|site| running(*site).is_some_and(knows));
        let Some(by) = by else { return };
        self.pair_again(core, by);
        let members = self.sites.get(by).and_then(Site::running);
        let Some(members) = members.map(|one| one.node.replica().roster().members().clone()) else {
            return;
        };
        let lost: Vec<(usize, DeviceId, RegisterId)> = core
            .iter()
            .filter_map(|site| Some((*site, self.sites.get(*site)?)))
            .filter(|(_, one)| !members.contains(&one.device))
            .map(|(site, one)| (site, one.device, one.register.clone()))
            .collect();
        let phrase = self.phrase.clone();
        for (site, device, register) in lost {
            // Each time the phrase is typed its key lives anew.
            let nonce = self.draws.ids.bytes();
            let Ok(name) = shop::device_name(site) else { continue };
            let added = RosterRecord::DeviceAdded { device, role: Role::Till, name };
            let assigned = Command::Record(Box::new(Record::RegisterAssigned { register, device }));
            let done = self.with(by, |Running { node, .. }, at| {
                recovery::act(node, &phrase, nonce, at, &[added]).is_ok()
                    && node.execute(at, assigned).is_ok()
            });
            if done == Some(true) {
                self.note(format_args!("till {by} lets till {site} in again"));
                self.sight("let in again by the recovery phrase");
                self.dial_all(site);
            }
        }
    }

    /// A till that has heard of nobody yet, and whose manager's till is gone, is paired with another.
    fn pair_again(&mut self, core: &[usize], by: usize) {
        let there: BTreeSet<DeviceId> =
            core.iter().filter_map(|site| self.sites.get(*site)).map(|one| one.device).collect();
        let Some(with) = self.sites.get(by).map(|one| one.device) else { return };
        for &site in core {
            let Some(one) = self.sites.get_mut(site) else { continue };
            let knows_nobody =
                one.running().is_some_and(|running| running.node.replica().roster().is_empty());
            if !knows_nobody || !one.trusted.is_disjoint(&there) {
                continue;
            }
            one.trusted.insert(with);
            self.sight("paired again, its manager's till was lost");
            self.crash(site, Crash::KILL, "is paired again");
        }
    }

    /// Looks whether the shop has come to rest, and then whether all agree.
    pub(super) fn look(&mut self) {
        let core = self.core();
        self.readmit(&core);
        let at_work = core.iter().copied().find(|site| !self.is_at_rest(*site));
        let healed_for = self.now.saturating_sub(self.config.time_ms);
        match (self.quiet_since, at_work) {
            (None, Some(_)) if healed_for > LAST_SALE_MS && self.roster_is_gone(&core) => {
                self.gone = true;
                self.converged = true;
                return;
            }
            (None, Some(site)) if healed_for > LAST_SALE_MS => {
                let (why, held) = (self.why(site), self.disagreement(&core));
                let what = format!("till {site} cannot sell though all is well: {why}; {held}");
                return self.witness.complain("liveness", what);
            }
            (None, Some(_)) => return self.later(CONVERGE_LOOK_MS, Event::Look),
            (None, None) => {
                self.note(format_args!("the last sales are made"));
                self.quiet_since = Some(self.now);
            }
            (Some(_), _) => {}
        }
        let since = self.quiet_since.unwrap_or(self.now);
        if self.agrees(&core) {
            self.converged = true;
            self.converge_ms = self.now.saturating_sub(since);
            let took = self.converge_ms;
            self.note(format_args!("all agree after {took} ms"));
        } else if self.now.saturating_sub(since) > CONVERGE_WITHIN_MS && self.is_gone(&core) {
            self.note(format_args!("the only copy of an entry went bad"));
            self.sight("the only copy of an entry went bad");
            self.gone = true;
            self.converged = true;
        } else if self.now.saturating_sub(since) > CONVERGE_WITHIN_MS {
            let what = self.disagreement(&core);
            self.witness.complain("convergence", what);
        } else {
            self.later(CONVERGE_LOOK_MS, Event::Look);
        }
    }

    fn is_at_rest(&self, site: usize) -> bool {
        self.sites.get(site).is_some_and(|one| {
            let joined =
                one.running().is_some_and(|running| running.node.replica().own_role().is_some());
            one.running().is_some()
                && (one.cashier.is_done() || !joined && one.cashier.has_nothing())
        })
    }

    fn why(&self, site: usize) -> String {
        let Some(one) = self.sites.get(site) else { return "no such till".to_owned() };
        let Some(Running { node, engine, .. }) = one.running() else {
            return "it is off".to_owned();
        };
        let replica = node.replica();
        format!(
            "holder {:?}, aside {:?}, damage {:?}, in step {}, serves {}, peers {}, role {:?}, stopped {:?}, rebuilding {:?}, shift {:?}, {}",
            replica.books().register_holder(&one.register),
            replica.held_back().take(3).collect::<Vec<_>>(),
            replica.damage(),
            engine.in_step(node),
            replica.books().register_holder(&one.register) == Some(one.device),
            engine.peers().count(),
            replica.own_role(),
            replica.stopped(),
            replica.rebuilding(),
            replica.current_shift(&one.register).is_some(),
            one.cashier.state(),
        )
    }

    fn held(&self, site: usize) -> Option<Digest> {
        let replica = self.sites.get(site)?.running()?.node.replica();
        replica.rebuilding().is_none().then(|| replica.held_digest())
    }

    /// Whether all hold the same entries, and all of it is folded.
    fn agrees(&mut self, core: &[usize]) -> bool {
        let mut held = core.iter().map(|site| self.held(*site));
        let Some(Some(first)) = held.next() else { return core.is_empty() };
        held.all(|other| other == Some(first))
    }

    /// Whether a rotten till lacks, in the middle of a feed, what nobody else has.
    fn is_gone(&self, core: &[usize]) -> bool {
        let running = |site: &usize| self.sites.get(*site).and_then(Site::running);
        let has = |feed: FeedId, seq: u64, id: EntryId| {
            core.iter().filter_map(running).any(|Running { node, .. }| {
                node.replica().has_entry(node.storage(), feed, seq, id).unwrap_or(false)
            })
        };
        let rotten =
            core.iter().filter(|site| self.sites.get(**site).is_some_and(|one| one.is_rotten));
        rotten.filter_map(running).any(|Running { node, .. }| {
            let feeds = node.replica().feeds().iter();
            let missing = feeds
                .flat_map(|(feed, state)| state.missing.iter().map(|(seq, id)| (*feed, *seq, *id)));
            missing.into_iter().any(|(feed, seq, id)| !has(feed, seq, id))
        })
    }

    /// Whether entries name a roster record of which the last copies were lost: one went bad or was put
    /// back to a backup, and the others were on tills that are gone. What names it is held, shown, and
    /// counts nowhere but where the record was known.
    pub(super) fn roster_is_gone(&mut self, core: &[usize]) -> bool {
        let copies_were_lost = |fault: Fault| self.injected.contains_key(&fault);
        if ![Fault::BitRot, Fault::StaleBackups, Fault::OwnRot].into_iter().any(copies_were_lost) {
            return false;
        }
        let running: Vec<&Running> =
            core.iter().filter_map(|site| self.sites.get(*site).and_then(Site::running)).collect();
        let named: BTreeSet<EntryId> = running
            .iter()
            .flat_map(|one| one.node.replica().held_back())
            .filter_map(|(_, reason)| match reason {
                HeldBack::RosterMissing(id) => Some(*id),
                _ => None,
            })
            .collect();
        let is_held = |id: &EntryId| {
            running.iter().any(|one| {
                let held = one.node.replica().entry(one.node.storage(), *id);
                held.is_ok_and(|held| held.is_some())
            })
        };
        let gone = named.iter().any(|id| !is_held(id));
        if gone {
            self.sight("the only copies of a roster record were lost");
        }
        gone
    }

    fn disagreement(&self, core: &[usize]) -> String {
        let mut lines = vec!["what the tills hold after all has healed".to_owned()];
        for &site in core {
            let held = self.held(site);
            let device = self.sites.get(site).map_or_else(String::new, |one| short(one.device));
            let rows = self.sites.get(site).and_then(|one| one.running()).map(|running| {
                let held = running.node.replica().held_by_device();
                let feeds = running.node.replica().feeds();
                let rows = held.iter().map(|(device, held)| {
                    let of_device = feeds.iter().filter(|(feed, _)| feed.device == *device);
                    let missing: Vec<u64> = of_device
                        .flat_map(|(_, state)| state.missing.iter().map(|(seq, _)| *seq))
                        .collect();
                    format!("{}:{} without {missing:?}", short(*device), held.entries)
                });
                let peers = running.engine.peers().count();
                let members = running.node.replica().roster().members().iter();
                let members: Vec<String> = members.map(|device| short(*device)).collect();
                let rows = rows.collect::<Vec<_>>().join(" ");
                format!("{peers} peers, members {}, {rows}", members.join(" "))
            });
            let held = held.map_or_else(|| "none".to_owned(), |held| held.to_string());
            let rows = rows.unwrap_or_default();
            lines.push(format!("till {site} ({device}): held {held}, {rows}"));
        }
        lines.join("; ")
    }
}

/// The first digits of a device's key.
fn short(device: DeviceId) -> String {
    device.to_string().chars().take(4).collect()
}
