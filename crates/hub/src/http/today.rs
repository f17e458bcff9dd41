//! The page of the day: sales by store and hour, stock, devices and how far behind they are.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{Markup, html};
use pos_core::business_date::{BusinessDate, WallTime};
use pos_core::ids::StoreId;
use pos_core::money::{Currency, Money, MoneyError};
use serde::Deserialize;

use super::App;
use super::access::Access;
use super::devices::{lag_seconds, role};
use super::model::decimal;
use super::problem::Problem;
use super::query;
use super::reports::totals;
use crate::limits;
use crate::peer::Link;
use crate::rows::{DayRow, StoreRow};
use crate::store::{Day, Stores};
use crate::tokens::Scope;

/// Which day.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    date: Option<String>,
}

/// The page's body.
pub(super) fn page(app: &App, access: &Access, asked: &Asked) -> Result<Markup, Problem> {
    // One token for all that is on it.
    access.to(Scope::Stock)?;
    access.to(Scope::Devices)?;
    let stores = access.to(Scope::Reports)?;
    let known = told_apart(app.rows.stores(&stores)?);
    let newest = app.rows.last_day(&stores)?;
    let date = match &asked.date {
        Some(text) => Some(query::date("date", text)?),
        None => newest,
    };
    let Some(date) = date else { return Ok(nothing(&known)) };
    let rows = app.rows.days(&stores, date, date)?;
    let sums = totals(&rows).map_err(|error| Problem::ours(error.to_string()))?;
    let booked = app.rows.day(&stores, date)?;
    Ok(html! {
        h1 { (date) }
        nav {
            @if let Some(before) = day_at(date, -1) { a href={ "/today?date=" (before) } { "← " (before) } }
            @if let Some(after) = day_at(date, 1) { a href={ "/today?date=" (after) } { (after) " →" } }
            @if newest.is_some_and(|newest| newest != date) { a href="/today" { "Newest day" } }
            a href="/logout" { "Leave" }
        }
        @if sums.is_empty() { p { "Nothing was booked on this day." } }
        @for sum in &sums { (figures(sum)) }
        (by_store(&known, &rows))
        @for store in &known {
            @if let Some(day) = booked.get(&store.store) { (hours(store, day)) }
        }
        (stock(app, &stores)?)
        (devices(app, &stores, &known)?)
        (exceptions(app, &stores, &known)?)
    })
}

fn nothing(known: &[StoreRow]) -> Markup {
    html! {
        h1 { "Nothing yet" }
        @if known.is_empty() {
            p { "This hub belongs to no store of this token. On a manager's till run "
                code { "tillmesh pair" } ", then here " code { "tillmesh-hub join CODE --at ADDRESS" } "." }
        } @else {
            p { "No till has booked anything. This page will show the first day that has something." }
        }
    }
}

fn day_at(date: BusinessDate, days: i32) -> Option<BusinessDate> {
    BusinessDate::from_days_since_epoch(date.days_since_epoch().checked_add(days)?).ok()
}

fn figures(sum: &DayRow) -> Markup {
    html! {
        dl.figures {
            div { dt { "Sales less returns" } dd { (sum.sales_value) } }
            div { dt { "Receipts" } dd { (sum.sales) } }
            div { dt { "Returns" } dd { (sum.returns) } }
            div { dt { "Tax in it" } dd { (sum.tax) } }
            @if sum.postings > 0 {
                div { dt { "Account postings" } dd { (sum.postings_amount) } }
            }
        }
    }
}

fn by_store(known: &[StoreRow], rows: &[DayRow]) -> Markup {
    let row_of = |store: StoreId| rows.iter().find(|row| row.store == store);
    html! {
        h2 { "Stores" }
        div.scroll { table {
            tr { th { "Store" } th.number { "Receipts" } th.number { "Returns" }
                 th.number { "Units sold" } th.number { "Sales less returns" } }
            @for store in known {
                tr {
                    td { (name(store)) }
                    @if let Some(row) = row_of(store.store) {
                        td.number { (row.sales) }
                        td.number { (row.returns) }
                        td.number { (decimal(row.units_sold)) }
                        td.number { (row.sales_value) }
                    } @else {
                        td.number { "0" } td.number { "0" } td.number { "0" }
                        td.number.dim { "nothing yet" }
                    }
                }
            }
        } }
    }
}

