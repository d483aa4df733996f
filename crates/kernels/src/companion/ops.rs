//! The backend extension of the companion kernel.

use super::CompanionShape;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};

/// Forward pass of [`super::companion`] on backend primitives.
#[backend_extension(Flex, Autodiff)]
pub trait CompanionOps: Backend {
    /// [row, len].
    fn companion(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        shape: CompanionShape,
    ) -> FloatTensor<Self>;
}

/// Everything the forward pass read.
#[derive(Debug, Clone)]
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
#[derive(Debug, Clone)]
pub struct CompanionGradients<B: Backend> {
    /// [channel, state].
    pub a: FloatTensor<B>,
    /// [row, state].
    pub b: FloatTensor<B>,
    /// [row, state].
    pub c: FloatTensor<B>,
}

/// Backward pass, which a backend must offer for `Autodiff` over it to differentiate the operation.
pub trait CompanionBackward: CompanionOps {
    /// `grad` is the gradient of the result.
    fn companion_backward(
        saved: CompanionSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> CompanionGradients<Self>;
}
