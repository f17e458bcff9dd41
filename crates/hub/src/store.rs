//! What the hub asks of a database: the [`HubStore`] trait. The embedded one implements it in
//! memory; PostgreSQL implements it next.
//!
//! Every change is of one store and goes in as a whole, rows and feed heads together; the same change
//! twice leaves the same rows. Every question says which stores it may see ([`Stores`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pos_core::business_date::BusinessDate;
use pos_core::ids::{RecordId, StoreId};
use pos_core::product::Sku;
use pos_core::quantity::Quantity;
use thiserror::Error;

use crate::rows::{
    AdjustmentRow, CustomerRow, DayRow, DeviceRow, ExceptionRow, FeedHead, PostingRow, ProductRow,
    SaleDocument, StockRow, StoreRow,
};

/// Why the rows cannot be read or changed. Nothing has changed then.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database does not answer. The entries are safe: they are in the journal.
    #[error("the hub's rows cannot be reached: {0}; try again, or restart the hub")]
    Unavailable(String),
}

/// Which stores a question may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stores {
    /// All of them, those that join later too.
    All,
    /// These.
    Only(BTreeSet<StoreId>),
}

impl Stores {
    /// Whether `store` may be seen.
    pub fn allow(&self, store: StoreId) -> bool {
        match self {
            Self::All => true,
            Self::Only(stores) => stores.contains(&store),
        }
    }

    /// What both allow.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, other) => other.clone(),
            (one, Self::All) => one.clone(),
            (Self::Only(one), Self::Only(other)) => {
                Self::Only(one.intersection(other).copied().collect())
            }
        }
    }
}

/// What new entries of one store change. Lists hold the rows as they are now, to be put in place of
/// those of the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreChange {
    /// The store.
    pub store: StoreRow,
    /// Everything known of the store goes first: its entries were judged anew from the beginning.
    pub replace: bool,
    /// Every end of every feed once the change is in.
    pub heads: Vec<FeedHead>,
    /// Sales.
    pub sales: Vec<SaleDocument>,
    /// Corrections of stock, by record.
    pub adjustments: BTreeMap<RecordId, Vec<AdjustmentRow>>,
    /// Account postings.
    pub postings: Vec<PostingRow>,
    /// Products whose fields changed.
    pub products: Vec<ProductRow>,
    /// Products whose stock changed.
    pub stock: Vec<StockRow>,
    /// Days whose totals changed.
    pub days: Vec<DayRow>,
    /// Customers of whom something changed.
    pub customers: Vec<CustomerRow>,
    /// All devices; `None`: unchanged.
    pub devices: Option<Vec<DeviceRow>>,
    /// All exceptions; `None`: unchanged.
    pub exceptions: Option<Vec<ExceptionRow>>,
}

impl StoreChange {
    /// A change of nothing.
    pub const fn none(store: StoreRow, heads: Vec<FeedHead>) -> Self {
        Self {
            store,
            replace: false,
            heads,
            sales: Vec::new(),
            adjustments: BTreeMap::new(),
            postings: Vec::new(),
            products: Vec::new(),
            stock: Vec::new(),
            days: Vec::new(),
            customers: Vec::new(),
            devices: None,
            exceptions: None,
        }
    }
}

/// The next rows of a list that is sorted by `K`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<K> {
    /// Rows behind this key; `None`: from the beginning.
    pub after: Option<K>,
    /// At most so many.
    pub limit: usize,
}

/// One product over all stores that may be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedProduct {
    /// The product.
    pub sku: Sku,
    /// How each store sells it. A product that was sold but is in no price book has none.
    pub offers: BTreeMap<StoreId, ProductRow>,
    /// How much each store has.
    pub stock: BTreeMap<StoreId, Quantity>,
}

impl MergedProduct {
    /// How much all its stores have together. A sum beyond what a quantity holds is the largest one.
    pub fn on_hand(&self) -> Quantity {
        let sum: i128 = self.stock.values().map(|held| i128::from(held.thousandths())).sum();
        let largest = if sum.is_negative() { i64::MIN } else { i64::MAX };
        Quantity::from_thousandths(i64::try_from(sum).unwrap_or(largest))
    }
}

