//! What a burst of a scanner, or a typed code, means in this store. Pure.

use pos_core::barcode::{self, BarcodePattern, BarcodeRule, BarcodeTable, EmbeddedKind, Scan};
use pos_core::cart::ItemRef;
use pos_core::gs1::ElementString;
use pos_core::gtin::Gtin;
use pos_core::money::{Currency, Money};
use pos_core::price_book::{PriceBook, Product};
use pos_core::product::Sku;
use pos_core::quantity::Quantity;
use pos_core::receipt::ReceiptWitness;
use pos_core::transaction::ReceiptNumber;
use pos_core::unit_price::UnitPrice;

/// Labels that a shop's scale prints, as most scales are set up: item number of five digits, then the
/// value. The product stands in the price book under the label with a value of zero; where it does
/// not, the label is an unknown code like any other.
const LABELS: [(EmbeddedKind, &str); 4] = [
    (EmbeddedKind::Weight, "21.....{NNDDD}"),
    (EmbeddedKind::Price, "23.....{NNNDD}"),
    (EmbeddedKind::Quantity, "24.....{NNNNN}"),
    (EmbeddedKind::Weight, "2.......{NDDD}"),
];

/// What a code means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A product, so much of it; at another price where the label has one.
    Item {
        /// Which.
        item: ItemRef,
        /// How much.
        quantity: Quantity,
        /// Price of the whole pack, as the label says.
        pack_price: Option<Money>,
    },
    /// A receipt: goods come back.
    Receipt(ReceiptNumber),
    /// Nothing that is known here.
    Unknown,
}

/// The store's labels.
pub(super) fn labels(currency: Currency) -> Option<BarcodeTable> {
    let rules = LABELS.iter().filter_map(|(kind, pattern)| {
        let pattern: BarcodePattern = pattern.parse().ok()?;
        let places = if *kind == EmbeddedKind::Price { currency.minor_units() } else { 3 };
        (pattern.decimals() <= places).then_some(BarcodeRule { kind: *kind, pattern })
    });
    BarcodeTable::new(currency, rules.collect()).ok()
}

/// Reads a code: as it stands first, then with a count in front (`3x4006381333931`), then as what
/// it may say besides. `year` is the year of the business date, for GS1 dates.
pub(super) fn read(
    code: &str,
    book: &PriceBook,
    labels: Option<&BarcodeTable>,
    year: i16,
) -> Meaning {
    let code = code.trim();
    if let Some(item) = find(code, book) {
        return Meaning::Item { item, quantity: Quantity::ONE, pack_price: None };
    }
    if let Some((count, rest)) = code.split_once(['x', 'X', '*', '×'])
        && let Ok(quantity) = count.trim().parse::<Quantity>()
        && quantity > Quantity::ZERO
        && let Some(item) = find(rest.trim(), book)
    {
        return Meaning::Item { item, quantity, pack_price: None };
    }
    if let Some(meaning) = labels.and_then(|labels| label(code, book, labels)) {
        return meaning;
    }
    if let Ok(witness) = code.parse::<ReceiptWitness>() {
        return Meaning::Receipt(witness.number);
    }
    if let Some(meaning) = element_string(code, book, year) {
        return meaning;
    }
    code.parse::<ReceiptNumber>().map_or(Meaning::Unknown, Meaning::Receipt)
}

/// A product by its code as it stands.
pub(super) fn find(code: &str, book: &PriceBook) -> Option<ItemRef> {
    if let Ok(sku) = Sku::new(code)
        && book.product(&sku).is_some()
    {
        return Some(ItemRef::Sku(sku));
    }
    let gtin: Gtin = code.parse().ok()?;
    book.by_gtin(&gtin).map(|_| ItemRef::Gtin(gtin))
}

/// The product that is meant.
pub(super) fn product<'a>(item: &ItemRef, book: &'a PriceBook) -> Option<&'a Product> {
    match item {
        ItemRef::Sku(sku) => book.product(sku),
        ItemRef::Gtin(gtin) => book.by_gtin(gtin),
        ItemRef::Open { .. } => None,
    }
}

fn label(code: &str, book: &PriceBook, labels: &BarcodeTable) -> Option<Meaning> {
    let (base, quantity, pack_price) = match barcode::scan(labels, code) {
        Scan::Weighed { base, weight, .. } => (base, weight, None),
        Scan::Priced { base, price, .. } => (base, Quantity::ONE, Some(price)),
        Scan::Counted { base, quantity, .. } => (base, quantity, None),
        Scan::Product(_) | Scan::Text(_) => return None,
    };
    book.by_gtin(&base)?;
    Some(Meaning::Item { item: ItemRef::Gtin(base), quantity, pack_price })
}

fn element_string(code: &str, book: &PriceBook, year: i16) -> Option<Meaning> {
    if !ElementString::recognises(code) {
        return None;
    }
    let elements = ElementString::parse(code, year).ok()?;
    let gtin = elements.gtin()?;
    let product = book.by_gtin(&gtin)?;
    let weight = elements
        .net_weight_kg()
        .and_then(|kilograms| Quantity::from_decimal(kilograms.round_dp(3)).ok());
    let count = elements.count().and_then(|count| Quantity::from_units(i64::from(count)).ok());
    let quantity = weight.or(count).filter(|quantity| *quantity > Quantity::ZERO);
    let currency = product.price.map(UnitPrice::currency);
    let pack_price = elements.price().zip(currency).and_then(|(amount, here)| {
        let said = amount.currency.unwrap_or(here);
        (said == here).then(|| Money::from_decimal(amount.amount, here).ok()).flatten()
    });
    let item = ItemRef::Gtin(gtin);
    Some(Meaning::Item { item, quantity: quantity.unwrap_or(Quantity::ONE), pack_price })
}

/// Quantity and unit price at which a pack of a weighed product costs what its label says: the price
/// is final, the weight follows from it, to the gram. A product by the piece is charged at the
/// label's price. `None` where no unit price comes to it exactly, which needs more than 100 kg.
pub(super) fn pack(product: &Product, price: Money) -> Option<(Quantity, UnitPrice)> {
    let currency = price.currency();
    let by_the_piece = || {
        let unit = UnitPrice::from_decimal(price.to_decimal(), currency).ok()?;
        Some((Quantity::ONE, unit))
    };
    if product.unit == pos_core::product::UnitOfMeasure::Each {
        return by_the_piece();
    }
    let list = product.price.filter(|list| !list.is_zero() && list.currency() == currency)?;
    let weight = price.to_decimal().checked_div(list.to_decimal())?;
    let weight = Quantity::from_decimal(weight.round_dp(3)).ok().filter(|w| *w > Quantity::ZERO)?;
    let unit = price.to_decimal().checked_div(weight.to_decimal())?;
    let unit = UnitPrice::from_decimal(unit.round_dp(UnitPrice::PLACES), currency).ok()?;
    let comes_to = unit.extend(weight, pos_core::rounding::Rounding::HalfUp).ok()?;
    (comes_to == price).then_some((weight, unit))
}
