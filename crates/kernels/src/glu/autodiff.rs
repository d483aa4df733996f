//! Hand-written backward of the gated unit: keeps the inputs, makes the gates again.

use super::ops::{GluBackward, GluOps};
use burn::backend::tensor::FloatTensor;
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

#[derive(Debug)]
struct GluNode;

impl<B: GluBackward> Backward<B, 2> for GluNode {
    type State = (FloatTensor<B>, FloatTensor<B>);

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let (x, bias) = ops.state;
        let out = B::glu_backward(x, bias, grad);
        for (parent, value) in ops.parents.into_iter().zip([out.x, out.bias]) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, value);
            }
        }
    }
}

impl<B: GluBackward, C: CheckpointStrategy> GluOps for Autodiff<B, C> {
    fn glu(x: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        // Guards first: a node whose last handle is consumed would be dropped before registration.
        let nodes = [x.node(), bias.node()];
        let (x, bias) = (x.into_primitive(), bias.into_primitive());
        let y = B::glu(x.clone(), bias.clone());
        match GluNode.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((x, bias), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }
}
