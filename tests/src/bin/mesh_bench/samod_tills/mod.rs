//! samod, the Rust automerge-repo: one cart, synchronised document by document, from memory.

mod cart;
pub(crate) mod reconnect;
mod wire;

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use samod::{DocHandle, DocumentId, Repo};
use tokio::sync::mpsc;

use self::wire::{Sent, Till};
use crate::contestant::{Change, Contestant, Entrant, Fault, Pending, Setup};

/// One of the tills is the centre; a change is made at another.
pub(crate) const STAR: Entrant = Entrant {
    name: "samod star",
    durability: "memory",
    start: |setup| Box::pin(start(setup, star)),
};

/// Every till is connected with every other.
pub(crate) const MESH: Entrant = Entrant {
    name: "samod mesh",
    durability: "memory",
    start: |setup| Box::pin(start(setup, mesh)),
};

/// The till that makes the changes; in a star the last one is the centre.
const AUTHOR: usize = 0;

fn star(nodes: usize, here: usize, there: usize) -> bool {
    here < there && there + 1 == nodes
}

fn mesh(_: usize, here: usize, there: usize) -> bool {
    here < there
}

struct Carts {
    tills: Vec<Till>,
    cart: DocHandle,
    seen: mpsc::UnboundedReceiver<Seen>,
    lines: usize,
    sent: Sent,
}

/// A till other than the author's can read so many lines.
struct Seen {
    lines: Result<usize, Fault>,
    at: Instant,
}

async fn start(
    setup: Setup,
    dials: fn(usize, usize, usize) -> bool,
) -> Result<Box<dyn Contestant>, Fault> {
    let sent = Sent::default();
    let mut tills = Vec::new();
    for number in 0..setup.nodes {
        tills.push(Till::start(number, sent.clone()).await?);
    }
    for (here, till) in tills.iter().enumerate() {
        for (there, other) in tills.iter().enumerate() {
            if dials(setup.nodes, here, there) {
                till.dial(other).await?;
            }
        }
    }
    let author = tills.get(AUTHOR).ok_or("a store without a till")?;
    let cart = author.repo.create(cart::empty()?).await?;
    let (sender, seen) = mpsc::unbounded_channel();
    for till in tills.iter().skip(AUTHOR + 1) {
        let handle = find(&till.repo, cart.document_id()).await?;
        tokio::spawn(watch(handle, sender.clone()));
    }
    Ok(Box::new(Carts { tills, cart, seen, lines: 0, sent }))
}

/// The document on another till. samod answers "nobody has it" while the announcement is under way.
async fn find(repo: &Repo, id: &DocumentId) -> Result<DocHandle, Fault> {
    loop {
        if let Some(handle) = repo.find(id.clone()).await? {
            return Ok(handle);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Tells of every change what can be read after it.
async fn watch(cart: DocHandle, seen: mpsc::UnboundedSender<Seen>) {
    let mut changes = Box::pin(cart.changes());
    while changes.next().await.is_some() {
        let lines = cart.with_document(|cart| cart::count(cart));
        if seen.send(Seen { lines, at: Instant::now() }).is_err() {
            return;
        }
    }
}

impl Carts {
    async fn change(&mut self) -> Result<Change, Fault> {
        self.lines += 1;
        let lines = self.lines;
        let started = Instant::now();
        self.cart.with_document(|cart| cart::add(cart, lines))?;
        let mut last = started;
        // Lines are added one by one and each is awaited everywhere: a till sees each count once.
        for _ in self.tills.iter().skip(1) {
            let seen = self.seen.recv().await.ok_or("all tills are gone")?;
            if seen.lines? != lines {
                return Err("a till told twice of one line".into());
            }
            last = last.max(seen.at);
        }
        Ok(Change { visible: last.duration_since(started), answered: None })
    }
}

impl Contestant for Carts {
    fn change(&mut self) -> Pending<'_, Change> {
        Box::pin(Self::change(self))
    }

    fn bytes(&self) -> u64 {
        self.sent.bytes()
    }

    fn stop(&mut self) -> Pending<'_, ()> {
        Box::pin(async {
            for till in &self.tills {
                till.stop().await;
            }
            Ok(())
        })
    }
}
