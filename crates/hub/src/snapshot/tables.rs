//! The rows of a cut, table by table, divided into files. Which file a row is in and where depends on
//! the cut alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use pos_core::business_date::BusinessDate;
use pos_core::cart::Direction;
use pos_core::ids::StoreId;
use pos_core::money::{Currency, Money};
use pos_core::product::{ProductKind, Sku, UnitOfMeasure};
use pos_core::quantity::Quantity;
use pos_core::transaction::TenderKind;
use pos_core::unit_price::UnitPrice;

use super::parquet_file::{Cell, Rows, WriteError};
use super::path::Part;
use super::schema::{self, Table};
use crate::limits;
use crate::rows::{
    AdjustmentRow, CustomerRow, ItemRow, PaymentRow, PostingRow, ProductRow, SaleRow,
};
use crate::rows::{StockRow, StoreRow};
use crate::store::{Cut, Day, StoreCut};

/// Places of the columns of money when a cut has no currency at all.
const PLACES_OF_NOTHING: u32 = 2;

/// The rows of one file to be.
#[derive(Debug)]
pub(super) struct FileRows {
    pub(super) table: &'static Table,
    pub(super) store: Option<StoreId>,
    pub(super) part: Part,
    pub(super) rows: Rows,
}

/// Hands over the rows of every file of a cut, one file after the other: at most one month of one
/// store is held beside the cut itself.
pub(super) fn each_file<E: From<WriteError>>(
    cut: &Cut,
    money_places: u32,
    give: &mut dyn FnMut(FileRows) -> Result<(), E>,
) -> Result<(), E> {
    let mut stores = Rows::new(&schema::STORES, money_places);
    for store in cut.stores.values() {
        push_store(&mut stores, &store.store)?;
    }
    give(FileRows { table: &schema::STORES, store: None, part: Part::All, rows: stores })?;
    for (&id, store) in &cut.stores {
        for (part, days) in periods(&store.days) {
            by_time(id, part, &days, money_places, give)?;
        }
        by_key(id, store, money_places, give)?;
    }
    Ok(())
}

/// As many places as the finest currency of the cut has: every amount is exact, and a table has one
/// type in all its files.
pub(super) fn money_places(cut: &Cut) -> u32 {
    let of_store = |store: &Arc<StoreCut>| {
        let booked = store.days.values().flat_map(|day| {
            let sales = day.sales.values().map(|document| document.sale.total.currency());
            sales.chain(day.postings.values().map(|posting| posting.amount.currency()))
        });
        let own = store.store.settings.iter().map(|settings| settings.currency);
        booked.chain(own).map(Currency::minor_units).max()
    };
    cut.stores.values().filter_map(of_store).max().unwrap_or(PLACES_OF_NOTHING)
}

/// The newest month by day, since it changes; each earlier one as a whole, unless it is very large.
fn periods(days: &BTreeMap<BusinessDate, Arc<Day>>) -> BTreeMap<Part, Vec<(BusinessDate, &Day)>> {
    let month = |date: &BusinessDate| (date.date().year(), date.date().month());
    let newest = days.keys().next_back().map(month);
    let mut rows_of = BTreeMap::<(i16, i8), u64>::new();
    for (date, day) in days {
        let rows = day.sales.values().map(|sale| sale.items.len()).sum::<usize>();
        let sum = rows_of.entry(month(date)).or_default();
        *sum = sum.saturating_add(u64::try_from(rows).unwrap_or(u64::MAX));
    }
    let mut periods = BTreeMap::<Part, Vec<(BusinessDate, &Day)>>::new();
    for (date, day) in days {
        let of = month(date);
        let large = rows_of.get(&of).is_some_and(|&rows| rows > limits::SNAPSHOT_MONTH_ROWS);
        let part = if Some(of) == newest || large {
            Part::Day(*date)
        } else {
            Part::Month { year: of.0, month: of.1 }
        };
        periods.entry(part).or_default().push((*date, day));
    }
    periods
}

fn by_time<E: From<WriteError>>(
    store: StoreId,
    part: Part,
    days: &[(BusinessDate, &Day)],
    money_places: u32,
    give: &mut dyn FnMut(FileRows) -> Result<(), E>,
) -> Result<(), E> {
    let new = |table| Rows::new(table, money_places);
    let (mut sales, mut items) = (new(&schema::SALES), new(&schema::ITEMS));
    let (mut payments, mut adjustments) = (new(&schema::PAYMENTS), new(&schema::ADJUSTMENTS));
    let mut postings = new(&schema::POSTINGS);
    for (_, day) in days {
        let mut documents: Vec<_> = day.sales.values().collect();
        documents.sort_by_key(|document| {
            let sale = &document.sale;
            (sale.register.clone(), sale.receipt_counter, sale.sale)
        });
        for document in documents {
            let sale = &document.sale;
            push_sale(&mut sales, sale, document.items.len(), document.payments.len())?;
            for item in &document.items {
                push_item(&mut items, sale, item)?;
            }
            for payment in &document.payments {
                push_payment(&mut payments, sale, payment)?;
            }
        }
        for line in day.adjustments.values().flat_map(|lines| lines.iter()) {
            push_adjustment(&mut adjustments, line)?;
        }
        for posting in day.postings.values() {
            push_posting(&mut postings, posting)?;
        }
    }
    for (table, rows) in [
        (&schema::ADJUSTMENTS, adjustments),
        (&schema::ITEMS, items),
        (&schema::PAYMENTS, payments),
        (&schema::POSTINGS, postings),
        (&schema::SALES, sales),
    ] {
        if rows.count() > 0 {
            give(FileRows { table, store: Some(store), part, rows })?;
        }
    }
    Ok(())
}

