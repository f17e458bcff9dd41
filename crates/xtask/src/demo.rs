//! `cargo xtask demo`: a real shop's December in several stores, each of several tills that share it
//! with no server, while one of them is killed and one is cut off for a while; a hub hears all of it.

mod figures;
mod hub;
mod show;
mod tills;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::mpsc::{Receiver, channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::Value;

use crate::commands::{build_release, build_release_of, fail};
use crate::tree::Tree;
use figures::{Acknowledged, Outcome};
use hub::{Hub, Merged};
use show::Live;
use tills::{Invoices, Line, Post, Setting, Till};

/// The sample that comes with the repository.
const SAMPLE: &str = "tests/data/online_retail_2010-12.csv.gz";
/// Documents in it.
const SAMPLE_DOCUMENTS: usize = 2025;
/// How long tills may take to find each other, and to agree in the end.
const PATIENCE: Duration = Duration::from_mins(2);
/// Pause between two looks at how far the tills are.
const LOOK: Duration = Duration::from_millis(700);

/// What can be asked of the demo.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[derive(Debug, Clone, Args)]
pub(crate) struct Demo {
    /// How many stores there are; the file's countries are dealt out to them
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=20))]
    stores: u16,
    /// How many tills share a store
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=50))]
    tills: u16,
    /// A file of invoices to replay instead of the sample
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// First day of invoices to take
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Last day of invoices to take
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    /// How often a till is killed (SIGKILL) while it sells; each time it is another one
    #[arg(long, value_name = "N", default_value_t = 1)]
    kill: usize,
    /// For how many seconds the last till of the first store is cut off from the others; 0: not at all
    #[arg(long, value_name = "SECONDS", default_value_t = 8)]
    cut_off: u64,
    /// No mDNS: the tills are told each other's addresses
    #[arg(long)]
    no_discovery: bool,
    /// No mDNS, and all tills but the first reach nobody but the first
    #[arg(long)]
    relay: bool,
    /// No hub: the stores sell and agree the same
    #[arg(long)]
    no_hub: bool,
    /// Opens no window in the end
    #[arg(long)]
    headless: bool,
    /// Prints one JSON object at the end instead of tables
    #[arg(long)]
    json: bool,
}

impl Demo {
    fn is_sample(&self) -> bool {
        self.replay.is_none() && self.from.is_none() && self.to.is_none()
    }

    fn invoices<'a>(&'a self, file: &'a Path) -> Invoices<'a> {
        Invoices { file, from: self.from.as_deref(), to: self.to.as_deref() }
    }

    fn file(&self, tree: &Tree) -> PathBuf {
        self.replay.clone().unwrap_or_else(|| tree.root().join(SAMPLE))
    }

    /// Documents to expect: only to place the kills, never to report.
    fn documents(&self, file: &Path) -> usize {
        let bytes = fs::metadata(file).map_or(0, |meta| meta.len());
        let guess = usize::try_from(bytes / 400).unwrap_or(SAMPLE_DOCUMENTS);
        if self.is_sample() { SAMPLE_DOCUMENTS } else { guess.max(10) }
    }
}

pub(crate) fn run(tree: &Tree, demo: &Demo) -> ExitCode {
    match play(tree, demo) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => fail(&why),
    }
}

