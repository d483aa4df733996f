//! Kernels of the normalisation. A block of units works on one group of one row (forward) or on one
//! group of several rows (backward); a cube holds several blocks where groups are narrow.

use crate::cube::{block_sum, lane_sum};
use cubecl::prelude::*;

/// What is fixed when a kernel is compiled. Lengths count vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Plan {
    /// Vectors of one group.
    pub width: usize,
    /// Units of a block, a power of two.
    pub units: usize,
    /// Blocks of a cube.
    pub blocks: usize,
    /// Vectors of one unit, rounded up.
    pub share: usize,
    /// Whether loops over a unit's share are unrolled.
    pub unroll: bool,
}

/// Sizes and constants of one call.
#[derive(CubeType, CubeLaunch)]
pub(super) struct Sizes {
    pub rows: usize,
    pub groups: usize,
    /// Blocks with work.
    pub total: usize,
    pub eps: InputScalar,
    /// 1 / channels of a group.
    pub inverse: InputScalar,
}

/// Which of the call's blocks this unit belongs to; beyond the last, the last again, since every
/// unit must take part in sums.
#[cube]
fn own_block(total: usize, #[comptime] plan: Plan) -> usize {
    let mut block = CUBE_POS * comptime!(plan.blocks) + UNIT_POS as usize / comptime!(plan.units);
    if block >= total {
        block = total - 1;
    }
    block
}

/// Whether this unit's block has work.
#[cube]
fn has_work(total: usize, #[comptime] plan: Plan) -> bool {
    CUBE_POS * comptime!(plan.blocks) + UNIT_POS as usize / comptime!(plan.units) < total
}

/// Fills `centred` with the values of the group that starts at `start`, less their mean; returns
/// 1 / deviation.
#[cube]
fn centre<E: Float, A: Float, N: Size>(
    x: &[Vector<E, N>],
    centred: &mut Array<Vector<A, N>>,
    shared: &mut Shared<[A]>,
    start: usize,
    sizes: &Sizes,
    #[comptime] plan: Plan,
) -> A {
    let unit = UNIT_POS as usize % comptime!(plan.units);
    let zero = Vector::<A, N>::new(A::from_int(0));
    let inverse = sizes.inverse.get::<A>();
    let mut sum = zero;
    #[unroll(plan.unroll)]
    for i in 0..comptime!(plan.share) {
        let at = i * comptime!(plan.units) + unit;
        let mut value = zero;
        if at < comptime!(plan.width) {
            value = Vector::<A, N>::cast_from(x[start + at]);
        }
        centred[i] = value;
        sum += value;
    }
    let sum = block_sum::<A>(lane_sum::<A, N>(sum), shared, plan.units);
    let mean = Vector::<A, N>::new(sum * inverse);
    let mut squares = zero;
    #[unroll(plan.unroll)]
    for i in 0..comptime!(plan.share) {
        let at = i * comptime!(plan.units) + unit;
        if at < comptime!(plan.width) {
            let value = centred[i] - mean;
            centred[i] = value;
            squares += value * value;
        }
    }
    let squares = block_sum::<A>(lane_sum::<A, N>(squares), shared, plan.units);
    A::from_int(1) / (squares * inverse + sizes.eps.get::<A>()).sqrt()
}

#[cube(launch)]
pub(super) fn forward<E: Float, A: Float, N: Size>(
    x: &[Vector<E, N>],
    weight: &[Vector<A, N>],
    bias: &[Vector<A, N>],
    y: &mut [Vector<E, N>],
    sizes: Sizes,
    #[comptime] plan: Plan,
    #[define(E, A)] _types: [ElemType; 2],
) {
    let unit = UNIT_POS as usize % comptime!(plan.units);
    let block = own_block(sizes.total, plan);
    let start = block * comptime!(plan.width);
    let first = (block % sizes.groups) * comptime!(plan.width);
    let mut shared = Shared::<[A]>::new_slice(comptime!(plan.units * plan.blocks));
    let mut centred = Array::<Vector<A, N>>::new(comptime!(plan.share));
    let scale = centre::<E, A, N>(x, &mut centred, &mut shared, start, &sizes, plan);
    let scale = Vector::<A, N>::new(scale);
    if has_work(sizes.total, plan) {
        #[unroll(plan.unroll)]
        for i in 0..comptime!(plan.share) {
            let at = i * comptime!(plan.units) + unit;
            if at < comptime!(plan.width) {
                let value = centred[i] * scale * weight[first + at] + bias[first + at];
                y[start + at] = Vector::cast_from(value);
            }
        }
    }
}

