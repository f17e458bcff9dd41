//! A small chain of stores as rows: made by arithmetic, so that every figure is known beforehand.
#![expect(dead_code, reason = "each suite uses a part of it")]

pub(crate) mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hub::rows::{
    AdjustmentRow, CustomerRow, DayRow, DeviceRow, ExceptionRow, FeedHead, ItemRow, PaymentRow,
    PostingRow, ProductRow, SaleDocument, SaleRow, StockRow, StoreFacts, StoreRow,
};
use hub::snapshot::manifest::SnapshotKey;
use hub::store::{Cut, Day, HubStore, StoreChange, StoreCut};
use pos_core::business_date::{BusinessDate, TimeZoneName, WallTime};
use pos_core::cart::Direction;
use pos_core::ids::{CustomerId, DeviceId, LineId, OperatorId, RecordId, RegisterId, StoreId};
use pos_core::money::{Currency, Money};
use pos_core::product::{ProductKind, Sku, UnitOfMeasure};
use pos_core::quantity::Quantity;
use pos_core::tax::TaxRateId;
use pos_core::transaction::TenderKind;
use pos_core::unit_price::UnitPrice;
use replica::core::{FeedId, Incarnation, Lane};

/// The hub's key in these suites.
pub(crate) fn key() -> SnapshotKey {
    SnapshotKey::from_secret(&[7; 32])
}

pub(crate) fn store_id(number: u8) -> StoreId {
    StoreId::from_bytes([number; 16])
}

/// An id that follows from what it is of.
fn id(parts: &[u64]) -> [u8; 32] {
    let bytes: Vec<u8> = parts.iter().flat_map(|part| part.to_be_bytes()).collect();
    *blake3::hash(&bytes).as_bytes()
}

/// One store that sells in `currency`.
pub(crate) struct Shop {
    pub(crate) cut: StoreCut,
    number: u8,
    currency: Currency,
    receipts: u64,
}

impl Shop {
    pub(crate) fn new(number: u8, currency: &str) -> Self {
        let (store, currency) = (store_id(number), Currency::from_code(currency).unwrap());
        let facts = StoreFacts {
            name: format!("Shop {number}"),
            currency,
            time_zone: TimeZoneName::new("Europe/London").unwrap(),
        };
        let mut shop = Self {
            cut: StoreCut {
                store: StoreRow { store, settings: Some(facts) },
                heads: Vec::new(),
                days: BTreeMap::new(),
                totals: BTreeMap::new(),
                products: BTreeMap::new(),
                stock: BTreeMap::new(),
                customers: Vec::new(),
                devices: Vec::<DeviceRow>::new(),
                exceptions: Vec::<ExceptionRow>::new(),
            },
            number,
            currency,
            receipts: 0,
        };
        for sku in 0..40 {
            shop.product(sku);
        }
        for number in 0..3 {
            shop.customer(number);
        }
        shop.head(1);
        shop
    }

    fn product(&mut self, number: u64) {
        let sku = Sku::new(&format!("SKU-{number:05}")).unwrap();
        let row = ProductRow {
            store: store_id(self.number),
            sku: sku.clone(),
            name: format!("Mug, large \"{number}\" é"),
            gtins: BTreeSet::new(),
            price: (number % 7 != 3)
                .then(|| UnitPrice::parse(&format!("{number}.2550"), self.currency).unwrap()),
            kind: ProductKind::Stocked,
            unit: UnitOfMeasure::Each,
            tax_category: "standard".to_owned(),
            active: number % 5 != 4,
        };
        self.cut.products.insert(sku, row);
    }

    fn customer(&mut self, number: u8) {
        self.cut.customers.push(CustomerRow {
            store: store_id(self.number),
            customer: CustomerId::from_bytes([number; 16]),
            name: format!("Customer {number}"),
            phone: String::new(),
            email: format!("{number}@example.com"),
            loyalty_id: String::new(),
        });
    }

    /// More stock rows than one file is meant to have.
    pub(crate) fn many_products(&mut self, count: u64) {
        for number in 0..count {
            let sku = Sku::new(&format!("BULK-{number:06}")).unwrap();
            self.stock(&sku, 1_000);
        }
    }

