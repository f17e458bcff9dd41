//! The rows follow from the entries: whatever order they come in, however often, at once or bit by bit.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../../replica/tests/mesh/mod.rs"]
mod mesh;
#[path = "../../replica/tests/shop/mod.rs"]
mod shop;

use std::collections::BTreeMap;

use hub::embedded::Embedded;
use hub::projector::Projector;
use hub::store::{Cut, HubStore, Page, Stores};
use mesh::{FeedBytes, carry_all, chained, cuts_at, device_of, fresh, offer, offer_all, settle};
use pos_core::business_date::BusinessDate;
use pos_core::cart::Direction;
use pos_core::money::Money;
use pos_core::product::Sku;
use pos_core::stock::{AccountPosting, AdjustmentLine, InventoryAdjustment};
use proptest::prelude::*;
use replica::core::{Command, RosterRecord};
use replica::documents::CustomerEdit;
use shop::{Till, at, gbp, identity};

/// A hub's replica of the store, and the rows that follow it.
struct Hub {
    till: Till,
    projector: Projector,
    rows: Embedded,
}

impl Hub {
    fn of(devices: &[Till]) -> Self {
        let store = devices[0].replica().store_id().unwrap();
        let till = fresh(identity(77, 1), store);
        Self { till, projector: Projector::new(store), rows: Embedded::new() }
    }

    /// Brings the rows up to date with what has come; says whether anything changed.
    fn project(&mut self) -> bool {
        match self.projector.changes(&mut self.till, u64::MAX).unwrap() {
            None => false,
            Some(change) => {
                self.rows.apply(change).unwrap();
                true
            }
        }
    }

    fn cut(&self) -> Cut {
        self.rows.cut(&Stores::All).unwrap()
    }
}

/// The rows of one who gets everything at once.
fn at_once(devices: &[Till], feeds: &FeedBytes) -> Cut {
    let mut hub = Hub::of(devices);
    offer_all(&mut hub.till, feeds);
    assert!(hub.project());
    hub.cut()
}

fn adjusted(sku: &str, quantity: &str, day: i8) -> Command {
    let line = AdjustmentLine {
        sku: Sku::new(sku).unwrap(),
        kind: pos_core::product::ProductKind::Stocked,
        quantity_change: quantity.parse().unwrap(),
        description: "found".to_owned(),
    };
    Command::Record(Box::new(pos_core::record::Record::StockAdjusted(InventoryAdjustment {
        lines: vec![line],
        reason: "count".to_owned(),
        business_date: BusinessDate::new(2010, 12, day).unwrap(),
        idempotency_key: None,
        wall_time: at(50).wall,
    })))
}

fn posted(minor: i64) -> Command {
    Command::Record(Box::new(pos_core::record::Record::AccountPosted(AccountPosting {
        account: "bank".to_owned(),
        description: String::new(),
        amount: gbp(minor),
        business_date: BusinessDate::new(2010, 12, 1).unwrap(),
        idempotency_key: None,
        wall_time: at(60).wall,
    })))
}

/// One thing a till does.
#[derive(Debug, Clone)]
struct Act {
    device: usize,
    what: u8,
    to: usize,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = (0..3_usize, 0..7_u8, 0..3_usize);
    prop::collection::vec(act.prop_map(|(device, what, to)| Act { device, what, to }), 4..24)
}

fn play(devices: &mut [Till], acts: &[Act]) {
    for (n, act) in acts.iter().enumerate() {
        let ms = 10 + 7 * n as u64;
        let number = u8::try_from(act.device + 1).unwrap();
        let till = &mut devices[act.device];
        match act.what {
            0 | 1 => drop(mesh::sell(till, ms, number)),
            2 => drop(mesh::rename(till, ms, "A", &format!("name {n}"))),
            3 => drop(till.execute(at(ms), adjusted("B", "2.5", 2)).unwrap()),
            4 => drop(till.execute(at(ms), posted(-310)).unwrap()),
            5 => {
                let name = CustomerEdit::SetName(format!("Ada {n}"));
                drop(till.execute(at(ms), Command::CreateCustomer(vec![name])).unwrap());
            }
            _ if act.to != act.device => {
                let entries = mesh::held_entries(&devices[act.device]);
                offer_all(&mut devices[act.to], &entries);
            }
            _ => {}
        }
    }
}

