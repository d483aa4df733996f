//! See [`resolvent_fuzz::cargo_lock`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| resolvent_fuzz::cargo_lock(bytes));
