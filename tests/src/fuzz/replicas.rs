//! Two tills of one store, driven by a list of actions: whatever they do and whatever is lost on the
//! way, once they can talk they come to the same.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use pos_core::business_date::BusinessDate;
use pos_core::ids::IdempotencyKey;
use pos_core::product::{ProductKind, Sku};
use pos_core::quantity::Quantity;
use pos_core::record::Record;
use pos_core::stock::{AdjustmentLine, InventoryAdjustment};
use replica::core::{Command, Moment};
use replica::memory::MemoryStorage;
use replica::node::Node;
use replica::storage::Storage;
use replica::sync::{Class, ConnId, Engine, Output};

use super::till::{BEFORE, Shop, empty_till, other_device, restarted};
use crate::crash::check::Till;
use crate::crash::disk::TracedDisk;
use crate::crash::script::{Cashier, moment};

/// Actions of one input that are played.
const ACTIONS_MAX: usize = 48;
/// Time in which two tills that can talk must come to the same.
const AGREE_MS: u64 = 60_000;
const STEP_MS: u64 = 250;

/// One way of a connection, by class: kept in order, as the transport promises.
type Wires = BTreeMap<Class, VecDeque<Vec<u8>>>;

struct Pair {
    shop: &'static Shop,
    first: Till<TracedDisk>,
    second: Option<Node<MemoryStorage>>,
    engines: [Engine; 2],
    /// Frames on the way to the first and to the second.
    to: [Wires; 2],
    conn: u64,
    connected: bool,
    now: u64,
    document: usize,
    adjusted: usize,
    life: u8,
}

/// Each byte an action.
pub(super) fn two(input: &[u8]) {
    let Some(shop) = Shop::get() else { return };
    let Some(mut pair) = Pair::new(shop) else { return };
    for action in input.iter().take(ACTIONS_MAX) {
        pair.act(*action);
    }
    pair.agree();
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    vec![
        vec![2, 4, 4, 4, 0, 0, 1, 4, 4, 4],
        vec![0, 1, 0, 1, 2, 4, 3, 0, 1, 2, 5, 4],
        vec![2, 4, 0, 5, 1, 4, 6, 0, 3, 1, 1, 2, 4, 6],
    ]
}

impl Pair {
    fn new(shop: &'static Shop) -> Option<Self> {
        let first = shop.till(7).ok()?;
        let second = empty_till(shop.store).ok()?;
        let trusted = BTreeSet::from([first.replica().device()]);
        let engines = [
            Engine::new(first.replica().device(), BTreeSet::new()),
            Engine::new(other_device(), trusted),
        ];
        Some(Self {
            shop,
            first,
            second: Some(second),
            engines,
            to: [Wires::new(), Wires::new()],
            conn: 0,
            connected: false,
            now: 0,
            document: BEFORE,
            adjusted: 0,
            life: 10,
        })
    }

    fn at(&self) -> Moment {
        moment(BEFORE + 1, self.now)
    }

    fn act(&mut self, action: u8) {
        self.now += 10;
        match action % 7 {
            0 => self.sell(),
            1 => self.adjust(),
            2 => self.connect(),
            3 => self.cut(),
            4 => self.run(u64::from(action / 7 + 1) * STEP_MS),
            5 => drop(self.deliver(usize::from(action / 7 + 1))),
            _ => self.restart(),
        }
    }

    fn sell(&mut self) {
        let cashier = Cashier::new(&self.shop.documents, &self.shop.model);
        let played = cashier.play(&mut self.first, self.document);
        // The model knows only what the first till does: stock that the second moved is not in it.
        assert!(played.is_ok(), "the first till sells: {played:?}");
        self.document += 1;
        self.engines[0].pump(&mut self.first);
        self.collect(0);
    }

    /// The second till, once it has heard that it is a member, counts a delivery.
    fn adjust(&mut self) {
        let at = self.at();
        let Some(second) = &mut self.second else { return };
        let Some(record) = delivery(self.adjusted) else { return };
        if second.execute(at, Command::Record(Box::new(record))).is_ok() {
            self.adjusted += 1;
        }
        self.engines[1].pump(second);
        self.collect(1);
    }

    fn connect(&mut self) {
        if self.connected {
            return;
        }
        self.connected = true;
        self.conn += 1;
        let (at, conn) = (self.at(), ConnId(self.conn));
        let device = self.first.replica().device();
        self.engines[0].connected(&mut self.first, at, conn, other_device(), None);
        if let Some(second) = &mut self.second {
            self.engines[1].connected(second, at, conn, device, None);
        }
        self.collect(0);
        self.collect(1);
    }

