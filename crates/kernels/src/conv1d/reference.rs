//! The convolution sum in f64, element by element.

use super::{Activation, Conv1dShape};

/// Inputs as row-major slices; shapes as in [`super`].
#[derive(Debug, Clone, Copy)]
pub struct Conv1dSlices<'a> {
    /// [batch, len, channel].
    pub x: &'a [f64],
    /// [channel, tap].
    pub weight: &'a [f64],
    /// `[channel]`.
    pub bias: &'a [f64],
    /// [batch, channel, tap - 1].
    pub initial: &'a [f64],
    /// [batch, len], or empty for one sequence per row.
    pub seq_idx: &'a [i64],
}

/// y [batch, len, channel].
///
/// # Panics
/// If a slice is shorter than its shape says.
pub fn conv1d(input: Conv1dSlices<'_>, shape: Conv1dShape) -> Vec<f64> {
    let mut y = Vec::with_capacity(shape.batch * shape.len * shape.channels);
    for row in 0..shape.batch {
        for t in 0..shape.len {
            for channel in 0..shape.channels {
                let mut z = input.bias[channel];
                for tap in 0..shape.taps {
                    let weight = input.weight[channel * shape.taps + tap];
                    z += weight * value(&input, shape, row, channel, (t + tap, t));
                }
                y.push(match shape.activation {
                    Activation::Identity => z,
                    Activation::Silu => z / (1.0 + (-z).exp()),
                });
            }
        }
    }
    y
}

/// Input that the tap reaching `shifted - left` contributes at position `t`.
fn value(
    input: &Conv1dSlices<'_>,
    shape: Conv1dShape,
    row: usize,
    channel: usize,
    (shifted, t): (usize, usize),
) -> f64 {
    let left = shape.left();
    let sequence = |at: usize| input.seq_idx.get(row * shape.len + at).copied();
    if shifted < left {
        // Before the first position: the carried inputs, which belong to the first sequence.
        let carried = match shape.padding {
            super::Padding::Causal => (row * shape.channels + channel) * (shape.taps - 1) + shifted,
            super::Padding::Centred => return 0.0,
        };
        return if sequence(t) == sequence(0) {
            input.initial[carried]
        } else {
            0.0
        };
    }
    let at = shifted - left;
    if at >= shape.len || sequence(at) != sequence(t) {
        return 0.0;
    }
    input.x[(row * shape.len + at) * shape.channels + channel]
}