    /// The feed's end moves on.
    pub(crate) fn head(&mut self, seq: u64) {
        let number = u64::from(self.number);
        let feed = |lane| FeedId {
            device: DeviceId::from_bytes(id(&[number])),
            incarnation: Incarnation { counter: 1, nonce: [self.number; 8] },
            lane,
        };
        let head = |lane, seq| FeedHead {
            feed: feed(lane),
            seq,
            head: RecordId::from_bytes(id(&[number, seq])),
            gaps: 0,
        };
        self.cut.heads = vec![head(Lane::Ledger, seq), head(Lane::Floor, seq * 3)];
    }

    fn stock(&mut self, sku: &Sku, thousandths: i64) {
        let store = store_id(self.number);
        let new = || StockRow { store, sku: sku.clone(), on_hand: Quantity::ZERO };
        let row = self.cut.stock.entry(sku.clone()).or_insert_with(new);
        let change = Quantity::from_thousandths(thousandths);
        row.on_hand = row.on_hand.checked_add(change).unwrap();
    }

    fn day(&mut self, date: BusinessDate) -> (&mut Day, &mut DayRow) {
        let zero = Money::zero(self.currency);
        let totals = self.cut.totals.entry(date).or_insert_with(|| DayRow {
            store: store_id(self.number),
            business_date: date,
            sales: 0,
            sales_amount: zero,
            returns: 0,
            returns_amount: zero,
            sales_value: zero,
            tax: zero,
            postings: 0,
            postings_amount: zero,
            total: zero,
            adjustments: 0,
            units_sold: Quantity::ZERO,
            units_returned: Quantity::ZERO,
        });
        (Arc::make_mut(self.cut.days.entry(date).or_default()), totals)
    }

    /// Sells `lines` lines of 12.50 (in 1.25, where the currency has three places) each on a day.
    pub(crate) fn sell(&mut self, date: &str, lines: u32) {
        self.receipts += 1;
        let (store, receipt) = (store_id(self.number), self.receipts);
        let seed = u64::from(self.number);
        let sale = RecordId::from_bytes(id(&[seed, receipt]));
        let date: BusinessDate = date.parse().unwrap();
        let money = |minor: i64| Money::from_minor(minor, self.currency);
        let total = money(1250 * i64::from(lines));
        let tax = money(208 * i64::from(lines));
        let items: Vec<ItemRow> = (1..=lines)
            .map(|position| ItemRow {
                store,
                sale,
                position,
                line: LineId::from_bytes(
                    id(&[seed, receipt, position.into()])[..16].try_into().unwrap(),
                ),
                sku: Sku::new(&format!("SKU-{:05}", u64::from(position) % 40)).unwrap(),
                name: "Mug".to_owned(),
                kind: ProductKind::Stocked,
                unit: UnitOfMeasure::Each,
                quantity: Quantity::ONE,
                unit_price: UnitPrice::from_decimal(money(1250).to_decimal(), self.currency)
                    .unwrap(),
                discount: money(0),
                net: money(1042),
                taxes: vec![(TaxRateId::new("standard").unwrap(), money(208))],
                gross: money(1250),
                override_reason: position.is_multiple_of(2).then(|| "damaged".to_owned()),
                returns: None,
            })
            .collect();
        let row = SaleRow {
            store,
            sale,
            device: DeviceId::from_bytes(id(&[seed])),
            direction: Direction::Sale,
            register: RegisterId::new("R1").unwrap(),
            receipt_counter: receipt,
            receipt_number: format!("R1-{receipt}"),
            business_date: date,
            shift: RecordId::from_bytes(id(&[seed, 0])),
            operator: OperatorId::new("ann").unwrap(),
            customer: receipt.is_multiple_of(3).then(|| CustomerId::from_bytes([1; 16])),
            total,
            tax,
            rounding: money(0),
            wall_time: WallTime::from_millis(1_291_200_000_000 + i64::try_from(receipt).unwrap()),
        };
        let payment = PaymentRow {
            store,
            sale,
            position: 1,
            payment: None,
            tender: if receipt.is_multiple_of(2) { TenderKind::Card } else { TenderKind::Cash },
            tendered: money(total.minor() + 50),
            change: money(50),
            reference: None,
        };
        for item in &items {
            self.stock(&item.sku, -1_000);
        }
        let (day, totals) = self.day(date);
        totals.sales += 1;
        totals.sales_value = totals.sales_value.checked_add(total).unwrap();
        totals.tax = totals.tax.checked_add(tax).unwrap();
        totals.total = totals.total.checked_add(total).unwrap();
        let document = SaleDocument { sale: row, items, payments: vec![payment] };
        day.sales.insert(sale, Arc::new(document));
        self.head(self.receipts + 1);
    }

