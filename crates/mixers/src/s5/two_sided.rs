//! The layer that sees both directions: the same driven inputs scanned both ways.

use super::config::NAME;
use super::gate::S5Gate;
use super::layer::read_out;
use super::reference;
use super::system::{Run, S5System};
use crate::error::MixerError;
use crate::mixer::{Cost, Materialised, Mixer, Pass, expect_width};
use crate::settings::MixerSettings;
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use resolvent_structure::{Complex64, Matrix};

/// y_t = 2 Re(C [past states; future states]) + D u_t, activation and gate. No causal order: it
/// cannot be stepped.
#[derive(Module, Debug)]
pub struct TwoSidedS5 {
    /// Eigenvalues, step sizes, input map.
    pub system: S5System,
    /// Output matrix, [channel, 2 mode, 2]: past states first.
    pub c: Param<Tensor<3>>,
    /// Direct term, `[channel]`.
    pub d: Param<Tensor<1>>,
    /// Activation and gate.
    pub gate: S5Gate,
}

impl TwoSidedS5 {
    /// From states of both directions, each [batch, length, 2 mode], to outputs.
    fn output(&self, input: Tensor<3>, past: Tensor<3>, future: Tensor<3>) -> Tensor<3> {
        let [batch, len, channels] = input.dims();
        let (rows, modes) = (batch * len, self.system.config.modes());
        let flat = |h: Tensor<3>| h.reshape([rows, 2 * modes]);
        let c = self.c.val();
        let direct = input.reshape([rows, channels]) * self.d.val().unsqueeze();
        let y = read_out(c.clone().narrow(1, 0, modes), flat(past))
            + read_out(c.narrow(1, modes, modes), flat(future))
            + direct;
        self.gate.forward(y).reshape([batch, len, channels])
    }
}

impl Mixer for TwoSidedS5 {
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
        let run = |reverse| {
            self.system.scan(Run {
                input: &input,
                initial: None,
                seq_idx: pass.seq_idx.clone(),
                reverse,
            })
        };
        let (past, future) = (run(false)?.h, run(true)?.h);
        Ok(self.output(input, past, future))
    }

    fn reference(&self, input: &[f64], _batch: usize, length: usize) -> Vec<f64> {
        let states = |row: &[f64]| -> Vec<Vec<Complex64>> {
            let past = self.system.states(row, false);
            let future = self.system.states(row, true);
            let pairs = past.into_iter().zip(future);
            pairs
                .map(|(past, future)| [past, future].concat())
                .collect()
        };
        reference::outputs(&self.c, &self.d, &self.gate, (input, length), states)
    }

    /// As in the causal layer, eight heads per mode: four for each direction.
    fn materialise(&self, input: Tensor<3>) -> Result<Materialised, MixerError> {
        let [batch, len, channels] = input.dims();
        expect_width(NAME, channels, self.width())?;
        let modes = self.system.config.modes();
        let [_, gain] = self.system.discretised()?;
        let driven = self.system.driven(&input, gain);
        let poles = self.system.exact();
        let power = |at: usize| -> Result<Matrix, MixerError> {
            let (head, factor) = (at / modes % 4, poles[at % modes].0);
            let future = at >= 4 * modes;
            let mut values = vec![0.0; len * len];
            for t in 0..len {
                for s in 0..len {
                    if (s > t) != future && s != t {
                        continue;
                    }
                    let power = factor.powu(t.abs_diff(s) as u32);
                    values[t * len + s] = match head {
                        0 | 3 => power.re,
                        1 => -power.im,
                        _ => power.im,
                    };
                }
            }
            Ok(Matrix::new(len, len, values)?)
        };
        let heads: Vec<Matrix> = (0..8 * modes).map(power).collect::<Result<_, _>>()?;
        let values = Tensor::cat(vec![driven; 4], 2);
        Ok(Materialised {
            matrices: (0..batch).flat_map(|_| heads.iter().cloned()).collect(),
            values: values.reshape([batch, len, 8 * modes, 1]),
        })
    }

    fn finish(&self, input: Tensor<3>, mixed: Tensor<4>) -> Result<Tensor<3>, MixerError> {
        let [batch, len, heads, _] = mixed.dims();
        let modes = heads / 8;
        let mixed = mixed.reshape([batch, len, heads]);
        let part = |at: usize| mixed.clone().narrow(2, at * modes, modes);
        let direction = |at: usize| {
            Tensor::cat(
                vec![part(at) + part(at + 1), part(at + 2) + part(at + 3)],
                2,
            )
        };
        let (past, future) = (direction(0), direction(4));
        Ok(self.output(input, past, future))
    }

    fn cost(&self, length: usize) -> Cost {
        let (width, modes) = (self.width() as u64, self.system.config.modes() as u64);
        let one = self.system.config.cost(length);
        Cost {
            parallel_flops: one.parallel_flops + (4 * width + 8) * modes * length as u64,
            step_flops: 0,
            state_bytes: 0,
            parameters: one.parameters + 2 * width * modes,
        }
    }
}
