//! The backend extension of the state behind a sequence.

use super::DiagonalStateShape;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, backend_extension};

/// Forward pass of [`super::diagonal_state`] on backend primitives.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Autodiff)]
pub trait DiagonalStateOps: Backend {
    /// Real part, then imaginary part, each [batch, channel, state], as one flat tensor: an autodiff
    /// node has exactly one output. `seq_idx` is [batch, len] or [0, 0].
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
#[derive(Debug, Clone)]
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
#[derive(Debug, Clone)]
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
pub trait DiagonalStateBackward: DiagonalStateOps {
    /// `grad` is the gradient of the packed result.
    fn diagonal_state_backward(
        saved: DiagonalStateSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> DiagonalStateGradients<Self>;
}
