//! Hand-written backward of the functions: keeps y.

use super::ops::{ActivationBackward, ActivationOps, Function};
use burn::backend::tensor::FloatTensor;
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

#[derive(Debug)]
struct ActivationNode;

impl<B: ActivationBackward> Backward<B, 1> for ActivationNode {
    type State = (FloatTensor<B>, Function);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let (y, function) = ops.state;
        let [parent] = ops.parents;
        if let Some(node) = parent {
            grads.register::<B>(node.id, B::activation_backward(y, grad, function));
        }
    }
}

impl<B: ActivationBackward, C: CheckpointStrategy> ActivationOps for Autodiff<B, C> {
    fn activation(x: FloatTensor<Self>, function: Function) -> FloatTensor<Self> {
        // Guard first: a node whose last handle is consumed would be dropped before registration.
        let nodes = [x.node()];
        let y = B::activation(x.into_primitive(), function);
        match ActivationNode
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish((y.clone(), function), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }
}
