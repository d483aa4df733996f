//! The layer that sees both directions: one kernel into the past, another into the future.

use super::layer::{SisoKernel, layer_cost};
use super::output::GatedOutput;
use crate::error::MixerError;
use crate::layers::{normal, parameter};
use crate::mixer::{Cost, Materialised, Mixer, Pass, expect_width, host};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;
use resolvent_kernels::long_conv::{LongConvInput, Method, long_conv};
use resolvent_structure::Matrix;

/// y_t = D u_t + sum_m past_m u_{t-m} + sum_m future_m u_{t+1+m}, activation and gate.
///
/// The present sample belongs to the kernel into the past alone, as in the published code. No causal
/// order: it cannot be stepped.
#[derive(Module, Debug)]
pub struct TwoSidedLayer<K: Module> {
    /// What makes the kernels into the past.
    pub past: K,
    /// What makes the kernels into the future.
    pub future: K,
    /// Direct term, `[channel]`.
    pub d: Param<Tensor<1>>,
    /// Activation, mixing of channels, gate.
    pub output_linear: GatedOutput,
}

impl<K: SisoKernel> TwoSidedLayer<K> {
    /// The layer around two kernels of the same width.
    pub(crate) fn around([past, future]: [K; 2], rng: &mut ChaCha8Rng, device: &Device) -> Self {
        let channels = past.channels();
        Self {
            past,
            future,
            d: parameter(normal(rng, channels, 1.0), [channels], device),
            output_linear: GatedOutput::new(channels, rng, device),
        }
    }

    fn gate(&self, y: Tensor<3>) -> Result<Tensor<3>, MixerError> {
        let [batch, len, channels] = y.dims();
        let flat = y.reshape([batch * len, channels]);
        let out = self.output_linear.forward(flat)?;
        Ok(out.reshape([batch, len, channels]))
    }
}

/// Rows of [batch, length, channel] in reverse time.
fn flip(values: &[f64], length: usize, channels: usize) -> Vec<f64> {
    let rows = values.chunks((length * channels).max(1));
    rows.flat_map(|row| row.chunks(channels).rev().flatten().copied())
        .collect()
}

impl<K: SisoKernel> Mixer for TwoSidedLayer<K> {
    fn name(&self) -> &'static str {
        self.past.name()
    }

    fn width(&self) -> usize {
        self.past.channels()
    }

    fn forward(&self, input: Tensor<3>, pass: &mut Pass) -> Result<Tensor<3>, MixerError> {
        let [_, len, channels] = input.dims();
        expect_width(self.name(), channels, self.width())?;
        if input.dims().contains(&0) {
            return Ok(input);
        }
        let conv = LongConvInput {
            x: input,
            kernel: self.past.kernel(len)?,
            reverse: Some(self.future.kernel(len)?),
            skip: Some(self.d.val()),
            initial: None,
            seq_idx: pass.seq_idx.clone(),
        };
        self.gate(long_conv(conv, Method::Auto)?)
    }

    fn reference(&self, input: &[f64], batch: usize, length: usize) -> Vec<f64> {
        let (d, channels) = (host(&self.d.val()), self.width());
        let mut y = self.past.recurrence(input, batch, length);
        let reversed = flip(input, length, channels);
        let future = self.future.recurrence(&reversed, batch, length);
        let future = flip(&future, length, channels);
        for (at, (y, u)) in y.iter_mut().zip(input).enumerate() {
            *y += d[at % channels] * u;
            // The kernel into the future starts at the next position.
            let last = (at / channels) % length.max(1) + 1 == length;
            *y += if last { 0.0 } else { future[at + channels] };
        }
        self.output_linear.reference(&y)
    }

    fn materialise(&self, input: Tensor<3>) -> Result<Materialised, MixerError> {
        let [batch, len, channels] = input.dims();
        expect_width(self.name(), channels, self.width())?;
        let (past, future) = (
            host(&self.past.kernel(len)?),
            host(&self.future.kernel(len)?),
        );
        let d = host(&self.d.val());
        let matrix = |channel: usize| -> Result<Matrix, MixerError> {
            let at = channel * len;
            let mut values = vec![0.0; len * len];
            for t in 0..len {
                for s in 0..len {
                    values[t * len + s] = match s <= t {
                        true => past[at + t - s],
                        false => future[at + s - t - 1],
                    };
                }
                values[t * len + t] += d[channel];
            }
            Ok(Matrix::new(len, len, values)?)
        };
        let of_row: Vec<Matrix> = (0..channels).map(matrix).collect::<Result<_, _>>()?;
        let matrices = (0..batch).flat_map(|_| of_row.iter().cloned()).collect();
        Ok(Materialised {
            matrices,
            values: input.reshape([batch, len, channels, 1]),
        })
    }

    fn finish(&self, _input: Tensor<3>, mixed: Tensor<4>) -> Result<Tensor<3>, MixerError> {
        let [batch, len, channels, _] = mixed.dims();
        self.gate(mixed.reshape([batch, len, channels]))
    }

    fn cost(&self, length: usize) -> Cost {
        let kernels = self.past.cost(length) + self.future.cost(length);
        Cost {
            state_bytes: 0,
            step_flops: 0,
            ..layer_cost(self.width(), length) + kernels
        }
    }
}
