//! From the rows of an invoice file to the documents a till rings up. Pure: the same rows give the
//! same plan, whatever a till holds.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use pos_core::business_date::BusinessDate;
use pos_core::cart::Direction;
use pos_core::ids::IdempotencyKey;
use pos_core::limits;
use pos_core::money::{Currency, Money, MoneyError};
use pos_core::product::{ProductKind, Sku};
use pos_core::quantity::Quantity;
use pos_core::rounding::Rounding;
use pos_core::transaction::TenderKind;
use pos_core::unit_price::UnitPrice;
use rust_decimal::Decimal;

use super::countries;
use super::range::DateRange;
use super::share::Share;
use crate::csv_file::{Column, CsvError, CsvFile, Row, RowError, clean};

/// Columns a file must have.
const COLUMNS: [&str; 6] =
    ["invoice", "stock_code", "description", "quantity", "invoice_date", "unit_price"];

/// A product the documents of a plan name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedProduct {
    /// Its code, upper case.
    pub sku: Sku,
    /// The first description the file gives it; its code if it gives none.
    pub name: String,
    /// A code that does not begin with a digit is a service: postage, a fee, a manual entry.
    pub kind: ProductKind,
    /// The first price above zero the file has for it.
    pub list_price: Option<UnitPrice>,
}

/// A line of a sale or return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GoodsLine {
    /// Index in [`Plan::products`].
    pub product: usize,
    /// Out or back.
    pub direction: Direction,
    /// How much, above zero.
    pub quantity: Quantity,
    /// The price on the invoice.
    pub unit_price: UnitPrice,
}

/// A line of a stock adjustment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockLine {
    /// Index in [`Plan::products`].
    pub product: usize,
    /// By how much the stock changes.
    pub quantity_change: Quantity,
    /// What the shop wrote beside it: `damages`, `?`. May be empty.
    pub description: String,
}

/// What an invoice becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A sale, or a return without its receipt: a receipt of its own.
    Receipt {
        /// Which.
        direction: Direction,
        /// How it is paid: cash and card take turns from receipt to receipt of the whole file.
        tender: TenderKind,
        /// Its lines, in the order of the file.
        lines: Vec<GoodsLine>,
    },
    /// A correction of stock.
    Adjustment {
        /// Its lines.
        lines: Vec<StockLine>,
    },
    /// A posting to an account.
    Posting {
        /// The stock code of its first row: the account.
        account: String,
        /// What its first row says.
        description: String,
        /// All rows together, each rounded to the minor unit.
        amount: Money,
    },
}

/// One invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its number, which is the name of the command that rings it up.
    pub invoice: IdempotencyKey,
    /// When, by the shop's clock: that of its first row.
    pub at: DateTime,
    /// The day it is booked on.
    pub business_date: BusinessDate,
    /// Whose it is: what the file's column `customer_id` says, the invoice where it says nothing.
    pub customer: String,
    /// Where to: what the file's column `country` says. May be empty.
    pub country: String,
    /// What it is.
    pub body: Body,
}

/// What a file comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Products, in the order the file names them; only some are used by a range's documents.
    pub products: Vec<PlannedProduct>,
    /// Documents, in the order of their first rows.
    pub documents: Vec<Document>,
    /// Rows that could not be used.
    pub faults: Vec<RowError>,
    /// Rows read.
    pub rows: u64,
}

impl Plan {
    /// Leaves out the countries of other stores. What each document is does not depend on it.
    pub fn take_countries(&mut self, store: Share) {
        let mut counts = BTreeMap::<&str, u64>::new();
        for document in &self.documents {
            let count = counts.entry(&document.country).or_default();
            *count = count.saturating_add(1);
        }
        let own = countries::of_store(&counts, store);
        self.documents.retain(|document| own.contains(&document.country));
    }

    /// Leaves out what falls to other shares. What each document is does not depend on it.
    pub fn take(&mut self, share: Share) {
        self.documents.retain(|document| share.takes(&document.customer));
    }
}

