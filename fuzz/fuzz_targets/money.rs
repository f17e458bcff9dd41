#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Some(target) = tests::fuzz::target("money") {
        (target.run)(input);
    }
});
