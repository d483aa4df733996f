//! Both mixers in f64 on slices, following the equations of the module line by line.

use super::channel_mix::Rwkv7ChannelMix;
use super::config::Rwkv7Config;
use super::time_mix::Rwkv7;
use crate::mixer::host;
use resolvent_kernels::dplr::{self, DplrShape};

/// Factors of x A B, row-major, and the bias.
#[derive(Debug, Clone)]
pub struct LowRank {
    /// `[channel]`; empty for none.
    pub bias: Vec<f64>,
    /// [channel, rank].
    pub first: Vec<f64>,
    /// [rank, channel].
    pub second: Vec<f64>,
}

impl LowRank {
    /// bias + between(x A) B of one row.
    fn apply(&self, row: &[f64], between: impl Fn(f64) -> f64) -> Vec<f64> {
        let rank = self.first.len() / row.len();
        let inner: Vec<f64> = (0..rank)
            .map(|j| {
                between(
                    (0..row.len())
                        .map(|i| row[i] * self.first[i * rank + j])
                        .sum(),
                )
            })
            .collect();
        (0..row.len())
            .map(|i| {
                let sum: f64 = (0..rank)
                    .map(|j| inner[j] * self.second[j * row.len() + i])
                    .sum();
                sum + self.bias.get(i).unwrap_or(&0.0)
            })
            .collect()
    }
}

/// Weights of a time mix as row-major slices in the published layouts.
#[derive(Debug, Clone)]
pub struct TimeMixWeights {
    /// Lerps of r, w, k, v, a, g, each `[channel]`.
    pub lerps: [Vec<f64>; 6],
    /// Decay.
    pub w: LowRank,
    /// Learning rate.
    pub a: LowRank,
    /// Value residual.
    pub v: LowRank,
    /// Gate.
    pub g: LowRank,
    /// `[channel]`.
    pub k_k: Vec<f64>,
    /// `[channel]`.
    pub k_a: Vec<f64>,
    /// `[channel]`, head by head.
    pub r_k: Vec<f64>,
    /// [channel, channel].
    pub receptance: Vec<f64>,
    /// [channel, channel].
    pub key: Vec<f64>,
    /// [channel, channel].
    pub value: Vec<f64>,
    /// [channel, channel].
    pub output: Vec<f64>,
    /// Scale and shift of the group norm, `[channel]` each.
    pub ln_x: (Vec<f64>, Vec<f64>),
}

impl TimeMixWeights {
    /// The weights of a layer.
    pub fn of(layer: &Rwkv7) -> Self {
        let low_rank = |bias, first: &_, second: &_| LowRank {
            bias,
            first: host(first),
            second: host(second),
        };
        let lerps = [
            &layer.x_r, &layer.x_w, &layer.x_k, &layer.x_v, &layer.x_a, &layer.x_g,
        ];
        Self {
            lerps: lerps.map(|mu| host(&mu.val())),
            w: low_rank(host(&layer.w0.val()), &layer.w1.val(), &layer.w2.val()),
            a: low_rank(host(&layer.a0.val()), &layer.a1.val(), &layer.a2.val()),
            v: low_rank(host(&layer.v0.val()), &layer.v1.val(), &layer.v2.val()),
            g: low_rank(Vec::new(), &layer.g1.val(), &layer.g2.val()),
            k_k: host(&layer.k_k.val()),
            k_a: host(&layer.k_a.val()),
            r_k: host(&layer.r_k.val()),
            receptance: host(&layer.receptance.weight.val()),
            key: host(&layer.key.weight.val()),
            value: host(&layer.value.weight.val()),
            output: host(&layer.output.weight.val()),
            ln_x: (host(&layer.ln_x.weight.val()), host(&layer.ln_x.bias.val())),
        }
    }
}

/// Weights of a channel mix as row-major slices in the published layouts.
#[derive(Debug, Clone)]
pub struct ChannelMixWeights {
    /// `[channel]`.
    pub lerp: Vec<f64>,
    /// [inner, channel].
    pub key: Vec<f64>,
    /// [channel, inner].
    pub value: Vec<f64>,
}

impl ChannelMixWeights {
    /// The weights of a layer.
    pub fn of(layer: &Rwkv7ChannelMix) -> Self {
        Self {
            lerp: host(&layer.x_k.val()),
            key: host(&layer.key.weight.val()),
            value: host(&layer.value.weight.val()),
        }
    }
}

/// What a time mix returns.
#[derive(Debug, Clone)]
pub struct TimeMixed {
    /// [batch, len, channel].
    pub output: Vec<f64>,
    /// Values before the blending, [batch, len, channel]: `v_first` if this was the first layer.
    pub values: Vec<f64>,
}

