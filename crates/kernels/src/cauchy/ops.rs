//! The backend extension of the Cauchy kernel.

use super::CauchyShape;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};

/// Forward pass of [`super::cauchy`] on backend primitives.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Autodiff)]
pub trait CauchyOps: Backend {
    /// [row, len].
    #[allow(clippy::too_many_arguments)]
    fn cauchy(
        lambda_re: FloatTensor<Self>,
        lambda_im: FloatTensor<Self>,
        p_re: FloatTensor<Self>,
        p_im: FloatTensor<Self>,
        b_re: FloatTensor<Self>,
        b_im: FloatTensor<Self>,
        c_re: FloatTensor<Self>,
        c_im: FloatTensor<Self>,
        dt: FloatTensor<Self>,
        shape: CauchyShape,
    ) -> FloatTensor<Self>;
}

/// Everything the forward pass read; complex inputs as (real, imaginary).
#[derive(Debug, Clone)]
pub struct CauchySaved<B: Backend> {
    /// [channel, state].
    pub lambda: [FloatTensor<B>; 2],
    /// [rank, channel, state].
    pub p: [FloatTensor<B>; 2],
    /// [row, state].
    pub b: [FloatTensor<B>; 2],
    /// [row, state].
    pub c: [FloatTensor<B>; 2],
    /// `[channel]`.
    pub dt: FloatTensor<B>,
    /// Sizes.
    pub shape: CauchyShape,
}

/// Gradients, each of the shape of its input; a complex one holds the derivatives with respect to
/// the real and the imaginary part.
#[derive(Debug, Clone)]
pub struct CauchyGradients<B: Backend> {
    /// [channel, state].
    pub lambda: [FloatTensor<B>; 2],
    /// [rank, channel, state].
    pub p: [FloatTensor<B>; 2],
    /// [row, state].
    pub b: [FloatTensor<B>; 2],
    /// [row, state].
    pub c: [FloatTensor<B>; 2],
    /// `[channel]`.
    pub dt: FloatTensor<B>,
}

/// Backward pass, which a backend must offer for `Autodiff` over it to differentiate the operation.
pub trait CauchyBackward: CauchyOps {
    /// `grad` is the gradient of the result.
    fn cauchy_backward(saved: CauchySaved<Self>, grad: FloatTensor<Self>) -> CauchyGradients<Self>;
}
