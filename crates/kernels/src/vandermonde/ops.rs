//! The backend extension of the Vandermonde sums.

use super::VandermondeShape;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, ExtensionType, backend_extension};

/// Forward pass of [`super::vandermonde`] on backend primitives.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"), Autodiff)]
pub trait VandermondeOps: Backend {
    /// [row, len].
    #[fusion(dtype = c_re, shape = [shape.rows, shape.options.len].into())]
    fn vandermonde(
        a_re: FloatTensor<Self>,
        a_im: FloatTensor<Self>,
        dt: FloatTensor<Self>,
        c_re: FloatTensor<Self>,
        c_im: FloatTensor<Self>,
        shape: VandermondeShape,
    ) -> FloatTensor<Self>;
}

/// Everything the forward pass read.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct VandermondeSaved<B: Backend> {
    /// [channel, state].
    pub a_re: FloatTensor<B>,
    /// [channel, state].
    pub a_im: FloatTensor<B>,
    /// `[channel]`.
    pub dt: FloatTensor<B>,
    /// [row, state].
    pub c_re: FloatTensor<B>,
    /// [row, state].
    pub c_im: FloatTensor<B>,
    /// Sizes and options.
    pub shape: VandermondeShape,
}

/// Gradients, each of the shape of its input; a complex one holds the derivatives with respect to
/// the real and the imaginary part.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct VandermondeGradients<B: Backend> {
    /// [channel, state].
    pub a_re: FloatTensor<B>,
    /// [channel, state].
    pub a_im: FloatTensor<B>,
    /// `[channel]`.
    pub dt: FloatTensor<B>,
    /// [row, state].
    pub c_re: FloatTensor<B>,
    /// [row, state].
    pub c_im: FloatTensor<B>,
}

/// Backward pass, which a backend must offer for `Autodiff` over it to differentiate the operation.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"))]
pub trait VandermondeBackward: VandermondeOps {
    /// `grad` is the gradient of the result.
    #[fusion(meta = |saved, _grad| VandermondeGradientsMetadata {
        a_re: saved.a_re.clone(),
        a_im: saved.a_im.clone(),
        dt: saved.dt.clone(),
        c_re: saved.c_re.clone(),
        c_im: saved.c_im.clone(),
    })]
    fn vandermonde_backward(
        #[extension_type] saved: VandermondeSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> VandermondeGradients<Self>;
}
