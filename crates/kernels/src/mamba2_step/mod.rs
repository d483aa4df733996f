//! One step of a whole Mamba-2 layer in two launches, for devices where launches are what a step costs.
//!
//! Source: Dao and Gu, "Transformers are SSMs" (arXiv 2405.21060), section 7; the equations are those
//! of the layer, for one position. Per row of the batch:
//!
//! ```text
//! (z, x, B, C, dt) = W_in u;   (x, B, C) = SiLU(conv(x, B, C));   dt = clamp(softplus(dt + dt_bias))
//! S' = exp(-dt e^a_log) S + dt x B^T;   v = (S' C + D x) o SiLU(z);   out = W_out (v / rms(v) o w)
//! ```
//!
//! The first launch is W_in u. The second has a cube per row and head: it convolves the head's
//! channels, advances its state, and multiplies its 64 or so outputs with their columns of W_out. The
//! norm needs all heads, but only for one number per group of heads, which can be divided by
//! afterwards: the cube that arrives last adds up the heads' contributions in their order (so two runs
//! give the same bits) and divides.
//!
//! | here | shape |
//! |---|---|
//! | `u`, result | [batch, hidden] |
//! | `w_in` rows (z, x, B, C, dt) | [2 inner + 2 group state + head, hidden] |
//! | `conv_weight`, `conv_bias` | [channel, tap], `[channel]` for channels (x, B, C) |
//! | `dt_bias`, `a_log`, `d` | `[head]` |
//! | `norm` | `[inner]` |
//! | `w_out` | [hidden, inner] |
//! | `conv` | [batch, channel, tap - 1] |
//! | `ssm` | [batch, head, head_dim, state] |
//!
//! Cost: every weight and every state element once; 2 (in + out) hidden inner operations and 7 per
//! element of the state. Scratch: the projections, and [batch, head, hidden] contributions.
//! Numerics: all in f32 (f64 for f64). Not differentiable.

#[cfg(feature = "cube")]
mod cube;
#[cfg(any(feature = "cuda", feature = "cube-cpu"))]
mod ops;
pub mod reference;

use crate::device::has_step_body;
use burn::tensor::Tensor;

/// Weights and states of [`mamba2_step`].
#[derive(Debug, Clone)]
pub struct Mamba2Step {
    /// [batch, hidden].
    pub u: Tensor<2>,
    /// [row, hidden].
    pub w_in: Tensor<2>,
    /// [channel, tap].
    pub conv_weight: Tensor<2>,
    /// `[channel]`.
    pub conv_bias: Tensor<1>,
    /// `[head]`.
    pub dt_bias: Tensor<1>,
    /// `[head]`.
    pub a_log: Tensor<1>,
    /// `[head]`.
    pub d: Tensor<1>,
    /// `[inner]`.
    pub norm: Tensor<1>,
    /// [hidden, inner].
    pub w_out: Tensor<2>,
    /// Carried inputs of the convolution, [batch, channel, tap - 1].
    pub conv: Tensor<3>,
    /// [batch, head, head_dim, state].
    pub ssm: Tensor<4>,
}

/// Sizes and constants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mamba2StepShape {
    /// Rows of the batch.
    pub batch: usize,
    /// Channels of input and output.
    pub hidden: usize,
    /// Heads.
    pub heads: usize,
    /// Channels of a head.
    pub head_dim: usize,
    /// Groups that share B and C, and a norm.
    pub groups: usize,
    /// State size.
    pub state: usize,
    /// Taps of the convolution, at least 2.
    pub taps: usize,
    /// Bounds of dt.
    pub dt_limit: (f64, f64),
    /// Epsilon of the norm.
    pub eps: f64,
}

impl Mamba2StepShape {
    /// Channels behind the input projection that are mixed.
    pub fn inner(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Channels of the convolution.
    pub fn channels(&self) -> usize {
        self.inner() + 2 * self.groups * self.state
    }

    /// Rows of the input projection.
    pub fn rows(&self) -> usize {
        self.inner() + self.channels() + self.heads
    }
}

/// Result of [`mamba2_step`].
#[derive(Debug, Clone)]
pub struct Mamba2StepOutput {
    /// [batch, hidden].
    pub y: Tensor<2>,
    /// Carried inputs behind the step.
    pub conv: Tensor<3>,
    /// State behind the step.
    pub ssm: Tensor<4>,
}

/// The step, or `None` where the device has no body for it (a CPU, a graph of gradients, half
/// precision, sizes that no model has): then the layer's operations one by one are what there is.
///
/// The caller has checked that shapes fit together; those of a loaded layer do.
pub fn mamba2_step(input: Mamba2Step, dt_limit: (f64, f64), eps: f64) -> Option<Mamba2StepOutput> {
    let [batch, hidden] = input.u.dims();
    let [_, heads, head_dim, state] = input.ssm.dims();
    let [channels, taps] = input.conv_weight.dims();
    let inner = heads * head_dim;
    let groups = channels.checked_sub(inner)?.checked_div(2 * state)?;
    let shape = Mamba2StepShape {
        batch,
        hidden,
        heads,
        head_dim,
        groups,
        state,
        taps,
        dt_limit,
        eps,
    };
    let sizes = [batch, hidden, heads, head_dim, groups, state];
    let fits = !sizes.contains(&0)
        && taps >= 2
        && heads.is_multiple_of(groups)
        && shape.channels() == channels
        && input.w_in.dims() == [shape.rows(), hidden]
        && input.w_out.dims() == [hidden, inner];
    if !(fits && has_step_body(&input.u, &input.w_in, input.ssm.dtype())) {
        return None;
    }
    fused(input, shape)
}

#[cfg(any(feature = "cuda", feature = "cube-cpu"))]
fn fused(input: Mamba2Step, shape: Mamba2StepShape) -> Option<Mamba2StepOutput> {
    use burn::backend::Dispatch;
    let (y, conv, ssm) = <Dispatch as ops::Mamba2StepOps>::mamba2_step(
        input.u.into_dispatch(),
        input.w_in.into_dispatch(),
        input.conv_weight.into_dispatch(),
        input.conv_bias.into_dispatch(),
        input.dt_bias.into_dispatch(),
        input.a_log.into_dispatch(),
        input.d.into_dispatch(),
        input.norm.into_dispatch(),
        input.w_out.into_dispatch(),
        input.conv.into_dispatch(),
        input.ssm.into_dispatch(),
        shape,
    );
    Some(Mamba2StepOutput {
        y: Tensor::from_dispatch(y),
        conv: Tensor::from_dispatch(conv),
        ssm: Tensor::from_dispatch(ssm),
    })
}

#[cfg(not(any(feature = "cuda", feature = "cube-cpu")))]
fn fused(_input: Mamba2Step, _shape: Mamba2StepShape) -> Option<Mamba2StepOutput> {
    None
}
