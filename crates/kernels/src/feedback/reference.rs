//! The loop in f64, position by position.

use super::FeedbackShape;

/// u [row, len]; `r` [row, len], `kernel` [channel, len].
///
/// # Panics
/// If a slice is shorter than its shape says.
pub fn feedback(r: &[f64], kernel: &[f64], shape: FeedbackShape) -> Vec<f64> {
    let len = shape.len;
    let mut out = Vec::with_capacity(shape.rows * len);
    for row in 0..shape.rows {
        let kernel = &kernel[row % shape.channels * len..][..len];
        let start = out.len();
        for t in 0..len {
            let u: &[f64] = &out[start..];
            let fed: f64 = (0..t).map(|j| kernel[j] * u[t - 1 - j]).sum();
            out.push(r[row * len + t] + fed);
        }
    }
    out
}