/// Reads a whole file and plans the invoices that are dated in `range`; prices are in `currency`.
/// `progress` is told the bytes read so far.
pub fn read(
    file: &mut CsvFile,
    currency: Currency,
    range: DateRange,
    mut progress: impl FnMut(u64),
) -> Result<Plan, CsvError> {
    let columns = Columns::of(file)?;
    let mut draft = Draft::new(currency);
    while let Some(row) = file.next_row()? {
        draft.take(columns.read(&row, currency));
        if draft.rows.is_multiple_of(4096) {
            progress(file.consumed());
        }
    }
    Ok(draft.finish(range))
}

#[derive(Debug, Clone, Copy)]
struct Columns {
    invoice: Column,
    stock_code: Column,
    description: Column,
    quantity: Column,
    invoice_date: Column,
    unit_price: Column,
    customer_id: Column,
    country: Column,
}

/// One row, read and checked by itself.
#[derive(Debug)]
struct Read {
    invoice: IdempotencyKey,
    sku: Sku,
    description: String,
    quantity: Quantity,
    at: DateTime,
    price: Decimal,
    amount: Money,
    customer: String,
    country: String,
    line: u64,
}

impl Columns {
    fn of(file: &CsvFile) -> Result<Self, CsvError> {
        Ok(Self {
            invoice: file.required("invoice", &COLUMNS)?,
            stock_code: file.required("stock_code", &COLUMNS)?,
            description: file.required("description", &COLUMNS)?,
            quantity: file.required("quantity", &COLUMNS)?,
            invoice_date: file.required("invoice_date", &COLUMNS)?,
            unit_price: file.required("unit_price", &COLUMNS)?,
            customer_id: file.optional("customer_id"),
            country: file.optional("country"),
        })
    }

    fn read(self, row: &Row<'_>, currency: Currency) -> Result<Read, RowError> {
        let invoice = IdempotencyKey::new(row.filled(self.invoice)?)
            .map_err(|_bad_name| row.error("invoice is not a number of letters and digits"))?;
        let sku = Sku::new(row.filled(self.stock_code)?).map_err(|error| row.error(&error))?;
        let quantity: Quantity =
            row.filled(self.quantity)?.parse().map_err(|error| row.error(&error))?;
        if quantity.is_zero() || quantity.thousandths() % Quantity::ONE.thousandths() != 0 {
            return Err(row.error(&format!("quantity {quantity} is not a whole number but 0")));
        }
        let at = self.moment(row)?;
        let price = self.price(row, &invoice, currency)?;
        let amount = amount(row, price, quantity, currency)?;
        let description = clean(row.text(self.description)?, limits::NAME_CHARS_MAX);
        let customer = clean(row.text(self.customer_id)?, limits::NAME_CHARS_MAX);
        let country = clean(row.text(self.country)?, limits::NAME_CHARS_MAX);
        let line = row.line();
        Ok(Read { invoice, sku, description, quantity, at, price, amount, customer, country, line })
    }

    fn moment(self, row: &Row<'_>) -> Result<DateTime, RowError> {
        let text = row.filled(self.invoice_date)?;
        let refused =
            || row.error(&format!("invoice_date {text:?} is not like 2010-12-01T08:26:00"));
        let at: DateTime = text.parse().map_err(|_not_a_date| refused())?;
        BusinessDate::from_date(at.date()).map_err(|_not_in_calendar| refused())?;
        Ok(at)
    }

    fn price(
        self,
        row: &Row<'_>,
        invoice: &IdempotencyKey,
        currency: Currency,
    ) -> Result<Decimal, RowError> {
        let text = row.filled(self.unit_price)?;
        let price = Decimal::from_str_exact(text)
            .map_err(|_not_decimal| row.error(&format!("unit_price {text:?} is not a number")))?;
        // Only an account is posted below zero.
        if price.is_sign_negative() && !price.is_zero() && is_posting(invoice) {
            return Ok(price);
        }
        UnitPrice::from_decimal(price, currency).map_err(|error| row.error(&error))?;
        Ok(price)
    }
}

