//! One pole, discretised, with its derivatives: what `crate::poles` is on the CPU.

use crate::cube::Complex;
use crate::poles::Rule;
use cubecl::prelude::*;

/// How poles are discretised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PoleRule {
    /// Trapezoidal rule, else zero-order hold.
    pub bilinear: bool,
    /// Whether the rule's input gain counts, else it is 1.
    pub gain: bool,
}

impl PoleRule {
    pub(crate) fn new(rule: Rule, gain: bool) -> Self {
        Self {
            bilinear: rule == Rule::Bilinear,
            gain,
        }
    }
}

/// Factor per step and input gain, and their derivatives with respect to a and dt.
#[derive(CubeType, Clone, Copy)]
pub(crate) struct Pole {
    pub factor: Complex,
    pub gain: Complex,
    pub factor_a: Complex,
    pub factor_dt: Complex,
    pub gain_a: Complex,
    pub gain_dt: Complex,
}

#[cube]
impl Pole {
    /// Discretises `a` with step `dt`.
    pub(crate) fn new(a: &Complex, dt: f64, #[comptime] rule: PoleRule) -> Pole {
        let pole = if comptime!(rule.bilinear) {
            bilinear(a, dt)
        } else {
            held(a, dt)
        };
        if comptime!(rule.gain) {
            pole
        } else {
            let zero = f64::cast_from(0u32);
            Pole {
                factor: pole.factor,
                gain: Complex::new(f64::cast_from(1u32), zero),
                factor_a: pole.factor_a,
                factor_dt: pole.factor_dt,
                gain_a: Complex::new(zero, zero),
                gain_dt: Complex::new(zero, zero),
            }
        }
    }
}

#[cube]
fn bilinear(a: &Complex, dt: f64) -> Pole {
    let half = a.scaled(0.5f64 * dt);
    let inverse = Complex::new(1.0f64 - half.re, -half.im).inverse();
    let square = inverse.times(&inverse);
    Pole {
        factor: Complex::new(1.0f64 + half.re, half.im).times(&inverse),
        gain: inverse.scaled(dt),
        factor_a: square.scaled(dt),
        factor_dt: square.times(a),
        gain_a: square.scaled(0.5f64 * dt * dt),
        gain_dt: square,
    }
}

#[cube]
fn held(a: &Complex, dt: f64) -> Pole {
    let w = a.scaled(dt);
    let factor = w.exp();
    let (phi, slope) = hold(&w, &factor);
    Pole {
        gain: phi.scaled(dt),
        factor_a: factor.scaled(dt),
        factor_dt: factor.times(a),
        gain_a: slope.scaled(dt * dt),
        gain_dt: Complex::new(factor.re, factor.im),
        factor,
    }
}

/// phi(w) = (exp(w) - 1) / w and its derivative; series where the quotient would cancel.
#[cube]
fn hold(w: &Complex, exp: &Complex) -> (Complex, Complex) {
    let mut phi_re = f64::cast_from(0u32);
    let mut phi_im = f64::cast_from(0u32);
    let mut slope_re = f64::cast_from(0u32);
    let mut slope_im = f64::cast_from(0u32);
    if w.re * w.re + w.im * w.im < 0.25f64 {
        // phi = sum w^k / (k+1)!, phi' = sum (k+1) w^k / (k+2)!
        let mut term_re = f64::cast_from(1u32);
        let mut term_im = f64::cast_from(0u32);
        for k in 0..20u32 {
            let next = f64::cast_from(k + 1);
            let inverse = 1.0f64 / (next + 1.0f64);
            phi_re += term_re;
            phi_im += term_im;
            slope_re += term_re * next * inverse;
            slope_im += term_im * next * inverse;
            let old = term_re;
            term_re = (old * w.re - term_im * w.im) * inverse;
            term_im = (old * w.im + term_im * w.re) * inverse;
        }
    } else {
        let inverse = w.inverse();
        let phi = Complex::new(exp.re - 1.0f64, exp.im).times(&inverse);
        let slope = exp.minus(&phi).times(&inverse);
        phi_re = phi.re;
        phi_im = phi.im;
        slope_re = slope.re;
        slope_im = slope.im;
    }
    (
        Complex::new(phi_re, phi_im),
        Complex::new(slope_re, slope_im),
    )
}
