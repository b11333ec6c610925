//! Fuzzes the target `insider` of `fuzz_targets`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let target = fuzz_targets::target("insider").expect("the target is in the table");
    (target.run)(bytes);
});
