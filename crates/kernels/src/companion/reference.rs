//! The powers in f64, one multiplication by A per position.

use super::CompanionShape;

/// f [row, len]; `a` [channel, state], `b`, `c` [row, state].
///
/// # Panics
/// If a slice is shorter than its shape says.
pub fn companion(a: &[f64], b: &[f64], c: &[f64], shape: CompanionShape) -> Vec<f64> {
    let d = shape.state;
    let mut kernel = Vec::with_capacity(shape.rows * shape.len);
    for row in 0..shape.rows {
        let a = &a[row % shape.channels * d..][..d];
        let c = &c[row * d..][..d];
        let mut x = b[row * d..][..d].to_vec();
        for _ in 0..shape.len {
            kernel.push(c.iter().zip(&x).map(|(c, x)| c * x).sum());
            let Some(last) = x.last().copied() else {
                continue;
            };
            x.rotate_right(1);
            x[0] = 0.0;
            for (x, a) in x.iter_mut().zip(a) {
                *x += a * last;
            }
        }
    }
    kernel
}
