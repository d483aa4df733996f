//! The backend extension of the closed loop.

use super::FeedbackShape;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, ExtensionType, backend_extension};

/// Forward pass of [`super::feedback`] on backend primitives.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"), Autodiff)]
pub trait FeedbackOps: Backend {
    /// [row, len].
    #[fusion(dtype = r, shape = r)]
    fn feedback(
        r: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        shape: FeedbackShape,
    ) -> FloatTensor<Self>;
}

/// What the backward pass starts from: the kernel and the result.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct FeedbackSaved<B: Backend> {
    /// [channel, len].
    pub kernel: FloatTensor<B>,
    /// The result, [row, len].
    pub u: FloatTensor<B>,
    /// Sizes.
    pub shape: FeedbackShape,
}

/// Gradients, each of the shape of its input.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct FeedbackGradients<B: Backend> {
    /// [row, len].
    pub r: FloatTensor<B>,
    /// [channel, len].
    pub kernel: FloatTensor<B>,
}

/// Backward pass, which a backend must offer for `Autodiff` over it to differentiate the operation.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"))]
pub trait FeedbackBackward: FeedbackOps {
    /// `grad` is the gradient of the result.
    #[fusion(meta = |saved, _grad| FeedbackGradientsMetadata {
        r: saved.u.clone(),
        kernel: saved.kernel.clone(),
    })]
    fn feedback_backward(
        #[extension_type] saved: FeedbackSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> FeedbackGradients<Self>;
}
