//! Hand-written backward of the long convolution: keeps the inputs, no spectra.

use super::LongConvShape;
use super::ops::{LongConvBackward, LongConvOps, LongConvSaved};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

#[derive(Debug)]
struct LongConvNode;

impl<B: LongConvBackward> Backward<B, 5> for LongConvNode {
    type State = LongConvSaved<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 5>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let initial = ops.state.shape.initial.then(|| grad.clone());
        let out = B::long_conv_backward(ops.state, grad);
        let values = [
            Some(out.x),
            Some(out.kernel),
            Some(out.reverse),
            Some(out.skip),
            initial,
        ];
        for (parent, value) in ops.parents.into_iter().zip(values) {
            if let (Some(node), Some(value)) = (parent, value) {
                grads.register::<B>(node.id, value);
            }
        }
    }
}

impl<B: LongConvBackward, C: CheckpointStrategy> LongConvOps for Autodiff<B, C> {
    fn long_conv(
        x: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        reverse: FloatTensor<Self>,
        skip: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: LongConvShape,
    ) -> FloatTensor<Self> {
        // Guards first: a node whose last handle is consumed would be dropped before registration.
        let nodes = [
            x.node(),
            kernel.node(),
            reverse.node(),
            skip.node(),
            initial.node(),
        ];
        let saved = LongConvSaved::<B> {
            x: x.into_primitive(),
            kernel: kernel.into_primitive(),
            reverse: reverse.into_primitive(),
            skip: skip.into_primitive(),
            seq_idx,
            shape,
        };
        let initial = initial.into_primitive();
        let run = saved.clone();
        let y = B::long_conv(
            run.x,
            run.kernel,
            run.reverse,
            run.skip,
            initial,
            run.seq_idx,
            shape,
        );
        match LongConvNode.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(saved, y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }
}
