//! A shop to test in.

use std::collections::{BTreeMap, BTreeSet};

use pos_core::business_date::{BusinessDate, TimeZoneName, WallTime};
use pos_core::cart::{
    CartCommand, CartEdit, CartLine, CartStatus, CartView, Direction, ItemRef, LinePrice,
    LineProduct, Merge, PriceOverride,
};
use pos_core::cash_rounding::{CashRounding, CashRoundingMode};
use pos_core::ids::{CartId, DeviceId, LineId, OperatorId, RecordId, RegisterId};
use pos_core::money::{Currency, Money};
use pos_core::price_book::{Assign, EditNumber, EditStamp, PriceBook, ProductEdit, ProductFields};
use pos_core::product::{ProductKind, Sku, UnitOfMeasure};
use pos_core::quantity::Quantity;
use pos_core::rounding::Rounding;
use pos_core::sale::{Completion, SaleError, complete, quote};
use pos_core::store::{OversellPolicy, StoreSettings};
use pos_core::tax::{
    Percent, PriceTax, TaxProfile, TaxRate, TaxRateId, TaxScope, TaxTable, TaxTarget,
};
use pos_core::tender::Tendered;
use pos_core::transaction::{Recorded, SaleTransaction, TenderKind};
use pos_core::unit_price::UnitPrice;
use proptest::prelude::*;

pub(crate) fn gbp(minor: i64) -> Money {
    Money::from_minor(minor, Currency::GBP)
}

pub(crate) fn price(text: &str) -> UnitPrice {
    UnitPrice::parse(text, Currency::GBP).unwrap()
}

pub(crate) fn sku(text: &str) -> Sku {
    Sku::new(text).unwrap()
}

pub(crate) fn quantity(text: &str) -> Quantity {
    text.parse().unwrap()
}

pub(crate) fn line(n: u64) -> LineId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    LineId::from_bytes(bytes)
}

pub(crate) fn record_id(n: u64) -> RecordId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    RecordId::from_bytes(bytes)
}

pub(crate) fn cart_id(n: u64) -> CartId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    CartId::from_bytes(bytes)
}

pub(crate) fn device(n: u8) -> DeviceId {
    DeviceId::from_bytes([n; 32])
}

pub(crate) fn register(name: &str) -> RegisterId {
    RegisterId::new(name).unwrap()
}

pub(crate) fn operator() -> OperatorId {
    OperatorId::new("ada").unwrap()
}

pub(crate) fn date(text: &str) -> BusinessDate {
    text.parse().unwrap()
}

pub(crate) fn wall_time() -> WallTime {
    "2010-12-01T08:26:00Z".parse().unwrap()
}

fn rate(id: &str, percent: &str, target: TaxTarget) -> TaxRate {
    TaxRate {
        id: TaxRateId::new(id).unwrap(),
        name: id.to_owned(),
        percent: percent.parse::<Percent>().unwrap(),
        target,
    }
}

/// `standard` 20 %, `reduced` 5 %, `zero` none, `city` two rates at once.
pub(crate) fn settings(prices: PriceTax, scope: TaxScope) -> StoreSettings {
    let city = vec![rate("C", "4.5", TaxTarget::Net), rate("S", "4.375", TaxTarget::Tax)];
    let table = TaxTable::new(BTreeMap::from([
        ("standard".to_owned(), vec![rate("A", "20", TaxTarget::Tax)]),
        ("reduced".to_owned(), vec![rate("B", "5", TaxTarget::Net)]),
        ("zero".to_owned(), vec![]),
        ("city".to_owned(), city),
    ]));
    StoreSettings {
        edit: EditNumber(1),
        name: "Corner shop".to_owned(),
        currency: Currency::GBP,
        time_zone: TimeZoneName::new("Europe/London").unwrap(),
        tax_profile: TaxProfile { prices, scope, rounding: Rounding::HalfUp },
        tax_table: table.unwrap(),
        cash_rounding: None,
        oversell: OversellPolicy::Allow,
        merge_repeat_scans: true,
        receipt_header: vec!["1 High Street".to_owned()],
        receipt_footer: vec!["Thank you".to_owned()],
    }
}

pub(crate) fn inclusive() -> StoreSettings {
    settings(PriceTax::Inclusive, TaxScope::Line)
}

pub(crate) fn nickels(mode: CashRoundingMode) -> CashRounding {
    CashRounding::new(5, mode).unwrap()
}

pub(crate) fn stamp(edit: u64, lamport: u64, author: u8) -> EditStamp {
    EditStamp { edit: EditNumber(edit), lamport, device: device(author) }
}

