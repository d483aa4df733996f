//! The backend extension of the linear map.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};

/// Forward pass of [`super::linear`] and [`super::affine`] on backend primitives.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"), Autodiff)]
pub trait LinearOps: Backend {
    /// [row, in], [out, in] and `[out]` or `[0]` to [row, out]; no other axis is empty.
    #[fusion(dtype = x, shape = [x[0], weight[0]].into())]
    fn linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

/// Gradients, which a backend must offer for `Autodiff` over it to differentiate the operation; each on
/// its own, since seldom all of them are wanted. `grad` [row, out] is the gradient of the result.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"))]
pub trait LinearBackward: LinearOps {
    /// Of x [row, in].
    #[fusion(dtype = grad, shape = [grad[0], weight[1]].into())]
    fn linear_input_gradient(
        grad: FloatTensor<Self>,
        weight: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// Of the weight [out, in].
    #[fusion(dtype = grad, shape = [grad[1], x[1]].into())]
    fn linear_weight_gradient(grad: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Of the bias `[out]`.
    #[fusion(dtype = grad, shape = [grad[1]].into())]
    fn linear_bias_gradient(grad: FloatTensor<Self>) -> FloatTensor<Self>;
}
