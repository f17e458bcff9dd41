//! Many seeds, one after the other or several at once.

use std::num::NonZero;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tests::sim::{Totals, simulate};

use super::{Cli, failure};

/// Time between two lines of progress.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// Processor time of this thread so far, in milliseconds, where the system tells; else since `started`.
pub(super) fn cpu_ms(started: Instant) -> u64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.as_deref().and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    nanos.map_or_else(
        || u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        |nanos| nanos / 1_000_000,
    )
}

struct Fleet<'a> {
    cli: &'a Cli,
    next: AtomicU64,
    end: u64,
    started: Instant,
    stop: AtomicBool,
    totals: Mutex<(Totals, Instant)>,
}

/// Plays seeds until they or the time are used up.
pub(super) fn run(cli: &Cli) -> ExitCode {
    let first = cli.seeds.map_or_else(from_clock, |(first, _)| first);
    let end = match (cli.seeds, cli.minutes) {
        (Some((_, end)), None) => end,
        (_, Some(_)) => u64::MAX,
        (None, None) => first.saturating_add(100),
    };
    let started = Instant::now();
    let fleet = Fleet {
        cli,
        next: AtomicU64::new(first),
        end,
        started,
        stop: AtomicBool::new(false),
        totals: Mutex::new((Totals::default(), started)),
    };
    eprintln!("from seed {first}, commit {}", super::commit());
    let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..cli.threads.unwrap_or_else(cores).max(1) {
            scope.spawn(|| fleet.work());
        }
    });
    let (totals, _) = fleet.totals.into_inner().unwrap_or_else(PoisonError::into_inner);
    if cli.json {
        println!("{}", totals.to_json());
    } else {
        println!("{}", totals.page());
    }
    let missing = cli.all_marks && !totals.unreached().is_empty();
    if totals.failed.is_empty() && !missing { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn from_clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs())
}

impl Fleet<'_> {
    fn is_over(&self) -> bool {
        let minutes = self.cli.minutes.map(|minutes| Duration::from_secs(minutes * 60));
        self.stop.load(Ordering::Relaxed)
            || minutes.is_some_and(|minutes| self.started.elapsed() >= minutes)
    }

    fn work(&self) {
        while !self.is_over() {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            if seed >= self.end {
                return;
            }
            let config = self.cli.change.config(seed);
            let before = cpu_ms(self.started);
            let outcome = simulate(&config, self.cli.change.canary, false);
            let took = cpu_ms(self.started).saturating_sub(before);
            let mut all = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
            let (totals, told) = &mut *all;
            totals.add(&outcome, took);
            if outcome.violation.is_some() {
                eprintln!("{}", failure(&outcome, self.cli.change.canary, !self.cli.keep_going));
                if !self.cli.keep_going {
                    self.stop.store(true, Ordering::Relaxed);
                }
            }
            if told.elapsed() >= PROGRESS_EVERY {
                *told = Instant::now();
                eprintln!("{}", totals.line());
            }
        }
    }
}
