//! Fuzzes the target `message` of `fuzz_targets`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let target = fuzz_targets::target("message").expect("the target is in the table");
    (target.run)(bytes);
});
