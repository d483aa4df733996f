//! Hand-written backward of the companion kernel: keeps the inputs, makes the series again.

use super::CompanionShape;
use super::ops::{CompanionBackward, CompanionOps, CompanionSaved};
use burn::backend::tensor::FloatTensor;
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

#[derive(Debug)]
struct CompanionNode;

impl<B: CompanionBackward> Backward<B, 3> for CompanionNode {
    type State = CompanionSaved<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let out = B::companion_backward(ops.state, grad);
        for (parent, value) in ops.parents.into_iter().zip([out.a, out.b, out.c]) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, value);
            }
        }
    }
}

impl<B: CompanionBackward, C: CheckpointStrategy> CompanionOps for Autodiff<B, C> {
    fn companion(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        shape: CompanionShape,
    ) -> FloatTensor<Self> {
        // Guards first: a node whose last handle is consumed would be dropped before registration.
        let nodes = [a.node(), b.node(), c.node()];
        let saved = CompanionSaved::<B> {
            a: a.into_primitive(),
            b: b.into_primitive(),
            c: c.into_primitive(),
            shape,
        };
        let run = saved.clone();
        let kernel = B::companion(run.a, run.b, run.c, shape);
        match CompanionNode.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(saved, kernel),
            OpsKind::UnTracked(prep) => prep.finish(kernel),
        }
    }
}
