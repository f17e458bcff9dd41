//! The stock counters one device publishes for one business day: for each SKU the sum of its stock
//! movements of that day so far. Displays, other stores and the hub read stock from these without
//! the ledger.
//!
//! Each cell is a plain number with one writer. Automerge's own counters cost time in proportion
//! to all increments ever made; a number that is put again does not. Cells stand in maps
//! ("buckets") of at most [`STOCK_BUCKET_CELLS_MAX`], because a receiver walks the map that a
//! change touches.

use std::collections::BTreeMap;

use automerge::transaction::{Transactable, Transaction};
use automerge::{AutomergeError, ObjId, ObjType, ROOT, ReadDoc};
use pos_core::product::Sku;
use thiserror::Error;

use super::document::{Applied, ApplyError, ApplyFault, Document, LocalError};
use super::gate::GateRefusal;
use super::id::{Author, ChangeHash, DocumentId, DocumentKind};
use super::limits::{STOCK_BUCKET_CELLS_MAX, STOCK_CELLS_PER_CHANGE_MAX};
use super::schema::STOCK_BUCKETS;

/// Most buckets of a document: their keys count in four digits.
const BUCKETS_MAX: usize = 10_000;

/// Why a publication made no change.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StockError {
    /// More SKUs than a document has room for: start its next epoch.
    #[error("the stock counters of this day are full")]
    Full,
    /// The publication was not kept.
    #[error(transparent)]
    Local(#[from] LocalError),
}

/// The stock counters of one device and day.
#[derive(Debug)]
pub struct StockCounters {
    document: Document,
    cells: BTreeMap<Sku, Cell>,
    buckets: Vec<Bucket>,
    /// The heads that `cells` and `buckets` were read at.
    read_at: Vec<ChangeHash>,
}

#[derive(Debug, Clone)]
struct Cell {
    bucket: ObjId,
    total: i64,
}

#[derive(Debug, Clone)]
struct Bucket {
    object: ObjId,
    size: usize,
}

impl StockCounters {
    /// The counters as they begin, empty: the same on every device.
    pub fn open(device: &[u8; 32], business_day: i32, epoch: u16) -> Result<Self, ApplyFault> {
        let id = DocumentId::stock_counters(device, business_day, epoch);
        Document::genesis(id).map(Self::over)
    }

    /// The counters a document id names; `None` when it names a document of another kind.
    pub fn from_id(id: DocumentId) -> Option<Result<Self, ApplyFault>> {
        let stock = id.kind() == DocumentKind::StockCounters;
        stock.then(|| Document::genesis(id).map(Self::over))
    }

    const fn over(document: Document) -> Self {
        Self { document, cells: BTreeMap::new(), buckets: Vec::new(), read_at: Vec::new() }
    }

    /// The document behind the counters.
    pub const fn document(&self) -> &Document {
        &self.document
    }

    /// Builds the document again from the changes it took.
    pub fn rebuild(&mut self) -> Result<(), ApplyFault> {
        self.read_at = Vec::new();
        self.document.rebuild()
    }

    /// The changes no other change builds on, sorted.
    pub fn heads(&self) -> Vec<ChangeHash> {
        self.document.heads()
    }

    /// Offers a change of the device that owns the counters; any other author is refused.
    pub fn apply_remote(&mut self, raw: &[u8], author: &Author) -> Result<Applied, ApplyError> {
        self.document.apply(raw, author)
    }

    /// Publishes totals in thousandths, cumulative over the day: writes the cells that differ, at
    /// most [`STOCK_CELLS_PER_CHANGE_MAX`] in one change. Call again until it gives `None`. A SKU
    /// that `totals` does not name keeps its cell.
    pub fn publish(
        &mut self,
        author: &Author,
        totals: &BTreeMap<Sku, i64>,
    ) -> Result<Option<Vec<u8>>, StockError> {
        if !self.document.id().admits(author.device()) {
            return Err(LocalError::from(GateRefusal::NotTheOwner).into());
        }
        self.read_cells();
        let opened = self.buckets.len() + totals.len().div_ceil(STOCK_BUCKET_CELLS_MAX);
        if opened > BUCKETS_MAX {
            return Err(StockError::Full);
        }
        let (mut cells, mut buckets) = (Vec::new(), self.buckets.clone());
        let (known, root) = (&self.cells, self.buckets_map());
        let me = author.actor().short();
        let raw = self.document.local_change(author, |transaction| {
            for (sku, total) in totals {
                let bucket = match known.get(sku) {
                    Some(cell) if cell.total == *total => continue,
                    Some(cell) => cell.bucket.clone(),
                    None => room_for_one(transaction, &root, &mut buckets, &me)?,
                };
                transaction.put(&bucket, sku.as_str(), *total)?;
                cells.push((sku.clone(), Cell { bucket, total: *total }));
                if cells.len() == STOCK_CELLS_PER_CHANGE_MAX {
                    break;
                }
            }
            Ok(())
        })?;
        self.cells.extend(cells);
        self.buckets = buckets;
        self.read_at = self.document.heads();
        Ok(raw)
    }

