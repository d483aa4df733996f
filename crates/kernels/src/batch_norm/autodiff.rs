//! Hand-written backward of the normalisation: keeps the input and the moments of its channels.

use super::BatchNormShape;
use super::ops::{BatchNormBackward, BatchNormOps, BatchNormSaved};
use burn::backend::tensor::FloatTensor;
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

#[derive(Debug)]
struct BatchNormNode;

impl<B: BatchNormBackward> Backward<B, 3> for BatchNormNode {
    type State = BatchNormSaved<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let out = B::channel_norm_backward(ops.state, grad);
        for (parent, value) in ops.parents.into_iter().zip([out.x, out.weight, out.bias]) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, value);
            }
        }
    }
}

impl<B: BatchNormBackward, C: CheckpointStrategy> BatchNormOps for Autodiff<B, C> {
    fn channel_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        marks: FloatTensor<Self>,
        shape: BatchNormShape,
    ) -> FloatTensor<Self> {
        // Guards first: a node whose last handle is consumed would be dropped before registration.
        let nodes = [x.node(), weight.node(), bias.node()];
        let saved = BatchNormSaved::<B> {
            x: x.into_primitive(),
            weight: weight.into_primitive(),
            moments: moments.into_primitive(),
            marks: marks.into_primitive(),
            shape,
        };
        let run = saved.clone();
        let bias = bias.into_primitive();
        let y = B::channel_norm(run.x, run.weight, bias, run.moments, run.marks, shape);
        match BatchNormNode.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(saved, y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }
}
