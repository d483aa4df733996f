//! The backend extension of the diagonal scan.

use super::DiagonalScanShape;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, ExtensionType, backend_extension};

/// Forward pass of [`super::diagonal_scan`] on backend primitives.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"), Autodiff)]
pub trait DiagonalScanOps: Backend {
    /// h [batch, len, 2 channel]; `a` is `[channel]` or, varying, [batch, len, channel]; `seq_idx` is
    /// [batch, len] or [0, 0]. All have one float dtype, except that on CubeCL devices `x` and h have
    /// the caller's, `a` its own and `initial` that of sums.
    #[fusion(dtype = x, shape = x)]
    fn diagonal_scan(
        x: FloatTensor<Self>,
        a_re: FloatTensor<Self>,
        a_im: FloatTensor<Self>,
        initial_re: FloatTensor<Self>,
        initial_im: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: DiagonalScanShape,
    ) -> FloatTensor<Self>;
}

/// What the backward pass starts from: everything the forward pass read but x, and what it made.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct DiagonalScanSaved<B: Backend> {
    /// `[channel]` or [batch, len, channel].
    pub a_re: FloatTensor<B>,
    /// `[channel]` or [batch, len, channel].
    pub a_im: FloatTensor<B>,
    /// [batch, channel].
    pub initial_re: FloatTensor<B>,
    /// [batch, channel].
    pub initial_im: FloatTensor<B>,
    /// [batch, len] or [0, 0].
    pub seq_idx: IntTensor<B>,
    /// The result, [batch, len, 2 channel]: whoever uses it keeps it alive anyway.
    pub h: FloatTensor<B>,
    /// Sizes and options.
    pub shape: DiagonalScanShape,
}

/// Gradients, each of the shape of its input.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct DiagonalScanGradients<B: Backend> {
    /// [batch, len, 2 channel].
    pub x: FloatTensor<B>,
    /// `[channel]` or [batch, len, channel].
    pub a_re: FloatTensor<B>,
    /// `[channel]` or [batch, len, channel].
    pub a_im: FloatTensor<B>,
    /// [batch, channel].
    pub initial_re: FloatTensor<B>,
    /// [batch, channel].
    pub initial_im: FloatTensor<B>,
}

/// Backward pass, which a backend must offer for `Autodiff` over it to differentiate the operation.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"))]
pub trait DiagonalScanBackward: DiagonalScanOps {
    /// `grad` is the gradient of h.
    #[fusion(meta = |saved, _grad| DiagonalScanGradientsMetadata {
        x: saved.h.clone(),
        a_re: saved.a_re.clone(),
        a_im: saved.a_im.clone(),
        initial_re: saved.initial_re.clone(),
        initial_im: saved.initial_im.clone(),
    })]
    fn diagonal_scan_backward(
        #[extension_type] saved: DiagonalScanSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> DiagonalScanGradients<Self>;
}
