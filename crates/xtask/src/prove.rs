//! `cargo xtask crash` and `cargo xtask kills`: programs of the package `tests` that prove what the
//! documents promise.

use std::process::{Command, ExitCode};

use clap::Args;

use crate::commands::{build_release_of, fail};
use crate::tree::Tree;

/// `cargo xtask crash`
#[derive(Debug, Clone, Args)]
pub(crate) struct Crash {
    /// Documents of the script that are played
    #[arg(long, value_name = "COUNT", default_value = "200")]
    documents: usize,
}

/// `cargo xtask kills`
#[derive(Debug, Clone, Args)]
pub(crate) struct Kills {
    /// Kills
    #[arg(long, value_name = "COUNT", default_value = "500")]
    cycles: u64,
    /// Where every choice comes from
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    seed: u64,
}

pub(crate) fn crash(tree: &Tree, asked: &Crash) -> ExitCode {
    run(tree, "crash", &["--documents", &asked.documents.to_string()])
}

pub(crate) fn kills(tree: &Tree, asked: &Kills) -> ExitCode {
    let (cycles, seed) = (asked.cycles.to_string(), asked.seed.to_string());
    run(tree, "kills", &["--cycles", &cycles, "--seed", &seed])
}

fn run(tree: &Tree, name: &str, args: &[&str]) -> ExitCode {
    let program = match build_release_of(tree, name, &["--package", "tests", "--bin", name]) {
        Ok(program) => program,
        Err(why) => return fail(&why),
    };
    match Command::new(&program).args(args).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => fail(&format!("{} did not start: {error}", program.display())),
    }
}
