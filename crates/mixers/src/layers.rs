//! Layers that mixers and models share, with parameters in the published layouts.

use crate::error::MixerError;
use crate::mixer::host;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use resolvent_kernels::layer_norm::layer_norm;
use resolvent_kernels::linear::{affine, linear};
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

/// A row-major [rows, columns] matrix whose shorter axis consists of orthogonal vectors of length
/// `gain`, uniformly distributed among those.
pub fn orthogonal(rng: &mut ChaCha8Rng, rows: usize, columns: usize, gain: f32) -> Vec<f32> {
    let (count, length) = (rows.min(columns), rows.max(columns));
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(count);
    while basis.len() < count {
        let mut vector: Vec<f64> = (0..length).map(|_| rng.sample(StandardNormal)).collect();
        // Twice: once leaves errors in proportion to how much was taken away.
        for other in basis.iter().chain(&basis) {
            let shared: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
            for (value, other) in vector.iter_mut().zip(other) {
                *value -= shared * other;
            }
        }
        let norm = vector.iter().map(|v| v * v).sum::<f64>().sqrt();
        if norm > 1e-6 {
            vector.iter_mut().for_each(|value| *value /= norm);
            basis.push(vector);
        }
    }
    let element = |row: usize, column: usize| match rows <= columns {
        true => basis[row][column],
        false => basis[column][row],
    };
    (0..rows * columns)
        .map(|at| gain * element(at / columns, at % columns) as f32)
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
        linear(input, self.weight.val())
    }

    /// The outputs `from..to` only: [row, in] -> [row, to - from].
    ///
    /// Slicing the weight is far cheaper than slicing the result: the latter's gradient would be
    /// padded with zeros to full width once per slice.
    pub fn forward_rows(&self, input: Tensor<2>, from: usize, to: usize) -> Tensor<2> {
        linear(input, self.weight.val().narrow(0, from, to - from))
    }
}

/// A linear map with bias, stored [out, in] as PyTorch stores it.
#[derive(Module, Debug)]
pub struct Affine {
    /// [out, in].
    pub weight: Param<Tensor<2>>,
    /// `[out]`.
    pub bias: Param<Tensor<1>>,
}

impl Affine {
    /// Both uniform in +-1/sqrt(in), as PyTorch starts them.
    pub fn new(inputs: usize, outputs: usize, rng: &mut ChaCha8Rng, device: &Device) -> Self {
        let bound = 1.0 / (inputs.max(1) as f32).sqrt();
        let weight = uniform(rng, inputs * outputs, bound);
        Self {
            weight: parameter(weight, [outputs, inputs], device),
            bias: parameter(uniform(rng, outputs, bound), [outputs], device),
        }
    }

    /// [width, width], of variance 1 / width; no bias yet.
    pub(crate) fn square(width: usize, rng: &mut ChaCha8Rng, device: &Device) -> Self {
        // Uniform of the variance 1 / in that the published code draws normally.
        let bound = (3.0 / width as f32).sqrt();
        Self {
            weight: parameter(uniform(rng, width * width, bound), [width, width], device),
            bias: parameter(vec![0.0; width], [width], device),
        }
    }

    /// [row, in] -> [row, out].
    pub fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        affine(input, self.weight.val(), self.bias.val())
    }

    /// One row in f64.
    pub(crate) fn exact(&self, input: &[f64]) -> Vec<f64> {
        let (weight, bias) = (host(&self.weight.val()), host(&self.bias.val()));
        let rows = weight.chunks(input.len().max(1)).zip(&bias);
        rows.map(|(row, bias)| bias + row.iter().zip(input).map(|(w, x)| w * x).sum::<f64>())
            .collect()
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

/// Layer normalisation with a learned scale and shift, over the last axis or equal parts of it.
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// `[channel]`; ones at the start.
    pub weight: Param<Tensor<1>>,
    /// `[channel]`; zeros at the start.
    pub bias: Param<Tensor<1>>,
}

impl LayerNorm {
    /// Scale one, shift zero.
    pub fn new(channels: usize, device: &Device) -> Self {
        Self {
            weight: parameter(vec![1.0; channels], [channels], device),
            bias: parameter(vec![0.0; channels], [channels], device),
        }
    }

    /// Over the whole last axis.
    ///
    /// # Errors
    /// Another number of channels.
    pub fn forward<const D: usize>(
        &self,
        input: Tensor<D>,
        eps: f64,
    ) -> Result<Tensor<D>, MixerError> {
        self.grouped(input, 1, eps)
    }

    /// Each of `groups` equal parts of the last axis on its own.
    ///
    /// # Errors
    /// Another number of channels, or one that `groups` does not divide.
    pub fn grouped<const D: usize>(
        &self,
        input: Tensor<D>,
        groups: usize,
        eps: f64,
    ) -> Result<Tensor<D>, MixerError> {
        let (weight, bias) = (self.weight.val(), self.bias.val());
        Ok(layer_norm(input, weight, bias, groups, eps)?)
    }
}

/// log(1 + exp(x)) without overflow.
pub fn softplus<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let positive = burn::tensor::activation::relu(x.clone());
    positive + x.abs().neg().exp().log1p()
}
