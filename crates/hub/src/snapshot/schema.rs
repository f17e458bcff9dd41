//! What stands in a snapshot: the tables, their columns, and how each is written in Parquet.
//!
//! The tables are a contract with those who read them: a column is never renamed or given another
//! meaning, and a new one is added at the end. `docs/snapshots.md` says the same for people; a test
//! compares the two.

use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::errors::ParquetError;
use parquet::schema::types::{Type, TypePtr};

/// Digits of every decimal, before and after the point together: the most Parquet's 128-bit decimals
/// hold, so that every amount a till can write fits.
pub const DECIMAL_DIGITS: i32 = 38;
/// Bytes of a decimal.
pub(super) const DECIMAL_BYTES: i32 = 16;
/// Places of a unit price.
pub(super) const PRICE_PLACES: u32 = 4;
/// Places of a quantity.
pub(super) const QUANTITY_PLACES: u32 = 3;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// A 32-bit whole number.
    Count,
    /// A 64-bit whole number.
    Number,
    /// True or false.
    Flag,
    /// A day, as days since 1970-01-01.
    Date,
    /// A moment in UTC, to the millisecond.
    Instant,
    /// An amount, in units of the currency; as many places as the finest currency of the snapshot.
    Money,
    /// A price of one unit: four places.
    Price,
    /// A quantity: three places.
    Quantity,
}

impl Kind {
    /// As the documentation calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Count => "int32",
            Self::Number => "int64",
            Self::Flag => "boolean",
            Self::Date => "date",
            Self::Instant => "timestamp (UTC, ms)",
            Self::Money => "decimal(38, money)",
            Self::Price => "decimal(38, 4)",
            Self::Quantity => "decimal(38, 3)",
        }
    }

    /// Places after the point, of a decimal.
    pub(super) const fn places(self, money_places: u32) -> Option<u32> {
        match self {
            Self::Money => Some(money_places),
            Self::Price => Some(PRICE_PLACES),
            Self::Quantity => Some(QUANTITY_PLACES),
            _ => None,
        }
    }
}

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether a row may be without.
    pub optional: bool,
    /// Whether the manifest says what its values sum to: money by currency, quantities at once.
    pub summed: bool,
    /// What it means, and in which unit.
    pub meaning: &'static str,
}

/// How the rows of one store are divided into files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Division {
    /// All stores in one file.
    Whole,
    /// By business date: the newest month by day, earlier months whole.
    Time,
    /// By a hash of the key, into as many files as the number of rows asks for.
    Key,
}

/// A table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Its name: the folder its files are in.
    pub name: &'static str,
    /// What one row is.
    pub row: &'static str,
    /// How it is divided.
    pub division: Division,
    /// Its columns, in order.
    pub columns: &'static [Column],
}

const fn must(name: &'static str, kind: Kind, meaning: &'static str) -> Column {
    Column { name, kind, optional: false, summed: false, meaning }
}

const fn may(name: &'static str, kind: Kind, meaning: &'static str) -> Column {
    Column { name, kind, optional: true, summed: false, meaning }
}

const fn sum(name: &'static str, kind: Kind, meaning: &'static str) -> Column {
    Column { name, kind, optional: false, summed: true, meaning }
}

const STORE: Column = must("store_id", Kind::Text, "the store, 32 hexadecimal digits");
const SALE: Column = must("sale_id", Kind::Text, "the sale, 64 hexadecimal digits");
const DAY: Column =
    must("business_date", Kind::Date, "the day it is booked on, a fact of the shift");
const DEVICE: Column = must("device_id", Kind::Text, "the device that signed the record");
const SKU: Column = must("sku", Kind::Text, "the shop's code of the product");
const KIND: Column = must("kind", Kind::Text, "`stocked` or `service`; a service has no stock");
const UNIT: Column =
    must("unit", Kind::Text, "what is counted: `each`, `kilogram`, `litre`, `metre`");
const CURRENCY: Column = must("currency", Kind::Text, "ISO 4217 code of every amount of the row");