    fn cut(&mut self) {
        if !self.connected {
            return;
        }
        self.connected = false;
        let (at, conn) = (self.at(), ConnId(self.conn));
        self.engines[0].disconnected(&mut self.first, at, conn);
        if let Some(second) = &mut self.second {
            self.engines[1].disconnected(second, at, conn);
        }
        self.to = [Wires::new(), Wires::new()];
    }

    /// The power fails at the second till.
    fn restart(&mut self) {
        self.cut();
        self.life = self.life.wrapping_add(1);
        let Some(second) = self.second.take() else { return };
        let again = restarted(second, self.life);
        assert!(again.is_ok(), "it opens: {:?}", again.err());
        self.second = again.ok();
        if let Some(second) = &mut self.second
            && second.replica().store_id().is_none()
        {
            drop(second.join(self.shop.store));
        }
        let trusted = BTreeSet::from([self.first.replica().device()]);
        self.engines[1] = Engine::new(other_device(), trusted);
    }

    fn collect(&mut self, from: usize) {
        let mut closed = false;
        let Some(engine) = self.engines.get_mut(from) else { return };
        while let Some(output) = engine.poll() {
            match output {
                Output::Send { conn, class, frame } => {
                    if self.connected
                        && conn == ConnId(self.conn)
                        && let Some(wires) = self.to.get_mut(1 - from)
                    {
                        wires.entry(class).or_default().push_back(frame);
                    }
                }
                Output::Close { reason, .. } => {
                    // The second till may not have heard yet that it is let in; nothing else may
                    // part two honest tills.
                    let harmless = matches!(reason, replica::sync::CloseReason::NotAMember);
                    assert!(harmless, "{reason}");
                    closed = true;
                }
                Output::Learnt { .. } => {}
            }
        }
        if closed {
            self.cut();
        }
    }

    /// Delivers frames; says whether there was one.
    fn deliver(&mut self, most: usize) -> bool {
        let mut any = false;
        for _ in 0..most {
            for to in 0..2 {
                let Some(wires) = self.to.get_mut(to) else { continue };
                let next =
                    wires.iter_mut().find_map(|(class, queue)| Some((*class, queue.pop_front()?)));
                let Some((class, frame)) = next else { continue };
                any = true;
                let (at, conn) = (self.at(), ConnId(self.conn));
                let Self { engines: [one, two], first, second, .. } = self;
                match (to, second) {
                    (0, _) => one.frame(first, at, conn, class, &frame),
                    (_, Some(second)) => two.frame(second, at, conn, class, &frame),
                    _ => {}
                }
                self.collect(to);
            }
        }
        any
    }

    fn run(&mut self, ms: u64) {
        let until = self.now + ms;
        while self.now < until {
            while self.deliver(1) {}
            self.now += STEP_MS;
            let at = self.at();
            let [one, two] = &mut self.engines;
            tick(&mut self.first, one, at);
            if let Some(second) = &mut self.second {
                tick(second, two, at);
            }
            self.collect(0);
            self.collect(1);
        }
    }

    fn agree(&mut self) {
        self.connect();
        let until = self.now + AGREE_MS;
        while self.now < until {
            self.run(STEP_MS);
            self.connect();
        }
        let Some(second) = &mut self.second else { return };
        let both = [digests(&mut self.first), digests(second)];
        let [one, two] = &both;
        assert_eq!(one, two, "two tills that talk come to the same");
        let report =
            second.replica().books().sales_report(pos_core::report::ReportFilter::default());
        let sales = report.map(|report| report.totals.sales.count).unwrap_or_default();
        assert_eq!(sales, self.shop.model.after(self.document).sales.count, "all sales are there");
    }
}

fn tick<S: Storage>(till: &mut Node<S>, engine: &mut Engine, at: Moment) {
    till.tick(at);
    while till.rebuild_step(at) {}
    engine.tick(till, at);
}

fn digests<S: Storage>(till: &mut Node<S>) -> (String, String) {
    let meaning = till.query(|replica, disk| replica.meaning_digest(disk));
    let meaning = meaning.map_or_else(|error| error.to_string(), |digest| digest.to_string());
    (till.replica().held_digest().to_string(), meaning)
}

fn delivery(number: usize) -> Option<Record> {
    Some(Record::StockAdjusted(InventoryAdjustment {
        lines: vec![AdjustmentLine {
            sku: Sku::new("S1").ok()?,
            kind: ProductKind::Stocked,
            quantity_change: Quantity::from_units(5).ok()?,
            description: String::new(),
        }],
        reason: "delivery".to_owned(),
        business_date: BusinessDate::new(2010, 12, 1).ok()?,
        idempotency_key: Some(IdempotencyKey::new(format!("second-{number}")).ok()?),
        wall_time: moment(number, 0).wall,
    }))
}
