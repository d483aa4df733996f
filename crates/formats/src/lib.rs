#![doc = include_str!("../README.md")]

mod atomic;
mod error;
mod json;
mod tensors;

pub use atomic::{remove_interrupted_writes, write_atomic};
pub use error::FormatError;
pub use json::{MAX_JSON_BYTES, parse_json, read_json, write_json_atomic};
pub use tensors::{Dtype, TensorData, TensorMap};
