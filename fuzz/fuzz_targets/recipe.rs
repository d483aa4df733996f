//! See [`resolvent_fuzz::recipe`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| resolvent_fuzz::recipe(bytes));
