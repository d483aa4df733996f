#![doc = include_str!("../README.md")]

pub mod adamw;
pub mod conv1d;
#[cfg(feature = "cube")]
mod cube;
mod device;
pub mod dplr;
mod error;
mod float;
mod gemm;
mod host;
pub mod layer_norm;
pub mod rms_norm;
mod segments;
pub mod selective_scan;
pub mod ssd;

pub use device::reshape;
pub use error::KernelError;
