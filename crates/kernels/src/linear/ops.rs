//! The backend extension of the streamed product.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};

/// [`super::linear`] of few rows on backend primitives; not differentiable.
#[backend_extension(Flex)]
pub trait LinearOps: Backend {
    /// [row, in] and [out, in] to [row, out]; no axis is empty.
    fn linear(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self>;
}
