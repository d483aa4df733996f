//! The layer: parallel form, hand-over, matrix, cost.

use super::output::GatedOutput;
use crate::error::MixerError;
use crate::mixer::{CausalMixer, Cost, Materialised, Mixer, Pass, expect_width, host};
use crate::state::State;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;
use resolvent_kernels::long_conv::{LongConvInput, Method, long_conv};
use resolvent_structure::Matrix;

use crate::layers::{normal, parameter};

/// One single-input single-output system per channel, known by its kernel and its state.
pub trait SisoKernel: Module {
    /// Name of the mixer in the registry.
    fn name(&self) -> &'static str;

    /// Channels.
    fn channels(&self) -> usize;

    /// The first `len` values of the impulse response, [channel, len].
    ///
    /// # Errors
    /// Lengths that the parametrisation does not reach.
    fn kernel(&self, len: usize) -> Result<Tensor<2>, MixerError>;

    /// The state before the first position.
    fn initial_state(&self, batch: usize, device: &Device) -> State;

    /// The outputs for `input` [batch, length, channel] from a state, without the direct term, and
    /// the state behind it.
    ///
    /// # Errors
    /// A state of another mixer, batch or size.
    fn advance(&self, input: &Tensor<3>, state: State) -> Result<(Tensor<3>, State), MixerError>;

    /// Outputs [batch, length, channel] by the recurrence in f64.
    fn recurrence(&self, input: &[f64], batch: usize, length: usize) -> Vec<f64>;

    /// What kernel and state cost for a sequence of `length`; the layer around them counts itself.
    fn cost(&self, length: usize) -> Cost;
}

/// A kernel per channel, a direct term, activation and gate; see the text of [`crate::lti`].
#[derive(Module, Debug)]
pub struct SisoLayer<K: Module> {
    /// What makes the kernels.
    pub kernel: K,
    /// Direct term, `[channel]`; N(0, 1) at the start.
    pub d: Param<Tensor<1>>,
    /// Activation, mixing of channels, gate.
    pub output_linear: GatedOutput,
}

impl<K: SisoKernel> SisoLayer<K> {
    /// The layer around a kernel.
    pub(crate) fn around(kernel: K, rng: &mut ChaCha8Rng, device: &Device) -> Self {
        let channels = kernel.channels();
        Self {
            d: parameter(normal(rng, channels, 1.0), [channels], device),
            output_linear: GatedOutput::new(channels, rng, device),
            kernel,
        }
    }

    fn gate(&self, y: Tensor<3>) -> Result<Tensor<3>, MixerError> {
        let [batch, len, channels] = y.dims();
        let flat = y.reshape([batch * len, channels]);
        let out = self.output_linear.forward(flat)?;
        Ok(out.reshape([batch, len, channels]))
    }
}

impl<K: SisoKernel> Mixer for SisoLayer<K> {
    fn name(&self) -> &'static str {
        self.kernel.name()
    }

    fn width(&self) -> usize {
        self.kernel.channels()
    }

    fn forward(&self, input: Tensor<3>, pass: &mut Pass) -> Result<Tensor<3>, MixerError> {
        expect_width(self.name(), input.dims()[2], self.width())?;
        if input.dims().contains(&0) {
            return Ok(input);
        }
        let conv = LongConvInput {
            kernel: self.kernel.kernel(input.dims()[1])?,
            x: input,
            reverse: None,
            skip: Some(self.d.val()),
            initial: None,
            seq_idx: pass.seq_idx.clone(),
        };
        self.gate(long_conv(conv, Method::Auto)?)
    }

    fn reference(&self, input: &[f64], batch: usize, length: usize) -> Vec<f64> {
        let d = host(&self.d.val());
        let mut y = self.kernel.recurrence(input, batch, length);
        for (at, (y, u)) in y.iter_mut().zip(input).enumerate() {
            *y += d[at % d.len()] * u;
        }
        self.output_linear.reference(&y)
    }

    fn materialise(&self, input: Tensor<3>) -> Result<Materialised, MixerError> {
        let [batch, len, channels] = input.dims();
        expect_width(self.name(), channels, self.width())?;
        let (kernel, d) = (host(&self.kernel.kernel(len)?), host(&self.d.val()));
        let matrix = |channel: usize| -> Result<Matrix, MixerError> {
            let kernel = &kernel[channel * len..][..len];
            let mut values = vec![0.0; len * len];
            for t in 0..len {
                for s in 0..=t {
                    values[t * len + s] = kernel[t - s];
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
        layer_cost(self.width(), length) + self.kernel.cost(length)
    }
}

impl<K: SisoKernel> CausalMixer for SisoLayer<K> {
    fn initial_state(&self, batch: usize, device: &Device) -> State {
        self.kernel.initial_state(batch, device)
    }

    fn advance(
        &self,
        input: Tensor<3>,
        state: State,
        _pass: &mut Pass,
    ) -> Result<(Tensor<3>, State), MixerError> {
        expect_width(self.name(), input.dims()[2], self.width())?;
        if input.dims().contains(&0) {
            return Ok((input, state));
        }
        let (y, state) = self.kernel.advance(&input, state)?;
        let direct = input * self.d.val().unsqueeze();
        Ok((self.gate(y + direct)?, state))
    }
}

/// Convolution by transforms of length F = 2 length (three of them, 5/2 F log2 F each, and a product),
/// direct term, activation, output map; without the kernel.
pub(crate) fn layer_cost(width: usize, length: usize) -> Cost {
    let (width, len) = (width as u64, length as u64);
    let size = 2 * len.max(1).next_power_of_two();
    let transforms = 3 * 5 * size * u64::from(size.ilog2()) / 2 + 6 * size;
    let dense = 4 * width * width + 12 * width;
    Cost {
        parallel_flops: width * transforms + len * dense,
        step_flops: dense,
        state_bytes: 0,
        parameters: width + 2 * width * width + 2 * width,
    }
}
