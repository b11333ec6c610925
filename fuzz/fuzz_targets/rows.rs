//! Fuzzes the target `rows` of `fuzz_targets`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let target = fuzz_targets::target("rows").expect("the target is in the table");
    (target.run)(bytes);
});
