//! The Gaussian error linear unit, with the normal distribution function itself.
//!
//! Source: Hendrycks and Gimpel, "Gaussian Error Linear Units" (arXiv 1606.08415).
//!
//! ```text
//! y = x Phi(x),   dy/dx = Phi(x) + x exp(-x^2 / 2) / sqrt(2 pi)
//! ```
//!
//! `x`, `y`: any shape. One pass each way instead of the several of a general-purpose backend.
//! Numerics: f32 relative errors of Phi below 6e-7 + 1e-7 x^2; f64 by the error function of libm.

mod autodiff;
#[cfg(feature = "cube")]
mod cube;
mod flex;
mod ops;
pub mod reference;

pub use ops::{GeluBackward, GeluOps};

use crate::device::{in_dtype, require_body, require_float, reshape, storage_dtype};
use crate::error::KernelError;
use burn::backend::Dispatch;
use burn::tensor::Tensor;

const OP: &str = "gelu";

/// x Phi(x), element by element; differentiable.
///
/// # Errors
/// A format or a device without a body.
pub fn gelu<const D: usize>(x: Tensor<D>) -> Result<Tensor<D>, KernelError> {
    require_body(OP, &x.device())?;
    require_float(OP, "x", x.dtype())?;
    let (dims, dtype) = (x.dims(), x.dtype());
    let count = dims.iter().product();
    let stored = storage_dtype(dtype, &x.device());
    let flat: Tensor<1> = reshape(in_dtype(x, stored), [count]);
    let y: Tensor<1> =
        Tensor::from_dispatch(<Dispatch as GeluOps>::gelu_exact(flat.into_dispatch()));
    Ok(reshape(in_dtype(y, dtype), dims))
}
