//! `tillmesh replay`: rings up the invoices of a file.

use std::io;

use pos_core::money::Money;
use replica::storage::Stream;
use replica::store::FileStorage;
use serde_json::{Value, json};

use super::{Context, faults_json, init};
use crate::cli;
use crate::csv_file::CsvFile;
use crate::error::TerminalError;
use crate::output::{Output, Progress, Unit, align_right, grouped, pairs};
use crate::replay::{
    Acknowledged, DateRange, Floor, Kind, Measurements, Percentiles, Plan, RangeError, Replay,
    Replayed, Share, ShareError, read,
};
use crate::shell;
use crate::till::Till;

pub(super) fn run(context: &mut Context<'_>, typed: &cli::Replay) -> Result<(), TerminalError> {
    let range = range(typed).map_err(|error| TerminalError::Usage(error.to_string()))?;
    // Read before anything is founded: a file that is none leaves no store behind.
    let (share, countries) = (share(typed.share.as_deref())?, share(typed.countries.as_deref())?);
    let mut file = CsvFile::open(&context.path(&typed.file))?;
    if context.till.is_none()
        && let Err(TerminalError::NoStore(_)) = Till::open(&context.folder, context.clock)
    {
        init::found_for_replay(context)?.close();
    }
    let faults = context.with_whole_till(|context, till| {
        ring_up(context, till, typed, &mut file, (range, share, countries))
    })?;
    if typed.strict && faults > 0 {
        return Err(TerminalError::Strict { rows: faults, path: typed.file.clone() });
    }
    Ok(())
}

fn share(typed: Option<&str>) -> Result<Share, TerminalError> {
    let share = typed.map_or(Ok(Share::WHOLE), str::parse);
    share.map_err(|error: ShareError| TerminalError::Usage(error.to_string()))
}

fn range(typed: &cli::Replay) -> Result<DateRange, RangeError> {
    Ok(DateRange {
        from: typed.from.as_deref().map(DateRange::first_day).transpose()?,
        to: typed.to.as_deref().map(DateRange::last_day).transpose()?,
    })
}

fn ring_up(
    context: &mut Context<'_>,
    till: &mut Till<FileStorage>,
    typed: &cli::Replay,
    file: &mut CsvFile,
    (range, share, countries): (DateRange, Share, Share),
) -> Result<usize, TerminalError> {
    let currency = till.settings()?.currency;
    let mut progress = context.output.progress(file.bytes(), "Reading", Unit::Bytes);
    let mut plan = read(file, currency, range, |bytes| progress.at(bytes))?;
    plan.take_countries(countries);
    plan.take(share);
    progress.finish();
    context.show_faults(&typed.file, &plan.faults);
    let register = till.register(None)?;
    let mut floor = typed.measure_floor.then(|| Floor::in_folder(&context.folder)).transpose()?;
    let mut show = Show::new(context.output, &plan, Money::zero(currency));
    let written = shell::written_bytes();
    let result = Replay::new(till, &plan, register).and_then(|replay| {
        replay.run(|document, measured| {
            show.acknowledged(document, measured)?;
            match &mut floor {
                Some(floor) if document.receipt.is_some() => floor.after_receipt(),
                _ => Ok(()),
            }
        })
    });
    let (value, last) = show.finish();
    let done = result?;
    let written = shell::written_bytes().zip(written).map(|(now, then)| now.saturating_sub(then));
    let floor = floor.as_ref().and_then(Floor::percentiles);
    let summary = summary(context, till, &plan, &done, (written, floor));
    context
        .output
        .answer(&json!({ "summary": summary }), || table(&done, value, last.as_deref()))?;
    Ok(plan.faults.len())
}

/// Passes acknowledgements on: to a program line by line, to a person as a table that lives.
struct Show<'a> {
    output: &'a mut Output,
    progress: Progress,
    documents: u64,
    sales: u64,
    value: Money,
    last: Option<String>,
}

impl<'a> Show<'a> {
    fn new(output: &'a mut Output, plan: &Plan, nothing: Money) -> Self {
        let total = u64::try_from(plan.documents.len()).unwrap_or(u64::MAX);
        let progress = output.progress(total, "Ringing up", Unit::Things);
        Self { output, progress, documents: 0, sales: 0, value: nothing, last: None }
    }

