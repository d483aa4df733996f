//! The backend extension: one forward and one backward method per backend.

use super::SelectiveScanShape;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, ExtensionType, backend_extension};

/// Forward pass of [`super::selective_scan`] on backend primitives.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"), Autodiff)]
pub trait SelectiveScanOps: Backend {
    /// Returns y and, when `shape.final_state` says so, the final state behind it, as one flat
    /// tensor of `shape.packed_elements()`: an autodiff node has exactly one output.
    ///
    /// All tensors have one float dtype, except that on CubeCL devices `x`, `b`, `c` and `z` have
    /// the caller's, `dt` its own, the others that of sums; `z` is [0, 0, 0] unless `shape.gated`;
    /// `seq_idx` is [batch, len] or [0, 0] for "one sequence".
    #[fusion(dtype = x, shape = [shape.packed_elements()].into())]
    #[allow(clippy::too_many_arguments)]
    fn selective_scan(
        x: FloatTensor<Self>,
        dt: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        d: FloatTensor<Self>,
        dt_bias: FloatTensor<Self>,
        z: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: SelectiveScanShape,
    ) -> FloatTensor<Self>;
}

/// Everything the forward pass read; what the backward pass starts from.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct SelectiveScanSaved<B: Backend> {
    /// [batch, len, channel].
    pub x: FloatTensor<B>,
    /// [batch, len, channel], before bias and softplus.
    pub dt: FloatTensor<B>,
    /// [channel, state].
    pub a: FloatTensor<B>,
    /// [batch, len, group, state].
    pub b: FloatTensor<B>,
    /// [batch, len, group, state].
    pub c: FloatTensor<B>,
    /// `[channel]`.
    pub d: FloatTensor<B>,
    /// `[channel]`.
    pub dt_bias: FloatTensor<B>,
    /// [batch, len, channel], or [0, 0, 0] without a gate.
    pub z: FloatTensor<B>,
    /// [batch, channel, state].
    pub initial: FloatTensor<B>,
    /// [batch, len] or [0, 0].
    pub seq_idx: IntTensor<B>,
    /// Sizes and options.
    pub shape: SelectiveScanShape,
}

/// Gradients, each of the shape of its input.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct SelectiveScanGradients<B: Backend> {
    /// [batch, len, channel].
    pub x: FloatTensor<B>,
    /// [batch, len, channel].
    pub dt: FloatTensor<B>,
    /// [channel, state].
    pub a: FloatTensor<B>,
    /// [batch, len, group, state].
    pub b: FloatTensor<B>,
    /// [batch, len, group, state].
    pub c: FloatTensor<B>,
    /// `[channel]`.
    pub d: FloatTensor<B>,
    /// `[channel]`.
    pub dt_bias: FloatTensor<B>,
    /// [batch, len, channel], or [0, 0, 0] without a gate.
    pub z: FloatTensor<B>,
    /// [batch, channel, state].
    pub initial: FloatTensor<B>,
}

/// Backward pass, which a backend must offer for `Autodiff` over it to differentiate
/// [`super::selective_scan`].
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"))]
pub trait SelectiveScanBackward: SelectiveScanOps {
    /// `grad` is the gradient of the packed result.
    #[fusion(meta = |saved, _grad| SelectiveScanGradientsMetadata {
        x: saved.x.clone(),
        dt: saved.dt.clone(),
        a: saved.a.clone(),
        b: saved.b.clone(),
        c: saved.c.clone(),
        d: saved.d.clone(),
        dt_bias: saved.dt_bias.clone(),
        z: saved.z.clone(),
        initial: saved.initial.clone(),
    })]
    fn selective_scan_backward(
        #[extension_type] saved: SelectiveScanSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> SelectiveScanGradients<Self>;
}
