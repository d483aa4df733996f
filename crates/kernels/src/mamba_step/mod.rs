//! One step of a whole Mamba-1 layer in two launches, for devices where launches are what a step costs.
//!
//! Source: Gu and Dao, "Mamba" (arXiv 2312.00752), section 3.4; the equations are those of the layer,
//! for one position. Per row of the batch:
//!
//! ```text
//! (x, z) = W_in u;   x = SiLU(conv(x));   (r, B, C) = W_x x;   dt = softplus(W_dt r + dt_bias)
//! h' = exp(-dt e^a_log) h + dt B x;   out = W_out ((h' C + D x) o SiLU(z))
//! ```
//!
//! The first launch is W_in u. The second has a cube per row and block of channels. Each of them
//! convolves *all* channels and forms (r, B, C) for itself: that is a few thousand products from the
//! caches, and a third launch would cost more. Then it advances its channels and multiplies them with
//! their columns of W_out; the cube that arrives last adds up the contributions, in their order.
//!
//! | here | shape |
//! |---|---|
//! | `u`, result | [batch, hidden] |
//! | `w_in` rows (x, z) | [2 inner, hidden] |
//! | `conv_weight`, `conv_bias` | [inner, tap], `[inner]` |
//! | `w_x` rows (r, B, C) | [rank + 2 state, inner] |
//! | `w_dt`, `dt_bias` | [inner, rank], `[inner]` |
//! | `a_log`, `d` | [inner, state], `[inner]` |
//! | `w_out` | [hidden, inner] |
//! | `conv` | [batch, inner, tap - 1] |
//! | `ssm` | [batch, inner, state] |
//!
//! Cost: every state element once, every weight once but W_x once per block of channels. Scratch: the
//! projections, and [batch, block, hidden] contributions. Numerics: all in f32 (f64 for f64). Not
//! differentiable.

#[cfg(feature = "cube")]
mod cube;
#[cfg(any(feature = "cuda", feature = "cube-cpu"))]
mod ops;
pub mod reference;

use crate::device::has_step_body;
use burn::tensor::Tensor;

/// Weights and states of [`mamba_step`].
#[derive(Debug, Clone)]
pub struct MambaStep {
    /// [batch, hidden].
    pub u: Tensor<2>,
    /// [2 inner, hidden].
    pub w_in: Tensor<2>,
    /// [inner, tap].
    pub conv_weight: Tensor<2>,
    /// `[inner]`.
    pub conv_bias: Tensor<1>,
    /// [rank + 2 state, inner].
    pub w_x: Tensor<2>,
    /// [inner, rank].
    pub w_dt: Tensor<2>,
    /// `[inner]`.
    pub dt_bias: Tensor<1>,
    /// [inner, state].
    pub a_log: Tensor<2>,
    /// `[inner]`.
    pub d: Tensor<1>,
    /// [hidden, inner].
    pub w_out: Tensor<2>,
    /// Carried inputs of the convolution, [batch, inner, tap - 1].
    pub conv: Tensor<3>,
    /// [batch, inner, state].
    pub ssm: Tensor<3>,
}

/// Sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MambaStepShape {
    /// Rows of the batch.
    pub batch: usize,
    /// Channels of input and output.
    pub hidden: usize,
    /// Channels that are mixed.
    pub inner: usize,
    /// State size.
    pub state: usize,
    /// Rank of the step sizes.
    pub rank: usize,
    /// Taps of the convolution, at least 2.
    pub taps: usize,
}

impl MambaStepShape {
    /// Rows of W_x.
    pub fn low(&self) -> usize {
        self.rank + 2 * self.state
    }
}

/// Result of [`mamba_step`].
#[derive(Debug, Clone)]
pub struct MambaStepOutput {
    /// [batch, hidden].
    pub y: Tensor<2>,
    /// Carried inputs behind the step.
    pub conv: Tensor<3>,
    /// State behind the step.
    pub ssm: Tensor<3>,
}

/// The step, or `None` where the device has no body for it (a CPU, a graph of gradients, half
/// precision, more channels than shared memory holds): then the layer's operations one by one are
/// what there is.
///
/// The caller has checked that shapes fit together; those of a loaded layer do.
pub fn mamba_step(input: MambaStep) -> Option<MambaStepOutput> {
    let [batch, hidden] = input.u.dims();
    let [_, inner, state] = input.ssm.dims();
    let shape = MambaStepShape {
        batch,
        hidden,
        inner,
        state,
        rank: input.w_dt.dims()[1],
        taps: input.conv_weight.dims()[1],
    };
    let sizes = [batch, hidden, inner, state, shape.rank];
    let fits = !sizes.contains(&0)
        && shape.taps >= 2
        && inner <= MOST_CHANNELS
        && input.w_in.dims() == [2 * inner, hidden]
        && input.w_x.dims() == [shape.low(), inner]
        && input.a_log.dims() == [inner, state]
        && input.w_out.dims() == [hidden, inner];
    if !(fits && has_step_body(&input.u, &input.w_in, input.ssm.dtype())) {
        return None;
    }
    fused(input, shape)
}

/// Convolved channels lie in shared memory: 40 KB of it in f32, which every GPU has.
const MOST_CHANNELS: usize = 10_240;

#[cfg(any(feature = "cuda", feature = "cube-cpu"))]
fn fused(input: MambaStep, shape: MambaStepShape) -> Option<MambaStepOutput> {
    use burn::backend::Dispatch;
    let (y, conv, ssm) = <Dispatch as ops::MambaStepOps>::mamba_step(
        input.u.into_dispatch(),
        input.w_in.into_dispatch(),
        input.conv_weight.into_dispatch(),
        input.conv_bias.into_dispatch(),
        input.w_x.into_dispatch(),
        input.w_dt.into_dispatch(),
        input.dt_bias.into_dispatch(),
        input.a_log.into_dispatch(),
        input.d.into_dispatch(),
        input.w_out.into_dispatch(),
        input.conv.into_dispatch(),
        input.ssm.into_dispatch(),
        shape,
    );
    Some(MambaStepOutput {
        y: Tensor::from_dispatch(y),
        conv: Tensor::from_dispatch(conv),
        ssm: Tensor::from_dispatch(ssm),
    })
}

#[cfg(not(any(feature = "cuda", feature = "cube-cpu")))]
fn fused(_input: MambaStep, _shape: MambaStepShape) -> Option<MambaStepOutput> {
    None
}
