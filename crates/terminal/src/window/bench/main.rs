//! `cargo xtask bench ui`: how fast the screen is, over a large catalogue. Drives the surface and a
//! real counter on a real disk without a display: everything but the graphics card.

#![expect(clippy::print_stdout, reason = "its figures are its output")]

mod products;
mod screen;

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::{Value, json};
use terminal::counter::{Intent, Stage, StartAnswers, StartSource};

use products::Products;
use screen::Screen;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Lines of the longest cart that is measured.
const LINES: usize = 500;
/// How often a warm start is measured.
const STARTS: usize = 5;

/// Measures the screen.
#[derive(Debug, Parser)]
struct Asked {
    /// Products: a CSV file with `gtin` and `name`, gzip or not
    #[arg(long)]
    file: Option<PathBuf>,
    /// What is typed and what it should find: `typed,expected`
    #[arg(long)]
    misspellings: Option<PathBuf>,
    /// How many products there should be; those that lack are derived
    #[arg(long, default_value = "300000")]
    products: usize,
    /// Where a store is made
    #[arg(long)]
    folder: PathBuf,
    /// Only opens the store in the folder, scans this code, and says how long that took
    #[arg(long)]
    first_scan: Option<String>,
}

fn main() -> ExitCode {
    let started = Instant::now();
    let asked = Asked::parse();
    let done = match &asked.first_scan {
        Some(code) => first_scan(&asked.folder, code, started),
        None => measure(&asked),
    };
    match done {
        Ok(figures) => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            drop(writeln!(std::io::stderr(), "window_bench: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// From the start of the process to the line on the screen.
fn first_scan(folder: &Path, code: &str, started: Instant) -> Result<Value, Box<dyn Error>> {
    let mut screen = Screen::open(folder)?;
    screen.until_selling()?;
    let ready = started.elapsed();
    screen.scan(code)?;
    let line = started.elapsed();
    let searched = screen.until_search(started)?;
    Ok(json!({
        "ready_ms": millis(ready),
        "first_line_ms": millis(line),
        "search_ready_ms": millis(searched),
    }))
}

fn measure(asked: &Asked) -> Result<Value, Box<dyn Error>> {
    let file = asked.file.as_deref().ok_or("name a file of products with --file")?;
    let list = asked.misspellings.as_deref().ok_or("name --misspellings")?;
    let products = Products::read(file, asked.products)?;
    let store = asked.folder.join("store");
    if store.exists() {
        fs::remove_dir_all(&store)?;
    }
    fs::create_dir_all(&asked.folder)?;
    let csv = asked.folder.join("products.csv");
    products.write(&csv)?;
    let mut screen = Screen::open(&store)?;
    let importing = found(&mut screen, &csv)?;
    let built = Instant::now();
    let index_ms = millis(screen.until_search(built)?);
    let lines = scans(&mut screen, &products)?;
    let typing = typing(&mut screen, list)?;
    let ninety = ninety(&mut screen, &products)?;
    let idle = screen.idle(Duration::from_secs(5));
    let frames = percentiles(&mut screen.frames_us.clone());
    drop(screen);
    let starts = starts(&store, products.scannable(0)?)?;
    Ok(json!({
        "products": products.len(),
        "import_ms": millis(importing),
        "index_ms": index_ms,
        "scan_to_line": lines,
        "search": typing,
        "frame_us": frames,
        "ninety_scans": ninety,
        "idle": idle,
        "starts": starts,
    }))
}

/// Founds a store with these products.
fn found(screen: &mut Screen, csv: &Path) -> Result<Duration, Box<dyn Error>> {
    let began = Instant::now();
    screen.until("the questions", |view| matches!(view.stage, Stage::FirstStart(_)))?;
    screen.send(Intent::Start(StartAnswers {
        name: "Bench".to_owned(),
        country: "DE".to_owned(),
        source: StartSource::File(csv.to_owned()),
    }));
    screen.until("the phrase", |view| matches!(view.stage, Stage::RecoveryPhrase(_)))?;
    screen.send(Intent::PhraseNoted);
    screen.until_selling()?;
    screen.until_products()?;
    Ok(began.elapsed())
}

/// From the scanner's Enter to the line on the screen, in a cart of 1 to 500 lines.
fn scans(screen: &mut Screen, products: &Products) -> Result<Value, Box<dyn Error>> {
    let mut took = Vec::with_capacity(LINES);
    for at in 0..LINES {
        took.push(micros(screen.scan(products.scannable(at)?)?));
    }
    let in_order = screen.skus() == products.scannables(0, LINES)?;
    let part =
        |from: usize, to: usize| percentiles(&mut took.get(from..to).unwrap_or_default().to_vec());
    let figures = json!({
        "all": part(0, LINES),
        "lines_1_to_100": part(0, 100),
        "lines_401_to_500": part(LINES - 100, LINES),
        "in_order": in_order,
    });
    screen.give_up()?;
    Ok(figures)
}

/// Every misspelling, key by key.
fn typing(screen: &mut Screen, list: &Path) -> Result<Value, Box<dyn Error>> {
    let mut reader = csv::Reader::from_path(list)?;
    let (mut to_hits, mut search) = (Vec::new(), Vec::new());
    let (mut found, mut asked) = (0, 0);
    for row in reader.deserialize() {
        let (typed, expected): (String, String) = row?;
        for end in typed.char_indices().map(|(at, letter)| at + letter.len_utf8()) {
            let so_far = typed.get(..end).unwrap_or_default();
            let began = Instant::now();
            let hits = screen.shelf().search(so_far);
            search.push(micros(began.elapsed()));
            drop(hits);
        }
        for letter in typed.chars() {
            to_hits.push(micros(screen.type_letter(letter)?));
        }
        asked += 1;
        found +=
            usize::from(screen.hits().iter().take(5).any(|name| Products::is(name, &expected)));
        screen.clear();
    }
    Ok(json!({
        "misspellings": asked,
        "found_among_first_five": found,
        "search_us": percentiles(&mut search),
        "key_to_hits_us": percentiles(&mut to_hits),
        "held_for_scanner_us": 30_000,
    }))
}

/// Ninety scans in thirty seconds.
fn ninety(screen: &mut Screen, products: &Products) -> Result<Value, Box<dyn Error>> {
    let began = Instant::now();
    let mut took = Vec::new();
    for at in 0..90_u32 {
        let due = began + Duration::from_secs(30) * at / 90;
        screen.rest_until(due);
        took.push(micros(screen.scan(products.scannable(at as usize)?)?));
    }
    let figures = json!({
        "lines": screen.skus().len(),
        "in_order": screen.skus() == products.scannables(0, 90)?,
        "seconds": began.elapsed().as_secs(),
        "scan_to_line": percentiles(&mut took),
    });
    screen.give_up()?;
    Ok(figures)
}

/// Starts of a process of its own, with files in memory and, where that is allowed, without.
fn starts(store: &Path, code: &str) -> Result<Value, Box<dyn Error>> {
    let cold = match fs::write("/proc/sys/vm/drop_caches", "3") {
        Ok(()) => one_start(store, code)?,
        Err(error) => json!(format!("not measured: caches could not be dropped ({error})")),
    };
    let mut warm = Vec::new();
    for _ in 0..STARTS {
        warm.push(one_start(store, code)?);
    }
    Ok(json!({ "cold": cold, "warm": warm }))
}

fn one_start(store: &Path, code: &str) -> Result<Value, Box<dyn Error>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--folder").arg(store).args(["--first-scan", code]);
    let output = command.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn percentiles(figures: &mut [u64]) -> Value {
    figures.sort_unstable();
    let at = |percent: usize| {
        let place = (figures.len().saturating_sub(1) * percent).div_ceil(100);
        figures.get(place).copied().unwrap_or(0)
    };
    json!({ "n": figures.len(), "p50": at(50), "p99": at(99), "max": at(100) })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
