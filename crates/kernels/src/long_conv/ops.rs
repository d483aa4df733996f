//! The backend extension of the long convolution.

use super::LongConvShape;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, ExtensionType, backend_extension};

/// Forward pass of [`super::long_conv`] on backend primitives.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"), Autodiff)]
pub trait LongConvOps: Backend {
    /// y [batch, len, channel]; `initial` is that or [0, 0, 0], `seq_idx` [batch, len] or [0, 0].
    #[fusion(dtype = x, shape = x)]
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
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
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
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
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
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"))]
pub trait LongConvBackward: LongConvOps {
    /// `grad` is the gradient of y.
    #[fusion(meta = |saved, _grad| LongConvGradientsMetadata {
        x: saved.x.clone(),
        kernel: saved.kernel.clone(),
        reverse: saved.reverse.clone(),
        skip: saved.skip.clone(),
    })]
    fn long_conv_backward(
        #[extension_type] saved: LongConvSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> LongConvGradients<Self>;
}