    /// Corrects stock by two products and books -3.00 to an account.
    pub(crate) fn correct(&mut self, date: &str) {
        let store = store_id(self.number);
        let seed = u64::from(self.number);
        let date: BusinessDate = date.parse().unwrap();
        let device = DeviceId::from_bytes(id(&[seed]));
        let adjustment = RecordId::from_bytes(id(&[seed, 1, 1, 1]));
        let wall_time = WallTime::from_millis(1_291_200_000_000);
        let lines: Vec<AdjustmentRow> = (1..=2)
            .map(|position| AdjustmentRow {
                store,
                adjustment,
                position,
                device,
                sku: Sku::new(&format!("SKU-{position:05}")).unwrap(),
                kind: ProductKind::Stocked,
                quantity_change: Quantity::from_thousandths(-2_500),
                reason: "damaged".to_owned(),
                description: String::new(),
                business_date: date,
                wall_time,
            })
            .collect();
        for line in &lines {
            self.stock(&line.sku, -2_500);
        }
        let amount = Money::from_minor(-300, self.currency);
        let posting = PostingRow {
            store,
            posting: RecordId::from_bytes(id(&[seed, 2, 2, 2])),
            device,
            account: "bank".to_owned(),
            description: "charge".to_owned(),
            amount,
            business_date: date,
            wall_time,
        };
        let (day, totals) = self.day(date);
        totals.adjustments += 1;
        totals.postings += 1;
        totals.postings_amount = totals.postings_amount.checked_add(amount).unwrap();
        totals.total = totals.total.checked_add(amount).unwrap();
        day.adjustments.insert(adjustment, Arc::new(lines));
        day.postings.insert(posting.posting, Arc::new(posting));
    }
}

/// Three stores in two currencies with two months each.
pub(crate) fn shops() -> Vec<Shop> {
    let mut shops = vec![Shop::new(1, "GBP"), Shop::new(2, "GBP"), Shop::new(3, "EUR")];
    for shop in &mut shops {
        for date in ["2010-11-29", "2010-11-30", "2010-12-01", "2010-12-02"] {
            for lines in 1..=5 {
                shop.sell(date, lines);
            }
        }
        shop.correct("2010-12-01");
    }
    shops
}

pub(crate) fn cut(shops: &[Shop]) -> Cut {
    let stores = shops.iter().map(|shop| (store_id(shop.number), Arc::new(shop.cut.clone())));
    Cut { stores: stores.collect() }
}

/// Puts the shops' rows into a database, in place of what it has of them.
pub(crate) fn fill(rows: &dyn HubStore, shops: &[Shop]) {
    for shop in shops {
        let cut = shop.cut.clone();
        let mut change = StoreChange::none(cut.store, cut.heads);
        change.replace = true;
        for day in cut.days.values() {
            change.sales.extend(day.sales.values().map(|sale| SaleDocument::clone(sale)));
            let adjustments = day.adjustments.iter();
            change.adjustments.extend(adjustments.map(|(id, lines)| (*id, lines.to_vec())));
            change.postings.extend(day.postings.values().map(|one| PostingRow::clone(one)));
        }
        change.products = cut.products.into_values().collect();
        change.stock = cut.stock.into_values().collect();
        change.days = cut.totals.into_values().collect();
        change.customers = cut.customers;
        rows.apply(change).unwrap();
    }
}
