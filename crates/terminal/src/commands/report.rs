//! `tillmesh report`: what was sold, from the books of the folder.

use std::collections::{BTreeMap, BTreeSet};

use pos_core::books::RowKey;
use pos_core::business_date::BusinessDate;
use pos_core::ids::RegisterId;
use pos_core::money::MoneyError;
use pos_core::report::{
    CountAmount, ReceiptSeries, ReportFilter, SalesReport, Totals, XReport, ZReport,
};
use pos_core::transaction::TenderKind;
use replica::core::Replica;
use replica::storage::Storage;
use serde_json::{Map, Value, json};

use super::{Context, parse_register};
use crate::cli::Report;
use crate::error::TerminalError;
use crate::output::{Output, align_right, amount, grouped, pairs, table};
use crate::replay::DateRange;
use crate::till::Till;

pub(super) fn run(context: &mut Context<'_>, typed: &Report) -> Result<(), TerminalError> {
    match typed {
        Report::X { register } => {
            let register = parse_register(register.as_deref())?;
            context.with_whole_till(|context, till| x(context.output, till, register.as_ref()))
        }
        Report::Z { number, register } => {
            let register = parse_register(register.as_deref())?;
            context.with_whole_till(|context, till| {
                z(context.output, till, *number, register.as_ref())
            })
        }
        Report::Sales { from, to, register } => {
            let filter = ReportFilter {
                from: day(from.as_deref(), DateRange::first_day)?,
                to: day(to.as_deref(), DateRange::last_day)?,
                register: parse_register(register.as_deref())?,
            };
            context.with_whole_till(|context, till| sales(context.output, till, &filter))
        }
    }
}

fn day(
    text: Option<&str>,
    read: fn(&str) -> Result<jiff::civil::Date, crate::replay::RangeError>,
) -> Result<Option<BusinessDate>, TerminalError> {
    let Some(text) = text else { return Ok(None) };
    let date = read(text).map_err(|error| TerminalError::Usage(error.to_string()))?;
    let date = BusinessDate::from_date(date);
    date.map(Some).map_err(|error| TerminalError::Usage(error.to_string()))
}

fn x<S: Storage>(
    output: &mut Output,
    till: &Till<S>,
    register: Option<&RegisterId>,
) -> Result<(), TerminalError> {
    let register = till.register(register)?;
    let Some((shift, _)) = till.open_shift(&register) else {
        return Err(TerminalError::Nothing(format!(
            "register {register} has no open shift: open one with `tillmesh shift open`, or see \
             the last one with `tillmesh report z`"
        )));
    };
    let report = till.replica().books().x_report(shift)?;
    let answer = x_json(&report)?;
    output.answer(&answer, || x_text("X report", &report, &[]))
}

fn z<S: Storage>(
    output: &mut Output,
    till: &Till<S>,
    number: Option<u32>,
    register: Option<&RegisterId>,
) -> Result<(), TerminalError> {
    let register = till.register(register)?;
    let books = till.replica().books();
    let closed = books
        .shifts(&register)
        .into_iter()
        .flat_map(|(shift, _)| books.closes(shift))
        .map(|(_, closed)| &closed.report)
        .filter(|report| number.is_none_or(|number| report.number == number))
        .max_by_key(|report| report.number);
    let Some(report) = closed else {
        let which = number.map_or_else(|| "a Z report".to_owned(), |n| format!("Z report {n}"));
        return Err(TerminalError::Nothing(format!(
            "register {register} has not closed a shift with {which} yet: `tillmesh shift close` \
             makes one"
        )));
    };
    show_z(output, report)
}

/// Shows a Z report.
pub(super) fn show_z(output: &mut Output, report: &ZReport) -> Result<(), TerminalError> {
    let mut answer = x_json(&report.figures)?;
    if let Value::Object(fields) = &mut answer {
        fields.insert("z_number".to_owned(), json!(report.number));
        fields.insert("counted".to_owned(), json!(report.counted.map(amount)));
        fields.insert("over_short".to_owned(), json!(report.over_short.map(amount)));
    }
    let mut last = Vec::new();
    if let (Some(counted), Some(over_short)) = (report.counted, report.over_short) {
        last.push(("counted".to_owned(), grouped(counted)));
        last.push(("over / short".to_owned(), grouped(over_short)));
    }
    let title = format!("Z report {}", report.number);
    output.answer(&answer, || x_text(&title, &report.figures, &last))
}

fn count_json(sum: CountAmount) -> Value {
    json!({"count": sum.count, "value": amount(sum.amount)})
}

