//! The rows head office reads: what the entries of all stores come to, flat and typed.
//!
//! A row names its store first: no query and no transaction ever spans two stores. Money is exact
//! ([`Money`]: whole minor units and a currency), quantities are thousandths, dates are the business
//! dates of the shifts. Rows derive from entries alone, so two hubs that hold the same entries have
//! the same rows.

use std::collections::BTreeSet;

use pos_core::business_date::{BusinessDate, TimeZoneName, WallTime};
use pos_core::cart::Direction;
use pos_core::gtin::Gtin;
use pos_core::ids::{CustomerId, DeviceId, LineId, OperatorId, RecordId, RegisterId, StoreId};
use pos_core::money::{Currency, Money};
use pos_core::product::{ProductKind, Sku, UnitOfMeasure};
use pos_core::quantity::Quantity;
use pos_core::tax::TaxRateId;
use pos_core::transaction::{ReceiptCounter, TenderKind};
use pos_core::unit_price::UnitPrice;
use replica::core::{EntryId, FeedId, Role};

/// A store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreRow {
    /// Its id.
    pub store: StoreId,
    /// What it is called and how it sells; `None` until that entry has arrived.
    pub settings: Option<StoreFacts>,
}

/// What a store's settings say that head office asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreFacts {
    /// Name over the door.
    pub name: String,
    /// The currency it sells in.
    pub currency: Currency,
    /// Where its clock hangs: for showing times.
    pub time_zone: TimeZoneName,
}

/// A completed sale or return, without its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleRow {
    /// Where it was sold.
    pub store: StoreId,
    /// The record's id: equal on every device that holds it.
    pub sale: RecordId,
    /// The till that signed it.
    pub device: DeviceId,
    /// Sale or return.
    pub direction: Direction,
    /// The register whose receipt series it is in.
    pub register: RegisterId,
    /// Its number in that series.
    pub receipt_counter: ReceiptCounter,
    /// The receipt's number as printed.
    pub receipt_number: String,
    /// The day it is booked on.
    pub business_date: BusinessDate,
    /// The shift.
    pub shift: RecordId,
    /// Who rang it up.
    pub operator: OperatorId,
    /// The customer, if one was named.
    pub customer: Option<CustomerId>,
    /// What the lines come to with tax; below zero when the customer was paid.
    pub total: Money,
    /// The tax in it.
    pub tax: Money,
    /// Cash rounding: `total + rounding` is what the payments settle.
    pub rounding: Money,
    /// When, by the till's clock.
    pub wall_time: WallTime,
}

/// One line of a sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemRow {
    /// Where it was sold.
    pub store: StoreId,
    /// The sale.
    pub sale: RecordId,
    /// Place of the line in its sale, from 1.
    pub position: u32,
    /// The line's id.
    pub line: LineId,
    /// The product.
    pub sku: Sku,
    /// Its name when it was sold.
    pub name: String,
    /// Goods or service.
    pub kind: ProductKind,
    /// What the quantity counts.
    pub unit: UnitOfMeasure,
    /// How much; below zero on a return.
    pub quantity: Quantity,
    /// Price of one unit, before the discount.
    pub unit_price: UnitPrice,
    /// Discount on the line.
    pub discount: Money,
    /// Net part.
    pub net: Money,
    /// Tax by rate.
    pub taxes: Vec<(TaxRateId, Money)>,
    /// What the customer owes for the line: net and all taxes.
    pub gross: Money,
    /// Why the price is not the list price.
    pub override_reason: Option<String>,
    /// The sale whose line comes back, when known.
    pub returns: Option<RecordId>,
}

/// One payment of a sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRow {
    /// Where.
    pub store: StoreId,
    /// The sale.
    pub sale: RecordId,
    /// Place of the payment in its sale, from 1.
    pub position: u32,
    /// The record that asked the card reader; `None` for cash.
    pub payment: Option<RecordId>,
    /// Cash or card.
    pub tender: TenderKind,
    /// What was handed over or charged; below zero when the customer is paid.
    pub tendered: Money,
    /// What of it was given back.
    pub change: Money,
    /// The card terminal's reference.
    pub reference: Option<String>,
}

/// A sale with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleDocument {
    /// The sale.
    pub sale: SaleRow,
    /// Its lines, by position.
    pub items: Vec<ItemRow>,
    /// Its payments, by position.
    pub payments: Vec<PaymentRow>,
}

