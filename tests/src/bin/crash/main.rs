//! The exhaustive crash loop, as a program: `cargo xtask crash` starts it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to its user")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use mimalloc::MiMalloc;
use tests::crash::check::Counts;
use tests::crash::model::Model;
use tests::crash::{Broken, cuts, faults, script};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Crashes and fails one till at every call of its disk.
#[derive(Debug, Parser)]
#[command(name = "crash")]
struct Asked {
    /// Documents of the script that are played.
    #[arg(long, default_value_t = script::DOCUMENTS)]
    documents: usize,
}

fn main() -> ExitCode {
    let asked = Asked::parse();
    match explore(asked.documents) {
        Ok(()) => {
            println!(
                "Every acknowledged document was there, every number once, every figure right."
            );
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("A promise was not kept.\n{why}");
            ExitCode::FAILURE
        }
    }
}

fn explore(count: usize) -> Result<(), Broken> {
    let documents = script::documents(count);
    let model = Model::of(&documents);
    let started = Instant::now();
    let run = cuts::play(&documents, &model)?;
    println!(
        "{} documents, {} receipts, in {} ms",
        documents.len(),
        model.after(documents.len()).receipts,
        started.elapsed().as_millis()
    );
    let started = Instant::now();
    let cuts = cuts::explore(&run, &documents, &model, &mut teller("calls"))?;
    println!("\nPower cuts, in {} s", started.elapsed().as_secs());
    row(cuts.calls, "calls of the disk or answers, the power cut behind each");
    row(cuts.unflushed_most as u64, "blocks and names not flushed at once, at most");
    row(cuts.images, "images of what could be left, each subset of the last 8 not flushed");
    counted(cuts.counts);
    let started = Instant::now();
    let runs = faults::explore(&run, &documents, &model, &mut teller("documents"))?;
    println!("\nEIO, ENOSPC, short writes, in {} s", started.elapsed().as_secs());
    row(runs.failed, "failures: each call with EIO and ENOSPC, each write cut short by both");
    row(runs.went_on, "after which the till went on");
    row(runs.stopped, "after which it said to restart it");
    row(runs.not_opened, "which kept it from opening until it was tried again");
    counted(runs.counts);
    let all = cuts.counts.recoveries + runs.counts.recoveries;
    println!("\n{all} recoveries.");
    Ok(())
}

fn counted(counts: Counts) {
    row(
        counts.recoveries,
        "recoveries of the journal: what was flushed is there, nothing is damage",
    );
    row(
        counts.distinct,
        "of these to bytes not seen before, each taken up and held against the model",
    );
    row(counts.torn, "of these with a torn tail");
    row(counts.unanswered, "of these with the document nobody was answered");
    row(counts.again, "of these after a second crash, in the recovery or behind it");
    row(counts.outcomes, "different outcomes, after each of which the till sold on");
    row(counts.verified, "of these closed, opened and verified from first to last");
}

fn row(count: u64, what: &str) {
    println!("{count:>9}  {what}");
}

/// Tells on stderr how far it is, once in a while.
fn teller(what: &'static str) -> impl FnMut(usize, usize) {
    let mut told = Instant::now();
    move |done, all| {
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            eprintln!("{done} of {all} {what}");
        }
    }
}
