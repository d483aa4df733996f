//! The definition in f64, row by row.

/// y [row, channel] from x [row, 2 channel] and bias [2 channel].
pub fn glu(x: &[f64], bias: &[f64]) -> Vec<f64> {
    let channels = bias.len() / 2;
    let mut y = Vec::with_capacity(x.len() / 2);
    for row in x.chunks((2 * channels).max(1)) {
        for c in 0..channels {
            let gate = row[channels + c] + bias[channels + c];
            y.push((row[c] + bias[c]) / (1.0 + (-gate).exp()));
        }
    }
    y
}
