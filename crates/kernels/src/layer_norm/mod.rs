//! Layer normalisation over groups of channels, with scale and shift.
//!
//! Source: Ba, Kiros and Hinton, "Layer Normalization" (arXiv 1607.06450); with more than one group
//! Wu and He, "Group Normalization" (arXiv 1803.08494) of single positions, as RWKV-7 uses it per head.
//!
//! ```text
//! y = (x - mean) / sqrt(variance + eps) * weight + bias
//! ```
//!
//! `x`, `y`: [row, channel]; `weight`, `bias`: `[channel]`; a group is channel / groups neighbours,
//! with a mean and a (population) variance of its own, the latter of the centred values. Backward
//! recomputes both. O(rows channels) time.

mod autodiff;
#[cfg(feature = "cube")]
mod cube;
mod flex;
mod ops;
pub mod reference;

pub use ops::{LayerNormBackward, LayerNormGradients, LayerNormOps, LayerNormSaved};

use crate::device::{in_dtype, require_body, require_float, reshape, storage_dtype, working_dtype};
use crate::error::{KernelError, expect_axis};
use burn::backend::Dispatch;
use burn::tensor::Tensor;

const OP: &str = "layer_norm";

/// Sizes and options of one call, shared by all bodies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerNormShape {
    /// Vectors to normalise.
    pub rows: usize,
    /// Channels of each.
    pub channels: usize,
    /// Groups with a mean and a variance of their own; divides the channels.
    pub groups: usize,
    /// Added to the variance.
    pub eps: f64,
}

/// Normalises the last axis; differentiable in `x`, `weight` and `bias`.
///
/// # Shapes
/// `x`, result: [.., channel]; `weight`, `bias`: `[channel]`.
///
/// # Errors
/// Shapes that do not fit, channels not divisible by groups, eps not positive and finite, a device
/// without a body.
pub fn layer_norm<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    groups: usize,
    eps: f64,
) -> Result<Tensor<D>, KernelError> {
    let dims = x.dims();
    let shape = check(&x, &weight, &bias, groups, eps)?;
    let dtype = x.dtype();
    let work = working_dtype(dtype);
    let stored = storage_dtype(dtype, &x.device());
    let y: Tensor<2> = Tensor::from_dispatch(<Dispatch as LayerNormOps>::layer_norm(
        reshape(in_dtype(x, stored), [shape.rows, shape.channels]).into_dispatch(),
        in_dtype(weight, work).into_dispatch(),
        in_dtype(bias, work).into_dispatch(),
        shape,
    ));
    Ok(in_dtype(reshape(y, dims), dtype))
}

fn check<const D: usize>(
    x: &Tensor<D>,
    weight: &Tensor<1>,
    bias: &Tensor<1>,
    groups: usize,
    eps: f64,
) -> Result<LayerNormShape, KernelError> {
    let dims = x.dims();
    let channels = dims[D - 1];
    require_body(OP, &x.device())?;
    require_float(OP, "x", x.dtype())?;
    for (name, tensor) in [("weight", weight), ("bias", bias)] {
        let got = tensor.dims()[0];
        expect_axis(OP, (name, "channel"), got, channels, "x sets it")?;
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
    Ok(LayerNormShape {
        rows: dims[..D - 1].iter().product(),
        channels,
        groups,
        eps,
    })
}
