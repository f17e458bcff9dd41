//! `tillmesh-hub serve`: the stores on the network and HTTP, until it is told to stop.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks")]

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use axum::Router;
use signal_hook::consts::{SIGINT, SIGTERM};
use thiserror::Error;
use tokio::sync::oneshot;

use crate::cli::Serve;
use crate::commands::peer_setup;
use crate::embedded::Embedded;
use crate::folder::{FolderError, HubFolder};
use crate::http::{self, App};
use crate::limits;
use crate::peer::Peers;
use crate::shell::{self, Clock};
use crate::snapshot::api::endpoints;
use crate::snapshot::serve::SnapshotService;
use crate::snapshot::signing::{KeyError, open_key};
use crate::store::HubStore;
use crate::tokens::{Issuer, SecretError};

/// Longest wait before the loop looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(100);
/// How long requests under way may take when the hub stops.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// Why the hub cannot serve.
#[derive(Debug, Error)]
pub enum ServeError {
    /// Nobody can listen there.
    #[error("HTTP cannot be answered at {address} ({error}): choose another address with --http")]
    Http {
        /// The address.
        address: std::net::SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
    /// No signals, no thread.
    #[error("the system does not let the hub work: {0}")]
    System(#[from] std::io::Error),
    /// The hub's folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// No secret for tokens.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// No key for snapshots.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Serves until SIGINT or SIGTERM.
pub fn run(hub: &HubFolder, typed: &Serve) -> Result<(), ServeError> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let failed = |error| ServeError::Http { address: typed.http, error };
    let listener = TcpListener::bind(typed.http).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;

    let mut setup = peer_setup(&typed.network);
    setup.peers.clone_from(&typed.peer);
    let rows: Arc<dyn HubStore> = Arc::new(Embedded::new());
    let mut peers = Peers::new(hub.clone(), setup, Clock::start(), Arc::clone(&rows));
    let tokens = Arc::new(Issuer::open(&hub.secret_path())?);
    let key = open_key(hub.path())?;
    let signer = key.signer();
    let kept = hub.path().join("snapshots");
    let snapshots = Arc::new(SnapshotService::new(Arc::clone(&rows), key, kept));
    let app = App { rows, links: peers.links(), tokens, clock: shell::wall };

    peers.look()?;
    // Nobody is told half of the figures: whoever asks meanwhile waits for the answer.
    while !peers.are_loaded() && !stop.load(Ordering::SeqCst) {
        std::thread::sleep(LOOK);
    }
    let http = Http::start(listener, http::router(app, endpoints(snapshots)))?;
    if typed.json {
        let stores = hub.stores()?.iter().map(ToString::to_string).collect::<Vec<_>>();
        let http = address.to_string();
        println!(
            "{}",
            serde_json::json!({"serving": {"http": http, "stores": stores, "signer": signer}})
        );
    } else {
        println!("Head office reads at http://{address}/today. Ctrl-C stops the hub.");
        println!("Snapshots are signed with the key {signer}.");
    }
    let mut told = std::collections::BTreeMap::new();
    let turns = (limits::STORES_LOOKED_FOR_MS / 100).max(1);
    let mut turn = 0_u64;
    while !stop.load(Ordering::SeqCst) {
        std::thread::sleep(LOOK);
        turn = turn.wrapping_add(1);
        if turn.is_multiple_of(turns) {
            peers.look()?;
        }
        for (store, link) in peers.links().all() {
            let last = link.remarks.last().cloned();
            if told.get(&store) != Some(&last) {
                if let Some(remark) = &last {
                    eprintln!("store {store}: {remark}");
                }
                told.insert(store, last);
            }
        }
    }
    http.stop();
    peers.stop();
    Ok(())
}

/// The thread that answers HTTP.
struct Http {
    stop: oneshot::Sender<()>,
    stopped: mpsc::Receiver<()>,
}

impl Http {
    fn start(listener: TcpListener, router: Router) -> Result<Self, ServeError> {
        let (stop, asked) = oneshot::channel::<()>();
        let (done, stopped) = mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("http".to_owned()).spawn(move || {
            let served = runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                let asked = async { drop(asked.await) };
                http::serve(listener, router, asked).await
            });
            if let Err(error) = served {
                eprintln!("HTTP is not answered any more: {error}");
            }
            // Whoever waits may have gone.
            let _gone = done.send(());
        })?;
        Ok(Self { stop, stopped })
    }

    fn stop(self) {
        drop(self.stop);
        // A client that does not let go does not keep the hub from stopping.
        let _late = self.stopped.recv_timeout(LAST_ANSWERS);
    }
}
