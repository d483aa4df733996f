//! Attention in f64 on slices, position by position.

use super::layer::{Attention, AttentionConfig};
use super::rotary::angle;
use crate::mixer::host;

/// Weights [hidden, hidden], row-major [out, in].
#[derive(Debug, Clone)]
pub struct AttentionWeights {
    /// Queries.
    pub q: Vec<f64>,
    /// Keys.
    pub k: Vec<f64>,
    /// Values.
    pub v: Vec<f64>,
    /// Output.
    pub o: Vec<f64>,
}

impl AttentionWeights {
    /// The weights of a layer.
    pub fn of(layer: &Attention) -> Self {
        Self {
            q: host(&layer.q_proj.weight.val()),
            k: host(&layer.k_proj.weight.val()),
            v: host(&layer.v_proj.weight.val()),
            o: host(&layer.o_proj.weight.val()),
        }
    }
}

fn project(weight: &[f64], row: &[f64]) -> Vec<f64> {
    let dot = |w: &[f64]| w.iter().zip(row).map(|(w, x)| w * x).sum();
    weight.chunks(row.len()).map(dot).collect()
}

fn turn(vector: &mut [f64], position: usize, config: &AttentionConfig) {
    let half = config.head_dim / 2;
    for head in vector.chunks_mut(config.head_dim) {
        for pair in 0..half {
            let (sin, cos) = angle(position, pair, config.head_dim, config.rope_theta).sin_cos();
            let (low, high) = (head[pair], head[pair + half]);
            head[pair] = low * cos - high * sin;
            head[pair + half] = high * cos + low * sin;
        }
    }
}

/// Output [len, hidden] of one sequence `input` [len, hidden].
pub fn forward(config: &AttentionConfig, weights: &AttentionWeights, input: &[f64]) -> Vec<f64> {
    let (dim, hidden) = (config.head_dim, config.hidden_size);
    let scale = 1.0 / (dim as f64).sqrt();
    let (mut keys, mut values, mut out) = (Vec::new(), Vec::new(), Vec::new());
    for (t, row) in input.chunks(hidden).enumerate() {
        let mut query = project(&weights.q, row);
        let mut key = project(&weights.k, row);
        turn(&mut query, t, config);
        turn(&mut key, t, config);
        keys.push(key);
        values.push(project(&weights.v, row));
        let mut mixed = vec![0.0; hidden];
        for head in 0..hidden / dim {
            let part = head * dim..(head + 1) * dim;
            let scores: Vec<f64> = keys
                .iter()
                .map(|key| {
                    let pairs = query[part.clone()].iter().zip(&key[part.clone()]);
                    (pairs.map(|(q, k)| q * k).sum::<f64>() * scale).exp()
                })
                .collect();
            let total: f64 = scores.iter().sum();
            for (score, value) in scores.iter().zip(&values) {
                for channel in part.clone() {
                    mixed[channel] += score / total * value[channel];
                }
            }
        }
        out.extend(project(&weights.o, &mixed));
    }
    out
}
