//! The backend extension of the update.

use super::AdamwStep;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};

/// [`super::adamw`] on backend primitives; not differentiable.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"))]
pub trait AdamwOps: Backend {
    /// Parameter, first and second moment after the step.
    #[fusion(meta = |parameter, _gradient, moment_1, moment_2, _step| {
        (parameter.clone(), moment_1.clone(), moment_2.clone())
    })]
    fn adamw(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        moment_1: FloatTensor<Self>,
        moment_2: FloatTensor<Self>,
        step: AdamwStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}
