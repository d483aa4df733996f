//! The definition in f64, row by row.

use super::LayerNormShape;

/// y [row, channel].
///
/// # Panics
/// If a slice is shorter than its shape says.
pub fn layer_norm(x: &[f64], weight: &[f64], bias: &[f64], shape: LayerNormShape) -> Vec<f64> {
    let width = shape.channels / shape.groups.max(1);
    let mut y = Vec::with_capacity(x.len());
    for start in (0..shape.rows * shape.channels).step_by(width.max(1)) {
        let x = &x[start..start + width];
        let mean = x.iter().sum::<f64>() / width as f64;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width as f64;
        let deviation = (variance + shape.eps).sqrt();
        let first = start % shape.channels;
        y.extend(
            x.iter()
                .enumerate()
                .map(|(i, x)| (x - mean) / deviation * weight[first + i] + bias[first + i]),
        );
    }
    y
}
