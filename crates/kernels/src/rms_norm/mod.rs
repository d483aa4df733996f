//! Root-mean-square normalisation, plain or gated, over groups of channels.
//!
//! Source: Mamba-2's `RMSNormGated` with `norm_before_gate = false` (arXiv 2405.21060); without a
//! gate, Zhang and Sennrich, "Root Mean Square Layer Normalization" (arXiv 1910.07467).
//!
//! ```text
//! v = x silu(z)   (v = x without a gate)
//! y = v / sqrt(mean over the group of v^2 + eps) * weight
//! ```
//!
//! `x`, `gate`, `y`: [row, channel]; `weight`: `[channel]`; a group is channel / groups neighbours.
//! The mean is taken per group: over the whole width it would be another function (the commonest
//! porting error of Mamba-2). Backward recomputes v and the norm. O(rows channels) time.

mod autodiff;
#[cfg(feature = "cube")]
mod cube;
mod flex;
mod ops;
pub mod reference;

pub use ops::{RmsNormBackward, RmsNormGradients, RmsNormOps, RmsNormSaved};

use crate::device::{in_dtype, require_body, require_float, reshape, storage_dtype, working_dtype};
use crate::error::{KernelError, expect_axis};
use burn::backend::Dispatch;
use burn::tensor::Tensor;

const OP: &str = "rms_norm";

/// Sizes and options of one call, shared by all bodies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RmsNormShape {
    /// Vectors to normalise.
    pub rows: usize,
    /// Channels of each.
    pub channels: usize,
    /// Groups with a mean of their own; divides the channels.
    pub groups: usize,
    /// Added to the mean square.
    pub eps: f64,
    /// Whether a gate is applied before the norm.
    pub gated: bool,
}

/// Normalises the last axis; differentiable in `x`, `gate` and `weight`.
///
/// # Shapes
/// `x`, `gate`, result: [.., channel]; `weight`: `[channel]`.
///
/// # Errors
/// Shapes that do not fit, channels not divisible by groups, eps not positive and finite, a device
/// without a body.
pub fn rms_norm<const D: usize>(
    x: Tensor<D>,
    gate: Option<Tensor<D>>,
    weight: Tensor<1>,
    groups: usize,
    eps: f64,
) -> Result<Tensor<D>, KernelError> {
    let dims = x.dims();
    let shape = check(&x, gate.as_ref(), &weight, groups, eps)?;
    let dtype = x.dtype();
    let stored = storage_dtype(dtype, &x.device());
    let flat = [shape.rows, shape.channels];
    let gate = match gate {
        Some(gate) => reshape(in_dtype(gate, stored), flat),
        None => Tensor::empty([0, 0], (&x.device(), stored)),
    };
    let y: Tensor<2> = Tensor::from_dispatch(<Dispatch as RmsNormOps>::rms_norm(
        reshape(in_dtype(x, stored), flat).into_dispatch(),
        gate.into_dispatch(),
        in_dtype(weight, working_dtype(dtype)).into_dispatch(),
        shape,
    ));
    Ok(in_dtype(reshape(y, dims), dtype))
}

fn check<const D: usize>(
    x: &Tensor<D>,
    gate: Option<&Tensor<D>>,
    weight: &Tensor<1>,
    groups: usize,
    eps: f64,
) -> Result<RmsNormShape, KernelError> {
    let dims = x.dims();
    let channels = dims[D - 1];
    require_body(OP, &x.device())?;
    require_float(OP, "x", x.dtype())?;
    expect_axis(
        OP,
        ("weight", "channel"),
        weight.dims()[0],
        channels,
        "x sets it",
    )?;
    if let Some(gate) = gate {
        for (got, expected) in gate.dims().into_iter().zip(dims) {
            expect_axis(OP, ("gate", "same"), got, expected, "x sets it")?;
        }
    }
    if groups == 0 || !channels.is_multiple_of(groups) {
        return Err(KernelError::Option {
            op: OP,
            option: "groups",
            got: format!("{groups} for {channels} channels"),
            expected: "a divisor of the number of channels",
        });
    }
    if !(eps > 0.0 && eps.is_finite()) {
        return Err(KernelError::Option {
            op: OP,
            option: "eps",
            got: eps.to_string(),
            expected: "a positive number",
        });
    }
    Ok(RmsNormShape {
        rows: dims[..D - 1].iter().product(),
        channels,
        groups,
        eps,
        gated: gate.is_some(),
    })
}