fn by_key<E: From<WriteError>>(
    id: StoreId,
    store: &StoreCut,
    money_places: u32,
    give: &mut dyn FnMut(FileRows) -> Result<(), E>,
) -> Result<(), E> {
    let sku = |sku: &Sku| sku.as_str().as_bytes().to_vec();
    let stock = store.stock.values();
    let products = store.products.values();
    let mut customers: Vec<&CustomerRow> = store.customers.iter().collect();
    customers.sort_by_key(|row| row.customer);
    let key = |row: &&CustomerRow| row.customer.as_bytes().to_vec();
    let mut divide = Divide { store: id, money_places };
    divide.files(&schema::CUSTOMERS, customers.into_iter(), key, push_customer, give)?;
    divide.files(&schema::PRODUCTS, products, |row| sku(&row.sku), push_product, give)?;
    divide.files(&schema::STOCK, stock, |row| sku(&row.sku), push_stock, give)
}

/// Divides rows by a hash of their key, so that one changed row changes one small file.
struct Divide {
    store: StoreId,
    money_places: u32,
}

impl Divide {
    fn files<R: Copy, E: From<WriteError>>(
        &mut self,
        table: &'static Table,
        all: impl ExactSizeIterator<Item = R>,
        key: impl Fn(&R) -> Vec<u8>,
        push: impl Fn(&mut Rows, R) -> Result<(), WriteError>,
        give: &mut dyn FnMut(FileRows) -> Result<(), E>,
    ) -> Result<(), E> {
        let wanted = u64::try_from(all.len()).unwrap_or(u64::MAX) / limits::SNAPSHOT_KEY_ROWS;
        // A power of two, so that a table that grows is divided anew rarely.
        let files = (wanted + 1).next_power_of_two().min(limits::SNAPSHOT_KEY_FILES);
        let last = u8::try_from(files - 1).unwrap_or(u8::MAX);
        let mut parts = BTreeMap::<u8, Rows>::new();
        for row in all {
            // Files are a power of two: the hash's low bits say which.
            let [low, ..] = *blake3::hash(&key(&row)).as_bytes();
            let new = || Rows::new(table, self.money_places);
            push(parts.entry(low & last).or_insert_with(new), row)?;
        }
        for (index, rows) in parts {
            give(FileRows {
                table,
                store: Some(self.store),
                part: Part::Key { index, last },
                rows,
            })?;
        }
        Ok(())
    }
}

fn push_store(rows: &mut Rows, row: &StoreRow) -> Result<(), WriteError> {
    let settings = row.settings.as_ref();
    rows.push(
        "",
        [
            text(row.store),
            option(settings.map(|settings| &settings.name)),
            option(settings.map(|settings| settings.currency)),
            option(settings.map(|settings| settings.time_zone.as_str())),
        ],
    )
}

fn push_sale(
    rows: &mut Rows,
    row: &SaleRow,
    lines: usize,
    tenders: usize,
) -> Result<(), WriteError> {
    let places = rows.money_places();
    let count = |count: usize| Cell::Small(i32::try_from(count).unwrap_or(i32::MAX));
    let currency = row.total.currency();
    rows.push(
        currency.code(),
        [
            text(row.store),
            text(row.sale),
            day(row.business_date),
            Cell::Large(row.wall_time.as_millis()),
            text(match row.direction {
                Direction::Sale => "sale",
                Direction::Return => "return",
            }),
            text(&row.register),
            Cell::Large(i64::try_from(row.receipt_counter).unwrap_or(i64::MAX)),
            text(&row.receipt_number),
            text(row.device),
            text(&row.operator),
            text(row.shift),
            option(row.customer),
            text(currency),
            money(row.total, places),
            money(row.tax, places),
            money(row.rounding, places),
            count(lines),
            count(tenders),
        ],
    )
}

