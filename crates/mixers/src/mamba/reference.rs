//! The whole block in f64 on slices, following the equations of the module line by line.

use super::config::MambaConfig;
use super::layer::Mamba;
use crate::mixer::host;
use resolvent_kernels::conv1d::{self, Activation, Conv1dShape, Padding};
use resolvent_kernels::selective_scan::{self, SelectiveScanShape};

/// Weights as row-major slices in the published layouts.
#[derive(Debug, Clone)]
pub struct MambaWeights {
    /// [rows (x, z), hidden].
    pub in_proj: Vec<f64>,
    /// [channel, tap].
    pub conv_weight: Vec<f64>,
    /// `[channel]`.
    pub conv_bias: Vec<f64>,
    /// [rows (r, B, C), inner].
    pub x_proj: Vec<f64>,
    /// [inner, rank].
    pub dt_weight: Vec<f64>,
    /// `[inner]`.
    pub dt_bias: Vec<f64>,
    /// [inner, state].
    pub a_log: Vec<f64>,
    /// `[inner]`.
    pub d: Vec<f64>,
    /// [hidden, inner].
    pub out_proj: Vec<f64>,
}

impl MambaWeights {
    /// The weights of a layer.
    pub fn of(layer: &Mamba) -> Self {
        Self {
            in_proj: host(&layer.in_proj.weight.val()),
            conv_weight: host(&layer.conv1d.weight.val()),
            conv_bias: host(&layer.conv1d.bias.val()),
            x_proj: host(&layer.x_proj.weight.val()),
            dt_weight: host(&layer.dt_proj.weight.val()),
            dt_bias: host(&layer.dt_proj.bias.val()),
            a_log: host(&layer.a_log.val()),
            d: host(&layer.d.val()),
            out_proj: host(&layer.out_proj.weight.val()),
        }
    }
}

/// y_r = W x_r for every row; `weight` is [out, in].
fn project(weight: &[f64], rows: &[f64], inputs: usize) -> Vec<f64> {
    let dot = |w: &[f64], row: &[f64]| w.iter().zip(row).map(|(w, x)| w * x).sum();
    rows.chunks(inputs)
        .flat_map(|row| weight.chunks(inputs).map(move |w| dot(w, row)))
        .collect()
}

/// The columns `from..to` of a row-major matrix of `width` columns.
fn columns(rows: &[f64], width: usize, from: usize, to: usize) -> Vec<f64> {
    rows.chunks(width)
        .flat_map(|row| row[from..to].to_vec())
        .collect()
}

/// Output [batch, len, hidden] for `input` [batch, len, hidden], from zero state.
pub fn forward(
    config: &MambaConfig,
    weights: &MambaWeights,
    input: &[f64],
    batch: usize,
    len: usize,
) -> Vec<f64> {
    let (inner, rank, state) = (config.inner(), config.rank(), config.state_size);
    let projected = project(&weights.in_proj, input, config.hidden_size);
    let x = conv1d::reference::conv1d(
        conv1d::reference::Conv1dSlices {
            x: &columns(&projected, 2 * inner, 0, inner),
            weight: &weights.conv_weight,
            bias: &weights.conv_bias,
            initial: &vec![0.0; batch * inner * (config.conv_kernel - 1)],
            seq_idx: &[],
        },
        Conv1dShape {
            batch,
            len,
            channels: inner,
            taps: config.conv_kernel,
            padding: Padding::Causal,
            activation: Activation::Silu,
        },
    );
    let low = project(&weights.x_proj, &x, inner);
    let part = |from: usize, to: usize| columns(&low, config.x_rows(), from, to);
    let a: Vec<f64> = weights.a_log.iter().map(|a| -a.exp()).collect();
    let shape = SelectiveScanShape {
        batch,
        len,
        channels: inner,
        groups: 1,
        state,
        softplus: true,
        gated: true,
        final_state: false,
    };
    let (y, _) = selective_scan::reference::selective_scan(
        selective_scan::reference::SelectiveScanSlices {
            x: &x,
            dt: &project(&weights.dt_weight, &part(0, rank), rank),
            a: &a,
            b: &part(rank, rank + state),
            c: &part(rank + state, rank + 2 * state),
            d: &weights.d,
            dt_bias: &weights.dt_bias,
            z: &columns(&projected, 2 * inner, inner, 2 * inner),
            initial: &vec![0.0; shape.state_elements()],
            seq_idx: &[],
        },
        shape,
    );
    project(&weights.out_proj, &y, inner)
}
