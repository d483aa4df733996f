//! The backend extension of the state behind a sequence.

use super::DiagonalStateShape;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, ExtensionType, backend_extension};

/// Forward pass of [`super::diagonal_state`] on backend primitives.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"), Autodiff)]
pub trait DiagonalStateOps: Backend {
    /// Real part, then imaginary part, each [batch, channel, state], as one flat tensor: an autodiff
    /// node has exactly one output. `seq_idx` is [batch, len] or [0, 0].
    #[fusion(dtype = x, shape = [2 * shape.state_elements()].into())]
    #[allow(clippy::too_many_arguments)]
    fn diagonal_state(
        x: FloatTensor<Self>,
        a_re: FloatTensor<Self>,
        a_im: FloatTensor<Self>,
        dt: FloatTensor<Self>,
        initial_re: FloatTensor<Self>,
        initial_im: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: DiagonalStateShape,
    ) -> FloatTensor<Self>;
}

/// Everything the forward pass read.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct DiagonalStateSaved<B: Backend> {
    /// [batch, len, channel].
    pub x: FloatTensor<B>,
    /// [channel, state].
    pub a_re: FloatTensor<B>,
    /// [channel, state].
    pub a_im: FloatTensor<B>,
    /// `[channel]`.
    pub dt: FloatTensor<B>,
    /// [batch, channel, state].
    pub initial_re: FloatTensor<B>,
    /// [batch, channel, state].
    pub initial_im: FloatTensor<B>,
    /// [batch, len] or [0, 0].
    pub seq_idx: IntTensor<B>,
    /// Sizes and options.
    pub shape: DiagonalStateShape,
}

/// Gradients, each of the shape of its input.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct DiagonalStateGradients<B: Backend> {
    /// [batch, len, channel].
    pub x: FloatTensor<B>,
    /// [channel, state].
    pub a_re: FloatTensor<B>,
    /// [channel, state].
    pub a_im: FloatTensor<B>,
    /// `[channel]`.
    pub dt: FloatTensor<B>,
    /// [batch, channel, state].
    pub initial_re: FloatTensor<B>,
    /// [batch, channel, state].
    pub initial_im: FloatTensor<B>,
}

/// Backward pass, which a backend must offer for `Autodiff` over it to differentiate the operation.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"))]
pub trait DiagonalStateBackward: DiagonalStateOps {
    /// `grad` is the gradient of the packed result.
    #[fusion(meta = |saved, _grad| DiagonalStateGradientsMetadata {
        x: saved.x.clone(),
        a_re: saved.a_re.clone(),
        a_im: saved.a_im.clone(),
        dt: saved.dt.clone(),
        initial_re: saved.initial_re.clone(),
        initial_im: saved.initial_im.clone(),
    })]
    fn diagonal_state_backward(
        #[extension_type] saved: DiagonalStateSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> DiagonalStateGradients<Self>;
}
