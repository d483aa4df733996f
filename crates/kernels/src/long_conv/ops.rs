//! The backend extension of the long convolution.

use super::LongConvShape;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, backend_extension};

/// Forward pass of [`super::long_conv`] on backend primitives.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Autodiff)]
pub trait LongConvOps: Backend {
    /// y [batch, len, channel]; `initial` is that or [0, 0, 0], `seq_idx` [batch, len] or [0, 0].
    #[allow(clippy::too_many_arguments)]
    fn long_conv(
        x: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        reverse: FloatTensor<Self>,
        skip: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: LongConvShape,
    ) -> FloatTensor<Self>;
}

/// What the backward pass starts from: everything the forward pass read but `initial`.
#[derive(Debug, Clone)]
pub struct LongConvSaved<B: Backend> {
    /// [batch, len, channel].
    pub x: FloatTensor<B>,
    /// [channel, tap].
    pub kernel: FloatTensor<B>,
    /// [channel, tap], possibly without taps.
    pub reverse: FloatTensor<B>,
    /// `[channel]`.
    pub skip: FloatTensor<B>,
    /// [batch, len] or [0, 0].
    pub seq_idx: IntTensor<B>,
    /// Sizes.
    pub shape: LongConvShape,
}

/// Gradients, each of the shape of its input; that of `initial` is the gradient of y.
#[derive(Debug, Clone)]
pub struct LongConvGradients<B: Backend> {
    /// [batch, len, channel].
    pub x: FloatTensor<B>,
    /// [channel, tap].
    pub kernel: FloatTensor<B>,
    /// [channel, tap].
    pub reverse: FloatTensor<B>,
    /// `[channel]`.
    pub skip: FloatTensor<B>,
}

/// Backward pass, which a backend must offer for `Autodiff` over it to differentiate the operation.
pub trait LongConvBackward: LongConvOps {
    /// `grad` is the gradient of y.
    fn long_conv_backward(
        saved: LongConvSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> LongConvGradients<Self>;
}