/// One row for each completed sale or return.
pub const SALES: Table = Table {
    name: "sales",
    row: "a completed sale or return",
    division: Division::Time,
    columns: &[
        STORE,
        SALE,
        DAY,
        must("sold_at", Kind::Instant, "when, by the till's clock; shown, never decides"),
        must("direction", Kind::Text, "`sale` or `return`, of the whole receipt"),
        must("register", Kind::Text, "the register whose receipts are numbered without a gap"),
        must("receipt_counter", Kind::Number, "the number in that row of receipts, from 1"),
        must("receipt_number", Kind::Text, "the number as printed"),
        DEVICE,
        must("operator", Kind::Text, "who rang it up"),
        must("shift_id", Kind::Text, "the shift it belongs to"),
        may("customer_id", Kind::Text, "the customer, if one was named; joins `customers`"),
        CURRENCY,
        sum("total", Kind::Money, "what the lines come to with tax; below zero: paid back"),
        sum("tax", Kind::Money, "the tax in it"),
        sum("rounding", Kind::Money, "cash rounding: total + rounding is what was paid"),
        must("lines", Kind::Count, "rows of `items` it has"),
        must("tenders", Kind::Count, "rows of `payments` it has"),
    ],
};

/// One row for each line of a sale.
pub const ITEMS: Table = Table {
    name: "items",
    row: "a line of a sale or return",
    division: Division::Time,
    columns: &[
        STORE,
        SALE,
        must("line", Kind::Count, "place in the sale, from 1"),
        must("line_id", Kind::Text, "the line, 32 hexadecimal digits"),
        DAY,
        SKU,
        must("name", Kind::Text, "the product's name when it was sold"),
        KIND,
        UNIT,
        sum("quantity", Kind::Quantity, "how much went out; below zero: came back"),
        must("unit_price", Kind::Price, "price of one unit before the discount"),
        sum("discount", Kind::Money, "discount on the line; of the other sign than the price"),
        sum("net", Kind::Money, "what the line comes to without tax"),
        sum("tax", Kind::Money, "the tax on it, all rates together"),
        sum("gross", Kind::Money, "net + tax: what the customer owes for the line"),
        must("tax_rates", Kind::Text, "the rates that apply, separated by blanks"),
        CURRENCY,
        may("override_reason", Kind::Text, "why the price is not the list price"),
        may("returns_sale_id", Kind::Text, "the sale whose line comes back, when known"),
    ],
};

/// One row for each payment of a sale.
pub const PAYMENTS: Table = Table {
    name: "payments",
    row: "a payment of a sale or return",
    division: Division::Time,
    columns: &[
        STORE,
        SALE,
        must("payment", Kind::Count, "place in the sale, from 1"),
        DAY,
        may("payment_id", Kind::Text, "the record that asked the card reader; none for cash"),
        must("tender", Kind::Text, "`cash` or `card`"),
        sum("tendered", Kind::Money, "handed over or charged; below zero: paid out"),
        sum("change_given", Kind::Money, "what of it was given back"),
        sum("settled", Kind::Money, "tendered - change_given"),
        CURRENCY,
        may("reference", Kind::Text, "the card terminal's approval; never a card number"),
    ],
};

/// One row for each product of a correction of stock.
pub const ADJUSTMENTS: Table = Table {
    name: "adjustments",
    row: "one product of a correction of stock",
    division: Division::Time,
    columns: &[
        STORE,
        must("adjustment_id", Kind::Text, "the correction, 64 hexadecimal digits"),
        must("line", Kind::Count, "place in the correction, from 1"),
        DAY,
        must("adjusted_at", Kind::Instant, "when, by the device's clock"),
        DEVICE,
        SKU,
        KIND,
        sum("quantity_change", Kind::Quantity, "came in; below zero: went out"),
        must("reason", Kind::Text, "why"),
        must("description", Kind::Text, "what the person wrote beside it; may be empty"),
    ],
};

/// One row for each amount booked to an account.
pub const POSTINGS: Table = Table {
    name: "postings",
    row: "an amount booked to an account, without goods or receipt",
    division: Division::Time,
    columns: &[
        STORE,
        must("posting_id", Kind::Text, "the posting, 64 hexadecimal digits"),
        DAY,
        must("posted_at", Kind::Instant, "when, by the device's clock"),
        DEVICE,
        must("account", Kind::Text, "the account"),
        must("description", Kind::Text, "what for; may be empty"),
        sum("amount", Kind::Money, "how much; below zero takes from the day's value"),
        CURRENCY,
    ],
};

