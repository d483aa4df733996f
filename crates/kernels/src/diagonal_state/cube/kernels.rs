//! Between parameters, states and the sums over positions: a unit per pole.

use crate::cube::Complex;
use crate::vandermonde::cube::{Pole, PoleRule};
use cubecl::prelude::*;

/// Sizes of a call.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(super) struct Sizes {
    pub channels: usize,
    pub state: usize,
    pub len: usize,
    /// Poles of all rows.
    pub total: usize,
}

/// What is fixed when a kernel is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Plan {
    pub rule: PoleRule,
    /// Whether there are sequence indices.
    pub packed: bool,
}

/// `factors` [2, channel, state].
#[cube(launch)]
pub(super) fn prepare<A: Float>(
    a_re: &[A],
    a_im: &[A],
    dt: &[A],
    factors: &mut [f64],
    sizes: Sizes,
    #[comptime] plan: Plan,
    #[define(A)] _type: ElemType,
) {
    let poles = sizes.channels * sizes.state;
    if ABSOLUTE_POS < poles {
        let a = Complex::read::<A>(a_re, a_im, ABSOLUTE_POS);
        let pole = Pole::new(
            &a,
            f64::cast_from(dt[ABSOLUTE_POS / sizes.state]),
            plan.rule,
        );
        factors[ABSOLUTE_POS] = pole.factor.re;
        factors[poles + ABSOLUTE_POS] = pole.factor.im;
    }
}

/// Whether the initial state reaches the end of the row of this unit.
#[cube]
fn arrives<I: Numeric>(seq_idx: &[I], sizes: &Sizes, #[comptime] plan: Plan) -> bool {
    let mut same = true;
    if comptime!(plan.packed) {
        let first = ABSOLUTE_POS / (sizes.channels * sizes.state) * sizes.len;
        same = seq_idx[first] == seq_idx[first + sizes.len - 1];
    }
    same
}

/// z^len initial + gain sum, where the initial state arrives; `moments` and `states` [2, batch, channel,
/// state].
#[cube(launch)]
pub(super) fn states<A: Float, I: Numeric>(
    a_re: &[A],
    a_im: &[A],
    dt: &[A],
    initial_re: &[A],
    initial_im: &[A],
    seq_idx: &[I],
    moments: &[f64],
    states: &mut [A],
    sizes: Sizes,
    #[comptime] plan: Plan,
    #[define(A, I)] _types: [ElemType; 2],
) {
    if ABSOLUTE_POS < sizes.total {
        let own = ABSOLUTE_POS % (sizes.channels * sizes.state);
        let a = Complex::read::<A>(a_re, a_im, own);
        let pole = Pole::new(&a, f64::cast_from(dt[own / sizes.state]), plan.rule);
        let sum = Complex::load::<f64>(moments, ABSOLUTE_POS, sizes.total);
        let state = pole.gain.times(&sum);
        let mut re = state.re;
        let mut im = state.im;
        if arrives::<I>(seq_idx, &sizes, plan) {
            let initial = Complex::read::<A>(initial_re, initial_im, ABSOLUTE_POS);
            let carried = pole.factor.power(sizes.len).times(&initial);
            re += carried.re;
            im += carried.im;
        }
        states[ABSOLUTE_POS] = A::cast_from(re);
        states[sizes.total + ABSOLUTE_POS] = A::cast_from(im);
    }
}

/// With F = sum conj(G) h the loss moves as Re dF, holomorphic in z, gain and initial.
///
/// `moments` [4, batch, channel, state], `grad` [2, batch, channel, state]. `weights`, as `grad`, are
/// those of dx; `da_re`, `da_im` and `ddt` receive what each row contributes.
#[cube(launch)]
pub(super) fn gradients<A: Float, I: Numeric>(
    a_re: &[A],
    a_im: &[A],
    dt: &[A],
    initial_re: &[A],
    initial_im: &[A],
    seq_idx: &[I],
    moments: &[f64],
    grad: &[A],
    weights: &mut [f64],
    da_re: &mut [f64],
    da_im: &mut [f64],
    ddt: &mut [f64],
    dinitial_re: &mut [A],
    dinitial_im: &mut [A],
    sizes: Sizes,
    #[comptime] plan: Plan,
    #[define(A, I)] _types: [ElemType; 2],
) {
    if ABSOLUTE_POS < sizes.total {
        let own = ABSOLUTE_POS % (sizes.channels * sizes.state);
        let a = Complex::read::<A>(a_re, a_im, own);
        let pole = Pole::new(&a, f64::cast_from(dt[own / sizes.state]), plan.rule);
        let s0 = Complex::load::<f64>(moments, ABSOLUTE_POS, sizes.total);
        let s1 = Complex::load::<f64>(moments, 2 * sizes.total + ABSOLUTE_POS, sizes.total);
        let cotangent = Complex::load::<A>(grad, ABSOLUTE_POS, sizes.total).conjugate();
        // z^len and its derivative, where the initial state arrives.
        let mut carry_re = f64::cast_from(0u32);
        let mut carry_im = f64::cast_from(0u32);
        let mut slope_re = f64::cast_from(0u32);
        let mut slope_im = f64::cast_from(0u32);
        if arrives::<I>(seq_idx, &sizes, plan) {
            carry_re = f64::cast_from(1u32);
            if sizes.len > 0 {
                let before = pole.factor.power(sizes.len - 1);
                let carry = before.times(&pole.factor);
                carry_re = carry.re;
                carry_im = carry.im;
                slope_re = before.re * f64::cast_from(sizes.len);
                slope_im = before.im * f64::cast_from(sizes.len);
            }
        }
        let initial = Complex::read::<A>(initial_re, initial_im, ABSOLUTE_POS);
        let slope = Complex::new(slope_re, slope_im).times(&initial);
        let by_factor = cotangent.times(&pole.gain.times(&s1).plus(&slope));
        let by_gain = cotangent.times(&s0);
        let by_initial = cotangent.times(&Complex::new(carry_re, carry_im));
        let by_a = by_factor
            .times(&pole.factor_a)
            .plus(&by_gain.times(&pole.gain_a));
        let by_dt = by_factor
            .times(&pole.factor_dt)
            .plus(&by_gain.times(&pole.gain_dt));
        let weight = cotangent.times(&pole.gain);
        weights[ABSOLUTE_POS] = weight.re;
        weights[sizes.total + ABSOLUTE_POS] = weight.im;
        da_re[ABSOLUTE_POS] = by_a.re;
        da_im[ABSOLUTE_POS] = -by_a.im;
        ddt[ABSOLUTE_POS] = by_dt.re;
        dinitial_re[ABSOLUTE_POS] = A::cast_from(by_initial.re);
        dinitial_im[ABSOLUTE_POS] = A::cast_from(-by_initial.im);
    }
}
