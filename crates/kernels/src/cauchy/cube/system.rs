//! Rows as the sums see them, and gradients as the parameters see them: a unit per pole of a row.

use crate::cube::Complex;
use cubecl::prelude::*;

/// Sizes of a call.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(super) struct Sizes {
    pub rows: usize,
    pub channels: usize,
    pub state: usize,
    pub len: usize,
    /// Nodes on the half circle.
    pub nodes: usize,
    /// Cubes along the nodes.
    pub chunks: usize,
    /// Tiles of poles.
    pub tiles: usize,
}

/// Weights of one pole of a row: |lambda|^2 and Re lambda, then Re v and Re(v conj lambda) of every
/// product v_ij; lambda times dt.
pub(super) const fn planes(rank: usize) -> usize {
    2 + 2 * (rank + 1) * (rank + 1)
}

/// left = (c, conj P_1, ..), right = (b, P_1, ..), real and imaginary part one after the other.
#[derive(CubeType)]
struct Vectors {
    left: Array<f64>,
    right: Array<f64>,
}

#[cube]
impl Vectors {
    /// Those of element `at` of [row, state].
    fn load<A: Float>(
        p_re: &[A],
        p_im: &[A],
        b_re: &[A],
        b_im: &[A],
        c_re: &[A],
        c_im: &[A],
        at: usize,
        poles: usize,
        #[comptime] rank: usize,
    ) -> Vectors {
        let mut left = Array::<f64>::new(comptime!(2 * rank + 2));
        let mut right = Array::<f64>::new(comptime!(2 * rank + 2));
        left[0] = f64::cast_from(c_re[at]);
        left[1] = f64::cast_from(c_im[at]);
        right[0] = f64::cast_from(b_re[at]);
        right[1] = f64::cast_from(b_im[at]);
        #[unroll]
        for i in 0..rank {
            let p = Complex::read::<A>(p_re, p_im, i * poles + at % poles);
            left[2 * i + 2] = p.re;
            left[2 * i + 3] = -p.im;
            right[2 * i + 2] = p.re;
            right[2 * i + 3] = p.im;
        }
        Vectors { left, right }
    }

    fn left(&self, i: usize) -> Complex {
        Complex::new(self.left[2 * i], self.left[2 * i + 1])
    }

    fn right(&self, i: usize) -> Complex {
        Complex::new(self.right[2 * i], self.right[2 * i + 1])
    }
}

/// `weights` [plane, row, state].
#[cube(launch)]
pub(super) fn prepare<A: Float>(
    lambda_re: &[A],
    lambda_im: &[A],
    p_re: &[A],
    p_im: &[A],
    b_re: &[A],
    b_im: &[A],
    c_re: &[A],
    c_im: &[A],
    dt: &[A],
    weights: &mut [f64],
    sizes: Sizes,
    #[comptime] rank: usize,
    #[define(A)] _type: ElemType,
) {
    let total = sizes.rows * sizes.state;
    if ABSOLUTE_POS < total {
        let poles = sizes.channels * sizes.state;
        let own = ABSOLUTE_POS % poles;
        let dt = f64::cast_from(dt[own / sizes.state]);
        let lambda = Complex::read::<A>(lambda_re, lambda_im, own).scaled(dt);
        let vectors = Vectors::load::<A>(
            p_re,
            p_im,
            b_re,
            b_im,
            c_re,
            c_im,
            ABSOLUTE_POS,
            poles,
            rank,
        );
        weights[ABSOLUTE_POS] = lambda.re * lambda.re + lambda.im * lambda.im;
        weights[total + ABSOLUTE_POS] = lambda.re;
        #[unroll]
        for i in 0..comptime!(rank + 1) {
            #[unroll]
            for j in 0..comptime!(rank + 1) {
                let v = vectors.left(i).times(&vectors.right(j)).scaled(dt);
                let plane = 2 + 2 * (i * comptime!(rank + 1) + j);
                weights[plane * total + ABSOLUTE_POS] = v.re;
                weights[(plane + 1) * total + ABSOLUTE_POS] = v.re * lambda.re + v.im * lambda.im;
            }
        }
    }
}

