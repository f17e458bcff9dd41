//! What one tablet adds to a cart while another is paid for it: no line is lost, none is paid
//! twice, and every replica says the same.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod mesh;
mod shop;

use std::collections::{BTreeMap, BTreeSet};

use mesh::{
    add, carry, carry_all, device_of, edit, fresh, image, offer_all, pay, settle, store, summary,
};
use pos_core::cart::{CartCommand, CartView};
use pos_core::ids::{CartId, LineId};
use pos_core::quantity::Quantity;
use proptest::prelude::*;
use replica::core::{CommandError, Exception, Lane, Outcome, Remainder};
use replica::node::Node;
use shop::{Till, at, identity, open_cart};

fn units(n: i64) -> Quantity {
    Quantity::from_units(n).unwrap()
}

fn open(till: &mut Till) -> Vec<CartView> {
    till.query(|replica, disk| replica.open_carts(disk)).unwrap()
}

fn remainder(till: &mut Till, cart: CartId) -> Option<Remainder> {
    till.query(|replica, disk| replica.remainder(disk, cart)).unwrap()
}

fn lines(view: &CartView) -> Vec<(&str, i64)> {
    view.lines.iter().map(|line| (line.product.sku.as_str(), line.quantity.thousandths())).collect()
}

/// A cart with one line A x 2 that all three devices know.
fn shared_cart(devices: &mut [Till]) -> (CartId, LineId) {
    let cart = open_cart(&mut devices[0], 10);
    add(&mut devices[0], 11, cart, "A", 2).unwrap();
    carry_all(devices);
    let view = devices[0].query(|replica, disk| replica.cart(disk, cart)).unwrap();
    (cart, view.lines[0].id)
}

#[test]
fn what_was_added_during_a_payment_is_a_cart_of_its_own_and_is_paid_like_any() {
    let mut devices = store();
    let (cart, line) = shared_cart(&mut devices);
    add(&mut devices[0], 20, cart, "LATE", 3).unwrap();
    let more = CartCommand::ChangeQuantity { line, quantity: units(5) };
    edit(&mut devices[0], 21, cart, more).unwrap();
    let sale = pay(&mut devices[1], 22, 2, cart).unwrap();
    carry_all(&mut devices);

    let left = open(&mut devices[2]);
    assert_eq!(left.len(), 1);
    assert_ne!(left[0].id, cart);
    assert_eq!(lines(&left[0]), [("A", 3_000), ("LATE", 3_000)]);
    let origin = remainder(&mut devices[2], left[0].id).unwrap();
    assert_eq!((origin.of, origin.paid_by, origin.waits), (cart, sale.id, false));
    assert_eq!(origin.receipt.as_ref(), Some(&sale.number));
    assert_eq!(remainder(&mut devices[2], cart), None);

    let paid = pay(&mut devices[2], 30, 3, left[0].id).unwrap();
    let sold: i64 = paid.transaction.items.iter().map(|item| item.quantity.thousandths()).sum();
    assert_eq!(sold, 6_000);
    let again = pay(&mut devices[2], 31, 3, left[0].id).unwrap_err();
    assert!(matches!(again, CommandError::CartClosed { .. }), "{again}");
    carry_all(&mut devices);
    for till in &mut devices {
        assert_eq!(open(till), []);
        assert_eq!(summary(till).exceptions, []);
    }
}

#[test]
fn a_remainder_is_edited_and_given_up_like_a_cart_but_not_put_aside() {
    let mut devices = store();
    let (cart, _) = shared_cart(&mut devices);
    add(&mut devices[0], 20, cart, "LATE", 3).unwrap();
    pay(&mut devices[1], 22, 2, cart).unwrap();
    carry_all(&mut devices);
    let left = open(&mut devices[2])[0].clone();
    for command in [CartCommand::Suspend, CartCommand::Retrieve] {
        let refused = edit(&mut devices[2], 30, left.id, command).unwrap_err();
        assert_eq!(refused, CommandError::RemainderStays);
    }
    add(&mut devices[2], 31, left.id, "MORE", 1).unwrap();
    let fewer = CartCommand::ChangeQuantity { line: left.lines[0].id, quantity: units(1) };
    edit(&mut devices[2], 32, left.id, fewer).unwrap();
    let view = devices[2].query(|replica, disk| replica.cart(disk, left.id)).unwrap();
    assert_eq!(lines(&view), [("LATE", 1_000), ("MORE", 1_000)]);
    carry_all(&mut devices);
    assert_eq!(open(&mut devices[0]), [view]);
    // Given up on two tills at once, while a third adds again: what nobody saw stays.
    for n in [0, 1] {
        edit(&mut devices[n], 40, left.id, CartCommand::Abandon).unwrap();
    }
    let more = CartCommand::ChangeQuantity { line: left.lines[0].id, quantity: units(3) };
    edit(&mut devices[2], 41, left.id, more).unwrap();
    carry_all(&mut devices);
    for till in &mut devices {
        let open = open(till);
        assert_eq!(open.len(), 1);
        assert_eq!(lines(&open[0]), [("LATE", 2_000)]);
    }
    edit(&mut devices[1], 50, left.id, CartCommand::Abandon).unwrap();
    carry_all(&mut devices);
    for till in &mut devices {
        assert_eq!(open(till), []);
    }
}