fn push_item(rows: &mut Rows, sale: &SaleRow, row: &ItemRow) -> Result<(), WriteError> {
    let places = rows.money_places();
    let currency = row.gross.currency();
    let rates: Vec<String> = row.taxes.iter().map(|(rate, _)| rate.to_string()).collect();
    let tax = row.taxes.iter().map(|(_, tax)| units(*tax, places)).sum();
    rows.push(
        currency.code(),
        [
            text(row.store),
            text(row.sale),
            Cell::Small(i32::try_from(row.position).unwrap_or(i32::MAX)),
            text(row.line),
            day(sale.business_date),
            text(&row.sku),
            text(&row.name),
            kind(row.kind),
            unit(row.unit),
            quantity(row.quantity),
            price(row.unit_price),
            money(row.discount, places),
            money(row.net, places),
            Cell::Decimal(tax),
            money(row.gross, places),
            text(rates.join(" ")),
            text(currency),
            option(row.override_reason.as_ref()),
            option(row.returns),
        ],
    )
}

fn push_payment(rows: &mut Rows, sale: &SaleRow, row: &PaymentRow) -> Result<(), WriteError> {
    let places = rows.money_places();
    let currency = row.tendered.currency();
    let (tendered, change) = (units(row.tendered, places), units(row.change, places));
    rows.push(
        currency.code(),
        [
            text(row.store),
            text(row.sale),
            Cell::Small(i32::try_from(row.position).unwrap_or(i32::MAX)),
            day(sale.business_date),
            option(row.payment),
            text(match row.tender {
                TenderKind::Cash => "cash",
                TenderKind::Card => "card",
            }),
            Cell::Decimal(tendered),
            Cell::Decimal(change),
            Cell::Decimal(tendered - change),
            text(currency),
            option(row.reference.as_ref()),
        ],
    )
}

fn push_adjustment(rows: &mut Rows, row: &AdjustmentRow) -> Result<(), WriteError> {
    rows.push(
        "",
        [
            text(row.store),
            text(row.adjustment),
            Cell::Small(i32::try_from(row.position).unwrap_or(i32::MAX)),
            day(row.business_date),
            Cell::Large(row.wall_time.as_millis()),
            text(row.device),
            text(&row.sku),
            kind(row.kind),
            quantity(row.quantity_change),
            text(&row.reason),
            text(&row.description),
        ],
    )
}

fn push_posting(rows: &mut Rows, row: &PostingRow) -> Result<(), WriteError> {
    let places = rows.money_places();
    let currency = row.amount.currency();
    rows.push(
        currency.code(),
        [
            text(row.store),
            text(row.posting),
            day(row.business_date),
            Cell::Large(row.wall_time.as_millis()),
            text(row.device),
            text(&row.account),
            text(&row.description),
            money(row.amount, places),
            text(currency),
        ],
    )
}

fn push_stock(rows: &mut Rows, row: &StockRow) -> Result<(), WriteError> {
    rows.push("", [text(row.store), text(&row.sku), quantity(row.on_hand)])
}

fn push_product(rows: &mut Rows, row: &ProductRow) -> Result<(), WriteError> {
    let gtins: Vec<String> = row.gtins.iter().map(ToString::to_string).collect();
    rows.push(
        "",
        [
            text(row.store),
            text(&row.sku),
            text(&row.name),
            text(gtins.join(" ")),
            row.price.map_or(Cell::Nothing, price),
            option(row.price.map(UnitPrice::currency)),
            kind(row.kind),
            unit(row.unit),
            text(&row.tax_category),
            Cell::Flag(row.active),
        ],
    )
}

fn push_customer(rows: &mut Rows, row: &CustomerRow) -> Result<(), WriteError> {
    rows.push(
        "",
        [
            text(row.store),
            text(row.customer),
            text(&row.name),
            text(&row.phone),
            text(&row.email),
            text(&row.loyalty_id),
        ],
    )
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "ids are copied, and a reference to a text is a text as well"
)]
fn text(value: impl ToString) -> Cell {
    Cell::Text(value.to_string())
}

fn option(value: Option<impl ToString>) -> Cell {
    value.map_or(Cell::Nothing, text)
}

fn day(date: BusinessDate) -> Cell {
    Cell::Small(date.days_since_epoch())
}

/// An amount in units of the last of `places` places.
pub(super) fn units(amount: Money, places: u32) -> i128 {
    let finer = places.saturating_sub(amount.currency().minor_units());
    i128::from(amount.minor()) * 10_i128.pow(finer)
}

fn money(amount: Money, places: u32) -> Cell {
    Cell::Decimal(units(amount, places))
}

fn price(price: UnitPrice) -> Cell {
    // Unit prices always have the four places of their column.
    Cell::Decimal(price.to_decimal().mantissa())
}

fn quantity(quantity: Quantity) -> Cell {
    Cell::Decimal(i128::from(quantity.thousandths()))
}

fn kind(kind: ProductKind) -> Cell {
    text(match kind {
        ProductKind::Stocked => "stocked",
        ProductKind::Service => "service",
    })
}

fn unit(unit: UnitOfMeasure) -> Cell {
    text(match unit {
        UnitOfMeasure::Each => "each",
        UnitOfMeasure::Kilogram => "kilogram",
        UnitOfMeasure::Litre => "litre",
        UnitOfMeasure::Metre => "metre",
    })
}
