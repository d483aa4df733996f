//! Hand-written backward of the normalisation: keeps the input, recomputes mean and variance.

use super::LayerNormShape;
use super::ops::{LayerNormBackward, LayerNormOps, LayerNormSaved};
use burn::backend::tensor::FloatTensor;
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

#[derive(Debug)]
struct LayerNormNode;

impl<B: LayerNormBackward> Backward<B, 3> for LayerNormNode {
    type State = LayerNormSaved<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let out = B::layer_norm_backward(ops.state, grad);
        for (parent, value) in ops.parents.into_iter().zip([out.x, out.weight, out.bias]) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, value);
            }
        }
    }
}

impl<B: LayerNormBackward, C: CheckpointStrategy> LayerNormOps for Autodiff<B, C> {
    fn layer_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        shape: LayerNormShape,
    ) -> FloatTensor<Self> {
        // Guards first: a node whose last handle is consumed would be dropped before registration.
        let nodes = [x.node(), weight.node(), bias.node()];
        let saved = LayerNormSaved::<B> {
            x: x.into_primitive(),
            weight: weight.into_primitive(),
            shape,
        };
        let run = saved.clone();
        // burn has a method of this name too, which knows no groups.
        let bias = bias.into_primitive();
        let y = <B as LayerNormOps>::layer_norm(run.x, run.weight, bias, shape);
        match LayerNormNode.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(saved, y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }
}
