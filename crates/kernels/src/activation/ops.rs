//! The backend extension of the functions.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};

/// Which function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// 1 / (1 + exp(-x)).
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
}

/// Forward pass on backend primitives.
#[backend_extension(Flex, Autodiff)]
pub trait ActivationOps: Backend {
    /// `[element]` -> `[element]`, f32 or f64.
    fn activation(x: FloatTensor<Self>, function: Function) -> FloatTensor<Self>;
}

/// Backward pass, which a backend must offer for `Autodiff` over it to differentiate the operation.
pub trait ActivationBackward: ActivationOps {
    /// Gradient of x from y and the gradient of y.
    fn activation_backward(
        y: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        function: Function,
    ) -> FloatTensor<Self>;
}
