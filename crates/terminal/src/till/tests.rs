use std::cell::Cell;

use pos_core::ids::RegisterId;
use pos_core::money::Currency;
use pos_core::price_book::{Assign, ProductFields};
use pos_core::unit_price::UnitPrice;
use replica::core::DeviceName;
use replica::journal;
use replica::memory::{Crash, MemoryStorage};
use replica::recovery::RecoveryPhrase;

use super::*;

/// A till on a disk in memory.
pub(crate) type TestTill = Till<MemoryStorage>;

/// A clock that goes on by a millisecond whenever it is read.
#[derive(Debug, Default)]
pub(crate) struct StepClock(Cell<u64>);

impl Clock for StepClock {
    fn micros(&self) -> u64 {
        self.0.set(self.0.get() + 1000);
        self.0.get()
    }

    fn wall(&self) -> WallTime {
        "2010-12-01T08:26:00Z".parse().unwrap()
    }
}

pub(crate) fn identity(life: u8) -> Identity {
    Identity::new([7; 32], [life; 8])
}

/// A till of a store that sells in pounds with 20 % tax in its prices.
pub(crate) fn memory_till() -> TestTill {
    memory_till_of("GBP", "GB")
}

/// The same in another country.
pub(crate) fn memory_till_of(currency: &str, country: &str) -> TestTill {
    let storage = MemoryStorage::new(journal::Options::new(1 << 20, 1 << 16)).unwrap();
    let mut till = Till::start(identity(1), storage, Box::new(StepClock::default())).unwrap();
    let (settings, register) = crate::commands::test_settings(currency, country);
    let settings = Box::new(settings);
    let recovery = RecoveryPhrase::from_entropy([0x7f; 16]).device();
    let name = DeviceName::new("Till 1").unwrap();
    let nonce = [1; 16];
    till.execute(Command::FoundStore { nonce, recovery, name, settings, register }).unwrap();
    till
}

/// The till after a power cut and a restart.
pub(crate) fn restarted(till: TestTill, crash: Crash, life: u8) -> TestTill {
    let mut storage = till.node.into_storage();
    storage.crash(crash).unwrap();
    let mut till = Till::start(identity(life), storage, Box::new(StepClock::default())).unwrap();
    till.finish_rebuild(|_, _| {});
    till
}

/// Puts a product into the price book.
pub(crate) fn add_product(till: &mut TestTill, sku: &str, price: Option<&str>) {
    let currency = till.settings().unwrap().currency;
    let fields = ProductFields {
        name: Some(format!("Thing {sku}")),
        price: price.map(|text| Assign::Set(UnitPrice::parse(text, currency).unwrap())),
        ..ProductFields::default()
    };
    till.execute(Command::EditProducts(vec![(sku.parse().unwrap(), fields)])).unwrap();
}

#[test]
fn a_till_serves_the_register_it_was_founded_with() {
    let till = memory_till();
    assert_eq!(till.register(None).unwrap(), RegisterId::new("R1").unwrap());
    assert_eq!(till.settings().unwrap().currency, Currency::GBP);
    assert_eq!(till.zone().iana_name(), Some("Europe/London"));
}

#[test]
fn a_killed_till_takes_up_its_store_and_its_shift() {
    let mut till = memory_till();
    let operator = OperatorId::new("anna").unwrap();
    let register = till.register(None).unwrap();
    let float = Money::zero(Currency::GBP);
    let shift =
        till.start_shift(&register, "2010-12-01".parse().unwrap(), float, &operator).unwrap();
    let till = restarted(till, Crash::POWER_CUT, 2);
    assert_eq!(till.open_shift(&register).map(|(id, _)| id), Some(shift));
}
