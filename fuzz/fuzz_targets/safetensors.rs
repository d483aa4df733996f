//! See [`resolvent_fuzz::safetensors`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| resolvent_fuzz::safetensors(bytes));
