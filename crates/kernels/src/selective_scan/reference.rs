//! The recurrence of the paper in f64, position by position.

use super::SelectiveScanShape;

/// Inputs as row-major slices; shapes as in [`super`].
#[derive(Debug, Clone, Copy)]
pub struct SelectiveScanSlices<'a> {
    /// [batch, len, channel].
    pub x: &'a [f64],
    /// [batch, len, channel], before bias and softplus.
    pub dt: &'a [f64],
    /// [channel, state].
    pub a: &'a [f64],
    /// [batch, len, group, state].
    pub b: &'a [f64],
    /// [batch, len, group, state].
    pub c: &'a [f64],
    /// `[channel]`.
    pub d: &'a [f64],
    /// `[channel]`.
    pub dt_bias: &'a [f64],
    /// [batch, len, channel], or empty for no gate.
    pub z: &'a [f64],
    /// [batch, channel, state].
    pub initial: &'a [f64],
    /// [batch, len], or empty for one sequence per row.
    pub seq_idx: &'a [i64],
}

/// h_t = exp(dt_t A) h_{t-1} + dt_t B_t x_t;  y_t = (C_t h_t + D x_t) SiLU(z_t), with
/// dt = softplus(dt + bias) where `shape.softplus` says so.
///
/// Where `seq_idx` changes between two positions the state is zeroed between them.
///
/// Returns (y, final state). O(batch len channel state) time.
///
/// # Panics
/// If a slice is shorter than its shape says.
pub fn selective_scan(
    input: SelectiveScanSlices<'_>,
    shape: SelectiveScanShape,
) -> (Vec<f64>, Vec<f64>) {
    let SelectiveScanShape {
        batch,
        len,
        channels,
        groups,
        state,
        ..
    } = shape;
    let mut y = vec![0.0; shape.y_elements()];
    let mut last = input.initial.to_vec();
    for row in 0..batch {
        for e in 0..channels {
            let group = e / shape.channels_per_group();
            let a = &input.a[e * state..][..state];
            let h = &mut last[(row * channels + e) * state..][..state];
            for t in 0..len {
                let at = row * len + t;
                if t > 0 && !input.seq_idx.is_empty() && input.seq_idx[at] != input.seq_idx[at - 1]
                {
                    h.fill(0.0);
                }
                let x = input.x[at * channels + e];
                let raw = input.dt[at * channels + e] + input.dt_bias[e];
                let dt = if shape.softplus { softplus(raw) } else { raw };
                let b = &input.b[(at * groups + group) * state..][..state];
                let c = &input.c[(at * groups + group) * state..][..state];
                let mut sum = input.d[e] * x;
                for n in 0..state {
                    h[n] = (dt * a[n]).exp() * h[n] + dt * b[n] * x;
                    sum += c[n] * h[n];
                }
                let gate = match shape.gated {
                    true => silu(input.z[at * channels + e]),
                    false => 1.0,
                };
                y[at * channels + e] = sum * gate;
            }
        }
    }
    (y, last)
}

/// ln(1 + exp(x)) without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn silu(z: f64) -> f64 {
    z / (1.0 + (-z).exp())
}
