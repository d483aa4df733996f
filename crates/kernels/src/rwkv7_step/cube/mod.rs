//! CubeCL body: two launches for each of the two mixers.

#![allow(clippy::too_many_arguments)] // a kernel has one argument per tensor

mod channel;
mod mix;
mod project;

use super::Rwkv7StepShape;
use super::ops::{Rwkv7StepOps, Rwkv7StepTensors};
use crate::cube::{
    Team, buffer, contiguous, cube_units, element, empty, launch_add_up, vector_width,
};
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// What is fixed when the kernels of the time mix are compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Plan {
    pub width: usize,
    pub heads: usize,
    /// Ranks of w, a, v, g.
    pub ranks: [usize; 4],
    pub is_first: bool,
    /// Elements of a vector of the output projection.
    pub vector: usize,
    pub team: Team,
}

impl Plan {
    pub(super) const fn head_dim(self) -> usize {
        self.width / self.heads
    }

    pub(super) const fn low(self) -> usize {
        self.ranks[0] + self.ranks[1] + self.ranks[2] + self.ranks[3]
    }

    /// Cubes for rows of r, k and v.
    pub(super) const fn dense_cubes(self) -> usize {
        (3 * self.width).div_ceil(self.team.teams())
    }

    /// Cubes for the inner ends of the low-rank map with this rank: a column per lane.
    pub(super) const fn low_cubes(self, rank: usize) -> usize {
        rank.div_ceil(self.team.lanes)
    }

    fn cubes(self) -> usize {
        let low = self.ranks.iter().map(|rank| self.low_cubes(*rank));
        self.dense_cubes() + low.sum::<usize>()
    }
}

impl Rwkv7StepOps for CubeBackend {
    fn rwkv7_step(
        tensors: Rwkv7StepTensors<Self>,
        shape: Rwkv7StepShape,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let t = in_order(tensors);
        let Rwkv7StepShape {
            batch,
            width,
            heads,
            ..
        } = shape;
        let (x, dtype) = (&t.x, t.x.dtype);
        let kind = element(dtype);
        let plan = Plan {
            width,
            heads,
            ranks: shape.ranks,
            is_first: shape.is_first,
            vector: vector_width(width / heads, dtype).min(2),
            team: Team::new(&x.client, cube_units(&x.client, 256)),
        };
        let dense = empty(x, &[batch, 3, width], dtype);
        let low = empty(x, &[batch, plan.low()], dtype);
        let arrived = empty(x, &[batch], DType::U32);
        let on = |tensor: &CubeTensor| buffer(tensor, x);
        project::project::launch(
            &x.client,
            CubeCount::Static(plan.cubes() as u32, 1, 1),
            CubeDim::new_1d(plan.team.units as u32),
            on(x),
            on(&t.previous),
            on(&t.mu_r),
            on(&t.mu_w),
            on(&t.mu_k),
            on(&t.mu_v),
            on(&t.mu_a),
            on(&t.mu_g),
            on(&t.receptance),
            on(&t.key),
            on(&t.value),
            on(&t.w1),
            on(&t.a1),
            on(&t.v1),
            on(&t.g1),
            on(&dense),
            on(&low),
            on(&arrived),
            batch,
            plan,
            kind,
        );
        let contributions = empty(x, &[batch, heads, width], dtype);
        let y = empty(x, &[batch, width], dtype);
        let values = empty(x, &[batch, width], dtype);
        let next = empty(x, &[batch, heads, width / heads, width / heads], dtype);
        mix::mix::launch(
            &x.client,
            CubeCount::Static((batch * heads) as u32, 1, 1),
            CubeDim::new_1d(plan.team.units as u32),
            plan.vector,
            on(&dense),
            on(&low),
            on(&t.first),
            on(&t.w0),
            on(&t.w2),
            on(&t.a0),
            on(&t.a2),
            on(&t.v0),
            on(&t.v2),
            on(&t.g2),
            on(&t.k_k),
            on(&t.k_a),
            on(&t.r_k),
            on(&t.norm_weight),
            on(&t.norm_bias),
            on(&t.output),
            on(&t.state),
            on(&next),
            on(&values),
            on(&contributions),
            on(&arrived),
            on(&y),
            InputScalar::new(shape.eps, kind),
            InputScalar::new(shape.smallest_square, kind),
            plan,
            kind,
        );
        if !plan.team.merges {
            launch_add_up(&contributions, &y, plan.team);
        }
        (y, values, next)
    }

    fn rwkv7_channel_step(
        x: FloatTensor<Self>,
        previous: FloatTensor<Self>,
        mu: FloatTensor<Self>,
        key: FloatTensor<Self>,
        value: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let [x, previous, mu, key, value] = [x, previous, mu, key, value].map(contiguous);
        channel::step(&x, &previous, &mu, &key, &value)
    }
}

/// The same with every tensor in row-major order.
fn in_order(t: Rwkv7StepTensors<CubeBackend>) -> Rwkv7StepTensors<CubeBackend> {
    Rwkv7StepTensors {
        x: contiguous(t.x),
        previous: contiguous(t.previous),
        first: contiguous(t.first),
        mu_r: contiguous(t.mu_r),
        mu_w: contiguous(t.mu_w),
        mu_k: contiguous(t.mu_k),
        mu_v: contiguous(t.mu_v),
        mu_a: contiguous(t.mu_a),
        mu_g: contiguous(t.mu_g),
        w0: contiguous(t.w0),
        w1: contiguous(t.w1),
        w2: contiguous(t.w2),
        a0: contiguous(t.a0),
        a1: contiguous(t.a1),
        a2: contiguous(t.a2),
        v0: contiguous(t.v0),
        v1: contiguous(t.v1),
        v2: contiguous(t.v2),
        g1: contiguous(t.g1),
        g2: contiguous(t.g2),
        k_k: contiguous(t.k_k),
        k_a: contiguous(t.k_a),
        r_k: contiguous(t.r_k),
        receptance: contiguous(t.receptance),
        key: contiguous(t.key),
        value: contiguous(t.value),
        output: contiguous(t.output),
        norm_weight: contiguous(t.norm_weight),
        norm_bias: contiguous(t.norm_bias),
        state: contiguous(t.state),
    }
}
