#![doc = include_str!("../README.md")]

pub mod conv1d;
#[cfg(feature = "cube")]
mod cube;
mod device;
mod error;
mod float;
mod gemm;
mod host;
pub mod rms_norm;
mod segments;
pub mod ssd;

pub use device::reshape;
pub use error::KernelError;
