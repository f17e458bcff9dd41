//! The developer's commands, run as `cargo xtask …`. Each check that guards the repository is code
//! here, and a test as well, so that there is nothing only a build machine knows.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to its user")]

mod bench;
mod commands;
mod demo;
mod prove;
mod sim;
mod steps;
mod tidy;
mod tree;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The developer's commands of Tillmesh.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    after_help = "A first look:      cargo xtask demo\n\
                  Before you commit: cargo xtask test\n\
                  While you write:   cargo xtask lint\n\n\
                  Nothing beyond the Rust toolchain with rustfmt and clippy is needed."
)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Clone, Subcommand)]
enum Task {
    /// Everything that must hold before a change lands.
    ///
    /// In this order: format, clippy with warnings as errors, the tidy rules, the binary
    /// `tillmesh` (suites run it), the replica's core compiled without its disk and network
    /// parts, and every test of the workspace, doc tests included. A failed step does not stop the
    /// next. The last line printed is `N passed, N failed`: tests and steps counted together.
    Test,
    /// The quick part of `test`: format, clippy, tidy.
    ///
    /// The tidy rules are what no compiler checks: which crate may depend on which, what the pure
    /// parts may not touch (clock, disk, network, randomness, floats), file lengths, links in the
    /// docs, licences. A broken rule is printed as `file:line: what; what to do instead`.
    Lint,
    /// A real shop's December in three stores of three tills and at a hub; one till is killed, one cut off.
    ///
    /// Builds till and hub, founds the stores, lets tills and hub in, replays the sample with a live count (each
    /// store has its countries, each till its customers), kills a till with SIGKILL, cuts one off for a while, and
    /// accounts for every penny on each: nothing acknowledged may be lost, doubled or renumbered, and what the
    /// hub answers over HTTP must be the sum of the tills. Where there is a display it then opens the
    /// window of the first till, unless `--headless` or `--json` is given.
    Demo(demo::Demo),
    /// Whole stores with everything that can go wrong, from seeds.
    ///
    /// `cargo xtask sim --seed N` plays one and says every event, `--seeds A..B` many, `--minutes M` as
    /// many as there is time for; `cargo xtask sim -- --help` says the rest. See docs/simulator.md.
    Sim(sim::Words),
    /// Switches bugs on that are compiled in on purpose, and says when the simulator finds each.
    Canaries(sim::Words),
    /// Measures, beside the machine's own floor.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Fails and crashes one till at every call of its disk.
    ///
    /// A script of 200 documents runs on a disk in memory. Behind every call the power is cut, with
    /// every subset of the last eight blocks and names that were not flushed; each call fails
    /// with EIO and ENOSPC, each write is cut short. What is left is opened and compared with what
    /// the cashier was told. Prints how many recoveries that were. About two minutes on one core.
    Crash(prove::Crash),
    /// Kills two real tills of one store with SIGKILL, again and again.
    ///
    /// Right after a sale was acknowledged, in the middle of one, during starts, and while the second
    /// till catches up. No acknowledged sale may be lost or doubled, no number left out. Every
    /// choice comes from the seed; the machine decides the rest.
    Kills(prove::Kills),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let tree = match tree::Tree::open() {
        Ok(tree) => tree,
        Err(error) => {
            eprintln!("the repository could not be read: {error}");
            return ExitCode::FAILURE;
        }
    };
    match &cli.command {
        Task::Test => commands::test(&tree),
        Task::Lint => commands::lint(&tree),
        Task::Demo(demo) => demo::run(&tree, demo),
        Task::Sim(words) => sim::run(&tree, &[], words),
        Task::Canaries(words) => sim::run(&tree, &["--canaries"], words),
        Task::Bench(bench) => bench::run(&tree, bench),
        Task::Crash(asked) => prove::crash(&tree, asked),
        Task::Kills(asked) => prove::kills(&tree, asked),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
