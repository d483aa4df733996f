//! A sequence that is fed back into itself through a kernel.
//!
//! Source: the closed loop of SpaceTime (arXiv 2303.09489, section 3.2): a layer that predicts its own
//! next input u has u = r + (kernel applied to the earlier u).
//!
//! ```text
//! u_t = r_t + sum_{j=0..t-1} kernel_j u_{t-1-j}
//! ```
//!
//! which is the solution of a lower triangular Toeplitz system: as power series u = r / (1 - z kernel),
//! O(len log len) instead of the len^2 of running the loop.
//!
//! | here | shape |
//! |---|---|
//! | `r`, result | [row, len] |
//! | `kernel` | [channel, len], row r belongs to channel r mod channels |
//!
//! Always computed in f64; on a GPU (`cube`) the first terms of the inverse are direct sums. The loop may be unstable: then values grow, as they do when it is run.

mod autodiff;
#[cfg(feature = "cube")]
mod cube;
mod flex;
mod ops;
pub mod reference;

pub use ops::{FeedbackBackward, FeedbackGradients, FeedbackOps, FeedbackSaved};

use crate::device::{in_dtype, require_body, require_float, working_dtype};
use crate::error::{KernelError, expect_axis};
use crate::vandermonde::expect_rows;
use burn::backend::Dispatch;
use burn::tensor::Tensor;

const OP: &str = "feedback";

/// Sizes of one call, shared by all bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedbackShape {
    /// Rows of the result.
    pub rows: usize,
    /// Channels; divides the rows.
    pub channels: usize,
    /// Positions.
    pub len: usize,
}

/// The closed loop; differentiable in both inputs.
///
/// # Errors
/// Shapes that do not fit together, rows that are no multiple of the channels, a device without a
/// body.
pub fn feedback(r: Tensor<2>, kernel: Tensor<2>) -> Result<Tensor<2>, KernelError> {
    let [rows, len] = r.dims();
    let [channels, taps] = kernel.dims();
    require_body(OP, &r.device())?;
    require_float(OP, "r", r.dtype())?;
    expect_axis(OP, ("kernel", "length"), taps, len, "r sets it")?;
    expect_rows(OP, rows, channels)?;
    let shape = FeedbackShape {
        rows,
        channels,
        len,
    };
    let dtype = r.dtype();
    let work = working_dtype(dtype);
    let u: Tensor<2> = Tensor::from_dispatch(<Dispatch as FeedbackOps>::feedback(
        in_dtype(r, work).into_dispatch(),
        in_dtype(kernel, work).into_dispatch(),
        shape,
    ));
    Ok(in_dtype(u, dtype))
}