fn play(tree: &Tree, demo: &Demo) -> Result<bool, String> {
    let program = build_release(tree)?;
    let file = demo.file(tree);
    let folder = tree.root().join("target").join("demo");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    show::introduce(demo, &file);
    let started = Instant::now();
    let mut tills = Vec::new();
    for number in 1..=usize::from(demo.stores) {
        open_store(&program, &folder, demo, number, &mut tills)?;
    }
    let mut hub = if demo.no_hub { None } else { Some(open_hub(tree, &folder, demo, &tills)?) };
    let met = started.elapsed();
    let (sender, lines) = channel();
    for till in &mut tills {
        till.replay(demo.invoices(&file), &sender)?;
    }
    let selling = Instant::now();
    let mut outcome = Outcome::default();
    sell(demo, &file, &mut tills, &lines, &sender, &mut outcome)?;
    outcome.sold_in = selling.elapsed();
    let waiting = Instant::now();
    outcome.statuses = agree(demo, &tills)?;
    outcome.agreed_in = waiting.elapsed();
    if let Some(hub) = &mut hub {
        outcome.heard = Some(hub.hear(Merged::of_tills(&tills)?)?);
        hub.stop()?;
    }
    for till in &mut tills {
        till.stop()?;
    }
    outcome.read(&tills)?;
    let sound = outcome.is_sound();
    if demo.json {
        println!("{}", outcome.json());
    } else {
        let hub = hub.as_ref().map(Hub::folder);
        show::result(&program, &tills, hub, &outcome, met);
        if !demo.headless {
            open_window(&program, &tills)?;
        }
    }
    Ok(sound)
}

/// Founds a store on its first till and lets the others in; all of them run and have met.
fn open_store(
    program: &Path,
    folder: &Path,
    demo: &Demo,
    number: usize,
    all: &mut Vec<Till>,
) -> Result<(), String> {
    let tills = usize::from(demo.tills);
    let post = Post { store: number, stores: usize::from(demo.stores), till: 1, tills };
    let mut first = Till::found(program, folder, post, all.len())?;
    let setting = Setting {
        peers: Vec::new(),
        discovery: !(demo.no_discovery || demo.relay),
        only_peers: demo.relay,
        cut_off: None,
    };
    first.start(&setting)?;
    show::say(demo, &format!("Till {} has founded a store.", post.label()));
    let mut store = vec![first];
    for till in 2..=tills {
        let [first, ..] = store.as_slice() else { break };
        let mut newcomer = first.let_in(till, all.len() + store.len())?;
        let peers = if setting.discovery {
            Vec::new()
        } else if demo.relay {
            store.iter().take(1).map(Till::address).collect()
        } else {
            store.iter().map(Till::address).collect()
        };
        let is_cut = number == 1 && till == tills && demo.cut_off > 0;
        let cut_off = is_cut.then(|| (demo.cut_off / 2 + 6, demo.cut_off));
        newcomer.start(&Setting { peers, cut_off, ..setting.clone() })?;
        let by = format!("by the code on till {}", post.label());
        show::say(demo, &format!("Till {} has come in, {by}.", newcomer.post().label()));
        store.push(newcomer);
    }
    wait_until_met(demo, &store)?;
    all.append(&mut store);
    Ok(())
}

/// Opens the window of the first till where there is a display, and waits until it is closed.
fn open_window(program: &Path, tills: &[Till]) -> Result<(), String> {
    let display =
        ["WAYLAND_DISPLAY", "DISPLAY"].iter().any(|name| std::env::var_os(name).is_some());
    let Some(till) = tills.first().filter(|_| display) else { return Ok(()) };
    println!("\nThis is the window of {}. Close it to end the demo.", till.name());
    let status = Command::new(program).arg("--store").arg(till.folder()).status();
    status.map(drop).map_err(|error| format!("{}: {error}", program.display()))
}

/// A hub that every store has let in, and that runs.
fn open_hub(tree: &Tree, folder: &Path, demo: &Demo, tills: &[Till]) -> Result<Hub, String> {
    let what = ["--package", "hub", "--bin", "tillmesh-hub"];
    let program = build_release_of(tree, "tillmesh-hub", &what)?;
    let mut hub = Hub::new(&program, folder);
    for till in tills.iter().filter(|till| till.post().till == 1) {
        hub.join(till)?;
        let label = till.post().label();
        show::say(demo, &format!("The hub has come in, by the code on till {label}."));
    }
    let discovery = !(demo.no_discovery || demo.relay);
    let addresses: Vec<String> = tills.iter().map(Till::address).collect();
    hub.serve(if discovery { &[] } else { &addresses }, discovery)?;
    Ok(hub)
}

