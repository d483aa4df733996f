//! Hand-written backward of the diagonal scan: keeps factors and result.

use super::DiagonalScanShape;
use super::ops::{DiagonalScanBackward, DiagonalScanOps, DiagonalScanSaved};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

#[derive(Debug)]
struct DiagonalScanNode;

impl<B: DiagonalScanBackward> Backward<B, 5> for DiagonalScanNode {
    type State = DiagonalScanSaved<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 5>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let out = B::diagonal_scan_backward(ops.state, grad);
        let values = [out.x, out.a_re, out.a_im, out.initial_re, out.initial_im];
        for (parent, value) in ops.parents.into_iter().zip(values) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, value);
            }
        }
    }
}

impl<B: DiagonalScanBackward, C: CheckpointStrategy> DiagonalScanOps for Autodiff<B, C> {
    fn diagonal_scan(
        x: FloatTensor<Self>,
        a_re: FloatTensor<Self>,
        a_im: FloatTensor<Self>,
        initial_re: FloatTensor<Self>,
        initial_im: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: DiagonalScanShape,
    ) -> FloatTensor<Self> {
        // Guards first: a node whose last handle is consumed would be dropped before registration.
        let nodes = [
            x.node(),
            a_re.node(),
            a_im.node(),
            initial_re.node(),
            initial_im.node(),
        ];
        let a_re = a_re.into_primitive();
        let a_im = a_im.into_primitive();
        let initial_re = initial_re.into_primitive();
        let initial_im = initial_im.into_primitive();
        let h = B::diagonal_scan(
            x.into_primitive(),
            a_re.clone(),
            a_im.clone(),
            initial_re.clone(),
            initial_im.clone(),
            seq_idx.clone(),
            shape,
        );
        match DiagonalScanNode
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => {
                let saved = DiagonalScanSaved::<B> {
                    a_re,
                    a_im,
                    initial_re,
                    initial_im,
                    seq_idx,
                    h: h.clone(),
                    shape,
                };
                prep.finish(saved, h)
            }
            OpsKind::UnTracked(prep) => prep.finish(h),
        }
    }
}
