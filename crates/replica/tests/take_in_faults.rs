//! A disk that fails while entries of others come in: nobody hears that they are stored, and the
//! till goes on selling where it can. Both found by the simulator (docs/reliability-log.md).
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

mod mesh;
mod shop;
mod wires;

use replica::core::{CommandError, IngestError, Lane};
use replica::journal::faults::{Failure, Op};
use replica::storage::StorageError;

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

#[test]
fn a_till_whose_disk_is_full_puts_off_what_others_wrote_and_sells_on() {
    let mut tills = store();
    tills[1].storage().fill();
    let refused = (0..5_000).find_map(|n| {
        sell(&mut tills[0], 20 + n, 1);
        let feeds = held_entries(&tills[0]);
        let windows = feeds.into_values().flat_map(|entries| mesh::chained(&entries));
        windows.into_iter().find_map(|window| {
            let window: Vec<&[u8]> = window.iter().map(Vec::as_slice).collect();
            tills[1].ingest(at(30 + n), window.get(..).unwrap()).err()
        })
    });
    let refused = refused.unwrap();
    assert!(matches!(refused, IngestError::Disk(StorageError::Full(_))), "{refused:?}");
    assert_eq!(tills[1].replica().stopped(), None);
    sell(&mut tills[1], 9_000, 2);
    tills[1].storage().free();
    let (first, rest) = tills.split_at_mut(1);
    mesh::carry(&first[0], &mut rest[0]);
    mesh::carry(&rest[0], &mut first[0]);
    assert_eq!(first[0].replica().held_digest(), rest[0].replica().held_digest());
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
