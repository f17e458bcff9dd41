//! `sim`: a thousand shop days, each from a seed, the same every time.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to its user")]

mod canaries;
mod fleet;

use std::process::ExitCode;

use clap::{Args, Parser};
use replica::simulation::Canary;
use tests::sim::{Config, Fault, Outcome, shrink, simulate};

/// Simulates whole stores with everything that can go wrong, and checks every promise.
#[derive(Debug, Parser)]
#[command(
    name = "sim",
    after_help = "A seed is one store on one day. The same seed of the same commit gives the same \
                  trace, to the last bit."
)]
#[expect(clippy::struct_excessive_bools, reason = "options of a command line")]
struct Cli {
    /// Play one seed and say every event
    #[arg(long, value_name = "N", conflicts_with_all = ["seeds", "minutes", "canaries"])]
    seed: Option<u64>,
    /// Play seeds A to B, B not included
    #[arg(long, value_name = "A..B", value_parser = range, conflicts_with = "canaries")]
    seeds: Option<(u64, u64)>,
    /// Play seeds for so many minutes; from --seeds' first one where it is given, else from one drawn
    /// from the clock
    #[arg(long, value_name = "M")]
    minutes: Option<u64>,
    /// Switch every bug on in turn that is compiled in on purpose, and say when it is found
    #[arg(long)]
    canaries: bool,
    /// Make a failing seed smaller
    #[arg(long, requires = "seed")]
    shrink: bool,
    /// Do not say every event of --seed
    #[arg(long)]
    quiet: bool,
    /// Stores played at once [default: one for each core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Go on after a seed that failed
    #[arg(long)]
    keep_going: bool,
    /// Fail where a mark was not reached
    #[arg(long)]
    all_marks: bool,
    /// Print the sums as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    change: Change,
}

/// What is done otherwise than the seed says: how a smaller variant of a seed is named.
#[derive(Debug, Clone, Args)]
struct Change {
    /// Switch one bug on
    #[arg(long, value_name = "NAME", value_parser = canary)]
    canary: Option<Canary>,
    /// Only these kinds of faults
    #[arg(long, value_name = "KIND,…", value_delimiter = ',', value_parser = fault)]
    faults: Option<Vec<Fault>>,
    /// No faults at all
    #[arg(long, conflicts_with = "faults")]
    no_faults: bool,
    /// So many tills
    #[arg(long, value_name = "N")]
    tills: Option<usize>,
    /// So much virtual time before all heals, in seconds
    #[arg(long, value_name = "S")]
    seconds: Option<u64>,
    /// Real signatures
    #[arg(long)]
    real_signatures: bool,
}

impl Change {
    fn config(&self, seed: u64) -> Config {
        let mut config = Config::draw(seed);
        if let Some(faults) = &self.faults {
            config.faults = faults.iter().copied().collect();
        }
        if self.no_faults {
            config.faults.clear();
        }
        config.tills = self.tills.unwrap_or(config.tills).max(1);
        config.time_ms = self.seconds.map_or(config.time_ms, |seconds| seconds * 1000);
        config.real_signatures |= self.real_signatures;
        config
    }
}

/// A step of a till allocates much and briefly; this takes a tenth off every run.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn range(text: &str) -> Result<(u64, u64), String> {
    let (from, to) = text.split_once("..").ok_or("write A..B")?;
    let number = |text: &str| text.parse().map_err(|error| format!("{text:?}: {error}"));
    Ok((number(from)?, number(to)?))
}

fn fault(text: &str) -> Result<Fault, String> {
    let found = Fault::ALL.iter().copied().find(|fault| fault.name() == text);
    found.ok_or_else(|| {
        let all: Vec<&str> = Fault::ALL.iter().map(|fault| fault.name()).collect();
        format!("one of {}", all.join(", "))
    })
}

fn canary(text: &str) -> Result<Canary, String> {
    let found = Canary::ALL.into_iter().find(|canary| canary.name() == text);
    found.ok_or_else(|| {
        let all: Vec<&str> = Canary::ALL.iter().map(|canary| canary.name()).collect();
        format!("one of {}", all.join(", "))
    })
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.seed {
        Some(seed) => one(&cli, seed),
        None if cli.canaries => canaries::find(&cli.change),
        None => fleet::run(&cli),
    }
}

fn one(cli: &Cli, seed: u64) -> ExitCode {
    let config = cli.change.config(seed);
    println!("{}", config.to_json());
    let mut outcome = simulate(&config, cli.change.canary, !cli.quiet);
    if cli.shrink && outcome.violation.is_some() {
        eprintln!("{}\nshrinking …", command(&outcome, cli.change.canary));
        outcome = shrink(&outcome, cli.change.canary, |smaller| {
            eprintln!("still fails: {}", smaller.to_json());
        });
    }
    println!("trace {} after {} events", outcome.hash, outcome.events);
    if outcome.violation.is_none() {
        println!("all promises kept: {} sales", outcome.sales);
        ExitCode::SUCCESS
    } else {
        println!("{}", failure(&outcome, cli.change.canary, cli.quiet || cli.shrink));
        ExitCode::FAILURE
    }
}

/// What a failure says: everything needed to see it again.
fn failure(outcome: &Outcome, canary: Option<Canary>, with_events: bool) -> String {
    let mut page = Vec::new();
    if with_events {
        page.extend(outcome.last_events.iter().cloned());
    }
    if let Some(violation) = &outcome.violation {
        page.push(format!("BROKEN: {}: {}", violation.checker, violation.what));
    }
    page.push(format!("seed {}, commit {}", outcome.config.seed, commit()));
    page.push(format!("config {}", outcome.config.to_json()));
    page.push(format!("again: {}", command(outcome, canary)));
    page.join("\n")
}

/// The one command that plays it again.
fn command(outcome: &Outcome, canary: Option<Canary>) -> String {
    let config = &outcome.config;
    let mut words = vec![format!("cargo xtask sim --seed {}", config.seed)];
    let drawn = Config::draw(config.seed);
    if drawn.faults != config.faults {
        let faults: Vec<&str> = config.faults.iter().map(|fault| fault.name()).collect();
        if faults.is_empty() {
            words.push("--no-faults".to_owned());
        } else {
            words.push(format!("--faults {}", faults.join(",")));
        }
    }
    if drawn.tills != config.tills {
        words.push(format!("--tills {}", config.tills));
    }
    if drawn.time_ms != config.time_ms {
        words.push(format!("--seconds {}", config.time_ms.div_ceil(1000)));
    }
    if drawn.real_signatures != config.real_signatures {
        words.push("--real-signatures".to_owned());
    }
    words.extend(canary.map(|canary| format!("--canary {}", canary.name())));
    words.join(" ")
}

fn commit() -> String {
    let asked = std::process::Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
    match asked {
        Ok(answer) if answer.status.success() => {
            String::from_utf8_lossy(&answer.stdout).trim().to_owned()
        }
        Ok(_) | Err(_) => "unknown".to_owned(),
    }
}
