//! Hand-written backward of the state behind a sequence: keeps the inputs, makes the powers again.

use super::DiagonalStateShape;
use super::ops::{DiagonalStateBackward, DiagonalStateOps, DiagonalStateSaved};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

#[derive(Debug)]
struct DiagonalStateNode;

impl<B: DiagonalStateBackward> Backward<B, 6> for DiagonalStateNode {
    type State = DiagonalStateSaved<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 6>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let out = B::diagonal_state_backward(ops.state, grad);
        let values = [
            out.x,
            out.a_re,
            out.a_im,
            out.dt,
            out.initial_re,
            out.initial_im,
        ];
        for (parent, value) in ops.parents.into_iter().zip(values) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, value);
            }
        }
    }
}

impl<B: DiagonalStateBackward, C: CheckpointStrategy> DiagonalStateOps for Autodiff<B, C> {
    fn diagonal_state(
        x: FloatTensor<Self>,
        a_re: FloatTensor<Self>,
        a_im: FloatTensor<Self>,
        dt: FloatTensor<Self>,
        initial_re: FloatTensor<Self>,
        initial_im: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: DiagonalStateShape,
    ) -> FloatTensor<Self> {
        // Guards first: a node whose last handle is consumed would be dropped before registration.
        let nodes = [
            x.node(),
            a_re.node(),
            a_im.node(),
            dt.node(),
            initial_re.node(),
            initial_im.node(),
        ];
        let saved = DiagonalStateSaved::<B> {
            x: x.into_primitive(),
            a_re: a_re.into_primitive(),
            a_im: a_im.into_primitive(),
            dt: dt.into_primitive(),
            initial_re: initial_re.into_primitive(),
            initial_im: initial_im.into_primitive(),
            seq_idx,
            shape,
        };
        let run = saved.clone();
        let packed = B::diagonal_state(
            run.x,
            run.a_re,
            run.a_im,
            run.dt,
            run.initial_re,
            run.initial_im,
            run.seq_idx,
            shape,
        );
        match DiagonalStateNode
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish(saved, packed),
            OpsKind::UnTracked(prep) => prep.finish(packed),
        }
    }
}
