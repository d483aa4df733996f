//! The backend extension of the low-rank scan.

use super::LowRankScanShape;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, ExtensionType, backend_extension};

/// Forward pass of [`super::lowrank_scan`] on backend primitives.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"), Autodiff)]
pub trait LowRankScanOps: Backend {
    /// y, then the state's real and imaginary parts, as one flat tensor: an autodiff node has exactly
    /// one output. Complex inputs have a first axis of length 2; `seq_idx` is [batch, len] or [0, 0].
    #[fusion(dtype = x, shape = [shape.y_elements() + 2 * shape.state_elements()].into())]
    #[allow(clippy::too_many_arguments)]
    fn lowrank_scan(
        x: FloatTensor<Self>,
        alpha: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        kappa: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: LowRankScanShape,
    ) -> FloatTensor<Self>;
}

/// Everything the forward pass read; the first axis of complex tensors is (real, imaginary).
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct LowRankScanSaved<B: Backend> {
    /// [batch, len, channel].
    pub x: FloatTensor<B>,
    /// [2, channel, state].
    pub alpha: FloatTensor<B>,
    /// [2, rank, channel, state].
    pub beta: FloatTensor<B>,
    /// [2, rank, channel, state].
    pub kappa: FloatTensor<B>,
    /// [2, channel, state].
    pub b: FloatTensor<B>,
    /// [2, channel, state].
    pub c: FloatTensor<B>,
    /// [2, batch, channel, state].
    pub initial: FloatTensor<B>,
    /// [batch, len] or [0, 0].
    pub seq_idx: IntTensor<B>,
    /// Sizes.
    pub shape: LowRankScanShape,
}

/// Gradients, each of the shape of its input.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct LowRankScanGradients<B: Backend> {
    /// [batch, len, channel].
    pub x: FloatTensor<B>,
    /// [2, channel, state].
    pub alpha: FloatTensor<B>,
    /// [2, rank, channel, state].
    pub beta: FloatTensor<B>,
    /// [2, rank, channel, state].
    pub kappa: FloatTensor<B>,
    /// [2, channel, state].
    pub b: FloatTensor<B>,
    /// [2, channel, state].
    pub c: FloatTensor<B>,
    /// [2, batch, channel, state].
    pub initial: FloatTensor<B>,
}

/// Backward pass, which a backend must offer for `Autodiff` over it to differentiate the operation.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"))]
pub trait LowRankScanBackward: LowRankScanOps {
    /// `grad` is the gradient of the packed result.
    #[fusion(meta = |saved, _grad| LowRankScanGradientsMetadata {
        x: saved.x.clone(),
        alpha: saved.alpha.clone(),
        beta: saved.beta.clone(),
        kappa: saved.kappa.clone(),
        b: saved.b.clone(),
        c: saved.c.clone(),
        initial: saved.initial.clone(),
    })]
    fn lowrank_scan_backward(
        #[extension_type] saved: LowRankScanSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> LowRankScanGradients<Self>;
}
