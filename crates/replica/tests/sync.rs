//! Whole stores whose tills share everything over wires that fail, without a network.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

mod mesh;
mod shop;
mod wires;

use proptest::prelude::*;
use replica::core::{Command, FeedId, HeldBack, Lane};
use replica::sync::CloseReason;

use mesh::{add, device_of, pay, sell, store};
use shop::{Till, identity, open_cart};
use wires::World;

/// Three tills that know each other, connected all to all.
fn three() -> World {
    let mut world = World::new(store(), 1);
    world.connect_all();
    world.run(500);
    world
}

fn sell_on(world: &mut World, peer: usize) {
    let device = u8::try_from(peer + 1).unwrap();
    world.act(peer, |till, ms| sell(till, ms, device));
}

#[test]
fn what_one_till_writes_all_tills_have() {
    let mut world = three();
    for round in 0..9 {
        sell_on(&mut world, round % 3);
    }
    world.run(3000);
    let agreed = world.agreed();
    assert!(agreed.kept_aside.is_empty(), "{agreed:?}");
    assert!(world.closed.is_empty(), "{:?}", world.closed);
    for peer in 0..3 {
        assert_eq!(world.sales(peer), 9);
    }
}

#[test]
fn a_peer_that_has_all_costs_no_look_at_the_index() {
    let mut world = three();
    for round in 0..9 {
        sell_on(&mut world, round % 3);
    }
    // One that was asked once, for what another one had not, is not served for ever.
    world.cut(0, 2);
    sell_on(&mut world, 0);
    world.run(30_000);
    world.connect(0, 2);
    world.run(30_000);
    world.agreed();
    for peer in &world.peers {
        assert!(peer.engine.has_sent_all(), "{:?}", peer.engine);
    }
}

#[test]
fn a_line_of_one_till_is_seen_by_another_at_once() {
    let mut world = three();
    let cart = world.act(0, open_cart);
    world.act(0, |till, ms| add(till, ms, cart, "A", 2)).unwrap();
    world.now += 30;
    world.act(0, |_, _| ());
    while world.step() {}
    let lines = world.act(1, |till, _| {
        till.query(|replica, disk| replica.cart(disk, cart)).unwrap().lines.len()
    });
    assert_eq!(lines, 1);
    // And the second till may add to it and be paid by the third.
    world.act(1, |till, ms| add(till, ms, cart, "B", 1)).unwrap();
    world.now += 30;
    world.act(1, |_, _| ());
    while world.step() {}
    let paid = world.act(2, |till, ms| pay(till, ms, 3, cart)).unwrap();
    assert_eq!(paid.transaction.items.len(), 2);
    world.run(500);
    world.agreed();
}

#[test]
fn two_tills_that_only_a_third_can_reach_have_the_same() {
    let mut world = World::new(store(), 2);
    world.connect(0, 1);
    world.connect(1, 2);
    world.run(500);
    for round in 0..12 {
        sell_on(&mut world, round % 3);
        world.run(250);
    }
    // No digest was due since: what is passed on, is passed on at once.
    for peer in 0..3 {
        assert_eq!(world.sales(peer), 12);
    }
    world.run(3000);
    world.agreed();
}

#[test]
fn a_till_knows_on_how_many_others_a_sale_is_stored() {
    let mut world = World::new(store(), 3);
    world.connect(0, 1);
    world.connect(1, 2);
    world.run(500);
    sell_on(&mut world, 0);
    let last = |till: &Till| -> (FeedId, u64) {
        let mut feeds = till.replica().feeds_of(device_of(1));
        let (feed, state) = feeds.find(|(feed, _)| feed.lane == Lane::Ledger).unwrap();
        (*feed, state.reached())
    };
    let (feed, seq) = last(&world.peers[0].till);
    assert_eq!(world.peers[0].engine.stored_on(&feed, seq), 0, "nothing was delivered yet");
    world.run(250);
    // One is connected, the other is told of by the one in the middle.
    assert_eq!(world.peers[0].engine.stored_on(&feed, seq), 2);
    assert_eq!(world.peers[0].engine.stored_on(&feed, seq + 1), 0);
}

#[test]
fn tills_that_were_cut_off_from_each_other_agree_afterwards() {
    let mut world = three();
    for peer in [0, 1] {
        world.cut(peer, 2);
    }
    world.cut(0, 1);
    for round in 0..30 {
        sell_on(&mut world, round % 3);
    }
    world.connect_all();
    world.run(3000);
    world.agreed();
}

#[test]
fn a_till_that_knows_nothing_yet_gets_everything_from_one_that_founded_nothing() {
    let mut tills = store();
    for ms in 0..20 {
        sell(&mut tills[0], 10_000 + ms, 1);
    }
    let group = tills[0].replica().store_id().unwrap();
    let add = mesh::added(4, replica::core::Role::Till);
    tills[0].execute(shop::at(11_000), Command::ChangeRoster(add)).unwrap();
    tills.push(mesh::fresh(identity(4, 1), group));
    let mut world = World::new(tills, 4);
    world.connect(0, 1);
    world.run(500);
    world.cut(0, 1);
    // The founder is away; the newcomer is let in by the second till, which it was told to trust.
    let trusted = std::iter::once(world.device(1)).collect();
    world.peers[3].engine = replica::sync::Engine::new(world.device(3), trusted);
    world.connect(1, 3);
    world.run(3000);
    let [_, second, _, newcomer] = &mut world.peers[..] else { panic!() };
    assert_eq!(mesh::summary(&mut newcomer.till), mesh::summary(&mut second.till));
    assert!(newcomer.till.replica().own_role().is_some());
}

