//! A shop in memory, and the receipts of what it sells.

use std::collections::BTreeMap;

use pos_core::business_date::{BusinessDate, TimeZoneName, WallTime};
use pos_core::cart::{CartCommand, Direction, ItemRef, Merge, PriceOverride};
use pos_core::ids::{OperatorId, RegisterId};
use pos_core::money::{Currency, Money};
use pos_core::price_book::EditNumber;
use pos_core::product::{ProductKind, Sku, UnitOfMeasure};
use pos_core::quantity::Quantity;
use pos_core::receipt::{LocalTime, ReceiptDocument, ReceiptEdition, receipt};
use pos_core::rounding::Rounding;
use pos_core::store::{OversellPolicy, StoreSettings};
use pos_core::tax::{PriceTax, TaxProfile, TaxRate, TaxRateId, TaxScope, TaxTable, TaxTarget};
use pos_core::tender::Tendered;
use pos_core::transaction::Recorded;
use pos_core::unit_price::UnitPrice;
use replica::core::{Command, Completed, DeviceName, Durable, Identity, Moment, Outcome};
use replica::journal::Options;
use replica::memory::MemoryStorage;
use replica::node::Node;
use replica::recovery::RecoveryPhrase;

/// One till.
pub(crate) struct Shop {
    till: Node<MemoryStorage>,
    now_ms: u64,
}

/// One line of a sale: name, price, quantity.
pub(crate) type Wanted<'a> = (&'a str, &'a str, i64);

impl Shop {
    pub(crate) fn open() -> Self {
        let disk = MemoryStorage::new(Options::new(1 << 20, 256 << 10)).unwrap();
        let till = Node::start(Identity::new([1; 32], [1; 8]), disk).unwrap();
        let mut shop = Self { till, now_ms: 0 };
        let recovery = RecoveryPhrase::from_entropy([0x7f; 16]).device();
        let name = DeviceName::new("Till 1").unwrap();
        let settings = Box::new(settings());
        let register = register();
        shop.execute(Command::FoundStore { nonce: [9; 16], recovery, name, settings, register });
        let business_date = BusinessDate::new(2026, 11, 23).unwrap();
        let float = Money::zero(Currency::GBP);
        let (register, operator) = (self::register(), operator());
        shop.execute(Command::OpenShift { register, business_date, float, operator });
        shop
    }

    fn execute(&mut self, command: Command) -> Outcome {
        self.now_ms += 1;
        let wall = 1_795_420_800_000 + i64::try_from(self.now_ms).unwrap();
        let wall = WallTime::from_millis(wall);
        self.till.execute(Moment { monotonic_ms: self.now_ms, wall }, command).unwrap()
    }

    /// Sells for cash; the answer is the proof that it is on disk.
    pub(crate) fn sell(&mut self, wanted: &[Wanted<'_>], cash: i64) -> Durable<Completed> {
        let open = Command::OpenCart { label: String::new(), operator: operator() };
        let Outcome::CartOpened(cart) = self.execute(open) else { panic!("no cart") };
        for (place, &(name, price, quantity)) in wanted.iter().enumerate() {
            let command = item(place, name, price, quantity);
            self.execute(Command::EditCart { cart, command });
        }
        let paid = self.execute(Command::CompleteCart {
            cart,
            register: register(),
            operator: operator(),
            tenders: vec![Tendered::cash(Money::from_minor(cash, Currency::GBP))],
            idempotency_key: None,
            wall_time: None,
        });
        let Outcome::Completed(completed) = paid else { panic!("{paid:?}") };
        *completed
    }
}

/// The receipt of a sale that is on disk.
pub(crate) fn receipt_of(paid: &Durable<Completed>) -> ReceiptDocument {
    let Completed { id, transaction, .. } = paid.get();
    let recorded = Recorded { id: *id, record: transaction.clone() };
    let time = LocalTime { date: "2026-11-23".to_owned(), time: "14:05".to_owned() };
    receipt(&recorded, &settings(), time, ReceiptEdition::Original).unwrap()
}

fn operator() -> OperatorId {
    OperatorId::new("ada").unwrap()
}

fn register() -> RegisterId {
    RegisterId::new("R1").unwrap()
}

fn item(place: usize, name: &str, price: &str, quantity: i64) -> CartCommand {
    let unit_price = UnitPrice::parse(price, Currency::GBP).unwrap();
    CartCommand::AddItem {
        item: ItemRef::Open {
            sku: Sku::new(&format!("A{place}")).unwrap(),
            name: name.to_owned(),
            kind: ProductKind::Stocked,
            unit: UnitOfMeasure::Each,
            tax_category: "standard".to_owned(),
        },
        quantity: Quantity::from_units(quantity).unwrap(),
        price: Some(PriceOverride { unit_price, reason: "typed in".to_owned() }),
        direction: Direction::Sale,
        merge: Merge::NewLine,
    }
}

fn settings() -> StoreSettings {
    let rate = TaxRate {
        id: TaxRateId::new("standard").unwrap(),
        name: "VAT".to_owned(),
        percent: "20".parse().unwrap(),
        target: TaxTarget::Tax,
    };
    StoreSettings {
        edit: EditNumber(1),
        name: "Crème & Łódź".to_owned(),
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
        receipt_header: vec!["12 High Street, Bath".to_owned(), "VAT GB 123 4567 89".to_owned()],
        receipt_footer: vec!["Thank you. Exchange within 30 days.".to_owned()],
    }
}
