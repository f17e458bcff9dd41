//! What a collection comes to, store by store.

use pos_core::report::ReportFilter;
use replica::core::CommandError;
use replica::node::Node;
use replica::storage::Storage;
use serde::Serialize;

/// The figures of one store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoreReport {
    /// The store's id.
    pub store_id: String,
    /// Its name.
    pub name: String,
    /// Its currency.
    pub currency: String,
    /// Receipted sales.
    pub sales: u64,
    /// Receipted returns.
    pub returns: u64,
    /// Sales less returns, as charged.
    pub sales_value: String,
    /// Products that ever moved.
    pub products_moved: usize,
    /// Things a person has to look at.
    pub exceptions: Vec<String>,
    /// Which entries are held.
    pub held_digest: String,
    /// What they come to.
    pub meaning_digest: String,
}

/// The figures of a collected store.
pub fn store_report<S: Storage>(
    id: &impl ToString,
    store: &mut Node<S>,
) -> Result<StoreReport, CommandError> {
    let exceptions = store.query(|replica, disk| replica.exceptions(disk))?;
    let meaning_digest = store.query(|replica, disk| replica.meaning_digest(disk))?.to_string();
    let replica = store.replica();
    let settings = replica.settings()?;
    let sales = replica.books().sales_report(ReportFilter::default())?;
    Ok(StoreReport {
        store_id: id.to_string(),
        name: settings.name.clone(),
        currency: settings.currency.to_string(),
        sales: sales.totals.sales.count,
        returns: sales.totals.returns.count,
        sales_value: sales.sales_value.to_decimal().to_string(),
        products_moved: replica.books().all_on_hand().count(),
        exceptions: exceptions.iter().map(ToString::to_string).collect(),
        held_digest: replica.held_digest().to_string(),
        meaning_digest,
    })
}
