//! What all records come to: the price book, stock, totals, shifts, receipts.
//!
//! The books are a fold that knows no order: whatever order the records of the tills arrive in, the
//! rows are the same, byte for byte. Each record is applied once; whoever calls [`Books::apply`]
//! keeps out what was applied before.
//!
//! The state is a set of rows ([`RowKey`]), so that a map on disk can hold it: [`Books::take_dirty`]
//! gives the rows that changed, [`Books::load_row`] takes them back.

mod query;
mod rows;
mod series;
mod tally;

pub use rows::{RowError, RowKey, TotalsKey};

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use self::tally::Tally;
use crate::codec;
use crate::ids::{DeviceId, RecordId, RegisterId};
use crate::money::MoneyError;
use crate::price_book::{EditNumber, EditStamp, PriceBook, ProductEntry};
use crate::product::Sku;
use crate::quantity::Quantity;
use crate::record::Record;
use crate::shift::{ShiftClosed, ShiftOpened};
use crate::stock;
use crate::store::StoreSettings;

/// Why a record cannot be booked. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BooksError {
    /// A sum would not fit in 128 bits, a count not in 64.
    #[error("the books cannot hold a sum this large")]
    Overflow,
    /// A transaction that was never checked.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// What the entry around a record says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordMeta {
    /// The record's id.
    pub id: RecordId,
    /// The device that wrote it.
    pub device: DeviceId,
    /// Lamport time of its entry.
    pub lamport: u64,
}

impl RecordMeta {
    fn stamp(&self, edit: EditNumber) -> EditStamp {
        EditStamp { edit, lamport: self.lamport, device: self.device }
    }
}

/// A value that the record ahead of all others has set. The record's id decides between two
/// records of one entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Winner<T> {
    stamp: EditStamp,
    id: RecordId,
    value: T,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct ShiftRow {
    opened: Option<ShiftOpened>,
    /// More than one when two devices closed the shift unseen by each other.
    closed: BTreeMap<RecordId, ShiftClosed>,
}

/// What all records come to.
#[derive(Debug, Clone, Default)]
pub struct Books {
    settings: Option<Winner<StoreSettings>>,
    registers: BTreeMap<RegisterId, Winner<DeviceId>>,
    price_book: PriceBook,
    /// Changes of the price book this process has seen.
    price_changes: u64,
    /// Thousandths of the unit of measure.
    on_hand: BTreeMap<Sku, i128>,
    totals: BTreeMap<TotalsKey, Tally>,
    shifts: BTreeMap<RecordId, ShiftRow>,
    /// Shifts without a close, by register: derived from `shifts`.
    open_shifts: BTreeMap<RegisterId, BTreeSet<RecordId>>,
    dirty: BTreeSet<RowKey>,
}

impl Books {
    /// Books without a record.
    pub fn new() -> Self {
        Self::default()
    }

    /// Books one record that was not booked before.
    pub fn apply(&mut self, meta: RecordMeta, record: &Record) -> Result<(), BooksError> {
        match record {
            Record::StoreOpened(settings) => {
                let stamp = meta.stamp(settings.edit);
                let winner = Winner { stamp, id: meta.id, value: settings.clone() };
                if win(&mut self.settings, winner) {
                    self.dirty.insert(RowKey::Settings);
                }
            }
            Record::RegisterAssigned { register, device } => {
                let stamp = meta.stamp(EditNumber::default());
                let winner = Winner { stamp, id: meta.id, value: *device };
                let mut held = self.registers.remove(register);
                if win(&mut held, winner) {
                    self.dirty.insert(RowKey::Register(register.clone()));
                }
                self.registers.extend(held.map(|held| (register.clone(), held)));
            }
            Record::ProductsEdited(edits) => {
                for edit in edits {
                    if self.price_book.merge(meta.stamp(edit.edit), edit) {
                        self.price_changes = self.price_changes.wrapping_add(1);
                        self.dirty.insert(RowKey::Product(edit.sku.clone()));
                    }
                }
            }
            Record::ShiftOpened(opened) => {
                self.shifts.entry(meta.id).or_default().opened = Some(opened.clone());
                self.shift_changed(meta.id);
            }
            Record::ShiftClosed(closed) => {
                let row = self.shifts.entry(closed.shift).or_default();
                row.closed.insert(meta.id, closed.clone());
                self.shift_changed(closed.shift);
            }
            // What the card paid is in the transaction; what it was asked for is not money yet.
            Record::PaymentStarted { .. } => {}
            Record::TransactionCompleted(_)
            | Record::StockAdjusted(_)
            | Record::AccountPosted(_)
            | Record::CashMoved(_) => return self.apply_figures(record),
        }
        Ok(())
    }

    fn apply_figures(&mut self, record: &Record) -> Result<(), BooksError> {
        match record {
            Record::TransactionCompleted(sale) => {
                let key = TotalsKey::new(
                    sale.business_date,
                    Some(sale.register.clone()),
                    Some(sale.shift),
                    Some(sale.currency()),
                );
                self.book(key, &Tally::of_sale(sale)?, stock::stock_movements(sale))
            }
            Record::StockAdjusted(adjustment) => {
                let key = TotalsKey::new(adjustment.business_date, None, None, None);
                self.book(key, &Tally::of_adjustment(), adjustment.movements())
            }
            Record::AccountPosted(posting) => {
                let currency = posting.amount.currency();
                let key = TotalsKey::new(posting.business_date, None, None, Some(currency));
                self.book(key, &Tally::of_posting(posting), [])
            }
            Record::CashMoved(movement) => {
                let key = TotalsKey::new(
                    movement.business_date,
                    Some(movement.register.clone()),
                    Some(movement.shift),
                    Some(movement.amount.currency()),
                );
                self.book(key, &Tally::of_movement(movement), [])
            }
            _ => Ok(()),
        }
    }