pub(crate) fn new_product(code: &str, fields: ProductFields) -> ProductEdit {
    let defaults = ProductFields {
        name: Some(format!("Product {code}")),
        gtins: Some(BTreeSet::new()),
        price: Some(Assign::Set(price("2.55"))),
        kind: Some(ProductKind::Stocked),
        unit: Some(UnitOfMeasure::Each),
        tax_category: Some("standard".to_owned()),
        oversell: Some(Assign::Clear),
        active: Some(true),
    };
    ProductEdit {
        sku: sku(code),
        edit: EditNumber(1),
        fields: ProductFields {
            name: fields.name.or(defaults.name),
            gtins: fields.gtins.or(defaults.gtins),
            price: fields.price.or(defaults.price),
            kind: fields.kind.or(defaults.kind),
            unit: fields.unit.or(defaults.unit),
            tax_category: fields.tax_category.or(defaults.tax_category),
            oversell: fields.oversell.or(defaults.oversell),
            active: fields.active.or(defaults.active),
        },
    }
}

/// `MUG` 2.55 a piece with GTIN 4006381333931; `HAM` 12.90 a kilogram; `FLOWERS` at an open price;
/// `OLD` no longer sold.
pub(crate) fn book() -> PriceBook {
    let mut book = PriceBook::new();
    let none = ProductFields::default;
    let gtins = Some(BTreeSet::from(["4006381333931".parse().unwrap()]));
    let kilogram = Some(UnitOfMeasure::Kilogram);
    for edit in [
        new_product("MUG", ProductFields { gtins, ..none() }),
        new_product(
            "HAM",
            ProductFields { price: Some(Assign::Set(price("12.90"))), unit: kilogram, ..none() },
        ),
        new_product("FLOWERS", ProductFields { price: Some(Assign::Clear), ..none() }),
        new_product("OLD", ProductFields { active: Some(false), ..none() }),
    ] {
        book.merge(stamp(1, 1, 1), &edit);
    }
    book
}

pub(crate) fn empty_cart() -> CartView {
    CartView {
        id: cart_id(1),
        label: String::new(),
        status: CartStatus::Open,
        customer: None,
        operator: operator(),
        lines: Vec::new(),
    }
}

pub(crate) fn add(item: ItemRef, how_much: &str) -> CartCommand {
    CartCommand::AddItem {
        item,
        quantity: quantity(how_much),
        price: None,
        direction: Direction::Sale,
        merge: Merge::SameProduct,
    }
}

pub(crate) fn add_sku(code: &str, how_much: &str) -> CartCommand {
    add(ItemRef::Sku(sku(code)), how_much)
}

pub(crate) fn overridden(text: &str, reason: &str) -> PriceOverride {
    PriceOverride { unit_price: price(text), reason: reason.to_owned() }
}

/// What one device does to its own cart; several devices are the replica's business.
pub(crate) fn apply(cart: &mut CartView, edit: CartEdit) {
    match edit {
        CartEdit::AddLine { line, product, price, quantity } => {
            cart.lines.push(CartLine { id: line, product, price, quantity });
        }
        CartEdit::AddQuantity { line, quantity } => {
            let line = line_of(cart, line);
            line.quantity = line.quantity.checked_add(quantity).unwrap();
        }
        CartEdit::RemoveQuantity { line, quantity } => {
            let line = line_of(cart, line);
            line.quantity = line.quantity.checked_sub(quantity).unwrap();
        }
        CartEdit::VoidLine { line } => line_of(cart, line).quantity = Quantity::ZERO,
        CartEdit::Reprice { line, price } => line_of(cart, line).price = price,
        CartEdit::SetCustomer { customer } => cart.customer = customer,
        CartEdit::SetLabel { label } => cart.label = label,
        CartEdit::SetStatus { status } => cart.status = status,
    }
}

fn line_of(cart: &mut CartView, id: LineId) -> &mut CartLine {
    cart.lines.iter_mut().find(|line| line.id == id).unwrap()
}

/// A line of a cart, without the price book.
pub(crate) fn cart_line(n: u64, how_much: &str, unit_price: &str, category: &str) -> CartLine {
    CartLine {
        id: line(n),
        product: LineProduct {
            sku: sku(&format!("P{n}")),
            name: format!("Product {n}"),
            kind: ProductKind::Stocked,
            unit: UnitOfMeasure::Kilogram,
            tax_category: category.to_owned(),
            direction: Direction::Sale,
            list_price: Some(price(unit_price)),
        },
        price: LinePrice {
            unit_price: price(unit_price),
            override_reason: None,
            discount_basis_points: 0,
        },
        quantity: quantity(how_much),
    }
}

