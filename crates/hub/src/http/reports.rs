//! Totals, stores, and what a person has to look at.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use pos_core::money::{Money, MoneyError};
use pos_core::quantity::Quantity;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::access::Access;
use super::model::{Amount, decimal};
use super::problem::Problem;
use super::query::{self, Days, OneStore};
use crate::hexadecimal;
use crate::rows::DayRow;
use crate::tokens::Scope;

/// What the stores did, day by day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DailySales {
    /// First business date; none when nothing was ever booked.
    #[schema(format = Date)]
    pub from: Option<String>,
    /// Last business date.
    #[schema(format = Date)]
    pub to: Option<String>,
    /// One row a day and store on which anything was booked, by day, then store.
    pub days: Vec<StoreDay>,
    /// All of them together, by currency.
    pub totals: Vec<DayFigures>,
}

/// What one store did on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoreDay {
    /// The store.
    pub store_id: String,
    /// The day.
    #[schema(format = Date)]
    pub business_date: String,
    /// The figures.
    pub figures: DayFigures,
}

/// Figures in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DayFigures {
    /// Receipts with goods that went out.
    pub sales: u64,
    /// What those goods came to with tax.
    pub sales_amount: Amount,
    /// Receipts with goods that came back.
    pub returns: u64,
    /// What those came to: below zero.
    pub returns_amount: Amount,
    /// Sales less returns, with tax.
    pub sales_value: Amount,
    /// The tax in it.
    pub tax: Amount,
    /// Account postings.
    pub postings: u64,
    /// What they came to.
    pub postings_amount: Amount,
    /// Sales less returns plus postings.
    pub total: Amount,
    /// Corrections of stock.
    pub adjustments: u64,
    /// Stocked goods that went out.
    pub units_sold: String,
    /// Stocked goods that came back.
    pub units_returned: String,
}

/// The stores.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoreList {
    /// By id.
    pub stores: Vec<Store>,
}

/// A store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Store {
    /// Its id.
    pub store_id: String,
    /// Its name; none until its settings have arrived.
    pub name: Option<String>,
    /// The currency it sells in.
    pub currency: Option<String>,
    /// Where its clock hangs.
    pub time_zone: Option<String>,
}

/// What a person has to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExceptionList {
    /// By store and id.
    pub exceptions: Vec<Exception>,
}

/// Something that should not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Exception {
    /// The store.
    pub store_id: String,
    /// Equal on every till.
    pub exception_id: String,
    /// In words.
    pub text: String,
}

