//! Activation, mixing of channels and gate behind a convolution.

use super::reference::gelu;
use crate::error::MixerError;
use crate::layers::{parameter, uniform};
use crate::mixer::host;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;
use resolvent_kernels::gelu::gelu as gelu_op;
use resolvent_kernels::glu::glu;
use resolvent_kernels::linear::linear;

/// GELU, a linear map to twice the channels, and a gated linear unit over its halves.
#[derive(Module, Debug)]
pub struct GatedOutput {
    /// [2 channel, channel]: values first, then gates.
    pub weight: Param<Tensor<2>>,
    /// [2 channel].
    pub bias: Param<Tensor<1>>,
}

impl GatedOutput {
    /// U(-1/sqrt(channel), 1/sqrt(channel)), whatever the depth of the model: as published. With values divided
    /// by the square root of the number of layers, as language models have it, and standardised grey values,
    /// six layers did not learn Pathfinder-32.
    pub fn new(channels: usize, rng: &mut ChaCha8Rng, device: &Device) -> Self {
        let bound = 1.0 / (channels as f32).sqrt();
        let weight = uniform(rng, 2 * channels * channels, bound);
        let bias = uniform(rng, 2 * channels, bound);
        Self {
            weight: parameter(weight, [2 * channels, channels], device),
            bias: parameter(bias, [2 * channels], device),
        }
    }

    /// [row, channel] -> [row, channel].
    ///
    /// # Errors
    /// Another number of channels.
    pub fn forward(&self, input: Tensor<2>) -> Result<Tensor<2>, MixerError> {
        let projected = linear(gelu_op(input)?, self.weight.val());
        Ok(glu(projected, self.bias.val())?)
    }

    /// The same in f64, [row, channel].
    pub(crate) fn reference(&self, input: &[f64]) -> Vec<f64> {
        let (weight, bias) = (host(&self.weight.val()), host(&self.bias.val()));
        let channels = bias.len() / 2;
        let mut out = Vec::with_capacity(input.len());
        for row in input.chunks(channels.max(1)) {
            let active: Vec<f64> = row.iter().map(|&x| gelu(x)).collect();
            let linear = |at: usize| -> f64 {
                let weights = &weight[at * channels..][..channels];
                bias[at] + weights.iter().zip(&active).map(|(w, x)| w * x).sum::<f64>()
            };
            out.extend((0..channels).map(|c| linear(c) / (1.0 + (-linear(channels + c)).exp())));
        }
        out
    }
}
