//! The recurrence in f64, position by position.

use super::DiagonalStateShape;
use crate::vandermonde::reference::discretise;
use realfft::num_complex::Complex64;

/// Inputs of [`diagonal_state`] as slices; complex ones as (real, imaginary).
#[derive(Debug, Clone, Copy)]
pub struct DiagonalStateSlices<'a> {
    /// [batch, len, channel].
    pub x: &'a [f64],
    /// [channel, state].
    pub a: (&'a [f64], &'a [f64]),
    /// `[channel]`.
    pub dt: &'a [f64],
    /// [batch, channel, state].
    pub initial: (&'a [f64], &'a [f64]),
    /// [batch, len], or empty for "one sequence".
    pub seq_idx: &'a [i64],
}

/// The state's real and imaginary parts, each [batch, channel, state].
///
/// # Panics
/// If a slice is shorter than its shape says.
pub fn diagonal_state(
    input: DiagonalStateSlices<'_>,
    shape: DiagonalStateShape,
) -> (Vec<f64>, Vec<f64>) {
    let (mut re, mut im) = (Vec::new(), Vec::new());
    for row in 0..shape.batch {
        let index = |t: usize| input.seq_idx.get(row * shape.len + t);
        for channel in 0..shape.channels {
            for n in 0..shape.state {
                let at = channel * shape.state + n;
                let own = row * shape.channels * shape.state + at;
                let a = Complex64::new(input.a.0[at], input.a.1[at]);
                let (z, gain) = discretise(shape.rule, a, input.dt[channel]);
                let mut h = Complex64::new(input.initial.0[own], input.initial.1[own]);
                for t in 0..shape.len {
                    if t > 0 && index(t) != index(t - 1) {
                        h = Complex64::new(0.0, 0.0);
                    }
                    h = z * h + gain * input.x[(row * shape.len + t) * shape.channels + channel];
                }
                re.push(h.re);
                im.push(h.im);
            }
        }
    }
    (re, im)
}
