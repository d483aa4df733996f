//! Hand-written backward of the table: keeps the indices.

use super::ops::{EmbeddingBackward, EmbeddingOps};
use burn::backend::TensorMetadata;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

#[derive(Debug)]
struct EmbeddingNode;

impl<B: EmbeddingBackward> Backward<B, 1> for EmbeddingNode {
    type State = (IntTensor<B>, usize);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let (indices, entries) = ops.state;
        let [parent] = ops.parents;
        if let Some(node) = parent {
            grads.register::<B>(node.id, B::embedding_gradient(grad, indices, entries));
        }
    }
}

impl<B: EmbeddingBackward, C: CheckpointStrategy> EmbeddingOps for Autodiff<B, C> {
    fn embedding(weight: FloatTensor<Self>, indices: IntTensor<Self>) -> FloatTensor<Self> {
        let nodes = [weight.node()];
        let weight = weight.into_primitive();
        let entries = weight.shape()[0];
        // burn has a method of this name too.
        let y = <B as EmbeddingOps>::embedding(weight, indices.clone());
        match EmbeddingNode.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((indices, entries), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }
}