/// Pieces of all feeds, some of them twice, in an order that `seed` says.
fn pieces(feeds: &FeedBytes, seed: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut drawn = seed.iter().cycle().map(|&byte| usize::from(byte));
    let mut draw = |limit: usize| drawn.next().unwrap() % limit;
    let mut pieces = Vec::new();
    for entries in feeds.values() {
        for run in chained(entries) {
            let mut from = 0;
            while from < run.len() {
                let to = (from + 1 + draw(4)).min(run.len());
                pieces.push(run[from..to].to_vec());
                if draw(4) == 0 {
                    pieces.push(run[from.saturating_sub(2)..to].to_vec());
                }
                from = to;
            }
        }
    }
    for last in (1..pieces.len()).rev() {
        pieces.swap(last, draw(last + 1));
    }
    pieces
}

/// The figures of each day, worked out from the single sales and postings.
fn by_hand(cut: &Cut) -> BTreeMap<BusinessDate, (Money, Money, u64)> {
    let mut days = BTreeMap::new();
    for (date, day) in cut.stores.values().flat_map(|rows| &rows.days) {
        let items = day.sales.values().flat_map(|document| &document.items);
        let value = Money::sum(items.map(|item| item.gross), gbp(0).currency()).unwrap();
        let postings = day.postings.values().map(|row| row.amount);
        let total = value.checked_add(Money::sum(postings, value.currency()).unwrap()).unwrap();
        let sales = day.sales.values().filter(|one| one.sale.direction == Direction::Sale);
        days.insert(*date, (value, total, sales.count() as u64));
    }
    days
}

