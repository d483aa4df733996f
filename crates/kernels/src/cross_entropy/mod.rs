//! Cross-entropy of classes by number: what a language model and a classifier are trained on.
//!
//! ```text
//! loss_r = log sum_v exp(z_rv) - z_r,t_r        dz_rv = dloss_r (softmax(z_r)_v - [v = t_r])
//! ```
//!
//! per row r with the logits z and the target t; a negative target carries no loss and no gradient.
//!
//! As tensor operations the logits, the largest tensor of a language model, pass through memory a dozen
//! times and lie there several times over. Here the forward pass reads them once and keeps nothing
//! but them, and the backward pass reads them once more and writes the gradient. O(row class) time.

mod autodiff;
#[cfg(feature = "cube")]
mod cube;
mod flex;
mod ops;
pub mod reference;

pub use ops::{CrossEntropyBackward, CrossEntropyOps};

use crate::device::{in_dtype, require_body, require_float, storage_dtype, zeros};
use crate::error::{KernelError, expect_axis};
use burn::backend::Dispatch;
use burn::tensor::{Int, Tensor};

const OP: &str = "cross_entropy";

/// Negative log-likelihood of every target in nats; differentiable in `logits`.
///
/// # Shapes
/// `logits`: [row, class]; `targets` and the result: `[row]`.
///
/// # Numerics
/// The largest logit of a row is taken off before its exponentials, which are added up in f32, in f64
/// for f64; the loss has the format of the logits. A target that names no class gives NaN, and so does a row
/// with a NaN, with a positive infinity, or of negative infinities alone.
///
/// # Errors
/// As many targets as rows are wanted, formats other than floats, no classes, a device without a body.
pub fn cross_entropy(logits: Tensor<2>, targets: Tensor<1, Int>) -> Result<Tensor<1>, KernelError> {
    let [rows, classes] = logits.dims();
    let (device, dtype) = (logits.device(), logits.dtype());
    require_body(OP, &device)?;
    require_float(OP, "logits", dtype)?;
    let found = targets.dims()[0];
    expect_axis(OP, ("targets", "row"), found, rows, "logits set it")?;
    if rows == 0 {
        return Ok(zeros([0], (&device, dtype)));
    }
    if classes == 0 {
        return Err(KernelError::Option {
            op: OP,
            option: "logits",
            got: "without classes".to_owned(),
            expected: "at least one",
        });
    }
    let stored = storage_dtype(dtype, &device);
    let loss: Tensor<1> = Tensor::from_dispatch(<Dispatch as CrossEntropyOps>::cross_entropy(
        in_dtype(logits, stored).into_dispatch(),
        targets.into_dispatch(),
    ));
    Ok(in_dtype(loss, dtype))
}
