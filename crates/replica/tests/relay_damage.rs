//! Entries of others that went bad on a relay's disk: missing there, fetched again, passed on.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may")]

mod mesh;
mod shop;
mod wires;

use pos_core::ids::DeviceId;
use replica::core::{CommandError, Entry, IngestError, Lane};
use replica::node::Node;
use replica::storage::{FrameKind, Reads, Scanned, Storage, Stream};

use mesh::{carry, held_entries, offer, sell, store};
use shop::Till;
use wires::World;

/// Alters the last of the entries of others that a till holds and `which` is true of.
fn rot(till: &Till, which: impl FnMut(&Entry) -> bool) {
    rot_in(till, Stream::Others, which);
}

fn rot_in(till: &Till, stream: Stream, mut which: impl FnMut(&Entry) -> bool) {
    let disk = till.storage();
    let frames = disk.scan(stream, 0, 1 << 20).unwrap();
    let found = frames.into_iter().filter_map(|item| match item {
        Scanned::Frame(frame) if frame.kind == FrameKind::Entry => {
            let entry = Entry::decode(&frame.payload).ok()?;
            which(&entry).then_some(frame.ordinal)
        }
        Scanned::Frame(_) | Scanned::Damaged(_) => None,
    });
    let place = disk.place_of(stream, found.last().unwrap()).unwrap();
    assert!(disk.disk().flip_bit(&place.file, place.offset + place.bytes / 2, 3));
}

/// Alters the entry of `author` that stands at place `nth` of those a till holds.
fn rot_nth(till: &Till, author: DeviceId, nth: usize) {
    let mut seen = 0;
    rot(till, |entry| {
        let of_author = entry.header().feed.device == author;
        seen += usize::from(of_author);
        of_author && seen == nth + 1
    });
}

/// Till 3 has been away; till 1 sold meanwhile, and till 2 alone can tell till 3 of it.
fn away() -> World {
    let mut world = World::new(store(), 5);
    world.connect(0, 1);
    world.run(500);
    for _ in 0..6 {
        world.act(0, |till, ms| sell(till, ms, 1));
    }
    world.run(3000);
    assert_eq!((world.sales(1), world.sales(2)), (6, 0));
    world
}

#[test]
fn a_relay_fetches_again_what_it_cannot_read_any_more_and_passes_it_on() {
    for nth in 0..8 {
        let mut world = away();
        let author = world.device(0);
        let held = world.peers[1].till.replica().held_of(author).entries;
        let back = usize::try_from(held).unwrap().min(8) - nth;
        rot_nth(&world.peers[1].till, author, usize::try_from(held).unwrap() - back);
        world.connect(1, 2);
        world.run(30_000);
        assert_eq!(world.sales(2), 6, "place {nth} from the end");
        assert_eq!(world.peers[1].till.replica().damage().len(), 1);
        world.agreed();
    }
}

#[test]
fn what_a_relay_alone_had_and_lost_is_not_offered_over_and_over() {
    let mut world = away();
    world.cut(0, 1);
    let author = world.device(0);
    let held = usize::try_from(world.peers[1].till.replica().held_of(author).entries).unwrap();
    rot_nth(&world.peers[1].till, author, held - 4);
    world.connect(1, 2);
    let before = world.frames;
    world.run(30_000);
    assert!(world.sales(2) < 6, "nobody has it");
    assert!(world.frames - before < 200, "{} frames", world.frames - before);
    // Its author comes back, and all have all.
    world.connect(0, 1);
    world.run(30_000);
    assert_eq!(world.sales(2), 6);
    world.agreed();
}

