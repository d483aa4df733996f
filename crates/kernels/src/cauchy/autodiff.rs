//! Hand-written backward of the Cauchy kernel: keeps the inputs, makes the reciprocals again.

use super::CauchyShape;
use super::ops::{CauchyBackward, CauchyOps, CauchySaved};
use crate::complex::ComplexPrimitive;
use burn::backend::tensor::FloatTensor;
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

#[derive(Debug)]
struct CauchyNode;

impl<B: CauchyBackward> Backward<B, 9> for CauchyNode {
    type State = CauchySaved<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 9>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let out = B::cauchy_backward(ops.state, grad);
        let pairs = [out.lambda, out.p, out.b, out.c];
        let pairs = pairs.into_iter().flat_map(ComplexPrimitive::parts);
        let values = pairs.chain([out.dt]);
        for (parent, value) in ops.parents.into_iter().zip(values) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, value);
            }
        }
    }
}

impl<B: CauchyBackward, C: CheckpointStrategy> CauchyOps for Autodiff<B, C> {
    fn cauchy(
        lambda_re: FloatTensor<Self>,
        lambda_im: FloatTensor<Self>,
        p_re: FloatTensor<Self>,
        p_im: FloatTensor<Self>,
        b_re: FloatTensor<Self>,
        b_im: FloatTensor<Self>,
        c_re: FloatTensor<Self>,
        c_im: FloatTensor<Self>,
        dt: FloatTensor<Self>,
        shape: CauchyShape,
    ) -> FloatTensor<Self> {
        // Guards first: a node whose last handle is consumed would be dropped before registration.
        let nodes = [
            lambda_re.node(),
            lambda_im.node(),
            p_re.node(),
            p_im.node(),
            b_re.node(),
            b_im.node(),
            c_re.node(),
            c_im.node(),
            dt.node(),
        ];
        let saved = CauchySaved::<B> {
            lambda: ComplexPrimitive::new([lambda_re.into_primitive(), lambda_im.into_primitive()]),
            p: ComplexPrimitive::new([p_re.into_primitive(), p_im.into_primitive()]),
            b: ComplexPrimitive::new([b_re.into_primitive(), b_im.into_primitive()]),
            c: ComplexPrimitive::new([c_re.into_primitive(), c_im.into_primitive()]),
            dt: dt.into_primitive(),
            shape,
        };
        let run = saved.clone();
        let [[l0, l1], [p0, p1], [b0, b1], [c0, c1]] =
            [run.lambda, run.p, run.b, run.c].map(ComplexPrimitive::parts);
        let kernel = B::cauchy(l0, l1, p0, p1, b0, b1, c0, c1, run.dt, shape);
        match CauchyNode.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(saved, kernel),
            OpsKind::UnTracked(prep) => prep.finish(kernel),
        }
    }
}
