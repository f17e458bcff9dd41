//! A disk that fails while entries of others come in: nobody hears that they are stored, and the
//! till goes on selling where it can. Both found by the simulator (docs/reliability-log.md).
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

mod mesh;
mod shop;
mod wires;

use replica::core::{CommandError, IngestError, Lane};
use replica::journal::faults::{Failure, Op};

use mesh::{held_entries, sell, store};
use shop::at;
use wires::World;

#[test]
fn what_could_not_be_written_or_flushed_is_not_said_to_be_stored() {
    for op in [Op::Write, Op::Sync] {
        let mut world = World::new(store(), 7);
        world.connect(0, 1);
        world.run(5_000);
        let faults = world.peers[1].till.storage().faults().clone();
        faults.fail_next(op, Failure::Broken { written: 0 });
        world.act(0, |till, ms| sell(till, ms, 1));
        world.run(5_000);
        assert!(world.peers[1].till.replica().stopped().is_some(), "{op:?}");
        let author = &world.peers[0];
        let (feed, seq) = author.till.replica().own_end(Lane::Ledger).unwrap();
        assert_eq!(author.engine.stored_on(&feed, seq), 0, "{op:?}");
    }
}

/// A store of three of which two are connected, and so much sold on the first that the second one's
/// disk has no room for it.
fn without_room() -> World {
    let mut world = World::new(store(), 11);
    world.peers[1].till.storage().fill();
    world.connect(0, 1);
    world.run(5_000);
    for _ in 0..50 {
        for _ in 0..20 {
            world.act(0, |till, ms| sell(till, ms, 1));
        }
        world.run(500);
        if world.sales(1) < world.sales(0) {
            return world;
        }
    }
    panic!("there was room for {} sales", world.sales(1));
}

#[test]
fn a_till_whose_disk_is_full_puts_off_what_others_wrote_and_sells_on() {
    let mut world = without_room();
    world.run(30_000);
    let put_off = world.sales(0) - world.sales(1);
    assert!(put_off > 0);
    assert_eq!(world.peers[1].till.replica().stopped(), None);
    world.act(1, |till, ms| sell(till, ms, 2));
    world.peers[1].till.storage().free();
    world.connect_all();
    world.run(30_000);
    assert_eq!(world.sales(0), world.sales(1));
    world.agreed();
}

/// What has no room was asked for again at every tick, and sent: two megabytes each time.
#[test]
fn what_a_full_disk_has_no_room_for_is_not_asked_for_over_and_over() {
    let mut world = without_room();
    let (frames, bytes) = (world.frames, world.bytes);
    world.run(60_000);
    assert!(world.sales(1) < world.sales(0));
    assert!(world.frames - frames < 120, "{} frames", world.frames - frames);
    assert!(world.bytes - bytes < 1 << 20, "{} bytes", world.bytes - bytes);
}

#[test]
fn a_window_that_meets_a_failed_disk_is_refused() {
    let mut tills = store();
    sell(&mut tills[0], 20, 1);
    let feeds = held_entries(&tills[0]);
    let author = tills[0].replica().device();
    let (_, entries) = feeds.iter().find(|(feed, _)| feed.device == author).unwrap();
    tills[1].storage().faults().fail_next(Op::Write, Failure::Broken { written: 10 });
    let window: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
    let refused = tills[1].ingest(at(900), &window);
    assert!(matches!(refused, Err(IngestError::Refused(CommandError::Stopped(_)))), "{refused:?}");
}
