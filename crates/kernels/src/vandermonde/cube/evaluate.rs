//! Re sum_n w_n z_n^l at every position l.
//!
//! A cube holds a stretch of one row. The power that a unit starts from is the product of two entries
//! of short tables, which the cube makes for some poles at a time; from there it goes on by z^units.

use super::sums::{Order, Sizes, counts, position};
use crate::cube::Complex;
use cubecl::prelude::*;

/// What is fixed when the kernel is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Plan {
    /// Units of a cube, a power of two.
    pub units: usize,
    /// Entries of the table of first powers, z^0 on; a power of two that divides `units`.
    pub low: usize,
    /// Positions of a unit, `units` apart.
    pub run: usize,
    /// Poles whose tables stand in shared memory.
    pub tile: usize,
    pub order: Order,
    /// Whether loops over a unit's positions are unrolled.
    pub unroll: bool,
}

impl Plan {
    /// Entries of one pole: first powers, w z^(start + low i), and z^units.
    const fn entries(&self) -> usize {
        self.low + self.units / self.low + 1
    }
}

/// Fills the tables of the tile of poles that starts at `first`, for positions from `start` on.
#[cube]
fn fill(
    table: &mut Shared<[f64]>,
    factors: &[f64],
    weights: &[f64],
    sizes: &Sizes,
    row: usize,
    first: usize,
    start: usize,
    #[comptime] plan: Plan,
) {
    let mut at = UNIT_POS as usize;
    while at < comptime!(plan.tile * plan.entries()) {
        let n = first + at / comptime!(plan.entries());
        let entry = at % comptime!(plan.entries());
        if n < sizes.state {
            let own = row % sizes.channels * sizes.state + n;
            let z = Complex::load::<f64>(factors, own, sizes.channels * sizes.state);
            let mut exponent = entry;
            if entry == comptime!(plan.entries() - 1) {
                exponent = comptime!(plan.units).runtime();
            } else if entry >= comptime!(plan.low) {
                exponent = start + (entry - comptime!(plan.low)) * comptime!(plan.low);
            }
            let power = z.power(exponent);
            let mut re = power.re;
            let mut im = power.im;
            if entry >= comptime!(plan.low) && entry < comptime!(plan.entries() - 1) {
                let w = row * sizes.state + n;
                let w = Complex::load::<f64>(weights, w, sizes.rows * sizes.state);
                let weighted = w.times(&power);
                re = weighted.re;
                im = weighted.im;
            }
            table[2 * at] = re;
            table[2 * at + 1] = im;
        }
        at += comptime!(plan.units);
    }
}

/// `factors` [2, channel, state], `weights` [2, row, state], real parts first; `out` [row, len].
#[cube(launch)]
pub(super) fn evaluate<A: Float, I: Numeric>(
    factors: &[f64],
    weights: &[f64],
    seq_idx: &[I],
    out: &mut [A],
    sizes: Sizes,
    #[comptime] plan: Plan,
    #[define(A, I)] _types: [ElemType; 2],
) {
    let unit = UNIT_POS as usize;
    let row = CUBE_POS / sizes.chunks;
    let start = CUBE_POS % sizes.chunks * comptime!(plan.units * plan.run);
    let mut table = Shared::<[f64]>::new_slice(comptime!(2 * plan.tile * plan.entries()));
    let mut sums = Array::<f64>::new(comptime!(plan.run));
    #[unroll(plan.unroll)]
    for k in 0..comptime!(plan.run) {
        sums[k] = f64::cast_from(0u32);
    }
    for tile in 0..sizes.tiles {
        let first = tile * comptime!(plan.tile);
        fill(
            &mut table, factors, weights, &sizes, row, first, start, plan,
        );
        sync_cube();
        let mut count = sizes.state - first;
        if count > comptime!(plan.tile) {
            count = comptime!(plan.tile).runtime();
        }
        for n in 0..count {
            let own = n * comptime!(plan.entries());
            let low = own + unit % comptime!(plan.low);
            let high = own + comptime!(plan.low) + unit / comptime!(plan.low);
            let low = Complex::new(table[2 * low], table[2 * low + 1]);
            let high = Complex::new(table[2 * high], table[2 * high + 1]);
            let last = own + comptime!(plan.entries() - 1);
            let step = Complex::new(table[2 * last], table[2 * last + 1]);
            let power = low.times(&high);
            let mut re = power.re;
            let mut im = power.im;
            #[unroll(plan.unroll)]
            for k in 0..comptime!(plan.run) {
                sums[k] += re;
                let old = re;
                re = old * step.re - im * step.im;
                im = old * step.im + im * step.re;
            }
        }
        sync_cube();
    }
    #[unroll(plan.unroll)]
    for k in 0..comptime!(plan.run) {
        let l = start + k * comptime!(plan.units) + unit;
        if l < sizes.len {
            let mut value = sums[k];
            if !counts::<I>(seq_idx, &sizes, row, l, plan.order) {
                value = f64::cast_from(0u32);
            }
            out[row * sizes.len + position(&sizes, l, plan.order)] = A::cast_from(value);
        }
    }
}
