//! The layer: parallel form, hand-over, matrix, cost.

use super::config::{NAME, SpaceTimeConfig};
use super::kernel::CompanionKernel;
use super::preprocess::{TAPS, filter_tensor, filters};
use crate::error::MixerError;
use crate::layers::Affine;
use crate::lti::SisoKernel;
use crate::lti::reference::gelu;
use crate::mixer::{CausalMixer, Cost, Materialised, Mixer, Pass, expect_width, host};
use crate::settings::MixerSettings;
use crate::state::State;
use burn::module::{Module, Param};
use burn::tensor::activation::gelu as gelu_tensor;
use burn::tensor::{Device, Int, Tensor};
use resolvent_kernels::long_conv::{LongConvInput, Method, long_conv};
use resolvent_structure::Matrix;

const INPUTS: &str = "channel,tap";

/// Companion kernels with optional fixed filters before them; see the text of [`crate::spacetime`].
#[derive(Module, Debug)]
pub struct SpaceTime {
    /// What makes the kernels.
    pub kernel: CompanionKernel,
    /// Direct term, `[channel]`.
    pub skip: Param<Tensor<1>>,
    /// Mixing of channels.
    pub mlp: Affine,
}

impl SpaceTime {
    /// Sizes and constants.
    pub fn config(&self) -> &SpaceTimeConfig {
        &self.kernel.config
    }

    /// The input behind the fixed filters, if there are any.
    pub(super) fn preprocess(
        &self,
        input: Tensor<3>,
        seq_idx: Option<Tensor<2, Int>>,
    ) -> Result<Tensor<3>, MixerError> {
        if !self.config().preprocess {
            return Ok(input);
        }
        let kernel = filter_tensor(self.config(), &input.device())?;
        let conv = LongConvInput {
            x: input,
            kernel,
            reverse: None,
            skip: None,
            initial: None,
            seq_idx,
        };
        Ok(long_conv(conv, Method::Auto)?)
    }

    /// W gelu(y) + w + y.
    pub(super) fn mix(&self, y: Tensor<3>) -> Tensor<3> {
        let [batch, len, channels] = y.dims();
        let flat = y.reshape([batch * len, channels]);
        let mixed = self.mlp.forward(gelu_tensor(flat.clone())) + flat;
        mixed.reshape([batch, len, channels])
    }
}

impl Mixer for SpaceTime {
    fn name(&self) -> &'static str {
        NAME
    }

    fn width(&self) -> usize {
        self.config().hidden_size
    }

    fn forward(&self, input: Tensor<3>, pass: &mut Pass) -> Result<Tensor<3>, MixerError> {
        expect_width(NAME, input.dims()[2], self.width())?;
        if input.dims().contains(&0) {
            return Ok(input);
        }
        let x = self.preprocess(input, pass.seq_idx.clone())?;
        let conv = LongConvInput {
            kernel: self.kernel.kernel(x.dims()[1])?,
            x,
            reverse: None,
            skip: Some(self.skip.val()),
            initial: None,
            seq_idx: pass.seq_idx.clone(),
        };
        Ok(self.mix(long_conv(conv, Method::Auto)?))
    }

    /// # Panics
    /// Never: a layer that exists has filters.
    fn reference(&self, input: &[f64], batch: usize, length: usize) -> Vec<f64> {
        let channels = self.width();
        let mut x = input.to_vec();
        if self.config().preprocess {
            let Ok(filters) = filters(self.config()) else {
                return vec![f64::NAN; input.len()];
            };
            for (at, x) in x.iter_mut().enumerate() {
                let (t, channel) = (at / channels % length, at % channels);
                let taps = filters[channel].iter().take(t + 1).enumerate();
                *x = taps.map(|(m, tap)| tap * input[at - m * channels]).sum();
            }
        }
        let skip = host(&self.skip.val());
        let mut y = self.kernel.recurrence(&x, batch, length);
        for (at, (y, x)) in y.iter_mut().zip(&x).enumerate() {
            *y += skip[at % channels] * x;
        }
        y.chunks(channels)
            .flat_map(|y| {
                let active: Vec<f64> = y.iter().map(|&y| gelu(y)).collect();
                let mixed = self.mlp.exact(&active);
                mixed.iter().zip(y).map(|(m, y)| m + y).collect::<Vec<_>>()
            })
            .collect()
    }

    fn materialise(&self, input: Tensor<3>) -> Result<Materialised, MixerError> {
        let [batch, len, channels] = input.dims();
        expect_width(NAME, channels, self.width())?;
        let (kernel, skip) = (host(&self.kernel.kernel(len)?), host(&self.skip.val()));
        let filters = match self.config().preprocess {
            true => filters(self.config())?,
            false => vec![vec![1.0]; channels],
        };
        let matrix = |channel: usize| -> Result<Matrix, MixerError> {
            let mut taps = kernel[channel * len..][..len].to_vec();
            if let Some(first) = taps.first_mut() {
                *first += skip[channel];
            }
            let both = |k: usize| -> f64 {
                let filter = filters[channel].iter().take(k + 1).enumerate();
                filter.map(|(m, f)| f * taps[k - m]).sum()
            };
            let whole: Vec<f64> = (0..len).map(both).collect();
            let entry = |t: usize, s: usize| if s <= t { whole[t - s] } else { 0.0 };
            Ok(Matrix::from_fn(len, len, entry)?)
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
        Ok(self.mix(mixed.reshape([batch, len, channels])))
    }

    fn cost(&self, length: usize) -> Cost {
        self.config().cost(length)
    }
}

impl CausalMixer for SpaceTime {
    fn initial_state(&self, batch: usize, device: &Device) -> State {
        let mut state = self.kernel.initial_state(batch, device);
        if self.config().preprocess {
            let dims = [batch, self.width(), TAPS - 1];
            state.insert("inputs", INPUTS, Tensor::<3>::zeros(dims, device));
        }
        state
    }

    fn advance(
        &self,
        input: Tensor<3>,
        mut state: State,
        _pass: &mut Pass,
    ) -> Result<(Tensor<3>, State), MixerError> {
        let [batch, len, channels] = input.dims();
        expect_width(NAME, channels, self.width())?;
        if input.dims().contains(&0) {
            return Ok((input, state));
        }
        let mut x = input;
        let mut kept = None;
        if self.config().preprocess {
            let before: Tensor<3> = state.take("inputs", INPUTS)?;
            State::expect("inputs", &before, [batch, channels, TAPS - 1])?;
            let all = Tensor::cat(vec![before.swap_dims(1, 2), x], 1);
            kept = Some(all.clone().narrow(1, len, TAPS - 1).swap_dims(1, 2));
            x = self.preprocess(all, None)?.narrow(1, TAPS - 1, len);
        }
        let (y, mut next) = self.kernel.advance(&x, state)?;
        if let Some(kept) = kept {
            next.insert("inputs", INPUTS, kept);
        }
        let direct = x * self.skip.val().unsqueeze();
        Ok((self.mix(y + direct), next))
    }
}
