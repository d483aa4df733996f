//! CPU body: burn's own.

use super::ops::{EmbeddingBackward, EmbeddingOps};
use burn::backend::Flex;
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::{IndexingUpdateOp, Shape};
use burn_flex::FlexTensor;

impl EmbeddingOps for Flex {
    fn embedding(weight: FloatTensor<Self>, indices: IntTensor<Self>) -> FloatTensor<Self> {
        Self::float_select(weight, 0, indices)
    }
}

impl EmbeddingBackward for Flex {
    fn embedding_gradient(
        grad: FloatTensor<Self>,
        indices: IntTensor<Self>,
        entries: usize,
    ) -> FloatTensor<Self> {
        let [_, width] = grad.layout().shape().dims();
        let shape = Shape::from(vec![entries, width]);
        let zeros = FlexTensor::zeros(shape, grad.dtype());
        Self::float_select_assign(zeros, 0, indices, grad, IndexingUpdateOp::Add)
    }
}
