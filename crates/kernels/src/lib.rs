#![doc = include_str!("../README.md")]

pub mod cauchy;
mod columns;
pub mod companion;
mod complex;
pub mod conv1d;
mod device;
pub mod diagonal_scan;
pub mod diagonal_state;
mod error;
pub mod feedback;
mod float;
mod fourier;
pub mod gelu;
mod gemm;
pub mod glu;
mod host;
pub mod long_conv;
pub mod lowrank_scan;
mod poles;
pub mod rms_norm;
mod segments;
mod series;
pub mod ssd;
pub mod vandermonde;

pub use complex::ComplexTensor;
pub use device::reshape;
pub use error::KernelError;
