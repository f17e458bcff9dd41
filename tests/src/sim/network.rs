//! The wires: connections between tills whose frames keep their order within a class, arrive late, and
//! are lost with their connection.

use std::collections::{BTreeMap, BTreeSet};

use replica::sync::{Class, ConnId};

use crate::prng::Prng;

/// One end of a connection.
pub(super) type Place = usize;

/// A connection.
#[derive(Debug, Clone)]
pub(super) struct Conn {
    /// The two sites.
    pub(super) ends: [usize; 2],
    /// Whether each end still has it.
    pub(super) open: [bool; 2],
    /// When the last frame to an end arrives, by class.
    clear_ms: BTreeMap<(Place, Class), u64>,
    /// Frames that wait for a direction to be let through: to which end, class, bytes.
    stalled: Vec<(Place, Class, Vec<u8>)>,
}

impl Conn {
    /// The end a site is at.
    pub(super) fn place_of(&self, site: usize) -> Option<Place> {
        self.ends.iter().position(|end| *end == site)
    }

    /// The site at an end.
    pub(super) fn site_at(&self, place: Place) -> Option<usize> {
        self.ends.get(place).copied()
    }
}

/// All wires.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) conns: BTreeMap<ConnId, Conn>,
    /// Directions that let nothing through, with how many reasons there are.
    blocked: BTreeMap<(usize, usize), u32>,
    /// Pairs that never reach each other, the lower one first.
    pub(super) never: BTreeSet<(usize, usize)>,
    /// Milliseconds a kilobyte takes, by direction, where a link is slow.
    slow: BTreeMap<(usize, usize), u64>,
    delay_ms: u64,
    loss_percent: u64,
    draw: Prng,
    next: u64,
    pub(super) frames: u64,
    pub(super) bytes: u64,
    pub(super) late: u64,
}

/// A frame on its way: when it arrives.
pub(super) enum Sent {
    /// It arrives then.
    At(u64),
    /// It waits.
    Stalled,
    /// There is no such connection any more.
    Lost,
}

impl Network {
    pub(super) fn new(draw: Prng, delay_ms: u64, loss_percent: u64) -> Self {
        Self {
            conns: BTreeMap::new(),
            blocked: BTreeMap::new(),
            never: BTreeSet::new(),
            slow: BTreeMap::new(),
            delay_ms,
            loss_percent,
            draw,
            next: 1,
            frames: 0,
            bytes: 0,
            late: 0,
        }
    }

    /// From now on nothing is lost on the way.
    pub(super) fn heal(&mut self) {
        self.loss_percent = 0;
        self.blocked.clear();
        self.never.clear();
        self.slow.clear();
    }

    /// Makes a direction slow.
    pub(super) fn slow_down(&mut self, from: usize, to: usize, ms_per_kb: u64) {
        self.slow.insert((from, to), ms_per_kb);
    }

    /// Whether a direction lets nothing through.
    pub(super) fn is_blocked(&self, from: usize, to: usize) -> bool {
        self.blocked.contains_key(&(from, to)) || self.never.contains(&(from.min(to), from.max(to)))
    }

    /// Blocks a direction once more.
    pub(super) fn block(&mut self, from: usize, to: usize) {
        *self.blocked.entry((from, to)).or_default() += 1;
    }

    /// Takes one reason to block a direction away; says whether it lets through again.
    pub(super) fn unblock(&mut self, from: usize, to: usize) -> bool {
        match self.blocked.get_mut(&(from, to)) {
            Some(count) if *count > 1 => {
                *count -= 1;
                false
            }
            _ => {
                self.blocked.remove(&(from, to));
                true
            }
        }
    }

    /// Makes a connection.
    pub(super) fn connect(&mut self, a: usize, b: usize) -> ConnId {
        let id = ConnId(self.next);
        self.next += 1;
        let (clear_ms, stalled) = (BTreeMap::new(), Vec::new());
        self.conns.insert(id, Conn { ends: [a, b], open: [true, true], clear_ms, stalled });
        id
    }

