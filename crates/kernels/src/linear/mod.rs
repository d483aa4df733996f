//! Linear map of rows: y = x W^T + b with W stored [out, in], as PyTorch stores it.
//!
//! A step has one row per sequence, and then the weight is read once and used once: nothing can be
//! faster than reading it, and a general product that first packs it into tiles takes several times
//! that. Up to [`FEW_ROWS`] rows W is therefore streamed from where it lies, by all cores. Many rows are
//! a product on all cores. On a CPU it is not burn's, which clears its result on one core and copies it
//! to another place before it writes it, and leaves the gradient of W transposed, which costs another
//! copy. On CubeCL devices the products are burn's, but sums over all rows are cut: see `cube.rs`.
//!
//! Cost: 2 rows in out operations, twice that backward; of few rows one read of W.

mod autodiff;
#[cfg(feature = "cube")]
mod cube;
mod flex;
mod ops;

pub use ops::{LinearBackward, LinearOps};

use crate::device::{has_body, has_cpu_body};
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
    product(x, weight, None)
}

/// x W^T + b; differentiable in all three. Shapes, numerics and panics as for [`linear`]; `bias`: `[out]`.
pub fn affine(x: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    product(x, weight, Some(bias))
}

fn product(x: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    let ([rows, inputs], [outputs, expected]) = (x.dims(), weight.dims());
    let (device, dtype) = (x.device(), x.dtype());
    let computes = match dtype {
        DType::F32 | DType::F64 => has_body(&device),
        DType::F16 | DType::BF16 => has_body(&device) && !has_cpu_body(&device),
        _ => false,
    };
    let fits = bias.as_ref().is_none_or(|bias| {
        bias.dims() == [outputs] && bias.dtype() == dtype && bias.device() == device
    });
    if !(computes && fits && weight.dtype() == dtype && inputs == expected)
        || rows * inputs * outputs == 0
    {
        let y = x.matmul(weight.transpose());
        return match bias {
            Some(bias) => y + bias.unsqueeze(),
            None => y,
        };
    }
    let bias = bias.unwrap_or_else(|| Tensor::empty([0], (&device, dtype)));
    Tensor::from_dispatch(<Dispatch as LinearOps>::linear(
        x.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
    ))
}
