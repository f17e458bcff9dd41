//! `cargo xtask demo`: a real shop's December on one till, with the power cut in the middle.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Instant;

use clap::Args;
use comfy_table::{Table, presets};
use serde_json::{Value, json};

use crate::commands::{ask, build_release, fail};
use crate::tree::Tree;

/// The sample that comes with the repository.
const SAMPLE: &str = "tests/data/online_retail_2010-12.csv.gz";
/// Documents between two drawings of the live table where the output is no terminal.
const QUIET_EVERY: usize = 500;
/// The same on a terminal, where the table is drawn over.
const LIVE_EVERY: usize = 5;

/// What can be asked of the demo.
#[derive(Debug, Clone, Args)]
pub(crate) struct Demo {
    /// A file of invoices to replay instead of the sample
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// First day of invoices to take
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Last day of invoices to take
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    /// How often the process is killed (SIGKILL), at even distances
    #[arg(long, value_name = "N", default_value_t = 1)]
    kills: usize,
    /// Prints one JSON object at the end instead of tables
    #[arg(long)]
    json: bool,
}

impl Demo {
    /// Whether the whole sample is replayed, whose size is known.
    const fn is_sample(&self) -> bool {
        self.file.is_none() && self.from.is_none() && self.to.is_none()
    }
}

/// Receipt and record id of each acknowledged invoice.
type Acknowledged = BTreeMap<String, (Value, Value)>;

/// What the demo has seen so far, from outside the till.
#[derive(Debug, Default)]
struct Seen {
    acknowledged: Acknowledged,
    changed: Vec<String>,
    kinds: BTreeMap<String, usize>,
    last_receipt: String,
    kills: usize,
    /// Documents when the table was last drawn.
    drawn: usize,
    /// Lines of the table on the screen, to be drawn over.
    lines: usize,
}

pub(crate) fn run(tree: &Tree, demo: &Demo) -> ExitCode {
    match play(tree, demo) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => fail(&why),
    }
}

fn play(tree: &Tree, demo: &Demo) -> Result<bool, String> {
    let tillmesh = build_release(tree)?;
    let file = demo.file.clone().unwrap_or_else(|| tree.root().join(SAMPLE));
    let folder = tree.root().join("target").join("demo");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let what = if demo.is_sample() {
        "a real shop's December 2010: 42,481 lines on 2,025 invoices".to_owned()
    } else {
        format!("the invoices of {}", file.display())
    };
    say(demo, &format!("One till rings up {what}, each"));
    say(demo, "through the commands a cashier's tap uses, each on disk before the next.");
    say(demo, "In the middle its process is killed, as a power cut would.\n");
    let started = Instant::now();
    let mut seen = Seen::default();
    let total = documents(&file, demo)?;
    for kill in 1..=demo.kills {
        let at = total * kill / (demo.kills + 1);
        let ended = replay(&tillmesh, &folder, &file, demo, &mut seen, Some(at))?;
        if ended {
            return Err("the replay ended before it could be killed".to_owned());
        }
    }
    if !replay(&tillmesh, &folder, &file, demo, &mut seen, None)? {
        return Err("the replay did not end by itself".to_owned());
    }
    let seconds = started.elapsed().as_millis();
    let report = ask(&tillmesh, &folder, &["report", "sales"])?;
    let verified = ask(&tillmesh, &folder, &["verify"])?;
    let lost = seen.acknowledged.len().abs_diff(recorded(&report));
    if demo.json {
        let demo = json!({
            "acknowledged": seen.acknowledged.len(), "acknowledged_lost": lost,
            "acknowledged_changed": seen.changed.len(), "kills": seen.kills,
            "seconds": seconds / 1000, "report": report, "verify": verified,
        });
        println!("{demo}");
    } else {
        show_result(&tillmesh, &folder, &seen, lost, seconds)?;
    }
    let sound = verified["passed"] == Value::Bool(true);
    Ok(lost == 0 && seen.changed.is_empty() && sound)
}

/// Replays until the file ends or `kill_at` documents are acknowledged; says whether it ended.
fn replay(
    tillmesh: &Path,
    folder: &Path,
    file: &Path,
    demo: &Demo,
    seen: &mut Seen,
    kill_at: Option<usize>,
) -> Result<bool, String> {
    let mut child = start(tillmesh, folder, file, demo)?;
    let Some(stdout) = child.stdout.take() else { return Err("no output".to_owned()) };
    for line in BufReader::new(stdout).lines() {
        let line = line.map_err(|error| format!("reading the till's output: {error}"))?;
        // The last line of a killed process may be cut short: nobody could act on it.
        let Ok(value) = serde_json::from_str::<Value>(&line) else { continue };
        if let Some(ack) = value.get("ack") {
            seen.note(ack, demo);
        }
        let is_new = value["ack"]["repeated"] != Value::Bool(true);
        if is_new && kill_at.is_some_and(|at| seen.acknowledged.len() == at) {
            child.kill().map_err(|error| format!("killing the till: {error}"))?;
            seen.kills += 1;
            seen.lines = 0;
            let count = seen.acknowledged.len();
            say(demo, &format!("\n*** SIGKILL after {count} acknowledged documents ***\n"));
        }
    }
    let status = child.wait().map_err(|error| format!("waiting for the till: {error}"))?;
    Ok(status.success())
}