/// One product of a correction of stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdjustmentRow {
    /// Where.
    pub store: StoreId,
    /// The correction's record.
    pub adjustment: RecordId,
    /// Place of the line in it, from 1.
    pub position: u32,
    /// Who wrote it.
    pub device: DeviceId,
    /// The product.
    pub sku: Sku,
    /// Goods or service; a service moves nothing.
    pub kind: ProductKind,
    /// How much came in (above zero) or went out (below).
    pub quantity_change: Quantity,
    /// Why.
    pub reason: String,
    /// What the person wrote beside the product.
    pub description: String,
    /// The day it is booked on.
    pub business_date: BusinessDate,
    /// When, by the device's clock.
    pub wall_time: WallTime,
}

/// An amount booked to an account: no goods, no receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostingRow {
    /// Where.
    pub store: StoreId,
    /// The record.
    pub posting: RecordId,
    /// Who wrote it.
    pub device: DeviceId,
    /// The account.
    pub account: String,
    /// What for.
    pub description: String,
    /// How much; below zero takes from the day's value.
    pub amount: Money,
    /// The day it is booked on.
    pub business_date: BusinessDate,
    /// When, by the device's clock.
    pub wall_time: WallTime,
}

/// A product as a store sells it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductRow {
    /// Where.
    pub store: StoreId,
    /// The shop's code.
    pub sku: Sku,
    /// Name, as printed.
    pub name: String,
    /// Barcodes.
    pub gtins: BTreeSet<Gtin>,
    /// Price of one unit; `None`: the cashier enters it.
    pub price: Option<UnitPrice>,
    /// Goods or service.
    pub kind: ProductKind,
    /// Unit of measure.
    pub unit: UnitOfMeasure,
    /// Key of its tax rates.
    pub tax_category: String,
    /// Whether it may be sold.
    pub active: bool,
}

/// How much of a product a store has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockRow {
    /// Where.
    pub store: StoreId,
    /// The product.
    pub sku: Sku,
    /// The sum of all movements; below zero when more was sold than was known to be there.
    pub on_hand: Quantity,
}

/// What a store did on one day, in its own currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayRow {
    /// Where.
    pub store: StoreId,
    /// The day.
    pub business_date: BusinessDate,
    /// Receipts with goods that went out.
    pub sales: u64,
    /// What those goods came to with tax.
    pub sales_amount: Money,
    /// Receipts with goods that came back.
    pub returns: u64,
    /// What those came to: below zero.
    pub returns_amount: Money,
    /// Sales less returns, with tax.
    pub sales_value: Money,
    /// The tax in it.
    pub tax: Money,
    /// Account postings.
    pub postings: u64,
    /// What they came to.
    pub postings_amount: Money,
    /// Sales less returns plus postings.
    pub total: Money,
    /// Corrections of stock.
    pub adjustments: u64,
    /// Stocked goods that went out.
    pub units_sold: Quantity,
    /// Stocked goods that came back.
    pub units_returned: Quantity,
}

/// A customer as its document says now. Personal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerRow {
    /// The store whose customer it is.
    pub store: StoreId,
    /// Its id.
    pub customer: CustomerId,
    /// Name; empty when nobody filled it in.
    pub name: String,
    /// Phone number.
    pub phone: String,
    /// Email address.
    pub email: String,
    /// Number of the loyalty card.
    pub loyalty_id: String,
}

/// A device of a store, and how much of what it wrote has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRow {
    /// Its store.
    pub store: StoreId,
    /// Its key.
    pub device: DeviceId,
    /// What it is called.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// It founded the store.
    pub founder: bool,
    /// It was shut out.
    pub revoked: bool,
    /// Entries of it that are held, all lives and lanes together.
    pub entries: u64,
    /// Nothing in between is missing.
    pub is_whole: bool,
    /// The clock of its newest entry held. Lag is how long ago that was: it says when the device was
    /// last heard of, and nothing of what it may have sold since.
    pub last_written: Option<WallTime>,
}

/// Something that should not be and that a person has to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExceptionRow {
    /// Where.
    pub store: StoreId,
    /// Derived from its kind and subject: equal on every replica.
    pub id: [u8; 16],
    /// What is wrong, in words.
    pub text: String,
}

/// An end of a feed: everything up to it that is not said to be missing is in the rows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FeedHead {
    /// Who wrote, in which life, on which lane.
    pub feed: FeedId,
    /// Number of the last entry.
    pub seq: u64,
    /// The last entry.
    pub head: EntryId,
    /// Runs before it that are named but not held. Zero: nothing is missing.
    pub gaps: u64,
}
