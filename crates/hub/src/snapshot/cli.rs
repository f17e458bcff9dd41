//! `tillmesh-hub snapshot`: the commands.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use pos_core::ids::DeviceId;
use serde_json::json;
use thiserror::Error;

use super::folder::{FolderError, MANIFEST};
use super::manifest::SignedManifest;
use super::pull::{Pull, PullError, Pulled, pull};
use super::signing::{KeyError, open_key};
use super::take::{TakeError, take};
use super::verify::verify;
use crate::embedded::Embedded;
use crate::folder::HubFolder;
use crate::limits;
use crate::shell::Clock;
use crate::store::{HubStore, StoreError, Stores};

/// Where the token of `pull` may stand instead of the command line, where other users could see it.
const TOKEN_VARIABLE: &str = "TILLMESH_TOKEN";

/// `tillmesh-hub snapshot`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct SnapshotArguments {
    #[command(subcommand)]
    task: Option<SnapshotTask>,
    #[command(flatten)]
    take: Option<TakeArguments>,
}

/// What to take a snapshot of.
#[derive(Debug, Args)]
struct TakeArguments {
    /// Where the snapshot of the hub's folder goes; what did not change in it is left as it is.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum SnapshotTask {
    /// Fetches what changed of a hub's newest snapshot into a folder.
    ///
    /// Stopped at any point, the next pull goes on. The folder's snapshot stays whole all the time.
    Pull(PullArguments),
    /// Checks signature, hashes, rows and sums of the snapshot in a folder.
    Verify {
        /// The folder.
        folder: PathBuf,
        /// The hub's public key the snapshot must be signed with.
        #[arg(long, value_name = "HEX")]
        signer: Option<DeviceId>,
        /// Prints one JSON object.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
struct PullArguments {
    /// The hub: https://hub.example
    url: String,
    /// The folder; it is made when it is not there.
    folder: PathBuf,
    /// A token for all stores with the right to read snapshots; also from TILLMESH_TOKEN.
    #[arg(long)]
    token: Option<String>,
    /// The hub's public key; without it the first pull decides whose snapshots are taken.
    #[arg(long, value_name = "HEX")]
    signer: Option<DeviceId>,
    /// Takes a snapshot that lacks entries the folder's own has.
    #[arg(long)]
    allow_older: bool,
    /// Sends the token over a connection that is not encrypted.
    #[arg(long)]
    allow_plain_http: bool,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// Why a command failed.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// There is no such hub.
    #[error("{} is no hub's folder; name the hub's with --hub", .0.display())]
    NoHub(PathBuf),
    /// A snapshot's files among those of a hub.
    #[error("{} is a hub's folder; give the snapshot a folder of its own", .0.display())]
    IntoHub(PathBuf),
    /// Which hub is not known.
    #[error("no folder for the hub is known here: name one with --hub or TILLMESH_HUB")]
    NoFolder,
    /// The hub's folder.
    #[error("{0}; while the hub runs, its snapshot is fetched with `tillmesh-hub snapshot pull`")]
    Hub(#[from] crate::folder::FolderError),
    /// Its key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Its rows.
    #[error(transparent)]
    Rows(#[from] StoreError),
    /// The snapshot.
    #[error(transparent)]
    Take(#[from] TakeError),
    /// A pull.
    #[error(transparent)]
    Pull(#[from] PullError),
    /// A folder that cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// What was found is printed.
    #[error("the snapshot in {} is not what its hub signed ({found} found wrong)", .folder.display())]
    Findings {
        /// The folder.
        folder: PathBuf,
        /// How many.
        found: usize,
    },
    /// The output is closed.
    #[error("the answer cannot be printed: {0}")]
    Print(#[from] io::Error),
}

impl SnapshotArguments {
    /// Runs the command. `hub` is the hub's folder, `variable` reads the environment.
    pub fn run(
        self,
        hub: Option<&Path>,
        clock: Clock,
        variable: impl Fn(&str) -> Option<String>,
        out: &mut dyn Write,
    ) -> Result<(), SnapshotError> {
        match (self.task, self.take) {
            (Some(task), _) => task.run(variable, out),
            (None, Some(arguments)) => arguments.run(hub, clock, out),
            // The parser asks for one of them.
            (None, None) => Ok(()),
        }
    }
}

impl TakeArguments {
    fn run(
        self,
        hub: Option<&Path>,
        clock: Clock,
        out: &mut dyn Write,
    ) -> Result<(), SnapshotError> {
        let hub = hub.ok_or(SnapshotError::NoFolder)?;
        // A snapshot has a folder `stores` too.
        let is_hub = |path: &Path| HubFolder::is_hub(path) && !path.join(MANIFEST).exists();
        if !is_hub(hub) {
            return Err(SnapshotError::NoHub(hub.to_owned()));
        }
        if is_hub(&self.folder) {
            return Err(SnapshotError::IntoHub(self.folder));
        }
        let hub = HubFolder::open(hub)?;
        let rows = Embedded::new();
        hub.load(clock, &rows)?;
        let key = open_key(hub.path())?;
        let taken = take(&rows.cut(&Stores::All)?, &key, &self.folder, false)?;
        let (written, bytes, kept) = (taken.written, taken.written_bytes, taken.kept);
        if self.json {
            let figures = json!({
                "writtenFiles": written,
                "writtenBytes": bytes,
                "keptFiles": kept,
                "signer": key.signer(),
                "tables": taken.manifest.manifest().tables,
            });
            writeln!(out, "{figures}")?;
            return Ok(());
        }
        writeln!(out, "{written} files written ({bytes} bytes), {kept} did not change")?;
        writeln!(out, "signed by {}", key.signer())?;
        print_tables(&taken.manifest, out)
    }
}

impl SnapshotTask {
    fn run(
        self,
        variable: impl Fn(&str) -> Option<String>,
        out: &mut dyn Write,
    ) -> Result<(), SnapshotError> {
        match self {
            Self::Pull(arguments) => {
                let what = Pull {
                    url: arguments.url,
                    token: arguments.token.or_else(|| variable(TOKEN_VARIABLE)),
                    signer: arguments.signer,
                    allow_older: arguments.allow_older,
                    allow_plain_http: arguments.allow_plain_http,
                    pause: Duration::from_millis(limits::SNAPSHOT_PAUSE_MS),
                };
                let pulled = pull(&what, &arguments.folder)?;
                print_pulled(&pulled, &arguments.folder, arguments.json, out)
            }
            Self::Verify { folder, signer, json } => print_verified(&folder, signer, json, out),
        }
    }
}

fn print_pulled(
    pulled: &Pulled,
    folder: &Path,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), SnapshotError> {
    let signer = pulled.manifest.signer();
    if json {
        let figures = json!({
            "fetchedFiles": pulled.fetched,
            "fetchedBytes": pulled.fetched_bytes,
            "keptFiles": pulled.kept,
            "signer": signer,
            "pinned": pulled.pinned,
            "tables": pulled.manifest.manifest().tables,
        });
        writeln!(out, "{figures}")?;
        return Ok(());
    }
    let (fetched, bytes, kept) = (pulled.fetched, pulled.fetched_bytes, pulled.kept);
    writeln!(out, "{fetched} files fetched ({bytes} bytes), {kept} were here already")?;
    if pulled.pinned {
        writeln!(out, "this folder takes snapshots signed by {signer} from now on")?;
        writeln!(out, "compare that key with the one the hub shows when it starts")?;
    }
    writeln!(out, "{} holds:", folder.display())?;
    print_tables(&pulled.manifest, out)
}

fn print_verified(
    folder: &Path,
    signer: Option<DeviceId>,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), SnapshotError> {
    let verified = verify(folder, signer)?;
    let found: Vec<String> = verified.findings.iter().map(ToString::to_string).collect();
    if json {
        let figures = json!({
            "signer": verified.manifest.signer(),
            "findings": found,
            "files": verified.manifest.manifest().files.len(),
            "tables": verified.manifest.manifest().tables,
        });
        writeln!(out, "{figures}")?;
    } else if found.is_empty() {
        print_tables(&verified.manifest, out)?;
        writeln!(out, "all of it is what {} signed", verified.manifest.signer())?;
    } else {
        for finding in &found {
            writeln!(out, "{finding}")?;
        }
    }
    if found.is_empty() {
        Ok(())
    } else {
        Err(SnapshotError::Findings { folder: folder.to_owned(), found: found.len() })
    }
}

/// Rows and sums of the tables.
fn print_tables(manifest: &SignedManifest, out: &mut dyn Write) -> Result<(), SnapshotError> {
    for (table, totals) in &manifest.manifest().tables {
        write!(out, "  {table}: {} rows", totals.rows)?;
        for (currency, columns) in &totals.sums.money {
            for (column, sum) in columns {
                write!(out, ", {column} {sum} {currency}")?;
            }
        }
        for (column, sum) in &totals.sums.quantities {
            write!(out, ", {column} {sum}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}
