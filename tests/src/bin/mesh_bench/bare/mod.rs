//! The floor of any mesh over QUIC: tills that only pass bytes on. Every pair has one connection and a
//! long-lived stream each way; a change is one frame to every other till, an answer is 8 bytes.

mod frame;
mod tls;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use quinn::{Connection, Endpoint, RecvStream, SendStream, TransportConfig, VarInt};
use tokio::sync::mpsc;

use self::tls::{Identity, Roster};
use crate::contestant::{Change, Contestant, Entrant, Fault, Pending, Setup};
use crate::disk::Journal;

/// Nothing is kept.
pub(crate) const MEMORY: Entrant = Entrant {
    name: "bare QUIC mesh",
    durability: "memory",
    start: |setup| Box::pin(start(setup, false)),
};

/// Every receiver keeps what it got before it answers. All of them on the one disk of this machine.
pub(crate) const FLUSHED: Entrant = Entrant {
    name: "bare QUIC mesh, each receiver flushes",
    durability: "fdatasync on each receiver",
    start: |setup| Box::pin(start(setup, true)),
};

/// The tills of one process, on its loopback.
struct Mesh {
    endpoints: Vec<Endpoint>,
    /// Both ends of every pair's connection.
    connections: Vec<Connection>,
    /// From the first till to each other.
    out: Vec<SendStream>,
    events: mpsc::UnboundedReceiver<Event>,
    payload: usize,
    sequence: u64,
}

/// What the tills tell the measurement; it stands in the same process, on the same clock.
enum Event {
    /// A receiver has it, as durable as promised.
    Seen { sequence: u64, at: Instant },
    /// The sender has a receiver's answer.
    Answered { sequence: u64, at: Instant },
    /// A stream broke.
    Failed(Fault),
}

type Events = mpsc::UnboundedSender<Event>;
type Kept = Option<Arc<Mutex<Journal>>>;

async fn start(setup: Setup, flushed: bool) -> Result<Box<dyn Contestant>, Fault> {
    let endpoints = endpoints(setup.nodes)?;
    let (sender, events) = mpsc::unbounded_channel();
    let mut mesh = Mesh {
        endpoints,
        connections: Vec::new(),
        out: Vec::new(),
        events,
        payload: setup.payload.max(frame::SMALLEST_PAYLOAD),
        sequence: 0,
    };
    let journals = (0..setup.nodes)
        .map(|node| flushed.then(|| journal(&setup.folder, node)).transpose())
        .collect::<Result<Vec<Kept>, Fault>>()?;
    for (first, (here, kept_here)) in mesh.endpoints.iter().zip(&journals).enumerate() {
        for (there, kept_there) in mesh.endpoints.iter().zip(&journals).skip(first + 1) {
            let (dialled, accepted) = connect(here, there).await?;
            let (out, back) = streams(&dialled, &accepted).await?;
            let (back_out, arriving) = streams(&accepted, &dialled).await?;
            tokio::spawn(receive(back, back_out, kept_there.clone(), sender.clone()));
            if first == 0 {
                tokio::spawn(collect_answers(arriving, sender.clone()));
                mesh.out.push(out);
            } else {
                tokio::spawn(receive(arriving, out, kept_here.clone(), sender.clone()));
            }
            mesh.connections.extend([dialled, accepted]);
        }
    }
    Ok(Box::new(mesh))
}

fn endpoints(nodes: usize) -> Result<Vec<Endpoint>, Fault> {
    let identities =
        (0..nodes).map(|_| Identity::generate()).collect::<Result<Vec<Identity>, Fault>>()?;
    let roster = Arc::new(Roster::of(&identities));
    let mut transport = TransportConfig::default();
    // Silence between two changes must not end a connection, nor be filled with keep-alives.
    transport.max_idle_timeout(None);
    let transport = Arc::new(transport);
    let open = |identity: &Identity| {
        let (server, client) = identity.configure(&roster, &transport)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut endpoint = Endpoint::server(server, address)?;
        endpoint.set_default_client_config(client);
        Ok(endpoint)
    };
    identities.iter().map(open).collect()
}

fn journal(folder: &Path, node: usize) -> Result<Arc<Mutex<Journal>>, Fault> {
    Ok(Arc::new(Mutex::new(Journal::create(&folder.join(format!("receiver-{node}")))?)))
}

