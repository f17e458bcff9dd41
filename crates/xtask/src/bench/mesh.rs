//! `cargo xtask bench mesh`: what sharing a change costs, beside the least that it can cost.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use serde_json::Value;

use super::ratio;
use crate::commands::build_release_of;
use crate::tree::Tree;

/// The contestant that no mesh can go below, as the program names it.
const BARE: &str = "bare QUIC mesh";

/// `cargo xtask bench mesh`
#[derive(Debug, Clone, Args)]
pub(crate) struct Mesh {
    /// Numbers of tills
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "2,10,25,50")]
    nodes: Vec<usize>,
    /// Changes to measure, each contestant, after a warm-up of 20
    #[arg(long, value_name = "COUNT", default_value = "100")]
    samples: usize,
    /// Bytes of one change in the bare meshes: a typical cart line as an entry
    #[arg(long, value_name = "BYTES", default_value = "600")]
    payload: usize,
    /// Unchanged documents that a till comes back to
    #[arg(long, value_name = "COUNT", default_value = "1000")]
    documents: usize,
    /// Entries that a new till takes in; 0: not measured
    #[arg(long, value_name = "COUNT", default_value = "100000")]
    entries: usize,
    /// Only the contestants whose name contains this
    #[arg(long, value_name = "NAME", default_value = "")]
    only: String,
    /// Seconds a contestant may use with one number of tills, start included
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    limit_s: u64,
    /// The folder on the disk to be measured [default: target/bench]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Builds the program, runs it, and lays its rows out.
pub(super) fn measure(tree: &Tree, mesh: &Mesh) -> Result<String, String> {
    let what = ["--package", "tests", "--features", "bench", "--bin", "mesh_bench"];
    let program = build_release_of(tree, "mesh_bench", &what)?;
    let above = mesh.folder.clone().unwrap_or_else(|| tree.root().join("target/bench"));
    fs::create_dir_all(&above).map_err(|error| format!("{}: {error}", above.display()))?;
    let rows = rows(&program, mesh, &above)?;
    Ok(table(mesh, &rows))
}

fn rows(program: &Path, mesh: &Mesh, folder: &Path) -> Result<Vec<Value>, String> {
    let nodes: Vec<String> = mesh.nodes.iter().map(ToString::to_string).collect();
    let output = Command::new(program)
        .args(["--nodes", &nodes.join(",")])
        .args(["--samples", &mesh.samples.to_string()])
        .args(["--payload", &mesh.payload.to_string()])
        .args(["--documents", &mesh.documents.to_string()])
        .args(["--entries", &mesh.entries.to_string()])
        .args(["--only", &mesh.only])
        .args(["--limit-s", &mesh.limit_s.to_string()])
        .arg("--folder")
        .arg(folder)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{} did not start: {error}", program.display()))?;
    if !output.status.success() {
        return Err(format!("{} ended with {}", program.display(), output.status));
    }
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).map_err(|error| format!("{error}: {line}")))
        .collect()
}

/// The rows as Markdown, so that they can go into `docs/benchmarks.md` as they are.
fn table(mesh: &Mesh, rows: &[Value]) -> String {
    let mut lines = vec![
        format!(
            "`cargo xtask bench mesh`, {} changes each, {} bytes in the bare meshes",
            mesh.samples, mesh.payload
        ),
        String::new(),
        "| tills | | when visible, it is in | visible on the last till, p50 | p99 | p50 / (bare mesh + one \
         flush) | answered, p50 | p99 | bytes a change | idle, bytes/s |"
            .to_owned(),
        "|---:|---|---|---:|---:|---:|---:|---:|---:|---:|".to_owned(),
    ];
    let mut notes = Vec::new();
    for &nodes in &mesh.nodes {
        let of_size: Vec<&Value> = rows.iter().filter(|row| row["nodes"] == nodes).collect();
        let flush = of_size.iter().find(|row| row["kind"] == "floor");
        let flush = flush.map_or(&Value::Null, |row| &row["flush_us"]);
        let bare = of_size.iter().find(|row| row["contestant"] == BARE);
        let bare = bare.map_or(&Value::Null, |row| &row["visible_us"]);
        let floor = bare["p50"].as_u64().zip(flush["p50"].as_u64()).map(|(mesh, disk)| mesh + disk);
        lines.push(format!(
            "| {nodes} | *one append + fdatasync* | fdatasync | {} | {} | | | | | |",
            micros(&flush["p50"]),
            micros(&flush["p99"])
        ));
        for row in of_size.iter().filter(|row| row["kind"] == "change") {
            lines.push(change(row, floor));
            notes.extend(note(row, mesh.samples));
        }
    }
    lines.extend(reconnects(rows));
    lines.extend(catch_ups(rows));
    if !notes.is_empty() {
        lines.push(String::new());
        lines.extend(notes);
    }
    lines.join("\n")
}

fn reconnects(rows: &[Value]) -> Vec<String> {
    let mut lines = vec![
        String::new(),
        "| a till comes back, nothing has changed | documents | bytes, median | least | most | of \
         the median: frames |"
            .to_owned(),
        "|---|---:|---:|---:|---:|---:|".to_owned(),
    ];
    for row in rows.iter().filter(|row| row["kind"] == "reconnect") {
        let bytes = &row["bytes"];
        lines.push(format!(
            "| {} ({}) | {} | {} | {} | {} | {} |",
            text(&row["contestant"]),
            text(&row["durability"]),
            row["documents"],
            bytes["median"],
            bytes["least"],
            bytes["most"],
            number(&row["frame_bytes"]),
        ));
    }
    lines
}

