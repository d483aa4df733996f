//! Hand-written backward of the selective scan: keeps the inputs only and recomputes the rest.

use super::SelectiveScanShape;
use super::ops::{SelectiveScanBackward, SelectiveScanOps, SelectiveScanSaved};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

#[derive(Debug)]
struct SelectiveScanNode;

impl<B: SelectiveScanBackward> Backward<B, 9> for SelectiveScanNode {
    type State = SelectiveScanSaved<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 9>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let out = B::selective_scan_backward(ops.state, grad);
        let values = [
            out.x,
            out.dt,
            out.a,
            out.b,
            out.c,
            out.d,
            out.dt_bias,
            out.z,
            out.initial,
        ];
        for (parent, value) in ops.parents.into_iter().zip(values) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, value);
            }
        }
    }
}

impl<B: SelectiveScanBackward, C: CheckpointStrategy> SelectiveScanOps for Autodiff<B, C> {
    fn selective_scan(
        x: FloatTensor<Self>,
        dt: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        d: FloatTensor<Self>,
        dt_bias: FloatTensor<Self>,
        z: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: SelectiveScanShape,
    ) -> FloatTensor<Self> {
        // Guards first: a node whose last handle is consumed would be dropped before registration.
        let nodes = [
            x.node(),
            dt.node(),
            a.node(),
            b.node(),
            c.node(),
            d.node(),
            dt_bias.node(),
            z.node(),
            initial.node(),
        ];
        let saved = SelectiveScanSaved::<B> {
            x: x.into_primitive(),
            dt: dt.into_primitive(),
            a: a.into_primitive(),
            b: b.into_primitive(),
            c: c.into_primitive(),
            d: d.into_primitive(),
            dt_bias: dt_bias.into_primitive(),
            z: z.into_primitive(),
            initial: initial.into_primitive(),
            seq_idx,
            shape,
        };
        let run = saved.clone();
        let packed = B::selective_scan(
            run.x,
            run.dt,
            run.a,
            run.b,
            run.c,
            run.d,
            run.dt_bias,
            run.z,
            run.initial,
            run.seq_idx,
            shape,
        );
        match SelectiveScanNode
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish(saved, packed),
            OpsKind::UnTracked(prep) => prep.finish(packed),
        }
    }
}
