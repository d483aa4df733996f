//! Named tensors as plain bytes, and the safetensors file that holds them.

mod bounds;
mod data;
mod dtype;
mod map;

pub use data::TensorData;
pub use dtype::Dtype;
pub use map::TensorMap;
