//! One JSON object for each row of the table, on stdout; `cargo xtask bench mesh` lays them out.

use std::time::Duration;

use serde_json::{Value, json};
use tests::samples::Samples;

/// One contestant with so many tills.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) contestant: &'static str,
    pub(crate) durability: &'static str,
    pub(crate) nodes: usize,
    pub(crate) visible: Samples,
    pub(crate) answered: Samples,
    pub(crate) bytes: u64,
    /// Bytes a second of all tills together while nothing changes.
    pub(crate) idle: u64,
    /// Why there are fewer samples than asked for.
    pub(crate) stopped: Option<String>,
}

impl Row {
    pub(crate) fn json(&self) -> Value {
        let count = u64::try_from(self.visible.count()).unwrap_or(u64::MAX);
        json!({
            "kind": "change",
            "contestant": self.contestant,
            "durability": self.durability,
            "nodes": self.nodes,
            "samples": count,
            "visible_us": percentiles(&self.visible),
            "answered_us": percentiles(&self.answered),
            "bytes_per_change": self.bytes.checked_div(count),
            "idle_bytes_per_second": self.idle,
            "stopped": self.stopped,
        })
    }
}

/// The machine's own flush, measured between the changes of all contestants.
pub(crate) fn floor(nodes: usize, flushes: &Samples) -> Value {
    json!({
        "kind": "floor",
        "nodes": nodes,
        "samples": flushes.count(),
        "flush_us": percentiles(flushes),
    })
}

/// A till that comes back to documents that have not changed.
#[derive(Debug)]
pub(crate) struct Reconnect {
    pub(crate) contestant: &'static str,
    pub(crate) durability: &'static str,
    pub(crate) documents: usize,
    /// Bytes on all sockets, both directions, each time it came back; ascending.
    pub(crate) bytes: Vec<u64>,
    /// Of them the contestant's own frames, where it has a handshake to make besides; ascending.
    pub(crate) frames: Vec<u64>,
}

impl Reconnect {
    pub(crate) fn json(&self) -> Value {
        json!({
            "kind": "reconnect",
            "contestant": self.contestant,
            "durability": self.durability,
            "documents": self.documents,
            "times": self.bytes.len(),
            "bytes": {
                "least": self.bytes.first(),
                "median": self.bytes.get(self.bytes.len() / 2),
                "most": self.bytes.last(),
            },
            "frame_bytes": self.frames.get(self.frames.len() / 2),
        })
    }
}

/// A new till that takes in what a store has written.
#[derive(Debug)]
pub(crate) struct CatchUp {
    pub(crate) contestant: &'static str,
    pub(crate) entries: u64,
    /// Bytes of the entries, and of all of them packed at once with zstd's level 1.
    pub(crate) raw_bytes: u64,
    pub(crate) zstd_bytes: u64,
    /// Bytes on all sockets, both directions, until the new till was in step.
    pub(crate) bytes: u64,
    pub(crate) took: Duration,
}

impl CatchUp {
    pub(crate) fn json(&self) -> Value {
        json!({
            "kind": "catch_up",
            "contestant": self.contestant,
            "entries": self.entries,
            "raw_bytes": self.raw_bytes,
            "zstd_bytes": self.zstd_bytes,
            "bytes": self.bytes,
            "took_ms": u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

fn percentiles(samples: &Samples) -> Value {
    samples.percentiles().map_or(Value::Null, |of| json!({ "p50": of.p50, "p99": of.p99 }))
}
