//! The backend extension of the normalisation.

use super::LayerNormShape;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, ExtensionType, backend_extension};

/// Forward pass of [`super::layer_norm`] on backend primitives.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"), Autodiff)]
pub trait LayerNormOps: Backend {
    /// y [row, channel].
    #[fusion(dtype = x, shape = x)]
    fn layer_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        shape: LayerNormShape,
    ) -> FloatTensor<Self>;
}

/// Everything the forward pass read and the backward pass needs.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct LayerNormSaved<B: Backend> {
    /// [row, channel].
    pub x: FloatTensor<B>,
    /// `[channel]`.
    pub weight: FloatTensor<B>,
    /// Sizes and options.
    pub shape: LayerNormShape,
}

/// Gradients, each of the shape of its input.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct LayerNormGradients<B: Backend> {
    /// [row, channel].
    pub x: FloatTensor<B>,
    /// `[channel]`.
    pub weight: FloatTensor<B>,
    /// `[channel]`.
    pub bias: FloatTensor<B>,
}

/// Backward pass, which a backend must offer for `Autodiff` over it to differentiate the operation.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"))]
pub trait LayerNormBackward: LayerNormOps {
    /// `grad` is the gradient of y.
    #[fusion(meta = |saved, _grad| LayerNormGradientsMetadata {
        x: saved.x.clone(),
        weight: saved.weight.clone(),
        bias: saved.weight.clone(),
    })]
    fn layer_norm_backward(
        #[extension_type] saved: LayerNormSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> LayerNormGradients<Self>;
}
