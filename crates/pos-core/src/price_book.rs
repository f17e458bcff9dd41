//! The price book: what the shop sells, as the edits of all devices make it.
//!
//! Every field of a product has one winner among the edits that set it: the highest
//! [`EditStamp`]. The book is therefore the same whatever order the edits arrive in, and however
//! often one arrives. Wall time has no say: a till whose clock is ten years ahead wins nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::gtin::Gtin;
use crate::ids::DeviceId;
use crate::limits;
use crate::product::{ProductKind, Sku, UnitOfMeasure};
use crate::store::OversellPolicy;
use crate::text::{self, TextError};
use crate::unit_price::UnitPrice;

/// 1 + the number of the edit whose value this edit replaces; 1 for the first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct EditNumber(pub u64);

impl EditNumber {
    /// The number of an edit that replaces a value of this number.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Orders edits of one field: by edit number, then Lamport time, then device. Never by wall time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EditStamp {
    /// Number of the edit.
    pub edit: EditNumber,
    /// Lamport time of the entry that holds it.
    pub lamport: u64,
    /// Device that signed it.
    pub device: DeviceId,
}

/// A new value for a field that may also be without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Assign<T> {
    /// From now on the field has no value.
    Clear,
    /// From now on it has this one.
    Set(T),
}

impl<T> Assign<T> {
    fn into_option(self) -> Option<T> {
        match self {
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }
}

/// The fields an edit sets; `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProductFields {
    /// Name, as printed.
    #[serde(default)]
    pub name: Option<String>,
    /// Barcodes.
    #[serde(default)]
    pub gtins: Option<BTreeSet<Gtin>>,
    /// Price of one unit; cleared: the cashier enters it.
    #[serde(default)]
    pub price: Option<Assign<UnitPrice>>,
    /// Goods or service.
    #[serde(default)]
    pub kind: Option<ProductKind>,
    /// Unit of measure.
    #[serde(default)]
    pub unit: Option<UnitOfMeasure>,
    /// Key of the tax rates that apply.
    #[serde(default)]
    pub tax_category: Option<String>,
    /// What happens when stock runs out; cleared: what the store says.
    #[serde(default)]
    pub oversell: Option<Assign<OversellPolicy>>,
    /// Whether it may be sold.
    #[serde(default)]
    pub active: Option<bool>,
}

/// One edit of one product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProductEdit {
    /// The product; a SKU not seen before makes a new one.
    pub sku: Sku,
    /// See [`PriceBook::next_edit`].
    pub edit: EditNumber,
    /// What it sets.
    pub fields: ProductFields,
}

impl ProductEdit {
    /// Whether every text and list is within its bounds.
    pub fn check(&self) -> Result<(), TextError> {
        if let Some(name) = &self.fields.name {
            text::check("product name", name, limits::NAME_CHARS_MAX)?;
        }
        if let Some(category) = &self.fields.tax_category {
            text::check("tax category", category, limits::TAX_CATEGORY_CHARS_MAX)?;
        }
        if self.fields.gtins.as_ref().is_some_and(|gtins| gtins.len() > limits::GTINS_MAX) {
            return Err(TextError::TooLong { what: "list of GTINs", max: limits::GTINS_MAX });
        }
        Ok(())
    }
}

/// A product as it is sold today.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Product {
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
    /// Key of the tax rates that apply.
    pub tax_category: String,
    /// What happens when stock runs out; `None`: what the store says.
    pub oversell: Option<OversellPolicy>,
    /// Whether it may be sold.
    pub active: bool,
}

impl Product {
    fn new(sku: Sku) -> Self {
        Self {
            name: String::new(),
            sku,
            gtins: BTreeSet::new(),
            price: None,
            kind: ProductKind::Stocked,
            unit: UnitOfMeasure::Each,
            tax_category: PriceBook::DEFAULT_TAX_CATEGORY.to_owned(),
            oversell: None,
            active: true,
        }
    }
}

/// A product and the edits its fields come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProductEntry {
    product: Product,
    /// Which edit won which fields: bit sets without a common bit, sorted by stamp. Nearly every
    /// product has one element: its fields came with one import.
    winners: Vec<(EditStamp, u8)>,
}

impl ProductEntry {
    fn winner_of(&self, field: u8) -> Option<&EditStamp> {
        self.winners.iter().find(|(_, fields)| fields & field != 0).map(|(stamp, _)| stamp)
    }

    fn record_win(&mut self, stamp: EditStamp, field: u8) {
        for (_, fields) in &mut self.winners {
            *fields &= !field;
        }
        self.winners.retain(|&(_, fields)| fields != 0);
        match self.winners.binary_search_by(|(held, _)| held.cmp(&stamp)) {
            Ok(at) => {
                if let Some((_, fields)) = self.winners.get_mut(at) {
                    *fields |= field;
                }
            }
            Err(at) => self.winners.insert(at, (stamp, field)),
        }
    }

    /// Sets the field when the edit is ahead of the one that set it. One entry that sets a field
    /// twice gives both edits one stamp: then the value that encodes higher wins.
    fn contest<T: Serialize>(
        &mut self,
        stamp: EditStamp,
        field: u8,
        value: T,
        slot: fn(&mut Product) -> &mut T,
    ) -> bool {
        let wins = match self.winner_of(field) {
            None => true,
            Some(held) if *held == stamp => {
                let held = postcard::to_stdvec(slot(&mut self.product));
                postcard::to_stdvec(&value).ok() > held.ok()
            }
            Some(held) => stamp > *held,
        };
        if wins {
            self.record_win(stamp, field);
            *slot(&mut self.product) = value;
        }
        wins
    }
}