/// One connection, as both ends hold it.
async fn connect(here: &Endpoint, there: &Endpoint) -> Result<(Connection, Connection), Fault> {
    let dial = async { Ok::<_, Fault>(here.connect(there.local_addr()?, tls::NAME)?.await?) };
    let accept = async {
        let incoming = there.accept().await.ok_or("the endpoint is closed")?;
        Ok::<_, Fault>(incoming.await?)
    };
    tokio::try_join!(dial, accept)
}

/// A stream from one end to the other. A peer sees it only with the first bytes on it.
async fn streams(from: &Connection, to: &Connection) -> Result<(SendStream, RecvStream), Fault> {
    let mut out = from.open_uni().await?;
    out.write_all(&frame::answer(0)).await?;
    let mut arriving = to.accept_uni().await?;
    frame::read(&mut arriving, &mut Vec::new()).await?;
    Ok((out, arriving))
}

/// A till that takes what comes: keeps it where it has a journal, and answers.
async fn receive(mut from: RecvStream, mut back: SendStream, kept: Kept, events: Events) {
    let mut body = Vec::new();
    while let Ok(sequence) = frame::read(&mut from, &mut body).await {
        let at = match &kept {
            None => Ok(Instant::now()),
            Some(journal) => keep(Arc::clone(journal), body.clone()).await,
        };
        let event = match at {
            Ok(at) => Event::Seen { sequence, at },
            Err(fault) => Event::Failed(fault),
        };
        if events.send(event).is_err() || back.write_all(&frame::answer(sequence)).await.is_err() {
            return;
        }
    }
}

async fn keep(journal: Arc<Mutex<Journal>>, body: Vec<u8>) -> Result<Instant, Fault> {
    let append = move || {
        let mut journal = journal.lock().map_err(|poisoned| poisoned.to_string())?;
        journal.append(&body).map_err(|error| error.to_string())
    };
    Ok(tokio::task::spawn_blocking(append).await??)
}

async fn collect_answers(mut from: RecvStream, events: Events) {
    let mut body = Vec::new();
    while let Ok(sequence) = frame::read(&mut from, &mut body).await {
        if events.send(Event::Answered { sequence, at: Instant::now() }).is_err() {
            return;
        }
    }
}

impl Mesh {
    async fn change(&mut self) -> Result<Change, Fault> {
        self.sequence += 1;
        let frame = frame::change(self.sequence, self.payload)?;
        let started = Instant::now();
        for stream in &mut self.out {
            stream.write_all(&frame).await?;
        }
        let (mut seen, mut answered) = (0, 0);
        let (mut last_seen, mut last_answer) = (started, started);
        while seen < self.out.len() || answered < self.out.len() {
            match self.events.recv().await.ok_or("all tills are gone")? {
                Event::Seen { sequence, at } if sequence == self.sequence => {
                    seen += 1;
                    last_seen = last_seen.max(at);
                }
                Event::Answered { sequence, at } if sequence == self.sequence => {
                    answered += 1;
                    last_answer = last_answer.max(at);
                }
                Event::Seen { .. } | Event::Answered { .. } => {
                    return Err("a frame of an earlier change arrived again".into());
                }
                Event::Failed(fault) => return Err(fault),
            }
        }
        let visible = last_seen.duration_since(started);
        Ok(Change { visible, answered: Some(last_answer.duration_since(started)) })
    }
}

impl Drop for Mesh {
    fn drop(&mut self) {
        for endpoint in &self.endpoints {
            endpoint.close(VarInt::from_u32(0), b"done");
        }
    }
}

impl Contestant for Mesh {
    fn change(&mut self) -> Pending<'_, Change> {
        Box::pin(Self::change(self))
    }

    fn bytes(&self) -> u64 {
        self.connections.iter().map(|connection| connection.stats().udp_tx.bytes).sum()
    }

    fn stop(&mut self) -> Pending<'_, ()> {
        Box::pin(async {
            for endpoint in &self.endpoints {
                endpoint.close(VarInt::from_u32(0), b"done");
            }
            for endpoint in &self.endpoints {
                endpoint.wait_idle().await;
            }
            Ok(())
        })
    }
}
