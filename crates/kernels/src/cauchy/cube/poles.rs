//! Gradients of the weights of poles: sums over the nodes. A cube holds some nodes of one row and some
//! poles; the units of a pole take every `lanes`-th node, then add up.

use super::nodes::reciprocal;
use super::system::{Sizes, planes};
use crate::cube::{Complex, strided_sum};
use cubecl::prelude::*;

/// What is fixed when the kernel is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Plan {
    pub rank: usize,
    /// Units of a cube, a power of two.
    pub units: usize,
    /// Poles of a cube, a power of two.
    pub poles: usize,
    /// Nodes of a chunk.
    pub chunk: usize,
}

impl Plan {
    /// Units of a pole.
    const fn lanes(&self) -> usize {
        self.units / self.poles
    }
}

/// The cotangent of d_ij: h times the derivative of d_00 - cos d_01 (I + cos d_11)^-1 d_10.
#[cube]
fn cotangents(
    nodes: &[f64],
    at: usize,
    apart: usize,
    cos: f64,
    #[comptime] rank: usize,
) -> Array<f64> {
    let mut out = Array::<f64>::new(comptime!(2 * (rank + 1) * (rank + 1)));
    let h = Complex::load::<f64>(nodes, at, apart);
    let down = h.scaled(-cos);
    out[0] = h.re;
    out[1] = h.im;
    #[unroll]
    for i in 0..rank {
        let right = Complex::load::<f64>(nodes, 2 * apart * (1 + i) + at, apart);
        let value = down.times(&right);
        out[2 * (i + 1)] = value.re;
        out[2 * (i + 1) + 1] = value.im;
        let left = 2 * apart * (1 + comptime!(rank) + i) + at;
        let left = Complex::load::<f64>(nodes, left, apart);
        let value = down.times(&left);
        let to = 2 * (i + 1) * comptime!(rank + 1);
        out[to] = value.re;
        out[to + 1] = value.im;
        let both = value.scaled(-cos);
        #[unroll]
        for j in 0..rank {
            let right = Complex::load::<f64>(nodes, 2 * apart * (1 + j) + at, apart);
            let value = both.times(&right);
            out[to + 2 * (j + 1)] = value.re;
            out[to + 2 * (j + 1) + 1] = value.im;
        }
    }
    out
}

/// `weights` [plane, row, state], `nodes` as the adjoint of [`super::nodes::nodes`] leaves them; `by`
/// [chunk, plane, row, state].
#[cube(launch)]
pub(super) fn poles(
    weights: &[f64],
    turns: &[f64],
    nodes: &[f64],
    by: &mut [f64],
    sizes: Sizes,
    #[comptime] plan: Plan,
) {
    let width = comptime!(planes(plan.rank));
    let pairs = comptime!((plan.rank + 1) * (plan.rank + 1));
    let unit = UNIT_POS as usize;
    let chunk = CUBE_POS % sizes.chunks;
    let rest = CUBE_POS / sizes.chunks;
    let row = rest / sizes.tiles;
    let own = rest % sizes.tiles * comptime!(plan.poles) + unit % comptime!(plan.poles);
    let mut n = own;
    if own >= sizes.state {
        n = sizes.state - 1;
    }
    let total = sizes.rows * sizes.state;
    let at = row * sizes.state + n;
    let mut held = Array::<f64>::new(comptime!(planes(plan.rank)));
    let mut sums = Array::<f64>::new(comptime!(planes(plan.rank)));
    #[unroll]
    for plane in 0..width {
        held[plane] = weights[plane * total + at];
        sums[plane] = f64::cast_from(0u32);
    }
    let mut end = (chunk + 1) * comptime!(plan.chunk);
    if end > sizes.nodes {
        end = sizes.nodes;
    }
    let mut j = chunk * comptime!(plan.chunk) + unit / comptime!(plan.poles);
    while j < end {
        let cos = turns[j];
        let sin = turns[2 * sizes.len + j];
        let r = reciprocal(held[0], held[1], cos, sin);
        let apart = sizes.rows * sizes.nodes;
        let gammas = cotangents(nodes, row * sizes.nodes + j, apart, cos, plan.rank);
        let mut e_re = f64::cast_from(0u32);
        let mut e_im = f64::cast_from(0u32);
        // The sums are linear in the weights with factors 4 i sin R and -2 cos R.
        #[unroll]
        for m in 0..pairs {
            let gamma = Complex::new(gammas[2 * m], gammas[2 * m + 1]);
            let product = gamma.times(&r);
            sums[2 * m + 2] -= 4.0f64 * sin * product.im;
            sums[2 * m + 3] -= 2.0f64 * cos * product.re;
            let factor = Complex::new(
                -2.0f64 * cos * held[2 * m + 3],
                4.0f64 * sin * held[2 * m + 2],
            );
            let e = gamma.times(&factor);
            e_re += e.re;
            e_im += e.im;
        }
        // dR = -R^2 (cos^2 d|lambda|^2 - 4 i sin cos dRe)
        let turned = r.times(&r).times(&Complex::new(e_re, e_im));
        sums[0] -= cos * cos * turned.re;
        sums[1] -= 4.0f64 * sin * cos * turned.im;
        j += comptime!(plan.lanes());
    }
    let mut shared = Shared::<[f64]>::new_slice(comptime!(plan.units));
    #[unroll]
    for plane in 0..width {
        let sum = strided_sum::<f64>(sums[plane], &mut shared, plan.poles, plan.units);
        if unit < comptime!(plan.poles) && own < sizes.state {
            by[(chunk * width + plane) * total + at] = sum;
        }
    }
}
