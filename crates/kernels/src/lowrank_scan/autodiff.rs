//! Hand-written backward of the low-rank scan: keeps the inputs, walks again.

use super::LowRankScanShape;
use super::ops::{LowRankScanBackward, LowRankScanOps, LowRankScanSaved};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

#[derive(Debug)]
struct LowRankScanNode;

impl<B: LowRankScanBackward> Backward<B, 7> for LowRankScanNode {
    type State = LowRankScanSaved<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 7>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let out = B::lowrank_scan_backward(ops.state, grad);
        let values = [
            out.x,
            out.alpha,
            out.beta,
            out.kappa,
            out.b,
            out.c,
            out.initial,
        ];
        for (parent, value) in ops.parents.into_iter().zip(values) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, value);
            }
        }
    }
}

impl<B: LowRankScanBackward, C: CheckpointStrategy> LowRankScanOps for Autodiff<B, C> {
    fn lowrank_scan(
        x: FloatTensor<Self>,
        alpha: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        kappa: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: LowRankScanShape,
    ) -> FloatTensor<Self> {
        // Guards first: a node whose last handle is consumed would be dropped before registration.
        let nodes = [
            x.node(),
            alpha.node(),
            beta.node(),
            kappa.node(),
            b.node(),
            c.node(),
            initial.node(),
        ];
        let saved = LowRankScanSaved::<B> {
            x: x.into_primitive(),
            alpha: alpha.into_primitive(),
            beta: beta.into_primitive(),
            kappa: kappa.into_primitive(),
            b: b.into_primitive(),
            c: c.into_primitive(),
            initial: initial.into_primitive(),
            seq_idx,
            shape,
        };
        let run = saved.clone();
        let packed = B::lowrank_scan(
            run.x,
            run.alpha,
            run.beta,
            run.kappa,
            run.b,
            run.c,
            run.initial,
            run.seq_idx,
            shape,
        );
        match LowRankScanNode
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish(saved, packed),
            OpsKind::UnTracked(prep) => prep.finish(packed),
        }
    }
}
