//! The command line `tillmesh-hub`, as it is typed.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::snapshot::cli::SnapshotArguments;

/// The optional cloud peer of Tillmesh.
#[derive(Debug, Parser)]
#[command(
    name = "tillmesh-hub",
    version,
    after_help = "Examples:\n  tillmesh-hub join 1234-5678 --at 192.168.1.20:7878\n  tillmesh-hub serve\n  \
                  tillmesh-hub token --all-stores --for \"Head office\"\n  tillmesh-hub merge till-1 till-2"
)]
pub struct Cli {
    /// The hub's folder [default: `TILLMESH_HUB`, else a folder of the platform]
    #[arg(long, global = true, value_name = "DIR")]
    pub hub: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub task: Task,
}

/// What the hub can do.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Comes into a store: run `tillmesh pair` on a manager's till first.
    ///
    /// A running `serve` takes the store up within a second.
    Join(Join),
    /// Stays on: fetches what the stores' tills write, and answers head office over HTTP.
    Serve(Serve),
    /// Makes a token for reading over HTTP.
    Token(Token),
    /// Takes the entries of stopped tills' folders, or of another hub's folder, into this hub.
    ///
    /// Nothing is added to their journals. A hub that serves has to be stopped first.
    Take {
        /// Folders of tills or hubs (or copies of them).
        #[arg(required = true)]
        folders: Vec<PathBuf>,
    },
    /// Prints each store's figures, read from the hub's folder. A hub that serves has to be stopped first.
    Report {
        /// Prints one JSON object instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Takes, fetches or checks a snapshot: every store's rows as Parquet files with a signed manifest.
    ///
    /// `snapshot DIR` takes one from the hub's folder; a hub that serves has to be stopped first, or
    /// pulled from.
    Snapshot(SnapshotArguments),
    /// Takes the entries of stopped tills' folders, in any order, and prints each store's figures.
    ///
    /// Nothing is kept, and nothing is added to their journals. The same entry in two folders counts
    /// once; what a damaged folder lacks may come from another till of the store.
    Merge {
        /// Folders of tills (or copies of them).
        #[arg(required = true)]
        folders: Vec<PathBuf>,
        /// Prints one JSON object instead of a table.
        #[arg(long)]
        json: bool,
    },
}

/// How the hub is on its stores' networks.
#[derive(Debug, Clone, Args)]
pub struct Network {
    /// Where to listen for tills; every store has a port of its own and keeps it.
    #[arg(long, value_name = "IP", default_value = "0.0.0.0")]
    pub listen: IpAddr,
    /// Does not announce the hub, nor look for tills, by multicast DNS.
    #[arg(long)]
    pub no_discovery: bool,
    /// Tills run on this machine as well.
    #[arg(long)]
    pub loopback: bool,
}

/// `tillmesh-hub join`
#[derive(Debug, Args)]
pub struct Join {
    /// The code, or the invitation, that the manager's till shows.
    pub ticket: String,
    /// Where that till is, as it shows.
    #[arg(long, value_name = "ADDRESS")]
    pub at: Vec<SocketAddr>,
    /// What the hub is called in the store.
    #[arg(long, default_value = "Head office")]
    pub name: String,
    /// How it gets there.
    #[command(flatten)]
    pub network: Network,
    /// Prints JSON lines.
    #[arg(long)]
    pub json: bool,
}

/// `tillmesh-hub serve`
#[derive(Debug, Args)]
pub struct Serve {
    /// Where to answer HTTP. Without encryption: put a proxy that speaks TLS in front for others.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub http: SocketAddr,
    /// A till to dial besides those that are known.
    #[arg(long, value_name = "ADDRESS")]
    pub peer: Vec<SocketAddr>,
    /// How it is on the stores' networks.
    #[command(flatten)]
    pub network: Network,
    /// Prints JSON lines.
    #[arg(long)]
    pub json: bool,
}

/// `tillmesh-hub token`
#[derive(Debug, Args)]
pub struct Token {
    /// A store it is for, by its id; may be given again.
    #[arg(long, value_name = "ID", conflicts_with = "all_stores")]
    pub store: Vec<String>,
    /// It is for all stores, those that join later too.
    #[arg(long)]
    pub all_stores: bool,
    /// What it allows, may be given again: transactions, products, stock, reports, devices, snapshots
    /// [default: all of them but snapshots]
    #[arg(long, value_name = "SCOPE")]
    pub scope: Vec<String>,
    /// For how long.
    #[arg(long, default_value_t = 30)]
    pub days: u32,
    /// Whom it is for.
    #[arg(long = "for", value_name = "NAME")]
    pub subject: String,
}
