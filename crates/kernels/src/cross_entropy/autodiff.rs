//! Hand-written backward of the loss: keeps the logits and the targets.

use super::ops::{CrossEntropyBackward, CrossEntropyOps};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

#[derive(Debug)]
struct CrossEntropyNode;

impl<B: CrossEntropyBackward> Backward<B, 1> for CrossEntropyNode {
    type State = (FloatTensor<B>, IntTensor<B>);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let (logits, targets) = ops.state;
        let [parent] = ops.parents;
        if let Some(node) = parent {
            let grad = B::cross_entropy_backward(logits, targets, grad);
            grads.register::<B>(node.id, grad);
        }
    }
}

impl<B: CrossEntropyBackward, C: CheckpointStrategy> CrossEntropyOps for Autodiff<B, C> {
    fn cross_entropy(logits: FloatTensor<Self>, targets: IntTensor<Self>) -> FloatTensor<Self> {
        // Guard first: a node whose last handle is consumed would be dropped before registration.
        let nodes = [logits.node()];
        let logits = logits.into_primitive();
        let loss = B::cross_entropy(logits.clone(), targets.clone());
        let node = CrossEntropyNode.prepare::<C>(nodes).compute_bound();
        match node.stateful() {
            OpsKind::Tracked(prep) => prep.finish((logits, targets), loss),
            OpsKind::UnTracked(prep) => prep.finish(loss),
        }
    }
}