/// Sales by day and store. Without `from` and `to`: the newest day on which anything was booked.
#[utoipa::path(
    get,
    path = "/api/v1/reports/sales/daily",
    tag = "reports",
    params(Days),
    responses(
        (status = 200, description = "The days", body = DailySales),
        (status = 401, description = "No good token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks the scope `reports`, or is for other stores", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter that cannot be used", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn daily(
    State(app): State<App>,
    access: Access,
    uri: Uri,
) -> Result<Json<DailySales>, Problem> {
    access.to(Scope::Reports)?;
    let asked: Days = query::read(&uri)?;
    let stores = access.to_store(Scope::Reports, asked.store.as_deref())?;
    let newest = app.rows.last_day(&stores)?;
    let range = match newest {
        Some(newest) => Some(asked.range(newest)?),
        // Nothing is booked: a request that cannot be used is refused all the same.
        None => match asked.to.as_deref().or(asked.from.as_deref()) {
            Some(day) => Some(asked.range(query::date("from or to", day)?)?),
            None => None,
        },
    };
    let rows = match range {
        Some((from, to)) => app.rows.days(&stores, from, to)?,
        None => Vec::new(),
    };
    let totals = totals(&rows).map_err(|error| Problem::ours(error.to_string()))?;
    Ok(Json(DailySales {
        from: range.map(|(from, _)| from.to_string()),
        to: range.map(|(_, to)| to.to_string()),
        days: rows.iter().map(StoreDay::from).collect(),
        totals: totals.iter().map(DayFigures::from).collect(),
    }))
}

/// The stores of the token.
#[utoipa::path(
    get,
    path = "/api/v1/stores",
    tag = "reports",
    params(OneStore),
    responses(
        (status = 200, description = "The stores", body = StoreList),
        (status = 401, description = "No good token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks the scope `reports`, or is for other stores", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter that cannot be used", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn stores(
    State(app): State<App>,
    access: Access,
    uri: Uri,
) -> Result<Json<StoreList>, Problem> {
    access.to(Scope::Reports)?;
    let asked: OneStore = query::read(&uri)?;
    let stores = access.to_store(Scope::Reports, asked.store.as_deref())?;
    let rows = app.rows.stores(&stores)?.into_iter().map(|row| {
        let facts = row.settings.as_ref();
        Store {
            store_id: row.store.to_string(),
            name: facts.map(|facts| facts.name.clone()),
            currency: facts.map(|facts| facts.currency.to_string()),
            time_zone: facts.map(|facts| facts.time_zone.as_str().to_owned()),
        }
    });
    Ok(Json(StoreList { stores: rows.collect() }))
}

/// What no system can forbid while tills are cut off from each other, and a person has to look at:
/// receipts refunded twice, carts paid twice, numbers given twice, restored backups.
#[utoipa::path(
    get,
    path = "/api/v1/exceptions",
    tag = "reports",
    params(OneStore),
    responses(
        (status = 200, description = "The exceptions", body = ExceptionList),
        (status = 401, description = "No good token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks the scope `reports`, or is for other stores", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter that cannot be used", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn exceptions(
    State(app): State<App>,
    access: Access,
    uri: Uri,
) -> Result<Json<ExceptionList>, Problem> {
    access.to(Scope::Reports)?;
    let asked: OneStore = query::read(&uri)?;
    let stores = access.to_store(Scope::Reports, asked.store.as_deref())?;
    let rows = app.rows.exceptions(&stores)?.into_iter().map(|row| Exception {
        store_id: row.store.to_string(),
        exception_id: hexadecimal::text(&row.id),
        text: row.text,
    });
    Ok(Json(ExceptionList { exceptions: rows.collect() }))
}

/// All rows together, by currency. Their store and day say nothing then.
pub(super) fn totals(rows: &[DayRow]) -> Result<Vec<DayRow>, MoneyError> {
    let mut sums: BTreeMap<&'static str, DayRow> = BTreeMap::new();
    for row in rows {
        let code = row.total.currency().code();
        let Some(sum) = sums.get_mut(code) else {
            sums.insert(code, row.clone());
            continue;
        };
        for (held, more) in [
            (&mut sum.sales_amount, row.sales_amount),
            (&mut sum.returns_amount, row.returns_amount),
            (&mut sum.sales_value, row.sales_value),
            (&mut sum.tax, row.tax),
            (&mut sum.postings_amount, row.postings_amount),
            (&mut sum.total, row.total),
        ] {
            *held = Money::checked_add(*held, more)?;
        }
        for (held, more) in [
            (&mut sum.sales, row.sales),
            (&mut sum.returns, row.returns),
            (&mut sum.postings, row.postings),
            (&mut sum.adjustments, row.adjustments),
        ] {
            *held = held.checked_add(more).ok_or(MoneyError::Overflow)?;
        }
        for (held, more) in
            [(&mut sum.units_sold, row.units_sold), (&mut sum.units_returned, row.units_returned)]
        {
            *held = Quantity::checked_add(*held, more).map_err(|_large| MoneyError::Overflow)?;
        }
    }
    Ok(sums.into_values().collect())
}

impl From<&DayRow> for StoreDay {
    fn from(row: &DayRow) -> Self {
        Self {
            store_id: row.store.to_string(),
            business_date: row.business_date.to_string(),
            figures: DayFigures::from(row),
        }
    }
}

impl From<&DayRow> for DayFigures {
    fn from(row: &DayRow) -> Self {
        Self {
            sales: row.sales,
            sales_amount: row.sales_amount.into(),
            returns: row.returns,
            returns_amount: row.returns_amount.into(),
            sales_value: row.sales_value.into(),
            tax: row.tax.into(),
            postings: row.postings,
            postings_amount: row.postings_amount.into(),
            total: row.total.into(),
            adjustments: row.adjustments,
            units_sold: decimal(row.units_sold),
            units_returned: decimal(row.units_returned),
        }
    }
}
