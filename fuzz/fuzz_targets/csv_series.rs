//! See [`resolvent_fuzz::csv_series`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| resolvent_fuzz::csv_series(bytes));
