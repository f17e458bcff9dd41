//! `cargo xtask bench ui`: the screen over a large catalogue.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::Args;
use serde_json::Value;

use crate::commands::build_release_of;
use crate::tree::Tree;

/// `cargo xtask bench ui`
#[derive(Debug, Clone, Args)]
pub(crate) struct Ui {
    /// Products: CSV with `gtin` and `name`, gzip or not [default: the sample of the tests]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// How many products there should be; what the file lacks is derived from it
    #[arg(long, value_name = "COUNT", default_value = "300000")]
    products: usize,
    /// The folder to measure in; a store is made below it [default: target/bench]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Builds the program, runs it, and lays its figures out.
pub(super) fn measure(tree: &Tree, ui: &Ui) -> Result<String, String> {
    let what = ["--package", "terminal", "--features", "bench", "--bin", "window_bench"];
    let program = build_release_of(tree, "window_bench", &what)?;
    let data = tree.root().join("crates/terminal/tests/data");
    let above = ui.folder.clone().unwrap_or_else(|| tree.root().join("target/bench"));
    let folder = above.join("window");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let output = Command::new(program)
        .arg("--file")
        .arg(ui.file.clone().unwrap_or_else(|| data.join("products_sample.csv")))
        .arg("--misspellings")
        .arg(data.join("misspellings.csv"))
        .args(["--products", &ui.products.to_string()])
        .arg("--folder")
        .arg(&folder)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("window_bench: {error}"))?;
    if !output.status.success() {
        return Err("window_bench failed: it says why above".to_owned());
    }
    let figures =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("window_bench: {error}"))?;
    Ok(table(&figures))
}

/// The figures as a table in Markdown, so that they can go into `docs/benchmarks.md` as they are.
fn table(figures: &Value) -> String {
    let micros = |value: &Value| {
        let us = value.as_u64().unwrap_or(0);
        format!("{}.{:02} ms", us / 1000, us % 1000 / 10)
    };
    let both = |value: &Value| format!("{} | {}", micros(&value["p50"]), micros(&value["p99"]));
    let scans = &figures["scan_to_line"];
    let search = &figures["search"];
    let ninety = &figures["ninety_scans"];
    let mut lines = vec![
        format!("`cargo xtask bench ui`, {} products", figures["products"]),
        String::new(),
        "| | p50 | p99 |".to_owned(),
        "|---|---:|---:|".to_owned(),
        format!("| scan to line, lines 1 to 500 | {} |", both(&scans["all"])),
        format!("| scan to line, lines 1 to 100 | {} |", both(&scans["lines_1_to_100"])),
        format!("| scan to line, lines 401 to 500 | {} |", both(&scans["lines_401_to_500"])),
        format!("| one search | {} |", both(&search["search_us"])),
        format!(
            "| key to hits, {} of it held for scanners | {} |",
            micros(&search["held_for_scanner_us"]),
            both(&search["key_to_hits_us"])
        ),
        format!("| frame, without the graphics card | {} |", both(&figures["frame_us"])),
        String::new(),
        "| | |".to_owned(),
        "|---|---:|".to_owned(),
        format!(
            "| misspellings found among the first five | {} of {} |",
            search["found_among_first_five"], search["misspellings"]
        ),
        format!(
            "| 90 scans in {} s: lines, in order | {}, {} |",
            ninety["seconds"], ninety["lines"], ninety["in_order"]
        ),
        format!(
            "| frames in {} s without anything happening | {} |",
            figures["idle"]["seconds"], figures["idle"]["frames"]
        ),
        format!("| import of all products | {} ms |", figures["import_ms"]),
    ];
    lines.extend(starts(&figures["starts"]));
    lines.join("\n")
}

fn starts(starts: &Value) -> Vec<String> {
    let said = |start: &Value| match start["first_line_ms"].as_u64() {
        Some(line) => format!(
            "{line} ms (till open {} ms, search ready {} ms)",
            start["ready_ms"], start["search_ready_ms"]
        ),
        None => start.as_str().unwrap_or_default().to_owned(),
    };
    let warm = starts["warm"].as_array().into_iter().flatten();
    let mut warm: Vec<&Value> = warm.collect();
    warm.sort_by_key(|start| start["first_line_ms"].as_u64());
    let middle = warm.get(warm.len() / 2).map(|start| said(start)).unwrap_or_default();
    vec![
        format!("| process start to first scanned line, cold | {} |", said(&starts["cold"])),
        format!("| process start to first scanned line, warm, median | {middle} |"),
    ]
}
