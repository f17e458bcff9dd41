//! One change on one till until the last other till has it, and the bytes that takes: the least that
//! QUIC needs, samod, which the world has, and tillmesh itself. Built and run by `cargo xtask bench mesh`.
//!
//! All tills of a contestant are in this process, on loopback, on one clock. To enter another one,
//! write a module with a `Contestant` and put its `Entrant` into [`ENTRANTS`].

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to its user")]

mod bare;
mod contestant;
mod disk;
mod ours;
mod quiet;
mod rounds;
mod rows;
mod samod_tills;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::contestant::{Entrant, Fault, Setup};
use crate::rounds::Asked;

/// Who is measured.
const ENTRANTS: [Entrant; 5] =
    [bare::MEMORY, bare::FLUSHED, ours::TILLMESH, samod_tills::STAR, samod_tills::MESH];

/// Measures meshes of tills in one process and prints one JSON object for each row.
#[derive(Debug, Clone, Parser)]
struct Cli {
    /// Numbers of tills.
    #[arg(long, value_delimiter = ',')]
    nodes: Vec<usize>,
    /// Changes to measure, each contestant.
    #[arg(long)]
    samples: usize,
    /// Bytes of one change, where the contestant does not decide them itself.
    #[arg(long)]
    payload: usize,
    /// Documents that a till comes back to.
    #[arg(long)]
    documents: usize,
    /// Entries a new till takes in; none: not measured.
    #[arg(long)]
    entries: usize,
    /// Measures only those whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// Seconds a contestant may use with one number of tills.
    #[arg(long)]
    limit_s: u64,
    /// The folder on the disk to be measured.
    #[arg(long)]
    folder: PathBuf,
}

fn main() -> ExitCode {
    match measure(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::FAILURE
        }
    }
}

fn measure(cli: &Cli) -> Result<(), Fault> {
    let asked = Asked { samples: cli.samples, limit: Duration::from_secs(cli.limit_s) };
    let entrants: Vec<Entrant> =
        ENTRANTS.into_iter().filter(|entrant| entrant.name.contains(&cli.only)).collect();
    for &nodes in &cli.nodes {
        // A new runtime for each: nothing of the last one runs on.
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let folder = tempfile::tempdir_in(&cli.folder)?;
        let setup = Setup { nodes, payload: cli.payload, folder: folder.path().to_path_buf() };
        let (rows, flushes) = runtime.block_on(rounds::run(&entrants, &setup, asked))?;
        println!("{}", rows::floor(nodes, &flushes));
        for row in &rows {
            println!("{}", row.json());
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let asked_for = |name: &str| name.contains(&cli.only);
    if asked_for(ours::TILLMESH.name) {
        let folder = tempfile::tempdir_in(&cli.folder)?;
        let row = runtime.block_on(ours::reconnect(folder.path(), cli.documents))?;
        println!("{}", row.json());
    }
    if asked_for("samod") {
        let row = runtime.block_on(samod_tills::reconnect::run(cli.documents))?;
        println!("{}", row.json());
    }
    if asked_for(ours::TILLMESH.name) && cli.entries > 0 {
        let folder = tempfile::tempdir_in(&cli.folder)?;
        let row = runtime.block_on(ours::catch_up(folder.path(), cli.entries))?;
        println!("{}", row.json());
    }
    Ok(())
}
