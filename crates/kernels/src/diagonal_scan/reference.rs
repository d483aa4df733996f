//! The recurrence in f64, position by position.

use super::DiagonalScanShape;
use realfft::num_complex::Complex64;

/// Inputs of [`diagonal_scan`] as slices; complex ones but `x` as (real, imaginary).
#[derive(Debug, Clone, Copy)]
pub struct DiagonalScanSlices<'a> {
    /// [batch, len, 2 channel].
    pub x: &'a [f64],
    /// `[channel]` or [batch, len, channel].
    pub a: (&'a [f64], &'a [f64]),
    /// [batch, channel].
    pub initial: (&'a [f64], &'a [f64]),
    /// [batch, len], or empty for "one sequence".
    pub seq_idx: &'a [i64],
}

/// h [batch, len, 2 channel].
///
/// # Panics
/// If a slice is shorter than its shape says.
pub fn diagonal_scan(input: DiagonalScanSlices<'_>, shape: DiagonalScanShape) -> Vec<f64> {
    let DiagonalScanShape { len, channels, .. } = shape;
    let mut out = vec![0.0; shape.batch * len * 2 * channels];
    for row in 0..shape.batch {
        for channel in 0..channels {
            let at = row * channels + channel;
            let mut h = Complex64::new(input.initial.0[at], input.initial.1[at]);
            for i in 0..len {
                let t = if shape.reverse { len - 1 - i } else { i };
                let before = if shape.reverse {
                    t + 1
                } else {
                    t.wrapping_sub(1)
                };
                let index = |t: usize| input.seq_idx.get(row * len + t);
                if i > 0 && index(t) != index(before) {
                    h = Complex64::new(0.0, 0.0);
                }
                let at = match shape.varying {
                    true => (row * len + t) * channels + channel,
                    false => channel,
                };
                let own = (row * len + t) * 2 * channels + channel;
                let x = Complex64::new(input.x[own], input.x[own + channels]);
                h = Complex64::new(input.a.0[at], input.a.1[at]) * h + x;
                (out[own], out[own + channels]) = (h.re, h.im);
            }
        }
    }
    out
}
