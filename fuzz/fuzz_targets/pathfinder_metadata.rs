//! See [`resolvent_fuzz::pathfinder_metadata`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| resolvent_fuzz::pathfinder_metadata(bytes));
