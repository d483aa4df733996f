//! Hand-written backward of the Vandermonde sums: keeps the inputs, makes the powers again.

use super::VandermondeShape;
use super::ops::{VandermondeBackward, VandermondeOps, VandermondeSaved};
use burn::backend::tensor::FloatTensor;
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

#[derive(Debug)]
struct VandermondeNode;

impl<B: VandermondeBackward> Backward<B, 5> for VandermondeNode {
    type State = VandermondeSaved<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 5>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let out = B::vandermonde_backward(ops.state, grad);
        let values = [out.a_re, out.a_im, out.dt, out.c_re, out.c_im];
        for (parent, value) in ops.parents.into_iter().zip(values) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, value);
            }
        }
    }
}

impl<B: VandermondeBackward, C: CheckpointStrategy> VandermondeOps for Autodiff<B, C> {
    fn vandermonde(
        a_re: FloatTensor<Self>,
        a_im: FloatTensor<Self>,
        dt: FloatTensor<Self>,
        c_re: FloatTensor<Self>,
        c_im: FloatTensor<Self>,
        shape: VandermondeShape,
    ) -> FloatTensor<Self> {
        // Guards first: a node whose last handle is consumed would be dropped before registration.
        let nodes = [
            a_re.node(),
            a_im.node(),
            dt.node(),
            c_re.node(),
            c_im.node(),
        ];
        let saved = VandermondeSaved::<B> {
            a_re: a_re.into_primitive(),
            a_im: a_im.into_primitive(),
            dt: dt.into_primitive(),
            c_re: c_re.into_primitive(),
            c_im: c_im.into_primitive(),
            shape,
        };
        let run = saved.clone();
        let kernel = B::vandermonde(run.a_re, run.a_im, run.dt, run.c_re, run.c_im, shape);
        match VandermondeNode
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish(saved, kernel),
            OpsKind::UnTracked(prep) => prep.finish(kernel),
        }
    }
}