fn start(tillmesh: &Path, folder: &Path, file: &Path, demo: &Demo) -> Result<Child, String> {
    let mut command = Command::new(tillmesh);
    command.arg("--store").arg(folder).arg("--json").arg("replay").arg(file);
    for (name, value) in [("--from", &demo.from), ("--to", &demo.to)] {
        if let Some(value) = value {
            command.arg(name).arg(value);
        }
    }
    command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{} did not start: {error}", tillmesh.display()))
}

/// Documents the demo may expect: counted only to place the kills, never to report.
fn documents(file: &Path, demo: &Demo) -> Result<usize, String> {
    // The sample has 2,025; another file is killed after that many as well, or at its share.
    let length = fs::metadata(file).map_err(|error| format!("{}: {error}", file.display()))?.len();
    let guess = if demo.is_sample() { 2025 } else { usize::try_from(length / 4000).unwrap_or(100) };
    Ok(guess.max(10))
}

/// All that the report says was recorded.
fn recorded(report: &Value) -> usize {
    let count = |value: &Value| value.as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    count(&report["sales"]["count"])
        + count(&report["returns"]["count"])
        + count(&report["adjustments"])
        + count(&report["postings"]["count"])
}

fn show_result(
    tillmesh: &Path,
    folder: &Path,
    seen: &Seen,
    lost: usize,
    millis: u128,
) -> Result<(), String> {
    println!();
    for what in [["report", "sales"].as_slice(), ["verify"].as_slice()] {
        let status = Command::new(tillmesh).arg("--store").arg(folder).args(what).status();
        status.map_err(|error| format!("{} did not start: {error}", tillmesh.display()))?;
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.add_row(["acknowledged by the till".to_owned(), seen.acknowledged.len().to_string()]);
    table.add_row(["killed in the middle".to_owned(), format!("{} times", seen.kills)]);
    table.add_row(["acknowledged but lost or doubled".to_owned(), lost.to_string()]);
    table.add_row(["under another receipt afterwards".to_owned(), seen.changed.len().to_string()]);
    table.add_row([
        "time in all".to_owned(),
        format!("{}.{} s", millis / 1000, millis % 1000 / 100),
    ]);
    let (program, store) = (tillmesh.display(), folder.display());
    println!("\n{table}\n\nLook around:");
    for what in ["status", "stock 85123A", "sell 85123Ax2 --cash 10"] {
        println!("  {program} --store {store} {what}");
    }
    Ok(())
}

impl Seen {
    fn note(&mut self, ack: &Value, demo: &Demo) {
        let invoice = ack["invoice"].as_str().unwrap_or_default().to_owned();
        let now = (ack["receipt"].clone(), ack["id"].clone());
        if let Some(receipt) = ack["receipt"].as_str() {
            receipt.clone_into(&mut self.last_receipt);
        }
        match self.acknowledged.get(&invoice) {
            None => {
                let kind = ack["kind"].as_str().unwrap_or_default().to_owned();
                *self.kinds.entry(kind).or_default() += 1;
                self.acknowledged.insert(invoice, now);
            }
            Some(before) if *before != now => self.changed.push(invoice),
            Some(_) => {}
        }
        self.draw(demo);
    }

    /// The live table: drawn over on a terminal, once in a while elsewhere.
    fn draw(&mut self, demo: &Demo) {
        let count = self.acknowledged.len();
        let live = std::io::stdout().is_terminal();
        let step = if live { LIVE_EVERY } else { QUIET_EVERY };
        if demo.json || count < self.drawn + step {
            return;
        }
        self.drawn = count;
        let table = self.table();
        if live && self.lines > 0 {
            print!("\x1b[{}A", self.lines);
        }
        println!("{table}");
        self.lines = table.lines().count();
        drop(std::io::stdout().flush());
    }

    fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_header(["on disk", "sales", "returns", "adjustments", "last receipt", "killed"]);
        let of = |kind: &str| self.kinds.get(kind).copied().unwrap_or(0).to_string();
        table.add_row([
            self.acknowledged.len().to_string(),
            of("sale"),
            of("return"),
            of("adjustment"),
            self.last_receipt.clone(),
            format!("{} times", self.kills),
        ]);
        table.to_string()
    }
}

fn say(demo: &Demo, line: &str) {
    if !demo.json {
        println!("{line}");
    }
}
