//! `cargo xtask bench sale`: one till, from "pay" to durable.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::ratio;
use crate::commands::{ask, build_release};
use crate::tree::Tree;

/// `cargo xtask bench sale`
#[derive(Debug, Clone, Args)]
pub(crate) struct Sale {
    /// The file of invoices [default: the sample that comes with the repository]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The folder to measure in; a till is made below it [default: target/bench]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Measures and lays the figures out.
pub(super) fn measure(tree: &Tree, sale: &Sale) -> Result<String, String> {
    let tillmesh = build_release(tree)?;
    let sample = tree.root().join("tests/data/online_retail_2010-12.csv.gz");
    let file = sale.file.clone().unwrap_or(sample);
    let above = sale.folder.clone().unwrap_or_else(|| tree.root().join("target/bench"));
    let folder = above.join("till");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    fs::create_dir_all(&above).map_err(|error| format!("{}: {error}", above.display()))?;
    let file_name = file.file_name().map(|name| name.to_string_lossy().into_owned());
    let file_text = file.to_string_lossy().into_owned();
    let replayed = ask(&tillmesh, &folder, &["replay", &file_text, "--measure-floor"])?;
    let status = ask(&tillmesh, &folder, &["status"])?;
    Ok(table(&file_name.unwrap_or_default(), &replayed["summary"], &status))
}

/// The figures as a table in Markdown, so that they can go into `docs/benchmarks.md` as they are.
fn table(file: &str, summary: &Value, status: &Value) -> String {
    let micros = |value: &Value| value.as_u64().unwrap_or(0);
    let mut lines = vec![
        format!("`cargo xtask bench sale`, {file}, {} receipts", summary["measured_receipts"]),
        String::new(),
        "| | pay to durable | append + fdatasync (floor) | ratio |".to_owned(),
        "|---|---:|---:|---:|".to_owned(),
    ];
    for percentile in ["p50", "p99", "p999"] {
        let till = micros(&summary["pay_to_durable_us"][percentile]);
        let floor = micros(&summary["floor_us"][percentile]);
        let name = percentile.replace("p999", "p99.9");
        lines.push(format!("| {name} | {till} us | {floor} us | {} |", ratio(till, floor)));
    }
    let first = micros(&summary["first_1000_per_second"]);
    let last = micros(&summary["last_1000_per_second"]);
    lines.extend([
        String::new(),
        "| | |".to_owned(),
        "|---|---:|".to_owned(),
        format!("| receipts a second, whole run | {} |", summary["sales_per_second"]),
        format!(
            "| first 1,000 / last 1,000 receipts a second | {first} / {last} ({}) |",
            ratio(last, first)
        ),
        format!(
            "| bytes written a receipt (all files) | {} |",
            summary["bytes"]["written_per_receipt"]
        ),
        format!(
            "| journal bytes a receipt: ledger / floor | {} / {} |",
            summary["bytes"]["ledger_per_receipt"], summary["bytes"]["floor_per_receipt"]
        ),
        format!("| process start to ready afterwards | {} ms |", status["ready_ms"]),
        format!("| memory at the end of the run (RSS) | {} KiB |", summary["rss_kib"]),
    ]);
    lines.join("\n")
}
