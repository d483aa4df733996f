//! Launching the kernels of the backward pass.

use super::forward::Output;
use super::launch::{Factors, count};
use super::{Call, gradients, reverse};
use crate::cube::{buffer, contiguous, zeros};
use crate::dplr::ops::DplrGradients;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

impl Call {
    pub(super) fn backward(&self, grad: CubeTensor) -> DplrGradients<CubeBackend> {
        let shape = self.shape;
        let keyed = [shape.batch, shape.len, shape.heads, shape.keys];
        let valued = [shape.batch, shape.len, shape.heads, shape.values];
        let state = [shape.batch, shape.heads, shape.values, shape.keys];
        let (dtype, work) = (self.v.dtype, self.work());
        if shape.state_elements() == 0 {
            let keys = || zeros(&self.v, &keyed, dtype);
            return DplrGradients {
                r: keys(),
                g: zeros(&self.v, &keyed, self.g.dtype),
                k: keys(),
                v: zeros(&self.v, &valued, dtype),
                a: keys(),
                b: keys(),
                initial: zeros(&self.v, &state, work),
            };
        }
        let keys = || self.new_tensor(&keyed, dtype);
        let out = DplrGradients {
            r: keys(),
            g: self.new_tensor(&keyed, self.g.dtype),
            k: keys(),
            v: self.new_tensor(&valued, dtype),
            a: keys(),
            b: keys(),
            initial: self.new_tensor(&state, work),
        };
        let (factors, pairs) = self.prepare(true);
        let gradients = self.reverse(&factors, contiguous(grad), &out);
        self.gradients(&factors, &pairs, &gradients, &out);
        out
    }

    /// Writes the gradients of v and of the initial state; returns those of the factors.
    fn reverse(
        &self,
        factors: &Factors,
        grad: CubeTensor,
        out: &DplrGradients<CubeBackend>,
    ) -> Factors {
        let walked = self.walk(Output::Checkpoints, factors);
        let gradients = self.factors(self.plan.blocks);
        let spare = self.spare();
        reverse::reverse::launch(
            &self.v.client,
            count(self.cubes()),
            CubeDim::new_1d(self.plan.units as u32),
            self.addresses(),
            buffer(&self.v, &spare),
            buffer(&factors.entering, &spare),
            buffer(&factors.leaving, &spare),
            buffer(&factors.within, &spare),
            buffer(&factors.through, &spare),
            buffer(&walked.checkpoints, &spare),
            buffer(&walked.corrections, &spare),
            buffer(&grad, &spare),
            buffer(&out.v, &spare),
            buffer(&out.initial, &spare),
            buffer(&gradients.entering, &spare),
            buffer(&gradients.leaving, &spare),
            buffer(&gradients.within, &spare),
            buffer(&gradients.through, &spare),
            self.sizes(),
            self.shape.final_state,
            self.plan,
            self.walk_types(),
        );
        gradients
    }

    /// Writes the gradients of r, g, k, a and b.
    fn gradients(
        &self,
        factors: &Factors,
        pairs: &CubeTensor,
        gradients: &Factors,
        out: &DplrGradients<CubeBackend>,
    ) {
        if self.pieces() == 0 {
            return;
        }
        let spare = self.spare();
        let plan = self.plan.of_gradients();
        gradients::gradients::launch(
            &self.v.client,
            count(self.pieces()),
            CubeDim::new_1d(plan.column_units as u32),
            self.addresses(),
            buffer(&self.r, &spare),
            buffer(&self.g, &spare),
            buffer(&self.k, &spare),
            buffer(&self.a, &spare),
            buffer(&self.b, &spare),
            buffer(&self.seq_idx, &spare),
            buffer(&factors.entering, &spare),
            buffer(&factors.within, &spare),
            buffer(pairs, &spare),
            buffer(&gradients.entering, &spare),
            buffer(&gradients.leaving, &spare),
            buffer(&gradients.within, &spare),
            buffer(&gradients.through, &spare),
            buffer(&out.r, &spare),
            buffer(&out.g, &spare),
            buffer(&out.k, &spare),
            buffer(&out.a, &spare),
            buffer(&out.b, &spare),
            self.scale(),
            self.sizes(),
            plan,
            self.column_types(),
        );
    }
}
