//! The backend extension of the table.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, backend_extension};

/// Forward pass of [`super::embedding`] on backend primitives.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"), Autodiff)]
pub trait EmbeddingOps: Backend {
    /// [entry, width], `[row]` -> [row, width]; nothing is empty.
    #[fusion(dtype = weight, shape = [indices[0], weight[1]].into())]
    fn embedding(weight: FloatTensor<Self>, indices: IntTensor<Self>) -> FloatTensor<Self>;
}

/// Backward pass, which a backend must offer for `Autodiff` over it to differentiate the operation.
#[backend_extension(Flex, Cube: cfg(any(feature = "cuda", feature = "cube-cpu")), Fusion: cfg(feature = "fusion"))]
pub trait EmbeddingBackward: EmbeddingOps {
    /// [entry, width] from the gradient [row, width].
    #[fusion(dtype = grad, shape = [*entries, grad[1]].into())]
    fn embedding_gradient(
        grad: FloatTensor<Self>,
        indices: IntTensor<Self>,
        entries: usize,
    ) -> FloatTensor<Self>;
}
