//! Starting reads the end of the journal, not its history; and a large cart stays quick.

mod shop;

use std::cell::Cell;

use pos_core::cart::{CartCommand, Direction};
use pos_core::price_book::ProductFields;
use pos_core::product::Sku;
use replica::core::{Command, Replica};
use replica::journal::Options;
use replica::memory::MemoryStorage;
use replica::node::Node;
use replica::storage::{Frame, Ordinal, Pairs, Reads, Recovered, Scanned, StorageError, Stream};
use shop::{at, found, identity, open_cart, sell};

/// Counts the bytes of frames read through it.
struct Counting<'a> {
    disk: &'a MemoryStorage,
    bytes: Cell<usize>,
}

impl Counting<'_> {
    fn count(&self, frame: &Frame) {
        self.bytes.set(self.bytes.get() + frame.payload.len());
    }
}

impl Reads for Counting<'_> {
    fn next_ordinal(&self, stream: Stream) -> Ordinal {
        self.disk.next_ordinal(stream)
    }

    fn segment_start(&self, stream: Stream, back: usize) -> Option<Ordinal> {
        self.disk.segment_start(stream, back)
    }

    fn read(&self, stream: Stream, ordinal: Ordinal) -> Result<Frame, StorageError> {
        let frame = self.disk.read(stream, ordinal)?;
        self.count(&frame);
        Ok(frame)
    }

    fn scan(
        &self,
        stream: Stream,
        from: Ordinal,
        bytes: usize,
    ) -> Result<Vec<Scanned>, StorageError> {
        let found = self.disk.scan(stream, from, bytes)?;
        for item in &found {
            if let Scanned::Frame(frame) = item {
                self.count(frame);
            }
        }
        Ok(found)
    }

    fn recovered(&self, stream: Stream) -> &Recovered {
        self.disk.recovered(stream)
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        self.disk.get(key)
    }

    fn list(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Pairs, StorageError> {
        self.disk.list(prefix, after, limit)
    }
}

#[test]
fn a_start_reads_the_end_of_the_journal_and_not_its_history() {
    let disk = MemoryStorage::new(Options::new(256 << 10, 64 << 10)).unwrap();
    let mut till = Node::start(identity(1, 1), disk).unwrap();
    found(&mut till);
    let mut read = Vec::new();
    for part in 1..=2_u64 {
        for n in 0..1_000 {
            let ms = part * 1_000_000 + n * 40;
            sell(&mut till, ms, None);
            till.tick(at(ms + 30));
        }
        let mut disk = till.into_storage();
        disk.crash(replica::memory::Crash::KILL).unwrap();
        let counting = Counting { disk: &disk, bytes: Cell::new(0) };
        Replica::start(identity(1, 9), &counting).unwrap();
        let stored: u64 = Stream::ALL.iter().map(|&stream| disk.stream_bytes(stream)).sum();
        read.push((counting.bytes.get() as u64, stored));
        till = Node::start(identity(1, u8::try_from(part).unwrap() + 1), disk).unwrap();
    }
    let [(first, _), (second, stored)] = read[..] else { panic!() };
    // What is written down every MiB, and a segment, bound what is read; the history does not.
    assert!(second < (1 << 20) + (512 << 10), "{second} bytes of {stored}");
    assert!(second < first + (1 << 20), "{second} after {first}");
    assert!(stored > 3 * second, "the history is longer: {stored}, {second} were read");
}

#[test]
fn a_view_brought_up_to_date_is_the_view_read_anew() {
    let mut till = shop::founded(1);
    let cart = open_cart(&mut till, 10);
    for n in 0..30_u64 {
        let command = shop::item(&format!("S{}", n % 20), "1.00", 1, Direction::Sale);
        till.execute(at(11 + n), Command::EditCart { cart, command }).unwrap();
    }
    let line = till.query(|replica, disk| replica.cart(disk, cart)).unwrap().lines[7].id;
    let quantity = pos_core::quantity::Quantity::from_units(5).unwrap();
    for command in [
        CartCommand::ChangeQuantity { line, quantity },
        CartCommand::VoidLine { line },
        CartCommand::SetLabel { label: "table 4".to_owned() },
        CartCommand::Suspend,
    ] {
        till.execute(at(60), Command::EditCart { cart, command }).unwrap();
    }
    let kept = till.query(|replica, disk| replica.cart(disk, cart)).unwrap();
    let mut disk = till.into_storage();
    disk.crash(replica::memory::Crash::KILL).unwrap();
    let mut till = Node::start(identity(1, 2), disk).unwrap();
    assert_eq!(till.query(|replica, disk| replica.cart(disk, cart)).unwrap(), kept);
}

#[test]
fn a_cart_of_705_lines_is_edited_and_paid() {
    let mut till = shop::founded(1);
    let cart = open_cart(&mut till, 10);
    for n in 0..705_u64 {
        let command = shop::item(&format!("S{n}"), "1.00", 1, Direction::Sale);
        till.execute(at(11 + n), Command::EditCart { cart, command }).unwrap();
    }
    shop::pay(&mut till, 2_000, cart, 70_500, None).unwrap();
    let mut disk = till.into_storage();
    disk.crash(replica::memory::Crash::KILL).unwrap();
    let till = Node::start(identity(1, 2), disk).unwrap();
    assert_eq!(till.replica().last_receipt(&shop::register()), 1);
}

#[test]
fn a_large_import_never_overfills_a_batch_of_the_map() {
    let mut till = shop::founded(1);
    // An open cart that is never flushed by itself must not hold the map back.
    open_cart(&mut till, 10);
    for part in 0..4_u64 {
        let edit = |n: u64| {
            let name = Some(format!("product {n}"));
            let fields = ProductFields { name, ..ProductFields::default() };
            (Sku::new(&format!("S{n}")).unwrap(), fields)
        };
        let edits = (part * 20_000..(part + 1) * 20_000).map(edit).collect();
        till.execute(at(11 + part), Command::EditProducts(edits)).unwrap();
    }
    assert_eq!(till.take_alarms(), vec![]);
    assert_eq!(till.replica().books().price_book().len(), 80_000);
    let mut disk = till.into_storage();
    disk.crash(replica::memory::Crash::KILL).unwrap();
    let till = Node::start(identity(1, 2), disk).unwrap();
    assert!(till.replica().rebuilding().is_none());
    assert_eq!(till.replica().books().price_book().len(), 80_000);
}
