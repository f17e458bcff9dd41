//! The store that the tills of a measurement belong to, and what they are told to do in it.

use std::collections::BTreeMap;

use pos_core::business_date::{BusinessDate, TimeZoneName};
use pos_core::cart::{CartCommand, Direction, ItemRef, Merge, PriceOverride};
use pos_core::ids::{CartId, OperatorId, RegisterId};
use pos_core::money::Currency;
use pos_core::price_book::EditNumber;
use pos_core::product::{ProductKind, Sku, UnitOfMeasure};
use pos_core::quantity::Quantity;
use pos_core::record::Record;
use pos_core::rounding::Rounding;
use pos_core::stock::{AdjustmentLine, InventoryAdjustment};
use pos_core::store::{OversellPolicy, StoreSettings};
use pos_core::tax::{PriceTax, TaxProfile, TaxRate, TaxRateId, TaxScope, TaxTable, TaxTarget};
use pos_core::unit_price::UnitPrice;
use replica::core::{Command, DeviceName, Identity, Moment, Outcome, Role, RosterRecord};
use replica::node::Node;
use replica::recovery::RecoveryPhrase;
use replica::store::FileStorage;

use crate::contestant::Fault;

/// A till on the real disk.
pub(super) type Disked = Node<FileStorage>;

/// The identity of till `number`, counted from 0.
pub(super) fn identity(number: usize) -> Result<Identity, Fault> {
    let byte = u8::try_from(number)?.checked_add(1).ok_or("too many tills")?;
    Ok(Identity::new([byte; 32], [byte; 8]))
}

/// Founds the store on till 0 and lets all others in.
pub(super) fn found(node: &mut Disked, at: Moment, tills: usize) -> Result<(), Fault> {
    node.execute(
        at,
        Command::FoundStore {
            nonce: [9; 16],
            recovery: RecoveryPhrase::from_entropy([0x7F; 16]).device(),
            name: DeviceName::new("Till 0")?,
            settings: Box::new(settings()?),
            register: RegisterId::new("R0")?,
        },
    )?;
    for number in 1..tills {
        let device = identity(number)?.key.device();
        let name = DeviceName::new(&format!("Till {number}"))?;
        let added = RosterRecord::DeviceAdded { device, role: Role::Till, name };
        node.execute(at, Command::ChangeRoster(added))?;
    }
    Ok(())
}

/// A sale without its goods: one line of stock goes out, durable when this returns.
pub(super) fn adjust(node: &mut Disked, at: Moment) -> Result<(), Fault> {
    let adjusted = InventoryAdjustment {
        lines: vec![AdjustmentLine {
            sku: Sku::new("85123A")?,
            kind: ProductKind::Stocked,
            quantity_change: Quantity::from_units(-1)?,
            description: String::new(),
        }],
        reason: "damaged".to_owned(),
        business_date: BusinessDate::new(2010, 12, 1)?,
        idempotency_key: None,
        wall_time: at.wall,
    };
    node.execute(at, Command::Record(Box::new(Record::StockAdjusted(adjusted))))?;
    Ok(())
}

/// Opens a cart with `lines` lines.
pub(super) fn open_cart(node: &mut Disked, at: Moment, lines: usize) -> Result<(), Fault> {
    let open = Command::OpenCart { label: String::new(), operator: OperatorId::new("ada")? };
    let Outcome::CartOpened(cart) = node.execute(at, open)? else {
        return Err("no cart was opened".into());
    };
    for number in 0..lines {
        add_line(node, at, cart, number)?;
    }
    Ok(())
}

fn add_line(node: &mut Disked, at: Moment, cart: CartId, number: usize) -> Result<(), Fault> {
    let sku = format!("SKU-{number:05}");
    let unit_price = UnitPrice::parse("12.99", Currency::GBP)?;
    let command = CartCommand::AddItem {
        item: ItemRef::Open {
            sku: Sku::new(&sku)?,
            name: format!("Product {number}"),
            kind: ProductKind::Stocked,
            unit: UnitOfMeasure::Each,
            tax_category: "standard".to_owned(),
        },
        quantity: Quantity::from_units(1)?,
        price: Some(PriceOverride { unit_price, reason: "typed in".to_owned() }),
        direction: Direction::Sale,
        merge: Merge::NewLine,
    };
    node.execute(at, Command::EditCart { cart, command })?;
    Ok(())
}

fn settings() -> Result<StoreSettings, Fault> {
    let rate = TaxRate {
        id: TaxRateId::new("standard")?,
        name: "VAT".to_owned(),
        percent: "20".parse()?,
        target: TaxTarget::Tax,
    };
    Ok(StoreSettings {
        edit: EditNumber(1),
        name: "Corner shop".to_owned(),
        currency: Currency::GBP,
        time_zone: TimeZoneName::new("Europe/London")?,
        tax_profile: TaxProfile {
            prices: PriceTax::Inclusive,
            scope: TaxScope::Line,
            rounding: Rounding::HalfUp,
        },
        tax_table: TaxTable::new(BTreeMap::from([("standard".to_owned(), vec![rate])]))?,
        cash_rounding: None,
        oversell: OversellPolicy::Allow,
        merge_repeat_scans: false,
        receipt_header: Vec::new(),
        receipt_footer: Vec::new(),
    })
}
