//! The backend extension of the linear map.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};

/// Forward pass of [`super::linear`] on backend primitives.
#[backend_extension(Flex, Autodiff)]
pub trait LinearOps: Backend {
    /// [row, in] and [out, in] to [row, out]; no axis is empty.
    fn linear(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// Backward pass, which a backend must offer for `Autodiff` over it to differentiate the operation.
pub trait LinearBackward: LinearOps {
    /// Gradients of x and of the weight, those that are `wanted`; `inputs` are both, `grad` is the
    /// gradient of the result.
    fn linear_backward(
        inputs: [FloatTensor<Self>; 2],
        grad: FloatTensor<Self>,
        wanted: [bool; 2],
    ) -> [Option<FloatTensor<Self>>; 2];
}
