//! SIGKILL of real tills, a few times; `cargo xtask kills` does it 500 times and more.

#[test]
fn killed_tills_lose_and_double_no_acknowledged_sale() {
    let kills = tests::kills::run(16, 7, &mut |_| {}).unwrap();
    println!("seed 7: {kills:?}");
    assert!(kills.all() >= 16 && kills.audits >= 1, "{kills:?}");
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
