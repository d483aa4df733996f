//! The step in f64, line by line.

use super::MambaStepShape;

/// Weights and states as row-major slices; shapes as in [`super`].
#[derive(Debug, Clone, Copy)]
pub struct MambaStepSlices<'a> {
    /// [batch, hidden].
    pub u: &'a [f64],
    /// [2 inner, hidden].
    pub w_in: &'a [f64],
    /// [inner, tap].
    pub conv_weight: &'a [f64],
    /// `[inner]`.
    pub conv_bias: &'a [f64],
    /// [rank + 2 state, inner].
    pub w_x: &'a [f64],
    /// [inner, rank].
    pub w_dt: &'a [f64],
    /// `[inner]`.
    pub dt_bias: &'a [f64],
    /// [inner, state].
    pub a_log: &'a [f64],
    /// `[inner]`.
    pub d: &'a [f64],
    /// [hidden, inner].
    pub w_out: &'a [f64],
    /// [batch, inner, tap - 1].
    pub conv: &'a [f64],
    /// [batch, inner, state].
    pub ssm: &'a [f64],
}

fn silu(x: f64) -> f64 {
    x / (1.0 + (-x).exp())
}

fn product(matrix: &[f64], vector: &[f64]) -> Vec<f64> {
    let rows = matrix.chunks(vector.len());
    rows.map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum())
        .collect()
}

/// Output [batch, hidden], carried inputs and state behind the step.
///
/// # Panics
/// If a slice is shorter than its shape says.
pub fn mamba_step(
    input: MambaStepSlices<'_>,
    shape: MambaStepShape,
) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let MambaStepShape {
        inner, state, rank, ..
    } = shape;
    let carried = shape.taps - 1;
    let (mut conv, mut ssm) = (input.conv.to_vec(), input.ssm.to_vec());
    let mut out = Vec::with_capacity(shape.batch * shape.hidden);
    for (row, u) in input.u.chunks(shape.hidden).enumerate() {
        let projected = product(input.w_in, u);
        let (fresh, z) = projected.split_at(inner);
        let mut x = vec![0.0; inner];
        for (channel, x) in x.iter_mut().enumerate() {
            let old = &mut conv[(row * inner + channel) * carried..][..carried];
            let weight = &input.conv_weight[channel * shape.taps..][..shape.taps];
            let past: f64 = old.iter().zip(weight).map(|(a, b)| a * b).sum();
            *x = silu(past + weight[carried] * fresh[channel] + input.conv_bias[channel]);
            old.rotate_left(1);
            old[carried - 1] = fresh[channel];
        }
        let low = product(input.w_x, &x);
        let (b, c) = low[rank..].split_at(state);
        let raw = product(input.w_dt, &low[..rank]);
        let mut v = vec![0.0; inner];
        for e in 0..inner {
            let raw = raw[e] + input.dt_bias[e];
            let dt = raw.max(0.0) + (-raw.abs()).exp().ln_1p();
            let h = &mut ssm[(row * inner + e) * state..][..state];
            let mut sum = input.d[e] * x[e];
            for n in 0..state {
                let decay = (-dt * input.a_log[e * state + n].exp()).exp();
                h[n] = decay * h[n] + dt * b[n] * x[e];
                sum += c[n] * h[n];
            }
            v[e] = sum * silu(z[e]);
        }
        out.extend(product(input.w_out, &v));
    }
    (out, conv, ssm)
}
