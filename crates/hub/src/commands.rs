//! The commands of `tillmesh-hub`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use comfy_table::Table;
use pos_core::ids::{IdError, StoreId};
use replica::core::{CommandError, DeviceName};
use replica::pairing::{Ticket, TicketError};
use thiserror::Error;

use crate::cli::{Cli, Join, Network, Task, Token};
use crate::collect::{CollectError, Collected, Collection};
use crate::folder::{FolderError, HubFolder, Intake};
use crate::join::{self, Asked, JoinError};
use crate::peer::PeerSetup;
use crate::report::{StoreReport, store_report};
use crate::serve::{self, ServeError};
use crate::shell::{self, Clock, NoRandomness};
use crate::snapshot::cli::SnapshotError;
use crate::store::Stores;
use crate::tokens::{IssueError, Issuer, NoScope, Scope, SecretError};

/// Why a command failed.
#[derive(Debug, Error)]
pub enum HubError {
    /// The platform has no data folder.
    #[error("no folder for the hub is known here: name one with --hub or TILLMESH_HUB")]
    NoFolder,
    /// What was typed.
    #[error("{0}")]
    Usage(String),
    /// Folders cannot be collected.
    #[error(transparent)]
    Collect(#[from] CollectError),
    /// A report cannot be made.
    #[error(transparent)]
    Report(#[from] CommandError),
    /// The hub's folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A store cannot be joined.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// A code that is none.
    #[error(transparent)]
    Ticket(#[from] TicketError),
    /// Not a store's id.
    #[error(transparent)]
    Id(#[from] IdError),
    /// Not a scope.
    #[error(transparent)]
    Scope(#[from] NoScope),
    /// No token.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// No secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// It cannot serve.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A snapshot.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

/// Does what was typed.
pub fn run(cli: Cli) -> Result<(), HubError> {
    let folder = shell::hub_folder(cli.hub);
    let hub =
        || HubFolder::open(&folder.clone().ok_or(HubError::NoFolder)?).map_err(HubError::from);
    match cli.task {
        Task::Join(typed) => join(&hub()?, &typed),
        Task::Serve(typed) => Ok(serve::run(&hub()?, &typed)?),
        Task::Token(typed) => token(&hub()?, &typed),
        Task::Take { folders } => take(hub()?, &folders),
        Task::Report { json } => report(&hub()?, json),
        Task::Merge { folders, json } => merge(&folders, json),
        Task::Snapshot(typed) => {
            let variable = |name: &str| std::env::var(name).ok();
            Ok(typed.run(folder.as_deref(), Clock::start(), variable, &mut std::io::stdout())?)
        }
    }
}

/// The network as it was typed.
pub fn peer_setup(network: &Network) -> PeerSetup {
    PeerSetup {
        listen: network.listen,
        discover: !network.no_discovery,
        loopback: network.loopback,
        peers: Vec::new(),
    }
}

fn join(hub: &HubFolder, typed: &Join) -> Result<(), HubError> {
    let asked = Asked {
        ticket: Ticket::parse(&typed.ticket)?,
        addresses: typed.at.clone(),
        name: DeviceName::new(&typed.name).map_err(|error| HubError::Usage(error.to_string()))?,
    };
    let lines = join::typed_lines();
    let mut show = |text: &str| {
        if !typed.json {
            println!("{text}");
        }
    };
    let setup = peer_setup(&typed.network);
    let fetched = join::join(hub, &setup, Clock::start(), asked, &lines, &mut show)?;
    if typed.json {
        let line = serde_json::json!({"joined": {
            "store": fetched.store.to_string(),
            "name": fetched.name,
            "entries": fetched.entries,
            "fetched_ms": fetched.fetched_ms,
        }});
        println!("{line}");
    } else {
        if !fetched.name.is_empty() {
            println!("The hub is part of {}. Start it with `tillmesh-hub serve`.", fetched.name);
        }
        println!("The store's id is {}.", fetched.store);
    }
    Ok(())
}

fn token(hub: &HubFolder, typed: &Token) -> Result<(), HubError> {
    let stores = if typed.all_stores {
        Stores::All
    } else {
        let ids = typed.store.iter().map(|id| id.parse::<StoreId>());
        Stores::Only(ids.collect::<Result<_, _>>()?)
    };
    let mut scopes: BTreeSet<Scope> =
        typed.scope.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
    if typed.scope.is_empty() {
        // Snapshots hold customers: whoever is to have them is named.
        scopes = Scope::ALL.into_iter().filter(|scope| *scope != Scope::Snapshots).collect();
    }
    let issuer = Issuer::open(&hub.secret_path())?;
    let life = (shell::wall(), typed.days);
    let token = issuer.issue(&typed.subject, &scopes, &stores, life, shell::random()?)?;
    println!("{token}");
    Ok(())
}

fn take(hub: HubFolder, folders: &[PathBuf]) -> Result<(), HubError> {
    let mut intake = Intake::new(hub, Clock::start());
    for folder in folders {
        for (folder, collected) in intake.take(folder)? {
            told(&folder, &collected);
        }
    }
    for store in intake.finish() {
        println!("{store}");
    }
    Ok(())
}

fn report(hub: &HubFolder, json: bool) -> Result<(), HubError> {
    let clock = Clock::start();
    let mut reports = Vec::new();
    for store in hub.stores()? {
        let mut member = hub.member(store, clock)?;
        member.finish_rebuild();
        reports.push(store_report(&store, member.node())?);
        member.close();
    }
    print(&reports, json);
    Ok(())
}

fn merge(folders: &[PathBuf], json: bool) -> Result<(), HubError> {
    let mut collection = Collection::default();
    for folder in folders {
        told(folder, &collection.add_folder(folder)?);
    }
    let stores = collection.stores().map(|(id, store)| store_report(id, store));
    print(&stores.collect::<Result<Vec<_>, _>>()?, json);
    Ok(())
}

fn told(folder: &std::path::Path, collected: &Collected) {
    for damage in &collected.damaged {
        let (first, last) = (damage.first, damage.last);
        let journal = damage.stream.name();
        eprintln!("{}: {journal} frames {first} to {last} are damaged", folder.display());
    }
    let (new, known) = (collected.new, collected.known);
    eprintln!("{}: {new} entries, {known} more were here already", folder.display());
}

fn print(stores: &[StoreReport], json: bool) {
    if json {
        println!("{}", serde_json::json!({ "stores": stores }));
        return;
    }
    let mut table = Table::new();
    table.set_header(["store", "sales", "returns", "sales value", "products", "to look at"]);
    for store in stores {
        table.add_row([
            store.name.clone(),
            store.sales.to_string(),
            store.returns.to_string(),
            format!("{} {}", store.sales_value, store.currency),
            store.products_moved.to_string(),
            store.exceptions.len().to_string(),
        ]);
    }
    println!("{table}");
    for exception in stores.iter().flat_map(|store| &store.exceptions) {
        println!("look at: {exception}");
    }
}
