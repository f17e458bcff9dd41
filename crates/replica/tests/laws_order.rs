//! Whatever order entries arrive in, however often: the same verdicts, figures and documents.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod mesh;
mod shop;
#[expect(dead_code, reason = "only its generator is used")]
mod support;

use mesh::{
    FeedBytes, Summary, add, carry, carry_all, chained, cuts_at, device_of, edit, fresh, image,
    offer, pay, rename, sell, settle, store, summary,
};
use pos_core::cart::CartCommand;
use pos_core::ids::CartId;
use proptest::prelude::*;
use replica::core::{Command, CommandError, HeldBack, Lane, RosterRecord};
use replica::node::Node;
use shop::{Till, at, identity, open_cart};
use support::Seeded;

/// One thing done on one of three devices.
#[derive(Debug, Clone)]
struct Act {
    device: usize,
    what: u8,
    which: usize,
    to: usize,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = (0..3_usize, 0..10_u8, 0..8_usize, 0..3_usize)
        .prop_map(|(device, what, which, to)| Act { device, what, which, to });
    prop::collection::vec(act, 12..40)
}

/// Plays a day; refusals (a cart not heard of, a cart paid already) are part of it.
fn play(devices: &mut [Till], acts: &[Act]) -> Vec<CartId> {
    let mut carts: Vec<CartId> = Vec::new();
    let mut paid = Vec::new();
    for (n, act) in acts.iter().enumerate() {
        let ms = 10 + 7 * n as u64;
        let till = &mut devices[act.device];
        let number = u8::try_from(act.device + 1).unwrap();
        let cart = carts.get(act.which % carts.len().max(1)).copied();
        match (act.what, cart) {
            (0, _) => carts.push(open_cart(till, ms)),
            (1, _) => drop(sell(till, ms, number)),
            (2, _) => drop(rename(till, ms, "A", &format!("name {n}"))),
            (3 | 4, Some(cart)) => drop(add(till, ms, cart, "B", 1)),
            (5, Some(cart)) => {
                let view = till.query(|replica, disk| replica.cart(disk, cart));
                if let Ok(Some(line)) = view.map(|view| view.lines.first().map(|line| line.id)) {
                    drop(edit(till, ms, cart, CartCommand::VoidLine { line }));
                }
            }
            (6, Some(cart)) => paid.extend(pay(till, ms, number, cart).ok().map(|_| cart)),
            (7, _) => till.tick(at(ms + 1_500)),
            _ if act.to != act.device => {
                let entries = mesh::held_entries(&devices[act.device]);
                mesh::offer_all(&mut devices[act.to], &entries);
            }
            _ => {}
        }
    }
    for till in devices {
        till.tick(at(100_000));
        till.tick(at(100_100));
    }
    paid
}

fn below(random: &mut Seeded, limit: usize) -> usize {
    usize::try_from(random.below(limit as u64)).unwrap()
}

/// All entries in random windows, some of them twice, in random order: gaps are filled later.
fn deliver(till: &mut Till, feeds: &FeedBytes, seed: u64) {
    let mut random = Seeded(seed);
    let mut windows = Vec::new();
    for entries in feeds.values() {
        for run in chained(entries) {
            let mut from = 0;
            while from < run.len() {
                let to = (from + 1 + below(&mut random, 5)).min(run.len());
                windows.push(run[from..to].to_vec());
                if random.below(4) == 0 {
                    windows.push(run[from.saturating_sub(2)..to].to_vec());
                }
                from = to;
            }
        }
    }
    for last in (1..windows.len()).rev() {
        windows.swap(last, below(&mut random, last + 1));
    }
    for window in &windows {
        offer(till, window);
        if random.below(16) == 0 {
            till.rebuild_step(at(5));
        }
    }
    settle(till);
}

