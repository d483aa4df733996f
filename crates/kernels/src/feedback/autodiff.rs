//! Hand-written backward of the closed loop: keeps the kernel and the result.

use super::FeedbackShape;
use super::ops::{FeedbackBackward, FeedbackOps, FeedbackSaved};
use burn::backend::tensor::FloatTensor;
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

#[derive(Debug)]
struct FeedbackNode;

impl<B: FeedbackBackward> Backward<B, 2> for FeedbackNode {
    type State = FeedbackSaved<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let out = B::feedback_backward(ops.state, grad);
        for (parent, value) in ops.parents.into_iter().zip([out.r, out.kernel]) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, value);
            }
        }
    }
}

impl<B: FeedbackBackward, C: CheckpointStrategy> FeedbackOps for Autodiff<B, C> {
    fn feedback(
        r: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        shape: FeedbackShape,
    ) -> FloatTensor<Self> {
        // Guards first: a node whose last handle is consumed would be dropped before registration.
        let nodes = [r.node(), kernel.node()];
        let kernel = kernel.into_primitive();
        let u = B::feedback(r.into_primitive(), kernel.clone(), shape);
        match FeedbackNode.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let saved = FeedbackSaved::<B> {
                    kernel,
                    u: u.clone(),
                    shape,
                };
                prep.finish(saved, u)
            }
            OpsKind::UnTracked(prep) => prep.finish(u),
        }
    }
}
