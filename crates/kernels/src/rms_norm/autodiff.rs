//! Hand-written backward of the normalisation: keeps the inputs, recomputes the norm.

use super::RmsNormShape;
use super::ops::{RmsNormBackward, RmsNormOps, RmsNormSaved};
use burn::backend::tensor::FloatTensor;
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

#[derive(Debug)]
struct RmsNormNode;

impl<B: RmsNormBackward> Backward<B, 3> for RmsNormNode {
    type State = RmsNormSaved<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let out = B::rms_norm_backward(ops.state, grad);
        for (parent, value) in ops.parents.into_iter().zip([out.x, out.gate, out.weight]) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, value);
            }
        }
    }
}

impl<B: RmsNormBackward, C: CheckpointStrategy> RmsNormOps for Autodiff<B, C> {
    fn rms_norm(
        x: FloatTensor<Self>,
        gate: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        shape: RmsNormShape,
    ) -> FloatTensor<Self> {
        // Guards first: a node whose last handle is consumed would be dropped before registration.
        let nodes = [x.node(), gate.node(), weight.node()];
        let saved = RmsNormSaved::<B> {
            x: x.into_primitive(),
            gate: gate.into_primitive(),
            weight: weight.into_primitive(),
            shape,
        };
        let run = saved.clone();
        let y = B::rms_norm(run.x, run.gate, run.weight, shape);
        match RmsNormNode.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(saved, y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }
}
