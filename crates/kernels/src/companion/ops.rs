//! The backend extension of the companion kernel.

use super::CompanionShape;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, ExtensionType, backend_extension};

/// Forward pass of [`super::companion`] on backend primitives.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"), Autodiff)]
pub trait CompanionOps: Backend {
    /// [row, len].
    #[fusion(dtype = b, shape = [shape.rows, shape.len].into())]
    fn companion(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        shape: CompanionShape,
    ) -> FloatTensor<Self>;
}

/// Everything the forward pass read.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct CompanionSaved<B: Backend> {
    /// [channel, state].
    pub a: FloatTensor<B>,
    /// [row, state].
    pub b: FloatTensor<B>,
    /// [row, state].
    pub c: FloatTensor<B>,
    /// Sizes.
    pub shape: CompanionShape,
}

/// Gradients, each of the shape of its input.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct CompanionGradients<B: Backend> {
    /// [channel, state].
    pub a: FloatTensor<B>,
    /// [row, state].
    pub b: FloatTensor<B>,
    /// [row, state].
    pub c: FloatTensor<B>,
}

/// Backward pass, which a backend must offer for `Autodiff` over it to differentiate the operation.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"))]
pub trait CompanionBackward: CompanionOps {
    /// `grad` is the gradient of the result.
    #[fusion(meta = |saved, _grad| CompanionGradientsMetadata {
        a: saved.a.clone(),
        b: saved.b.clone(),
        c: saved.c.clone(),
    })]
    fn companion_backward(
        #[extension_type] saved: CompanionSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> CompanionGradients<Self>;
}
