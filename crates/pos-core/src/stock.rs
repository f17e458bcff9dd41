//! What changes stock and accounts beside sales.
//!
//! On hand of a SKU is the sum of all movements: goods sold (below zero), goods returned, and
//! adjustments. Services never move stock.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::business_date::{BusinessDate, WallTime};
use crate::cart::{CartView, Direction};
use crate::ids::IdempotencyKey;
use crate::limits;
use crate::money::Money;
use crate::price_book::PriceBook;
use crate::product::{ProductKind, Sku};
use crate::quantity::{Quantity, QuantityError};
use crate::store::{OversellPolicy, StoreSettings};
use crate::text::{self, TextError};
use crate::transaction::SaleTransaction;

/// Why an adjustment or posting cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StockError {
    /// No lines.
    #[error("the adjustment has no lines")]
    Empty,
    /// Too many lines.
    #[error("the adjustment has more than {max} lines; split it", max = limits::ADJUSTMENT_LINES_MAX)]
    TooManyLines,
    /// More than a line may hold.
    #[error("the quantity of {0} is too large")]
    TooMuch(Sku),
    /// A text is too long or has control characters.
    #[error(transparent)]
    Text(#[from] TextError),
}

/// One product whose stock is corrected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdjustmentLine {
    /// The product.
    pub sku: Sku,
    /// Whether it has stock at all; a service is kept for the books and moves nothing.
    pub kind: ProductKind,
    /// How much comes in (above zero) or goes out (below).
    pub quantity_change: Quantity,
    /// What the person wrote beside it: `damaged`, `found`. May be empty.
    pub description: String,
}

/// A correction of stock without a sale: goods received, damaged, lost, found, counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryAdjustment {
    /// The products.
    pub lines: Vec<AdjustmentLine>,
    /// Why.
    pub reason: String,
    /// The day it is booked on.
    pub business_date: BusinessDate,
    /// The command's own name.
    pub idempotency_key: Option<IdempotencyKey>,
    /// When, by the device's clock.
    pub wall_time: WallTime,
}

impl InventoryAdjustment {
    /// Whether every bound is kept.
    pub fn check(&self) -> Result<(), StockError> {
        if self.lines.is_empty() {
            return Err(StockError::Empty);
        }
        if self.lines.len() > limits::ADJUSTMENT_LINES_MAX {
            return Err(StockError::TooManyLines);
        }
        text::check("reason", &self.reason, limits::REASON_CHARS_MAX)?;
        for line in &self.lines {
            text::check("description", &line.description, limits::NAME_CHARS_MAX)?;
            let thousandths = line.quantity_change.thousandths().unsigned_abs();
            if thousandths > limits::QUANTITY_THOUSANDTHS_MAX.unsigned_abs() {
                return Err(StockError::TooMuch(line.sku.clone()));
            }
        }
        Ok(())
    }

    /// How it moves stock.
    pub fn movements(&self) -> impl Iterator<Item = (Sku, Quantity)> {
        self.lines
            .iter()
            .filter(|line| line.kind == ProductKind::Stocked)
            .map(|line| (line.sku.clone(), line.quantity_change))
    }
}

/// An amount booked to an account: bad debt, a bank charge. No goods, no tender, no receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountPosting {
    /// Code or name of the account.
    pub account: String,
    /// What it is for. May be empty.
    pub description: String,
    /// How much; below zero takes from the day's value.
    pub amount: Money,
    /// The day it is booked on.
    pub business_date: BusinessDate,
    /// The command's own name.
    pub idempotency_key: Option<IdempotencyKey>,
    /// When, by the device's clock.
    pub wall_time: WallTime,
}

impl AccountPosting {
    /// Whether every bound is kept.
    pub fn check(&self) -> Result<(), TextError> {
        text::check("account", &self.account, limits::NAME_CHARS_MAX)?;
        text::check("description", &self.description, limits::NAME_CHARS_MAX)
    }
}

/// A product of which a cart holds more than there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shortage {
    /// The product.
    pub sku: Sku,
    /// What the cart takes, returns in it deducted.
    pub wanted: Quantity,
    /// What the books say is there.
    pub on_hand: Quantity,
    /// Whether the cashier is told ([`OversellPolicy::Warn`]) or stopped
    /// ([`OversellPolicy::Block`]).
    pub policy: OversellPolicy,
}

/// The products a cart oversells, by SKU; those that may be oversold are left out. A till cut off
/// from the others can only go by the books it has: what several sell at once shows as stock below
/// zero afterwards.
pub fn shortages(
    cart: &CartView,
    book: &PriceBook,
    settings: &StoreSettings,
    on_hand: impl Fn(&Sku) -> Quantity,
) -> Result<Vec<Shortage>, QuantityError> {
    let policy_of = |sku: &Sku| {
        book.product(sku).and_then(|product| product.oversell).unwrap_or(settings.oversell)
    };
    let mut wanted = BTreeMap::<&Sku, (Quantity, OversellPolicy)>::new();
    for line in cart.live_lines().filter(|line| line.product.kind == ProductKind::Stocked) {
        let sku = &line.product.sku;
        let policy = policy_of(sku);
        if policy == OversellPolicy::Allow {
            continue;
        }
        let (sum, _) = wanted.entry(sku).or_insert((Quantity::ZERO, policy));
        *sum = match line.product.direction {
            Direction::Sale => sum.checked_add(line.quantity)?,
            Direction::Return => sum.checked_sub(line.quantity)?,
        };
    }
    Ok(wanted
        .into_iter()
        .map(|(sku, (wanted, policy))| Shortage {
            sku: sku.clone(),
            wanted,
            on_hand: on_hand(sku),
            policy,
        })
        .filter(|short| short.wanted > Quantity::ZERO && short.wanted > short.on_hand)
        .collect())
}

/// How a transaction moves stock: sold goods go out (below zero), returned goods come in.
pub fn stock_movements(sale: &SaleTransaction) -> impl Iterator<Item = (Sku, Quantity)> {
    sale.items.iter().filter(|item| item.product.kind == ProductKind::Stocked).map(|item| {
        // Quantities of a checked transaction are bounded far from where this could overflow.
        let moved = item.quantity.thousandths().saturating_neg();
        (item.product.sku.clone(), Quantity::from_thousandths(moved))
    })
}
