//! The backend extension of the depthwise convolution.

use super::Conv1dShape;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, ExtensionType, backend_extension};

/// Forward pass of [`super::conv1d`] on backend primitives.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"), Autodiff)]
pub trait Conv1dOps: Backend {
    /// y [batch, len, channel]; `seq_idx` is [batch, len] or [0, 0] for "one sequence".
    #[fusion(dtype = x, shape = x)]
    fn depthwise_conv1d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: Conv1dShape,
    ) -> FloatTensor<Self>;
}

/// Everything the forward pass read.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct Conv1dSaved<B: Backend> {
    /// [batch, len, channel].
    pub x: FloatTensor<B>,
    /// [channel, tap].
    pub weight: FloatTensor<B>,
    /// `[channel]`.
    pub bias: FloatTensor<B>,
    /// [batch, channel, tap - 1].
    pub initial: FloatTensor<B>,
    /// [batch, len] or [0, 0].
    pub seq_idx: IntTensor<B>,
    /// Sizes and options.
    pub shape: Conv1dShape,
}

/// Gradients, each of the shape of its input.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct Conv1dGradients<B: Backend> {
    /// [batch, len, channel].
    pub x: FloatTensor<B>,
    /// [channel, tap].
    pub weight: FloatTensor<B>,
    /// `[channel]`.
    pub bias: FloatTensor<B>,
    /// [batch, channel, tap - 1].
    pub initial: FloatTensor<B>,
}

/// Backward pass, which a backend must offer for `Autodiff` over it to differentiate the operation.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"))]
pub trait Conv1dBackward: Conv1dOps {
    /// `grad` is the gradient of y.
    #[fusion(meta = |saved, _grad| Conv1dGradientsMetadata {
        x: saved.x.clone(),
        weight: saved.weight.clone(),
        bias: saved.bias.clone(),
        initial: saved.initial.clone(),
    })]
    fn depthwise_conv1d_backward(
        #[extension_type] saved: Conv1dSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> Conv1dGradients<Self>;
}