    /// All totals, in thousandths. Should a cloned device have written one SKU twice, the later
    /// bucket's cell is shown; the ledger tells which movements are real.
    pub fn totals(&self) -> BTreeMap<Sku, i64> {
        // A publication leaves its cells behind as read: nothing is to be read again then.
        if self.read_at == self.heads() {
            return self.cells.iter().map(|(sku, cell)| (sku.clone(), cell.total)).collect();
        }
        let (cells, _buckets) = self.scan();
        cells.into_iter().map(|(sku, cell)| (sku, cell.total)).collect()
    }

    fn read_cells(&mut self) {
        let heads = self.document.heads();
        if heads != self.read_at {
            (self.cells, self.buckets) = self.scan();
            self.read_at = heads;
        }
    }

    fn scan(&self) -> (BTreeMap<Sku, Cell>, Vec<Bucket>) {
        let automerge = self.document.automerge();
        let root = self.buckets_map();
        let (mut cells, mut buckets) = (BTreeMap::new(), Vec::new());
        for key in automerge.keys(&root) {
            let Some((_value, object)) = automerge.get(&root, &*key).ok().flatten() else {
                continue;
            };
            let mut size = 0;
            for sku in automerge.keys(&object) {
                size += 1;
                let found = automerge.get(&object, &*sku).ok().flatten();
                let total = found.and_then(|(value, _op)| value.as_i64());
                if let (Ok(sku), Some(total)) = (Sku::new(&sku), total) {
                    cells.insert(sku, Cell { bucket: object.clone(), total });
                }
            }
            buckets.push(Bucket { object, size });
        }
        (cells, buckets)
    }

    fn buckets_map(&self) -> ObjId {
        let found = self.document.automerge().get(ROOT, STOCK_BUCKETS).ok().flatten();
        found.map_or(ROOT, |(_value, object)| object)
    }
}