fn wait_until_met(demo: &Demo, store: &[Till]) -> Result<(), String> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        let met = store.iter().enumerate().all(|(index, till)| {
            let wanted = if demo.relay && index > 0 { 1 } else { store.len() - 1 };
            till.status().is_ok_and(|status| figures::peers(&status) >= wanted)
        });
        if met {
            return Ok(());
        }
        sleep(Duration::from_millis(200));
    }
    Err("the tills did not find each other: `tillmesh status` in their folders says why".to_owned())
}

/// Passes on what the tills acknowledge until all have rung up their share, and kills one now and then.
fn sell(
    demo: &Demo,
    file: &Path,
    tills: &mut [Till],
    lines: &Receiver<Line>,
    sender: &std::sync::mpsc::Sender<Line>,
    outcome: &mut Outcome,
) -> Result<(), String> {
    let total = demo.documents(file);
    let mut live = Live::new(demo, tills.iter().map(|till| till.post().label()).collect());
    let mut selling = tills.len();
    let mut acknowledged = Acknowledged::default();
    while selling > 0 {
        let line = lines.recv().map_err(|_all_gone| "the tills have gone".to_owned())?;
        match line {
            Line::Said(till, value) => {
                if let Some(ack) = value.get("ack") {
                    let store = tills.get(till).map_or(0, |till| till.post().store);
                    acknowledged.note(store, ack);
                    live.sold(till, ack);
                } else if value.get("summary").is_some() {
                    outcome.summaries.push(value["summary"].clone());
                    selling -= 1;
                } else if let Some(error) = value.get("error").filter(|of| of["kind"] != "output") {
                    let text = error["message"].as_str().unwrap_or_default().to_owned();
                    let name = tills.get(till).map_or_else(String::new, Till::name);
                    return Err(format!("{name}: {text}"));
                }
            }
            // Its till was killed under it: it is asked again.
            Line::Ended(till, false) => {
                let Some(till) = tills.get_mut(till) else { continue };
                till.restart()?;
                till.replay(demo.invoices(file), sender)?;
            }
            Line::Ended(_, true) => {}
        }
        let due = total * (outcome.kills + 1) / (demo.kill + 1);
        if outcome.kills < demo.kill && acknowledged.count() >= due {
            // Not the first, so that whoever is killed comes back to a store that went on.
            let victim = (1 + outcome.kills % tills.len().saturating_sub(1).max(1)) % tills.len();
            if let Some(till) = tills.get_mut(victim) {
                till.kill()?;
                outcome.kills += 1;
                live.remark(demo, &format!("*** SIGKILL: {} ***", till.name()));
            }
        }
    }
    outcome.acknowledged = acknowledged;
    Ok(())
}

/// Waits until all tills of each store hold and mean the same, and nothing is left to be said.
fn agree(demo: &Demo, tills: &[Till]) -> Result<Vec<Value>, String> {
    show::say(demo, "\nAll is rung up. Waiting until the tills of each store agree …");
    let started = Instant::now();
    let mut before = None;
    while started.elapsed() < PATIENCE * 5 {
        let statuses = tills.iter().map(Till::status).collect::<Result<Vec<_>, _>>()?;
        let mut digests = BTreeMap::<usize, BTreeSet<String>>::new();
        for (till, status) in tills.iter().zip(&statuses) {
            let of_store = digests.entry(till.post().store).or_default();
            of_store.insert(status["digests"].to_string());
        }
        let same = digests.values().all(|of_store| of_store.len() == 1);
        let now = same.then_some(digests);
        // Twice in a row: counters are published within a second of the last sale.
        if same && before == now {
            return Ok(statuses);
        }
        before = now;
        sleep(LOOK * 2);
    }
    Err("the tills did not agree in time: see `tillmesh status` in their folders".to_owned())
}
