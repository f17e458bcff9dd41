//! Rows that are read from a replica's own folds: prices, stock, totals, customers, devices,
//! exceptions. Nothing is folded here a second time.

use std::collections::{BTreeMap, BTreeSet};

use pos_core::books::Books;
use pos_core::business_date::{BusinessDate, WallTime};
use pos_core::ids::{CustomerId, DeviceId, StoreId};
use pos_core::product::Sku;
use pos_core::report::ReportFilter;
use replica::core::{CommandError, Replica};
use replica::storage::{Reads, StorageError};

use crate::rows::{
    CustomerRow, DayRow, DeviceRow, ExceptionRow, FeedHead, ProductRow, StockRow, StoreFacts,
    StoreRow,
};

/// The store itself.
pub fn store(store: StoreId, books: &Books) -> StoreRow {
    let settings = books.settings().map(|settings| StoreFacts {
        name: settings.name.clone(),
        currency: settings.currency,
        time_zone: settings.time_zone.clone(),
    });
    StoreRow { store, settings }
}

/// Products as they are sold now.
pub fn products(store: StoreId, books: &Books, skus: &BTreeSet<Sku>) -> Vec<ProductRow> {
    let sold = skus.iter().filter_map(|sku| books.price_book().product(sku));
    let rows = sold.map(|product| ProductRow {
        store,
        sku: product.sku.clone(),
        name: product.name.clone(),
        gtins: product.gtins.clone(),
        price: product.price,
        kind: product.kind,
        unit: product.unit,
        tax_category: product.tax_category.clone(),
        active: product.active,
    });
    rows.collect()
}

/// How much of each product there is.
pub fn stock(store: StoreId, books: &Books, skus: &BTreeSet<Sku>) -> Vec<StockRow> {
    let row = |sku: &Sku| StockRow { store, sku: sku.clone(), on_hand: books.on_hand(sku) };
    skus.iter().map(row).collect()
}

/// What each day comes to. A day whose sums do not fit 64 bits, or of a store whose settings are
/// not here yet, has no row.
pub fn days(store: StoreId, books: &Books, days: &BTreeSet<BusinessDate>) -> Vec<DayRow> {
    days.iter().filter_map(|&date| day(store, books, date)).collect()
}

fn day(store: StoreId, books: &Books, date: BusinessDate) -> Option<DayRow> {
    let filter = ReportFilter { from: Some(date), to: Some(date), register: None };
    let report = books.sales_report(filter).ok()?;
    let totals = report.totals;
    Some(DayRow {
        store,
        business_date: date,
        sales: totals.sales.count,
        sales_amount: totals.sales.amount,
        returns: totals.returns.count,
        returns_amount: totals.returns.amount,
        sales_value: report.sales_value,
        tax: report.tax,
        postings: totals.postings.count,
        postings_amount: totals.postings.amount,
        total: report.total,
        adjustments: totals.adjustments,
        units_sold: totals.units_sold,
        units_returned: totals.units_returned,
    })
}

/// Customers as they stand. One of whom nothing is known (yet) has no row.
pub fn customers(
    store: StoreId,
    replica: &Replica,
    reads: &dyn Reads,
    ids: &BTreeSet<CustomerId>,
) -> Result<Vec<CustomerRow>, CommandError> {
    let mut rows = Vec::with_capacity(ids.len());
    for &id in ids {
        let view = match replica.customer(reads, id) {
            Ok(view) => view,
            Err(CommandError::UnknownCustomer(_)) => continue,
            Err(error) => return Err(error),
        };
        rows.push(CustomerRow {
            store,
            customer: id,
            name: view.name,
            phone: view.phone,
            email: view.email,
            loyalty_id: view.loyalty_id,
        });
    }
    Ok(rows)
}

/// Devices of the store, by key. `written` is Lamport time and clock of the newest entry of each.
pub fn devices(
    store: StoreId,
    replica: &Replica,
    written: &BTreeMap<DeviceId, (u64, WallTime)>,
) -> Vec<DeviceRow> {
    let rows = replica.roster().devices().into_iter().map(|info| {
        let held = replica.held_of(info.device);
        DeviceRow {
            store,
            device: info.device,
            name: info.name.to_string(),
            role: info.role,
            founder: info.founder,
            revoked: info.revoked,
            entries: held.entries,
            is_whole: held.is_whole,
            last_written: written.get(&info.device).map(|(_, wall)| *wall),
        }
    });
    rows.collect()
}

/// What a person has to look at, by id.
pub fn exceptions(
    store: StoreId,
    replica: &Replica,
    reads: &dyn Reads,
) -> Result<Vec<ExceptionRow>, StorageError> {
    let found = replica.exceptions(reads)?;
    let row = |exception: &replica::core::Exception| ExceptionRow {
        store,
        id: exception.id(),
        text: exception.to_string(),
    };
    let mut rows: Vec<ExceptionRow> = found.iter().map(row).collect();
    rows.sort_by_key(|row| row.id);
    Ok(rows)
}

/// The ends of all feeds, sorted.
pub fn heads(replica: &Replica) -> Vec<FeedHead> {
    let mut heads = Vec::new();
    for (feed, state) in replica.feeds().iter() {
        let gaps = u64::try_from(state.missing.len()).unwrap_or(u64::MAX);
        for &(seq, head) in &state.heads {
            heads.push(FeedHead { feed: *feed, seq, head, gaps });
        }
    }
    heads.sort();
    heads
}
