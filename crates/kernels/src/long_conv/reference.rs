//! The double sum in f64, output by output.

use super::LongConvShape;

/// Inputs of [`long_conv`] as slices, in the layouts of the module's table.
#[derive(Debug, Clone, Copy)]
pub struct LongConvSlices<'a> {
    /// [batch, len, channel].
    pub x: &'a [f64],
    /// [channel, tap].
    pub kernel: &'a [f64],
    /// [channel, tap].
    pub reverse: &'a [f64],
    /// `[channel]`.
    pub skip: &'a [f64],
    /// [batch, len, channel], or empty for zero.
    pub initial: &'a [f64],
    /// [batch, len], or empty for "one sequence".
    pub seq_idx: &'a [i64],
}

/// y [batch, len, channel].
///
/// # Panics
/// If a slice is shorter than its shape says.
pub fn long_conv(input: LongConvSlices<'_>, shape: LongConvShape) -> Vec<f64> {
    let LongConvShape { len, channels, .. } = shape;
    let mut y = Vec::with_capacity(shape.batch * len * channels);
    for row in 0..shape.batch {
        let x = |t: usize, channel: usize| input.x[(row * len + t) * channels + channel];
        let joined = |i: usize, j: usize| {
            input.seq_idx.is_empty() || input.seq_idx[row * len + i] == input.seq_idx[row * len + j]
        };
        for t in 0..len {
            for channel in 0..channels {
                let initial = input.initial.get((row * len + t) * channels + channel);
                let mut sum = initial.copied().unwrap_or(0.0) + input.skip[channel] * x(t, channel);
                for m in (0..shape.taps.min(t + 1)).filter(|m| joined(t - m, t)) {
                    sum += input.kernel[channel * shape.taps + m] * x(t - m, channel);
                }
                for m in (0..shape.reverse_taps.min(len - 1 - t)).filter(|m| joined(t + 1 + m, t)) {
                    let tap = input.reverse[channel * shape.reverse_taps + m];
                    sum += tap * x(t + 1 + m, channel);
                }
                y.push(sum);
            }
        }
    }
    y
}