/// What a row comes to, within the bounds of a line.
fn amount(
    row: &Row<'_>,
    price: Decimal,
    quantity: Quantity,
    currency: Currency,
) -> Result<Money, RowError> {
    let too_large = || row.error("quantity times unit_price is more than one line can hold");
    let exact = price.checked_mul(quantity.to_decimal()).ok_or_else(too_large)?;
    let amount = Money::round_from(exact, currency, Rounding::HalfUp)
        .map_err(|_overflow: MoneyError| too_large())?;
    let is_bounded = amount.minor().unsigned_abs() <= limits::AMOUNT_MINOR_MAX.unsigned_abs()
        && quantity.thousandths().unsigned_abs() <= limits::QUANTITY_THOUSANDTHS_MAX.unsigned_abs();
    if is_bounded { Ok(amount) } else { Err(too_large()) }
}

fn is_posting(invoice: &IdempotencyKey) -> bool {
    invoice.as_str().starts_with('A')
}

/// Rows of one invoice, in the order of the file.
#[derive(Debug)]
struct Group {
    invoice: IdempotencyKey,
    at: DateTime,
    customer: String,
    country: String,
    line: u64,
    rows: Vec<Kept>,
}

/// What is kept of a row until its invoice is complete.
#[derive(Debug)]
struct Kept {
    product: usize,
    quantity: Quantity,
    price: Decimal,
    amount: Money,
    /// Only where it may be needed: a sale prints the product's name.
    description: Option<Box<str>>,
}

#[derive(Debug)]
struct Draft {
    currency: Currency,
    products: Vec<PlannedProduct>,
    by_sku: BTreeMap<Sku, usize>,
    groups: Vec<Group>,
    by_invoice: BTreeMap<IdempotencyKey, usize>,
    faults: Vec<RowError>,
    rows: u64,
}

impl Draft {
    const fn new(currency: Currency) -> Self {
        Self {
            currency,
            products: Vec::new(),
            by_sku: BTreeMap::new(),
            groups: Vec::new(),
            by_invoice: BTreeMap::new(),
            faults: Vec::new(),
            rows: 0,
        }
    }

    fn take(&mut self, read: Result<Read, RowError>) {
        self.rows = self.rows.saturating_add(1);
        match read {
            Ok(read) => self.keep(read),
            Err(fault) => self.faults.push(fault),
        }
    }

    fn keep(&mut self, read: Read) {
        let posting = is_posting(&read.invoice);
        let product = self.product(&read, posting);
        let kept = Kept {
            product,
            quantity: read.quantity,
            price: read.price,
            amount: read.amount,
            description: (posting || read.price.is_zero())
                .then(|| read.description.into_boxed_str()),
        };
        let fresh = self.groups.len();
        let at = *self.by_invoice.entry(read.invoice.clone()).or_insert(fresh);
        if let Some(group) = self.groups.get_mut(at) {
            group.rows.push(kept);
        } else {
            let (rows, line) = (vec![kept], read.line);
            let Read { invoice, at, customer, country, .. } = read;
            self.groups.push(Group { invoice, at, customer, country, line, rows });
        }
    }

    /// The product of a row; its name and price are those of the first row that has them.
    fn product(&mut self, read: &Read, posting: bool) -> usize {
        let fresh = self.products.len();
        let at = *self.by_sku.entry(read.sku.clone()).or_insert(fresh);
        if at == fresh {
            let is_goods = read.sku.as_str().starts_with(|first: char| first.is_ascii_digit());
            self.products.push(PlannedProduct {
                sku: read.sku.clone(),
                name: String::new(),
                kind: if is_goods { ProductKind::Stocked } else { ProductKind::Service },
                list_price: None,
            });
        }
        if let Some(product) = self.products.get_mut(at) {
            if product.name.is_empty() {
                product.name.clone_from(&read.description);
            }
            if product.list_price.is_none() && !posting && !read.price.is_zero() {
                product.list_price = UnitPrice::from_decimal(read.price, self.currency).ok();
            }
        }
        at
    }