    /// Connections between two sites that both still have.
    pub(super) fn between(&self, a: usize, b: usize) -> usize {
        let of_pair = |conn: &&Conn| conn.ends == [a, b] || conn.ends == [b, a];
        self.conns.values().filter(of_pair).filter(|conn| conn.open == [true, true]).count()
    }

    /// Connections one site still has.
    pub(super) fn of_site(&self, site: usize) -> Vec<ConnId> {
        let has = |conn: &Conn| {
            conn.place_of(site).is_some_and(|place| conn.open.get(place) == Some(&true))
        };
        self.conns.iter().filter(|(_, conn)| has(conn)).map(|(id, _)| *id).collect()
    }

    /// Sends a frame from a site.
    pub(super) fn send(
        &mut self,
        now: u64,
        id: ConnId,
        from: usize,
        class: Class,
        bytes: &[u8],
    ) -> (Sent, Place) {
        let Some(conn) = self.conns.get(&id) else { return (Sent::Lost, 0) };
        let Some(place) = conn.place_of(from).map(|place| 1 - place) else {
            return (Sent::Lost, 0);
        };
        let to = conn.site_at(place).unwrap_or(0);
        self.frames += 1;
        self.bytes += bytes.len() as u64;
        if self.is_blocked(from, to) {
            if let Some(conn) = self.conns.get_mut(&id) {
                conn.stalled.push((place, class, bytes.to_vec()));
            }
            return (Sent::Stalled, place);
        }
        (Sent::At(self.arrival(now, id, place, (from, to), class, bytes.len())), place)
    }

    fn arrival(
        &mut self,
        now: u64,
        id: ConnId,
        place: Place,
        way: (usize, usize),
        class: Class,
        bytes: usize,
    ) -> u64 {
        let mut delay = 1 + self.draw.waiting(self.delay_ms);
        let mut pause = 200;
        while self.loss_percent > 0 && self.draw.chance(self.loss_percent, 100) && pause < 5_000 {
            delay += pause;
            pause *= 2;
            self.late += 1;
        }
        if let Some(ms_per_kb) = self.slow.get(&way) {
            delay += ms_per_kb * (bytes as u64 + 1023) / 1024;
        }
        let Some(conn) = self.conns.get_mut(&id) else { return now + delay };
        let clear = conn.clear_ms.entry((place, class)).or_default();
        *clear = (now + delay).max(*clear);
        *clear
    }

    /// Frames that waited for this direction, with when they arrive now.
    pub(super) fn release(
        &mut self,
        now: u64,
        from: usize,
        to: usize,
    ) -> Vec<(u64, ConnId, Place, Class, Vec<u8>)> {
        let mut released = Vec::new();
        let ids: Vec<ConnId> = self.conns.keys().copied().collect();
        for id in ids {
            let Some(conn) = self.conns.get_mut(&id) else { continue };
            let Some(place) = conn.place_of(to).filter(|_| conn.place_of(from).is_some()) else {
                continue;
            };
            let all = core::mem::take(&mut conn.stalled);
            let (mine, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| one.0 == place);
            conn.stalled = rest;
            for (place, class, bytes) in mine {
                let at = self.arrival(now, id, place, (from, to), class, bytes.len());
                released.push((at, id, place, class, bytes));
            }
        }
        released
    }

    /// One end no longer has a connection. What is on the way to it, or waits, is lost.
    pub(super) fn close_end(&mut self, id: ConnId, place: Place) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        if let Some(open) = conn.open.get_mut(place) {
            *open = false;
        }
        conn.stalled.retain(|(to, ..)| *to != place);
        if conn.open == [false, false] {
            self.conns.remove(&id);
        }
    }

    /// Whether an end still has a connection.
    pub(super) fn is_open(&self, id: ConnId, place: Place) -> bool {
        self.conns.get(&id).and_then(|conn| conn.open.get(place)).copied().unwrap_or(false)
    }

    /// Two sites that are connected, at random.
    pub(super) fn any(&mut self) -> Option<ConnId> {
        let ids: Vec<ConnId> = self.conns.keys().copied().collect();
        self.draw.pick(&ids).copied()
    }
}
