//! The backend extension of the normalisation.

use super::RmsNormShape;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, ExtensionType, backend_extension};

/// Forward pass of [`super::rms_norm`] on backend primitives.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"), Autodiff)]
pub trait RmsNormOps: Backend {
    /// y [row, channel]; `gate` is [row, channel] or, ungated, [0, 0].
    #[fusion(dtype = x, shape = x)]
    fn rms_norm(
        x: FloatTensor<Self>,
        gate: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        shape: RmsNormShape,
    ) -> FloatTensor<Self>;
}

/// Everything the forward pass read.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct RmsNormSaved<B: Backend> {
    /// [row, channel].
    pub x: FloatTensor<B>,
    /// [row, channel] or [0, 0].
    pub gate: FloatTensor<B>,
    /// `[channel]`.
    pub weight: FloatTensor<B>,
    /// Sizes and options.
    pub shape: RmsNormShape,
}

/// Gradients, each of the shape of its input.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct RmsNormGradients<B: Backend> {
    /// [row, channel].
    pub x: FloatTensor<B>,
    /// [row, channel] or [0, 0].
    pub gate: FloatTensor<B>,
    /// `[channel]`.
    pub weight: FloatTensor<B>,
}

/// Backward pass, which a backend must offer for `Autodiff` over it to differentiate the operation.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"))]
pub trait RmsNormBackward: RmsNormOps {
    /// `grad` is the gradient of y.
    #[fusion(meta = |saved, _grad| RmsNormGradientsMetadata {
        x: saved.x.clone(),
        gate: saved.gate.clone(),
        weight: saved.weight.clone(),
    })]
    fn rms_norm_backward(
        #[extension_type] saved: RmsNormSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> RmsNormGradients<Self>;
}
