//! The definition in f64, power by power.

use super::{Rule, VandermondeShape};
use realfft::num_complex::Complex64;

/// Inputs of [`vandermonde`] as slices; complex ones as (real, imaginary).
#[derive(Debug, Clone, Copy)]
pub struct VandermondeSlices<'a> {
    /// [channel, state].
    pub a: (&'a [f64], &'a [f64]),
    /// `[channel]`.
    pub dt: &'a [f64],
    /// [row, state].
    pub c: (&'a [f64], &'a [f64]),
}

/// Factor per step and input gain of one pole, as in the module's text.
pub fn discretise(rule: Rule, a: Complex64, dt: f64) -> (Complex64, Complex64) {
    let one = Complex64::new(1.0, 0.0);
    match rule {
        Rule::ZeroOrderHold if a * dt == Complex64::new(0.0, 0.0) => (one, one * dt),
        Rule::ZeroOrderHold => ((a * dt).exp(), exp_minus_one(a * dt) / a),
        Rule::Bilinear => {
            let half = a * dt / 2.0;
            ((one + half) / (one - half), one / (one - half) * dt)
        }
    }
}

/// exp(w) - 1 without cancellation: with w = x + i y the real part is expm1(x) cos y - 2 sin^2(y / 2).
fn exp_minus_one(w: Complex64) -> Complex64 {
    let half = (0.5 * w.im).sin();
    Complex64::new(
        w.re.exp_m1() * w.im.cos() - 2.0 * half * half,
        w.re.exp() * w.im.sin(),
    )
}

/// k [row, len].
///
/// # Panics
/// If a slice is shorter than its shape says.
pub fn vandermonde(input: VandermondeSlices<'_>, shape: VandermondeShape) -> Vec<f64> {
    let options = shape.options;
    let mut kernel = Vec::with_capacity(shape.rows * options.len);
    for row in 0..shape.rows {
        let channel = row % shape.channels;
        for l in 0..options.len {
            let mut sum = 0.0;
            for n in 0..shape.state {
                let (at, own) = (channel * shape.state + n, row * shape.state + n);
                let a = Complex64::new(input.a.0[at], input.a.1[at]);
                let c = Complex64::new(input.c.0[own], input.c.1[own]);
                let (z, gain) = discretise(options.rule, a, input.dt[channel]);
                let gain = if options.gain { gain } else { 1.0.into() };
                sum += (c * gain * z.powu((l + options.offset) as u32)).re;
            }
            kernel.push(shape.scale() * sum);
        }
    }
    kernel
}
