//! A till that comes back to a store in which nothing has happened, and one that is new to a store
//! in which much has.

use std::path::Path;
use std::time::Instant;

use replica::core::Digest;
use replica::storage::{FrameKind, Reads, Scanned, Stream};

use super::Store;
use super::store::{self, Disked};
use super::till::Till;
use crate::contestant::Fault;
use crate::quiet;
use crate::rows::{CatchUp, Reconnect};

/// How often the till goes away and comes back.
const TIMES: usize = 5;
/// Lines of a cart of the store that a new till takes in: the mean of the sample of invoices.
const LINES: usize = 24;
/// Journal bytes read at once.
const SCAN_BYTES: usize = 1 << 20;

/// Two tills share `documents` open carts of one line; one leaves the network and comes back with a
/// new socket and a new handshake, both keep running.
pub(crate) async fn reconnect(above: &Path, documents: usize) -> Result<Reconnect, Fault> {
    let mut store = Store::found(above, 2).await?;
    fill(&store, documents, 1).await?;
    store.go_online().await?;
    store.until_in_step().await?;
    let [stays, leaves] = store.tills.as_slice() else { return Err("not two tills".into()) };
    let (mut bytes, mut frames) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let to = store.addresses.first().copied().ok_or("no address")?;
        let stayed = store.meters.first().cloned().ok_or("no meter")?;
        leaves.ask(|worker| worker.go_offline()).await?;
        while stays.ask(|worker| worker.peers()).await? > 0 {
            tokio::time::sleep(super::LOOK).await;
        }
        quiet::wait_long(&|| stayed.sent_bytes()).await;
        let before = (stayed.sent_bytes(), stays.ask(|worker| worker.sent_frames()).await?);
        let (_, left) = leaves.ask(move |worker| worker.go_online(vec![to])).await??;
        store.until_in_step().await?;
        quiet::wait_long(&|| stayed.sent_bytes() + left.sent_bytes()).await;
        let framed = stays.ask(|worker| worker.sent_frames()).await?.bytes - before.1.bytes
            + leaves.ask(|worker| worker.sent_frames()).await?.bytes;
        bytes.push(stayed.sent_bytes() - before.0 + left.sent_bytes());
        frames.push(framed);
        same(&store).await?;
    }
    store.stop().await;
    bytes.sort_unstable();
    frames.sort_unstable();
    let (contestant, durability) = (super::TILLMESH.name, "disk; handshake included");
    Ok(Reconnect { contestant, durability, documents, bytes, frames })
}

/// One till has written `entries` cart changes; a second one, empty, comes on the network.
pub(crate) async fn catch_up(above: &Path, entries: usize) -> Result<CatchUp, Fault> {
    let mut store = Store::found(above, 2).await?;
    fill(&store, entries.div_ceil(LINES + 1), LINES).await?;
    let founder = store.tills.first().ok_or("there is no till")?;
    let (count, raw_bytes, zstd_bytes) = founder.ask(|worker| packed(&worker.node)).await??;
    let started = Instant::now();
    store.go_online().await?;
    store.until_in_step().await?;
    let took = started.elapsed();
    same(&store).await?;
    let bytes = store.meters.iter().map(replica::net::Meter::sent_bytes).sum();
    store.stop().await;
    let contestant = super::TILLMESH.name;
    Ok(CatchUp { contestant, entries: count, raw_bytes, zstd_bytes, bytes, took })
}

async fn fill(store: &Store, carts: usize, lines: usize) -> Result<(), Fault> {
    let founder = store.tills.first().ok_or("there is no till")?;
    for number in 0..carts {
        founder
            .ask(move |worker| {
                let now = worker.now();
                store::open_cart(&mut worker.node, now, lines)?;
                let now = worker.now();
                worker.node.tick(now);
                Ok::<_, Fault>(())
            })
            .await??;
        quiet::tell(|| format!("tillmesh: {number} of {carts} carts written"));
    }
    // The last ones are flushed in the background.
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    Ok(())
}

async fn same(store: &Store) -> Result<(), Fault> {
    let [here, there] = store.tills.as_slice() else { return Err("not two tills".into()) };
    if held(here).await? == held(there).await? {
        Ok(())
    } else {
        Err("the two tills hold different entries".into())
    }
}

async fn held(till: &Till) -> Result<Digest, Fault> {
    till.ask(|worker| worker.node.replica().held_digest()).await
}

/// How many entries there are, their bytes, and their bytes packed all at once.
fn packed(node: &Disked) -> Result<(u64, u64, u64), Fault> {
    let mut all = Vec::new();
    let mut count = 0_u64;
    for stream in Stream::ALL {
        let mut next = 0;
        while next < node.storage().next_ordinal(stream) {
            for item in node.storage().scan(stream, next, SCAN_BYTES)? {
                let Scanned::Frame(frame) = item else { return Err("a damaged journal".into()) };
                next = frame.ordinal + 1;
                if frame.kind == FrameKind::Entry {
                    count += 1;
                    all.extend_from_slice(&frame.payload);
                }
            }
        }
    }
    let raw = u64::try_from(all.len())?;
    let packed = u64::try_from(zstd::bulk::compress(&all, 1)?.len())?;
    Ok((count, raw, packed))
}
