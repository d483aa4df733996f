//! The channel mix: token shift, squared ReLU between two projections.

use super::config::Rwkv7ChannelConfig;
use super::reference::ChannelMixWeights;
use super::shift;
use crate::error::MixerError;
use crate::layers::Projection;
use crate::mixer::{
    CausalMixer, Cost, Materialised, Mixer, Pass, expect_indices, expect_width, host,
};
use crate::settings::MixerSettings;
use crate::state::State;
use burn::module::{Module, Param};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use resolvent_kernels::linear::FEW_ROWS;
use resolvent_kernels::rwkv7_step::rwkv7_channel_step;
use resolvent_structure::Matrix;

const PREVIOUS: &str = "ffn_x_prev";

/// One channel mix; see the module's text for the equations.
#[derive(Module, Debug)]
pub struct Rwkv7ChannelMix {
    /// [1, 1, channel].
    pub x_k: Param<Tensor<3>>,
    /// [inner, channel].
    pub key: Projection,
    /// [channel, inner].
    pub value: Projection,
    /// Sizes.
    #[module(skip)]
    pub config: Rwkv7ChannelConfig,
}

impl Rwkv7ChannelMix {
    fn run(
        &self,
        input: Tensor<3>,
        previous: Option<Tensor<2>>,
        pass: &Pass,
    ) -> Result<Tensor<3>, MixerError> {
        expect_width(self.name(), input.dims()[2], self.config.hidden_size)?;
        if input.dims().contains(&0) {
            return Ok(input);
        }
        let dx = shift::difference(&input, previous, pass.seq_idx.as_ref());
        Ok(self.project(input + dx * self.x_k.val()))
    }

    fn project(&self, mixed: Tensor<3>) -> Tensor<3> {
        let [batch, len, width] = mixed.dims();
        let key = relu(self.key.forward(mixed.reshape([batch * len, width])));
        let out = self.value.forward(key.clone() * key);
        out.reshape([batch, len, width])
    }
}

impl Mixer for Rwkv7ChannelMix {
    fn name(&self) -> &'static str {
        self.config.mixer()
    }

    fn width(&self) -> usize {
        self.config.hidden_size
    }

    fn forward(&self, input: Tensor<3>, pass: &mut Pass) -> Result<Tensor<3>, MixerError> {
        expect_indices(self.name(), pass, &input)?;
        self.run(input, None, pass)
    }

    fn reference(&self, input: &[f64], batch: usize, length: usize) -> Vec<f64> {
        super::reference::channel_mix(&ChannelMixWeights::of(self), input, batch, length)
    }

    /// One matrix per channel, 1 - mu on the diagonal and mu below it: all the mixing along the
    /// length there is.
    fn materialise(&self, input: Tensor<3>) -> Result<Materialised, MixerError> {
        let [batch, len, width] = input.dims();
        expect_width(self.name(), width, self.config.hidden_size)?;
        let mu = host(&self.x_k.val());
        let matrices = (0..batch * width)
            .map(|at| {
                let mu = mu[at % width];
                Ok(Matrix::from_fn(len, len, |row, column| {
                    if row == column {
                        1.0 - mu
                    } else if row == column + 1 {
                        mu
                    } else {
                        0.0
                    }
                })?)
            })
            .collect::<Result<_, MixerError>>()?;
        Ok(Materialised {
            matrices,
            values: resolvent_kernels::reshape(input, [batch, len, width, 1]),
        })
    }

    fn finish(&self, _input: Tensor<3>, mixed: Tensor<4>) -> Result<Tensor<3>, MixerError> {
        let [batch, len, width, _] = mixed.dims();
        expect_width(self.name(), width, self.config.hidden_size)?;
        let mixed = resolvent_kernels::reshape(mixed, [batch, len, width]);
        if batch * len == 0 {
            return Ok(mixed);
        }
        Ok(self.project(mixed))
    }

    fn cost(&self, length: usize) -> Cost {
        self.config.cost(length)
    }
}

impl CausalMixer for Rwkv7ChannelMix {
    fn initial_state(&self, batch: usize, device: &Device) -> State {
        let mut state = State::new();
        let zeros = Tensor::<2>::zeros([batch, self.config.hidden_size], device);
        state.insert(PREVIOUS, shift::LAYOUT, zeros);
        state
    }

    fn advance(
        &self,
        input: Tensor<3>,
        mut state: State,
        _pass: &mut Pass,
    ) -> Result<(Tensor<3>, State), MixerError> {
        let [batch, len, width] = input.dims();
        expect_width(self.name(), width, self.config.hidden_size)?;
        let previous = shift::take(&mut state, PREVIOUS, [batch, width])?;
        let mut state = State::new();
        let next = match batch * len {
            0 => previous.clone(),
            _ => shift::last(&input),
        };
        state.insert(PREVIOUS, shift::LAYOUT, next);
        if len == 1 && batch <= FEW_ROWS && batch > 0 {
            let x = input.clone().reshape([batch, width]);
            let mu = self.x_k.val().reshape([width]);
            let (key, value) = (self.key.weight.val(), self.value.weight.val());
            if let Some(output) = rwkv7_channel_step(&x, &previous, mu, key, value) {
                return Ok((output.reshape([batch, 1, width]), state));
            }
        }
        let output = self.run(input, Some(previous), &Pass::default())?;
        Ok((output, state))
    }
}
