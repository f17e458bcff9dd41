//! Connections as tills see them: dialled, made, broken, given up behind a partition.

use replica::sync::ConnId;

use super::config::Fault;
use super::limits::{DIAL_PAUSE_MAX_MS, IDLE_MS, STEADY_LINK_MS};
use super::network::Place;
use super::site::{Power, Site};
use super::world::{Event, World};

impl World {
    /// One side ends a connection; the other one hears of it a little later.
    pub(super) fn hang_up(&mut self, conn: ConnId, site: usize) {
        let Some(place) = self.net.conns.get(&conn).and_then(|conn| conn.place_of(site)) else {
            return;
        };
        let other = self.net.conns.get(&conn).and_then(|conn| conn.site_at(1 - place));
        self.net.close_end(conn, place);
        let delay = 1 + self.draws.dials.waiting(self.config.delay_ms);
        self.later(delay, Event::Lost { conn, place: 1 - place });
        if let Some(other) = other {
            self.redial(site, other);
        }
    }

    /// Breaks a connection: both ends notice, each in its time.
    pub(super) fn break_conn(&mut self, conn: ConnId) {
        for place in 0..2 {
            let delay = self.draws.dials.below(500);
            self.later(delay, Event::Lost { conn, place });
        }
    }

    pub(super) fn lose(&mut self, conn: ConnId, place: Place) {
        if !self.net.is_open(conn, place) {
            return;
        }
        let ends = self.net.conns.get(&conn).map(|conn| conn.ends);
        self.net.close_end(conn, place);
        let Some(ends) = ends else { return };
        let (Some(&site), Some(&other)) = (ends.get(place), ends.get(1 - place)) else { return };
        self.with(site, |running, at| running.engine.disconnected(&mut running.node, at, conn));
        self.redial(site, other);
    }

    /// Lets a pair try to connect, soon.
    pub(super) fn redial(&mut self, a: usize, b: usize) {
        let pair = (a.min(b), a.max(b));
        let now = self.now;
        let state = self.pairs.entry(pair).or_default();
        // A link that held is dialled again at once, one that was refused is not.
        if state.connected_ms.take().is_some_and(|at| at + STEADY_LINK_MS <= now) {
            state.pause_ms = 0;
        }
        if core::mem::replace(&mut state.dialling, true) {
            return;
        }
        let pause = state.pause_ms.clamp(500, DIAL_PAUSE_MAX_MS);
        state.pause_ms = (pause * 2).min(DIAL_PAUSE_MAX_MS);
        let after = pause / 2 + self.draws.dials.below(pause);
        self.later(after, Event::Dial { a: pair.0, b: pair.1 });
    }

    /// Lets a till dial all others at once.
    pub(super) fn dial_all(&mut self, site: usize) {
        for other in (0..self.sites.len()).filter(|other| *other != site) {
            let pair = (site.min(other), site.max(other));
            self.pairs.entry(pair).or_default().pause_ms = 0;
            let delay = self.draws.dials.below(300);
            self.later(delay, Event::Dial { a: pair.0, b: pair.1 });
        }
    }

    pub(super) fn dial(&mut self, a: usize, b: usize) {
        self.pairs.entry((a, b)).or_default().dialling = false;
        let (Some(one), Some(other)) = (self.sites.get(a), self.sites.get(b)) else { return };
        let gone = |one: &Site| matches!(one.power, Power::Gone) || (self.healed && one.revoked);
        if gone(one) || gone(other) || one.device == other.device {
            return;
        }
        let up = one.running().is_some() && other.running().is_some();
        let held = self.net.between(a, b);
        if up && (held == 0 || (held == 1 && self.is_doubling())) {
            if self.net.is_blocked(a, b) || self.net.is_blocked(b, a) {
                self.redial(a, b);
                return;
            }
            self.connect(a, b);
        } else if held == 0 {
            self.redial(a, b);
        }
    }

    pub(super) fn is_doubling(&self) -> bool {
        self.config.has(Fault::Doubles) && !self.healed
    }

    pub(super) fn connect(&mut self, a: usize, b: usize) {
        let (Some(one), Some(other)) = (self.sites.get(a), self.sites.get(b)) else { return };
        let devices = (one.device, other.device);
        let conn = self.net.connect(a, b);
        self.pairs.entry((a, b)).or_default().connected_ms = Some(self.now);
        for (site, peer) in [(a, devices.1), (b, devices.0)] {
            self.with(site, |running, at| {
                running.engine.connected(&mut running.node, at, conn, peer, None);
            });
        }
    }

    pub(super) fn idle(&mut self, conn: ConnId, way: (usize, usize), since: u64) {
        if self.blocked_since.get(&way) == Some(&since) && self.net.conns.contains_key(&conn) {
            self.sight("connection given up behind a partition");
            self.break_conn(conn);
        }
    }

    /// Blocks directions for a while.
    pub(super) fn block(&mut self, ways: Vec<(usize, usize)>, for_ms: u64) {
        for way in &ways {
            self.net.block(way.0, way.1);
            let now = self.now;
            let since = *self.blocked_since.entry(*way).or_insert(now);
            let ids: Vec<ConnId> = self.net.conns.keys().copied().collect();
            for conn in ids {
                let ends = self.net.conns.get(&conn).map(|conn| conn.ends);
                if ends == Some([way.0, way.1]) || ends == Some([way.1, way.0]) {
                    self.later(IDLE_MS, Event::Idle { conn, way: *way, since });
                }
            }
        }
        self.later(for_ms, Event::Unblock { ways });
    }

    pub(super) fn unblock(&mut self, ways: &[(usize, usize)]) {
        for way in ways {
            if !self.net.unblock(way.0, way.1) {
                continue;
            }
            let since = self.blocked_since.remove(way).unwrap_or(self.now);
            if self.now.saturating_sub(since) > 3_600_000 {
                self.sight("partition of more than an hour healed");
            }
            self.release(*way);
        }
    }

    /// Lets the frames that waited for a direction through.
    pub(super) fn release(&mut self, way: (usize, usize)) {
        for (at, conn, place, class, bytes) in self.net.release(self.now, way.0, way.1) {
            self.at(at, Event::Frame { conn, place, class, bytes });
        }
    }
}
