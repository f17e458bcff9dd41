//! Entries of others that went bad on a relay's disk: missing there, fetched again, passed on.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

mod mesh;
mod shop;
mod wires;

use replica::core::Entry;
use replica::storage::{FrameKind, Reads, Scanned, Stream};

use mesh::{sell, store};
use shop::Till;
use wires::World;

/// Alters the entry of `author` that stands at place `nth` of those a till holds.
fn rot(till: &Till, author: pos_core::ids::DeviceId, nth: usize) {
    let disk = till.storage();
    let frames = disk.scan(Stream::Others, 0, 1 << 20).unwrap();
    let of_author = frames.into_iter().filter_map(|item| match item {
        Scanned::Frame(frame) if frame.kind == FrameKind::Entry => {
            let entry = Entry::decode(&frame.payload).ok()?;
            (entry.header().feed.device == author).then_some(frame.ordinal)
        }
        Scanned::Frame(_) | Scanned::Damaged(_) => None,
    });
    let ordinals: Vec<u64> = of_author.collect();
    let place = disk.place_of(Stream::Others, ordinals[nth]).unwrap();
    assert!(disk.disk().flip_bit(&place.file, place.offset + place.bytes / 2, 3));
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
        rot(&world.peers[1].till, author, usize::try_from(held).unwrap() - back);
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
    rot(&world.peers[1].till, author, held - 4);
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
