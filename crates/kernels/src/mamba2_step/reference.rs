//! The step in f64, line by line.

use super::Mamba2StepShape;

/// Weights and states as row-major slices; shapes as in [`super`].
#[derive(Debug, Clone, Copy)]
pub struct Mamba2StepSlices<'a> {
    /// [batch, hidden].
    pub u: &'a [f64],
    /// [row, hidden].
    pub w_in: &'a [f64],
    /// [channel, tap].
    pub conv_weight: &'a [f64],
    /// `[channel]`.
    pub conv_bias: &'a [f64],
    /// `[head]`.
    pub dt_bias: &'a [f64],
    /// `[head]`.
    pub a_log: &'a [f64],
    /// `[head]`.
    pub d: &'a [f64],
    /// `[inner]`.
    pub norm: &'a [f64],
    /// [hidden, inner].
    pub w_out: &'a [f64],
    /// [batch, channel, tap - 1].
    pub conv: &'a [f64],
    /// [batch, head, head_dim, state].
    pub ssm: &'a [f64],
}

fn silu(x: f64) -> f64 {
    x / (1.0 + (-x).exp())
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Output [batch, hidden], carried inputs and state behind the step.
///
/// # Panics
/// If a slice is shorter than its shape says.
pub fn mamba2_step(
    input: Mamba2StepSlices<'_>,
    shape: Mamba2StepShape,
) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let (inner, channels, carried) = (shape.inner(), shape.channels(), shape.taps - 1);
    let (mut conv, mut ssm) = (input.conv.to_vec(), input.ssm.to_vec());
    let mut out = Vec::with_capacity(shape.batch * shape.hidden);
    for row in 0..shape.batch {
        let u = &input.u[row * shape.hidden..][..shape.hidden];
        let projected: Vec<f64> = input.w_in.chunks(shape.hidden).map(|w| dot(w, u)).collect();
        let (z, rest) = projected.split_at(inner);
        let (fresh, dt) = rest.split_at(channels);
        let mut mixed = vec![0.0; channels];
        for (channel, mixed) in mixed.iter_mut().enumerate() {
            let old = &mut conv[(row * channels + channel) * carried..][..carried];
            let weight = &input.conv_weight[channel * shape.taps..][..shape.taps];
            let sum = dot(old, weight) + weight[carried] * fresh[channel];
            *mixed = silu(sum + input.conv_bias[channel]);
            old.rotate_left(1);
            old[carried - 1] = fresh[channel];
        }
        let (x, projections) = mixed.split_at(inner);
        let (b, c) = projections.split_at(shape.groups * shape.state);
        let mut v = vec![0.0; inner];
        for head in 0..shape.heads {
            let raw = dt[head] + input.dt_bias[head];
            let softplus = raw.max(0.0) + (-raw.abs()).exp().ln_1p();
            let dt = softplus.clamp(shape.dt_limit.0, shape.dt_limit.1);
            let decay = (-dt * input.a_log[head].exp()).exp();
            let group = head / (shape.heads / shape.groups);
            let b = &b[group * shape.state..][..shape.state];
            let c = &c[group * shape.state..][..shape.state];
            for at in head * shape.head_dim..(head + 1) * shape.head_dim {
                let s = &mut ssm[(row * inner + at) * shape.state..][..shape.state];
                for (s, b) in s.iter_mut().zip(b) {
                    *s = decay * *s + dt * x[at] * b;
                }
                v[at] = (dot(s, c) + input.d[head] * x[at]) * silu(z[at]);
            }
        }
        for (v, weight) in v
            .chunks_mut(inner / shape.groups)
            .zip(input.norm.chunks(inner / shape.groups))
        {
            let scale = (dot(v, v) / v.len() as f64 + shape.eps).sqrt().recip();
            v.iter_mut().zip(weight).for_each(|(v, w)| *v *= scale * w);
        }
        out.extend(input.w_out.chunks(inner).map(|w| dot(w, &v)));
    }
    (out, conv, ssm)
}
