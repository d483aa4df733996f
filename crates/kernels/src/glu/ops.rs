//! The backend extension of the gated unit.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};

/// Forward pass of [`super::glu`] on backend primitives.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Autodiff)]
pub trait GluOps: Backend {
    /// [row, 2 channel], [2 channel] -> [row, channel].
    fn glu(x: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// Gradients, each of the shape of its input.
#[derive(Debug, Clone)]
pub struct GluGradients<B: Backend> {
    /// [row, 2 channel].
    pub x: FloatTensor<B>,
    /// [2 channel].
    pub bias: FloatTensor<B>,
}

/// Backward pass, which a backend must offer for `Autodiff` over it to differentiate the operation.
pub trait GluBackward: GluOps {
    /// Gradients from the inputs and the gradient of y.
    fn glu_backward(
        x: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> GluGradients<Self>;
}
