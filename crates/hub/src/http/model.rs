//! What the API says, word by word. These names are a contract: the rows behind them may change.

use pos_core::cart::Direction;
use pos_core::money::Money;
use pos_core::product::{ProductKind, UnitOfMeasure};
use pos_core::quantity::Quantity;
use pos_core::transaction::TenderKind;
use pos_core::unit_price::UnitPrice;
use serde::Serialize;
use utoipa::ToSchema;

use crate::rows::{ItemRow, PaymentRow, SaleDocument};

/// An amount: exact decimal, and the currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Amount {
    /// Decimal, with the currency's places.
    #[schema(example = "12.50")]
    pub amount: String,
    /// ISO 4217.
    #[schema(example = "GBP")]
    pub currency: String,
}

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        Self { amount: money.to_decimal().to_string(), currency: money.currency().to_string() }
    }
}

impl From<UnitPrice> for Amount {
    fn from(price: UnitPrice) -> Self {
        Self { amount: price.to_decimal().to_string(), currency: price.currency().to_string() }
    }
}

/// A quantity as decimal text.
pub fn decimal(quantity: Quantity) -> String {
    quantity.to_decimal().normalize().to_string()
}

/// A completed sale or return.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SaleTransaction {
    /// Its id: 64 hexadecimal characters, equal on every till that holds it.
    pub transaction_id: String,
    /// The store.
    pub store_id: String,
    /// The till that signed it.
    pub device_id: String,
    /// `sale` or `return`.
    pub direction: &'static str,
    /// The register.
    pub register: String,
    /// The number printed on the receipt.
    pub receipt_number: String,
    /// The day it is booked on.
    #[schema(format = Date)]
    pub business_date: String,
    /// When, by the till's clock.
    #[schema(format = DateTime)]
    pub timestamp: String,
    /// The shift.
    pub shift_id: String,
    /// Who rang it up.
    pub operator: String,
    /// The customer, if one was named.
    pub customer_id: Option<String>,
    /// The lines.
    pub items: Vec<SaleItem>,
    /// What the lines come to with tax.
    pub total: Amount,
    /// The tax in it.
    pub tax: Amount,
    /// Cash rounding: total and rounding are what the payments settle.
    pub rounding: Amount,
    /// The payments.
    pub payments: Vec<Payment>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SaleItem {
    /// Place in the transaction, from 1.
    pub position: u32,
    /// The product.
    pub sku: String,
    /// Its name when it was sold.
    pub name: String,
    /// How much; below zero on a return.
    pub quantity: String,
    /// `each`, `kilogram`, `litre`, `metre`.
    pub unit: &'static str,
    /// Price of one unit before the discount.
    pub unit_price: Amount,
    /// Discount on the line.
    pub discount: Amount,
    /// Net part.
    pub net: Amount,
    /// What the customer owes for the line, tax included.
    pub gross: Amount,
    /// Why the price is not the list price.
    pub override_reason: Option<String>,
    /// The sale whose line comes back, when known.
    pub returns_transaction_id: Option<String>,
}

/// One payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    /// The record that asked the card reader; none for cash.
    pub payment_id: Option<String>,
    /// `cash` or `card`.
    pub tender: &'static str,
    /// What was handed over or charged.
    pub tendered: Amount,
    /// What of it was given back.
    pub change: Amount,
    /// The card terminal's reference.
    pub reference: Option<String>,
}

impl From<&SaleDocument> for SaleTransaction {
    fn from(document: &SaleDocument) -> Self {
        let sale = &document.sale;
        Self {
            transaction_id: sale.sale.to_string(),
            store_id: sale.store.to_string(),
            device_id: sale.device.to_string(),
            direction: match sale.direction {
                Direction::Sale => "sale",
                Direction::Return => "return",
            },
            register: sale.register.to_string(),
            receipt_number: sale.receipt_number.clone(),
            business_date: sale.business_date.to_string(),
            timestamp: sale.wall_time.to_string(),
            shift_id: sale.shift.to_string(),
            operator: sale.operator.to_string(),
            customer_id: sale.customer.map(|id| id.to_string()),
            items: document.items.iter().map(SaleItem::from).collect(),
            total: sale.total.into(),
            tax: sale.tax.into(),
            rounding: sale.rounding.into(),
            payments: document.payments.iter().map(Payment::from).collect(),
        }
    }
}

impl From<&ItemRow> for SaleItem {
    fn from(item: &ItemRow) -> Self {
        Self {
            position: item.position,
            sku: item.sku.to_string(),
            name: item.name.clone(),
            quantity: decimal(item.quantity),
            unit: unit(item.unit),
            unit_price: item.unit_price.into(),
            discount: item.discount.into(),
            net: item.net.into(),
            gross: item.gross.into(),
            override_reason: item.override_reason.clone(),
            returns_transaction_id: item.returns.map(|id| id.to_string()),
        }
    }
}

impl From<&PaymentRow> for Payment {
    fn from(payment: &PaymentRow) -> Self {
        Self {
            payment_id: payment.payment.map(|id| id.to_string()),
            tender: match payment.tender {
                TenderKind::Cash => "cash",
                TenderKind::Card => "card",
            },
            tendered: payment.tendered.into(),
            change: payment.change.into(),
            reference: payment.reference.clone(),
        }
    }
}

/// The word for a unit of measure.
pub const fn unit(unit: UnitOfMeasure) -> &'static str {
    match unit {
        UnitOfMeasure::Each => "each",
        UnitOfMeasure::Kilogram => "kilogram",
        UnitOfMeasure::Litre => "litre",
        UnitOfMeasure::Metre => "metre",
    }
}

/// The word for a kind of product.
pub const fn kind(kind: ProductKind) -> &'static str {
    match kind {
        ProductKind::Stocked => "stocked",
        ProductKind::Service => "service",
    }
}
