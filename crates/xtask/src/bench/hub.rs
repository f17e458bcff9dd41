//! `cargo xtask bench hub`: what a hub takes in, how it starts, what head office waits for.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::Value;

use crate::commands::{ask, build_release, build_release_of};
use crate::tree::Tree;

/// Times each request is made.
const REQUESTS: usize = 200;

/// `cargo xtask bench hub`
#[derive(Debug, Clone, Args)]
pub(crate) struct Hub {
    /// The file of invoices [default: the sample that comes with the repository]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The folder to measure in; a till and two hubs are made below it [default: target/bench]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// A process that is stopped with the value.
struct Process {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Process {
    fn start(command: &mut Command) -> Result<Self, String> {
        let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = piped.spawn().map_err(|error| format!("not started: {error}"))?;
        let lines = child.stdout.take().map(BufReader::new).ok_or("no output")?;
        Ok(Self { child, lines })
    }

    /// The next line it prints, as JSON.
    fn next(&mut self) -> Result<Value, String> {
        let mut line = String::new();
        self.lines.read_line(&mut line).map_err(|error| error.to_string())?;
        serde_json::from_str(&line).map_err(|error| format!("no JSON ({error}): {line}"))
    }

    fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
    }
}

/// What was measured.
struct Measured {
    file: String,
    entries: u64,
    receipts: u64,
    fetched_ms: u64,
    taken: Duration,
    started: Duration,
    resident_kib: u64,
    answers: Vec<(&'static str, Vec<Duration>, usize)>,
}

/// Measures and lays the figures out.
pub(super) fn measure(tree: &Tree, hub: &Hub) -> Result<String, String> {
    let tillmesh = build_release(tree)?;
    let program =
        build_release_of(tree, "tillmesh-hub", &["--package", "hub", "--bin", "tillmesh-hub"])?;
    let sample = tree.root().join("tests/data/online_retail_2010-12.csv.gz");
    let file = hub.file.clone().unwrap_or(sample);
    let above = hub.folder.clone().unwrap_or_else(|| tree.root().join("target/bench"));
    let folder = |name: &str| -> Result<PathBuf, String> {
        let folder = above.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        Ok(folder)
    };
    let (till, joined, taking) =
        (folder("hub-till")?, folder("hub-joined")?, folder("hub-taking")?);
    fs::create_dir_all(&above).map_err(|error| format!("{}: {error}", above.display()))?;

    eprintln!("A till rings the file up …");
    let file_text = file.to_string_lossy().into_owned();
    ask(&tillmesh, &till, &["replay", &file_text])?;
    let report = ask(&tillmesh, &till, &["report", "sales"])?;
    let count = |kind: &str| report[kind]["count"].as_u64().unwrap_or(0);
    let receipts = count("sales").saturating_add(count("returns"));

    eprintln!("A hub fetches it over QUIC …");
    let fetched = join(&tillmesh, &till, &program, &joined)?;
    eprintln!("A hub takes it from the till's folder …");
    let began = Instant::now();
    let mut take = Command::new(&program);
    take.arg("--hub").arg(&taking).arg("take").arg(&till).stdout(Stdio::null());
    let status = take.stderr(Stdio::null()).status().map_err(|error| error.to_string())?;
    let taken = began.elapsed();
    if !status.success() {
        return Err("tillmesh-hub take failed".to_owned());
    }
    eprintln!("Head office reads …");
    let (started, resident_kib, answers) = read(&program, &joined)?;
    let number = |name: &str| fetched["joined"][name].as_u64().unwrap_or(0);
    Ok(table(&Measured {
        file: file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        entries: number("entries"),
        receipts,
        fetched_ms: number("fetched_ms"),
        taken,
        started,
        resident_kib,
        answers,
    }))
}

/// Lets a hub into the till's store; gives what it says when it has fetched everything.
fn join(tillmesh: &Path, till: &Path, hub: &Path, folder: &Path) -> Result<Value, String> {
    let till_does = |what: &[&str]| {
        let mut command = Command::new(tillmesh);
        command.arg("--store").arg(till).args(["--json", "--quiet"]).args(what);
        Process::start(&mut command)
    };
    let mut running = till_does(&["run", "--loopback", "--no-discovery"])?;
    running.next()?;
    let mut pairing = till_does(&["pair", "--let-in", "--loopback"])?;
    let said = pairing.next()?;
    let invitation = said["invitation"].as_str().ok_or("pair gave no invitation")?;
    let mut command = Command::new(hub);
    command.arg("--hub").arg(folder).args(["join", invitation, "--loopback"]);
    Process::start(command.args(["--no-discovery", "--json"]))?.next()
}

type Answers = Vec<(&'static str, Vec<Duration>, usize)>;

/// Starts the hub and asks it, again and again.
fn read(program: &Path, folder: &Path) -> Result<(Duration, u64, Answers), String> {
    let mut command = Command::new(program);
    command.arg("--hub").arg(folder);
    let token = command.args(["token", "--all-stores", "--for", "the bench"]).output();
    let token = token.map_err(|error| error.to_string())?.stdout;
    let token = String::from_utf8_lossy(&token).trim().to_owned();
    let began = Instant::now();
    let mut command = Command::new(program);
    command.arg("--hub").arg(folder);
    let words = ["serve", "--http", "127.0.0.1:0", "--loopback", "--no-discovery", "--json"];
    let mut hub = Process::start(command.args(words))?;
    let said = hub.next()?;
    let started = began.elapsed();
    let address = said["serving"]["http"].as_str().ok_or("the hub serves nowhere")?.to_owned();
    let mut answers = Vec::new();
    for (name, path) in [
        ("daily report, one day", "/api/v1/reports/sales/daily"),
        ("daily report, 374 days", "/api/v1/reports/sales/daily?from=2010-12-01&to=2011-12-09"),
        ("stock, a page of 1,000", "/api/v1/stock?limit=1000"),
        ("page of the day", "/today"),
    ] {
        let mut times = Vec::with_capacity(REQUESTS);
        let mut bytes = 0;
        for _ in 0..REQUESTS {
            let began = Instant::now();
            bytes = get(&address, path, &token)?;
            times.push(began.elapsed());
        }
        times.sort();
        answers.push((name, times, bytes));
    }
    Ok((started, hub.resident_kib(), answers))
}

/// Bytes of an answer, over a connection of its own.
fn get(address: &str, path: &str, token: &str) -> Result<usize, String> {
    let ask = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(address)?;
        write!(stream, "GET {path} HTTP/1.0\r\nAuthorization: Bearer {token}\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().map_err(|error| format!("{path}: {error}"))?;
    if answer.get(9..12) == Some(b"200") {
        return Ok(answer.len());
    }
    Err(format!("{path}: {}", String::from_utf8_lossy(&answer)))
}

/// The figures as tables in Markdown, so that they can go into `docs/benchmarks.md` as they are.
fn table(measured: &Measured) -> String {
    let Measured { file, entries, receipts, .. } = measured;
    let a_second = |count: u64, micros: u128| {
        u128::from(count).saturating_mul(1_000_000).checked_div(micros).unwrap_or(0)
    };
    let fetched = u128::from(measured.fetched_ms).saturating_mul(1_000);
    let taken = measured.taken.as_micros();
    let mut lines = vec![
        format!("`cargo xtask bench hub`, {file}: {entries} entries, {receipts} receipts"),
        String::new(),
        "| durable at the hub | entries a second | receipts a second | all of it |".to_owned(),
        "|---|---:|---:|---:|".to_owned(),
    ];
    for (name, micros) in [
        ("fetched from a running till over QUIC", fetched),
        ("taken from the till's folder (process start and end included)", taken),
    ] {
        let (of_entries, of_receipts) = (a_second(*entries, micros), a_second(*receipts, micros));
        let all = micros / 1_000;
        lines.push(format!("| {name} | {of_entries} | {of_receipts} | {all} ms |"));
    }
    lines.extend([
        String::new(),
        "| head office reads | p50 | p99 | bytes |".to_owned(),
        "|---|---:|---:|---:|".to_owned(),
    ]);
    for (name, times, bytes) in &measured.answers {
        let at = |percent: usize| {
            let last = times.len().saturating_sub(1);
            times.get(last * percent / 100).map_or(0, Duration::as_micros)
        };
        lines.push(format!("| {name} | {} us | {} us | {bytes} |", at(50), at(99)));
    }
    lines.extend([
        String::new(),
        "| | |".to_owned(),
        "|---|---:|".to_owned(),
        format!(
            "| start to first answer: all rows made from the journal | {} ms |",
            measured.started.as_millis()
        ),
        format!("| memory while serving (RSS) | {} KiB |", measured.resident_kib),
    ]);
    lines.join("\n")
}