/// What was booked on one day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Day {
    /// Sales and returns, by id.
    pub sales: BTreeMap<RecordId, Arc<SaleDocument>>,
    /// Lines of corrections of stock, by record.
    pub adjustments: BTreeMap<RecordId, Arc<Vec<AdjustmentRow>>>,
    /// Account postings, by record.
    pub postings: BTreeMap<RecordId, Arc<PostingRow>>,
}

/// All rows of one store at one moment, and the feed heads they come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreCut {
    /// The store.
    pub store: StoreRow,
    /// The ends of all feeds, sorted: exactly these entries are in the rows.
    pub heads: Vec<FeedHead>,
    /// What was booked, by day.
    pub days: BTreeMap<BusinessDate, Arc<Day>>,
    /// The totals of the days, worked out from the books, not from `days`.
    pub totals: BTreeMap<BusinessDate, DayRow>,
    /// Products.
    pub products: BTreeMap<Sku, ProductRow>,
    /// Stock.
    pub stock: BTreeMap<Sku, StockRow>,
    /// Customers, by id.
    pub customers: Vec<CustomerRow>,
    /// Devices, by key.
    pub devices: Vec<DeviceRow>,
    /// Exceptions, by id, as they were up to
    /// [`crate::limits::EXCEPTIONS_EVERY_MS`] before.
    pub exceptions: Vec<ExceptionRow>,
}

/// All rows at one moment: each store as of its feed heads. No record spans two stores, so nothing
/// between the stores can be cut apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cut {
    /// The stores, by id.
    pub stores: BTreeMap<StoreId, Arc<StoreCut>>,
}

/// The rows of all stores.
pub trait HubStore: core::fmt::Debug + Send + Sync {
    /// Takes in a change: all of it, or nothing.
    fn apply(&self, change: StoreChange) -> Result<(), StoreError>;

    /// The feed heads a store's rows come from; none of a store that is not known.
    fn heads(&self, store: StoreId) -> Result<Vec<FeedHead>, StoreError>;

    /// The stores, by id.
    fn stores(&self, of: &Stores) -> Result<Vec<StoreRow>, StoreError>;

    /// A sale with its lines and payments.
    fn sale(&self, of: &Stores, id: RecordId) -> Result<Option<Arc<SaleDocument>>, StoreError>;

    /// Products and stock over the stores, by SKU: every product of a price book and every one
    /// that ever moved.
    fn products(&self, of: &Stores, page: &Page<Sku>) -> Result<Vec<MergedProduct>, StoreError>;

    /// One product over the stores.
    fn product(&self, of: &Stores, sku: &Sku) -> Result<Option<MergedProduct>, StoreError>;

    /// The products there is least of, all stores of `of` together, at most `limit`, the least
    /// first; and how many products have moved at all.
    fn scarcest(&self, of: &Stores, limit: usize) -> Result<(u64, Vec<MergedProduct>), StoreError>;

    /// The totals of the days from `from` to `to`, both included, by day and store.
    fn days(
        &self,
        of: &Stores,
        from: BusinessDate,
        to: BusinessDate,
    ) -> Result<Vec<DayRow>, StoreError>;

    /// What was booked on one day, by store.
    fn day(
        &self,
        of: &Stores,
        date: BusinessDate,
    ) -> Result<BTreeMap<StoreId, Arc<Day>>, StoreError>;

    /// The newest day on which anything was booked.
    fn last_day(&self, of: &Stores) -> Result<Option<BusinessDate>, StoreError>;

    /// Devices, by store and key.
    fn devices(&self, of: &Stores) -> Result<Vec<DeviceRow>, StoreError>;

    /// Exceptions, by store and id.
    fn exceptions(&self, of: &Stores) -> Result<Vec<ExceptionRow>, StoreError>;

    /// Everything, as of one moment. Cheap where rows are shared; changes that come in meanwhile are
    /// not in it.
    fn cut(&self, of: &Stores) -> Result<Cut, StoreError>;
}
