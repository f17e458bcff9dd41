//! A few seeds of the simulator in every run of the suites. Thousands are one command away:
//! `cargo xtask sim --minutes 5`.

use replica::simulation::Canary;
use tests::sim::{Config, Fault, simulate};

/// A seed as small as the suites have time for.
fn small(seed: u64) -> Config {
    let mut config = Config::draw(seed);
    config.tills = config.tills.min(3);
    config.time_ms = config.time_ms.min(8 * 60_000);
    config.haste_percent = 400;
    config.pace_ms = config.pace_ms.min(60_000);
    config.real_signatures = seed == 1;
    config
}

#[test]
fn fixed_seeds_keep_every_promise() {
    let mut faults = 0;
    let mut sales = 0;
    for seed in 1..=12 {
        let outcome = simulate(&small(seed), None, false);
        assert_eq!(outcome.violation, None, "seed {seed}: {:?}", outcome.config);
        faults += outcome.faults.values().sum::<u64>();
        sales += outcome.sales;
    }
    assert!(faults > 50 && sales > 50, "{faults} faults, {sales} sales");
}

#[test]
fn the_same_seed_twice_gives_the_same_trace_and_another_one_another() {
    let [first, second, other] = [3, 3, 4].map(|seed| simulate(&small(seed), None, false));
    assert_eq!(first.hash, second.hash);
    assert_eq!(first.events, second.events);
    assert_ne!(first.hash, other.hash);
}

#[test]
fn sales_that_are_answered_before_they_are_flushed_are_found_missing() {
    let found = (1..=20).find_map(|seed| {
        let mut config = small(seed);
        config.faults.extend([Fault::PowerCuts, Fault::DiskErrors]);
        let outcome = simulate(&config, Some(Canary::AcknowledgeBeforeFlush), false);
        outcome.violation
    });
    assert!(found.is_some(), "the simulator is too kind");
}

#[test]
fn a_bug_is_switched_off_again_behind_its_run() {
    drop(simulate(&small(5), Some(Canary::DigestInTableOrder), false));
    let outcome = simulate(&small(5), None, false);
    assert_eq!(outcome.violation, None);
    let marks: u64 = outcome.marks.values().sum();
    assert!(marks > 0, "marks are counted: {:?}", outcome.marks);
    assert_eq!(outcome.hash, simulate(&small(5), None, false).hash);
    let named = Canary::ALL.iter().find(|canary| canary.name() == "digest-in-table-order");
    assert_eq!(*named.unwrap(), Canary::DigestInTableOrder);
}
