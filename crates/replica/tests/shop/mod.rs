//! A till in memory, for the suites of this crate.
#![allow(dead_code, clippy::panic, clippy::unwrap_used, reason = "each suite uses a part")]

use std::collections::BTreeMap;

use pos_core::business_date::{BusinessDate, TimeZoneName, WallTime};
use pos_core::cart::{CartCommand, Direction, ItemRef, Merge, PriceOverride};
use pos_core::ids::{CartId, IdempotencyKey, OperatorId, RegisterId};
use pos_core::money::{Currency, Money};
use pos_core::price_book::EditNumber;
use pos_core::product::{ProductKind, Sku, UnitOfMeasure};
use pos_core::quantity::Quantity;
use pos_core::rounding::Rounding;
use pos_core::store::{OversellPolicy, StoreSettings};
use pos_core::tax::{PriceTax, TaxProfile, TaxRate, TaxRateId, TaxScope, TaxTable, TaxTarget};
use pos_core::tender::Tendered;
use pos_core::unit_price::UnitPrice;
use replica::core::{Command, CommandError, Completed, DeviceName, Identity, Moment, Outcome};
use replica::journal::Options;
use replica::memory::MemoryStorage;
use replica::node::Node;
use replica::recovery::RecoveryPhrase;
use replica::storage::Storage;

pub(crate) type Till = Node<MemoryStorage>;

/// Small segments, so that the suites see many of them.
pub(crate) fn disk() -> MemoryStorage {
    MemoryStorage::new(Options::new(1 << 20, 256 << 10)).unwrap()
}

pub(crate) fn identity(device: u8, life: u8) -> Identity {
    Identity::new([device; 32], [life; 8])
}

/// The recovery phrase of the stores of these suites.
pub(crate) fn phrase() -> RecoveryPhrase {
    RecoveryPhrase::from_entropy([0x7f; 16])
}

pub(crate) fn name(text: &str) -> DeviceName {
    DeviceName::new(text).unwrap()
}

pub(crate) fn at(ms: u64) -> Moment {
    let wall = WallTime::from_millis(1_291_190_000_000 + i64::try_from(ms).unwrap());
    Moment { monotonic_ms: ms, wall }
}

pub(crate) fn gbp(minor: i64) -> Money {
    Money::from_minor(minor, Currency::GBP)
}

pub(crate) fn operator() -> OperatorId {
    OperatorId::new("ada").unwrap()
}

pub(crate) fn register() -> RegisterId {
    RegisterId::new("R1").unwrap()
}

pub(crate) fn settings() -> StoreSettings {
    let rate = TaxRate {
        id: TaxRateId::new("standard").unwrap(),
        name: "VAT".to_owned(),
        percent: "20".parse().unwrap(),
        target: TaxTarget::Tax,
    };
    StoreSettings {
        edit: EditNumber(1),
        name: "Corner shop".to_owned(),
        currency: Currency::GBP,
        time_zone: TimeZoneName::new("Europe/London").unwrap(),
        tax_profile: TaxProfile {
            prices: PriceTax::Inclusive,
            scope: TaxScope::Line,
            rounding: Rounding::HalfUp,
        },
        tax_table: TaxTable::new(BTreeMap::from([("standard".to_owned(), vec![rate])])).unwrap(),
        cash_rounding: None,
        oversell: OversellPolicy::Allow,
        merge_repeat_scans: false,
        receipt_header: Vec::new(),
        receipt_footer: Vec::new(),
    }
}

/// A founded store with an open shift.
pub(crate) fn founded(device: u8) -> Till {
    let mut till = Node::start(identity(device, 1), disk()).unwrap();
    found(&mut till);
    till
}

pub(crate) fn found<S: Storage>(till: &mut Node<S>) {
    let settings = Box::new(settings());
    let register = register();
    let (recovery, name) = (phrase().device(), name("Till 1"));
    let found = Command::FoundStore { nonce: [9; 16], recovery, name, settings, register };
    till.execute(at(0), found).unwrap();
    open_shift(till, 1);
}

pub(crate) fn open_shift<S: Storage>(till: &mut Node<S>, day: i8) {
    let business_date = BusinessDate::new(2010, 12, day).unwrap();
    let shift = Command::OpenShift {
        register: register(),
        business_date,
        float: gbp(0),
        operator: operator(),
    };
    till.execute(at(1), shift).unwrap();
}

pub(crate) fn open_cart<S: Storage>(till: &mut Node<S>, ms: u64) -> CartId {
    let open = Command::OpenCart { label: String::new(), operator: operator() };
    match till.execute(at(ms), open).unwrap() {
        Outcome::CartOpened(cart) => cart,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn item(sku: &str, price: &str, quantity: i64, direction: Direction) -> CartCommand {
    let unit_price = UnitPrice::parse(price, Currency::GBP).unwrap();
    CartCommand::AddItem {
        item: ItemRef::Open {
            sku: Sku::new(sku).unwrap(),
            name: sku.to_owned(),
            kind: ProductKind::Stocked,
            unit: UnitOfMeasure::Each,
            tax_category: "standard".to_owned(),
        },
        quantity: Quantity::from_units(quantity).unwrap(),
        price: Some(PriceOverride { unit_price, reason: "typed in".to_owned() }),
        direction,
        merge: Merge::NewLine,
    }
}

pub(crate) fn add<S: Storage>(
    till: &mut Node<S>,
    ms: u64,
    cart: CartId,
    sku: &str,
    price: &str,
    n: i64,
) {
    let command = item(sku, price, n, Direction::Sale);
    till.execute(at(ms), Command::EditCart { cart, command }).unwrap();
}

pub(crate) fn pay<S: Storage>(
    till: &mut Node<S>,
    ms: u64,
    cart: CartId,
    cash: i64,
    key: Option<&str>,
) -> Result<Outcome, CommandError> {
    let complete = Command::CompleteCart {
        cart,
        register: register(),
        operator: operator(),
        tenders: vec![Tendered::cash(gbp(cash))],
        idempotency_key: key.map(|key| IdempotencyKey::new(key).unwrap()),
        wall_time: None,
    };
    till.execute(at(ms), complete)
}

/// One sale of two lines, 2 x 2.55 and 1 x 3.39, paid with ten pounds.
pub(crate) fn sell<S: Storage>(till: &mut Node<S>, ms: u64, key: Option<&str>) -> Completed {
    let cart = open_cart(till, ms);
    add(till, ms, cart, "85123A", "2.55", 2);
    add(till, ms, cart, "71053", "3.39", 1);
    match pay(till, ms, cart, 1000, key).unwrap() {
        Outcome::Completed(completed) | Outcome::RepeatedSale(completed) => completed.into_inner(),
        other => panic!("{other:?}"),
    }
}
