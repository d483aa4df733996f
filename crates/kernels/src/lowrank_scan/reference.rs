//! The recurrence in f64, position by position.

use super::LowRankScanShape;
use realfft::num_complex::Complex64;

/// Inputs of [`lowrank_scan`] as slices; complex ones as (real, imaginary).
#[derive(Debug, Clone, Copy)]
pub struct LowRankScanSlices<'a> {
    /// [batch, len, channel].
    pub x: &'a [f64],
    /// [channel, state].
    pub alpha: (&'a [f64], &'a [f64]),
    /// [rank, channel, state].
    pub beta: (&'a [f64], &'a [f64]),
    /// [rank, channel, state].
    pub kappa: (&'a [f64], &'a [f64]),
    /// [channel, state].
    pub b: (&'a [f64], &'a [f64]),
    /// [channel, state].
    pub c: (&'a [f64], &'a [f64]),
    /// [batch, channel, state].
    pub initial: (&'a [f64], &'a [f64]),
    /// [batch, len], or empty for "one sequence".
    pub seq_idx: &'a [i64],
}

/// y [batch, len, channel], and the final state's real and imaginary parts [batch, channel, state].
///
/// # Panics
/// If a slice is shorter than its shape says.
pub fn lowrank_scan(
    input: LowRankScanSlices<'_>,
    shape: LowRankScanShape,
) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let LowRankScanShape {
        len,
        channels,
        state,
        ..
    } = shape;
    let at = |pair: (&[f64], &[f64]), index: usize| Complex64::new(pair.0[index], pair.1[index]);
    let mut y = vec![0.0; shape.y_elements()];
    let (mut re, mut im) = (Vec::new(), Vec::new());
    for row in 0..shape.batch {
        for channel in 0..channels {
            let own = channel * state;
            let start = (row * channels + channel) * state;
            let mut h: Vec<Complex64> = (0..state).map(|n| at(input.initial, start + n)).collect();
            for t in 0..len {
                let index = |t: usize| input.seq_idx.get(row * len + t);
                if t > 0 && index(t) != index(t - 1) {
                    h.fill(Complex64::new(0.0, 0.0));
                }
                let read: Vec<f64> = (0..shape.rank)
                    .map(|i| {
                        let first = (i * channels + channel) * state;
                        (0..state)
                            .map(|n| (at(input.kappa, first + n) * h[n]).re)
                            .sum()
                    })
                    .collect();
                let u = input.x[(row * len + t) * channels + channel];
                for (n, h) in h.iter_mut().enumerate() {
                    *h = at(input.alpha, own + n) * *h + at(input.b, own + n) * u;
                    for (i, read) in read.iter().enumerate() {
                        *h -= at(input.beta, (i * channels + channel) * state + n) * read;
                    }
                }
                let terms = h.iter().enumerate();
                y[(row * len + t) * channels + channel] =
                    terms.map(|(n, h)| (at(input.c, own + n) * h).re).sum();
            }
            re.extend(h.iter().map(|h| h.re));
            im.extend(h.iter().map(|h| h.im));
        }
    }
    (y, re, im)
}
