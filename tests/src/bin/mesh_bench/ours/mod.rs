//! Tillmesh itself: tills on real disks that know each other's addresses. A change is an entry of
//! the Ledger, visible when a till has checked it, put it on its disk and into its books.

mod reconnect;
mod store;
mod till;

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use replica::core::Lane;
use replica::net::Meter;
use replica::net::mesh::SentFrames;
use tokio::sync::mpsc;

pub(crate) use self::reconnect::{catch_up, reconnect};
use self::till::{Event, Start, Till};
use crate::contestant::{Change, Contestant, Entrant, Fault, Pending, Setup};

/// As a shop runs it.
pub(crate) const TILLMESH: Entrant = Entrant {
    name: "tillmesh",
    durability: "fdatasync on author and each receiver",
    start: |setup| Box::pin(start(setup)),
};

/// How often it is looked whether all are connected.
const LOOK: Duration = Duration::from_millis(50);

/// All tills of one store.
#[derive(Debug)]
pub(super) struct Store {
    tills: Vec<Till>,
    events: mpsc::UnboundedReceiver<Event>,
    addresses: Vec<SocketAddr>,
    meters: Vec<Meter>,
}

/// What all tills have sent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sent {
    bytes: u64,
    packets: u64,
    acks: u64,
    frames: SentFrames,
}

impl Sent {
    fn since(self, before: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(before.bytes),
            packets: self.packets.saturating_sub(before.packets),
            acks: self.acks.saturating_sub(before.acks),
            frames: SentFrames {
                count: self.frames.count.saturating_sub(before.frames.count),
                bytes: self.frames.bytes.saturating_sub(before.frames.bytes),
            },
        }
    }
}

impl Store {
    /// Founds it on till 0, on disks in `above`. Nobody is on the network yet.
    pub(super) async fn found(above: &Path, tills: usize) -> Result<Self, Fault> {
        let (sender, events) = mpsc::unbounded_channel();
        let mut start = Start {
            number: 0,
            tills,
            above: above.to_path_buf(),
            store: None,
            clock: Instant::now(),
            events: sender,
        };
        let founder = Till::start(start.clone()).await?;
        start.store = founder.ask(|worker| worker.node.replica().store_id()).await?;
        let mut all = vec![founder];
        for number in 1..tills {
            all.push(Till::start(Start { number, ..start.clone() }).await?);
        }
        Ok(Self { tills: all, events, addresses: Vec::new(), meters: Vec::new() })
    }

    /// Puts till after till on the network; each dials those before it.
    pub(super) async fn go_online(&mut self) -> Result<(), Fault> {
        for till in &self.tills {
            let peers = self.addresses.clone();
            let (address, meter) = till.ask(|worker| worker.go_online(peers)).await??;
            self.addresses.push(address);
            self.meters.push(meter);
        }
        Ok(())
    }

    /// Waits until every pair is connected and all hold the same.
    pub(super) async fn until_in_step(&self) -> Result<(), Fault> {
        let others = self.tills.len().saturating_sub(1);
        for till in &self.tills {
            while !till.ask(move |worker| worker.peers() == others && worker.in_step()).await? {
                tokio::time::sleep(LOOK).await;
            }
        }
        Ok(())
    }

    pub(super) async fn sent(&self) -> Result<Sent, Fault> {
        let mut all = Sent::default();
        for till in &self.tills {
            let (bytes, (packets, acks), frames) = till
                .ask(|worker| (worker.sent_bytes(), worker.sent_packets(), worker.sent_frames()))
                .await?;
            all.bytes += bytes;
            all.packets += packets;
            all.acks += acks;
            all.frames.count += frames.count;
            all.frames.bytes += frames.bytes;
        }
        Ok(all)
    }

    pub(super) async fn stop(&mut self) {
        for till in &mut self.tills {
            till.stop().await;
        }
    }
}

async fn start(setup: Setup) -> Result<Box<dyn Contestant>, Fault> {
    let mut store = Store::found(&setup.folder, setup.nodes).await?;
    store.go_online().await?;
    store.until_in_step().await?;
    let sent = store.sent().await?;
    Ok(Box::new(Running { store, started_with: sent, changes: 0 }))
}

/// A store whose till 0 makes changes.
#[derive(Debug)]
struct Running {
    store: Store,
    started_with: Sent,
    changes: u64,
}

impl Running {
    async fn change(&mut self) -> Result<Change, Fault> {
        let others = self.store.tills.len().saturating_sub(1);
        while self.store.events.try_recv().is_ok() {}
        let founder = self.store.tills.first().ok_or("there is no till")?;
        let started = Instant::now();
        let wanted = founder
            .ask(|worker| {
                let now = worker.now();
                store::adjust(&mut worker.node, now)?;
                let end = worker.node.replica().own_end(Lane::Ledger);
                end.map(|(_, sequence)| sequence).ok_or_else(|| Fault::from("nothing was written"))
            })
            .await??;
        self.changes += 1;
        let (mut seen, mut last_seen, mut answered) = (0, started, None);
        while seen < others || answered.is_none() {
            match self.store.events.recv().await.ok_or("all tills are gone")? {
                Event::Seen { sequence, at } if sequence >= wanted => {
                    seen += 1;
                    last_seen = last_seen.max(at);
                }
                Event::Answered { sequence, at } if sequence >= wanted => answered = Some(at),
                Event::Seen { .. } | Event::Answered { .. } => {}
            }
        }
        let answered = answered.map(|at| at.duration_since(started));
        Ok(Change { visible: last_seen.duration_since(started), answered })
    }

    /// What a change came to, the time between the changes included.
    async fn tell(&self) -> Result<(), Fault> {
        let sent = self.store.sent().await?.since(self.started_with);
        let each = |sum: u64| sum.checked_div(self.changes).unwrap_or(0);
        eprintln!(
            "{} tills: tillmesh sent for each of {} changes, pauses included: {} bytes in {} packets \
             with {} QUIC acknowledgements; {} frames of {} bytes in all",
            self.store.tills.len(),
            self.changes,
            each(sent.bytes),
            each(sent.packets),
            each(sent.acks),
            each(sent.frames.count),
            each(sent.frames.bytes),
        );
        Ok(())
    }
}

impl Contestant for Running {
    fn change(&mut self) -> Pending<'_, Change> {
        Box::pin(Self::change(self))
    }

    fn bytes(&self) -> u64 {
        self.store.meters.iter().map(Meter::sent_bytes).sum()
    }

    fn stop(&mut self) -> Pending<'_, ()> {
        Box::pin(async {
            self.tell().await?;
            self.store.stop().await;
            Ok(())
        })
    }
}