    fn acknowledged(&mut self, document: &Acknowledged, measured: &Measurements) -> io::Result<()> {
        if self.output.is_json() {
            let line = json!({ "ack": ack(document) });
            self.output.json_line(&line).map_err(|error| match error {
                TerminalError::Output(error) => error,
                other => io::Error::other(other),
            })?;
        }
        self.documents = self.documents.saturating_add(1);
        self.sales = self.sales.saturating_add(u64::from(document.kind == Kind::Sale));
        if let (Some(amount), Some(_)) = (document.amount, &document.receipt)
            && let Ok(sum) = self.value.checked_add(amount)
        {
            self.value = sum;
        }
        if let Some(receipt) = &document.receipt {
            self.last = Some(receipt.to_string());
        }
        self.progress.at(self.documents);
        let (sales, value, last) = (self.sales, self.value, self.last.as_deref());
        self.progress.below(|| {
            let mut table = pairs();
            let rate = measured.per_second().unwrap_or(0);
            let currency = value.currency();
            table.add_row(["receipts a second".to_owned(), rate.to_string()]);
            table.add_row(["sales".to_owned(), sales.to_string()]);
            table.add_row([format!("sales value ({currency})"), grouped(value)]);
            table.add_row(["last receipt".to_owned(), last.unwrap_or("none yet").to_owned()]);
            align_right(&mut table, &[1]);
            table.to_string()
        });
        Ok(())
    }

    fn finish(self) -> (Money, Option<String>) {
        self.progress.finish();
        (self.value, self.last)
    }
}

fn ack(document: &Acknowledged) -> Value {
    json!({
        "invoice": document.invoice.as_str(),
        "kind": document.kind.name(),
        "receipt": document.receipt.as_ref().map(ToString::to_string),
        "id": document.id.to_string(),
        "repeated": document.repeated,
    })
}

const KINDS: [(Kind, &str); 4] = [
    (Kind::Sale, "sales"),
    (Kind::Return, "returns"),
    (Kind::Adjustment, "adjustments"),
    (Kind::Posting, "postings"),
];

fn summary(
    context: &Context<'_>,
    till: &Till<FileStorage>,
    plan: &Plan,
    done: &Replayed,
    (written, floor): (Option<u64>, Option<Percentiles>),
) -> Value {
    let mut summary = serde_json::Map::new();
    summary.insert("documents".to_owned(), json!(plan.documents.len()));
    for (kind, name) in KINDS {
        let count = done.counts.get(&kind).copied().unwrap_or(0);
        summary.insert(name.to_owned(), json!(count));
    }
    let measured = &done.measured;
    let shown = |of: Percentiles| json!({"p50": of.p50, "p99": of.p99, "p999": of.p999});
    let pay = measured.pay_to_durable().map(shown);
    let floor = floor.map(shown);
    let receipts = u64::try_from(measured.receipts()).unwrap_or(u64::MAX);
    let storage = till.storage();
    let rest = json!({
        "repeated": done.repeated,
        "products_added": done.products,
        "carts_abandoned": done.abandoned,
        "rows": plan.rows,
        "rejected": faults_json(&plan.faults),
        "measured_receipts": receipts,
        "sales_per_second": measured.per_second(),
        "first_1000_per_second": measured.first_per_second(),
        "last_1000_per_second": measured.last_per_second(),
        "pay_to_durable_us": pay,
        "floor_us": floor,
        "ready_ms": till.ready_micros() / 1000,
        "rss_kib": shell::resident_kib(),
        "bytes": {
            "ledger": storage.stream_bytes(Stream::OwnLedger),
            "floor": storage.stream_bytes(Stream::OwnFloor),
            "others": storage.stream_bytes(Stream::Others),
            "index": shell::folder_bytes(&context.folder.join("index")).ok(),
            "folder": shell::folder_bytes(&context.folder).ok(),
            "written": written,
            "ledger_per_receipt": storage.stream_bytes(Stream::OwnLedger).checked_div(receipts),
            "floor_per_receipt": storage.stream_bytes(Stream::OwnFloor).checked_div(receipts),
            "written_per_receipt": written.and_then(|bytes| bytes.checked_div(receipts)),
        },
    });
    if let Value::Object(rest) = rest {
        summary.extend(rest);
    }
    Value::Object(summary)
}

fn table(done: &Replayed, value: Money, last: Option<&str>) -> String {
    let mut table = pairs();
    for (kind, name) in KINDS {
        let count = done.counts.get(&kind).copied().unwrap_or(0);
        table.add_row([name.to_owned(), count.to_string()]);
    }
    if done.repeated > 0 {
        table.add_row(["rung up by an earlier run".to_owned(), done.repeated.to_string()]);
    }
    table.add_row([format!("sales value ({})", value.currency()), grouped(value)]);
    table.add_row(["last receipt".to_owned(), last.unwrap_or("none").to_owned()]);
    let measured = &done.measured;
    if let (Some(rate), Some(pay)) = (measured.per_second(), measured.pay_to_durable()) {
        table.add_row(["receipts a second".to_owned(), rate.to_string()]);
        let pay = format!("{} / {} / {} µs", pay.p50, pay.p99, pay.p999);
        table.add_row(["pay to durable (p50/p99/p99.9)".to_owned(), pay]);
    }
    align_right(&mut table, &[1]);
    format!(
        "{table}\nAccount for it with `tillmesh report sales`; check every record with `tillmesh verify`."
    )
}
