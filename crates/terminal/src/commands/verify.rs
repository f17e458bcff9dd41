//! `tillmesh verify`: checks every record from the first to the last.

use pos_core::quantity::Quantity;
use replica::storage::Stream;
use replica::verify::{Finding, Verification};
use serde_json::json;

use super::Context;
use crate::error::TerminalError;
use crate::output::{Unit, align_right, pairs};

/// Findings shown to people; all are in the JSON.
const SHOWN: usize = 100;

pub(super) fn run(context: &mut Context<'_>) -> Result<(), TerminalError> {
    let folder = context.folder.clone();
    let result = context.with_whole_till(|context, till| {
        let mut progress = context.output.progress(0, "Verifying", Unit::Things);
        let result = till.node().query(|replica, storage| {
            replica::verify::verify(replica, storage, &mut |done, total| {
                progress.of(total);
                progress.at(done);
            })
        });
        progress.finish();
        let mut result = result?;
        for stream in Stream::ALL {
            let altered = till.storage().verify(stream).altered;
            let stream = stream.name();
            let found = altered.into_iter().map(|what| Finding::Altered { stream, what });
            result.findings.extend(found);
        }
        // What is known of damage is now what this check found: `status` shows it from here on.
        let found = result.damage.clone();
        till.node().query(|replica, _| replica.set_damage(found));
        Ok(result)
    })?;
    let answer = json!({
        "passed": result.passed(),
        "frames": result.frames,
        "entries": result.entries,
        "signatures": result.signatures,
        "transactions": result.transactions,
        "products": result.products,
        "unpublished_entries": result.unpublished,
        "stock_left_out": result.stock_left_out,
        "findings": result.findings,
    });
    context.output.answer(&answer, || text(&result))?;
    if result.passed() {
        Ok(())
    } else {
        Err(TerminalError::Damage { findings: result.findings.len(), folder })
    }
}

fn text(result: &Verification) -> String {
    let mut table = pairs();
    for (name, count) in [
        ("frames read", result.frames),
        ("entries in their chains", result.entries),
        ("signatures checked", result.signatures),
        ("transactions that balance", result.transactions),
        ("products compared", result.products),
        ("findings", u64::try_from(result.findings.len()).unwrap_or(u64::MAX)),
    ] {
        table.add_row([name.to_owned(), count.to_string()]);
    }
    align_right(&mut table, &[1]);
    let mut text = table.to_string();
    for finding in result.findings.iter().take(SHOWN) {
        text.push_str("\n- ");
        text.push_str(&words(finding));
    }
    if result.findings.len() > SHOWN {
        text.push_str("\n- … and more: --json lists all of them");
    }
    for device in &result.stock_left_out {
        let device: String = device.chars().take(16).collect();
        text.push_str("\nThe stock counters of device ");
        text.push_str(&device);
        text.push_str(" are not compared: its entries are not all here.");
    }
    if result.passed() {
        text.push_str("\nEvery record is whole, signed, chained and adds up.");
    }
    text
}

fn words(finding: &Finding) -> String {
    match finding {
        Finding::Damaged { stream, first, last, feed, entries, place, reason } => {
            let frames =
                if first == last { format!("{first}") } else { format!("{first} to {last}") };
            let lost = match (feed, entries) {
                (Some(feed), Some((first, last))) => {
                    format!("; entries {first} to {last} of feed {feed} are lost here")
                }
                _ => String::new(),
            };
            format!("{stream} journal, frame {frames}: {reason} ({place}){lost}")
        }
        Finding::Altered { stream, what } => format!("{stream} journal: {what}"),
        Finding::NotAnEntry { stream, ordinal, reason } => {
            format!("{stream} journal, frame {ordinal} holds no entry: {reason}")
        }
        Finding::ChainBroken { feed, seq, expected } => {
            format!("feed {feed}: entry {seq} does not follow, {expected} should have come")
        }
        Finding::BadSignature { feed, seq } => {
            format!("feed {feed}: entry {seq} is not signed by its author")
        }
        Finding::IndexDiffers { rows } => {
            format!(
                "the index differs from the journal in {rows} rows: delete the folder `index` in \
                 the store, it is rebuilt"
            )
        }
        Finding::StockDiffers { sku, books, published } => format!(
            "{sku}: the books have {}, the published counters {}",
            Quantity::from_thousandths(*books),
            Quantity::from_thousandths(*published)
        ),
        Finding::KeptAside { entry, reason } => format!("entry {entry} is kept aside: {reason}"),
        Finding::Exception { exception } => exception.to_string(),
    }
}