/// Nothing where it was not measured.
fn catch_ups(rows: &[Value]) -> Vec<String> {
    let mut lines = Vec::new();
    for row in rows.iter().filter(|row| row["kind"] == "catch_up") {
        lines.extend([
            String::new(),
            "| a new till | entries | in step after | bytes | entries alone | entries alone, zstd -1 \
             | bytes / zstd -1 |"
                .to_owned(),
            "|---|---:|---:|---:|---:|---:|---:|".to_owned(),
        ]);
        let bytes = row["bytes"].as_u64().zip(row["zstd_bytes"].as_u64());
        lines.push(format!(
            "| {} | {} | {} ms | {} | {} | {} | {} |",
            text(&row["contestant"]),
            row["entries"],
            row["took_ms"],
            row["bytes"],
            row["raw_bytes"],
            row["zstd_bytes"],
            bytes.map(|(bytes, packed)| ratio(bytes, packed)).unwrap_or_default(),
        ));
    }
    lines
}

fn change(row: &Value, floor: Option<u64>) -> String {
    let (visible, answered) = (&row["visible_us"], &row["answered_us"]);
    let to_floor = visible["p50"].as_u64().zip(floor).map(|(took, floor)| ratio(took, floor));
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
        row["nodes"],
        text(&row["contestant"]),
        text(&row["durability"]),
        micros(&visible["p50"]),
        micros(&visible["p99"]),
        to_floor.unwrap_or_default(),
        micros(&answered["p50"]),
        micros(&answered["p99"]),
        number(&row["bytes_per_change"]),
        number(&row["idle_bytes_per_second"]),
    )
}

/// Where a contestant made fewer changes than asked for.
fn note(row: &Value, samples: usize) -> Option<String> {
    let why = row["stopped"].as_str()?;
    let (nodes, name, made) = (&row["nodes"], text(&row["contestant"]), &row["samples"]);
    Some(format!("- {name} with {nodes} tills: {made} of {samples} changes; {why}."))
}

/// Empty where nothing was measured.
fn number(value: &Value) -> String {
    value.as_u64().map(|number| number.to_string()).unwrap_or_default()
}

/// Empty where nothing was measured.
fn micros(value: &Value) -> String {
    value.as_u64().map(|micros| format!("{micros} us")).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked() -> Mesh {
        let (nodes, samples, payload, documents, limit_s) = (vec![2], 100, 600, 1000, 60);
        let (entries, only) = (0, String::new());
        Mesh { nodes, samples, payload, documents, entries, only, limit_s, folder: None }
    }

    fn laid_out(rows: &[Value]) -> String {
        table(&asked(), rows)
    }

    #[test]
    fn a_row_stands_beside_the_bare_mesh_and_one_flush_of_the_same_run() {
        let text = laid_out(&[
            json!({"kind": "floor", "nodes": 2, "flush_us": {"p50": 300, "p99": 900}}),
            json!({"kind": "change", "contestant": BARE, "durability": "memory", "nodes": 2,
                   "samples": 100, "visible_us": {"p50": 100, "p99": 200},
                   "answered_us": {"p50": 150, "p99": 250}, "bytes_per_change": 733, "idle_bytes_per_second": 9}),
            json!({"kind": "change", "contestant": "other", "durability": "disk", "nodes": 2,
                   "samples": 100, "visible_us": {"p50": 600, "p99": 700}, "answered_us": null,
                   "bytes_per_change": 500, "stopped": null}),
            json!({"kind": "reconnect", "contestant": "other", "durability": "disk",
                   "documents": 1000, "bytes": {"least": 1, "median": 2, "most": 3},
                   "frame_bytes": 1}),
            json!({"kind": "catch_up", "contestant": "other", "entries": 7, "raw_bytes": 90,
                   "zstd_bytes": 40, "bytes": 50, "took_ms": 12}),
        ]);
        for line in [
            "| 2 | *one append + fdatasync* | fdatasync | 300 us | 900 us | | | | | |",
            "| 2 | bare QUIC mesh | memory | 100 us | 200 us | 0.25 | 150 us | 250 us | 733 | 9 |",
            "| 2 | other | disk | 600 us | 700 us | 1.50 |  |  | 500 |  |",
            "| other (disk) | 1000 | 2 | 1 | 3 | 1 |",
            "| other | 7 | 12 ms | 50 | 90 | 40 | 1.25 |",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert!(!text.contains("changes;"), "{text}");
    }

    #[test]
    fn what_was_not_measured_stays_empty_and_is_explained() {
        let text = laid_out(&[json!({"kind": "change", "contestant": "slow", "nodes": 2,
            "durability": "memory", "samples": 0, "visible_us": null, "answered_us": null,
            "bytes_per_change": null, "stopped": "not started within 60 s"})]);
        assert!(text.contains("| 2 | slow | memory |  |  |  |  |  |  |  |"), "{text}");
        let note = "- slow with 2 tills: 0 of 100 changes; not started within 60 s.";
        assert!(text.ends_with(note), "{text}");
    }
}
