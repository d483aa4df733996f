//! See [`resolvent_fuzz::language_config`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| resolvent_fuzz::language_config(bytes));
