//! The definition in f64, row by row.

use super::RmsNormShape;

/// y [row, channel]; `gate` is empty when the shape is not gated.
///
/// # Panics
/// If a slice is shorter than its shape says.
pub fn rms_norm(x: &[f64], gate: &[f64], weight: &[f64], shape: RmsNormShape) -> Vec<f64> {
    let width = shape.channels / shape.groups.max(1);
    let mut y = Vec::with_capacity(x.len());
    for start in (0..shape.rows * shape.channels).step_by(width.max(1)) {
        let v: Vec<f64> = (start..start + width)
            .map(|at| match shape.gated {
                true => x[at] * gate[at] / (1.0 + (-gate[at]).exp()),
                false => x[at],
            })
            .collect();
        let mean = v.iter().map(|v| v * v).sum::<f64>() / width as f64;
        let scale = 1.0 / (mean + shape.eps).sqrt();
        let weight = &weight[start % shape.channels..];
        y.extend(v.iter().zip(weight).map(|(v, w)| v * scale * w));
    }
    y
}