/// W x; `weight` is [out, in].
fn project(weight: &[f64], row: &[f64]) -> Vec<f64> {
    let dot = |w: &[f64]| w.iter().zip(row).map(|(w, x)| w * x).sum();
    weight.chunks(row.len()).map(dot).collect()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// x + (x' - x) o mu.
fn lerp(row: &[f64], before: &[f64], mu: &[f64]) -> Vec<f64> {
    (0..row.len())
        .map(|i| row[i] + (before[i] - row[i]) * mu[i])
        .collect()
}

/// Every row with the row before it in its sequence, zeros before the first.
fn with_previous(input: &[f64], len: usize, width: usize) -> Vec<(&[f64], Vec<f64>)> {
    let rows: Vec<&[f64]> = input.chunks(width).collect();
    (0..rows.len())
        .map(|at| match at % len.max(1) {
            0 => (rows[at], vec![0.0; width]),
            _ => (rows[at], rows[at - 1].to_vec()),
        })
        .collect()
}

/// The inputs of the scan, [batch, len, channel] each, and the gate.
#[derive(Default)]
struct Driven {
    r: Vec<f64>,
    log_decay: Vec<f64>,
    k: Vec<f64>,
    v: Vec<f64>,
    a: Vec<f64>,
    b: Vec<f64>,
    gate: Vec<f64>,
    values: Vec<f64>,
}

fn drive(
    config: &Rwkv7Config,
    weights: &TimeMixWeights,
    input: &[f64],
    len: usize,
    first_values: Option<&[f64]>,
) -> Driven {
    let width = config.hidden_size;
    let mut out = Driven::default();
    for (at, (row, before)) in with_previous(input, len, width).into_iter().enumerate() {
        let [x_r, x_w, x_k, x_v, x_a, x_g] =
            weights.lerps.each_ref().map(|mu| lerp(row, &before, mu));
        out.r.extend(project(&weights.receptance, &x_r));
        let w = weights.w.apply(&x_w, f64::tanh);
        out.log_decay
            .extend(w.iter().map(|w| -(-0.5_f64).exp() * sigmoid(*w)));
        let k = project(&weights.key, &x_k);
        let v = project(&weights.value, &x_v);
        out.values.extend(&v);
        match first_values {
            None => out.v.extend(&v),
            Some(first) => {
                let share = weights.v.apply(&x_v, |x| x);
                let first = &first[at * width..(at + 1) * width];
                out.v
                    .extend((0..width).map(|i| v[i] + (first[i] - v[i]) * sigmoid(share[i])));
            }
        }
        let rate: Vec<f64> = weights
            .a
            .apply(&x_a, |x| x)
            .into_iter()
            .map(sigmoid)
            .collect();
        out.gate.extend(weights.g.apply(&x_g, sigmoid));
        for head in (0..width).step_by(config.head_dim) {
            let part = head..head + config.head_dim;
            let scaled = |i: usize| k[i] * weights.k_k[i];
            let square: f64 = part.clone().map(|i| scaled(i).powi(2)).sum();
            let norm = square.sqrt().max(1e-12);
            out.a.extend(part.clone().map(|i| -scaled(i) / norm));
            out.b.extend(part.map(|i| scaled(i) / norm * rate[i]));
        }
        out.k
            .extend((0..width).map(|i| k[i] * (1.0 + (rate[i] - 1.0) * weights.k_a[i])));
    }
    out
}

/// Output of a time mix for `input` [batch, len, channel], from zero state; `first_values` are
/// `v_first` for layers that are not the first.
pub fn time_mix(
    config: &Rwkv7Config,
    weights: &TimeMixWeights,
    input: &[f64],
    [batch, len]: [usize; 2],
    first_values: Option<&[f64]>,
) -> TimeMixed {
    let (width, dim) = (config.hidden_size, config.head_dim);
    let driven = drive(config, weights, input, len, first_values);
    let shape = DplrShape {
        batch,
        len,
        heads: config.num_heads(),
        keys: dim,
        values: dim,
        chunk: None,
        final_state: false,
        scale: 1.0,
    };
    let (y, _) = dplr::reference::dplr(
        dplr::reference::DplrSlices {
            r: &driven.r,
            g: &driven.log_decay,
            k: &driven.k,
            v: &driven.v,
            a: &driven.a,
            b: &driven.b,
            initial: &vec![0.0; shape.state_elements()],
            seq_idx: &[],
        },
        shape,
    );
    let mut output = Vec::new();
    for at in 0..batch * len {
        let mut gated = vec![0.0; width];
        for head in (0..width).step_by(dim) {
            let here = at * width + head..at * width + head + dim;
            let y = &y[here.clone()];
            let mean = y.iter().sum::<f64>() / dim as f64;
            let variance = y.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / dim as f64;
            let deviation = (variance + config.group_norm_epsilon).sqrt();
            let bonus: f64 = here
                .clone()
                .map(|i| driven.r[i] * driven.k[i] * weights.r_k[i - at * width])
                .sum();
            for (n, i) in here.enumerate() {
                let channel = head + n;
                let normed =
                    (y[n] - mean) / deviation * weights.ln_x.0[channel] + weights.ln_x.1[channel];
                gated[channel] = (normed + bonus * driven.v[i]) * driven.gate[i];
            }
        }
        output.extend(project(&weights.output, &gated));
    }
    TimeMixed {
        output,
        values: driven.values,
    }
}

/// Output of a channel mix for `input` [batch, len, channel], from zero state.
pub fn channel_mix(
    weights: &ChannelMixWeights,
    input: &[f64],
    _batch: usize,
    len: usize,
) -> Vec<f64> {
    with_previous(input, len, weights.lerp.len())
        .into_iter()
        .flat_map(|(row, before)| {
            let key: Vec<f64> = project(&weights.key, &lerp(row, &before, &weights.lerp))
                .into_iter()
                .map(|k| k.max(0.0).powi(2))
                .collect();
            project(&weights.value, &key)
        })
        .collect()
}
