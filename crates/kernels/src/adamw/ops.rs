//! The backend extension of the update.

use super::AdamwStep;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};

/// [`super::adamw`] on backend primitives; not differentiable.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")))]
pub trait AdamwOps: Backend {
    /// Parameter, first and second moment after the step.
    fn adamw(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        moment_1: FloatTensor<Self>,
        moment_2: FloatTensor<Self>,
        step: AdamwStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}
