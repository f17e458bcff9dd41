//! A receipt as a document: what it says, not how a printer says it.
//!
//! Built from the transaction alone, so that a copy printed a year later says what the original
//! said, with the word "copy" on it.

mod report;
mod witness;

pub use report::{ReportDocument, ReportKind};
pub use witness::{ReceiptWitness, ReceiptWitnessError};

use serde::{Deserialize, Serialize};

use crate::business_date::BusinessDate;
use crate::cart::Direction;
use crate::ids::{OperatorId, RecordId, RegisterId};
use crate::money::{Money, MoneyError};
use crate::product::{Sku, UnitOfMeasure};
use crate::quantity::Quantity;
use crate::store::StoreSettings;
use crate::tax::{Percent, PriceTax, TaxRateId};
use crate::transaction::{ReceiptNumber, Recorded, SaleItem, SaleTransaction, TenderKind};
use crate::unit_price::UnitPrice;

/// Whether this is the receipt or a copy of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReceiptEdition {
    /// Printed for the first time.
    Original,
    /// Printed again.
    Copy,
}

/// A word that must stand out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ReceiptMark {
    /// Not the original.
    Copy,
    /// The customer is paid.
    Return,
    /// One device stores the sale: it is lost if that device is, and the paper is then its witness.
    #[serde(rename = "THIS TILL ONLY")]
    ThisTillOnly,
}

impl ReceiptMark {
    /// The word in English.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Copy => "COPY",
            Self::Return => "RETURN",
            Self::ThisTillOnly => "STORED ON THIS TILL ONLY",
        }
    }
}

/// When the sale was made, in the store's time zone, as it is to be printed. The core has no time
/// zone data: whoever has turns the transaction's wall time into these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LocalTime {
    /// `01.12.2010`, in the way of the country.
    pub date: String,
    /// `08:26`.
    pub time: String,
}

/// One line of goods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptItem {
    /// The shop's code.
    pub sku: Sku,
    /// Name.
    pub name: String,
    /// How much; negative when it comes back.
    pub quantity: Quantity,
    /// Unit of measure.
    pub unit: UnitOfMeasure,
    /// Price of one unit.
    pub unit_price: UnitPrice,
    /// Unit price times quantity.
    pub extended: Money,
    /// Discount, if one was given.
    pub discount: Option<Money>,
    /// What is charged: with tax when prices include it, else without.
    pub amount: Money,
    /// The rates it bears, as keys into the tax table below.
    pub rates: Vec<TaxRateId>,
}

/// One row of the tax table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptTax {
    /// The rate.
    pub rate: TaxRateId,
    /// Its percentage.
    pub percent: Percent,
    /// Net of the goods that bear it.
    pub taxable: Money,
    /// The tax.
    pub tax: Money,
}

/// One payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptTender {
    /// Cash or card.
    pub kind: TenderKind,
    /// What was handed over or charged; negative when the customer is paid.
    pub amount: Money,
    /// Approval code.
    pub reference: Option<String>,
}

/// A receipt, from top to bottom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptDocument {
    /// Words that must stand out.
    pub marks: Vec<ReceiptMark>,
    /// The store's name.
    pub store: String,
    /// Address, company and tax number.
    pub header: Vec<String>,
    /// The receipt's number.
    pub number: ReceiptNumber,
    /// The record it is the receipt of.
    pub transaction: RecordId,
    /// The register.
    pub register: RegisterId,
    /// Who served.
    pub operator: OperatorId,
    /// What the cart was called, or why goods came back; may be empty.
    pub label: String,
    /// The day it is booked on, which after midnight is not the date.
    pub business_date: BusinessDate,
    /// Date and time in the store.
    pub local_time: LocalTime,
    /// The goods.
    pub items: Vec<ReceiptItem>,
    /// What the goods come to before tax, when tax comes on top.
    pub subtotal: Option<Money>,
    /// What they come to with tax.
    pub total: Money,
    /// The tax by rate.
    pub taxes: Vec<ReceiptTax>,
    /// Cash rounding, when there was one.
    pub rounding: Option<Money>,
    /// What was to be paid: total and rounding.
    pub payable: Money,
    /// The payments.
    pub tenders: Vec<ReceiptTender>,
    /// Change; `None` when none was given.
    pub change: Option<Money>,
    /// Thanks, opening hours, return policy.
    pub footer: Vec<String>,
}

