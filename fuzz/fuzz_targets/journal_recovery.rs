#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Some(target) = tests::fuzz::target("journal_recovery") {
        (target.run)(input);
    }
});