    /// Adds to the totals and to stock, or to neither.
    fn book(
        &mut self,
        key: TotalsKey,
        tally: &Tally,
        movements: impl IntoIterator<Item = (Sku, Quantity)>,
    ) -> Result<(), BooksError> {
        let totals = match self.totals.get(&key) {
            Some(held) => held.with(tally)?,
            None => tally.clone(),
        };
        let mut moved = BTreeMap::<Sku, i128>::new();
        for (sku, quantity) in movements {
            let change = i128::from(quantity.thousandths());
            let sum = match moved.get(&sku) {
                Some(&sum) => sum,
                None => self.on_hand.get(&sku).copied().unwrap_or(0),
            };
            moved.insert(sku, sum.checked_add(change).ok_or(BooksError::Overflow)?);
        }
        for (sku, sum) in moved {
            self.dirty.insert(RowKey::OnHand(sku.clone()));
            self.on_hand.insert(sku, sum);
        }
        self.dirty.insert(RowKey::Totals(key.clone()));
        self.totals.insert(key, totals);
        Ok(())
    }

    fn shift_changed(&mut self, shift: RecordId) {
        self.index_shift(shift);
        self.dirty.insert(RowKey::Shift(shift));
    }

    fn index_shift(&mut self, shift: RecordId) {
        let Some(row) = self.shifts.get(&shift) else { return };
        let Some(opened) = &row.opened else { return };
        let open = self.open_shifts.entry(opened.register.clone()).or_default();
        if row.closed.is_empty() {
            open.insert(shift);
        } else {
            open.remove(&shift);
        }
    }

    /// The value of a row, if the books have it.
    pub fn row(&self, key: &RowKey) -> Option<Vec<u8>> {
        match key {
            RowKey::Settings => self.settings.as_ref().map(codec::encode),
            RowKey::Register(register) => self.registers.get(register).map(codec::encode),
            RowKey::Product(sku) => self.price_book.entry(sku).map(codec::encode),
            RowKey::OnHand(sku) => self.on_hand.get(sku).map(codec::encode),
            RowKey::Totals(key) => self.totals.get(key).map(codec::encode),
            RowKey::Shift(shift) => self.shifts.get(shift).map(codec::encode),
        }
    }

    /// Puts a row back that [`Self::take_dirty`] or [`Self::rows`] gave, in place of what is there.
    pub fn load_row(&mut self, key: &[u8], value: &[u8]) -> Result<(), RowError> {
        let key = RowKey::from_bytes(key)?;
        match &key {
            RowKey::Settings => self.settings = Some(value_of(&key, value)?),
            RowKey::Register(register) => {
                self.registers.insert(register.clone(), value_of(&key, value)?);
            }
            RowKey::Product(sku) => {
                let entry: ProductEntry = value_of(&key, value)?;
                if entry.sku() != sku {
                    return Err(RowError::Value(key));
                }
                self.price_book.put(entry);
                self.price_changes = self.price_changes.wrapping_add(1);
            }
            RowKey::OnHand(sku) => {
                self.on_hand.insert(sku.clone(), value_of(&key, value)?);
            }
            RowKey::Totals(totals) => {
                self.totals.insert(totals.clone(), value_of(&key, value)?);
            }
            RowKey::Shift(shift) => {
                self.shifts.insert(*shift, value_of(&key, value)?);
                self.index_shift(*shift);
            }
        }
        Ok(())
    }

    /// The rows that changed since the last call, as they are now.
    pub fn take_dirty(&mut self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let dirty = core::mem::take(&mut self.dirty);
        dirty.iter().filter_map(|key| Some((key.to_bytes(), self.row(key)?))).collect()
    }

    /// All rows, sorted by key.
    pub fn rows(&self) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
        let settings = self.settings.iter().map(|_| RowKey::Settings);
        let registers = self.registers.keys().cloned().map(RowKey::Register);
        let products = self.price_book.skus().cloned().map(RowKey::Product);
        let on_hand = self.on_hand.keys().cloned().map(RowKey::OnHand);
        let totals = self.totals.keys().cloned().map(RowKey::Totals);
        let shifts = self.shifts.keys().copied().map(RowKey::Shift);
        let keys = settings.chain(registers).chain(products);
        keys.chain(on_hand)
            .chain(totals)
            .chain(shifts)
            .filter_map(|key| Some((key.to_bytes(), self.row(&key)?)))
    }
}

/// Puts the challenger in place of what is held when it is ahead.
fn win<T>(held: &mut Option<Winner<T>>, challenger: Winner<T>) -> bool {
    let order = |winner: &Winner<T>| (winner.stamp, winner.id);
    let wins = held.as_ref().is_none_or(|held| order(&challenger) > order(held));
    if wins {
        *held = Some(challenger);
    }
    wins
}

fn value_of<T: DeserializeOwned>(key: &RowKey, bytes: &[u8]) -> Result<T, RowError> {
    codec::decode(bytes).map_err(|_damaged| RowError::Value(key.clone()))
}