pub(crate) fn cart_of(lines: Vec<CartLine>) -> CartView {
    CartView { lines, ..empty_cart() }
}

pub(crate) fn completion<'a>(
    cart: &'a CartView,
    settings: &'a StoreSettings,
    tenders: &'a [Tendered],
) -> Completion<'a> {
    Completion {
        cart,
        cart_heads: vec![record_id(7)],
        settings,
        register: register("R1"),
        receipt_counter: 1,
        business_date: date("2010-12-01"),
        shift: record_id(100),
        operator: operator(),
        idempotency_key: None,
        wall_time: wall_time(),
        tenders,
    }
}

pub(crate) fn pay(
    cart: &CartView,
    settings: &StoreSettings,
    tenders: &[Tendered],
) -> Result<SaleTransaction, SaleError> {
    complete(completion(cart, settings, tenders))
}

/// The cart, paid by one card to the minor unit.
pub(crate) fn paid_by_card(cart: &CartView, settings: &StoreSettings) -> SaleTransaction {
    let total = quote(cart, settings).unwrap().total;
    let tenders = if total.is_zero() { vec![] } else { vec![Tendered::card(total, None)] };
    pay(cart, settings, &tenders).unwrap()
}

pub(crate) fn recorded(n: u64, record: SaleTransaction) -> Recorded<SaleTransaction> {
    Recorded { id: record_id(n), record }
}

/// Lines + tax + rounding = tenders - change, added up here from nothing but the public fields.
pub(crate) fn balances(sale: &SaleTransaction) -> bool {
    let net: i64 = sale.items.iter().map(|item| item.net.minor()).sum();
    let tax: i64 = sale.items.iter().flat_map(|i| &i.taxes).map(|(_, tax)| tax.minor()).sum();
    let paid: i64 = sale.payments.iter().map(|p| p.tendered.minor() - p.change.minor()).sum();
    net + tax + sale.rounding.minor() == paid
}

pub(crate) fn any_line() -> impl Strategy<Value = CartLine> {
    let category = prop::sample::select(vec!["standard", "reduced", "zero", "city"]);
    let direction = prop_oneof![4 => Just(Direction::Sale), 1 => Just(Direction::Return)];
    (1..20_000_i64, 0..3_000_000_i64, category, 0..=10_000_u16, any::<bool>(), direction).prop_map(
        |(thousandths, ten_thousandths, category, discount, discounted, direction)| {
            let text = format!("{}.{:04}", ten_thousandths / 10_000, ten_thousandths % 10_000);
            let mut line = cart_line(0, "1", &text, category);
            line.quantity = Quantity::from_thousandths(thousandths);
            line.price.discount_basis_points = if discounted { discount } else { 0 };
            line.product.direction = direction;
            line
        },
    )
}

pub(crate) fn any_cart() -> impl Strategy<Value = CartView> {
    prop::collection::vec(any_line(), 1..12).prop_map(|mut lines| {
        for (n, cart_line) in (1..).zip(&mut lines) {
            cart_line.id = line(n);
            cart_line.product.sku = sku(&format!("P{n}"));
        }
        cart_of(lines)
    })
}

pub(crate) fn any_settings() -> impl Strategy<Value = StoreSettings> {
    let prices = prop::sample::select(vec![PriceTax::Inclusive, PriceTax::Exclusive]);
    let scope = prop::sample::select(vec![TaxScope::Line, TaxScope::Document]);
    let mode = prop::sample::select(vec![
        CashRoundingMode::NearestTieUp,
        CashRoundingMode::NearestTieDown,
        CashRoundingMode::Up,
        CashRoundingMode::Down,
    ]);
    let rounding = prop::option::of((prop::sample::select(vec![5_u32, 10, 50, 100]), mode));
    (prices, scope, rounding).prop_map(|(prices, scope, rounding)| StoreSettings {
        cash_rounding: rounding.map(|(step, mode)| CashRounding::new(step, mode).unwrap()),
        ..settings(prices, scope)
    })
}

/// Pays a total in up to three parts: some by card, some in cash, the last in cash or by card.
pub(crate) fn any_split() -> impl Strategy<Value = Vec<(TenderKind, u8)>> {
    let kind = prop::sample::select(vec![TenderKind::Cash, TenderKind::Card]);
    prop::collection::vec((kind, 0..=100_u8), 1..4)
}
