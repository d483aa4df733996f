//! S0_n = sum_l g_l z_n^l and its derivative S1_n = sum_l l g_l z_n^(l-1): the transpose of the sums.
//!
//! A cube holds a chunk of one row and some poles. The units of a pole take every `lanes`-th position
//! by Horner's rule in z^lanes, then add up.

use super::sums::{Order, Sizes, counts, position};
use crate::cube::{Complex, strided_sum};
use cubecl::prelude::*;

/// What is fixed when the kernel is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Plan {
    /// Units of a cube, a power of two.
    pub units: usize,
    /// Poles of a cube, a power of two.
    pub poles: usize,
    /// Positions of a chunk, a multiple of `units`.
    pub chunk: usize,
    /// Whether S1 is made, too.
    pub slope: bool,
    pub order: Order,
}

impl Plan {
    /// Units of a pole.
    const fn lanes(&self) -> usize {
        self.units / self.poles
    }

    /// Real numbers per pole.
    pub(super) const fn parts(&self) -> usize {
        if self.slope { 4 } else { 2 }
    }
}

/// `values` [row, len], `factors` [2, channel, state]; `sums` [chunk, part, row, state].
#[cube(launch)]
pub(super) fn moments<A: Float, I: Numeric>(
    values: &[A],
    factors: &[f64],
    seq_idx: &[I],
    sums: &mut [f64],
    sizes: Sizes,
    #[comptime] plan: Plan,
    #[define(A, I)] _types: [ElemType; 2],
) {
    let unit = UNIT_POS as usize;
    let chunk = CUBE_POS % sizes.chunks;
    let rest = CUBE_POS / sizes.chunks;
    let row = rest / sizes.tiles;
    let start = chunk * comptime!(plan.chunk);
    // One more than the chunk: S1 is S0 of (l + 1) g_(l+1).
    let mut held = Shared::<[A]>::new_slice(comptime!(plan.chunk + 1));
    let mut at = unit;
    while at < comptime!(plan.chunk + 1) {
        let l = start + at;
        let mut value = A::from_int(0);
        if l < sizes.len {
            if counts::<I>(seq_idx, &sizes, row, l, plan.order) {
                value = values[row * sizes.len + position(&sizes, l, plan.order)];
            }
        }
        held[at] = value;
        at += comptime!(plan.units);
    }
    sync_cube();
    let own = rest % sizes.tiles * comptime!(plan.poles) + unit % comptime!(plan.poles);
    let lane = unit / comptime!(plan.poles);
    let mut n = own;
    if own >= sizes.state {
        n = sizes.state - 1;
    }
    let at = row % sizes.channels * sizes.state + n;
    let z = Complex::load::<f64>(factors, at, sizes.channels * sizes.state);
    let step = z.power(comptime!(plan.lanes()).runtime());
    let mut steps = (sizes.len - start).div_ceil(comptime!(plan.lanes()));
    if steps > comptime!(plan.chunk / plan.lanes()) {
        steps = comptime!(plan.chunk / plan.lanes()).runtime();
    }
    let mut value_re = f64::cast_from(0u32);
    let mut value_im = f64::cast_from(0u32);
    let mut slope_re = f64::cast_from(0u32);
    let mut slope_im = f64::cast_from(0u32);
    for k in 0..steps {
        let place = (steps - 1 - k) * comptime!(plan.lanes()) + lane;
        let g = f64::cast_from(held[place]);
        let old = value_re;
        value_re = old * step.re - value_im * step.im + g;
        value_im = old * step.im + value_im * step.re;
        if comptime!(plan.slope) {
            let g = f64::cast_from(held[place + 1]) * f64::cast_from(start + place + 1);
            let old = slope_re;
            slope_re = old * step.re - slope_im * step.im + g;
            slope_im = old * step.im + slope_im * step.re;
        }
    }
    let first = z.power(start + lane);
    let value = Complex::new(value_re, value_im).times(&first);
    let mut shared = Shared::<[f64]>::new_slice(comptime!(plan.units));
    let value_re = strided_sum::<f64>(value.re, &mut shared, plan.poles, plan.units);
    let value_im = strided_sum::<f64>(value.im, &mut shared, plan.poles, plan.units);
    let count = sizes.rows * sizes.state;
    let to = chunk * comptime!(plan.parts()) * count + row * sizes.state + n;
    let writes = lane == 0 && own < sizes.state;
    if writes {
        sums[to] = value_re;
        sums[to + count] = value_im;
    }
    if comptime!(plan.slope) {
        let slope = Complex::new(slope_re, slope_im).times(&first);
        let slope_re = strided_sum::<f64>(slope.re, &mut shared, plan.poles, plan.units);
        let slope_im = strided_sum::<f64>(slope.im, &mut shared, plan.poles, plan.units);
        if writes {
            sums[to + 2 * count] = slope_re;
            sums[to + 3 * count] = slope_im;
        }
    }
}