#[test]
fn a_void_that_the_payment_did_not_see_takes_nothing_back_and_nothing_more_away() {
    let mut devices = store();
    let (cart, line) = shared_cart(&mut devices);
    edit(&mut devices[0], 20, cart, CartCommand::VoidLine { line }).unwrap();
    add(&mut devices[0], 21, cart, "INSTEAD", 1).unwrap();
    edit(&mut devices[2], 21, cart, CartCommand::Abandon).unwrap();
    let sale = pay(&mut devices[1], 22, 2, cart).unwrap();
    assert_eq!(sale.transaction.items[0].quantity, units(2));
    carry_all(&mut devices);
    for till in &mut devices {
        let open = open(till);
        assert_eq!(open.len(), 1, "giving up a cart that is being paid gives up no later line");
        assert_eq!(lines(&open[0]), [("INSTEAD", 1_000)]);
    }
}

#[test]
fn a_cart_that_was_only_voided_or_renamed_meanwhile_leaves_nothing() {
    let mut devices = store();
    let (cart, line) = shared_cart(&mut devices);
    edit(&mut devices[0], 20, cart, CartCommand::VoidLine { line }).unwrap();
    edit(&mut devices[2], 20, cart, CartCommand::SetLabel { label: "12".to_owned() }).unwrap();
    pay(&mut devices[1], 22, 2, cart).unwrap();
    carry_all(&mut devices);
    let expected = summary(&mut devices[0]);
    for till in &mut devices {
        assert_eq!(open(till), []);
        assert_eq!(summary(till), expected);
    }
}

#[test]
fn two_payments_of_one_cart_stay_the_exception_and_what_neither_saw_is_left() {
    let mut devices = store();
    let (cart, line) = shared_cart(&mut devices);
    let more = CartCommand::ChangeQuantity { line, quantity: units(3) };
    edit(&mut devices[0], 20, cart, more.clone()).unwrap();
    edit(&mut devices[1], 20, cart, more).unwrap();
    add(&mut devices[2], 20, cart, "LATE", 1).unwrap();
    pay(&mut devices[0], 21, 1, cart).unwrap();
    pay(&mut devices[1], 21, 2, cart).unwrap();
    carry_all(&mut devices);
    for till in &mut devices {
        let found = summary(till).exceptions;
        assert_eq!(found, [Exception::CartPaidTwice { cart, times: 2 }]);
        // Each paid 3 of the 4 units of A, together all: nothing of it is asked for again.
        let open = open(till);
        assert_eq!(lines(&open[0]), [("LATE", 1_000)]);
    }
    let left = open(&mut devices[0])[0].id;
    pay(&mut devices[0], 30, 1, left).unwrap();
    pay(&mut devices[2], 30, 3, left).unwrap();
    carry_all(&mut devices);
    let twice = Exception::CartPaidTwice { cart: left, times: 2 };
    for till in &mut devices {
        assert!(summary(till).exceptions.contains(&twice), "a remainder paid twice shows as well");
        assert_eq!(open(till), []);
    }
}