    fn finish(mut self, range: DateRange) -> Plan {
        for product in &mut self.products {
            if product.name.is_empty() {
                product.name = product.sku.to_string();
            }
        }
        let mut documents = Vec::new();
        let mut receipts = 0_u64;
        for group in core::mem::take(&mut self.groups) {
            let body = match self.body(&group, receipts) {
                Ok(body) => body,
                Err(reason) => {
                    let reason = format!("invoice {}: {reason}", group.invoice);
                    self.faults.push(RowError { line: group.line, reason });
                    continue;
                }
            };
            receipts = receipts.saturating_add(u64::from(matches!(body, Body::Receipt { .. })));
            if let Ok(business_date) = BusinessDate::from_date(group.at.date())
                && range.contains(group.at)
            {
                let Group { invoice, at, customer, country, .. } = group;
                let nobody = customer.is_empty();
                let customer = if nobody { invoice.to_string() } else { customer };
                documents.push(Document { invoice, at, business_date, customer, country, body });
            }
        }
        self.faults.sort_by_key(|fault| fault.line);
        Plan { products: self.products, documents, faults: self.faults, rows: self.rows }
    }

    /// What a complete invoice becomes, `receipts` receipts into the file.
    fn body(&self, group: &Group, receipts: u64) -> Result<Body, String> {
        let (kind, rows) = (kind(group), group.rows.len());
        let most = match kind {
            Kind::Receipt(_) => limits::LINES_MAX,
            Kind::Adjustment => limits::ADJUSTMENT_LINES_MAX,
            Kind::Posting => usize::MAX,
        };
        if rows > most {
            return Err(format!("{rows} rows are more than the {most} one document holds"));
        }
        Ok(match kind {
            Kind::Adjustment => adjustment(group),
            Kind::Posting => self.posting(group).map_err(|error| error.to_string())?,
            Kind::Receipt(direction) => {
                let is_even = receipts.is_multiple_of(2);
                let tender = if is_even { TenderKind::Cash } else { TenderKind::Card };
                Body::Receipt { direction, tender, lines: self.goods(group) }
            }
        })
    }

    fn goods(&self, group: &Group) -> Vec<GoodsLine> {
        let lines = group.rows.iter().filter_map(|row| {
            let direction =
                if row.quantity.is_negative() { Direction::Return } else { Direction::Sale };
            let quantity = match direction {
                Direction::Sale => row.quantity,
                Direction::Return => row.quantity.checked_neg().ok()?,
            };
            // Every price was checked when its row was read.
            let unit_price = UnitPrice::from_decimal(row.price, self.currency).ok()?;
            Some(GoodsLine { product: row.product, direction, quantity, unit_price })
        });
        lines.collect()
    }

    fn posting(&self, group: &Group) -> Result<Body, MoneyError> {
        let first = group.rows.first();
        let product = first.and_then(|row| self.products.get(row.product));
        Ok(Body::Posting {
            account: product.map_or_else(String::new, |product| product.sku.to_string()),
            description: first.and_then(|row| row.description.as_deref()).unwrap_or("").to_owned(),
            amount: Money::sum(group.rows.iter().map(|row| row.amount), self.currency)?,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Receipt(Direction),
    Adjustment,
    Posting,
}

/// The first rule that fits decides.
fn kind(group: &Group) -> Kind {
    if group.rows.iter().all(|row| row.price.is_zero()) {
        Kind::Adjustment
    } else if group.invoice.as_str().starts_with('C') {
        Kind::Receipt(Direction::Return)
    } else if is_posting(&group.invoice) {
        Kind::Posting
    } else {
        Kind::Receipt(Direction::Sale)
    }
}

fn adjustment(group: &Group) -> Body {
    let lines = group.rows.iter().map(|row| StockLine {
        product: row.product,
        quantity_change: row.quantity,
        description: row.description.as_deref().unwrap_or("").to_owned(),
    });
    Body::Adjustment { lines: lines.collect() }
}

#[cfg(test)]
mod tests;
