//! The power goes: before every call of the script, with every image that could leave.

use std::collections::BTreeSet;

use replica::journal::Options;

use super::check::{Checker, Counts, open};
use super::disk::{Event, Files, TracedDisk};
use super::machine::{Image, Machine, MapKept};
use super::model::Model;
use super::script::{Cashier, Document};
use super::storage::Map;
use super::{Broken, ensure};

/// Segments small enough that the script fills several, with reserves in proportion.
const SEGMENT_BYTES: u64 = 16 << 10;
/// In every so many outcomes crashes are played into the recovery and into the selling on.
const AGAIN_EVERY: u64 = 101;
/// Of the images of a crash in a recovery every so many are opened.
const AGAIN_IMAGES: usize = 7;
/// Behind every so many calls the map is lost altogether.
const LOST_EVERY: u64 = 41;

/// Sizes of the journal in these loops.
pub fn options() -> Options {
    Options::new(SEGMENT_BYTES, SEGMENT_BYTES / 4)
}

/// The script as it runs when nothing fails.
#[derive(Debug)]
pub struct Run {
    /// What was done to the disk, and when documents were answered.
    pub trace: Vec<Event>,
    /// Files and map before each document, and after the last.
    pub before: Vec<(Files, Map)>,
}

/// Plays the script once.
///
/// # Errors
/// Where the till does not answer as the model says.
pub fn play(documents: &[Document], model: &Model) -> Result<Run, Broken> {
    let disk = TracedDisk::default();
    let trace = disk.trace().clone();
    let mut till = open(disk, options(), Map::new(), trace.clone(), 1)?;
    let cashier = Cashier::new(documents, model);
    let mut before = Vec::new();
    for number in 0..documents.len() {
        before.push((till.storage().disk().files(), till.storage().map().clone()));
        cashier
            .play(&mut till, number)
            .map_err(|stop| Broken::from(stop).at(format_args!("document {number}")))?;
        trace.push(Event::Answered { document: number });
        Cashier::pause(&mut till, number);
    }
    before.push((till.storage().disk().files(), till.storage().map().clone()));
    Ok(Run { trace: trace.take(), before })
}

/// What the loop did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cuts {
    /// Calls of the script before each of which the power went.
    pub calls: u64,
    /// Most changes that were not flushed at once.
    pub unflushed_most: usize,
    /// Images, before those that are the same as one before were left out.
    pub images: u64,
    /// What became of the others.
    pub counts: Counts,
}

/// Cuts the power before every call of a run. `progress` hears calls done and calls in all.
///
/// # Errors
/// The first promise that is not kept, with the call and the image.
pub fn explore(
    run: &Run,
    documents: &[Document],
    model: &Model,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Cuts, Broken> {
    let mut cuts = Cuts::default();
    let mut checker = Checker::new(documents, model, options());
    checker.begin_history(false);
    let mut machine = Machine::default();
    let mut answered = 0;
    let mut seen = BTreeSet::new();
    for (number, event) in run.trace.iter().enumerate() {
        if let Event::Answered { document } = event {
            answered = document + 1;
            seen.clear();
        }
        machine.apply(event);
        if matches!(event, Event::Batch(_) | Event::ResetMap) {
            continue;
        }
        cuts.calls += 1;
        cuts.unflushed_most = cuts.unflushed_most.max(machine.unflushed());
        let place = |why: Broken, image: &(u64, Vec<u64>)| {
            why.at(format_args!("power cut behind call {number}, changes kept {:?}", image.1))
        };
        for image in machine.images() {
            cuts.images += 1;
            if !seen.insert(image.key.clone()) {
                continue;
            }
            let key = image.key.clone();
            one(&mut checker, (&machine, kept(cuts.calls)), image, answered)
                .map_err(|why| place(why, &key))?;
        }
        progress(number + 1, run.trace.len());
    }
    ensure(answered == documents.len(), || "the script did not come to its end".to_owned())?;
    cuts.counts = checker.counts();
    Ok(cuts)
}

fn one(
    checker: &mut Checker<'_>,
    (machine, kept): (&Machine, MapKept),
    image: Image,
    answered: usize,
) -> Result<(), Broken> {
    let files = image.files.clone();
    let Some(mut recovered) = checker.recover(image.files, (machine, kept), answered, 2)? else {
        return Ok(());
    };
    if !recovered.is_new {
        return Ok(());
    }
    let end = checker.sell_on(&mut recovered.till, answered)?;
    let trace = recovered.till.storage().trace().take();
    checker.verify(recovered.till, end)?;
    if checker.counts().outcomes.is_multiple_of(AGAIN_EVERY) {
        again(checker, files, machine.map(kept), &trace, answered)?;
    }
    Ok(())
}

/// The power goes again, while the till recovers from the first time and sells on.
fn again(
    checker: &mut Checker<'_>,
    files: Files,
    map: Map,
    trace: &[Event],
    mut answered: usize,
) -> Result<(), Broken> {
    let mut machine = Machine::on(files, map);
    let mut turn = 0_usize;
    let before = checker.counts().recoveries;
    checker.begin_history(false);
    for (number, event) in trace.iter().enumerate() {
        if let Event::Answered { document } = event {
            answered = document + 1;
        }
        machine.apply(event);
        if matches!(event, Event::Batch(_) | Event::ResetMap) {
            continue;
        }
        for image in machine.images() {
            turn += 1;
            if !turn.is_multiple_of(AGAIN_IMAGES) {
                continue;
            }
            let map = (&machine, kept(number as u64));
            let named = |why: Broken| why.at(format_args!("again, behind call {number}"));
            let recovered = checker.recover(image.files, map, answered, 3).map_err(named)?;
            if let Some(mut recovered) = recovered.filter(|one| one.is_new) {
                checker.sell_on(&mut recovered.till, answered).map_err(named)?;
            }
        }
    }
    checker.count_again(checker.counts().recoveries - before);
    checker.begin_history(false);
    Ok(())
}

/// What survives of the map, in turn, behind each call.
const fn kept(call: u64) -> MapKept {
    if call.is_multiple_of(LOST_EVERY) {
        return MapKept::Lost;
    }
    match call % 3 {
        0 => MapKept::Oldest,
        1 => MapKept::Half,
        _ => MapKept::All,
    }
}
