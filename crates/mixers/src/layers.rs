//! Layers that mixers and models share, with parameters in the published layouts.

use crate::error::MixerError;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use resolvent_kernels::rms_norm::rms_norm;

/// A parameter from host values.
pub fn parameter<const D: usize>(
    values: Vec<f32>,
    shape: [usize; D],
    device: &Device,
) -> Param<Tensor<D>> {
    Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), device))
}

/// Values drawn from U(-bound, bound).
pub fn uniform(rng: &mut ChaCha8Rng, count: usize, bound: f32) -> Vec<f32> {
    (0..count)
        .map(|_| rng.random_range(-bound..=bound))
        .collect()
}

/// Values drawn from N(0, std^2).
pub fn normal(rng: &mut ChaCha8Rng, count: usize, std: f32) -> Vec<f32> {
    (0..count)
        .map(|_| std * rng.sample::<f32, _>(StandardNormal))
        .collect()
}

/// A linear map without bias, stored [out, in] as PyTorch stores it.
///
/// Not burn's `Linear`, whose weight is [in, out] and which checkpoint adapters transpose by name.
#[derive(Module, Debug)]
pub struct Projection {
    /// [out, in]; U(-1/sqrt(in), 1/sqrt(in)) at the start.
    pub weight: Param<Tensor<2>>,
}

impl Projection {
    /// Kaiming-uniform with a = sqrt(5), times `scale`.
    pub fn new(
        inputs: usize,
        outputs: usize,
        scale: f32,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Self {
        let bound = scale / (inputs as f32).sqrt();
        let values = uniform(rng, inputs * outputs, bound);
        Self {
            weight: parameter(values, [outputs, inputs], device),
        }
    }

    /// [row, in] -> [row, out].
    pub fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        input.matmul(self.weight.val().transpose())
    }

    /// The outputs `from..to` only: [row, in] -> [row, to - from].
    ///
    /// Slicing the weight is far cheaper than slicing the result: the latter's gradient would be
    /// padded with zeros to full width once per slice.
    pub fn forward_rows(&self, input: Tensor<2>, from: usize, to: usize) -> Tensor<2> {
        let weight = self.weight.val().narrow(0, from, to - from);
        input.matmul(weight.transpose())
    }
}

/// Root-mean-square normalisation with a learned scale, optionally gated and grouped.
#[derive(Module, Debug)]
pub struct RmsNorm {
    /// `[channel]`; ones at the start.
    pub weight: Param<Tensor<1>>,
}

impl RmsNorm {
    /// Scale one.
    pub fn new(channels: usize, device: &Device) -> Self {
        Self {
            weight: parameter(vec![1.0; channels], [channels], device),
        }
    }

    /// Over the whole last axis, no gate.
    ///
    /// # Errors
    /// Another number of channels.
    pub fn forward<const D: usize>(
        &self,
        input: Tensor<D>,
        eps: f64,
    ) -> Result<Tensor<D>, MixerError> {
        Ok(rms_norm(input, None, self.weight.val(), 1, eps)?)
    }

    /// input silu(gate), normalised per group.
    ///
    /// # Errors
    /// Another number of channels, or one that `groups` does not divide.
    pub fn gated<const D: usize>(
        &self,
        input: Tensor<D>,
        gate: Tensor<D>,
        groups: usize,
        eps: f64,
    ) -> Result<Tensor<D>, MixerError> {
        Ok(rms_norm(input, Some(gate), self.weight.val(), groups, eps)?)
    }
}

/// log(1 + exp(x)) without overflow.
pub fn softplus<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let positive = burn::tensor::activation::relu(x.clone());
    positive + x.abs().neg().exp().log1p()
}
