//! Kernels of the normalisation. A cube works on one group of one row (forward) or on one group of
//! a block of rows (backward); its units share the channels.

use crate::cube::{cube_sum, lane_sum};
use cubecl::prelude::*;

/// What is fixed when a kernel is compiled. Lengths count vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Plan {
    /// Vectors of one group.
    pub width: usize,
    /// Units of a cube, a power of two.
    pub units: usize,
    /// Vectors of one unit, rounded up.
    pub share: usize,
    /// Whether there is a gate.
    pub gated: bool,
    /// Whether loops over a unit's share are unrolled.
    pub unroll: bool,
}

/// Logistic function of every lane; saturates without NaN.
#[cube]
fn sigmoid<A: Float, N: Size>(z: Vector<A, N>) -> Vector<A, N> {
    let one = Vector::<A, N>::new(A::from_int(1));
    one / (one + (-z).exp())
}

#[cube(launch)]
pub(super) fn forward<E: Float, A: Float, N: Size>(
    x: &[Vector<E, N>],
    gate: &[Vector<E, N>],
    weight: &[Vector<A, N>],
    y: &mut [Vector<E, N>],
    groups: usize,
    eps: InputScalar,
    inverse_width: InputScalar,
    #[comptime] plan: Plan,
    #[define(E, A)] _types: [ElemType; 2],
) {
    let unit = UNIT_POS as usize;
    let start = CUBE_POS * comptime!(plan.width);
    let first_weight = (CUBE_POS % groups) * comptime!(plan.width);
    let mut shared = Shared::<[A]>::new_slice(comptime!(plan.units));
    let mut v = Array::<Vector<A, N>>::new(comptime!(plan.share));
    let mut squares = Vector::<A, N>::new(A::from_int(0));
    #[unroll(plan.unroll)]
    for i in 0..comptime!(plan.share) {
        let at = i * comptime!(plan.units) + unit;
        if at < comptime!(plan.width) {
            let mut value = Vector::<A, N>::cast_from(x[start + at]);
            if comptime!(plan.gated) {
                let z = Vector::<A, N>::cast_from(gate[start + at]);
                value = value * z * sigmoid::<A, N>(z);
            }
            v[i] = value;
            squares += value * value;
        }
    }
    let sum = cube_sum::<A>(lane_sum::<A, N>(squares), &mut shared, plan.units);
    let mean = sum * inverse_width.get::<A>();
    let scale = A::from_int(1) / (mean + eps.get::<A>()).sqrt();
    #[unroll(plan.unroll)]
    for i in 0..comptime!(plan.share) {
        let at = i * comptime!(plan.units) + unit;
        if at < comptime!(plan.width) {
            let scaled = v[i] * Vector::<A, N>::new(scale) * weight[first_weight + at];
            y[start + at] = Vector::cast_from(scaled);
        }
    }
}

/// With r = 1 / rms and m the group's width: dv = r (w dy - v r^2 / m sum(w dy v)).
/// `partial` [block, channel] receives each block's contribution to the gradient of the weight.
#[cube(launch)]
pub(super) fn backward<E: Float, A: Float, N: Size>(
    x: &[Vector<E, N>],
    gate: &[Vector<E, N>],
    weight: &[Vector<A, N>],
    dy: &[Vector<E, N>],
    dx: &mut [Vector<E, N>],
    dgate: &mut [Vector<E, N>],
    partial: &mut [Vector<A, N>],
    rows: usize,
    groups: usize,
    eps: InputScalar,
    inverse_width: InputScalar,
    #[comptime] block_rows: usize,
    #[comptime] plan: Plan,
    #[define(E, A)] _types: [ElemType; 2],
) {
    let unit = UNIT_POS as usize;
    let group = CUBE_POS % groups;
    let block = CUBE_POS / groups;
    let first_weight = group * comptime!(plan.width);
    let one = Vector::<A, N>::new(A::from_int(1));
    let zero = Vector::<A, N>::new(A::from_int(0));
    let mut shared = Shared::<[A]>::new_slice(comptime!(plan.units));
    let mut dweight = Array::<Vector<A, N>>::new(comptime!(plan.share));
    let mut v = Array::<Vector<A, N>>::new(comptime!(plan.share));
    let mut wdy = Array::<Vector<A, N>>::new(comptime!(plan.share));
    #[unroll(plan.unroll)]
    for i in 0..comptime!(plan.share) {
        dweight[i] = zero;
    }
    for r in 0..block_rows {
        let row = block * block_rows + r;
        if row < rows {
            let start = (row * groups + group) * comptime!(plan.width);
            let mut squares = zero;
            let mut products = zero;
            #[unroll(plan.unroll)]
            for i in 0..comptime!(plan.share) {
                let at = i * comptime!(plan.units) + unit;
                if at < comptime!(plan.width) {
                    let mut value = Vector::<A, N>::cast_from(x[start + at]);
                    if comptime!(plan.gated) {
                        let z = Vector::<A, N>::cast_from(gate[start + at]);
                        value = value * z * sigmoid::<A, N>(z);
                    }
                    let weighted =
                        Vector::<A, N>::cast_from(dy[start + at]) * weight[first_weight + at];
                    v[i] = value;
                    wdy[i] = weighted;
                    squares += value * value;
                    products += weighted * value;
                }
            }
            let squares = cube_sum::<A>(lane_sum::<A, N>(squares), &mut shared, plan.units);
            let products = cube_sum::<A>(lane_sum::<A, N>(products), &mut shared, plan.units);
            let inverse = inverse_width.get::<A>();
            let scale = A::from_int(1) / (squares * inverse + eps.get::<A>()).sqrt();
            let common = Vector::<A, N>::new(products * scale * scale * inverse);
            let scale = Vector::<A, N>::new(scale);
            #[unroll(plan.unroll)]
            for i in 0..comptime!(plan.share) {
                let at = i * comptime!(plan.units) + unit;
                if at < comptime!(plan.width) {
                    let upstream = Vector::<A, N>::cast_from(dy[start + at]);
                    dweight[i] += upstream * v[i] * scale;
                    let dv = scale * (wdy[i] - v[i] * common);
                    if comptime!(plan.gated) {
                        let z = Vector::<A, N>::cast_from(gate[start + at]);
                        let s = sigmoid::<A, N>(z);
                        let value = Vector::<A, N>::cast_from(x[start + at]);
                        let slope = s * (one + z * (one - s));
                        dgate[start + at] = Vector::cast_from(dv * value * slope);
                        dx[start + at] = Vector::cast_from(dv * z * s);
                    } else {
                        dx[start + at] = Vector::cast_from(dv);
                    }
                }
            }
        }
    }
    #[unroll(plan.unroll)]
    for i in 0..comptime!(plan.share) {
        let at = i * comptime!(plan.units) + unit;
        if at < comptime!(plan.width) {
            partial[(block * groups + group) * comptime!(plan.width) + at] = dweight[i];
        }
    }
}