/// With c the centred values, r = 1 / deviation, n = r c and means over the group:
/// dx = r (w dy - mean(w dy) - n mean(w dy n)).
///
/// `dweight` and `dbias` [row block, channel] receive each block's contribution.
#[cube(launch)]
pub(super) fn backward<E: Float, A: Float, N: Size>(
    x: &[Vector<E, N>],
    weight: &[Vector<A, N>],
    dy: &[Vector<E, N>],
    dx: &mut [Vector<E, N>],
    dweight: &mut [Vector<A, N>],
    dbias: &mut [Vector<A, N>],
    sizes: Sizes,
    #[comptime] block_rows: usize,
    #[comptime] plan: Plan,
    #[define(E, A)] _types: [ElemType; 2],
) {
    let unit = UNIT_POS as usize % comptime!(plan.units);
    let block = own_block(sizes.total, plan);
    let works = has_work(sizes.total, plan);
    let group = block % sizes.groups;
    let first = group * comptime!(plan.width);
    let zero = Vector::<A, N>::new(A::from_int(0));
    let inverse = sizes.inverse.get::<A>();
    let mut shared = Shared::<[A]>::new_slice(comptime!(plan.units * plan.blocks));
    let mut centred = Array::<Vector<A, N>>::new(comptime!(plan.share));
    let mut weighted = Array::<Vector<A, N>>::new(comptime!(plan.share));
    let mut sum_weight = Array::<Vector<A, N>>::new(comptime!(plan.share));
    let mut sum_bias = Array::<Vector<A, N>>::new(comptime!(plan.share));
    #[unroll(plan.unroll)]
    for i in 0..comptime!(plan.share) {
        sum_weight[i] = zero;
        sum_bias[i] = zero;
    }
    for r in 0..block_rows {
        // Beyond the last row the last again: every unit must take part in sums.
        let mut row = (block / sizes.groups) * block_rows + r;
        let counts = row < sizes.rows && works;
        if row >= sizes.rows {
            row = sizes.rows - 1;
        }
        let start = (row * sizes.groups + group) * comptime!(plan.width);
        let scale = centre::<E, A, N>(x, &mut centred, &mut shared, start, &sizes, plan);
        let mut sum = zero;
        let mut products = zero;
        #[unroll(plan.unroll)]
        for i in 0..comptime!(plan.share) {
            let at = i * comptime!(plan.units) + unit;
            if at < comptime!(plan.width) {
                let upstream = Vector::<A, N>::cast_from(dy[start + at]);
                let value = upstream * weight[first + at];
                let normed = centred[i] * Vector::<A, N>::new(scale);
                weighted[i] = value;
                centred[i] = normed;
                sum += value;
                products += value * normed;
                if counts {
                    sum_weight[i] += upstream * normed;
                    sum_bias[i] += upstream;
                }
            }
        }
        let sum = block_sum::<A>(lane_sum::<A, N>(sum), &mut shared, plan.units);
        let products = block_sum::<A>(lane_sum::<A, N>(products), &mut shared, plan.units);
        let mean = Vector::<A, N>::new(sum * inverse);
        let common = Vector::<A, N>::new(products * inverse);
        if counts {
            #[unroll(plan.unroll)]
            for i in 0..comptime!(plan.share) {
                let at = i * comptime!(plan.units) + unit;
                if at < comptime!(plan.width) {
                    let inner = weighted[i] - mean - centred[i] * common;
                    dx[start + at] = Vector::cast_from(inner * Vector::<A, N>::new(scale));
                }
            }
        }
    }
    if works {
        #[unroll(plan.unroll)]
        for i in 0..comptime!(plan.share) {
            let at = i * comptime!(plan.units) + unit;
            if at < comptime!(plan.width) {
                let target = block * comptime!(plan.width) + at;
                dweight[target] = sum_weight[i];
                dbias[target] = sum_bias[i];
            }
        }
    }
}
