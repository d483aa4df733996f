#![doc = include_str!("../README.md")]
// Kernels are written in CubeCL's part of Rust, which lacks what these lints propose.
#![cfg_attr(
    feature = "cube",
    allow(
        clippy::collapsible_if,
        clippy::implicit_saturating_sub,
        clippy::manual_checked_ops,
        clippy::manual_is_multiple_of,
    )
)]

pub mod activation;
pub mod adamw;
pub mod batch_norm;
pub mod cauchy;
mod columns;
pub mod companion;
mod complex;
pub mod conv1d;
pub mod cross_entropy;
#[cfg(feature = "cube")]
mod cube;
mod device;
pub mod diagonal_scan;
pub mod diagonal_state;
pub mod dplr;
pub mod embedding;
mod error;
pub mod feedback;
mod float;
mod fourier;
pub mod gelu;
mod gemm;
pub mod glu;
mod host;
pub mod layer_norm;
pub mod linear;
pub mod long_conv;
pub mod lowrank_scan;
pub mod mamba2_step;
pub mod mamba_step;
mod memory;
mod poles;
pub mod rms_norm;
pub mod rwkv7_step;
mod segments;
pub mod selective_scan;
mod series;
pub mod squares;
pub mod ssd;
pub mod vandermonde;

pub use complex::{ComplexPrimitive, ComplexTensor};
pub use device::reshape;
pub use error::KernelError;
pub use memory::peak_beyond;
