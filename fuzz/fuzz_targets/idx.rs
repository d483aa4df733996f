//! See [`resolvent_fuzz::idx`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| resolvent_fuzz::idx(bytes));
