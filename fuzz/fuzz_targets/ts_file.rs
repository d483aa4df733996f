//! See [`resolvent_fuzz::ts_file`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| resolvent_fuzz::ts_file(bytes));
