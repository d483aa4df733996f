//! Hand-written backward of DPLR: keeps the inputs only and recomputes the rest.

use super::DplrShape;
use super::ops::{DplrBackward, DplrOps, DplrSaved};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

#[derive(Debug)]
struct DplrNode;

impl<B: DplrBackward> Backward<B, 7> for DplrNode {
    type State = DplrSaved<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 7>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let out = B::dplr_backward(ops.state, grad);
        let values = [out.r, out.g, out.k, out.v, out.a, out.b, out.initial];
        for (parent, value) in ops.parents.into_iter().zip(values) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, value);
            }
        }
    }
}

impl<B: DplrBackward, C: CheckpointStrategy> DplrOps for Autodiff<B, C> {
    fn dplr(
        r: FloatTensor<Self>,
        g: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: DplrShape,
    ) -> FloatTensor<Self> {
        // Guards first: a node whose last handle is consumed would be dropped before registration.
        let nodes = [
            r.node(),
            g.node(),
            k.node(),
            v.node(),
            a.node(),
            b.node(),
            initial.node(),
        ];
        let saved = DplrSaved::<B> {
            r: r.into_primitive(),
            g: g.into_primitive(),
            k: k.into_primitive(),
            v: v.into_primitive(),
            a: a.into_primitive(),
            b: b.into_primitive(),
            initial: initial.into_primitive(),
            seq_idx,
            shape,
        };
        let run = saved.clone();
        let packed = B::dplr(
            run.r,
            run.g,
            run.k,
            run.v,
            run.a,
            run.b,
            run.initial,
            run.seq_idx,
            shape,
        );
        match DplrNode.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(saved, packed),
            OpsKind::UnTracked(prep) => prep.finish(packed),
        }
    }
}
