//! `cargo xtask sim` and `cargo xtask canaries`: builds the simulator and hands the words on.

use std::process::{Command, ExitCode};

use clap::Args;

use crate::commands::{build_of, fail};
use crate::tree::Tree;

/// What is handed on as it is.
#[derive(Debug, Clone, Args)]
pub(crate) struct Words {
    /// Words for the simulator
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "WORDS")]
    words: Vec<String>,
}

/// Builds the simulator, with every assertion on, and runs it.
pub(crate) fn run(tree: &Tree, first: &[&str], words: &Words) -> ExitCode {
    let what = ["--package", "tests", "--bin", "sim"];
    let program = match build_of(tree, "sim", "sim", &what) {
        Ok(program) => program,
        Err(why) => return fail(&why),
    };
    let mut command = Command::new(program);
    match command.args(first).args(&words.words).current_dir(tree.root()).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => fail(&format!("the simulator did not start: {error}")),
    }
}
