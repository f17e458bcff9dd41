//! Each call of the disk fails, one after the other: with EIO, with ENOSPC, and both after a part of
//! the bytes was written. The cashier tries again; the power goes; the till is opened again.

use replica::journal::faults::{Failure, Faults, FaultyDisk, Op};

use super::check::{Checker, Counts, Till, open};
use super::cuts::{Run, options};
use super::disk::{Event, Files, Trace, TracedDisk};
use super::machine::{Machine, MapKept};
use super::model::Model;
use super::script::{Cashier, Document, Stop};
use super::storage::Map;
use super::{Broken, ensure};

/// Documents between two beginnings of the script: each call is failed in one run from the
/// beginning before it.
const STRIDE: usize = 2;
/// At every so many documents the calls of opening fail as well: they are the same each time.
const OPENING_EVERY: usize = 20;
/// Tries of a cashier whom the till refused.
const TRIES: u32 = 3;
/// The ways to fail. A write that is cut short ends inside of a sector, or behind one; other calls
/// cannot.
pub const FAILURES: [Failure; 4] = [
    Failure::Broken { written: 0 },
    Failure::Full { written: 0 },
    Failure::Broken { written: 600 },
    Failure::Full { written: 37 },
];

/// What the loop did.
#[derive(Debug, Clone, Copy, Default)]
pub struct FaultRuns {
    /// Failures: each call in each way.
    pub failed: u64,
    /// Of these: after which the till went on without being started again.
    pub went_on: u64,
    /// Of these: after which it said to restart it.
    pub stopped: u64,
    /// Of these: which kept it from opening, until it was tried again.
    pub not_opened: u64,
    /// The crashes that followed.
    pub counts: Counts,
}

/// Fails every call of a run in every way. `progress` hears documents done and documents in all.
///
/// # Errors
/// The first promise that is not kept, with the call.
pub fn explore(
    run: &Run,
    documents: &[Document],
    model: &Model,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<FaultRuns, Broken> {
    let mut loops =
        Loop { checker: Checker::new(documents, model, options()), runs: FaultRuns::default() };
    for begin in (0..documents.len()).step_by(STRIDE) {
        let Some((files, map)) = run.before.get(begin) else { break };
        let end = (begin + STRIDE).min(documents.len());
        let first = if begin.is_multiple_of(OPENING_EVERY) { 0 } else { opening(files, map)? };
        for skip in first.. {
            let mut met = None;
            for failure in FAILURES {
                let is_short = !matches!(
                    failure,
                    Failure::Broken { written: 0 } | Failure::Full { written: 0 }
                );
                if is_short && met != Some(Op::Write) {
                    continue;
                }
                let place = |why: Broken| {
                    why.at(format_args!("{failure:?} at call {skip} from document {begin}"))
                };
                let plan = Plan { failure, skip, begin, end };
                met = loops.one(&plan, files, map).map_err(place)?;
            }
            if met.is_none() {
                break;
            }
        }
        progress(end, documents.len());
    }
    loops.runs.counts = loops.checker.counts();
    Ok(loops.runs)
}

/// Calls that change something while the till is opened.
fn opening(files: &Files, map: &Map) -> Result<u64, Broken> {
    let (below, faults) = (TracedDisk::on(files.clone()), Faults::default());
    let disk = FaultyDisk::new(below, faults.clone());
    open(disk, options(), map.clone(), Trace::default(), 2)?;
    Ok(faults.calls())
}

/// One failure.
#[derive(Debug, Clone, Copy)]
struct Plan {
    failure: Failure,
    skip: u64,
    begin: usize,
    end: usize,
}

struct Loop<'a> {
    checker: Checker<'a>,
    runs: FaultRuns,
}

impl Loop<'_> {
    /// Plays some documents with one call failing; says which, or `None` where there are
    /// not so many.
    fn one(&mut self, plan: &Plan, files: &Files, map: &Map) -> Result<Option<Op>, Broken> {
        let below = TracedDisk::on(files.clone());
        let trace = below.trace().clone();
        let faults = Faults::default();
        faults.fail_after(plan.skip, plan.failure);
        let disk = FaultyDisk::new(below, faults.clone());
        let begin = || open(disk.clone(), options(), map.clone(), trace.clone(), 2);
        let met = || faults.met().is_some();
        let mut till = match begin() {
            Ok(till) => till,
            Err(why) => {
                ensure(met(), || format!("it does not open: {why}"))?;
                self.runs.not_opened += 1;
                begin()?
            }
        };
        let answered = self.play(&mut till, plan)?;
        if !met() {
            ensure(answered == plan.end, || "nothing failed, and yet it stopped".to_owned())?;
            return Ok(None);
        }
        self.runs.failed += 1;
        if till.replica().stopped().is_some() {
            self.runs.stopped += 1;
        } else {
            ensure(answered == plan.end, || "it neither stopped nor went on".to_owned())?;
            self.runs.went_on += 1;
        }
        self.cut(files, map, &trace.take(), answered)?;
        Ok(faults.met())
    }

    /// Plays on as long as the till does; how many documents are answered then.
    fn play(&self, till: &mut Till<FaultyDisk<TracedDisk>>, plan: &Plan) -> Result<usize, Broken> {
        for document in plan.begin..plan.end {
            let mut tries = 0;
            loop {
                match self.checker.cashier().play(till, document) {
                    Ok(()) => break,
                    Err(Stop::Broken(why)) => return Err(why),
                    Err(Stop::Refused(_)) if till.replica().stopped().is_some() => {
                        return Ok(document);
                    }
                    Err(Stop::Refused(why)) => {
                        tries += 1;
                        let words = || format!("document {document} is refused for good: {why}");
                        ensure(tries < TRIES, words)?;
                    }
                }
            }
            Cashier::pause(till, document);
        }
        Ok(plan.end)
    }

    /// The power goes, then the program alone: what each leaves is opened again and sells on.
    fn cut(
        &mut self,
        files: &Files,
        map: &Map,
        trace: &[Event],
        answered: usize,
    ) -> Result<(), Broken> {
        let mut machine = Machine::on(files.clone(), map.clone());
        for event in trace {
            machine.apply(event);
        }
        // Which call failed, and how, makes other frames; what is there to sell on from is the same.
        self.checker.begin_history(false);
        let images = machine.images();
        let middle = images.len() / 2;
        let turn = self.runs.failed;
        let nothing = 0;
        let chosen = [nothing, middle, images.len() - 1];
        let files = images.into_iter().enumerate();
        let cut = files.filter(|(at, _)| chosen.contains(at)).map(|(_, image)| image.files);
        for (files, kept) in cut
            .zip([MapKept::Oldest, MapKept::Half, MapKept::All])
            .chain([(machine.killed(), MapKept::All)])
        {
            let kept = if turn.is_multiple_of(53) { MapKept::Lost } else { kept };
            let recovered = self.checker.recover(files, (&machine, kept), answered, 3)?;
            if let Some(mut recovered) = recovered.filter(|one| one.is_new) {
                let end = self.checker.sell_on(&mut recovered.till, answered)?;
                self.checker.verify(recovered.till, end)?;
            }
        }
        Ok(())
    }
}
