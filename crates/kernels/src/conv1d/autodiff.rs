//! Hand-written backward of the depthwise convolution: keeps the inputs, recomputes z.

use super::Conv1dShape;
use super::ops::{Conv1dBackward, Conv1dOps, Conv1dSaved};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

#[derive(Debug)]
struct Conv1dNode;

impl<B: Conv1dBackward> Backward<B, 4> for Conv1dNode {
    type State = Conv1dSaved<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 4>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let out = B::depthwise_conv1d_backward(ops.state, grad);
        let values = [out.x, out.weight, out.bias, out.initial];
        for (parent, value) in ops.parents.into_iter().zip(values) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, value);
            }
        }
    }
}

impl<B: Conv1dBackward, C: CheckpointStrategy> Conv1dOps for Autodiff<B, C> {
    fn depthwise_conv1d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: Conv1dShape,
    ) -> FloatTensor<Self> {
        // Guards first: a node whose last handle is consumed would be dropped before registration.
        let nodes = [x.node(), weight.node(), bias.node(), initial.node()];
        let saved = Conv1dSaved::<B> {
            x: x.into_primitive(),
            weight: weight.into_primitive(),
            bias: bias.into_primitive(),
            initial: initial.into_primitive(),
            seq_idx,
            shape,
        };
        let run = saved.clone();
        let y = B::depthwise_conv1d(run.x, run.weight, run.bias, run.initial, run.seq_idx, shape);
        match Conv1dNode.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(saved, y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }
}