#[test]
fn until_the_paying_tills_cart_has_come_in_nothing_of_it_can_be_paid_or_seen() {
    let mut devices = store();
    let (cart, line) = shared_cart(&mut devices);
    let more = CartCommand::ChangeQuantity { line, quantity: units(4) };
    edit(&mut devices[1], 20, cart, more).unwrap();
    add(&mut devices[0], 20, cart, "LATE", 1).unwrap();
    pay(&mut devices[1], 22, 2, cart).unwrap();
    // The sale travels ahead of the cart it paid.
    let mut ledger = mesh::held_entries(&devices[1]);
    let floor = ledger.clone();
    ledger.retain(|feed, _| feed.lane == Lane::Ledger);
    offer_all(&mut devices[0], &ledger);
    let left = open(&mut devices[0]);
    assert_eq!(lines(&left[0]), [("LATE", 1_000)]);
    assert!(remainder(&mut devices[0], left[0].id).unwrap().waits);
    let refused = pay(&mut devices[0], 30, 1, left[0].id).unwrap_err();
    assert_eq!(refused, CommandError::RemainderWaits);
    // Nor does what is added meanwhile bring back to the screen what was sold.
    let Ok(Outcome::CartEdited(edited)) = add(&mut devices[0], 30, left[0].id, "MORE", 1) else {
        panic!("a remainder that waits takes more")
    };
    assert_eq!(lines(&edited), [("LATE", 1_000), ("MORE", 1_000)]);
    offer_all(&mut devices[0], &floor);
    assert!(!remainder(&mut devices[0], left[0].id).unwrap().waits);
    pay(&mut devices[0], 31, 1, left[0].id).unwrap();
}

#[test]
fn a_cart_paid_in_full_leaves_no_row_behind_whatever_came_first() {
    let mut devices = store();
    for n in 0..3 {
        let cart = open_cart(&mut devices[1], 10 + n);
        add(&mut devices[1], 20 + n, cart, "A", 1).unwrap();
        add(&mut devices[1], 30 + n, cart, "B", 1).unwrap();
        pay(&mut devices[1], 40 + n, 2, cart).unwrap();
    }
    let feeds = mesh::held_entries(&devices[1]);
    let store = devices[0].replica().store_id().unwrap();
    for first in [Lane::Ledger, Lane::Floor] {
        let mut newcomer = fresh(identity(9, 1), store);
        carry(&devices[0], &mut newcomer);
        let (sooner, later): (mesh::FeedBytes, mesh::FeedBytes) =
            feeds.clone().into_iter().partition(|(feed, _)| feed.lane == first);
        offer_all(&mut newcomer, &sooner);
        newcomer.tick(at(5_000));
        offer_all(&mut newcomer, &later);
        newcomer.tick(at(10_000));
        newcomer.tick(at(20_000));
        let disk = newcomer.close_into(at(30_000));
        let rows = replica::storage::Reads::list(&disk, b"", None, usize::MAX).unwrap();
        let of_carts = rows
            .iter()
            .filter(|(key, _)| b"o".starts_with(&key[..1]) || key.starts_with(&[b'd', 1]));
        assert_eq!(of_carts.count(), 0, "{first:?} first");
    }
}

/// One thing done to the cart on one of three devices.
#[derive(Debug, Clone, Copy)]
struct Act {
    device: usize,
    what: u8,
    which: usize,
    to: usize,
}

/// Units as things of their own: what each device knows of, and what became of each unit.
#[derive(Debug, Default, Clone)]
struct Model {
    /// Line number and unit number of every unit added, by adder.
    known: [BTreeSet<(usize, usize, u32)>; 3],
    gone: [BTreeSet<(usize, usize, u32)>; 3],
    paid: BTreeSet<(usize, usize, u32)>,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = (0..3_usize, 0..12_u8, 0..4_usize, 0..3_usize)
        .prop_map(|(device, what, which, to)| Act { device, what, which, to });
    prop::collection::vec(act, 4..30)
}

/// The carts a device can work on that stand for the one shared cart: itself or what is left.
fn current(till: &mut Till) -> Option<CartId> {
    open(till).first().map(|view| view.id)
}

