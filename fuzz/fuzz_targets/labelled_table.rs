//! See [`resolvent_fuzz::labelled_table`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| resolvent_fuzz::labelled_table(bytes));