#[test]
fn two_that_each_lack_what_the_other_has_of_a_third_come_to_the_same() {
    // How far the second one is beyond the entry that the first one lacks.
    for beyond in 0..3 {
        let (mut tills, ledger) = sold_and_known_in_part(|entries| entries - 4 + beyond);
        tills.remove(0);
        let missing = Entry::decode(&ledger[ledger.len() - 5]).unwrap().id();
        rot(&tills[1], |entry| entry.id() == missing);
        look_again(&mut tills[1]);
        assert_eq!(tills[1].replica().damage().len(), 1);
        let mut world = World::new(tills, 6);
        world.connect(0, 1);
        world.run(60_000);
        assert_eq!((world.sales(0), world.sales(1)), (6, 6), "{beyond} beyond");
        world.agreed();
    }
}

/// Till 1 has sold, till 2 holds all of it, and an entry of one of its carts has gone bad there.
fn holding_a_bad_line() -> (Vec<Till>, Vec<Vec<u8>>) {
    let mut tills = store();
    for n in 0..3 {
        sell(&mut tills[0], 20 + n, 1);
    }
    let author = tills[0].replica().device();
    let feeds = held_entries(&tills[0]);
    let floor = feeds.iter().find(|(feed, _)| feed.device == author && feed.lane == Lane::Floor);
    let floor = floor.unwrap().1.clone();
    assert!(floor.len() > 5);
    let (first, rest) = tills.split_at_mut(1);
    carry(&first[0], &mut rest[0]);
    let bad = Entry::decode(&floor[3]).unwrap().id();
    rot(&tills[1], |entry| entry.id() == bad);
    (tills, floor)
}

/// Found by the simulator (docs/reliability-log.md): the copy was stored, and all that follows it
/// once more, so that the tills never agreed again.
#[test]
fn an_entry_that_went_bad_and_is_offered_again_is_not_counted_beside_itself() {
    let (mut tills, floor) = holding_a_bad_line();
    let author = tills[0].replica().device();
    let window: Vec<&[u8]> = floor[3..].iter().map(Vec::as_slice).collect();
    let refused = tills[1].ingest(shop::at(900), &window);
    assert!(matches!(refused, Err(IngestError::Refused(CommandError::Rebuilding { .. }))));
    mesh::settle(&mut tills[1]);
    let taken = tills[1].ingest(shop::at(901), &window).unwrap();
    assert_eq!((taken.new, taken.known), (1, floor.len() - 4));
    let held = |till: &Till| till.replica().held_of(author);
    assert_eq!(held(&tills[1]), held(&tills[0]));
}

#[test]
fn copies_of_entries_that_lie_in_the_journal_are_counted_once() {
    let (mut tills, floor) = holding_a_bad_line();
    let author = tills[0].replica().device();
    let held = tills[0].replica().held_of(author);
    let disk = tills[1].storage_mut();
    // As an earlier version left it: the good copy, and all that follows it once more.
    for bytes in &floor[3..] {
        let ordinal = disk.next_ordinal(Stream::Others);
        disk.append(Stream::Others, ordinal, FrameKind::Entry, bytes).unwrap();
    }
    disk.flush(Stream::Others).unwrap();
    let disk = tills.remove(1).into_storage();
    let mut again = Node::start(shop::identity(2, 9), disk).unwrap();
    look_again(&mut again);
    assert_eq!(again.replica().held_of(author), held);
}

/// Builds the index anew: what cannot be read is found.
fn look_again(till: &mut Till) {
    till.storage_mut().break_map("broken");
    till.recover_map(shop::at(1_000));
    mesh::settle(till);
}

/// Till 1 has sold six times; till 3 has all of it, and till 2 as many of the entries of the sales
/// as `known` makes of their number.
fn sold_and_known_in_part(known: impl FnOnce(usize) -> usize) -> (Vec<Till>, Vec<Vec<u8>>) {
    let mut tills = store();
    for n in 0..6 {
        sell(&mut tills[0], 20 + n, 1);
    }
    let author = tills[0].replica().device();
    let feeds = held_entries(&tills[0]);
    let ledger = feeds.iter().find(|(feed, _)| feed.device == author && feed.lane == Lane::Ledger);
    let ledger = ledger.unwrap().1.clone();
    let (first, rest) = tills.split_at_mut(1);
    carry(&first[0], &mut rest[1]);
    offer(&mut rest[0], &ledger[..known(ledger.len())]);
    (tills, ledger)
}

