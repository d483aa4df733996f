//! See [`resolvent_fuzz::aan`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| resolvent_fuzz::aan(bytes));
