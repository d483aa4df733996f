//! The backend extension of the sums.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};

/// One tensor of [`super::sum_of_squares`] on backend primitives; not differentiable.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"))]
pub trait SquaresOps: Backend {
    /// `slots` with the sum of the squares of each part of `values` from slot `first` on. In place: a
    /// caller that keeps the slots may find them changed.
    #[fusion(dtype = slots, shape = slots)]
    fn squares(
        slots: FloatTensor<Self>,
        values: FloatTensor<Self>,
        first: usize,
    ) -> FloatTensor<Self>;
}
