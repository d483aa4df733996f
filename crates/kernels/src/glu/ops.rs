//! The backend extension of the gated unit.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, ExtensionType, backend_extension};

/// Forward pass of [`super::glu`] on backend primitives.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"), Autodiff)]
pub trait GluOps: Backend {
    /// [row, 2 channel], [2 channel] -> [row, channel].
    #[fusion(dtype = x, shape = [x[0], x[1] / 2].into())]
    fn glu(x: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// Gradients, each of the shape of its input.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct GluGradients<B: Backend> {
    /// [row, 2 channel].
    pub x: FloatTensor<B>,
    /// [2 channel].
    pub bias: FloatTensor<B>,
}

/// Backward pass, which a backend must offer for `Autodiff` over it to differentiate the operation.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"))]
pub trait GluBackward: GluOps {
    /// Gradients from the inputs and the gradient of y.
    #[fusion(meta = |x, bias, _grad| GluGradientsMetadata {
        x: x.clone(),
        bias: bias.clone(),
    })]
    fn glu_backward(
        x: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> GluGradients<Self>;
}