const fn tender_name(kind: TenderKind) -> &'static str {
    match kind {
        TenderKind::Cash => "cash",
        TenderKind::Card => "card",
    }
}

fn totals_json(totals: &Totals) -> Result<Map<String, Value>, MoneyError> {
    let by_tender: Map<String, Value> = totals
        .tenders
        .iter()
        .map(|(kind, sum)| (tender_name(*kind).to_owned(), count_json(*sum)))
        .collect();
    let by_tax_rate: Map<String, Value> = totals
        .tax
        .iter()
        .map(|(rate, total)| {
            let value = json!({"net": amount(total.taxable), "tax": amount(total.tax)});
            (rate.to_string(), value)
        })
        .collect();
    let fields = json!({
        "sales": count_json(totals.sales),
        "returns": count_json(totals.returns),
        "adjustments": totals.adjustments,
        "postings": count_json(totals.postings),
        "sales_value": amount(totals.sales_value()?),
        "tax": amount(totals.tax_total()?),
        "currency": totals.currency().code(),
        "rounding": amount(totals.rounding),
        "discounts": count_json(totals.discounts),
        "units_sold": totals.units_sold.to_string(),
        "units_returned": totals.units_returned.to_string(),
        "by_tender": by_tender,
        "by_tax_rate": by_tax_rate,
    });
    match fields {
        Value::Object(fields) => Ok(fields),
        _ => Ok(Map::new()),
    }
}

fn x_json(report: &XReport) -> Result<Value, TerminalError> {
    let head = json!({
        "register": report.register.as_str(),
        "shift": report.shift.to_string(),
        "shift_number": report.shift_number,
        "business_date": report.business_date.to_string(),
        "opening_float": amount(report.opening_float),
        "expected_cash": amount(report.expected_cash),
        "drawer": {
            "loans": count_json(report.totals.drawer.loans),
            "pickups": count_json(report.totals.drawer.pickups),
            "paid_in": count_json(report.totals.drawer.paid_in),
            "paid_out": count_json(report.totals.drawer.paid_out),
            "no_sales": report.totals.drawer.no_sales,
        },
        "grand_totals": {
            "sales": amount(report.grand_totals.sales),
            "returns": amount(report.grand_totals.returns),
            "net": amount(report.grand_totals.net),
        },
    });
    let mut fields = totals_json(&report.totals)?;
    if let Value::Object(head) = head {
        fields.extend(head);
    }
    Ok(Value::Object(fields))
}

fn x_text(title: &str, report: &XReport, last: &[(String, String)]) -> String {
    let totals = &report.totals;
    let mut shown = pairs();
    let mut row = |name: String, value: String| {
        shown.add_row([name, value]);
    };
    row(format!("sales ({})", totals.sales.count), grouped(totals.sales.amount));
    row(format!("returns ({})", totals.returns.count), grouped(totals.returns.amount));
    for (rate, total) in &totals.tax {
        row(format!("tax {rate}"), grouped(total.tax));
    }
    for (kind, sum) in &totals.tenders {
        row(format!("{} ({})", tender_name(*kind), sum.count), grouped(sum.amount));
    }
    if !totals.rounding.is_zero() {
        row("cash rounding".to_owned(), grouped(totals.rounding));
    }
    row("opening float".to_owned(), grouped(report.opening_float));
    row("expected cash".to_owned(), grouped(report.expected_cash));
    for (name, value) in last {
        row(name.clone(), value.clone());
    }
    row("grand total net".to_owned(), grouped(report.grand_totals.net));
    align_right(&mut shown, &[1]);
    let (register, date, number) = (&report.register, report.business_date, report.shift_number);
    let currency = totals.currency();
    format!("{title}: register {register}, shift {number}, {date}, {currency}\n{shown}")
}

