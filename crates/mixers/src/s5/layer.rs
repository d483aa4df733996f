//! The causal layer: parallel form, hand-over, matrix, cost.

use super::config::NAME;
use super::gate::S5Gate;
use super::reference;
use super::system::{Run, S5System};
use crate::error::MixerError;
use crate::mixer::{CausalMixer, Cost, Materialised, Mixer, Pass, expect_width};
use crate::settings::MixerSettings;
use crate::state::State;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use resolvent_kernels::ComplexTensor;
use resolvent_kernels::linear::linear;
use resolvent_structure::Matrix;

const LAYOUT: &str = "mode";

/// One diagonal system with many inputs and outputs; see the text of [`crate::s5`].
#[derive(Module, Debug)]
pub struct S5 {
    /// Eigenvalues, step sizes, input map.
    pub system: S5System,
    /// Output matrix, [channel, mode, 2].
    pub c: Param<Tensor<3>>,
    /// Direct term, `[channel]`.
    pub d: Param<Tensor<1>>,
    /// Activation and gate.
    pub gate: S5Gate,
}

/// 2 Re(C h): `h` [row, 2 mode] real parts first, `c` [channel, mode, 2] -> [row, channel].
pub(super) fn read_out(c: Tensor<3>, h: Tensor<2>) -> Tensor<2> {
    let [channels, modes, _] = c.dims();
    let part = |at, sign: f64| c.clone().narrow(2, at, 1).reshape([channels, modes]) * sign;
    let weight = Tensor::cat(vec![part(0, 2.0), part(1, -2.0)], 1);
    linear(h, weight)
}

impl S5 {
    /// From states [batch, length, 2 mode] to outputs.
    fn output(&self, input: Tensor<3>, h: Tensor<3>) -> Tensor<3> {
        let [batch, len, channels] = input.dims();
        let rows = batch * len;
        let h = h.reshape([rows, 2 * self.system.config.modes()]);
        let direct = input.reshape([rows, channels]) * self.d.val().unsqueeze();
        let y = read_out(self.c.val(), h) + direct;
        self.gate.forward(y).reshape([batch, len, channels])
    }
}

impl Mixer for S5 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn width(&self) -> usize {
        self.system.config.hidden_size
    }

    fn forward(&self, input: Tensor<3>, pass: &mut Pass) -> Result<Tensor<3>, MixerError> {
        expect_width(NAME, input.dims()[2], self.width())?;
        if input.dims().contains(&0) {
            return Ok(input);
        }
        let states = self.system.scan(Run {
            input: &input,
            initial: None,
            seq_idx: pass.seq_idx.clone(),
            reverse: false,
        })?;
        Ok(self.output(input, states.h))
    }

    fn reference(&self, input: &[f64], _batch: usize, length: usize) -> Vec<f64> {
        let states = |row: &[f64]| self.system.states(row, false);
        reference::outputs(&self.c, &self.d, &self.gate, (input, length), states)
    }

    /// Four heads per mode: what the real and the imaginary part of the driven input contribute to the
    /// real part of the state, and to its imaginary part.
    fn materialise(&self, input: Tensor<3>) -> Result<Materialised, MixerError> {
        let [batch, len, channels] = input.dims();
        expect_width(NAME, channels, self.width())?;
        let modes = self.system.config.modes();
        let [_, gain] = self.system.discretised()?;
        let driven = self.system.driven(&input, gain);
        let values = Tensor::cat(vec![driven.clone(), driven], 2);
        let poles = self.system.exact();
        let power = |n: usize, head: usize| -> Result<Matrix, MixerError> {
            let factor = poles[n].0;
            let mut values = vec![0.0; len * len];
            for t in 0..len {
                for s in 0..=t {
                    let power = factor.powu((t - s) as u32);
                    values[t * len + s] = match head {
                        0 | 3 => power.re,
                        1 => -power.im,
                        _ => power.im,
                    };
                }
            }
            Ok(Matrix::new(len, len, values)?)
        };
        let heads = (0..4 * modes).map(|at| power(at % modes, at / modes));
        let heads: Vec<Matrix> = heads.collect::<Result<_, _>>()?;
        Ok(Materialised {
            matrices: (0..batch).flat_map(|_| heads.iter().cloned()).collect(),
            values: values.reshape([batch, len, 4 * modes, 1]),
        })
    }

    fn finish(&self, input: Tensor<3>, mixed: Tensor<4>) -> Result<Tensor<3>, MixerError> {
        let [batch, len, heads, _] = mixed.dims();
        let modes = heads / 4;
        let mixed = mixed.reshape([batch, len, heads]);
        let part = |at: usize| mixed.clone().narrow(2, at * modes, modes);
        let h = Tensor::cat(vec![part(0) + part(1), part(2) + part(3)], 2);
        Ok(self.output(input, h))
    }

    fn cost(&self, length: usize) -> Cost {
        self.system.config.cost(length)
    }
}

impl CausalMixer for S5 {
    fn initial_state(&self, batch: usize, device: &Device) -> State {
        let zeros = Tensor::zeros([batch, self.system.config.modes()], device);
        entry(ComplexTensor::real(zeros))
    }

    fn advance(
        &self,
        input: Tensor<3>,
        mut state: State,
        _pass: &mut Pass,
    ) -> Result<(Tensor<3>, State), MixerError> {
        expect_width(NAME, input.dims()[2], self.width())?;
        if input.dims().contains(&0) {
            return Ok((input, state));
        }
        let expected = [input.dims()[0], self.system.config.modes()];
        let mut part = |name: &str| -> Result<Tensor<2>, MixerError> {
            let value: Tensor<2> = state.take(name, LAYOUT)?;
            State::expect(name, &value, expected)?;
            Ok(value)
        };
        let initial = ComplexTensor::new(part("state_re")?, part("state_im")?);
        let states = self.system.scan(Run {
            input: &input,
            initial: Some(initial),
            seq_idx: None,
            reverse: false,
        })?;
        let next = entry(states.state());
        Ok((self.output(input, states.h), next))
    }
}

fn entry(value: ComplexTensor<2>) -> State {
    let mut state = State::new();
    state.insert("state_re", LAYOUT, value.re);
    state.insert("state_im", LAYOUT, value.im);
    state
}
