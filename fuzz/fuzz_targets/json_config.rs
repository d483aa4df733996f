//! See [`resolvent_fuzz::json_config`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| resolvent_fuzz::json_config(bytes));
