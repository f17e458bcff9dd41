//! SIGKILL of real tills, as a program: `cargo xtask kills` starts it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to its user")]

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use tests::kills::{Kills, run};

/// How often progress is told, in kills.
const TELL_EVERY: u64 = 25;

/// Kills two real tills of one store, again and again.
#[derive(Debug, Parser)]
#[command(name = "kills")]
struct Asked {
    /// Kills.
    #[arg(long, default_value_t = 500)]
    cycles: u64,
    /// Where every choice comes from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let asked = Asked::parse();
    let started = Instant::now();
    println!("seed {}", asked.seed);
    let mut told = 0;
    let mut progress = |kills: &Kills| {
        if kills.all() >= told + TELL_EVERY {
            told = kills.all();
            let seconds = started.elapsed().as_secs();
            eprintln!(
                "{told} of {} kills, {} sales, {seconds} s",
                asked.cycles, kills.acknowledged
            );
        }
    };
    match run(asked.cycles, asked.seed, &mut progress) {
        Ok(kills) => {
            tell(&kills, started.elapsed().as_secs());
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("A promise was not kept.\n{why}");
            ExitCode::FAILURE
        }
    }
}

fn tell(kills: &Kills, seconds: u64) {
    println!("{} kills in {seconds} s", kills.all());
    let rows = [
        (kills.after_a_sale, "shortly after an acknowledged sale"),
        (kills.during_a_sale, "during a sale"),
        (kills.unanswered, "of these with nobody answered"),
        (kills.during_start, "during a start"),
        (kills.during_catch_up, "of the second till while it caught up"),
        (kills.acknowledged, "sales acknowledged: none lost, none doubled, numbers without a gap"),
        (kills.repeated, "times a sale was asked for again and answered with the same receipt"),
        (kills.audits, "audits of both tills"),
    ];
    for (count, what) in rows {
        println!("{count:>7}  {what}");
    }
}
