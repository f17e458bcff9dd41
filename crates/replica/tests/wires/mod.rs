//! A store of several devices in memory whose engines talk over wires that a test cuts, delays and
//! looks into. Each class of a connection keeps its order, as the transport promises; classes
//! overtake each other as a seed says.
#![allow(dead_code, reason = "each suite uses a part")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use pos_core::ids::DeviceId;
use pos_core::report::ReportFilter;
use replica::memory::Crash;
use replica::node::Node;
use replica::sync::{Class, CloseReason, ConnId, Engine, Output};

use crate::mesh::{self, Summary};
use crate::shop::{Till, at};

/// A till with its engine.
pub(crate) struct Peer {
    pub(crate) till: Till,
    pub(crate) engine: Engine,
}

/// The end of a connection that a test holds.
const BY_HAND: usize = usize::MAX;

/// From one end of a connection to the other.
type Wire = (ConnId, usize, Class);

pub(crate) struct World {
    pub(crate) peers: Vec<Peer>,
    pub(crate) links: BTreeMap<ConnId, (usize, usize)>,
    pub(crate) now: u64,
    pub(crate) closed: Vec<(usize, CloseReason)>,
    /// Bytes sent so far.
    pub(crate) bytes: usize,
    pub(crate) frames: usize,
    /// What peers have sent to a connection whose other end a test plays itself.
    pub(crate) to_us: Vec<(ConnId, Class, Vec<u8>)>,
    wires: BTreeMap<Wire, VecDeque<Vec<u8>>>,
    next: u64,
    seed: u64,
}

impl World {
    pub(crate) fn new(tills: Vec<Till>, seed: u64) -> Self {
        let peers = tills
            .into_iter()
            .map(|till| {
                let engine = Engine::new(till.replica().device(), BTreeSet::new());
                Peer { till, engine }
            })
            .collect();
        Self {
            peers,
            links: BTreeMap::new(),
            now: 10_000,
            closed: Vec::new(),
            bytes: 0,
            frames: 0,
            to_us: Vec::new(),
            wires: BTreeMap::new(),
            next: 1,
            seed,
        }
    }

    pub(crate) fn device(&self, peer: usize) -> DeviceId {
        self.peers[peer].till.replica().device()
    }

    /// Connects two peers, unless they are.
    pub(crate) fn connect(&mut self, a: usize, b: usize) {
        if self.link(a, b).is_some() {
            return;
        }
        let conn = ConnId(self.next);
        self.next += 1;
        self.links.insert(conn, (a, b));
        let devices = [self.device(a), self.device(b)];
        for (peer, other) in [(a, devices[1]), (b, devices[0])] {
            let moment = at(self.now);
            let Peer { till, engine } = &mut self.peers[peer];
            engine.connected(till, moment, conn, other, None);
            self.collect(peer);
        }
    }

    /// Connects a peer to a device whose part the test plays, frame by frame.
    pub(crate) fn connect_by_hand(&mut self, peer: usize, device: DeviceId) -> ConnId {
        let conn = ConnId(self.next);
        self.next += 1;
        self.links.insert(conn, (peer, BY_HAND));
        let moment = at(self.now);
        let Peer { till, engine } = &mut self.peers[peer];
        engine.connected(till, moment, conn, device, None);
        self.collect(peer);
        conn
    }

    /// Gives a frame to the peer at the other end of such a connection, past everything on the wires.
    pub(crate) fn inject(&mut self, conn: ConnId, class: Class, frame: &[u8]) {
        let Some(&(peer, _)) = self.links.get(&conn) else { return };
        let moment = at(self.now);
        let Peer { till, engine } = &mut self.peers[peer];
        engine.frame(till, moment, conn, class, frame);
        self.collect(peer);
    }

    pub(crate) fn connect_all(&mut self) {
        for a in 0..self.peers.len() {
            for b in a + 1..self.peers.len() {
                self.connect(a, b);
            }
        }
    }

    fn link(&self, a: usize, b: usize) -> Option<ConnId> {
        let between = |(_, ends): &(&ConnId, &(usize, usize))| **ends == (a, b) || **ends == (b, a);
        self.links.iter().find(between).map(|(conn, _)| *conn)
    }

    /// Cuts the wire: what is on it is lost.
    pub(crate) fn cut(&mut self, a: usize, b: usize) {
        if let Some(conn) = self.link(a, b) {
            self.hang_up(conn);
        }
    }

