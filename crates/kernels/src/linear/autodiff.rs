//! Hand-written backward of the product: keeps the inputs.

use super::ops::{LinearBackward, LinearOps};
use burn::backend::tensor::FloatTensor;
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

#[derive(Debug)]
struct LinearNode;

impl<B: LinearBackward> Backward<B, 3> for LinearNode {
    type State = [FloatTensor<B>; 2];

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let [x, weight] = ops.state;
        let [of_x, of_weight, of_bias] = ops.parents;
        if let Some(node) = of_x {
            grads.register::<B>(node.id, B::linear_input_gradient(grad.clone(), weight));
        }
        if let Some(node) = of_weight {
            grads.register::<B>(node.id, B::linear_weight_gradient(grad.clone(), x));
        }
        if let Some(node) = of_bias {
            grads.register::<B>(node.id, B::linear_bias_gradient(grad));
        }
    }
}

impl<B: LinearBackward, C: CheckpointStrategy> LinearOps for Autodiff<B, C> {
    fn linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        // Guards first: a node whose last handle is consumed would be dropped before registration.
        let nodes = [x.node(), weight.node(), bias.node()];
        let (x, weight) = (x.into_primitive(), weight.into_primitive());
        let bias = bias.into_primitive();
        let y = <B as LinearOps>::linear(x.clone(), weight.clone(), bias); // burn has a `linear` of its own
        match LinearNode.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish([x, weight], y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }
}
