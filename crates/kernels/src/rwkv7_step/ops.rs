//! The backend extension of the step.

use super::Rwkv7StepShape;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, ExtensionType, backend_extension};

/// Everything a step reads, on backend primitives of one format; shapes as in the module's table.
#[derive(ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct Rwkv7StepTensors<B: Backend> {
    pub x: FloatTensor<B>,
    pub previous: FloatTensor<B>,
    /// Anything in the first layer.
    pub first: FloatTensor<B>,
    pub mu_r: FloatTensor<B>,
    pub mu_w: FloatTensor<B>,
    pub mu_k: FloatTensor<B>,
    pub mu_v: FloatTensor<B>,
    pub mu_a: FloatTensor<B>,
    pub mu_g: FloatTensor<B>,
    pub w0: FloatTensor<B>,
    pub w1: FloatTensor<B>,
    pub w2: FloatTensor<B>,
    pub a0: FloatTensor<B>,
    pub a1: FloatTensor<B>,
    pub a2: FloatTensor<B>,
    pub v0: FloatTensor<B>,
    pub v1: FloatTensor<B>,
    pub v2: FloatTensor<B>,
    pub g1: FloatTensor<B>,
    pub g2: FloatTensor<B>,
    pub k_k: FloatTensor<B>,
    pub k_a: FloatTensor<B>,
    pub r_k: FloatTensor<B>,
    pub receptance: FloatTensor<B>,
    pub key: FloatTensor<B>,
    pub value: FloatTensor<B>,
    pub output: FloatTensor<B>,
    pub norm_weight: FloatTensor<B>,
    pub norm_bias: FloatTensor<B>,
    pub state: FloatTensor<B>,
}

/// The steps on backend primitives; not differentiable.
#[backend_extension(Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"))]
pub trait Rwkv7StepOps: Backend {
    /// Output, values and state behind the step of [`super::rwkv7_step`].
    #[fusion(meta = |tensors, _shape| {
        (tensors.x.clone(), tensors.x.clone(), tensors.state.clone())
    })]
    fn rwkv7_step(
        #[extension_type] tensors: Rwkv7StepTensors<Self>,
        shape: Rwkv7StepShape,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// [`super::rwkv7_channel_step`].
    #[fusion(dtype = x, shape = x)]
    fn rwkv7_channel_step(
        x: FloatTensor<Self>,
        previous: FloatTensor<Self>,
        mu: FloatTensor<Self>,
        key: FloatTensor<Self>,
        value: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}
