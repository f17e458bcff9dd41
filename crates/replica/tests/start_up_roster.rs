//! A start between the arrival of a roster record and the map that follows from it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod mesh;
mod shop;

use mesh::{chained, device_of, fresh, held_entries, offer, sell, settle};
use pos_core::report::ReportFilter;
use replica::core::{Command, FeedId, HeldBack, Lane, Role};
use replica::journal::faults::Failure;
use replica::memory::Crash;
use replica::node::Node;
use replica::storage::Stream;
use shop::{Till, at, identity};

/// The ledger of a device as another till holds it, in windows.
fn ledger_of(till: &Till, device: u8) -> Vec<Vec<Vec<u8>>> {
    let of_device = |feed: &FeedId| feed.device == device_of(device) && feed.lane == Lane::Ledger;
    let all = held_entries(till);
    all.iter().filter(|(feed, _)| of_device(feed)).flat_map(|(_, run)| chained(run)).collect()
}

/// Time goes by until the map has followed the journal.
fn let_the_map_follow(till: &mut Till, ms: u64) {
    till.tick(at(ms));
    till.tick(at(ms + 5_000));
}

/// The power fails, and of the map nothing survives that it had not flushed.
fn restart(till: Till, device: u8, life: u8) -> Till {
    let mut disk = till.into_storage();
    disk.crash(Crash::POWER_CUT).unwrap();
    let mut till = Node::start(identity(device, life), disk).unwrap();
    settle(&mut till);
    till
}

/// Found by the simulator (docs/reliability-log.md): what a till wrote after such a start named a
/// record that nobody had, and counted nowhere but there, for ever.
#[test]
fn no_start_knows_a_roster_record_of_which_the_entry_was_lost() {
    let devices = mesh::store();
    let [founder, ..] = <[Till; 3]>::try_from(devices).unwrap();
    let store = founder.replica().store_id().unwrap();
    for skip in 0..80 {
        for torn in [0, 1_000_000] {
            let mut newcomer = fresh(identity(2, 9), store);
            newcomer.storage().faults().fail_after(skip, Failure::Broken { written: torn });
            for window in ledger_of(&founder, 1) {
                let window: Vec<&[u8]> = window.iter().map(Vec::as_slice).collect();
                drop(newcomer.ingest(at(900), &window));
            }
            newcomer.storage().faults().clear();
            let again = restart(newcomer, 2, 10);
            let (replica, disk) = (again.replica(), again.storage());
            for (id, _) in replica.roster().iter() {
                let held = replica.entry(disk, *id).unwrap();
                assert!(held.is_some(), "call {skip}, {torn} bytes");
            }
        }
    }
}

#[test]
fn entries_that_waited_for_the_roster_count_after_a_power_cut_at_the_moment_it_comes() {
    let devices = mesh::store();
    let [founder, mut seller, _] = <[Till; 3]>::try_from(devices).unwrap();
    sell(&mut seller, 60_000, 2);
    let store = founder.replica().store_id().unwrap();
    // A newcomer hears the seller before it knows who that is; its map says so, and survives.
    let mut newcomer = fresh(identity(4, 1), store);
    for window in ledger_of(&seller, 2) {
        offer(&mut newcomer, &window);
    }
    let missing = |till: &Till| {
        till.replica().held_back().any(|(_, why)| matches!(why, HeldBack::RosterMissing(_)))
    };
    assert!(missing(&newcomer));
    let_the_map_follow(&mut newcomer, 100_000);
    let mut newcomer = {
        let disk = mesh::image(newcomer.storage(), true);
        Node::start(identity(4, 2), disk).unwrap()
    };
    // Now the roster comes, is written down for a successor, and the power fails before the map
    // has followed.
    for window in ledger_of(&founder, 1) {
        offer(&mut newcomer, &window);
    }
    assert!(!missing(&newcomer));
    let newcomer = restart(newcomer, 4, 3);
    assert!(!missing(&newcomer), "{:?}", newcomer.replica().held_back().collect::<Vec<_>>());
    let report = newcomer.replica().books().sales_report(ReportFilter::default()).unwrap();
    assert_eq!(report.totals.sales.count, 1);
}

/// Found by the simulator (docs/reliability-log.md): the entry kept its old verdict, the index named
/// it as held, and nobody fetched it again. It was the record that gives a till its register.
#[test]
fn what_waited_for_the_roster_and_went_bad_meanwhile_is_fetched_again_and_counts() {
    let devices = mesh::store();
    let [founder, mut seller, _] = <[Till; 3]>::try_from(devices).unwrap();
    sell(&mut seller, 60_000, 2);
    let store = founder.replica().store_id().unwrap();
    let sold = ledger_of(&seller, 2);
    for nth in 0..sold.iter().map(Vec::len).sum() {
        let mut newcomer = fresh(identity(4, 1), store);
        for window in &sold {
            offer(&mut newcomer, window);
        }
        let disk = newcomer.storage();
        let place = disk.place_of(Stream::Others, u64::try_from(nth).unwrap()).unwrap();
        assert!(disk.disk().flip_bit(&place.file, place.offset + place.bytes / 2, 3));
        for window in ledger_of(&founder, 1) {
            offer(&mut newcomer, &window);
        }
        let due = newcomer.replica().poll_timeout().unwrap();
        newcomer.tick(at(due));
        settle(&mut newcomer);
        for window in &sold {
            offer(&mut newcomer, window);
        }
        let aside: Vec<_> = newcomer.replica().held_back().collect();
        assert!(aside.is_empty(), "entry {nth}: {aside:?}");
        let report = newcomer.replica().books().sales_report(ReportFilter::default()).unwrap();
        assert_eq!(report.totals.sales.count, 1, "entry {nth}");
    }
}

#[test]
fn what_a_revoked_till_wrote_beyond_its_cut_stays_out_after_a_power_cut_at_that_moment() {
    let devices = mesh::store();
    let [mut founder, mut seller, mut third] = <[Till; 3]>::try_from(devices).unwrap();
    sell(&mut seller, 60_000, 2);
    for window in ledger_of(&seller, 2) {
        offer(&mut third, &window);
    }
    let_the_map_follow(&mut third, 100_000);
    let count = |till: &Till| {
        till.replica().books().sales_report(ReportFilter::default()).unwrap().totals.sales.count
    };
    assert_eq!(count(&third), 1);
    let mut third = {
        let disk = mesh::image(third.storage(), true);
        Node::start(identity(3, 2), disk).unwrap()
    };
    // The founder has not heard of the sale when it shuts the seller out.
    for record in founder.replica().revocation(device_of(2)).unwrap() {
        founder.execute(at(200_000), Command::ChangeRoster(record)).unwrap();
    }
    for window in ledger_of(&founder, 1) {
        let window: Vec<&[u8]> = window.iter().map(Vec::as_slice).collect();
        third.ingest(at(200_100), &window).unwrap();
    }
    let third = restart(third, 3, 3);
    assert_eq!(count(&third), 0, "the sale is beyond the cut");
    assert!(third.replica().roster().is_revoked(device_of(2)));
    assert!(third.replica().roster().role(device_of(1)) == Some(Role::Manager));
}
