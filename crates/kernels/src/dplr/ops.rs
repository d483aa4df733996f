//! The backend extension: one forward and one backward method per backend.

use super::DplrShape;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, ExtensionType, backend_extension};

/// Forward pass of [`super::dplr`] on backend primitives.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"), Autodiff)]
pub trait DplrOps: Backend {
    /// Returns y and, when `shape.final_state` says so, the final state behind it, as one flat
    /// tensor of `shape.packed_elements()`: an autodiff node has exactly one output.
    ///
    /// r, k, v, a and b have one float dtype, `initial` the one that is computed in (f64 for f64, else
    /// f32), g one of these two. The result has that of `initial` with a state in it, else that of v.
    /// `seq_idx` is [batch, len] or [0, 0] for "one sequence".
    #[fusion(
        dtype = if shape.final_state { initial } else { v },
        shape = [shape.packed_elements()].into(),
    )]
    #[allow(clippy::too_many_arguments)]
    fn dplr(
        r: FloatTensor<Self>,
        g: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: DplrShape,
    ) -> FloatTensor<Self>;
}

/// Everything the forward pass read; what the backward pass starts from.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct DplrSaved<B: Backend> {
    /// [batch, len, head, key].
    pub r: FloatTensor<B>,
    /// [batch, len, head, key].
    pub g: FloatTensor<B>,
    /// [batch, len, head, key].
    pub k: FloatTensor<B>,
    /// [batch, len, head, value].
    pub v: FloatTensor<B>,
    /// [batch, len, head, key].
    pub a: FloatTensor<B>,
    /// [batch, len, head, key].
    pub b: FloatTensor<B>,
    /// [batch, head, value, key].
    pub initial: FloatTensor<B>,
    /// [batch, len] or [0, 0].
    pub seq_idx: IntTensor<B>,
    /// Sizes.
    pub shape: DplrShape,
}

/// Gradients, each of the shape of its input.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct DplrGradients<B: Backend> {
    /// [batch, len, head, key].
    pub r: FloatTensor<B>,
    /// [batch, len, head, key].
    pub g: FloatTensor<B>,
    /// [batch, len, head, key].
    pub k: FloatTensor<B>,
    /// [batch, len, head, value].
    pub v: FloatTensor<B>,
    /// [batch, len, head, key].
    pub a: FloatTensor<B>,
    /// [batch, len, head, key].
    pub b: FloatTensor<B>,
    /// [batch, head, value, key].
    pub initial: FloatTensor<B>,
}

/// Backward pass, which a backend must offer for `Autodiff` over it to differentiate [`super::dplr`].
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"))]
pub trait DplrBackward: DplrOps {
    /// `grad` is the gradient of the packed result.
    #[fusion(meta = |saved, _grad| DplrGradientsMetadata {
        r: saved.r.clone(),
        g: saved.g.clone(),
        k: saved.k.clone(),
        v: saved.v.clone(),
        a: saved.a.clone(),
        b: saved.b.clone(),
        initial: saved.initial.clone(),
    })]
    fn dplr_backward(
        #[extension_type] saved: DplrSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> DplrGradients<Self>;
}
