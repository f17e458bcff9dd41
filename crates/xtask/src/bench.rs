//! `cargo xtask bench`: measurements, each beside the machine's own floor in the same run.

mod hub;
mod mesh;
mod sale;
mod ui;

use std::process::ExitCode;

use clap::Subcommand;

use crate::commands::fail;
use crate::tree::Tree;

/// What can be measured.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Bench {
    /// Selling: from "pay" to durable, sales a second, bytes written, start-up, memory.
    ///
    /// Replays a file of invoices on a fresh till. Between the sales the same run appends as many
    /// bytes to a preallocated file in the same folder and calls fdatasync: the floor no till can
    /// go below. Compare ratios, not times: the disk is as fast as it happens to be today.
    Sale(sale::Sale),
    /// Sharing: one change on one till until the last other till has it, and the bytes that takes.
    ///
    /// Bare QUIC meshes that only pass bytes on (the floor) and samod (the Rust automerge-repo) as a
    /// star and as a mesh, all tills in one process on loopback, in turns, with the disk's own flush
    /// between the changes. Progress is told on stderr. Leave the machine alone meanwhile.
    Mesh(mesh::Mesh),
    /// The screen: scan to line, search as you type, frames, starts, over 300,000 products.
    ///
    /// Drives the window's surface and a real counter on a real disk, without a display: everything
    /// but the graphics card. About two minutes after the build.
    Ui(ui::Ui),
    /// The hub: entries fetched from a till and taken from its folder, start-up, and what head office
    /// waits for.
    ///
    /// Replays a file of invoices on a fresh till first. Everything runs on this machine, the till on
    /// the same disk and cores. Progress is told on stderr.
    Hub(hub::Hub),
}

pub(crate) fn run(tree: &Tree, bench: &Bench) -> ExitCode {
    let table = match bench {
        Bench::Sale(sale) => sale::measure(tree, sale),
        Bench::Mesh(mesh) => mesh::measure(tree, mesh),
        Bench::Ui(ui) => ui::measure(tree, ui),
        Bench::Hub(hub) => hub::measure(tree, hub),
    };
    match table {
        Ok(table) => {
            println!("{table}");
            ExitCode::SUCCESS
        }
        Err(why) => fail(&why),
    }
}

/// `a / b` with two decimals, in whole numbers.
fn ratio(a: u64, b: u64) -> String {
    let hundredths = (a * 100 + b / 2).checked_div(b).unwrap_or(0);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::ratio;

    #[test]
    fn a_ratio_is_rounded_to_hundredths() {
        assert_eq!(ratio(130, 100), "1.30");
        assert_eq!(ratio(2, 3), "0.67");
        assert_eq!(ratio(1, 0), "0.00");
    }
}
