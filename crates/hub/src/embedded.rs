//! The rows in memory. Nothing of them is kept on disk: they are made from the journals at every
//! start, in a few seconds for a year of a busy shop, so they can be neither lost nor wrong for long.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use pos_core::business_date::BusinessDate;
use pos_core::ids::{RecordId, StoreId};
use pos_core::product::Sku;

use crate::rows::{DayRow, DeviceRow, ExceptionRow, FeedHead, SaleDocument, StoreRow};
use crate::store::{
    Cut, Day, HubStore, MergedProduct, Page, StoreChange, StoreCut, StoreError, Stores,
};

/// The rows of all stores in this process.
#[derive(Debug, Default)]
pub struct Embedded {
    rows: RwLock<Rows>,
}

#[derive(Debug, Default)]
struct Rows {
    /// Shared with cuts: what a cut holds is copied before it is changed.
    stores: BTreeMap<StoreId, Arc<StoreCut>>,
    /// Where each sale is.
    sales: BTreeMap<RecordId, (StoreId, BusinessDate)>,
    /// Which stores know a product: the merged inventory is read through it, at the cost of the
    /// stores that have the product.
    products: BTreeMap<Sku, BTreeSet<StoreId>>,
}

impl Embedded {
    /// No rows yet.
    pub fn new() -> Self {
        Self::default()
    }

