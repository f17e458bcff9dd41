//! Whole flows at the counter, over a real till in a folder of its own.

mod card;
mod law;
mod papers;
mod refunds;
mod restart;
mod selling;

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use devices::payment::{
    Behaviour, Charge, PaymentTerminal, ReaderPatience, SimulatedReader, TcpReader,
};
use pos_core::ids::OperatorId;
use pos_core::money::{Currency, Money};
use pos_core::quantity::Quantity;
use replica::core::{Command, DeviceName};
use replica::recovery::RecoveryPhrase;
use replica::storage::Storage;
use replica::store::FileStorage;
use tempfile::TempDir;

use super::bell::DoorBell;
use super::card::CardDesk;
use super::desk::{Counter, Setup};
use super::intent::Intent;
use super::notice::Notice;
use super::papers::Papers;
use super::view::{Desk, LineView, Screen, Stage};
use crate::commands;
use crate::csv_file::CsvFile;
use crate::till::Till;
use crate::till::tests::StepClock;

/// How long a test waits for a thread before it fails, and how often it looks.
const PATIENCE: usize = 400;
const LOOK: Duration = Duration::from_millis(25);

/// A counter of a shop that sells the sample's products in pounds, 20 % tax in the prices.
struct Shop {
    folder: TempDir,
    bell: DoorBell,
    reader: Option<SimulatedReader>,
    counter: Option<Counter<FileStorage>>,
    taps: usize,
}

impl Shop {
    fn open() -> Self {
        Self::with(None, None)
    }

    /// With a reader that does as the script says, and then approves.
    fn with_reader(script: impl IntoIterator<Item = Behaviour>) -> Self {
        let reader = SimulatedReader::start("127.0.0.1:0", script).unwrap();
        Self::with(Some(reader), None)
    }

    fn with(reader: Option<SimulatedReader>, printer: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut till = Till::make(folder.path(), StepClock::default()).unwrap();
        found(&mut till);
        let mut shop = Self { folder, bell: DoorBell::default(), reader, counter: None, taps: 0 };
        shop.counter = Some(shop.counter_of(till, printer));
        shop
    }

    fn counter_of(&self, till: Till<FileStorage>, printer: Option<&str>) -> Counter<FileStorage> {
        let papers = match printer {
            None => Papers::default(),
            Some(printer) => {
                Papers::open(self.folder.path(), printer, None, self.bell.rope()).unwrap()
            }
        };
        Counter::new(till, setup(self.reader.as_ref(), papers, &self.bell)).unwrap()
    }

    /// The program is killed and started again; with this printer.
    fn restart(&mut self, printer: Option<&str>) {
        // Nothing is closed in order: what is not on disk is gone.
        drop(self.counter.take().unwrap().into_till());
        let till = Till::open_any(self.folder.path(), StepClock::default()).unwrap().unwrap();
        self.counter = Some(self.counter_of(till, printer));
    }

    fn counter(&mut self) -> &mut Counter<FileStorage> {
        self.counter.as_mut().unwrap()
    }

    fn tap(&mut self, intent: Intent) {
        self.taps += usize::from(intent.is_tap());
        self.counter().apply(intent);
        self.counter().settle();
    }

    fn scan(&mut self, code: &str) {
        self.tap(Intent::Scan(code.to_owned()));
    }

    fn taps_of(&mut self, intents: impl IntoIterator<Item = Intent>) -> usize {
        let before = self.taps;
        intents.into_iter().for_each(|intent| self.tap(intent));
        self.taps - before
    }

    fn desk(&mut self) -> Desk {
        desk_of(self.counter())
    }

    fn lines(&mut self) -> Vec<(String, String, String)> {
        let line = |line: &LineView| {
            (line.sku.to_string(), line.quantity.to_string(), line.amount.to_decimal().to_string())
        };
        self.desk().cart.lines.iter().map(line).collect()
    }

    fn notices(&mut self) -> Vec<Notice> {
        notices_of(self.counter())
    }

    fn charges(&self) -> Vec<Charge> {
        let charges: BTreeMap<_, Charge> = self.reader.as_ref().unwrap().charges();
        charges.into_values().collect()
    }

    /// Ticks until the desk is as wanted.
    fn wait_for(&mut self, wanted: impl Fn(&Desk) -> bool) -> Desk {
        let bell = self.bell.clone();
        for _ in 0..PATIENCE {
            self.counter().tick();
            let desk = self.desk();
            if wanted(&desk) {
                return desk;
            }
            bell.wait(LOOK);
        }
        panic!("it never came to that: {:#?}", self.desk().screen)
    }

    fn on_hand(&mut self, sku: &str) -> String {
        let sku = sku.parse().unwrap();
        self.counter().till().replica().books().on_hand(&sku).to_string()
    }
}

fn found<S: Storage>(till: &mut Till<S>) {
    let (settings, register) = commands::test_settings("GBP", "GB");
    let settings = Box::new(settings);
    let recovery = RecoveryPhrase::from_entropy([0x7f; 16]).device();
    let name = DeviceName::new("Till 1").unwrap();
    let nonce = [1; 16];
    till.execute(Command::FoundStore { nonce, recovery, name, settings, register }).unwrap();
    let source = Cursor::new(super::start::SAMPLE.as_bytes().to_vec());
    let mut file = CsvFile::from_reader(Path::new("sample.csv"), source, 0).unwrap();
    let imported = commands::import(till, &mut file, |_, _| {}).unwrap();
    assert_eq!((imported.added, imported.faults.len()), (33, 0), "{:?}", imported.faults);
}

fn setup(reader: Option<&SimulatedReader>, papers: Papers, bell: &DoorBell) -> Setup {
    let operator = OperatorId::new("anna").unwrap();
    let make = reader.map(|reader| -> super::card::ReaderFactory {
        let address = reader.address().to_string();
        Arc::new(move || -> Box<dyn PaymentTerminal> {
            let patience = ReaderPatience {
                answer: Duration::from_secs(5),
                customer: Duration::from_secs(10),
            };
            Box::new(TcpReader::new(address.clone()).with_patience(patience))
        })
    });
    Setup { operator, papers, card: CardDesk::new(make, bell.rope()), loopback: true }
}

fn desk_of<S: Storage>(counter: &Counter<S>) -> Desk {
    match &counter.view().stage {
        Stage::Selling(desk) => desk.as_ref().clone(),
        other => panic!("{other:?}"),
    }
}

fn notices_of<S: Storage>(counter: &Counter<S>) -> Vec<Notice> {
    counter.view().notices.iter().map(|posted| posted.notice.clone()).collect()
}

fn gbp(minor: i64) -> Money {
    Money::from_minor(minor, Currency::GBP)
}

fn quantity(text: &str) -> Quantity {
    text.parse().unwrap()
}

fn is_paid(desk: &Desk) -> bool {
    matches!(desk.screen, Screen::Paid(_))
}

/// Espresso 2.20, mug 8.50, apples 2.99 a kilogram.
const ESPRESSO: &str = "2900000000018";
const MUG: &str = "2900000000223";
