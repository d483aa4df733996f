//! The generating function at the nodes, a unit per node, and what its gradient is made of there.

use super::system::{Sizes, planes};
use crate::cube::Complex;
use cubecl::prelude::*;

/// What is fixed when the kernel is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Plan {
    pub rank: usize,
    /// Units of a cube.
    pub units: usize,
    /// Poles whose weights stand in shared memory.
    pub tile: usize,
    /// Whether `spectrum` holds the transformed gradient and `out` receives cotangents, else `out`
    /// receives the spectrum of the kernel.
    pub adjoint: bool,
}

/// 1 / ((|lambda|^2 cos^2 - 4 sin^2) - 4 i sin cos Re lambda).
#[cube]
pub(super) fn reciprocal(size: f64, real: f64, cos: f64, sin: f64) -> Complex {
    Complex::new(
        size * cos * cos - 4.0f64 * sin * sin,
        -4.0f64 * sin * cos * real,
    )
    .inverse()
}

/// Complex numbers d_ij of one node, the sums of the text without the factor exp(i t / 2) / 2, in rows of
/// rank + 1; real and imaginary part one after the other.
#[derive(CubeType)]
struct Sums {
    d: Array<f64>,
}

#[cube]
impl Sums {
    fn get(&self, i: usize, j: usize, #[comptime] rank: usize) -> Complex {
        let at = 2 * (i * comptime!(rank + 1) + j);
        Complex::new(self.d[at], self.d[at + 1])
    }

    /// (I + cos d_11)^-1 times the column d_10, or with `turned` the row d_01 times it.
    fn side(&self, cos: f64, #[comptime] turned: bool, #[comptime] rank: usize) -> Array<f64> {
        let mut side = Array::<f64>::new(comptime!(2 * rank + 2));
        if comptime!(rank == 1) {
            let d = self.get(1usize.runtime(), 1usize.runtime(), rank);
            let inverse = Complex::new(1.0f64 + cos * d.re, cos * d.im).inverse();
            let other = self.other(0usize.runtime(), turned, rank);
            let value = inverse.times(&other);
            side[0] = value.re;
            side[1] = value.im;
        }
        if comptime!(rank == 2) {
            let one = 1usize.runtime();
            let two = 2usize.runtime();
            let (a, d) = (self.get(one, one, rank), self.get(two, two, rank));
            let (b, c) = (self.get(one, two, rank), self.get(two, one, rank));
            let a = Complex::new(1.0f64 + cos * a.re, cos * a.im);
            let d = Complex::new(1.0f64 + cos * d.re, cos * d.im);
            let b = b.scaled(cos);
            let c = c.scaled(cos);
            let det = a.times(&d).minus(&b.times(&c)).inverse();
            let x = self.other(0usize.runtime(), turned, rank).times(&det);
            let y = self.other(1usize.runtime(), turned, rank).times(&det);
            // A row times a matrix is the transposed matrix times it.
            let (by_x, by_y) = if comptime!(turned) {
                (b.times(&x), c.times(&y))
            } else {
                (c.times(&x), b.times(&y))
            };
            let first = d.times(&x).minus(&by_y);
            let second = a.times(&y).minus(&by_x);
            side[0] = first.re;
            side[1] = first.im;
            side[2] = second.re;
            side[3] = second.im;
        }
        side
    }

    /// Element `i` of the column d_10, or of the row d_01.
    fn other(&self, i: usize, #[comptime] turned: bool, #[comptime] rank: usize) -> Complex {
        if comptime!(turned) {
            self.get(0usize.runtime(), i + 1, rank)
        } else {
            self.get(i + 1, 0usize.runtime(), rank)
        }
    }
}