#[test]
fn meeting_again_with_nothing_new_costs_no_more_with_many_entries() {
    let idle = |sales: u64| {
        let mut world = three();
        for _ in 0..sales {
            sell_on(&mut world, 0);
        }
        world.run(1500);
        world.agreed();
        world.cut(0, 1);
        let before = world.bytes;
        world.connect(0, 1);
        while world.step() {}
        world.bytes - before
    };
    let few = idle(1);
    assert_eq!(idle(60), few);
    assert!(few < 500, "{few} bytes");
}

#[test]
fn a_stranger_is_not_let_in() {
    let mut world = three();
    let group = world.peers[0].till.replica().store_id().unwrap();
    let till = mesh::fresh(identity(9, 1), group);
    let engine = replica::sync::Engine::new(till.replica().device(), std::iter::empty().collect());
    world.peers.push(wires::Peer { till, engine });
    world.connect(0, 3);
    while world.step() {}
    assert_eq!(world.closed.first(), Some(&(0, CloseReason::NotAMember)));
    assert!(world.links.values().all(|ends| *ends != (0, 3)));
}

#[test]
fn what_a_till_sells_after_it_was_revoked_counts_nowhere_though_another_passes_it_on() {
    let mut world = three();
    sell_on(&mut world, 2);
    world.run(1500);
    world.cut(0, 1);
    world.cut(0, 2);
    world.act(0, |till, ms| {
        for record in till.replica().revocation(device_of(3)).unwrap() {
            till.execute(shop::at(ms), Command::ChangeRoster(record)).unwrap();
        }
        mesh::settle(till);
    });
    // Neither of the others has heard of it.
    for _ in 0..3 {
        sell_on(&mut world, 2);
    }
    world.run(1500);
    assert_eq!((world.sales(0), world.sales(1), world.sales(2)), (1, 4, 4));
    world.connect(0, 1);
    world.run(12_000);
    assert!(world.closed.contains(&(1, CloseReason::NotAMember)), "{:?}", world.closed);
    assert!(world.links.values().all(|ends| *ends == (0, 1)), "{:?}", world.links);
    let [manager, other, _] = &mut world.peers[..] else { panic!() };
    let agreed = mesh::summary(&mut manager.till);
    assert_eq!(mesh::summary(&mut other.till), agreed);
    assert!(agreed.kept_aside.len() >= 3, "{agreed:?}");
    assert!(
        agreed.kept_aside.iter().all(|(_, reason)| matches!(reason, HeldBack::BeyondCut(_))),
        "{agreed:?}"
    );
    assert_eq!((world.sales(0), world.sales(1)), (1, 1));
    let kept =
        world.act(0, |till, _| till.query(|replica, disk| replica.kept_aside(disk)).unwrap());
    assert_eq!(kept.iter().map(|feed| feed.sales).sum::<u64>(), 3, "shown, and in no total");
    // It is let in no more, and the others go on.
    world.connect(1, 2);
    assert!(world.links.values().all(|ends| *ends == (0, 1)));
    sell_on(&mut world, 1);
    world.run(1500);
    assert_eq!((world.sales(0), world.sales(1)), (2, 2));
}

/// What can happen to a store.
#[derive(Debug, Clone)]
enum Event {
    Sell(usize),
    Line(usize),
    Cut(usize, usize),
    Connect(usize, usize),
    Deliver(usize),
    PowerCut(usize),
    Wait,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..3_usize).prop_map(Event::Sell),
        3 => (0..3_usize).prop_map(Event::Line),
        1 => (0..3_usize, 1..3_usize).prop_map(|(a, by)| Event::Cut(a, (a + by) % 3)),
        2 => (0..3_usize, 1..3_usize).prop_map(|(a, by)| Event::Connect(a, (a + by) % 3)),
        6 => (1..12_usize).prop_map(Event::Deliver),
        1 => (0..3_usize).prop_map(Event::PowerCut),
        1 => Just(Event::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_to_wires_and_power_all_agree_in_the_end(
        events in prop::collection::vec(event(), 1..60),
        seed in any::<u64>(),
    ) {
        let mut world = World::new(store(), seed);
        let mut lives = [1_u8; 3];
        let mut sales = 0;
        for event in events {
            match event {
                Event::Sell(peer) => {
                    sell_on(&mut world, peer);
                    sales += 1;
                }
                Event::Line(peer) => {
                    let cart = world.act(peer, open_cart);
                    world.act(peer, |till, ms| add(till, ms, cart, "B", 1)).unwrap();
                }
                Event::Cut(a, b) => world.cut(a, b),
                Event::Connect(a, b) => world.connect(a, b),
                Event::Deliver(frames) => for _ in 0..frames {
                    world.step();
                },
                Event::PowerCut(peer) => {
                    lives[peer] += 1;
                    world.restart(peer, u8::try_from(peer + 1).unwrap(), lives[peer]);
                }
                Event::Wait => world.run(1000),
            }
        }
        world.connect_all();
        world.run(12_000);
        let agreed = world.agreed();
        prop_assert!(world.closed.is_empty(), "{:?}", world.closed);
        prop_assert!(agreed.kept_aside.is_empty());
        for peer in 0..3 {
            prop_assert_eq!(world.sales(peer), sales);
        }
    }
}
