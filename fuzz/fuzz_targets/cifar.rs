//! See [`resolvent_fuzz::cifar`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| resolvent_fuzz::cifar(bytes));