/// d_ij = 4 i sin U_ij - 2 cos W_ij, with sums of U = Re v R and W = Re(v conj lambda) R over the poles.
#[cube]
fn sums(
    weights: &[f64],
    held: &mut Shared<[f64]>,
    sizes: &Sizes,
    row: usize,
    cos: f64,
    sin: f64,
    #[comptime] plan: Plan,
) -> Sums {
    let pairs = comptime!((plan.rank + 1) * (plan.rank + 1));
    let width = comptime!(planes(plan.rank));
    let total = sizes.rows * sizes.state;
    let mut sums = Array::<f64>::new(comptime!(4 * (plan.rank + 1) * (plan.rank + 1)));
    #[unroll]
    for m in 0..comptime!(4 * pairs) {
        sums[m] = f64::cast_from(0u32);
    }
    for tile in 0..sizes.tiles {
        let first = tile * comptime!(plan.tile);
        let mut count = sizes.state - first;
        if count > comptime!(plan.tile) {
            count = comptime!(plan.tile).runtime();
        }
        let mut at = UNIT_POS as usize;
        while at < count * width {
            let (plane, n) = (at / count, at % count);
            held[n * width + plane] = weights[plane * total + row * sizes.state + first + n];
            at += comptime!(plan.units);
        }
        sync_cube();
        for n in 0..count {
            let own = n * width;
            let r = reciprocal(held[own], held[own + 1], cos, sin);
            #[unroll]
            for m in 0..comptime!(2 * pairs) {
                let weight = held[own + 2 + m];
                sums[2 * m] += weight * r.re;
                sums[2 * m + 1] += weight * r.im;
            }
        }
        sync_cube();
    }
    let mut d = Array::<f64>::new(comptime!(2 * (plan.rank + 1) * (plan.rank + 1)));
    #[unroll]
    for m in 0..pairs {
        d[2 * m] = -4.0f64 * sin * sums[4 * m + 1] - 2.0f64 * cos * sums[4 * m + 2];
        d[2 * m + 1] = 4.0f64 * sin * sums[4 * m] - 2.0f64 * cos * sums[4 * m + 3];
    }
    Sums { d }
}

/// `weights` [plane, row, state]; `spectrum` [2, row, node]; `out` the same, or [1 + 2 rank, 2, row,
/// node]: h, then the columns and the rows of [`Sums::side`].
#[cube(launch)]
pub(super) fn nodes(
    weights: &[f64],
    turns: &[f64],
    spectrum: &[f64],
    out: &mut [f64],
    sizes: Sizes,
    #[comptime] plan: Plan,
) {
    let row = CUBE_POS / sizes.chunks;
    let own = CUBE_POS % sizes.chunks * comptime!(plan.units) + UNIT_POS as usize;
    // Beyond the last the last again: every unit must load weights.
    let mut j = own;
    if own >= sizes.nodes {
        j = sizes.nodes - 1;
    }
    let half = Complex::load::<f64>(turns, j, 2 * sizes.len);
    let (cos, sin) = (half.re, half.im);
    let mut held = Shared::<[f64]>::new_slice(comptime!(plan.tile * planes(plan.rank)));
    let sums = sums(weights, &mut held, &sizes, row, cos, sin, plan);
    let column = sums.side(cos, false, plan.rank);
    let once = j == 0 || 2 * j == sizes.len;
    let apart = sizes.rows * sizes.nodes;
    let to = row * sizes.nodes + j;
    if own < sizes.nodes {
        if comptime!(plan.adjoint) {
            // The loss moves as Re sum_j h_j dK_j; inner nodes stand for their conjugates, too.
            let mut weight = 2.0f64 / f64::cast_from(sizes.len);
            if once {
                weight = 1.0f64 / f64::cast_from(sizes.len);
            }
            let bin = Complex::load::<f64>(spectrum, to, apart).conjugate();
            let h = bin.times(&half).scaled(weight);
            out[to] = h.re;
            out[apart + to] = h.im;
            let line = sums.side(cos, true, plan.rank);
            #[unroll]
            for i in 0..comptime!(plan.rank) {
                let right = 2 * apart * (1 + i) + to;
                out[right] = column[2 * i];
                out[right + apart] = column[2 * i + 1];
                let left = 2 * apart * (1 + comptime!(plan.rank) + i) + to;
                out[left] = line[2 * i];
                out[left + apart] = line[2 * i + 1];
            }
        } else {
            // d_00 - cos d_01 (I + cos d_11)^-1 d_10
            let first = sums.get(0usize.runtime(), 0usize.runtime(), plan.rank);
            let mut re = first.re;
            let mut im = first.im;
            #[unroll]
            for i in 0..comptime!(plan.rank) {
                let line = sums.get(0usize.runtime(), i + 1, plan.rank);
                let term = line.times(&Complex::new(column[2 * i], column[2 * i + 1]));
                re -= cos * term.re;
                im -= cos * term.im;
            }
            let value = half.times(&Complex::new(re, im));
            out[to] = value.re / f64::cast_from(sizes.len);
            let mut im = value.im / f64::cast_from(sizes.len);
            if once {
                im = f64::cast_from(0u32);
            }
            out[apart + to] = im;
        }
    }
}
