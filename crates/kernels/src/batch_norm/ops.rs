//! The backend extension of the normalisation.

use super::BatchNormShape;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, ExtensionType, backend_extension};

/// The first half of [`super::batch_norm`] on backend primitives; not differentiable.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"))]
pub trait ChannelMoments: Backend {
    /// [2, channel]: means and variances over the marked rows; `marks` is `[row]` or `[0]`.
    #[fusion(dtype = marks, shape = [2, shape.channels].into())]
    fn channel_moments(
        x: FloatTensor<Self>,
        marks: FloatTensor<Self>,
        shape: BatchNormShape,
    ) -> FloatTensor<Self>;
}

/// The second half.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"), Autodiff)]
pub trait BatchNormOps: Backend {
    /// y [row, channel]. With `shape.counted` the gradient goes through the moments too, as if they had
    /// been taken from `x` and these marks.
    #[fusion(dtype = x, shape = x)]
    fn channel_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        marks: FloatTensor<Self>,
        shape: BatchNormShape,
    ) -> FloatTensor<Self>;
}

/// Everything the forward pass read and the backward pass needs.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct BatchNormSaved<B: Backend> {
    /// [row, channel].
    pub x: FloatTensor<B>,
    /// `[channel]`.
    pub weight: FloatTensor<B>,
    /// [2, channel].
    pub moments: FloatTensor<B>,
    /// `[row]` or `[0]`.
    pub marks: FloatTensor<B>,
    /// Sizes and options.
    pub shape: BatchNormShape,
}

/// Gradients, each of the shape of its input.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct BatchNormGradients<B: Backend> {
    /// [row, channel].
    pub x: FloatTensor<B>,
    /// `[channel]`.
    pub weight: FloatTensor<B>,
    /// `[channel]`.
    pub bias: FloatTensor<B>,
}

/// Backward pass, which a backend must offer for `Autodiff` over it to differentiate the operation.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"))]
pub trait BatchNormBackward: BatchNormOps {
    /// `grad` is the gradient of y.
    #[fusion(meta = |saved, _grad| BatchNormGradientsMetadata {
        x: saved.x.clone(),
        weight: saved.weight.clone(),
        bias: saved.weight.clone(),
    })]
    fn channel_norm_backward(
        #[extension_type] saved: BatchNormSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> BatchNormGradients<Self>;
}
