//! What the demo shows while it runs and at its end.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use serde_json::Value;

use super::Demo;
use super::figures::Outcome;
use super::hub::Heard;
use super::tills::Till;

/// Documents between two drawings of the live table where the output is no terminal.
const QUIET_EVERY: usize = 500;
/// The same on a terminal, where the table is drawn over.
const LIVE_EVERY: usize = 5;

pub(super) fn introduce(demo: &Demo, file: &Path) {
    let what = if demo.is_sample() {
        "a real shop's December 2010: 42,481 lines on 2,025 invoices".to_owned()
    } else {
        format!("the invoices of {}", file.display())
    };
    let (stores, tills) = (demo.stores, demo.tills);
    let who = match stores {
        1 => format!("{tills} tills share a store, with no server. They ring up"),
        _ => {
            format!("{stores} stores of {tills} tills each, with no server in any of them, ring up")
        }
    };
    say(demo, &format!("{who} {what},"));
    say(demo, "each till its own customers', each document on its disk before the next.");
    say(
        demo,
        "While they sell, one is killed as by a power cut, and one is cut off for a while.\n",
    );
}

pub(super) fn say(demo: &Demo, line: &str) {
    if !demo.json {
        println!("{line}");
    }
}

/// The live table: a row for each till.
#[derive(Debug)]
pub(super) struct Live {
    silent: bool,
    sold: Vec<(usize, String)>,
    labels: Vec<String>,
    drawn: usize,
    lines: usize,
}

impl Live {
    pub(super) fn new(demo: &Demo, labels: Vec<String>) -> Self {
        let sold = vec![(0, String::new()); labels.len()];
        Self { silent: demo.json, sold, labels, drawn: 0, lines: 0 }
    }

    pub(super) fn sold(&mut self, till: usize, ack: &Value) {
        if let Some((count, last)) = self.sold.get_mut(till) {
            *count += usize::from(ack["repeated"] != Value::Bool(true));
            if let Some(receipt) = ack["receipt"].as_str() {
                receipt.clone_into(last);
            }
        }
        let total: usize = self.sold.iter().map(|(count, _)| count).sum();
        let live = std::io::stdout().is_terminal();
        let step = if live { LIVE_EVERY } else { QUIET_EVERY };
        if !self.silent && total >= self.drawn + step {
            self.drawn = total;
            self.draw(live, total);
        }
    }

    fn draw(&mut self, live: bool, total: usize) {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_header(["till", "rung up and on disk", "last receipt"]);
        for (label, (count, last)) in self.labels.iter().zip(&self.sold) {
            table.add_row([label.clone(), count.to_string(), last.clone()]);
        }
        table.add_row(["all".to_owned(), total.to_string(), String::new()]);
        if live && self.lines > 0 {
            print!("\x1b[{}A", self.lines);
        }
        println!("{table}");
        self.lines = table.to_string().lines().count();
        drop(std::io::stdout().flush());
    }

    pub(super) fn remark(&mut self, demo: &Demo, text: &str) {
        say(demo, &format!("\n{text}\n"));
        self.lines = 0;
    }
}

/// `hub` is its folder.
pub(super) fn result(
    program: &Path,
    tills: &[Till],
    hub: Option<&Path>,
    outcome: &Outcome,
    met: Duration,
) {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header([
        "replica", "sales", "value", "returns", "total", "tax", "gapless", "stock", "held",
        "meaning",
    ]);
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    for replica in &outcome.replicas {
        let short = |name: &str| text(&replica[name]).chars().take(8).collect::<String>();
        let gapless = if replica["receipts_gapless"] == Value::Bool(true) { "yes" } else { "NO" };
        table.add_row([
            text(&replica["name"]),
            text(&replica["sales"]),
            text(&replica["sales_value"]),
            text(&replica["returns"]),
            text(&replica["total"]),
            text(&replica["tax"]),
            gapless.to_owned(),
            short("stock_digest"),
            short("held_digest"),
            short("meaning_digest"),
        ]);
    }
    println!("\nWhat each till's own folder holds, after its process has ended:\n{table}\n");
    if let Some(heard) = &outcome.heard {
        show_hub(heard);
    }
    let micros = |value: &Value| format!("{} / {} µs", text(&value["p50"]), text(&value["p99"]));
    let seconds = |of: Duration| format!("{}.{} s", of.as_secs(), of.subsec_millis() / 100);
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for (name, value) in [
        ("acknowledged by a till", outcome.acknowledged.count().to_string()),
        ("acknowledged but lost or doubled", outcome.lost().to_string()),
        ("under another receipt afterwards", outcome.changed().to_string()),
        ("killed while selling", format!("{} times", outcome.kills)),
        ("all replicas the same", if outcome.agree() { "yes" } else { "NO" }.to_owned()),
        ("receipts a second, all tills on this machine", outcome.per_second().to_string()),
        ("pay to durable, worst till (p50/p99)", micros(&outcome.pay_to_durable())),
        ("the disk's own flush beside it", micros(&outcome.flush())),
        ("until stored on every other till", micros(&outcome.visible())),
        ("bytes on all sockets", outcome.wire_bytes().to_string()),
        ("time to found, let in and find each other", seconds(met)),
        ("time to sell", seconds(outcome.sold_in)),
        ("time to agree afterwards", seconds(outcome.agreed_in)),
    ] {
        table.add_row([name.to_owned(), value]);
    }
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("{table}\n\nLook around:");
    let store = tills.first().map(Till::folder).unwrap_or_default();
    let (till, store) = (program.display(), store.display());
    for what in ["status", "devices", "stock 85123A", "sell 85123Ax2 --cash 10"] {
        println!("  {till} --store {store} {what}");
    }
    if let Some(folder) = hub {
        let (program, folder) = (program.with_file_name("tillmesh-hub"), folder.display());
        for what in ["report", "token --all-stores --for me", "serve"] {
            println!("  {} --hub {folder} {what}", program.display());
        }
    }
}

/// What head office reads, and what the tills come to: two rows that must be the same.
fn show_hub(heard: &Heard) {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    let names = ["sales", "returns", "total", "tax", "products_in_stock", "units_on_hand"];
    table.set_header([
        "all stores",
        "sales",
        "returns",
        "total",
        "tax",
        "products",
        "units on hand",
    ]);
    for (who, merged) in [("sum of the tills", &heard.tills), ("the hub, over HTTP", &heard.hub)] {
        let merged = merged.json();
        let figures = names.map(|name| match merged[name].as_str() {
            Some(text) => text.to_owned(),
            None => merged[name].to_string(),
        });
        table.add_row(std::iter::once(who.to_owned()).chain(figures));
    }
    let same = if heard.agrees() { "the same" } else { "NOT THE SAME" };
    let seconds = heard.caught_up.as_secs();
    let millis = heard.caught_up.subsec_millis() / 100;
    println!(
        "What head office hears, {seconds}.{millis} s after the tills agreed: {same}\n{table}\n"
    );
}