fn live(till: &mut Till, cart: CartId) -> Vec<(LineId, usize)> {
    let view = till.query(|replica, disk| replica.cart(disk, cart)).unwrap();
    let number = |sku: &str| sku.trim_start_matches('L').parse().unwrap();
    view.live_lines().map(|line| (line.id, number(line.product.sku.as_str()))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Adds, voids, give-ups and payments on three devices that hear of each other now and then.
    /// A unit belongs to whoever took it off the bill or paid for it having seen it; all others
    /// are in the remainder, and only they.
    #[test]
    fn every_unit_is_paid_or_taken_off_by_one_who_saw_it_or_is_left(acts in acts()) {
        let mut devices = store();
        let cart = open_cart(&mut devices[0], 10);
        carry_all(&mut devices);
        let mut model = Model::default();
        let (mut next_line, mut next_unit) = (0, 0_u32);
        let mut paid: BTreeMap<usize, i64> = BTreeMap::new();
        let mut times_paid = 0;
        for (n, act) in acts.iter().enumerate() {
            let ms = 20 + n as u64;
            let me = act.device;
            let till = &mut devices[me];
            let at_hand = current(till);
            let seen: BTreeSet<_> = model.known[me].difference(&model.gone[me]).copied().collect();
            match (act.what, at_hand) {
                (0..=2, Some(cart)) => {
                    add(till, ms, cart, &format!("L{next_line}"), 1).unwrap();
                    model.known[me].insert((next_line, me, next_unit));
                    (next_line, next_unit) = (next_line + 1, next_unit + 1);
                }
                (3..=5, Some(cart)) => {
                    let lines = live(till, cart);
                    let Some(&(line, number)) = lines.get(act.which % lines.len().max(1)) else { continue };
                    let view = till.query(|replica, disk| replica.cart(disk, cart)).unwrap();
                    let held = view.line(line).unwrap().quantity.thousandths() / 1_000;
                    let more = CartCommand::ChangeQuantity { line, quantity: units(held + 1) };
                    edit(till, ms, cart, more).unwrap();
                    model.known[me].insert((number, me, next_unit));
                    next_unit += 1;
                }
                (6, Some(cart)) => {
                    let lines = live(till, cart);
                    let Some(&(line, number)) = lines.get(act.which % lines.len().max(1)) else { continue };
                    edit(till, ms, cart, CartCommand::VoidLine { line }).unwrap();
                    model.gone[me].extend(seen.iter().filter(|unit| unit.0 == number));
                }
                (7, Some(cart)) => {
                    let Ok(sale) = pay(till, ms, u8::try_from(me + 1).unwrap(), cart) else { continue };
                    times_paid += 1;
                    for item in &sale.transaction.items {
                        let number: usize =
                            item.product.sku.as_str().trim_start_matches('L').parse().unwrap();
                        *paid.entry(number).or_default() += item.quantity.thousandths() / 1_000;
                    }
                    let sold: i64 =
                        sale.transaction.items.iter().map(|item| item.quantity.thousandths()).sum();
                    prop_assert_eq!(sold, 1_000 * i64::try_from(seen.len()).unwrap(), "paid is what was seen");
                    model.paid.extend(&seen);
                    model.gone[me].extend(&seen);
                }
                (8.., _) if act.to != me => {
                    let entries = mesh::held_entries(&devices[me]);
                    offer_all(&mut devices[act.to], &entries);
                    let (known, gone) = (model.known[me].clone(), model.gone[me].clone());
                    model.known[act.to].extend(known);
                    model.gone[act.to].extend(gone);
                }
                _ => {}
            }
        }
        carry_all(&mut devices);
        let all: BTreeSet<_> = model.known.iter().flatten().copied().collect();
        let gone: BTreeSet<_> = model.gone.iter().flatten().copied().collect();
        let mut expected: BTreeMap<usize, i64> = BTreeMap::new();
        for (line, ..) in all.difference(&gone) {
            *expected.entry(*line).or_default() += 1;
        }
        let agreed = summary(&mut devices[0]);
        for till in &mut devices {
            prop_assert_eq!(&summary(till), &agreed);
            let views = open(till);
            prop_assert!(views.len() <= 1);
            let left: BTreeMap<usize, i64> = views.iter().flat_map(CartView::live_lines).map(|line| {
                let number: usize = line.product.sku.as_str().trim_start_matches('L').parse().unwrap();
                (number, line.quantity.thousandths() / 1_000)
            }).collect();
            prop_assert_eq!(&left, &expected, "no line is lost and none is asked for twice");
            let id = views.first().map(|view| view.id);
            prop_assert!(times_paid == 0 || id != Some(cart));
        }
        // Unless tills paid without knowing of each other, what was paid was paid once.
        if !agreed.exceptions.iter().any(|it| matches!(it, Exception::CartPaidTwice { .. })) {
            let sold: i64 = paid.values().sum();
            prop_assert_eq!(sold, i64::try_from(model.paid.len()).unwrap());
        }
        // The index, lost or taken up again, says the same.
        for with_map in [false, true] {
            for (n, till) in devices.iter().enumerate() {
                let own = u8::try_from(n + 1).unwrap();
                prop_assert_eq!(till.replica().device(), device_of(own));
                let mut again = Node::start(identity(own, 200), image(till.storage(), with_map)).unwrap();
                settle(&mut again);
                prop_assert_eq!(&summary(&mut again), &agreed, "with its index: {}", with_map);
            }
        }
    }
}