/// Found by the simulator (docs/reliability-log.md): whoever could reach the author alone waited
/// for ever for what had gone bad there.
#[test]
fn what_went_bad_where_it_was_written_comes_back_from_who_has_it_and_goes_on() {
    let (tills, ledger) = sold_and_known_in_part(|_| 1);
    let bad = Entry::decode(&ledger[ledger.len() - 4]).unwrap().id();
    let mut world = World::new(tills, 8);
    world.connect(0, 2);
    world.run(10_000);
    rot_in(&world.peers[0].till, Stream::OwnLedger, |entry| entry.id() == bad);
    world.connect(0, 1);
    world.run(40_000);
    assert_eq!((world.sales(0), world.sales(1)), (6, 6));
    world.agreed();
}

#[test]
fn what_only_its_author_had_stays_in_its_books_when_it_goes_bad() {
    let (tills, ledger) = sold_and_known_in_part(|_| 1);
    let bad = Entry::decode(&ledger[ledger.len() - 4]).unwrap().id();
    let mut world = World::new(tills, 9);
    rot_in(&world.peers[0].till, Stream::OwnLedger, |entry| entry.id() == bad);
    world.connect(0, 1);
    world.run(40_000);
    assert_eq!(world.sales(0), 6);
    assert!(world.sales(1) < 6);
}

/// Found by the simulator: the first one was asked again and again, and the other one never.
#[test]
fn who_has_nothing_new_does_not_keep_another_one_from_being_asked() {
    let (mut tills, ledger) = sold_and_known_in_part(|_| 4);
    // The counters that tell of its sales are out.
    tills[0].tick(shop::at(500_000));
    tills[0].tick(shop::at(500_100));
    let bad = Entry::decode(&ledger[ledger.len() - 4]).unwrap().id();
    rot_in(&tills[0], Stream::OwnLedger, |entry| entry.id() == bad);
    look_again(&mut tills[0]);
    let mut world = World::new(tills, 10);
    world.connect(0, 1);
    world.connect(0, 2);
    world.run(60_000);
    assert_eq!((world.sales(0), world.sales(1)), (6, 6));
    world.agreed();
}

/// Found by the simulator: till 2's change was built beside its earlier one, which waited for what
/// had gone bad, and everybody who had both refused the later one.
#[test]
fn no_change_is_numbered_like_an_earlier_one_that_cannot_be_read() {
    let mut tills = store();
    let cart = shop::open_cart(&mut tills[0], 10);
    mesh::add(&mut tills[0], 11, cart, "A", 1).unwrap();
    mesh::carry_all(&mut tills);
    mesh::add(&mut tills[1], 12, cart, "B", 1).unwrap();
    mesh::carry_all(&mut tills);
    let author = tills[0].replica().device();
    rot(&tills[1], |entry| {
        let header = entry.header();
        let is_of_cart = header.feed.device == author && header.feed.lane == Lane::Floor;
        is_of_cart && header.seq == 2
    });
    look_again(&mut tills[1]);
    let refused = mesh::add(&mut tills[1], 1_001, cart, "C", 1).unwrap_err();
    assert_eq!(refused, CommandError::ChangesMissing);
    let (first, rest) = tills.split_at_mut(1);
    carry(&first[0], &mut rest[0]);
    mesh::add(&mut tills[1], 1_002, cart, "C", 1).unwrap();
    for till in &mut tills {
        till.take_alarms();
    }
    mesh::carry_all(&mut tills);
    for till in &mut tills {
        assert_eq!(till.take_alarms(), []);
        let view = till.query(|replica, disk| replica.cart(disk, cart)).unwrap();
        assert_eq!(view.live_lines().count(), 3);
    }
}