/// The store's currency, and amounts by hour.
type Hours = (Currency, BTreeMap<i8, Money>);

/// What one store's receipts came to in each hour of its own clock.
fn by_hour(store: &StoreRow, day: &Day) -> Result<Option<Hours>, MoneyError> {
    let Some(facts) = &store.settings else { return Ok(None) };
    let zone = TimeZone::get(facts.time_zone.as_str()).unwrap_or(TimeZone::UTC);
    let mut hours = BTreeMap::<i8, Money>::new();
    let sold = day.sales.values().map(|document| &document.sale);
    for sale in sold.filter(|sale| sale.total.currency() == facts.currency) {
        let sum = hours.entry(hour(sale.wall_time, &zone)).or_insert(Money::zero(facts.currency));
        *sum = sum.checked_add(sale.total)?;
    }
    Ok(Some((facts.currency, hours)))
}

fn hour(at: WallTime, zone: &TimeZone) -> i8 {
    // A wall time is kept within what a calendar can show.
    let at = Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
    at.to_zoned(zone.clone()).hour()
}

const BAR: i64 = 40;
const TALLEST: i64 = 120;

fn hours(store: &StoreRow, day: &Day) -> Markup {
    let (currency, hours) = match by_hour(store, day) {
        Ok(Some(found)) => found,
        Ok(None) => return html! {},
        Err(error) => return html! { p.bad { (name(store)) ": " (error) } },
    };
    let (Some(&first), Some(&last)) = (hours.keys().next(), hours.keys().next_back()) else {
        return html! {};
    };
    let most = hours.values().map(|sum| sum.minor()).max().unwrap_or(0).max(1);
    let of = |hour: i8| hours.get(&hour).copied().unwrap_or(Money::zero(currency));
    // Whole numbers: a bar is as high as its share of the highest; one below zero has no height.
    let height = |hour: i8| {
        let share = i128::from(of(hour).minor().max(0)) * i128::from(TALLEST) / i128::from(most);
        i64::try_from(share).unwrap_or(0)
    };
    let place = |hour: i8| i64::from(hour.saturating_sub(first)) * BAR;
    let width = place(last) + BAR;
    html! {
        h2 { (name(store)) ", by the hour" }
        figure.hours {
            svg preserveAspectRatio="xMinYMid meet" viewBox={ "0 0 " (width) " " (TALLEST + 24) } role="img"
                aria-label={ "Sales less returns of " (name(store)) " in each hour; the table below has the figures" } {
                @for hour in first..=last {
                    rect x=(place(hour) + 4) y=(TALLEST - height(hour)) width=(BAR - 8)
                        height=(height(hour)) {
                        title { (format!("{hour:02}:00")) " " (of(hour)) }
                    }
                    text x=(place(hour) + BAR / 2) y=(TALLEST + 19) { (format!("{hour:02}")) }
                }
                line x1="0" y1=(TALLEST) x2=(width) y2=(TALLEST) {}
            }
            details {
                summary { "The figures" }
                table {
                    tr { th { "Hour" } th.number { "Sales less returns" } }
                    @for hour in first..=last {
                        tr { td { (format!("{hour:02}:00 to {hour:02}:59")) } td.number { (of(hour)) } }
                    }
                }
            }
        }
    }
}

/// The products there is least of: below zero first.
fn stock(app: &App, stores: &Stores) -> Result<Markup, Problem> {
    let (products, scarce) = app.rows.scarcest(stores, limits::TODAY_ROWS)?;
    Ok(html! {
        h2 { "Stock" }
        @if products == 0 { p { "No product has moved." } } @else {
            div.scroll { table {
                caption { (products) " products have moved. These are the ones there is least of, all stores together." }
                tr { th { "SKU" } th { "Product" } th.number { "On hand" } }
                @for product in &scarce {
                    tr {
                        td { (product.sku) }
                        td { @if let Some(offer) = product.offers.values().next() { (offer.name) } }
                        td.number.bad[product.on_hand().is_negative()] { (decimal(product.on_hand())) }
                    }
                }
            } }
        }
    })
}

