//! The backend extension of the step.

use super::Mamba2StepShape;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};

/// [`super::mamba2_step`] on backend primitives of one format; not differentiable.
#[backend_extension(Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"))]
pub trait Mamba2StepOps: Backend {
    /// Output, carried inputs and state behind the step; shapes as in the module's table.
    #[fusion(meta = |u, _, _, _, _, _, _, _, _, conv, ssm, _| (u.clone(), conv.clone(), ssm.clone()))]
    #[allow(clippy::too_many_arguments)]
    fn mamba2_step(
        u: FloatTensor<Self>,
        w_in: FloatTensor<Self>,
        conv_weight: FloatTensor<Self>,
        conv_bias: FloatTensor<Self>,
        dt_bias: FloatTensor<Self>,
        a_log: FloatTensor<Self>,
        d: FloatTensor<Self>,
        norm: FloatTensor<Self>,
        w_out: FloatTensor<Self>,
        conv: FloatTensor<Self>,
        ssm: FloatTensor<Self>,
        shape: Mamba2StepShape,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}
