//! Hand-written backward of SSD: keeps the inputs, on a CPU a state in sixteen chunks, and recomputes the
//! rest.

use super::SsdShape;
use super::ops::{SsdBackward, SsdOps, SsdSaved};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::Slice;
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

#[derive(Debug)]
struct SsdNode;

impl<B: SsdBackward> Backward<B, 7> for SsdNode {
    type State = SsdSaved<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 7>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let out = B::ssd_backward(ops.state, grad);
        let values = [out.x, out.dt, out.a, out.b, out.c, out.d, out.initial];
        for (parent, value) in ops.parents.into_iter().zip(values) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, value);
            }
        }
    }
}

impl<B: SsdBackward, C: CheckpointStrategy> SsdOps for Autodiff<B, C> {
    fn ssd(
        x: FloatTensor<Self>,
        dt: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        d: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: SsdShape,
    ) -> FloatTensor<Self> {
        // Guards first: a node whose last handle is consumed would be dropped before registration.
        let nodes = [
            x.node(),
            dt.node(),
            a.node(),
            b.node(),
            c.node(),
            d.node(),
            initial.node(),
        ];
        let initial = initial.into_primitive();
        let mut saved = SsdSaved::<B> {
            x: x.into_primitive(),
            dt: dt.into_primitive(),
            a: a.into_primitive(),
            b: b.into_primitive(),
            c: c.into_primitive(),
            d: d.into_primitive(),
            initial: initial.clone(),
            seq_idx,
            kept: initial,
            shape,
        };
        let run = saved.clone();
        let mut packed = B::ssd(
            run.x,
            run.dt,
            run.a,
            run.b,
            run.c,
            run.d,
            run.initial,
            run.seq_idx,
            shape,
        );
        let (result, all) = (shape.result_elements(), shape.packed_elements());
        if all > result {
            let part = |from: usize, to: usize| [Slice::from(from..to)];
            let kept = B::float_slice(packed.clone(), &part(result, all));
            // A product by one, because a slice would hold on to all of y.
            saved.kept = B::float_mul_scalar(kept, 1.0.into());
            packed = B::float_slice(packed, &part(0, result));
        }
        match SsdNode.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(saved, packed),
            OpsKind::UnTracked(prep) => prep.finish(packed),
        }
    }
}
