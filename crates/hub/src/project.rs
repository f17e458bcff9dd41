//! From entries to rows: a pure function of one entry. What several entries come to is the union of
//! what each comes to, so neither order nor repetition can tell.
//!
//! Whether an entry counts is not asked here (see [`crate::projector`]), and what only a fold of all
//! entries can say (prices, stock, totals) is not worked out here but read from the replica
//! ([`crate::folded`]); an entry says which of it to read again.

use std::collections::{BTreeMap, BTreeSet};

use pos_core::business_date::BusinessDate;
use pos_core::ids::{CustomerId, DeviceId, RecordId, StoreId};
use pos_core::money::MoneyError;
use pos_core::product::{ProductKind, Sku};
use pos_core::record::Record;
use pos_core::stock::InventoryAdjustment;
use pos_core::transaction::{Recorded, SaleTransaction};
use replica::core::{Entry, Lane, OpClass};
use replica::documents::{DocumentId, DocumentKind};

use crate::rows::{AdjustmentRow, ItemRow, PaymentRow, PostingRow, SaleDocument, SaleRow};

/// What entries say for themselves, and what they touch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Sales and returns.
    pub sales: BTreeMap<RecordId, SaleDocument>,
    /// Corrections of stock.
    pub adjustments: BTreeMap<RecordId, Vec<AdjustmentRow>>,
    /// Account postings.
    pub postings: BTreeMap<RecordId, PostingRow>,
    /// Products whose price book entry is to be read again.
    pub products: BTreeSet<Sku>,
    /// Products whose stock is.
    pub stock: BTreeSet<Sku>,
    /// Days whose totals are.
    pub days: BTreeSet<BusinessDate>,
    /// Customers that are.
    pub customers: BTreeSet<CustomerId>,
    /// The store's settings are.
    pub settings: bool,
}

impl Facts {
    /// Takes in what another entry says. The same twice changes nothing.
    pub fn absorb(&mut self, other: Self) {
        self.sales.extend(other.sales);
        self.adjustments.extend(other.adjustments);
        self.postings.extend(other.postings);
        self.products.extend(other.products);
        self.stock.extend(other.stock);
        self.days.extend(other.days);
        self.customers.extend(other.customers);
        self.settings |= other.settings;
    }

    /// What an entry of `store` says, if it counts. An entry that this version cannot read says
    /// nothing: a replica keeps it aside as well.
    pub fn of(store: StoreId, entry: &Entry) -> Self {
        Self::read(store, entry).unwrap_or_default()
    }

    fn read(store: StoreId, entry: &Entry) -> Option<Self> {
        let mut facts = Self::default();
        let feed = entry.header().feed;
        if feed.lane != Lane::Ledger {
            return Some(facts);
        }
        for (id, op, body) in entry.ops() {
            let body = body?;
            if let Some(document) = DocumentId::from_bytes(&op.subject)
                && op.class == OpClass::Personal
                && document.kind() == DocumentKind::Customer
            {
                facts.customers.insert(CustomerId::from_bytes(*document.key()));
                continue;
            }
            // What is no record of the shop speaks of the feeds themselves.
            if op.kind < Record::FIRST_KIND {
                continue;
            }
            let record = Record::decode(op.kind, body).ok()?;
            facts.note(store, feed.device, id, record).ok()?;
        }
        Some(facts)
    }

    fn note(
        &mut self,
        store: StoreId,
        device: DeviceId,
        id: RecordId,
        record: Record,
    ) -> Result<(), MoneyError> {
        self.days.extend(record.business_date());
        match record {
            Record::StoreOpened(_) => self.settings = true,
            Record::ProductsEdited(edits) => {
                self.products.extend(edits.into_iter().map(|edit| edit.sku));
            }
            Record::TransactionCompleted(sale) => {
                let document = document(store, device, Recorded { id, record: sale })?;
                let stocked =
                    document.items.iter().filter(|item| item.kind == ProductKind::Stocked);
                self.stock.extend(stocked.map(|item| item.sku.clone()));
                self.sales.insert(id, document);
            }
            Record::StockAdjusted(made) => {
                self.stock.extend(made.movements().map(|(sku, _)| sku));
                self.adjustments.insert(id, adjustment(store, device, id, made));
            }
            Record::AccountPosted(posting) => {
                let row = PostingRow {
                    store,
                    posting: id,
                    device,
                    account: posting.account,
                    description: posting.description,
                    amount: posting.amount,
                    business_date: posting.business_date,
                    wall_time: posting.wall_time,
                };
                self.postings.insert(id, row);
            }
            Record::RegisterAssigned { .. }
            | Record::ShiftOpened(_)
            | Record::PaymentStarted { .. }
            | Record::CashMoved(_)
            | Record::ShiftClosed(_) => {}
        }
        Ok(())
    }
}

fn document(
    store: StoreId,
    device: DeviceId,
    recorded: Recorded<SaleTransaction>,
) -> Result<SaleDocument, MoneyError> {
    let receipt_number = recorded.receipt_number().to_string();
    let Recorded { id, record } = recorded;
    let tax = record.tax()?;
    let mut items = Vec::with_capacity(record.items.len());
    for (item, position) in record.items.into_iter().zip(1_u32..) {
        items.push(ItemRow {
            store,
            sale: id,
            position,
            line: item.line,
            gross: item.gross()?,
            sku: item.product.sku,
            name: item.product.name,
            kind: item.product.kind,
            unit: item.product.unit,
            quantity: item.quantity,
            unit_price: item.unit_price,
            discount: item.discount,
            net: item.net,
            taxes: item.taxes,
            override_reason: item.override_reason,
            returns: item.returns.map(|returned| returned.transaction),
        });
    }
    let payments = record.payments.into_iter().zip(1_u32..).map(|(payment, position)| PaymentRow {
        store,
        sale: id,
        position,
        payment: payment.payment_id,
        tender: payment.kind,
        tendered: payment.tendered,
        change: payment.change,
        reference: payment.reference,
    });
    let payments = payments.collect();
    let sale = SaleRow {
        store,
        sale: id,
        device,
        direction: record.direction,
        register: record.register,
        receipt_counter: record.receipt_counter,
        receipt_number,
        business_date: record.business_date,
        shift: record.shift,
        operator: record.operator,
        customer: record.customer,
        total: record.total,
        tax,
        rounding: record.rounding,
        wall_time: record.wall_time,
    };
    Ok(SaleDocument { sale, items, payments })
}

fn adjustment(
    store: StoreId,
    device: DeviceId,
    id: RecordId,
    made: InventoryAdjustment,
) -> Vec<AdjustmentRow> {
    let InventoryAdjustment { lines, reason, business_date, wall_time, .. } = made;
    let rows = lines.into_iter().zip(1_u32..).map(|(line, position)| AdjustmentRow {
        store,
        adjustment: id,
        position,
        device,
        sku: line.sku,
        kind: line.kind,
        quantity_change: line.quantity_change,
        reason: reason.clone(),
        description: line.description,
        business_date,
        wall_time,
    });
    rows.collect()
}