    // Whoever panicked with the lock left rows whole enough to read; the next start makes them anew.
    fn read(&self) -> RwLockReadGuard<'_, Rows> {
        self.rows.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Rows> {
        self.rows.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HubStore for Embedded {
    fn apply(&self, change: StoreChange) -> Result<(), StoreError> {
        self.write().apply(change);
        Ok(())
    }

    fn heads(&self, store: StoreId) -> Result<Vec<FeedHead>, StoreError> {
        Ok(self.read().stores.get(&store).map(|rows| rows.heads.clone()).unwrap_or_default())
    }

    fn stores(&self, of: &Stores) -> Result<Vec<StoreRow>, StoreError> {
        Ok(self.read().seen(of).map(|rows| rows.store.clone()).collect())
    }

    fn sale(&self, of: &Stores, id: RecordId) -> Result<Option<Arc<SaleDocument>>, StoreError> {
        let rows = self.read();
        let Some((store, date)) = rows.sales.get(&id).filter(|(store, _)| of.allow(*store)) else {
            return Ok(None);
        };
        let day = rows.stores.get(store).and_then(|rows| rows.days.get(date));
        Ok(day.and_then(|day| day.sales.get(&id)).cloned())
    }

    fn products(&self, of: &Stores, page: &Page<Sku>) -> Result<Vec<MergedProduct>, StoreError> {
        use std::ops::Bound::{Excluded, Unbounded};
        let rows = self.read();
        let from = page.after.clone().map_or(Unbounded, Excluded);
        let products = rows.products.range((from, Unbounded));
        let seen = products.filter_map(|(sku, stores)| rows.merged(of, sku, stores));
        Ok(seen.take(page.limit).collect())
    }

    fn product(&self, of: &Stores, sku: &Sku) -> Result<Option<MergedProduct>, StoreError> {
        let rows = self.read();
        Ok(rows.products.get(sku).and_then(|stores| rows.merged(of, sku, stores)))
    }

    fn scarcest(&self, of: &Stores, limit: usize) -> Result<(u64, Vec<MergedProduct>), StoreError> {
        let rows = self.read();
        let mut moved = 0_u64;
        // The largest of those that are kept is at the end, and goes first.
        let mut least: BTreeSet<(i128, &Sku)> = BTreeSet::new();
        for (sku, stores) in &rows.products {
            let held = stores.iter().filter(|store| of.allow(**store)).filter_map(|store| {
                Some(i128::from(rows.stores.get(store)?.stock.get(sku)?.on_hand.thousandths()))
            });
            let Some(sum) = held.reduce(i128::saturating_add) else { continue };
            moved = moved.saturating_add(1);
            least.insert((sum, sku));
            if least.len() > limit {
                least.pop_last();
            }
        }
        let known = |sku: &Sku| rows.merged(of, sku, rows.products.get(sku)?);
        Ok((moved, least.iter().filter_map(|(_, sku)| known(sku)).collect()))
    }

    fn days(
        &self,
        of: &Stores,
        from: BusinessDate,
        to: BusinessDate,
    ) -> Result<Vec<DayRow>, StoreError> {
        let rows = self.read();
        // A range from a later day to an earlier one is none.
        let in_range = |rows: &StoreCut| -> Vec<DayRow> {
            let days = rows.totals.iter().filter(|(date, _)| (from..=to).contains(*date));
            days.map(|(_, row)| row.clone()).collect()
        };
        let mut found: Vec<DayRow> = rows.seen(of).flat_map(in_range).collect();
        found.sort_by_key(|row| (row.business_date, row.store));
        Ok(found)
    }

    fn day(
        &self,
        of: &Stores,
        date: BusinessDate,
    ) -> Result<BTreeMap<StoreId, Arc<Day>>, StoreError> {
        let rows = self.read();
        let days = rows
            .seen(of)
            .filter_map(|rows| Some((rows.store.store, Arc::clone(rows.days.get(&date)?))));
        Ok(days.collect())
    }

    fn last_day(&self, of: &Stores) -> Result<Option<BusinessDate>, StoreError> {
        let rows = self.read();
        Ok(rows.seen(of).filter_map(|rows| rows.days.keys().next_back()).max().copied())
    }

    fn devices(&self, of: &Stores) -> Result<Vec<DeviceRow>, StoreError> {
        Ok(self.read().seen(of).flat_map(|rows| rows.devices.clone()).collect())
    }

    fn exceptions(&self, of: &Stores) -> Result<Vec<ExceptionRow>, StoreError> {
        Ok(self.read().seen(of).flat_map(|rows| rows.exceptions.clone()).collect())
    }

    fn cut(&self, of: &Stores) -> Result<Cut, StoreError> {
        let rows = self.read();
        let stores = rows.stores.iter().filter(|(store, _)| of.allow(**store));
        Ok(Cut { stores: stores.map(|(store, rows)| (*store, Arc::clone(rows))).collect() })
    }
}

impl Rows {
    fn seen<'a>(&'a self, of: &'a Stores) -> impl Iterator<Item = &'a StoreCut> {
        self.stores.iter().filter(|(store, _)| of.allow(**store)).map(|(_, rows)| &**rows)
    }

    fn merged(&self, of: &Stores, sku: &Sku, stores: &BTreeSet<StoreId>) -> Option<MergedProduct> {
        let mut merged =
            MergedProduct { sku: sku.clone(), offers: BTreeMap::new(), stock: BTreeMap::new() };
        for store in stores.iter().filter(|store| of.allow(**store)) {
            let Some(rows) = self.stores.get(store) else { continue };
            merged.offers.extend(rows.products.get(sku).map(|row| (*store, row.clone())));
            merged.stock.extend(rows.stock.get(sku).map(|row| (*store, row.on_hand)));
        }
        (!merged.offers.is_empty() || !merged.stock.is_empty()).then_some(merged)
    }

    fn apply(&mut self, change: StoreChange) {
        let store = change.store.store;
        if change.replace {
            self.forget(store);
        }
        let rows = self.stores.entry(store).or_insert_with(|| Arc::new(empty(&change.store)));
        let rows = Arc::make_mut(rows);
        rows.store = change.store;
        rows.heads = change.heads;
        for document in change.sales {
            let (id, date) = (document.sale.sale, document.sale.business_date);
            self.sales.insert(id, (store, date));
            day_of(rows, date).sales.insert(id, Arc::new(document));
        }
        for (id, lines) in change.adjustments {
            // A correction without a line is not read as a record.
            let Some(date) = lines.first().map(|line| line.business_date) else { continue };
            day_of(rows, date).adjustments.insert(id, Arc::new(lines));
        }
        for posting in change.postings {
            let day = day_of(rows, posting.business_date);
            day.postings.insert(posting.posting, Arc::new(posting));
        }
        for row in change.products {
            self.products.entry(row.sku.clone()).or_default().insert(store);
            rows.products.insert(row.sku.clone(), row);
        }
        for row in change.stock {
            self.products.entry(row.sku.clone()).or_default().insert(store);
            rows.stock.insert(row.sku.clone(), row);
        }
        rows.totals.extend(change.days.into_iter().map(|row| (row.business_date, row)));
        for row in change.customers {
            match rows.customers.binary_search_by_key(&row.customer, |held| held.customer) {
                Ok(at) => {
                    if let Some(held) = rows.customers.get_mut(at) {
                        *held = row;
                    }
                }
                Err(at) => rows.customers.insert(at, row),
            }
        }
        if let Some(devices) = change.devices {
            rows.devices = devices;
        }
        if let Some(exceptions) = change.exceptions {
            rows.exceptions = exceptions;
        }
    }

    fn forget(&mut self, store: StoreId) {
        self.stores.remove(&store);
        self.sales.retain(|_, (of, _)| *of != store);
        self.products.retain(|_, stores| {
            stores.remove(&store);
            !stores.is_empty()
        });
    }
}

fn day_of(rows: &mut StoreCut, date: BusinessDate) -> &mut Day {
    Arc::make_mut(rows.days.entry(date).or_default())
}

fn empty(store: &StoreRow) -> StoreCut {
    StoreCut {
        store: store.clone(),
        heads: Vec::new(),
        days: BTreeMap::new(),
        totals: BTreeMap::new(),
        products: BTreeMap::new(),
        stock: BTreeMap::new(),
        customers: Vec::new(),
        devices: Vec::new(),
        exceptions: Vec::new(),
    }
}
