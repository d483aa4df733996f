//! The definition in f64, channel by channel.

use super::BatchNormShape;

/// Means, then population variances, over the rows whose mark is not 0; of all rows without marks.
///
/// # Panics
/// If a slice is shorter than its shape says.
pub fn moments(x: &[f64], marks: &[f64], shape: BatchNormShape) -> Vec<f64> {
    let channels = shape.channels;
    let counts = |row: &usize| marks.is_empty() || marks[*row] != 0.0;
    let rows: Vec<usize> = (0..shape.rows).filter(counts).collect();
    let mean = |channel: usize| {
        let sum: f64 = rows.iter().map(|row| x[row * channels + channel]).sum();
        sum / rows.len() as f64
    };
    let means: Vec<f64> = (0..channels).map(mean).collect();
    let variance = |channel: usize| {
        let square = |row: &usize| (x[row * channels + channel] - means[channel]).powi(2);
        rows.iter().map(square).sum::<f64>() / rows.len() as f64
    };
    let variances: Vec<f64> = (0..channels).map(variance).collect();
    [means, variances].concat()
}

/// y [row, channel] from moments as [`moments`] gives them.
///
/// # Panics
/// If a slice is shorter than its shape says.
pub fn batch_norm(
    x: &[f64],
    weight: &[f64],
    bias: &[f64],
    moments: &[f64],
    shape: BatchNormShape,
) -> Vec<f64> {
    let (means, variances) = moments.split_at(shape.channels);
    let value = |(at, x): (usize, &f64)| {
        let channel = at % shape.channels;
        let deviation = (variances[channel] + shape.eps).sqrt();
        (x - means[channel]) / deviation * weight[channel] + bias[channel]
    };
    x.iter().enumerate().map(value).collect()
}