    pub(crate) fn hang_up(&mut self, conn: ConnId) {
        self.wires.retain(|(of, ..), _| *of != conn);
        let Some((a, b)) = self.links.remove(&conn) else { return };
        for peer in [a, b].into_iter().filter(|peer| *peer != BY_HAND) {
            let moment = at(self.now);
            let Peer { till, engine } = &mut self.peers[peer];
            engine.disconnected(till, moment, conn);
            self.collect(peer);
        }
    }

    /// Lets a till do something, and its engine hear of it.
    pub(crate) fn act<T>(&mut self, peer: usize, act: impl FnOnce(&mut Till, u64) -> T) -> T {
        self.now += 5;
        let moment = at(self.now);
        let Peer { till, engine } = &mut self.peers[peer];
        let done = act(till, self.now);
        till.tick(moment);
        engine.pump(till);
        self.collect(peer);
        done
    }

    /// Kills a till and starts it again from its disk, under another nonce.
    pub(crate) fn restart(&mut self, peer: usize, device: u8, life: u8) {
        let of_peer = |ends: &(usize, usize)| ends.0 == peer || ends.1 == peer;
        let mine: Vec<ConnId> =
            self.links.iter().filter(|(_, ends)| of_peer(ends)).map(|(conn, _)| *conn).collect();
        for conn in mine {
            self.hang_up(conn);
        }
        let spare = Node::start(crate::shop::identity(99, 1), crate::shop::disk()).unwrap();
        let mut disk = std::mem::replace(&mut self.peers[peer].till, spare).into_storage();
        disk.crash(Crash::POWER_CUT).unwrap();
        let mut till = Node::start(crate::shop::identity(device, life), disk).unwrap();
        mesh::settle(&mut till);
        let engine = Engine::new(till.replica().device(), BTreeSet::new());
        self.peers[peer] = Peer { till, engine };
    }

    /// Delivers one frame; says whether there was one.
    pub(crate) fn step(&mut self) -> bool {
        let wires: Vec<Wire> = self.wires.keys().copied().collect();
        if wires.is_empty() {
            return false;
        }
        let wire = wires[self.draw(wires.len())];
        let Some(queue) = self.wires.get_mut(&wire) else { return false };
        let frame = queue.pop_front();
        if queue.is_empty() {
            self.wires.remove(&wire);
        }
        let (conn, to, class) = wire;
        if let Some(frame) = frame {
            let moment = at(self.now);
            let Peer { till, engine } = &mut self.peers[to];
            engine.frame(till, moment, conn, class, &frame);
            self.collect(to);
        }
        true
    }

    /// Lets `ms` go by, in steps, with everything that arrives meanwhile.
    pub(crate) fn run(&mut self, ms: u64) {
        let until = self.now + ms;
        while self.now < until {
            while self.step() {}
            self.now += 250;
            for peer in 0..self.peers.len() {
                let moment = at(self.now);
                let Peer { till, engine } = &mut self.peers[peer];
                till.tick(moment);
                while till.rebuild_step(moment) {}
                engine.tick(till, moment);
                self.collect(peer);
            }
        }
        while self.step() {}
    }

    /// What all peers agree on.
    pub(crate) fn agreed(&mut self) -> Summary {
        let summaries: Vec<Summary> =
            self.peers.iter_mut().map(|peer| mesh::summary(&mut peer.till)).collect();
        for (peer, summary) in summaries.iter().enumerate() {
            assert_eq!(*summary, summaries[0], "peer {peer} and peer 0; {:?}", self.closed);
        }
        summaries[0].clone()
    }

    /// Sales in the books of a peer.
    pub(crate) fn sales(&self, peer: usize) -> u64 {
        let books = self.peers[peer].till.replica().books();
        books.sales_report(ReportFilter::default()).unwrap().totals.sales.count
    }

    pub(crate) fn draw(&mut self, below: usize) -> usize {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(below).unwrap()).unwrap()
    }

    fn collect(&mut self, peer: usize) {
        while let Some(output) = self.peers[peer].engine.poll() {
            match output {
                Output::Send { conn, class, frame } => {
                    let Some(&(a, b)) = self.links.get(&conn) else { continue };
                    let to = if a == peer { b } else { a };
                    self.bytes += frame.len();
                    self.frames += 1;
                    if to == BY_HAND {
                        self.to_us.push((conn, class, frame));
                        continue;
                    }
                    self.wires.entry((conn, to, class)).or_default().push_back(frame);
                }
                Output::Close { conn, reason } => {
                    self.closed.push((peer, reason));
                    self.hang_up(conn);
                }
                Output::Learnt { .. } => {}
            }
        }
    }
}
