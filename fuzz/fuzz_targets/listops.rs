//! See [`resolvent_fuzz::listops`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| resolvent_fuzz::listops(bytes));
