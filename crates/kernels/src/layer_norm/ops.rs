//! The backend extension of the normalisation.

use super::LayerNormShape;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};

/// Forward pass of [`super::layer_norm`] on backend primitives.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Autodiff)]
pub trait LayerNormOps: Backend {
    /// y [row, channel].
    fn layer_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        shape: LayerNormShape,
    ) -> FloatTensor<Self>;
}

/// Everything the forward pass read and the backward pass needs.
#[derive(Debug, Clone)]
pub struct LayerNormSaved<B: Backend> {
    /// [row, channel].
    pub x: FloatTensor<B>,
    /// `[channel]`.
    pub weight: FloatTensor<B>,
    /// Sizes and options.
    pub shape: LayerNormShape,
}

/// Gradients, each of the shape of its input.
#[derive(Debug, Clone)]
pub struct LayerNormGradients<B: Backend> {
    /// [row, channel].
    pub x: FloatTensor<B>,
    /// `[channel]`.
    pub weight: FloatTensor<B>,
    /// `[channel]`.
    pub bias: FloatTensor<B>,
}

/// Backward pass, which a backend must offer for `Autodiff` over it to differentiate the operation.
pub trait LayerNormBackward: LayerNormOps {
    /// `grad` is the gradient of y.
    fn layer_norm_backward(
        saved: LayerNormSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> LayerNormGradients<Self>;
}
