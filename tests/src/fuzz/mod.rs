//! What arbitrary bytes may not do. Each [`Target`] takes any input and panics where a promise is
//! broken; `fuzz/` hands them to cargo-fuzz, and `tests/tests/fuzz.rs` replays the corpus on stable
//! Rust and mutates it with the pinned [`Prng`].

mod bytes;
mod documents;
mod journal;
mod replicas;
mod session;
mod texts;
mod till;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::prng::Prng;

/// Longest input a mutation grows to.
const INPUT_BYTES_MAX: usize = 4096;
/// Changes made to an input at once, at most.
const CHANGES_MAX: u64 = 6;
/// Values at which lengths and counts turn over.
const EDGES: [u8; 8] = [0, 1, 0x7f, 0x80, 0xfe, 0xff, b'0', b'-'];

/// Something that takes bytes from outside.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// What it is called, here and in `fuzz/fuzz_targets`.
    pub name: &'static str,
    /// Takes an input.
    pub run: fn(&[u8]),
    /// Inputs to begin with: some that are taken, so that mutations get behind the first check.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// How many mutations the ordinary tests try: slow targets try fewer.
    pub rounds: u64,
}

/// All of them.
pub const TARGETS: [Target; 12] = [
    Target { name: "message", run: bytes::message, seeds: bytes::message_seeds, rounds: 20_000 },
    Target { name: "entry", run: bytes::entry, seeds: bytes::entry_seeds, rounds: 10_000 },
    Target { name: "presence", run: bytes::presence, seeds: bytes::presence_seeds, rounds: 20_000 },
    Target { name: "pairing", run: bytes::pairing, seeds: bytes::pairing_seeds, rounds: 4_000 },
    Target {
        name: "journal_recovery",
        run: journal::recovery,
        seeds: journal::recovery_seeds,
        rounds: 1_500,
    },
    Target { name: "document_gate", run: documents::gate, seeds: documents::seeds, rounds: 1_500 },
    Target { name: "hostile_session", run: session::hostile, seeds: session::seeds, rounds: 150 },
    Target { name: "two_replicas", run: replicas::two, seeds: replicas::seeds, rounds: 25 },
    Target { name: "barcodes", run: texts::barcodes, seeds: texts::barcode_seeds, rounds: 20_000 },
    Target { name: "money", run: texts::money, seeds: texts::money_seeds, rounds: 20_000 },
    Target { name: "product_csv", run: texts::csv, seeds: texts::csv_seeds, rounds: 4_000 },
    Target { name: "ticket", run: bytes::ticket, seeds: bytes::ticket_seeds, rounds: 20_000 },
];

/// A target by its name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Where the inputs of a target are kept that were found to matter.
pub fn corpus(name: &str) -> PathBuf {
    crate::tillmesh::workspace_root().join("fuzz/corpus").join(name)
}

/// The inputs of a folder, by name; none where there is no folder.
///
/// # Errors
/// What the operating system says.
pub fn inputs(folder: &Path) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.sort();
    paths.into_iter().map(|path| fs::read(&path).map(|bytes| (path, bytes))).collect()
}

/// An input made from others: bytes flipped, put in, taken out, copied about, or spliced.
pub fn mutate(prng: &mut Prng, pool: &[Vec<u8>]) -> Vec<u8> {
    let mut input = pool.get(prng.index(pool.len())).cloned().unwrap_or_default();
    for _ in 0..=prng.below(CHANGES_MAX) {
        change(prng, &mut input, pool);
    }
    input.truncate(INPUT_BYTES_MAX);
    input
}

fn byte(prng: &mut Prng) -> u8 {
    if prng.chance(1, 2) {
        return EDGES.get(prng.index(EDGES.len())).copied().unwrap_or(0);
    }
    prng.next_u64().to_le_bytes().first().copied().unwrap_or(0)
}

fn change(prng: &mut Prng, input: &mut Vec<u8>, pool: &[Vec<u8>]) {
    let at = prng.index(input.len());
    match prng.below(7) {
        0 => {
            let bit = prng.below(8);
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << bit;
            }
        }
        1 => {
            let new = byte(prng);
            if let Some(byte) = input.get_mut(at) {
                *byte = new;
            }
        }
        2 => input.insert(at.min(input.len()), byte(prng)),
        3 => {
            let to = (at + 1 + prng.index(8)).min(input.len());
            input.drain(at.min(to)..to);
        }
        4 => input.truncate(at),
        5 => {
            let to = (at + 1 + prng.index(32)).min(input.len());
            let part = input.get(at..to).unwrap_or_default().to_vec();
            let place = prng.index(input.len() + 1);
            input.splice(place..place, part);
        }
        _ => {
            let other = pool.get(prng.index(pool.len())).map(Vec::as_slice).unwrap_or_default();
            let from = other.get(prng.index(other.len() + 1)..).unwrap_or_default();
            input.truncate(at);
            input.extend_from_slice(from);
        }
    }
}
