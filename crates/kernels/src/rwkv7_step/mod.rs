//! One step of RWKV-7's two mixers in two launches each, for devices where launches are what a step
//! costs.
//!
//! Source: Peng et al., "RWKV-7 Goose" (arXiv 2503.14456), section 4; the equations are those of the
//! layers, for one position. Per row of the batch, with x' the input before and
//! x_n = x + (x' - x) o mu_n:
//!
//! ```text
//! r, k, v = W_r x_r, W_k x_k, W_v x_v;   v <- v + (v_first - v) o sigmoid(v0 + x_v v1 v2)
//! log w   = -e^(-1/2) sigmoid(w0 + tanh(x_w w1) w2);   a = sigmoid(a0 + x_a a1 a2)
//! g       = sigmoid(x_g g1) g2;   kk = (k o k_k) / |k o k_k|;   k <- k o (1 + (a - 1) o k_a)
//! S'      = S diag(w) - (S kk) (kk o a)^T + v k^T
//! out     = W_o ((GroupNorm(S' r) + (sum r o k o r_k) v) o g)
//! ```
//!
//! The first launch forms r, k, v and the inner ends of the low-rank maps. The second has a cube per
//! row and head, since everything behind them up to W_o stays within a head; the cube that arrives
//! last adds up the heads' contributions to the output, in their order. The channel mix,
//! W_v relu(W_k x_k)^2, is one launch per matrix.
//!
//! | here | shape |
//! |---|---|
//! | `x`, `previous`, `first`, results | [batch, channel] |
//! | `mu` (r, w, k, v, a, g), `w0`, `a0`, `v0`, `k_k`, `k_a`, `r_k`, `norm_weight`, `norm_bias` | `[channel]` |
//! | `receptance`, `key`, `value`, `output` | [channel, channel], rows of outputs |
//! | `w1`, `a1`, `v1`, `g1` | [channel, rank] |
//! | `w2`, `a2`, `v2`, `g2` | [rank, channel] |
//! | `state` | [batch, head, value, key] |
//!
//! The reference is that of the layers (`resolvent-mixers`), whose tests compare whole mixers on every
//! device.
//!
//! Cost: every weight and every state element once. Scratch: the projections, and [batch, head,
//! channel] contributions. Numerics: all in f32 (f64 for f64). Not differentiable.

#[cfg(feature = "cube")]
mod cube;
#[cfg(any(feature = "cuda", feature = "cube-cpu"))]
mod ops;

use crate::device::has_step_body;
use burn::tensor::Tensor;

/// A low-rank map of [`Rwkv7Step`].
#[derive(Debug, Clone)]
pub struct LowRank {
    /// [channel, rank].
    pub first: Tensor<2>,
    /// [rank, channel].
    pub second: Tensor<2>,
    /// `[channel]`; the gate has none, and does not read it.
    pub base: Tensor<1>,
}

/// Weights and states of [`rwkv7_step`].
#[derive(Debug, Clone)]
pub struct Rwkv7Step {
    /// [batch, channel].
    pub x: Tensor<2>,
    /// Input of the position before, [batch, channel].
    pub previous: Tensor<2>,
    /// Values of the first layer, [batch, channel]; absent in the first layer itself.
    pub first: Option<Tensor<2>>,
    /// Shares of the input before, for r, w, k, v, a, g.
    pub mu: [Tensor<1>; 6],
    /// Decay.
    pub w: LowRank,
    /// Learning rate.
    pub a: LowRank,
    /// Share of the first layer's values; not read in the first layer.
    pub v: LowRank,
    /// Gate.
    pub g: LowRank,
    /// `[channel]`.
    pub k_k: Tensor<1>,
    /// `[channel]`.
    pub k_a: Tensor<1>,
    /// `[channel]`, that is [head, head_dim].
    pub r_k: Tensor<1>,
    /// [channel, channel].
    pub receptance: Tensor<2>,
    /// [channel, channel].
    pub key: Tensor<2>,
    /// [channel, channel].
    pub value: Tensor<2>,
    /// [channel, channel].
    pub output: Tensor<2>,
    /// Scale of the norm of every head, `[channel]`.
    pub norm_weight: Tensor<1>,
    /// Shift of the norm, `[channel]`.
    pub norm_bias: Tensor<1>,
    /// [batch, head, value, key].
    pub state: Tensor<4>,
    /// Epsilon of the norm.
    pub eps: f64,
    /// Smallest squared length that a key is divided by.
    pub smallest_square: f64,
}

/// Sizes and constants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rwkv7StepShape {
    /// Rows of the batch.
    pub batch: usize,
    /// Channels.
    pub width: usize,
    /// Heads.
    pub heads: usize,
    /// Ranks of w, a, v, g.
    pub ranks: [usize; 4],
    /// Whether this is the first layer, which has no values to blend in.
    pub is_first: bool,
    /// Epsilon of the norm.
    pub eps: f64,
    /// Smallest squared length that a key is divided by.
    pub smallest_square: f64,
}

impl Rwkv7StepShape {
    /// Channels of a head.
    pub fn head_dim(&self) -> usize {
        self.width / self.heads
    }

    /// Inner ends of all low-rank maps.
    pub fn low(&self) -> usize {
        self.ranks.iter().sum()
    }
}

/// Result of [`rwkv7_step`].
#[derive(Debug, Clone)]
pub struct Rwkv7StepOutput {
    /// [batch, channel].
    pub y: Tensor<2>,
    /// Values of this layer, [batch, channel]: those of the first go to the others.
    pub values: Tensor<2>,
    /// State behind the step.
    pub state: Tensor<4>,
}