/// Two computations: the totals come from the books, the sums from the single rows.
fn assert_sums_hold(cut: &Cut) {
    let by_hand = by_hand(cut);
    for (date, row) in cut.stores.values().flat_map(|rows| &rows.totals) {
        let zero = (gbp(0), gbp(0), 0);
        let wanted = by_hand.get(date).copied().unwrap_or(zero);
        assert_eq!((row.sales_value, row.total, row.sales), wanted, "{date}");
    }
    let totals = cut.stores.values().flat_map(|rows| rows.totals.keys());
    assert!(by_hand.keys().all(|date| totals.clone().any(|day| day == date)));
    for rows in cut.stores.values() {
        let mut stock: BTreeMap<&Sku, i64> = BTreeMap::new();
        for day in rows.days.values() {
            for item in day.sales.values().flat_map(|document| &document.items) {
                *stock.entry(&item.sku).or_default() -= item.quantity.thousandths();
            }
            for line in day.adjustments.values().flat_map(|lines| lines.iter()) {
                *stock.entry(&line.sku).or_default() += line.quantity_change.thousandths();
            }
        }
        let shown = rows.stock.iter().map(|(sku, row)| (sku, row.on_hand.thousandths()));
        assert_eq!(stock, shown.collect());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_order_and_any_repetition_of_entries_give_the_same_rows(
        acts in acts(),
        seed in prop::collection::vec(any::<u8>(), 16..64),
    ) {
        let mut devices = mesh::store();
        play(&mut devices, &acts);
        let feeds = carry_all(&mut devices);
        let wanted = at_once(&devices, &feeds);
        assert_sums_hold(&wanted);

        // Bit by bit, projected in between.
        let mut hub = Hub::of(&devices);
        for (n, piece) in pieces(&feeds, &seed).iter().enumerate() {
            offer(&mut hub.till, piece);
            if seed[n % seed.len()] % 3 == 0 {
                hub.project();
            }
        }
        settle(&mut hub.till);
        hub.project();
        prop_assert_eq!(hub.cut(), wanted.clone());
        prop_assert!(!hub.project(), "nothing has come since");

        // From the beginning, as after a restart.
        let mut again = Hub { projector: Projector::new(
            hub.till.replica().store_id().unwrap()), rows: Embedded::new(), till: hub.till };
        again.project();
        prop_assert_eq!(again.cut(), wanted);
    }
}

#[test]
fn what_a_revoked_till_wrote_beyond_its_cut_is_in_no_row() {
    let mut devices = mesh::store();
    mesh::sell(&mut devices[0], 10, 1);
    mesh::sell(&mut devices[1], 20, 2);
    let before = mesh::held_entries(&devices[1]);
    mesh::sell(&mut devices[1], 30, 2);
    let feeds = carry_all(&mut devices);
    let mut hub = Hub::of(&devices);
    offer_all(&mut hub.till, &feeds);
    hub.project();
    let sales = |cut: &Cut| {
        cut.stores
            .values()
            .flat_map(|rows| rows.days.values())
            .map(|day| day.sales.len())
            .sum::<usize>()
    };
    assert_eq!(sales(&hub.cut()), 3);

    // The founder shuts the second till out, as of before its last sale.
    let kept = |feed: &replica::core::FeedId, _all: usize| before.get(feed).map_or(0, Vec::len);
    let cuts = cuts_at(&feeds, 2, kept);
    let revoked = RosterRecord::DeviceRevoked { device: device_of(2), cuts };
    devices[0].execute(at(40), Command::ChangeRoster(revoked)).unwrap();
    settle(&mut devices[0]);
    let feeds = carry_all(&mut devices[..1]);
    offer_all(&mut hub.till, &feeds);
    hub.project();
    assert_eq!(sales(&hub.cut()), 2, "the rows are made anew without it");
    assert_eq!(hub.cut(), at_once(&devices[..1], &feeds));
    assert_sums_hold(&hub.cut());
}

#[test]
fn a_cut_that_is_held_does_not_change_while_the_rows_go_on() {
    let mut devices = mesh::store();
    mesh::sell(&mut devices[0], 10, 1);
    let mut hub = Hub::of(&devices);
    offer_all(&mut hub.till, &mesh::held_entries(&devices[0]));
    hub.project();
    let held = hub.cut();
    let copy = at_once(&devices, &mesh::held_entries(&devices[0]));
    mesh::sell(&mut devices[0], 20, 1);
    offer_all(&mut hub.till, &mesh::held_entries(&devices[0]));
    hub.project();
    assert_eq!(held, copy);
    assert_ne!(hub.cut(), held);
}

#[test]
fn merged_stock_is_the_sum_of_the_stores_and_only_of_those_one_may_see() {
    // Two stores that sell the same product.
    let mut one = mesh::store();
    let mut other = {
        let mut till = replica::node::Node::start(identity(9, 1), shop::disk()).unwrap();
        shop::found(&mut till);
        vec![till]
    };
    mesh::sell(&mut one[0], 10, 1);
    shop::sell(&mut other[0], 10, None);
    let cart = shop::open_cart(&mut other[0], 20);
    shop::add(&mut other[0], 20, cart, "A", "1.00", 5);
    shop::pay(&mut other[0], 20, cart, 500, None).unwrap();
    let rows = Embedded::new();
    let mut ids = Vec::new();
    for devices in [&one, &other] {
        let mut hub = Hub::of(devices);
        offer_all(&mut hub.till, &mesh::held_entries(&devices[0]));
        let change = hub.projector.changes(&mut hub.till, u64::MAX).unwrap().unwrap();
        ids.push(change.store.store);
        rows.apply(change).unwrap();
    }
    let sku = Sku::new("A").unwrap();
    let on_hand = |stores: &Stores| {
        let merged = rows.product(stores, &sku).unwrap();
        merged.map(|merged| merged.stock.values().map(|held| held.thousandths()).sum::<i64>())
    };
    assert_eq!(on_hand(&Stores::All), Some(-7_000));
    assert_eq!(on_hand(&Stores::Only([ids[0]].into())), Some(-2_000));
    assert_eq!(on_hand(&Stores::Only([ids[1]].into())), Some(-5_000));
    assert_eq!(on_hand(&Stores::Only([].into())), None);
    // Pages join to the whole list.
    let all = rows.products(&Stores::All, &Page { after: None, limit: 100 }).unwrap();
    let mut paged = Vec::new();
    while let Some(page) = Some(Page { after: paged.last().cloned(), limit: 1 }) {
        let some = rows.products(&Stores::All, &page).unwrap();
        let Some(product) = some.first() else { break };
        paged.push(product.sku.clone());
    }
    assert_eq!(paged, all.iter().map(|product| product.sku.clone()).collect::<Vec<_>>());
    // Whatever store a token names, what another one sold is not found in it.
    let sale = rows.day(&Stores::Only([ids[1]].into()), BusinessDate::new(2010, 12, 1).unwrap());
    let id = *sale.unwrap()[&ids[1]].sales.keys().next().unwrap();
    assert!(rows.sale(&Stores::All, id).unwrap().is_some());
    assert!(rows.sale(&Stores::Only([ids[0]].into()), id).unwrap().is_none());
}
