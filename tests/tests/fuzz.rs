//! The fuzz targets on stable Rust: the corpus again, then a bounded number of mutations from a fixed
//! seed. cargo-fuzz runs the same bodies with coverage: see `fuzz/README.md`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use tests::fuzz::{TARGETS, Target, corpus, inputs, mutate, target};
use tests::prng::Prng;

/// Runs one input; a panic is told with the input that caused it.
fn take(target: &Target, input: &[u8], whence: &str) {
    let taken = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    assert!(taken.is_ok(), "{} broke on {whence}: {input:02x?}", target.name);
}

fn fuzz(name: &str) {
    let target = target(name).unwrap();
    let mut pool = (target.seeds)();
    assert!(!pool.is_empty(), "{name} has seeds");
    for (number, seed) in pool.iter().enumerate() {
        take(target, seed, &format!("seed {number}"));
    }
    for (path, bytes) in inputs(&corpus(name)).unwrap() {
        take(target, &bytes, &path.display().to_string());
        pool.push(bytes);
    }
    take(target, &[], "nothing");
    // More rounds: set TILLMESH_FUZZ_ROUNDS to a multiple.
    let times = std::env::var("TILLMESH_FUZZ_ROUNDS").ok().and_then(|text| text.parse().ok());
    let mut prng = Prng::new(1).child(name);
    for round in 0..target.rounds * times.unwrap_or(1) {
        let input = mutate(&mut prng, &pool);
        take(target, &input, &format!("round {round}"));
    }
}

macro_rules! targets {
    ($(fn $test:ident() { $name:literal })*) => {
        $(#[test] fn $test() { fuzz($name); })*

        #[test]
        fn every_target_is_replayed_here_and_has_a_program_for_cargo_fuzz() {
            let mut replayed = vec![$($name),*];
            replayed.sort_unstable();
            let mut all: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            all.sort_unstable();
            assert_eq!(replayed, all);
            let folder = tests::tillmesh::workspace_root().join("fuzz");
            let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
            for name in all {
                let program = folder.join("fuzz_targets").join(format!("{name}.rs"));
                let text = std::fs::read_to_string(&program).unwrap();
                assert!(text.contains(&format!("\"{name}\"")), "{}", program.display());
                assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
            }
        }
    };
}

targets! {
    fn any_bytes_are_a_message_or_are_refused() { "message" }
    fn any_bytes_are_an_entry_or_are_refused() { "entry" }
    fn any_datagram_is_heard_or_refused() { "presence" }
    fn no_frames_let_a_stranger_in() { "pairing" }
    fn any_files_open_as_a_journal_that_goes_on_or_are_refused() { "journal_recovery" }
    fn any_change_is_taken_or_refused_and_the_cart_goes_on() { "document_gate" }
    fn a_member_that_sends_anything_changes_nothing() { "hostile_session" }
    fn two_tills_come_to_the_same_whatever_they_do() { "two_replicas" }
    fn any_code_is_read_or_refused() { "barcodes" }
    fn any_amount_is_read_or_refused() { "money" }
    fn any_product_file_is_read_or_refused() { "product_csv" }
    fn any_text_is_a_ticket_or_is_refused() { "ticket" }
}
