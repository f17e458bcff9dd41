//! The store of a seed: how it sells, and what.

use std::collections::BTreeMap;

use pos_core::business_date::{BusinessDate, TimeZoneName};
use pos_core::cash_rounding::{CashRounding, CashRoundingMode};
use pos_core::ids::{OperatorId, RegisterId};
use pos_core::money::{Currency, Money};
use pos_core::price_book::{Assign, EditNumber, ProductFields};
use pos_core::product::{ProductKind, Sku, UnitOfMeasure};
use pos_core::rounding::Rounding;
use pos_core::store::{OversellPolicy, StoreSettings};
use pos_core::tax::{PriceTax, TaxProfile, TaxRate, TaxRateId, TaxScope, TaxTable, TaxTarget};
use pos_core::unit_price::UnitPrice;
use replica::core::DeviceName;

use crate::prng::Prng;

/// Products of the catalogue.
const PRODUCTS: u64 = 24;
/// Tax categories with their rate in ten-thousandths of a percent.
pub(super) const RATES: [(&str, i64); 3] =
    [("standard", 200_000), ("reduced", 55_000), ("zero", 0)];

/// Why a store cannot be made: a fault of the simulator.
pub(super) type Unmakeable = String;

/// A product as the catalogue lists it.
#[derive(Debug, Clone)]
pub(super) struct Article {
    pub(super) sku: Sku,
    pub(super) fields: ProductFields,
    pub(super) unit: UnitOfMeasure,
}

/// A store.
#[derive(Debug, Clone)]
pub(super) struct Shop {
    pub(super) settings: StoreSettings,
    pub(super) articles: Vec<Article>,
    pub(super) day: BusinessDate,
}

fn text(error: &impl ToString) -> Unmakeable {
    error.to_string()
}

impl Shop {
    /// A store as a seed draws it.
    pub(super) fn draw(draw: &mut Prng) -> Result<Self, Unmakeable> {
        let one_of = |draw: &mut Prng| draw.chance(1, 2);
        let prices = if one_of(draw) { PriceTax::Inclusive } else { PriceTax::Exclusive };
        let scope = if one_of(draw) { TaxScope::Line } else { TaxScope::Document };
        let modes = [Rounding::HalfUp, Rounding::HalfEven, Rounding::Up];
        let rounding = *draw.pick(&modes).unwrap_or(&Rounding::HalfUp);
        let cash = draw.chance(1, 3);
        let cash_rounding =
            if cash { CashRounding::new(5, CashRoundingMode::NearestTieUp).ok() } else { None };
        let mut categories = BTreeMap::new();
        for (name, rate) in RATES {
            let percent = pos_core::tax::Percent::from_ten_thousandths(rate);
            let id = TaxRateId::new(name).map_err(|error| text(&error))?;
            let percent = percent.map_err(|error| text(&error))?;
            let rate = TaxRate { id, name: name.to_owned(), percent, target: TaxTarget::Tax };
            categories.insert(name.to_owned(), vec![rate]);
        }
        let oversell = [OversellPolicy::Allow, OversellPolicy::Warn, OversellPolicy::Block];
        let settings = StoreSettings {
            edit: EditNumber(1),
            name: "Corner shop".to_owned(),
            currency: Currency::GBP,
            time_zone: TimeZoneName::new("Europe/London").map_err(|error| text(&error))?,
            tax_profile: TaxProfile { prices, scope, rounding },
            tax_table: TaxTable::new(categories).map_err(|error| text(&error))?,
            cash_rounding,
            oversell: *draw.pick(&oversell).unwrap_or(&OversellPolicy::Allow),
            merge_repeat_scans: one_of(draw),
            receipt_header: Vec::new(),
            receipt_footer: Vec::new(),
        };
        let mut articles = Vec::new();
        for number in 0..PRODUCTS {
            articles.push(article(draw, number)?);
        }
        let day = BusinessDate::new(2026, 3, 28).map_err(|error| text(&error))?;
        Ok(Self { settings, articles, day })
    }

    /// The edits that fill the price book.
    pub(super) fn catalogue(&self) -> Vec<(Sku, ProductFields)> {
        self.articles.iter().map(|one| (one.sku.clone(), one.fields.clone())).collect()
    }
}

fn article(draw: &mut Prng, number: u64) -> Result<Article, Unmakeable> {
    let service = number % 12 == 11;
    let weighed = !service && number % 6 == 5;
    let unit = if weighed { UnitOfMeasure::Kilogram } else { UnitOfMeasure::Each };
    let category = RATES.get(draw.index(RATES.len())).map_or("standard", |(name, _)| name);
    let fields = ProductFields {
        name: Some(format!("Article {number}")),
        price: Some(Assign::Set(price(draw.between(5, 4_000))?)),
        kind: Some(if service { ProductKind::Service } else { ProductKind::Stocked }),
        unit: Some(unit),
        tax_category: Some(category.to_owned()),
        ..ProductFields::default()
    };
    let sku = Sku::new(&format!("A{number:03}")).map_err(|error| text(&error))?;
    Ok(Article { sku, fields, unit })
}

/// A price of so many pence.
pub(super) fn price(pence: u64) -> Result<UnitPrice, Unmakeable> {
    let shown = format!("{}.{:02}", pence / 100, pence % 100);
    UnitPrice::parse(&shown, Currency::GBP).map_err(|error| text(&error))
}

/// Money of so many pence.
pub(super) const fn pence(minor: i64) -> Money {
    Money::from_minor(minor, Currency::GBP)
}

/// The register of a till.
pub(super) fn register(till: usize) -> Result<RegisterId, Unmakeable> {
    RegisterId::new(format!("R{till}")).map_err(|error| text(&error))
}

/// Who stands at a till.
pub(super) fn operator(till: usize) -> Result<OperatorId, Unmakeable> {
    OperatorId::new(format!("op{till}")).map_err(|error| text(&error))
}

/// What a till is called.
pub(super) fn device_name(till: usize) -> Result<DeviceName, Unmakeable> {
    DeviceName::new(&format!("Till {till}")).map_err(|error| text(&error))
}
