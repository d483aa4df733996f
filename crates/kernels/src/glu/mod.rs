//! Gated linear unit over the halves of a biased projection.
//!
//! Source: Dauphin, Fan, Auli and Grangier, "Language Modeling with Gated Convolutional Networks"
//! (arXiv 1612.08083).
//!
//! ```text
//! v = x + bias,   y = v_{first half} sigmoid(v_{second half})
//! ```
//!
//! | here | shape |
//! |---|---|
//! | `x` | [row, 2 channel] |
//! | `bias` | [2 channel] |
//! | `y` | [row, channel] |
//!
//! One pass each way; slicing the halves would pad each one's gradient with zeros to full width.

mod autodiff;
#[cfg(feature = "cube")]
mod cube;
mod flex;
mod ops;
pub mod reference;

pub use ops::{GluBackward, GluGradients, GluOps};

use crate::device::{in_dtype, require_body, require_float, storage_dtype, working_dtype};
use crate::error::{KernelError, expect_axis};
use burn::backend::Dispatch;
use burn::tensor::Tensor;

const OP: &str = "glu";

/// Values times their gates; differentiable in both inputs.
///
/// # Errors
/// An odd number of columns, another number of biases, a format or a device without a body.
pub fn glu(x: Tensor<2>, bias: Tensor<1>) -> Result<Tensor<2>, KernelError> {
    let [rows, width] = x.dims();
    require_body(OP, &x.device())?;
    require_float(OP, "x", x.dtype())?;
    expect_axis(OP, ("bias", "channel"), bias.dims()[0], width, "x sets it")?;
    if !width.is_multiple_of(2) {
        return Err(KernelError::Option {
            op: OP,
            option: "columns of x",
            got: width.to_string(),
            expected: "an even number: values, then as many gates",
        });
    }
    if width == 0 {
        return Ok(Tensor::empty([rows, 0], (&x.device(), x.dtype())));
    }
    let dtype = x.dtype();
    let work = working_dtype(dtype);
    let stored = storage_dtype(dtype, &x.device());
    let y: Tensor<2> = Tensor::from_dispatch(<Dispatch as GluOps>::glu(
        in_dtype(x, stored).into_dispatch(),
        in_dtype(bias, work).into_dispatch(),
    ));
    Ok(in_dtype(y, dtype))
}