impl ReceiptDocument {
    /// The document with the mark [`ReceiptMark::ThisTillOnly`] if that is so: `devices` is the number
    /// of devices that stored the sale when the receipt was printed, this one included.
    #[must_use]
    pub fn stored_on(mut self, devices: usize) -> Self {
        self.marks.retain(|&mark| mark != ReceiptMark::ThisTillOnly);
        if devices <= 1 {
            self.marks.push(ReceiptMark::ThisTillOnly);
        }
        self
    }

    /// The same receipt as a copy. Where the sale was stored when the original was printed is not
    /// what a copy says.
    #[must_use]
    pub fn into_copy(mut self) -> Self {
        self.marks.retain(|mark| matches!(mark, ReceiptMark::Return));
        self.marks.insert(0, ReceiptMark::Copy);
        self
    }

    /// Whether it says that it is a copy.
    pub fn is_copy(&self) -> bool {
        self.marks.contains(&ReceiptMark::Copy)
    }

    /// What its QR code says.
    pub fn witness(&self) -> ReceiptWitness {
        let entry = self.transaction.as_bytes().first_chunk().copied().unwrap_or_default();
        ReceiptWitness { number: self.number.clone(), total: self.payable, entry }
    }
}

/// The receipt of a transaction.
pub fn receipt(
    sale: &Recorded<SaleTransaction>,
    settings: &StoreSettings,
    local_time: LocalTime,
    edition: ReceiptEdition,
) -> Result<ReceiptDocument, MoneyError> {
    let number = sale.receipt_number();
    let transaction = sale.id;
    let sale = &sale.record;
    let mut marks = Vec::new();
    if edition == ReceiptEdition::Copy {
        marks.push(ReceiptMark::Copy);
    }
    if sale.direction == Direction::Return {
        marks.push(ReceiptMark::Return);
    }
    let amounts = sale.items.iter().map(|item| item.amount);
    let subtotal = match sale.prices {
        PriceTax::Inclusive => None,
        PriceTax::Exclusive => Some(Money::sum(amounts, sale.currency())?),
    };
    let change = Money::sum(sale.payments.iter().map(|p| p.change), sale.currency())?;
    let taxes = sale.tax_summary.iter().map(|row| ReceiptTax {
        rate: row.rate.clone(),
        percent: row.percent,
        taxable: row.taxable,
        tax: row.tax,
    });
    let tenders = sale.payments.iter().map(|payment| ReceiptTender {
        kind: payment.kind,
        amount: payment.tendered,
        reference: payment.reference.clone(),
    });
    Ok(ReceiptDocument {
        marks,
        store: settings.name.clone(),
        header: settings.receipt_header.clone(),
        number,
        transaction,
        register: sale.register.clone(),
        operator: sale.operator.clone(),
        label: sale.label.clone(),
        business_date: sale.business_date,
        local_time,
        items: sale.items.iter().map(receipt_item).collect::<Result<_, _>>()?,
        subtotal,
        total: sale.total,
        taxes: taxes.collect(),
        rounding: (!sale.rounding.is_zero()).then_some(sale.rounding),
        payable: sale.settled()?,
        tenders: tenders.collect(),
        change: (!change.is_zero()).then_some(change),
        footer: settings.receipt_footer.clone(),
    })
}

fn receipt_item(item: &SaleItem) -> Result<ReceiptItem, MoneyError> {
    Ok(ReceiptItem {
        sku: item.product.sku.clone(),
        name: item.product.name.clone(),
        quantity: item.quantity,
        unit: item.product.unit,
        unit_price: item.unit_price,
        extended: item.extended()?,
        discount: (!item.discount.is_zero()).then_some(item.discount),
        amount: item.amount,
        rates: item.taxes.iter().map(|(rate, _)| rate.clone()).collect(),
    })
}
