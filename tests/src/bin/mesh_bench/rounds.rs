//! All contestants with the same number of tills, in turns: one change each, then the machine's own
//! flush, then the next round, begun by another. What disturbs the machine disturbs all of them.

use std::time::{Duration, Instant};

use tests::samples::Samples;

use crate::contestant::{Change, Contestant, Entrant, Fault, Setup};
use crate::disk::Journal;
use crate::quiet;
use crate::rows::Row;

/// Changes of each contestant before anything is measured.
const WARM_UP: usize = 20;

/// What a run is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// Changes to be measured, each contestant.
    pub(crate) samples: usize,
    /// A contestant that has used more than this, start included, makes no further change.
    pub(crate) limit: Duration,
}

/// A contestant on the track.
struct Runner {
    row: Row,
    spent: Duration,
    contestant: Option<Box<dyn Contestant>>,
}

/// Measures; one row for each entrant, and the machine's flushes.
pub(crate) async fn run(
    entrants: &[Entrant],
    setup: &Setup,
    asked: Asked,
) -> Result<(Vec<Row>, Samples), Fault> {
    let mut journal = Journal::create(&setup.folder.join("floor"))?;
    let bytes = vec![0x5A; setup.payload];
    let mut flushes = Samples::default();
    let mut runners = Vec::new();
    for entrant in entrants {
        runners.push(Runner::start(*entrant, setup, asked.limit).await);
    }
    for round in 0..WARM_UP + asked.samples {
        let measured = round >= WARM_UP;
        let first = round.checked_rem(runners.len()).unwrap_or(0);
        let (later, sooner) = runners.split_at_mut(first);
        for runner in sooner.iter_mut().chain(later) {
            runner.change(measured, asked.limit).await;
            let started = Instant::now();
            let done = journal.append(&bytes)?;
            if measured {
                flushes.add(done.duration_since(started));
            }
        }
        quiet::tell(|| {
            format!("{} tills: {round} of {} rounds", setup.nodes, WARM_UP + asked.samples)
        });
    }
    for runner in &mut runners {
        runner.stop(asked.limit).await;
    }
    Ok((runners.into_iter().map(|runner| runner.row).collect(), flushes))
}

impl Runner {
    async fn start(entrant: Entrant, setup: &Setup, limit: Duration) -> Self {
        eprintln!("{} tills: starting {} …", setup.nodes, entrant.name);
        let mut runner = Self {
            row: Row {
                contestant: entrant.name,
                durability: entrant.durability,
                nodes: setup.nodes,
                visible: Samples::default(),
                answered: Samples::default(),
                bytes: 0,
                idle: 0,
                stopped: None,
            },
            spent: Duration::ZERO,
            contestant: None,
        };
        let started = Instant::now();
        let start = tokio::time::timeout(limit, (entrant.start)(setup.clone())).await;
        runner.spent = started.elapsed();
        match start {
            Ok(Ok(contestant)) => {
                quiet::wait_long(&|| contestant.bytes()).await;
                runner.row.idle = quiet::idle(&|| contestant.bytes()).await;
                runner.contestant = Some(contestant);
            }
            Ok(Err(fault)) => runner.fail(format!("did not start: {fault}")),
            Err(_) => runner.fail(format!("not started within {} s", limit.as_secs())),
        }
        runner
    }

    /// One change, and what it brings about until the wire is silent again.
    async fn change(&mut self, measured: bool, limit: Duration) {
        let Some(contestant) = &mut self.contestant else { return };
        let started = Instant::now();
        let before = contestant.bytes();
        let left = limit.saturating_sub(self.spent);
        match tokio::time::timeout(left, contestant.change()).await {
            Ok(Ok(change)) => {
                quiet::wait(change.visible, self.row.idle == 0, &|| contestant.bytes()).await;
                // What would have been sent in that time without a change is not the change's.
                let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
                let idle = self.row.idle.saturating_mul(millis) / 1000;
                let bytes = (contestant.bytes() - before).saturating_sub(idle);
                if measured {
                    self.row.count(change, bytes);
                }
            }
            Ok(Err(fault)) => {
                self.fail(fault.to_string());
                self.stop(limit).await;
            }
            Err(_) => {
                self.fail(format!("stopped after {} s", limit.as_secs()));
                self.stop(limit).await;
            }
        }
        self.spent += started.elapsed();
    }

    fn fail(&mut self, why: String) {
        eprintln!("{} tills: {}: {why}", self.row.nodes, self.row.contestant);
        self.row.stopped = Some(why);
    }

    /// Ends it, and waits until it has: nothing of it may run beside the others.
    async fn stop(&mut self, limit: Duration) {
        let Some(mut contestant) = self.contestant.take() else { return };
        if tokio::time::timeout(limit, contestant.stop()).await.is_err() {
            eprintln!("{} tills: {} does not stop", self.row.nodes, self.row.contestant);
        }
        quiet::wait_long(&|| contestant.bytes()).await;
    }
}

impl Row {
    fn count(&mut self, change: Change, bytes: u64) {
        self.visible.add(change.visible);
        if let Some(answered) = change.answered {
            self.answered.add(answered);
        }
        self.bytes += bytes;
    }
}
