//! Every bug that is compiled in on purpose, and when it is found.

use std::process::ExitCode;
use std::time::Instant;

use replica::simulation::Canary;
use tests::sim::simulate;

use super::Change;
use super::fleet::cpu_ms;

/// Seeds within which a bug must be found, or the simulator is too kind.
const SEEDS: u64 = 200;

/// Looks for each in turn.
pub(super) fn find(change: &Change) -> ExitCode {
    println!("| bug | found at seed | after CPU seconds | by |");
    println!("|---|---:|---:|---|");
    let started = Instant::now();
    let mut missed = 0;
    let wanted = change.canary.map_or_else(|| Canary::ALL.to_vec(), |canary| vec![canary]);
    for canary in wanted {
        let before = cpu_ms(started);
        let found = (1..=SEEDS).find_map(|seed| {
            let outcome = simulate(&change.config(seed), Some(canary), false);
            outcome.violation.map(|violation| (seed, violation.checker))
        });
        let took = cpu_ms(started).saturating_sub(before);
        let (seconds, tenths) = (took / 1000, took % 1000 / 100);
        let name = canary.name();
        if let Some((seed, checker)) = found {
            println!("| {name} | {seed} | {seconds}.{tenths} | {checker} |");
        } else {
            missed += 1;
            println!("| {name} | not within {SEEDS} | {seconds}.{tenths} | |");
        }
    }
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