/// The map for one more cell: the last one, or a new one when that is full.
fn room_for_one(
    transaction: &mut Transaction<'_>,
    root: &ObjId,
    buckets: &mut Vec<Bucket>,
    me: &str,
) -> Result<ObjId, AutomergeError> {
    if let Some(last) = buckets.last_mut().filter(|last| last.size < STOCK_BUCKET_CELLS_MAX) {
        last.size += 1;
        return Ok(last.object.clone());
    }
    let key = format!("{:04}-{me}", buckets.len());
    let object = transaction.put_object(root, key, ObjType::Map)?;
    buckets.push(Bucket { object: object.clone(), size: 1 });
    Ok(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::Outcome;

    const DEVICE: [u8; 32] = [3; 32];

    fn author(incarnation: &[u8]) -> Author {
        Author::new(&DEVICE, incarnation)
    }

    fn sku(number: usize) -> Sku {
        Sku::new(&format!("SKU{number:05}")).unwrap()
    }

    fn counters() -> StockCounters {
        StockCounters::open(&DEVICE, 14_945, 0).unwrap()
    }

    #[test]
    fn a_replica_reads_the_totals_that_the_owner_published() {
        let (mut own, mut replica) = (counters(), counters());
        let mut totals: BTreeMap<Sku, i64> = (0..250).map(|n| (sku(n), -1000)).collect();
        let raw = own.publish(&author(b"1"), &totals).unwrap().unwrap();
        replica.apply_remote(&raw, &author(b"1")).unwrap();
        totals.insert(sku(7), -5500);
        totals.insert(sku(900), 2000);
        let raw = own.publish(&author(b"1"), &totals).unwrap().unwrap();
        replica.apply_remote(&raw, &author(b"1")).unwrap();
        assert_eq!(replica.totals(), totals);
        assert_eq!(replica.heads(), own.heads());
        replica.document().verify().unwrap();
    }

    #[test]
    fn only_cells_that_differ_are_written() {
        let mut own = counters();
        let mut totals: BTreeMap<Sku, i64> = (0..120).map(|n| (sku(n), 1000)).collect();
        let all = own.publish(&author(b"1"), &totals).unwrap().unwrap();
        assert_eq!(own.publish(&author(b"1"), &totals).unwrap(), None);
        totals.insert(sku(3), 2000);
        let one = own.publish(&author(b"1"), &totals).unwrap().unwrap();
        assert!(one.len() < 250 && one.len() * 8 < all.len(), "{} of {}", one.len(), all.len());
    }

    #[test]
    fn no_bucket_holds_more_than_its_bound_whatever_the_batches() {
        let mut own = counters();
        let mut totals = BTreeMap::new();
        for batch in [1, 99, 1, 150, 40] {
            let known = totals.len();
            totals.extend((known..known + batch).map(|n| (sku(n), 1000)));
            assert!(own.publish(&author(b"1"), &totals).unwrap().is_some());
        }
        let (cells, buckets) = own.scan();
        assert_eq!(cells.len(), 291);
        let sizes =
            |buckets: &[Bucket]| buckets.iter().map(|bucket| bucket.size).collect::<Vec<_>>();
        assert_eq!(sizes(&buckets), [100, 100, 91]);
        assert_eq!(sizes(&own.buckets), sizes(&buckets), "what is remembered is what is there");
    }

    #[test]
    fn a_publication_too_large_for_one_change_goes_on_with_the_next() {
        let (mut own, mut replica) = (counters(), counters());
        let totals: BTreeMap<Sku, i64> = (0..2_300).map(|n| (sku(n), 1000)).collect();
        let mut changes = 0;
        while let Some(raw) = own.publish(&author(b"1"), &totals).unwrap() {
            let applied = replica.apply_remote(&raw, &author(b"1")).unwrap();
            assert_eq!(applied.outcome, Outcome::Applied);
            changes += 1;
        }
        assert_eq!(changes, 3);
        assert_eq!(replica.totals(), totals);
    }

    #[test]
    fn the_longest_skus_fit_one_publication() {
        let mut own = counters();
        let long = |n: usize| Sku::new(&format!("{n:04}{}", "\u{1d400}".repeat(36))).unwrap();
        let totals: BTreeMap<Sku, i64> =
            (0..1_000).map(|n| (long(n), i64::from(i32::MAX))).collect();
        assert!(own.publish(&author(b"1"), &totals).unwrap().is_some());
        assert_eq!(own.totals(), totals);
    }

    #[test]
    fn a_new_incarnation_goes_on_in_the_cells_of_the_former_one() {
        let (mut own, mut replica) = (counters(), counters());
        let first = BTreeMap::from([(sku(1), 1000), (sku(2), 1000)]);
        let raw = own.publish(&author(b"1"), &first).unwrap().unwrap();
        replica.apply_remote(&raw, &author(b"1")).unwrap();
        let second = BTreeMap::from([(sku(2), 3000), (sku(3), 1000)]);
        let raw = own.publish(&author(b"2"), &second).unwrap().unwrap();
        replica.apply_remote(&raw, &author(b"2")).unwrap();
        let expected = BTreeMap::from([(sku(1), 1000), (sku(2), 3000), (sku(3), 1000)]);
        assert_eq!(replica.totals(), expected);
        assert_eq!(replica.buckets_map(), own.buckets_map());
    }

    #[test]
    fn no_other_device_can_write_to_the_counters() {
        let mut own = counters();
        let thief = Author::new(&[4; 32], b"1");
        let totals = BTreeMap::from([(sku(1), 1000)]);
        let refused = LocalError::Refused(GateRefusal::NotTheOwner);
        assert_eq!(own.publish(&thief, &totals), Err(StockError::Local(refused)));
        let raw = own.publish(&author(b"1"), &totals).unwrap().unwrap();
        let stolen = counters().apply_remote(&raw, &thief);
        assert_eq!(stolen, Err(ApplyError::Refused(GateRefusal::NotTheOwner)));
    }
}
