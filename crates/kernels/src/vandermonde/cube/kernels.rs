//! From parameters to factors and weights, and from moments to gradients: a unit per pole of a row.

use super::pole::{Pole, PoleRule};
use crate::cube::Complex;
use cubecl::prelude::*;

/// Sizes and constants of a call.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(super) struct Sizes {
    pub channels: usize,
    pub state: usize,
    /// Poles of all rows.
    pub total: usize,
    /// Power of the first position.
    pub offset: usize,
}

/// `factors` [2, channel, state] and `weights` [2, row, state]: s c gain z^offset.
#[cube(launch)]
pub(super) fn prepare<A: Float>(
    a_re: &[A],
    a_im: &[A],
    dt: &[A],
    c_re: &[A],
    c_im: &[A],
    factors: &mut [f64],
    weights: &mut [f64],
    sizes: Sizes,
    scale: f64,
    #[comptime] rule: PoleRule,
    #[define(A)] _type: ElemType,
) {
    if ABSOLUTE_POS < sizes.total {
        let poles = sizes.channels * sizes.state;
        let own = ABSOLUTE_POS % poles;
        let a = Complex::read::<A>(a_re, a_im, own);
        let pole = Pole::new(&a, f64::cast_from(dt[own / sizes.state]), rule);
        let c = Complex::read::<A>(c_re, c_im, ABSOLUTE_POS);
        let weight = c.times(&pole.gain).times(&pole.factor.power(sizes.offset));
        weights[ABSOLUTE_POS] = weight.re * scale;
        weights[sizes.total + ABSOLUTE_POS] = weight.im * scale;
        if ABSOLUTE_POS < poles {
            factors[own] = pole.factor.re;
            factors[poles + own] = pole.factor.im;
        }
    }
}

/// With F = sum_l g_l c gain z^(l + offset) the loss moves as s Re dF: holomorphic in c, gain and z,
/// so every gradient is s conj(dF / d parameter).
///
/// `moments` [4, row, state]. `da_re`, `da_im` and `ddt` receive what each row contributes.
#[cube(launch)]
pub(super) fn gradients<A: Float>(
    a_re: &[A],
    a_im: &[A],
    dt: &[A],
    c_re: &[A],
    c_im: &[A],
    moments: &[f64],
    da_re: &mut [f64],
    da_im: &mut [f64],
    ddt: &mut [f64],
    dc_re: &mut [A],
    dc_im: &mut [A],
    sizes: Sizes,
    scale: f64,
    #[comptime] rule: PoleRule,
    #[define(A)] _type: ElemType,
) {
    if ABSOLUTE_POS < sizes.total {
        let own = ABSOLUTE_POS % (sizes.channels * sizes.state);
        let a = Complex::read::<A>(a_re, a_im, own);
        let pole = Pole::new(&a, f64::cast_from(dt[own / sizes.state]), rule);
        let c = Complex::read::<A>(c_re, c_im, ABSOLUTE_POS);
        let s0 = Complex::load::<f64>(moments, ABSOLUTE_POS, sizes.total);
        let s1 = Complex::load::<f64>(moments, 2 * sizes.total + ABSOLUTE_POS, sizes.total);
        let mut value_re = s0.re;
        let mut value_im = s0.im;
        let mut slope_re = s1.re;
        let mut slope_im = s1.im;
        if sizes.offset > 0 {
            let before = pole.factor.power(sizes.offset - 1);
            let power = before.times(&pole.factor);
            let value = power.times(&s0);
            let by_power = before.times(&s0).scaled(f64::cast_from(sizes.offset));
            let slope = power.times(&s1).plus(&by_power);
            value_re = value.re;
            value_im = value.im;
            slope_re = slope.re;
            slope_im = slope.im;
        }
        let value = Complex::new(value_re, value_im);
        let by_factor = c.times(&pole.gain).times(&Complex::new(slope_re, slope_im));
        let by_gain = c.times(&value);
        let by_c = pole.gain.times(&value);
        let by_a = by_factor
            .times(&pole.factor_a)
            .plus(&by_gain.times(&pole.gain_a));
        let by_dt = by_factor
            .times(&pole.factor_dt)
            .plus(&by_gain.times(&pole.gain_dt));
        da_re[ABSOLUTE_POS] = by_a.re * scale;
        da_im[ABSOLUTE_POS] = -by_a.im * scale;
        ddt[ABSOLUTE_POS] = by_dt.re * scale;
        dc_re[ABSOLUTE_POS] = A::cast_from(by_c.re * scale);
        dc_im[ABSOLUTE_POS] = A::cast_from(-by_c.im * scale);
    }
}
