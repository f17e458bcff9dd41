//! `tillmesh-hub`: the optional cloud peer.
#![expect(clippy::print_stderr, reason = "a command line speaks")]

use std::process::ExitCode;

use clap::Parser;
use hub::cli::Cli;

fn main() -> ExitCode {
    match hub::commands::run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
