//! The backend extension: one forward and one backward method per backend.

use super::SsdShape;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, ExtensionType, backend_extension};

/// Forward pass of [`super::ssd`] on backend primitives.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"), Autodiff)]
pub trait SsdOps: Backend {
    /// Returns y, the final state when `shape.final_state` says so, and `shape.kept_states` states, as
    /// one flat tensor of `shape.packed_elements()`: an autodiff node has exactly one output. A node
    /// takes the kept states off.
    ///
    /// x, b and c have one float dtype, which the result has too; the other tensors have the dtype
    /// that is computed in (f64 for f64, else f32). `seq_idx` is [batch, len] or [0, 0] for "one sequence".
    #[fusion(dtype = x, shape = [shape.packed_elements()].into())]
    #[allow(clippy::too_many_arguments)]
    fn ssd(
        x: FloatTensor<Self>,
        dt: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        d: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: SsdShape,
    ) -> FloatTensor<Self>;
}

/// Everything the forward pass read; what the backward pass starts from.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct SsdSaved<B: Backend> {
    /// [batch, len, head, head_dim].
    pub x: FloatTensor<B>,
    /// [batch, len, head].
    pub dt: FloatTensor<B>,
    /// `[head]`.
    pub a: FloatTensor<B>,
    /// [batch, len, group, state].
    pub b: FloatTensor<B>,
    /// [batch, len, group, state].
    pub c: FloatTensor<B>,
    /// `[head]`.
    pub d: FloatTensor<B>,
    /// [batch, head, head_dim, state].
    pub initial: FloatTensor<B>,
    /// [batch, len] or [0, 0].
    pub seq_idx: IntTensor<B>,
    /// What the forward pass kept for the backward pass, `[shape.kept_states * shape.state_elements()]`,
    /// in its own order; `initial` where it kept nothing.
    pub kept: FloatTensor<B>,
    /// Sizes.
    pub shape: SsdShape,
}

/// Gradients, each of the shape of its input.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct SsdGradients<B: Backend> {
    /// [batch, len, head, head_dim].
    pub x: FloatTensor<B>,
    /// [batch, len, head].
    pub dt: FloatTensor<B>,
    /// `[head]`.
    pub a: FloatTensor<B>,
    /// [batch, len, group, state].
    pub b: FloatTensor<B>,
    /// [batch, len, group, state].
    pub c: FloatTensor<B>,
    /// `[head]`.
    pub d: FloatTensor<B>,
    /// [batch, head, head_dim, state].
    pub initial: FloatTensor<B>,
}

/// Backward pass, which a backend must offer for `Autodiff` over it to differentiate [`super::ssd`].
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"))]
pub trait SsdBackward: SsdOps {
    /// `grad` is the gradient of the packed result.
    #[fusion(meta = |saved, _grad| SsdGradientsMetadata {
        x: saved.x.clone(),
        dt: saved.dt.clone(),
        a: saved.a.clone(),
        b: saved.b.clone(),
        c: saved.c.clone(),
        d: saved.d.clone(),
        initial: saved.initial.clone(),
    })]
    fn ssd_backward(
        #[extension_type] saved: SsdSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> SsdGradients<Self>;
}
