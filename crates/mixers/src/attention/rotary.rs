//! Rotary position embedding, half-split convention.

use burn::tensor::{Device, Tensor, TensorData};

/// cos and sin of every (position, pair), each [1, position, 1, head_dim / 2].
pub(super) struct Rotary {
    cos: Tensor<4>,
    sin: Tensor<4>,
}

impl Rotary {
    /// Positions `first .. first + len`; angles are formed in f64.
    pub(super) fn new(
        first: usize,
        len: usize,
        head_dim: usize,
        base: f64,
        device: &Device,
    ) -> Self {
        let half = head_dim / 2;
        let angles: Vec<f64> = (0..len * half)
            .map(|at| angle(first + at / half, at % half, head_dim, base))
            .collect();
        let table = |f: fn(f64) -> f64| {
            let values: Vec<f32> = angles.iter().map(|&a| f(a) as f32).collect();
            Tensor::from_data(TensorData::new(values, [1, len, 1, half]), device)
        };
        Self {
            cos: table(f64::cos),
            sin: table(f64::sin),
        }
    }

    /// Turns `x` [batch, position, head, head_dim].
    pub(super) fn turn(&self, x: Tensor<4>) -> Tensor<4> {
        let half = x.dims()[3] / 2;
        let low = x.clone().narrow(3, 0, half);
        let high = x.narrow(3, half, half);
        let turned_low = low.clone() * self.cos.clone() - high.clone() * self.sin.clone();
        let turned_high = high * self.cos.clone() + low * self.sin.clone();
        Tensor::cat(vec![turned_low, turned_high], 3)
    }
}

/// Angle of `pair` at `position`.
pub(super) fn angle(position: usize, pair: usize, head_dim: usize, base: f64) -> f64 {
    position as f64 * base.powf(-2.0 * pair as f64 / head_dim as f64)
}
