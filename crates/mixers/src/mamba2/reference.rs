//! The whole block in f64 on slices, following the equations of the module line by line.

use super::config::Mamba2Config;
use super::layer::Mamba2;
use crate::mixer::host;
use burn::module::Param;
use burn::tensor::Tensor;
use resolvent_kernels::conv1d::{self, Activation, Conv1dShape, Padding};
use resolvent_kernels::rms_norm::{self, RmsNormShape};
use resolvent_kernels::ssd::{self, SsdShape};

/// Weights as row-major slices in the published layouts.
#[derive(Debug, Clone)]
pub struct Mamba2Weights {
    /// [rows, hidden].
    pub in_proj: Vec<f64>,
    /// [channel, tap].
    pub conv_weight: Vec<f64>,
    /// `[channel]`.
    pub conv_bias: Vec<f64>,
    /// `[head]`.
    pub dt_bias: Vec<f64>,
    /// `[head]`.
    pub a_log: Vec<f64>,
    /// `[head]`.
    pub d: Vec<f64>,
    /// `[inner]`.
    pub norm: Vec<f64>,
    /// [hidden, inner].
    pub out_proj: Vec<f64>,
    /// Constant B and C [group, state] of the time-invariant twin.
    pub constants: Option<(Vec<f64>, Vec<f64>)>,
}

impl Mamba2Weights {
    /// The weights of a layer.
    pub fn of(layer: &Mamba2) -> Self {
        let constant = |m: &Option<Param<Tensor<2>>>| m.as_ref().map(|m| host(&m.val()));
        Self {
            in_proj: host(&layer.in_proj.weight.val()),
            conv_weight: host(&layer.conv1d.weight.val()),
            conv_bias: host(&layer.conv1d.bias.val()),
            dt_bias: host(&layer.dt_bias.val()),
            a_log: host(&layer.a_log.val()),
            d: host(&layer.d.val()),
            norm: host(&layer.norm.weight.val()),
            out_proj: host(&layer.out_proj.weight.val()),
            constants: constant(&layer.b).zip(constant(&layer.c)),
        }
    }
}

/// y_r = W x_r for every row; `weight` is [out, in].
fn project(weight: &[f64], rows: &[f64], inputs: usize) -> Vec<f64> {
    rows.chunks(inputs)
        .flat_map(|row| {
            weight
                .chunks(inputs)
                .map(move |w| w.iter().zip(row).map(|(w, x)| w * x).sum())
        })
        .collect()
}

/// The columns `from..to` of a row-major matrix of `width` columns.
fn columns(rows: &[f64], width: usize, from: usize, to: usize) -> Vec<f64> {
    rows.chunks(width)
        .flat_map(|row| row[from..to].to_vec())
        .collect()
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// Output [batch, len, hidden] for `input` [batch, len, hidden], from zero state.
pub fn forward(
    config: &Mamba2Config,
    weights: &Mamba2Weights,
    input: &[f64],
    batch: usize,
    len: usize,
) -> Vec<f64> {
    let (inner, heads) = (config.inner(), config.num_heads());
    let (projection, channels) = (config.projection(), config.conv_channels());
    let rows = config.in_rows();
    let projected = project(&weights.in_proj, input, config.hidden_size);
    let gate = columns(&projected, rows, 0, inner);
    let conv = conv1d::reference::conv1d(
        conv1d::reference::Conv1dSlices {
            x: &columns(&projected, rows, inner, inner + channels),
            weight: &weights.conv_weight,
            bias: &weights.conv_bias,
            initial: &vec![0.0; batch * channels * (config.conv_kernel - 1)],
            seq_idx: &[],
        },
        Conv1dShape {
            batch,
            len,
            channels,
            taps: config.conv_kernel,
            padding: Padding::Causal,
            activation: Activation::Silu,
        },
    );
    let repeat = |values: &[f64]| values.repeat(batch * len);
    let (b, c, dt) = match &weights.constants {
        Some((b, c)) => (repeat(b), repeat(c), vec![0.0; batch * len * heads]),
        None => (
            columns(&conv, channels, inner, inner + projection),
            columns(&conv, channels, inner + projection, channels),
            columns(&projected, rows, inner + channels, rows),
        ),
    };
    let (low, high) = config.time_step_limit;
    let dt: Vec<f64> = dt
        .iter()
        .enumerate()
        .map(|(i, dt)| softplus(dt + weights.dt_bias[i % heads]).clamp(low, high))
        .collect();
    let shape = SsdShape {
        batch,
        len,
        heads,
        head_dim: config.head_dim,
        groups: config.n_groups,
        state: config.state_size,
        chunk: 1,
        final_state: false,
        kept_states: 0,
    };
    let a: Vec<f64> = weights.a_log.iter().map(|a| -a.exp()).collect();
    let (y, _) = ssd::reference::ssd(
        ssd::reference::SsdSlices {
            x: &columns(&conv, channels, 0, inner),
            dt: &dt,
            a: &a,
            b: &b,
            c: &c,
            d: &weights.d,
            initial: &vec![0.0; shape.state_elements()],
            seq_idx: &[],
        },
        shape,
    );
    let norm = RmsNormShape {
        rows: batch * len,
        channels: inner,
        groups: config.n_groups,
        eps: config.layer_norm_epsilon,
        gated: true,
    };
    let normed = rms_norm::reference::rms_norm(&y, &gate, &weights.norm, norm);
    project(&weights.out_proj, &normed, inner)
}
