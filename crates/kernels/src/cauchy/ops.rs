//! The backend extension of the Cauchy kernel.

use super::CauchyShape;
use crate::complex::ComplexPrimitive;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, ExtensionType, backend_extension};

/// Forward pass of [`super::cauchy`] on backend primitives.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"), Autodiff)]
pub trait CauchyOps: Backend {
    /// [row, len].
    #[fusion(dtype = dt, shape = [shape.rows, shape.len].into())]
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

/// Everything the forward pass read.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct CauchySaved<B: Backend> {
    /// [channel, state].
    #[extension_type]
    pub lambda: ComplexPrimitive<B>,
    /// [rank, channel, state].
    #[extension_type]
    pub p: ComplexPrimitive<B>,
    /// [row, state].
    #[extension_type]
    pub b: ComplexPrimitive<B>,
    /// [row, state].
    #[extension_type]
    pub c: ComplexPrimitive<B>,
    /// `[channel]`.
    pub dt: FloatTensor<B>,
    /// Sizes.
    pub shape: CauchyShape,
}

/// Gradients, each of the shape of its input; a complex one holds the derivatives with respect to
/// the real and the imaginary part.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct CauchyGradients<B: Backend> {
    /// [channel, state].
    #[extension_type]
    pub lambda: ComplexPrimitive<B>,
    /// [rank, channel, state].
    #[extension_type]
    pub p: ComplexPrimitive<B>,
    /// [row, state].
    #[extension_type]
    pub b: ComplexPrimitive<B>,
    /// [row, state].
    #[extension_type]
    pub c: ComplexPrimitive<B>,
    /// `[channel]`.
    pub dt: FloatTensor<B>,
}

/// Backward pass, which a backend must offer for `Autodiff` over it to differentiate the operation.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"))]
pub trait CauchyBackward: CauchyOps {
    /// `grad` is the gradient of the result.
    #[fusion(meta = |saved, _grad| CauchyGradientsMetadata {
        lambda: saved.lambda.clone(),
        p: saved.p.clone(),
        b: saved.b.clone(),
        c: saved.c.clone(),
        dt: saved.dt.clone(),
    })]
    fn cauchy_backward(
        #[extension_type] saved: CauchySaved<Self>,
        grad: FloatTensor<Self>,
    ) -> CauchyGradients<Self>;
}
