//! The sum of the squares of many tensors, which is what a global gradient norm is made of.
//!
//! As tensor operations every tensor costs four launches on a GPU (square, zeros, sum, and its place
//! among the others) and a pass over a temporary; here it costs one launch that reads it once. Not
//! differentiable.
//!
//! Every part of 16,384 elements has a slot for its sum, and the slots are added up at the end: the
//! result depends neither on the number of threads nor on which cube is first.

#[cfg(feature = "cube")]
mod cube;
mod flex;
mod ops;

pub use ops::SquaresOps;

use crate::device::{in_dtype, require_body, require_float, working_dtype};
use crate::error::KernelError;
use burn::backend::Dispatch;
use burn::tensor::Tensor;

const OP: &str = "sum_of_squares";
/// Elements per slot.
const PART: usize = 1 << 14;

/// The sum over all elements of all tensors, `[1]` in the format of the first; `None` without tensors.
///
/// # Numerics
/// Taken in f32, in f64 for f64 tensors. A NaN or an overflow shows in the result.
///
/// # Errors
/// Formats other than floats, a device without a body.
pub fn sum_of_squares(tensors: Vec<Tensor<1>>) -> Result<Option<Tensor<1>>, KernelError> {
    let Some(first) = tensors.first() else {
        return Ok(None);
    };
    let (device, dtype) = (first.device(), first.dtype());
    require_body(OP, &device)?;
    for tensor in &tensors {
        require_float(OP, "tensors", tensor.dtype())?;
    }
    let work = working_dtype(dtype);
    let parts = |tensor: &Tensor<1>| tensor.dims()[0].div_ceil(PART);
    let total: usize = tensors.iter().map(parts).sum();
    if total == 0 {
        return Ok(Some(Tensor::zeros([1], (&device, dtype))));
    }
    let mut slots = Tensor::<1>::empty([total], (&device, work)).into_dispatch();
    let mut place = 0;
    for tensor in tensors {
        let count = parts(&tensor);
        if count > 0 {
            let values = in_dtype(tensor, work).into_dispatch();
            slots = <Dispatch as SquaresOps>::squares(slots, values, place);
        }
        place += count;
    }
    let sum = Tensor::<1>::from_dispatch(slots).sum();
    Ok(Some(in_dtype(sum, dtype)))
}