fn devices(app: &App, stores: &Stores, known: &[StoreRow]) -> Result<Markup, Problem> {
    let (rows, links, now) = (app.rows.devices(stores)?, app.links.all(), app.now());
    let nobody = Link::default();
    let link = |store: StoreId| links.get(&store).unwrap_or(&nobody);
    Ok(html! {
        h2 { "Devices" }
        div.scroll { table {
            caption { "Heard of: how long ago a device wrote the newest thing that is here." }
            tr { th { "Store" } th { "Device" } th { "Role" } th { "Heard of" } th { "Now" } }
            @for row in &rows {
                tr {
                    td { (name_of(known, row.store)) }
                    td { (row.name) }
                    td { @if row.revoked { span.dim { "shut out" } } @else { (role(row.role)) } }
                    td { @match lag_seconds(row, now) {
                        Some(seconds) => (ago(seconds)),
                        None => span.dim { "never wrote" },
                    } }
                    td { @match link(row.store).peers.get(&row.device) {
                        Some(0) => "connected",
                        Some(ahead) => span.bad { "connected, " (ahead) " entries ahead" },
                        None => span.dim { "not connected" },
                    }
                    @if !row.is_whole { " " span.bad { "something is missing" } } }
                }
            }
        } }
        @for store in known {
            @for remark in &link(store.store).remarks { p.bad { (name(store)) ": " (remark) } }
        }
    })
}

fn exceptions(app: &App, stores: &Stores, known: &[StoreRow]) -> Result<Markup, Problem> {
    let rows = app.rows.exceptions(stores)?;
    Ok(html! {
        h2 { "To look at" }
        @if rows.is_empty() { p { "Nothing." } } @else {
            ul {
                @for row in rows.iter().take(limits::TODAY_ROWS) {
                    li { (name_of(known, row.store)) ": " (row.text) }
                }
            }
            @if rows.len() > limits::TODAY_ROWS {
                p { "and " (rows.len() - limits::TODAY_ROWS) " more: " code { "/api/v1/exceptions" } }
            }
        }
    })
}

fn name(store: &StoreRow) -> String {
    match &store.settings {
        Some(facts) => facts.name.clone(),
        None => store.store.to_string().chars().take(8).collect(),
    }
}

fn name_of(known: &[StoreRow], store: StoreId) -> String {
    known.iter().find(|row| row.store == store).map_or_else(|| store.to_string(), name)
}

/// Stores of one name get a piece of their id behind it.
fn told_apart(mut known: Vec<StoreRow>) -> Vec<StoreRow> {
    let mut names = BTreeMap::<String, usize>::new();
    for store in &known {
        *names.entry(name(store)).or_default() += 1;
    }
    for store in &mut known {
        let id: String = store.store.to_string().chars().take(4).collect();
        if let Some(facts) = &mut store.settings
            && names.get(&facts.name).is_some_and(|&times| times > 1)
        {
            facts.name = format!("{} ({id})", facts.name);
        }
    }
    known
}

/// How long ago, in the largest unit that says enough.
fn ago(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hour_is_the_stores() {
        let zone = TimeZone::get("Europe/London").unwrap();
        assert_eq!(hour("2011-06-30T23:30:00Z".parse().unwrap(), &zone), 0);
        assert_eq!(hour("2010-12-01T08:26:00Z".parse().unwrap(), &zone), 8);
    }

    #[test]
    fn a_time_span_is_said_in_its_largest_unit() {
        let said = [0, 59, 60, 3_599, 3_600, 172_799, 172_800].map(ago);
        let wanted =
            ["0 s ago", "59 s ago", "1 min ago", "59 min ago", "1 h ago", "47 h ago", "2 days ago"];
        assert_eq!(said, wanted);
    }
}