/// `by` [plane, row, state] are the gradients of the weights. What rows contribute to the gradients of
/// lambda and dt goes to [row, state], to that of P to [row / channels, rank, channel, state].
#[cube(launch)]
pub(super) fn gradients<A: Float>(
    lambda_re: &[A],
    lambda_im: &[A],
    p_re: &[A],
    p_im: &[A],
    b_re: &[A],
    b_im: &[A],
    c_re: &[A],
    c_im: &[A],
    dt: &[A],
    by: &[f64],
    dlambda_re: &mut [f64],
    dlambda_im: &mut [f64],
    dp_re: &mut [f64],
    dp_im: &mut [f64],
    db_re: &mut [A],
    db_im: &mut [A],
    dc_re: &mut [A],
    dc_im: &mut [A],
    ddt: &mut [f64],
    sizes: Sizes,
    #[comptime] rank: usize,
    #[define(A)] _type: ElemType,
) {
    let total = sizes.rows * sizes.state;
    if ABSOLUTE_POS < total {
        let poles = sizes.channels * sizes.state;
        let own = ABSOLUTE_POS % poles;
        let step = f64::cast_from(dt[own / sizes.state]);
        let lambda = Complex::read::<A>(lambda_re, lambda_im, own);
        let scaled = lambda.scaled(step);
        let vectors = Vectors::load::<A>(
            p_re,
            p_im,
            b_re,
            b_im,
            c_re,
            c_im,
            ABSOLUTE_POS,
            poles,
            rank,
        );
        let mut left = Array::<f64>::new(comptime!(2 * rank + 2));
        let mut right = Array::<f64>::new(comptime!(2 * rank + 2));
        #[unroll]
        for i in 0..comptime!(2 * rank + 2) {
            left[i] = f64::cast_from(0u32);
            right[i] = f64::cast_from(0u32);
        }
        let by_size = 2.0f64 * by[ABSOLUTE_POS];
        let mut by_re = scaled.re * by_size + by[total + ABSOLUTE_POS];
        let mut by_im = scaled.im * by_size;
        let mut by_dt = f64::cast_from(0u32);
        #[unroll]
        for i in 0..comptime!(rank + 1) {
            #[unroll]
            for j in 0..comptime!(rank + 1) {
                let plane = 2 + 2 * (i * comptime!(rank + 1) + j);
                let first = by[plane * total + ABSOLUTE_POS];
                let second = by[(plane + 1) * total + ABSOLUTE_POS];
                let (l, r) = (vectors.left(i), vectors.right(j));
                let dv = Complex::new(scaled.re * second + first, scaled.im * second);
                let v = l.times(&r);
                by_re += v.re * step * second;
                by_im += v.im * step * second;
                by_dt += dv.re * v.re + dv.im * v.im;
                let to_left = dv.times(&r.conjugate()).scaled(step);
                let to_right = dv.times(&l.conjugate()).scaled(step);
                left[2 * i] += to_left.re;
                left[2 * i + 1] += to_left.im;
                right[2 * j] += to_right.re;
                right[2 * j + 1] += to_right.im;
            }
        }
        dc_re[ABSOLUTE_POS] = A::cast_from(left[0]);
        dc_im[ABSOLUTE_POS] = A::cast_from(left[1]);
        db_re[ABSOLUTE_POS] = A::cast_from(right[0]);
        db_im[ABSOLUTE_POS] = A::cast_from(right[1]);
        #[unroll]
        for i in 0..rank {
            let to = (ABSOLUTE_POS / poles * comptime!(rank) + i) * poles + own;
            dp_re[to] = left[2 * i + 2] + right[2 * i + 2];
            dp_im[to] = right[2 * i + 3] - left[2 * i + 3];
        }
        dlambda_re[ABSOLUTE_POS] = by_re * step;
        dlambda_im[ABSOLUTE_POS] = by_im * step;
        ddt[ABSOLUTE_POS] = by_dt + by_re * lambda.re + by_im * lambda.im;
    }
}
