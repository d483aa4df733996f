//! Linear map of rows: y = x W^T with W stored [out, in], as PyTorch stores it.
//!
//! A step has one row per sequence, and then the weight is read once and used once: nothing can be
//! faster than reading it, and a general product that first packs it into tiles takes several times
//! that. Up to [`FEW_ROWS`] rows W is therefore streamed from where it lies, by all cores. Many rows are
//! a product on all cores. On a CPU it is not burn's, which clears its result on one core and copies it
//! to another place before it writes it, and leaves the gradient of W transposed, which costs another
//! copy. Other devices use burn's.
//!
//! Cost: 2 rows in out operations, twice that backward; of few rows one read of W.

mod autodiff;
mod flex;
mod ops;

pub use ops::{LinearBackward, LinearOps};

use crate::device::has_cpu_body;
use burn::backend::Dispatch;
use burn::tensor::{DType, Tensor};

/// Up to so many rows the weight is streamed; beyond, products from packed tiles are faster.
pub const FEW_ROWS: usize = 4;

/// x W^T; differentiable in both.
///
/// # Shapes
/// `x`: [row, in]; `weight`: [out, in]; result: [row, out].
///
/// # Numerics
/// Sums run in an order that depends on the number of rows, never on the number of threads.
///
/// # Panics
/// Where the `in` axes differ, as `Tensor::matmul` does: this stands in its place inside layers that
/// have checked their input.
pub fn linear(x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    let ([rows, inputs], [outputs, expected]) = (x.dims(), weight.dims());
    let has_body = has_cpu_body(&x.device())
        && matches!(x.dtype(), DType::F32 | DType::F64)
        && weight.dtype() == x.dtype()
        && inputs == expected;
    if !has_body || rows * inputs * outputs == 0 {
        return x.matmul(weight.transpose());
    }
    Tensor::from_dispatch(<Dispatch as LinearOps>::linear(
        x.into_dispatch(),
        weight.into_dispatch(),
    ))
}