fn agree(devices: &mut [Till], seed: u64) -> Summary {
    let feeds = carry_all(devices);
    let store = devices[0].replica().store_id().unwrap();
    let expected = summary(&mut devices[0]);
    for till in devices.iter_mut() {
        assert_eq!(summary(till), expected);
        let lost_map = image(till.storage(), false);
        let me = till.replica().device();
        let own = (1..=9).find(|&device| device_of(device) == me).unwrap();
        let mut again = Node::start(identity(own, 200), lost_map).unwrap();
        settle(&mut again);
        assert_eq!(summary(&mut again), expected, "after a rebuild");
        let with_map = image(till.storage(), true);
        let mut again = Node::start(identity(own, 201), with_map).unwrap();
        settle(&mut again);
        assert_eq!(summary(&mut again), expected, "after a restart");
    }
    for n in 0..3 {
        let mut newcomer = fresh(identity(9, 1), store);
        deliver(&mut newcomer, &feeds, seed + n);
        assert_eq!(summary(&mut newcomer), expected, "in random order");
        assert_eq!(mesh::held_entries(&newcomer), feeds, "relayed as they came");
    }
    expected
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_and_duplication_of_entries_comes_to_the_same(acts in acts(), seed: u64) {
        let mut devices = store();
        let paid = play(&mut devices, &acts);
        let summary = agree(&mut devices, seed >> 1);
        prop_assert!(summary.kept_aside.is_empty(), "{:?}", summary.kept_aside);
        for cart in paid {
            prop_assert!(!summary.open.contains(&cart), "a paid cart is open");
        }
    }

    #[test]
    fn concurrent_edits_on_three_devices_lose_no_line(
        adds in prop::collection::vec((0..3_usize, 1..5_i64), 1..20),
        voids in prop::collection::vec(0..3_usize, 0..3),
        seed: u64,
    ) {
        let mut devices = store();
        let cart = open_cart(&mut devices[0], 10);
        add(&mut devices[0], 11, cart, "FIRST", 3).unwrap();
        carry_all(&mut devices);
        let first = devices[0].query(|replica, disk| replica.cart(disk, cart)).unwrap().lines[0].id;
        for (n, (device, quantity)) in adds.iter().enumerate() {
            add(&mut devices[*device], 20 + n as u64, cart, &format!("L{n}"), *quantity).unwrap();
        }
        for &device in &voids {
            // A device that voided the line already is told so; the others do not know yet.
            let void = CartCommand::VoidLine { line: first };
            let _told = edit(&mut devices[device], 50, cart, void);
        }
        agree(&mut devices, seed >> 1);
        let view = devices[1].query(|replica, disk| replica.cart(disk, cart)).unwrap();
        prop_assert_eq!(view.lines.len(), adds.len() + 1);
        for (n, (_, quantity)) in adds.iter().enumerate() {
            let sku = format!("L{n}");
            let line = view.lines.iter().find(|line| line.product.sku.as_str() == sku).unwrap();
            prop_assert_eq!(line.quantity.thousandths(), quantity * 1000);
        }
        let held = view.lines.iter().find(|line| line.id == first).unwrap().quantity;
        prop_assert_eq!(held.thousandths(), if voids.is_empty() { 3000 } else { 0 });
    }

    #[test]
    fn a_revocation_counts_alike_whenever_it_arrives(
        before in 0..4_u64, after in 0..4_u64, seed: u64,
    ) {
        let mut devices = store();
        for n in 0..before {
            sell(&mut devices[2], 20 + n, 3);
        }
        let cart = open_cart(&mut devices[2], 30);
        add(&mut devices[2], 31, cart, "B", 1).unwrap();
        devices[2].tick(at(3_000));
        let seen = mesh::held_entries(&devices[2]);
        let honest = {
            let mut watcher = fresh(identity(9, 3), devices[0].replica().store_id().unwrap());
            carry(&devices[2], &mut watcher);
            watcher.replica().stock_digest()
        };
        for n in 0..after {
            sell(&mut devices[2], 3_100 + n, 3);
        }
        devices[2].tick(at(6_000));
        let cuts = cuts_at(&seen, 3, |_, held| held);
        let revoked = RosterRecord::DeviceRevoked { device: device_of(3), cuts };
        devices[0].execute(at(40), Command::ChangeRoster(revoked)).unwrap();
        let summary = agree(&mut devices, seed >> 1);
        prop_assert_eq!(summary.stock, honest, "what is beyond the cut changes no total");
        let beyond = |reason: &HeldBack| matches!(reason, HeldBack::BeyondCut(_));
        prop_assert!(summary.kept_aside.iter().all(|(_, reason)| beyond(reason)));
        prop_assert_eq!(summary.kept_aside.is_empty(), after == 0);
        prop_assert!(summary.open.contains(&cart));
        let refused = devices[2].execute(at(9_000), Command::EditProducts(Vec::new()));
        prop_assert!(refused.is_err());
        let cart = Command::OpenCart { label: String::new(), operator: shop::operator() };
        let refused = devices[2].execute(at(9_001), cart);
        prop_assert_eq!(refused.unwrap_err(), CommandError::NotAMember);
    }
}

#[test]
fn a_feed_with_a_gap_is_not_taken_for_a_fork() {
    let mut devices = store();
    for n in 0..6 {
        sell(&mut devices[1], 20 + n, 2);
    }
    let feeds = mesh::held_entries(&devices[1]);
    let mut newcomer = fresh(identity(9, 1), devices[0].replica().store_id().unwrap());
    carry(&devices[0], &mut newcomer);
    let (feed, entries) = feeds
        .iter()
        .find(|(feed, _)| feed.device == device_of(2) && feed.lane == Lane::Ledger)
        .unwrap();
    offer(&mut newcomer, &entries[6..8]);
    offer(&mut newcomer, &entries[2..4]);
    offer(&mut newcomer, &entries[..1]);
    let state = newcomer.replica().feeds().get(feed).unwrap().clone();
    assert_eq!((state.heads.len(), state.missing.len()), (3, 2));
    let gaps = newcomer.query(|replica, disk| replica.exceptions(disk)).unwrap();
    let forked = |found: &_| matches!(found, replica::core::Exception::FeedForked { .. });
    assert!(!gaps.iter().any(forked), "{gaps:?}");
    offer(&mut newcomer, entries);
    assert_eq!(newcomer.replica().feeds().get(feed).unwrap().missing.len(), 0);
}

#[test]
fn a_cart_paid_on_one_tablet_while_another_edits_it_stays_closed() {
    let mut devices = store();
    let cart = open_cart(&mut devices[0], 10);
    add(&mut devices[0], 11, cart, "A", 1).unwrap();
    // The open cart reaches the map before it is paid: its rows there must go as well.
    devices[0].tick(at(2_000));
    carry_all(&mut devices);
    add(&mut devices[1], 20, cart, "B", 1).unwrap();
    add(&mut devices[0], 20, cart, "C", 1).unwrap();
    pay(&mut devices[0], 21, 1, cart).unwrap();
    let summary = agree(&mut devices, 7);
    assert!(!summary.open.contains(&cart));
    let left: Vec<_> = summary.carts.iter().flat_map(|cart| &cart.lines).collect();
    assert_eq!(left.len(), 1, "what the payment did not see, and nothing else: {left:?}");
    assert_eq!(left[0].product.sku.as_str(), "B");
    for till in &mut devices {
        let late = add(till, 30, cart, "D", 1).unwrap_err();
        assert!(matches!(late, CommandError::CartClosed { .. }), "{late}");
    }
}