/// A step of the time mix, or `None` where the device has no body for it (a CPU, a graph of gradients,
/// half precision): then the layer's operations one by one are what there is.
///
/// The caller has checked that shapes fit together; those of a loaded layer do.
pub fn rwkv7_step(input: Rwkv7Step) -> Option<Rwkv7StepOutput> {
    let [batch, width] = input.x.dims();
    let [_, heads, values, keys] = input.state.dims();
    let maps = [&input.w, &input.a, &input.v, &input.g];
    let shape = Rwkv7StepShape {
        batch,
        width,
        heads,
        ranks: maps.map(|map| map.first.dims()[1]),
        is_first: input.first.is_none(),
        eps: input.eps,
        smallest_square: input.smallest_square,
    };
    let fits = batch > 0
        && heads > 0
        && values == keys
        && heads * keys == width
        && !shape.ranks.contains(&0)
        && maps
            .iter()
            .all(|map| map.second.dims() == [map.first.dims()[1], width])
        && input.output.dims() == [width, width];
    match fits && has_step_body(&input.x, &input.output, input.state.dtype()) {
        true => fused(input, shape),
        false => None,
    }
}

#[cfg(any(feature = "cuda", feature = "cube-cpu"))]
fn fused(input: Rwkv7Step, shape: Rwkv7StepShape) -> Option<Rwkv7StepOutput> {
    use burn::backend::Dispatch;
    let first = input.first.unwrap_or_else(|| input.x.clone());
    let [mu_r, mu_w, mu_k, mu_v, mu_a, mu_g] = input.mu.map(Tensor::into_dispatch);
    let tensors = ops::Rwkv7StepTensors::<Dispatch> {
        x: input.x.into_dispatch(),
        previous: input.previous.into_dispatch(),
        first: first.into_dispatch(),
        mu_r,
        mu_w,
        mu_k,
        mu_v,
        mu_a,
        mu_g,
        w0: input.w.base.into_dispatch(),
        w1: input.w.first.into_dispatch(),
        w2: input.w.second.into_dispatch(),
        a0: input.a.base.into_dispatch(),
        a1: input.a.first.into_dispatch(),
        a2: input.a.second.into_dispatch(),
        v0: input.v.base.into_dispatch(),
        v1: input.v.first.into_dispatch(),
        v2: input.v.second.into_dispatch(),
        g1: input.g.first.into_dispatch(),
        g2: input.g.second.into_dispatch(),
        k_k: input.k_k.into_dispatch(),
        k_a: input.k_a.into_dispatch(),
        r_k: input.r_k.into_dispatch(),
        receptance: input.receptance.into_dispatch(),
        key: input.key.into_dispatch(),
        value: input.value.into_dispatch(),
        output: input.output.into_dispatch(),
        norm_weight: input.norm_weight.into_dispatch(),
        norm_bias: input.norm_bias.into_dispatch(),
        state: input.state.into_dispatch(),
    };
    let (y, values, state) = <Dispatch as ops::Rwkv7StepOps>::rwkv7_step(tensors, shape);
    Some(Rwkv7StepOutput {
        y: Tensor::from_dispatch(y),
        values: Tensor::from_dispatch(values),
        state: Tensor::from_dispatch(state),
    })
}

#[cfg(not(any(feature = "cuda", feature = "cube-cpu")))]
fn fused(_input: Rwkv7Step, _shape: Rwkv7StepShape) -> Option<Rwkv7StepOutput> {
    None
}

/// A step of the channel mix, [batch, channel]: W_v relu(W_k (x + (x' - x) o mu))^2 with `mu`
/// `[channel]`, `key` [inner, channel], `value` [channel, inner]; `None` as for [`rwkv7_step`].
pub fn rwkv7_channel_step(
    x: &Tensor<2>,
    previous: &Tensor<2>,
    mu: Tensor<1>,
    key: Tensor<2>,
    value: Tensor<2>,
) -> Option<Tensor<2>> {
    let ([batch, width], [inner, _]) = (x.dims(), key.dims());
    let fits = batch * width * inner > 0
        && previous.dims() == [batch, width]
        && mu.dims() == [width]
        && key.dims() == [inner, width]
        && value.dims() == [width, inner];
    match fits && has_step_body(x, &key, previous.dtype()) {
        true => fused_channel(x.clone(), previous.clone(), mu, key, value),
        false => None,
    }
}

#[cfg(any(feature = "cuda", feature = "cube-cpu"))]
fn fused_channel(
    x: Tensor<2>,
    previous: Tensor<2>,
    mu: Tensor<1>,
    key: Tensor<2>,
    value: Tensor<2>,
) -> Option<Tensor<2>> {
    use burn::backend::Dispatch;
    let y = <Dispatch as ops::Rwkv7StepOps>::rwkv7_channel_step(
        x.into_dispatch(),
        previous.into_dispatch(),
        mu.into_dispatch(),
        key.into_dispatch(),
        value.into_dispatch(),
    );
    Some(Tensor::from_dispatch(y))
}

#[cfg(not(any(feature = "cuda", feature = "cube-cpu")))]
fn fused_channel(
    _x: Tensor<2>,
    _previous: Tensor<2>,
    _mu: Tensor<1>,
    _key: Tensor<2>,
    _value: Tensor<2>,
) -> Option<Tensor<2>> {
    None
}