/// One row for each product a store ever moved.
pub const STOCK: Table = Table {
    name: "stock",
    row: "a product that ever moved in a store",
    division: Division::Key,
    columns: &[
        STORE,
        SKU,
        sum("on_hand", Kind::Quantity, "sum of all movements; below zero: more sold than known of"),
    ],
};

/// One row for each product of a store's price book.
pub const PRODUCTS: Table = Table {
    name: "products",
    row: "a product as a store sells it at the cut",
    division: Division::Key,
    columns: &[
        STORE,
        SKU,
        must("name", Kind::Text, "as printed"),
        must("gtins", Kind::Text, "barcodes, separated by blanks; may be empty"),
        may("price", Kind::Price, "price of one unit; none: the cashier enters it"),
        may("currency", Kind::Text, "ISO 4217 code of the price"),
        KIND,
        UNIT,
        must("tax_category", Kind::Text, "key of the tax rates that apply"),
        must("active", Kind::Flag, "whether it may be sold"),
    ],
};

/// One row for each store.
pub const STORES: Table = Table {
    name: "stores",
    row: "a store",
    division: Division::Whole,
    columns: &[
        STORE,
        may("name", Kind::Text, "over the door; none until its settings have arrived"),
        may("currency", Kind::Text, "ISO 4217 code of the currency it sells in"),
        may("time_zone", Kind::Text, "IANA name of where its clock hangs"),
    ],
};

/// One row for each customer of a store. Personal.
pub const CUSTOMERS: Table = Table {
    name: "customers",
    row: "a customer of a store at the cut; personal",
    division: Division::Key,
    columns: &[
        STORE,
        must("customer_id", Kind::Text, "random; nothing personal follows from it"),
        must("name", Kind::Text, "may be empty, as all that follow"),
        must("phone", Kind::Text, "phone number"),
        must("email", Kind::Text, "email address"),
        must("loyalty_id", Kind::Text, "number of the loyalty card"),
    ],
};

/// Every table, by name.
pub const TABLES: [&Table; 9] =
    [&ADJUSTMENTS, &CUSTOMERS, &ITEMS, &PAYMENTS, &POSTINGS, &PRODUCTS, &SALES, &STOCK, &STORES];

impl Table {
    /// The table of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        TABLES.into_iter().find(|table| table.name == name)
    }

    /// Its columns as Parquet knows them.
    pub(super) fn parquet(&self, money_places: u32) -> Result<TypePtr, ParquetError> {
        let fields = self
            .columns
            .iter()
            .map(|column| column.parquet(money_places).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Arc::new(Type::group_type_builder(self.name).with_fields(fields).build()?))
    }
}

impl Column {
    fn parquet(&self, money_places: u32) -> Result<Type, ParquetError> {
        let repetition = if self.optional { Repetition::OPTIONAL } else { Repetition::REQUIRED };
        let (physical, logical) = match self.kind {
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Kind::Count => (Physical::INT32, None),
            Kind::Number => (Physical::INT64, None),
            Kind::Flag => (Physical::BOOLEAN, None),
            Kind::Date => (Physical::INT32, Some(LogicalType::Date)),
            Kind::Instant => {
                (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS)))
            }
            Kind::Money | Kind::Price | Kind::Quantity => {
                return self.decimal(repetition, money_places);
            }
        };
        Type::primitive_type_builder(self.name, physical)
            .with_repetition(repetition)
            .with_logical_type(logical)
            .build()
    }

    fn decimal(&self, repetition: Repetition, money_places: u32) -> Result<Type, ParquetError> {
        let places = self.kind.places(money_places).unwrap_or_default();
        let places = i32::try_from(places)
            .map_err(|error| ParquetError::General(format!("{}: {error}", self.name)))?;
        Type::primitive_type_builder(self.name, Physical::FIXED_LEN_BYTE_ARRAY)
            .with_repetition(repetition)
            .with_logical_type(Some(LogicalType::decimal(places, DECIMAL_DIGITS)))
            .with_length(DECIMAL_BYTES)
            .with_precision(DECIMAL_DIGITS)
            .with_scale(places)
            .build()
    }
}
