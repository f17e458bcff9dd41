//! What stands behind the question mark: read with names, bounds and words.

use axum::extract::Query;
use axum::http::Uri;
use pos_core::business_date::BusinessDate;
use pos_core::product::Sku;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::problem::Problem;
use crate::limits;
use crate::store::Page;

/// Reads the query of a request; a name that is not known is refused, so that a mistyped filter does
/// not widen the answer.
pub fn read<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    let read = Query::<T>::try_from_uri(uri);
    read.map(|Query(value)| value).map_err(|error| Problem::invalid(error.body_text()))
}

/// Which part of a list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct List {
    /// One store's rows alone: its id.
    #[param(value_type = Option<String>)]
    pub store: Option<String>,
    /// Rows behind this SKU: the `next` of the page before.
    #[param(value_type = Option<String>)]
    pub after: Option<String>,
    /// Rows of the page, 1 to 1000; 100 when it is left out.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000)]
    pub limit: Option<String>,
}

impl List {
    /// The page it asks for. One row more is read, to know whether there is a next page.
    pub fn page(&self) -> Result<Page<Sku>, Problem> {
        let most = limits::PAGE_ROWS_MAX;
        let limit = match &self.limit {
            None => limits::PAGE_ROWS,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=most).contains(limit))
                .ok_or_else(|| Problem::invalid(format!("limit: a number from 1 to {most}")))?,
        };
        let after = self.after.as_deref().map(sku).transpose()?;
        Ok(Page { after, limit })
    }
}

/// Which store.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OneStore {
    /// One store's rows alone: its id.
    #[param(value_type = Option<String>)]
    pub store: Option<String>,
}

/// Which days.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Days {
    /// One store's rows alone: its id.
    #[param(value_type = Option<String>)]
    pub store: Option<String>,
    /// First business date; when it is left out, that of `to`.
    #[param(value_type = Option<String>, format = Date)]
    pub from: Option<String>,
    /// Last business date; when it is left out, the newest on which anything was booked.
    #[param(value_type = Option<String>, format = Date)]
    pub to: Option<String>,
}

impl Days {
    /// First and last day. `newest` is what stands for a last day that is left out.
    pub fn range(&self, newest: BusinessDate) -> Result<(BusinessDate, BusinessDate), Problem> {
        let to = self.to.as_deref().map(|text| date("to", text)).transpose()?.unwrap_or(newest);
        let from = self.from.as_deref().map(|text| date("from", text)).transpose()?.unwrap_or(to);
        let days = to.days_since_epoch().saturating_sub(from.days_since_epoch());
        if !(0..limits::REPORT_DAYS_MAX).contains(&days) {
            let most = limits::REPORT_DAYS_MAX;
            let why = format!("from and to: the first day, then the last, {most} days at most");
            return Err(Problem::invalid(why));
        }
        Ok((from, to))
    }
}

/// A day, as `2010-12-01`.
pub fn date(name: &str, text: &str) -> Result<BusinessDate, Problem> {
    text.parse().map_err(|error| Problem::invalid(format!("{name}: {error}")))
}

/// A SKU.
pub fn sku(text: &str) -> Result<Sku, Problem> {
    Sku::new(text).map_err(|error| Problem::invalid(error.to_string()))
}
