//! What a language model has to beat on the same held-out bytes: n-gram models and a strong compressor.

mod compressor;
mod ngram;

pub use compressor::{MAX_DICTIONARY_BYTES, xz_bits_per_byte, xz_primed_bits_per_byte};
pub use ngram::{MAX_ORDER, NgramModel};
