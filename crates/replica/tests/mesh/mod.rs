//! A store of several devices in memory, without a network: entries are carried by hand.
#![allow(dead_code, reason = "each suite uses a part")]

use std::collections::BTreeMap;

use pos_core::business_date::BusinessDate;
use pos_core::cart::{CartCommand, CartView, Direction};
use pos_core::ids::{CartId, DeviceId, RegisterId, StoreId};
use pos_core::price_book::ProductFields;
use pos_core::product::Sku;
use pos_core::record::Record;
use pos_core::tender::Tendered;
use replica::core::{
    Command, CommandError, Completed, CustomerSummary, Cut, Digest, Entry, EntryDraft, EntryId,
    Exception, FeedId, HeldBack, Identity, Incarnation, IngestError, Lane, OpClass, OpDraft,
    Outcome, Role, RosterRecord,
};
use replica::memory::MemoryStorage;
use replica::node::Node;
use replica::recovery;
use replica::storage::{FrameKind, Reads, Scanned, Storage, Stream};

use crate::shop::{self, Till, at, gbp, identity, operator};

/// The bytes of the entries of each feed, in order.
pub(crate) type FeedBytes = BTreeMap<FeedId, Vec<Vec<u8>>>;

/// What every replica of a set of entries must agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) held: Digest,
    pub(crate) meaning: Digest,
    pub(crate) stock: Digest,
    pub(crate) kept_aside: Vec<(EntryId, HeldBack)>,
    pub(crate) exceptions: Vec<Exception>,
    pub(crate) open: Vec<CartId>,
    /// The open carts and remainders with what their lines hold.
    pub(crate) carts: Vec<CartView>,
    pub(crate) customers: Vec<CustomerSummary>,
}

pub(crate) fn register_of(device: u8) -> RegisterId {
    RegisterId::new(format!("R{device}")).unwrap()
}

pub(crate) fn device_of(device: u8) -> DeviceId {
    identity(device, 0).key.device()
}

/// The record that lets a device in.
pub(crate) fn added(device: u8, role: Role) -> RosterRecord {
    let name = shop::name(&format!("Till {device}"));
    RosterRecord::DeviceAdded { device: device_of(device), role, name }
}

/// Makes a device a manager with the recovery phrase, as a lone founder has to.
pub(crate) fn appoint(till: &mut Till, ms: u64, device: u8) {
    let nonce = [u8::try_from(ms % 251).unwrap(); 8];
    recovery::act(till, &shop::phrase(), nonce, at(ms), &[added(device, Role::Manager)]).unwrap();
    settle(till);
}

pub(crate) fn fresh(identity: Identity, store: StoreId) -> Till {
    let mut till = Node::start(identity, shop::disk()).unwrap();
    till.join(store).unwrap();
    till
}

/// A founder (1) and two tills (2, 3), each with a register and an open shift.
pub(crate) fn store() -> Vec<Till> {
    let mut founder = shop::founded(1);
    let store = founder.replica().store_id().unwrap();
    for device in [2, 3] {
        let added = added(device, Role::Till);
        founder.execute(at(2), Command::ChangeRoster(added)).unwrap();
        let (register, device) = (register_of(device), device_of(device));
        let assigned = Record::RegisterAssigned { register, device };
        founder.execute(at(3), Command::Record(Box::new(assigned))).unwrap();
    }
    let mut devices = vec![founder];
    for device in [2, 3] {
        let mut till = fresh(identity(device, 1), store);
        carry(&devices[0], &mut till);
        open_shift(&mut till, device).unwrap();
        devices.push(till);
    }
    devices
}

pub(crate) fn open_shift(till: &mut Till, device: u8) -> Result<Outcome, CommandError> {
    let shift = Command::OpenShift {
        register: register_of(device),
        business_date: BusinessDate::new(2010, 12, 1).unwrap(),
        float: gbp(0),
        operator: operator(),
    };
    till.execute(at(5), shift)
}

pub(crate) fn add(
    till: &mut Till,
    ms: u64,
    cart: CartId,
    sku: &str,
    n: i64,
) -> Result<Outcome, CommandError> {
    edit(till, ms, cart, shop::item(sku, "1.00", n, Direction::Sale))
}

pub(crate) fn edit(
    till: &mut Till,
    ms: u64,
    cart: CartId,
    command: CartCommand,
) -> Result<Outcome, CommandError> {
    till.execute(at(ms), Command::EditCart { cart, command })
}