fn sales<S: Storage>(
    output: &mut Output,
    till: &mut Till<S>,
    filter: &ReportFilter,
) -> Result<(), TerminalError> {
    let report = till.replica().books().sales_report(filter.clone())?;
    let days = by_day(till.replica(), filter)?;
    let meaning = till.node().query(|replica, storage| replica.meaning_digest(storage))?;
    let replica = till.replica();
    let mut fields = totals_json(&report.totals)?;
    let receipts: Map<String, Value> = report
        .receipts
        .iter()
        .map(|(register, series)| (register.to_string(), series_json(series)))
        .collect();
    let days_json: Result<Vec<Value>, MoneyError> = days
        .iter()
        .map(|(date, day)| {
            let mut fields = Map::new();
            fields.insert("date".to_owned(), json!(date.to_string()));
            fields.extend(totals_json(&day.totals)?);
            Ok(Value::Object(fields))
        })
        .collect();
    let rest = json!({
        "from": filter.from.map(|date| date.to_string()),
        "to": filter.to.map(|date| date.to_string()),
        "register": filter.register.as_ref().map(RegisterId::as_str),
        "total": amount(report.total),
        "receipts": receipts,
        "receipts_gapless": report.receipts.values().all(ReceiptSeries::is_gapless),
        "by_day": days_json?,
        "stock_digest": replica.stock_digest().to_string(),
        "held_digest": replica.held_digest().to_string(),
        "meaning_digest": meaning.to_string(),
    });
    if let Value::Object(rest) = rest {
        fields.extend(rest);
    }
    let name = replica.settings()?.name.clone();
    output.answer(&Value::Object(fields), || sales_text(&name, &report, &days))
}

fn series_json(series: &ReceiptSeries) -> Value {
    let missing = series.gaps.iter().map(|gap| json!({"from": gap.from, "to": gap.to}));
    json!({
        "first": series.first,
        "last": series.last,
        "count": series.count,
        "gapless": series.is_gapless(),
        "missing": missing.collect::<Vec<_>>(),
        "duplicates": series.duplicates,
    })
}

/// The report of each day that something was booked on.
fn by_day(
    replica: &Replica,
    filter: &ReportFilter,
) -> Result<BTreeMap<BusinessDate, SalesReport>, TerminalError> {
    let books = replica.books();
    // A day may have adjustments or postings alone, and no shift.
    let days: BTreeSet<BusinessDate> = books
        .rows()
        .filter_map(|(key, _)| match RowKey::from_bytes(&key) {
            Ok(RowKey::Totals(key)) => Some(key.business_date),
            Ok(_) | Err(_) => None,
        })
        .filter(|date| filter.from.is_none_or(|from| from <= *date))
        .filter(|date| filter.to.is_none_or(|to| *date <= to))
        .collect();
    let mut reports = BTreeMap::new();
    for date in days {
        let filter = ReportFilter { from: Some(date), to: Some(date), ..filter.clone() };
        reports.insert(date, books.sales_report(filter)?);
    }
    Ok(reports)
}

fn sales_text(
    name: &str,
    report: &SalesReport,
    days: &BTreeMap<BusinessDate, SalesReport>,
) -> String {
    let totals = &report.totals;
    let mut by_day = table(
        ["day", "sales", "value", "returns", "value", "sales value", "tax"],
        &[1, 2, 3, 4, 5, 6],
    );
    for (date, day) in days {
        by_day.add_row(sales_row(date.to_string(), day));
    }
    by_day.add_row(sales_row("all".to_owned(), report));
    let mut rest = pairs();
    rest.add_row(["stock adjustments".to_owned(), totals.adjustments.to_string()]);
    let postings = format!("account postings ({})", totals.postings.count);
    rest.add_row([postings, grouped(totals.postings.amount)]);
    rest.add_row(["sales value and postings".to_owned(), grouped(report.total)]);
    for (kind, sum) in &totals.tenders {
        let label = format!("paid by {} ({})", tender_name(*kind), sum.count);
        rest.add_row([label, grouped(sum.amount)]);
    }
    rest.add_row(["units sold".to_owned(), totals.units_sold.to_string()]);
    for (register, series) in &report.receipts {
        rest.add_row([format!("receipts of {register}"), series_text(series)]);
    }
    align_right(&mut rest, &[1]);
    format!("{name}, {}\n{by_day}\n{rest}", totals.currency())
}

fn sales_row(day: String, report: &SalesReport) -> [String; 7] {
    let totals = &report.totals;
    [
        day,
        totals.sales.count.to_string(),
        grouped(totals.sales.amount),
        totals.returns.count.to_string(),
        grouped(totals.returns.amount),
        grouped(report.sales_value),
        grouped(report.tax),
    ]
}

fn series_text(series: &ReceiptSeries) -> String {
    let (Some(first), Some(last)) = (series.first, series.last) else { return "none".to_owned() };
    let mut parts = vec![format!("{first} to {last}"), format!("{} in all", series.count)];
    if series.is_gapless() {
        parts.push("no gap".to_owned());
    }
    parts.extend(series.gaps.iter().map(|gap| format!("{} to {} missing", gap.from, gap.to)));
    parts.extend(series.duplicates.iter().map(|twice| format!("{twice} given twice")));
    parts.join(", ")
}