mod field {
    pub(super) const NAME: u8 = 1;
    pub(super) const GTINS: u8 = 1 << 1;
    pub(super) const PRICE: u8 = 1 << 2;
    pub(super) const KIND: u8 = 1 << 3;
    pub(super) const UNIT: u8 = 1 << 4;
    pub(super) const TAX_CATEGORY: u8 = 1 << 5;
    pub(super) const OVERSELL: u8 = 1 << 6;
    pub(super) const ACTIVE: u8 = 1 << 7;
}

/// All products, by SKU and by GTIN.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PriceBook {
    entries: BTreeMap<Sku, ProductEntry>,
    /// Sorted SKUs; nearly always one, for which a set would hold room for eleven.
    by_gtin: BTreeMap<Gtin, Vec<Sku>>,
    named: usize,
}

impl PriceBook {
    /// Tax category of a product no edit has given one.
    pub const DEFAULT_TAX_CATEGORY: &'static str = "standard";

    /// A book without products.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one edit in; returns whether a field changed. The order of edits does not count, nor
    /// how often one is merged.
    pub fn merge(&mut self, stamp: EditStamp, edit: &ProductEdit) -> bool {
        let mut entry = self.take(&edit.sku).unwrap_or_else(|| ProductEntry {
            product: Product::new(edit.sku.clone()),
            winners: Vec::with_capacity(1),
        });
        let ProductFields { name, gtins, price, kind, unit, tax_category, oversell, active } =
            edit.fields.clone();
        let mut changed = false;
        if let Some(name) = name {
            changed |= entry.contest(stamp, field::NAME, name, |p| &mut p.name);
        }
        if let Some(gtins) = gtins {
            changed |= entry.contest(stamp, field::GTINS, gtins, |p| &mut p.gtins);
        }
        if let Some(price) = price {
            changed |= entry.contest(stamp, field::PRICE, price.into_option(), |p| &mut p.price);
        }
        if let Some(kind) = kind {
            changed |= entry.contest(stamp, field::KIND, kind, |p| &mut p.kind);
        }
        if let Some(unit) = unit {
            changed |= entry.contest(stamp, field::UNIT, unit, |p| &mut p.unit);
        }
        if let Some(category) = tax_category {
            changed |= entry.contest(stamp, field::TAX_CATEGORY, category, |p| &mut p.tax_category);
        }
        if let Some(policy) = oversell {
            changed |=
                entry.contest(stamp, field::OVERSELL, policy.into_option(), |p| &mut p.oversell);
        }
        if let Some(active) = active {
            changed |= entry.contest(stamp, field::ACTIVE, active, |p| &mut p.active);
        }
        self.put(entry);
        changed
    }

    /// The product of a SKU. It exists once an edit has given it a name, whether or not it is
    /// active.
    pub fn product(&self, sku: &Sku) -> Option<&Product> {
        self.entries.get(sku).filter(|entry| entry.is_named()).map(|entry| &entry.product)
    }

    /// The product of a barcode. When several carry it: an active one before an inactive one, then
    /// the first by SKU, so that every till finds the same.
    pub fn by_gtin(&self, gtin: &Gtin) -> Option<&Product> {
        let skus = self.by_gtin.get(gtin)?;
        let products = || skus.iter().filter_map(|sku| self.product(sku));
        products().find(|product| product.active).or_else(|| products().next())
    }

    /// The number the next edit of this product claims: 1 + the highest of the values it replaces.
    pub fn next_edit(&self, sku: &Sku) -> EditNumber {
        self.entries
            .get(sku)
            .and_then(|entry| entry.winners.last())
            .map_or(EditNumber(1), |(stamp, _)| stamp.edit.next())
    }

    /// How many products there are.
    pub fn len(&self) -> usize {
        self.named
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.named == 0
    }

    /// All products by SKU.
    pub fn iter(&self) -> impl Iterator<Item = &Product> {
        self.entries.values().filter(|entry| entry.is_named()).map(|entry| &entry.product)
    }

    pub(crate) fn entry(&self, sku: &Sku) -> Option<&ProductEntry> {
        self.entries.get(sku)
    }

    pub(crate) fn skus(&self) -> impl Iterator<Item = &Sku> {
        self.entries.keys()
    }

    /// Takes a product out of the map and the index.
    fn take(&mut self, sku: &Sku) -> Option<ProductEntry> {
        let entry = self.entries.remove(sku)?;
        for gtin in &entry.product.gtins {
            if let Some(skus) = self.by_gtin.get_mut(gtin) {
                skus.retain(|held| held != sku);
                if skus.is_empty() {
                    self.by_gtin.remove(gtin);
                }
            }
        }
        self.named = self.named.saturating_sub(usize::from(entry.is_named()));
        Some(entry)
    }

    /// Puts a product into the map and the index, in place of what was there.
    pub(crate) fn put(&mut self, entry: ProductEntry) {
        let sku = entry.product.sku.clone();
        self.take(&sku);
        for gtin in &entry.product.gtins {
            let skus = self.by_gtin.entry(*gtin).or_insert_with(|| Vec::with_capacity(1));
            if let Err(at) = skus.binary_search(&sku) {
                skus.insert(at, sku.clone());
            }
        }
        self.named = self.named.saturating_add(usize::from(entry.is_named()));
        self.entries.insert(sku, entry);
    }
}

impl ProductEntry {
    pub(crate) fn sku(&self) -> &Sku {
        &self.product.sku
    }

    fn is_named(&self) -> bool {
        self.winner_of(field::NAME).is_some()
    }
}
