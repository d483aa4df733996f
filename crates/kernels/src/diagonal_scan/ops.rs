//! The backend extension of the diagonal scan.

use super::DiagonalScanShape;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, backend_extension};

/// Forward pass of [`super::diagonal_scan`] on backend primitives.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Autodiff)]
pub trait DiagonalScanOps: Backend {
    /// h [batch, len, 2 channel]; `a` is `[channel]` or, varying, [batch, len, channel]; `seq_idx` is
    /// [batch, len] or [0, 0]. All have one float dtype, except that on CubeCL devices `x` and h have
    /// the caller's, `a` its own and `initial` that of sums.
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
#[derive(Debug, Clone)]
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
#[derive(Debug, Clone)]
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
pub trait DiagonalScanBackward: DiagonalScanOps {
    /// `grad` is the gradient of h.
    fn diagonal_scan_backward(
        saved: DiagonalScanSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> DiagonalScanGradients<Self>;
}
