//! SIGKILL of real tills, 500 times: four stores beside each other, since most of it is waiting.
//! `cargo xtask kills --cycles N` does it more often, from other seeds.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says its seed"
)]

/// Kills of one store.
const CYCLES: u64 = 125;

fn kill(seed: u64) {
    let kills = tests::kills::run(CYCLES, seed, &mut |_| {}).unwrap();
    println!("seed {seed}: {kills:?}");
    assert!(kills.all() >= CYCLES && kills.audits >= 1, "{kills:?}");
    for kind in [
        kills.after_a_sale,
        kills.during_a_sale,
        kills.during_start,
        kills.during_catch_up,
        kills.acknowledged,
    ] {
        assert!(kind > 0, "{kills:?}");
    }
}

#[test]
fn killed_tills_of_a_first_store_lose_and_double_no_acknowledged_sale() {
    kill(7);
}

#[test]
fn killed_tills_of_a_second_store_lose_and_double_no_acknowledged_sale() {
    kill(8);
}

#[test]
fn killed_tills_of_a_third_store_lose_and_double_no_acknowledged_sale() {
    kill(9);
}

#[test]
fn killed_tills_of_a_fourth_store_lose_and_double_no_acknowledged_sale() {
    kill(10);
}