pub(crate) fn pay(
    till: &mut Till,
    ms: u64,
    device: u8,
    cart: CartId,
) -> Result<Completed, CommandError> {
    let complete = Command::CompleteCart {
        cart,
        register: register_of(device),
        operator: operator(),
        tenders: vec![Tendered::cash(gbp(1_000_000))],
        idempotency_key: None,
        wall_time: None,
    };
    match till.execute(at(ms), complete)? {
        Outcome::Completed(sale) => Ok(sale.into_inner()),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn sell(till: &mut Till, ms: u64, device: u8) -> Completed {
    let cart = shop::open_cart(till, ms);
    add(till, ms, cart, "A", 2).unwrap();
    pay(till, ms, device, cart).unwrap()
}

pub(crate) fn rename(till: &mut Till, ms: u64, sku: &str, name: &str) -> Outcome {
    let fields = ProductFields { name: Some(name.to_owned()), ..ProductFields::default() };
    let edits = vec![(Sku::new(sku).unwrap(), fields)];
    till.execute(at(ms), Command::EditProducts(edits)).unwrap()
}

/// All entries a device holds, by feed, in the order of their numbers.
pub(crate) fn held_entries<S: Storage>(till: &Node<S>) -> FeedBytes {
    let mut feeds: BTreeMap<FeedId, BTreeMap<(u64, EntryId), Vec<u8>>> = BTreeMap::new();
    for stream in Stream::ALL {
        for bytes in frames(till.storage(), stream) {
            let entry = Entry::decode(&bytes).unwrap();
            let place = (entry.header().seq, entry.id());
            let twice = feeds.entry(entry.header().feed).or_default().insert(place, bytes);
            assert!(twice.is_none(), "stored twice: {place:?}");
        }
    }
    feeds.into_iter().map(|(feed, bytes)| (feed, bytes.into_values().collect())).collect()
}

pub(crate) fn frames(disk: &dyn Reads, stream: Stream) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut next = 0;
    while next < disk.next_ordinal(stream) {
        for item in disk.scan(stream, next, 1 << 20).unwrap() {
            match item {
                Scanned::Frame(frame) => {
                    next = frame.ordinal + 1;
                    if frame.kind == FrameKind::Entry {
                        all.push(frame.payload);
                    }
                }
                Scanned::Damaged(damage) => next = damage.last + 1,
            }
        }
    }
    all
}

/// Cuts a feed's entries into windows wherever two do not follow each other (forks).
pub(crate) fn chained(entries: &[Vec<u8>]) -> Vec<Vec<Vec<u8>>> {
    let mut windows: Vec<Vec<Vec<u8>>> = Vec::new();
    let mut last = None;
    for bytes in entries {
        let entry = Entry::decode(bytes).unwrap();
        let follows = last == Some((entry.header().seq - 1, entry.header().previous));
        last = Some((entry.header().seq, entry.id()));
        match windows.last_mut() {
            Some(window) if follows => window.push(bytes.clone()),
            _ => windows.push(vec![bytes.clone()]),
        }
    }
    windows
}

pub(crate) fn offer(till: &mut Till, window: &[Vec<u8>]) {
    let window: Vec<&[u8]> = window.iter().map(Vec::as_slice).collect();
    // A till that folds its journal again takes nothing in meanwhile: the sender offers it again.
    if till.replica().rebuilding().is_some() {
        assert!(matches!(till.ingest(at(900), &window), Err(IngestError::Refused(_))));
        settle(till);
    }
    till.ingest(at(900), &window).unwrap();
}

pub(crate) fn offer_all(till: &mut Till, feeds: &FeedBytes) {
    for entries in feeds.values() {
        for window in chained(entries) {
            offer(till, &window);
        }
    }
    settle(till);
}

/// Carries all entries one device holds to another.
pub(crate) fn carry(from: &Till, to: &mut Till) {
    offer_all(to, &held_entries(from));
}

/// Carries everything to everybody, published counters included.
pub(crate) fn carry_all(devices: &mut [Till]) -> FeedBytes {
    // A new life is opened, that is flushed, counters are published, those are flushed.
    for device in devices.iter_mut() {
        for ms in [500_000, 500_100, 500_200, 500_300] {
            device.tick(at(ms));
        }
    }
    let mut all = FeedBytes::new();
    let mut seen = std::collections::BTreeSet::new();
    for device in devices.iter() {
        for (feed, entries) in held_entries(device) {
            let of_feed = all.entry(feed).or_default();
            of_feed.extend(entries.into_iter().filter(|bytes| seen.insert(bytes.clone())));
        }
    }
    for entries in all.values_mut() {
        entries.sort_by_key(|bytes| {
            let entry = Entry::decode(bytes).unwrap();
            (entry.header().seq, entry.id())
        });
    }
    for device in devices {
        offer_all(device, &all);
    }
    all
}

pub(crate) fn settle(till: &mut Till) {
    let mut steps = 0;
    while till.rebuild_step(at(1_000_000)) {
        steps += 1;
        assert!(steps < 10_000, "a rebuild ends");
    }
}

pub(crate) fn summary(till: &mut Till) -> Summary {
    assert!(till.replica().rebuilding().is_none());
    let held = till.replica().held_digest();
    let stock = till.replica().stock_digest();
    let kept_aside = till.replica().held_back().map(|(id, reason)| (*id, reason.clone())).collect();
    let meaning = till.query(|replica, disk| replica.meaning_digest(disk)).unwrap();
    let exceptions = till.query(|replica, disk| replica.exceptions(disk)).unwrap();
    let open = till.query(|replica, disk| replica.open_carts(disk)).unwrap();
    let mut carts = open;
    carts.sort_by_key(|view| view.id);
    let open = carts.iter().map(|view| view.id).collect();
    let customers = till.query(|replica, disk| replica.customers(disk, "", 200)).unwrap();
    let audit = till.query(|replica, disk| replica.audit_stock(disk)).unwrap();
    assert_eq!(audit.differences, vec![], "{audit:?}");
    Summary { held, meaning, stock, kept_aside, exceptions, open, carts, customers }
}

/// The same disk again, byte for byte in what counts, with its map or without.
pub(crate) fn image(disk: &MemoryStorage, with_map: bool) -> MemoryStorage {
    let mut copy = shop::disk();
    for stream in Stream::ALL {
        let mut next = 0;
        while next < disk.next_ordinal(stream) {
            for item in disk.scan(stream, next, 1 << 20).unwrap() {
                let Scanned::Frame(frame) = item else { panic!("damaged") };
                copy.append(stream, frame.ordinal, frame.kind, &frame.payload).unwrap();
                next = frame.ordinal + 1;
            }
        }
        copy.flush(stream).unwrap();
    }
    if with_map {
        let rows = disk.list(&[], None, usize::MAX).unwrap();
        let changes = rows.into_iter().map(|(key, value)| (key, Some(value))).collect();
        copy.commit(&replica::storage::Batch { changes }).unwrap();
    }
    copy
}

/// Everything of a device's feeds, as a manager that has seen all of it would cut it.
pub(crate) fn cuts_at(
    feeds: &FeedBytes,
    device: u8,
    keep: impl Fn(&FeedId, usize) -> usize,
) -> Vec<Cut> {
    let mut cuts = Vec::new();
    for (feed, entries) in feeds.iter().filter(|(feed, _)| feed.device == device_of(device)) {
        let seq = keep(feed, entries.len());
        let Some(last) = seq.checked_sub(1).and_then(|index| entries.get(index)) else { continue };
        let head = Entry::decode(last).unwrap().id();
        let incarnation = feed.incarnation;
        let floor = feed.lane == Lane::Floor;
        cuts.push(Cut { incarnation, floor, seq: seq as u64, head });
    }
    cuts
}

/// A feed written by hand, for entries no honest till would write.
pub(crate) struct Forger {
    pub(crate) identity: Identity,
    pub(crate) group: StoreId,
    pub(crate) incarnation: Incarnation,
    pub(crate) seq: u64,
    pub(crate) previous: EntryId,
    pub(crate) lamport: u64,
    pub(crate) roster_heads: Vec<EntryId>,
}

impl Forger {
    /// A device that knows the roster of `till` and writes under a life of its own.
    pub(crate) fn new(device: u8, till: &Till) -> Self {
        let identity = identity(device, 77);
        let me = identity.key.device();
        Self {
            group: till.replica().store_id().unwrap(),
            incarnation: Incarnation { counter: 77, nonce: [77; 8] },
            seq: 0,
            previous: EntryId::from_bytes([0; 32]),
            lamport: 1000,
            roster_heads: till.replica().roster().heads(me),
            identity,
        }
    }

    pub(crate) fn write(
        &mut self,
        deps: Vec<EntryId>,
        ops: Vec<(u16, OpClass, Vec<u8>)>,
    ) -> Vec<u8> {
        let op = |(kind, class, body)| OpDraft { kind, class, subject: Vec::new(), body };
        self.sign(deps, ops.into_iter().map(op).collect())
    }

    /// An entry with ops that are about something.
    pub(crate) fn sign(&mut self, deps: Vec<EntryId>, ops: Vec<OpDraft>) -> Vec<u8> {
        self.seq += 1;
        self.lamport += 1;
        let draft = EntryDraft {
            group: self.group,
            lane: Lane::Ledger,
            incarnation: self.incarnation,
            seq: self.seq,
            previous: self.previous,
            lamport: self.lamport,
            wall: at(0).wall,
            roster_heads: self.roster_heads.clone(),
            deps,
            ops,
        };
        let entry = Entry::sign(draft, &self.identity.key, &self.identity.seal).unwrap();
        self.previous = entry.id();
        entry.encode()
    }

    pub(crate) fn record(&mut self, deps: Vec<EntryId>, record: &Record) -> Vec<u8> {
        self.write(deps, vec![(record.kind(), OpClass::Fact, record.encode())])
    }

    pub(crate) fn roster(&mut self, record: &RosterRecord) -> Vec<u8> {
        let body = postcard::to_stdvec(record).unwrap();
        self.write(Vec::new(), vec![(record.kind(), OpClass::Fact, body)])
    }
}

pub(crate) fn id_of(bytes: &[u8]) -> EntryId {
    Entry::decode(bytes).unwrap().id()
}
