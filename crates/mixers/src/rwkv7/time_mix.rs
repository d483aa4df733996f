//! The time mix: parallel form, hand-over, cost.

use super::config::Rwkv7Config;
use super::shift;
use crate::error::MixerError;
use crate::layers::{LayerNorm, Projection};
use crate::mixer::{CausalMixer, Cost, Materialised, Mixer, Pass, expect_indices, expect_width};
use crate::settings::MixerSettings;
use crate::state::State;
use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor};
use resolvent_kernels::activation::{sigmoid, tanh};
use resolvent_kernels::dplr::{DplrInput, DplrOptions, dplr};
use resolvent_kernels::linear::FEW_ROWS;
use resolvent_kernels::rwkv7_step::{LowRank, Rwkv7Step, rwkv7_step};

const PREVIOUS: &str = "att_x_prev";
const STATE: &str = "S";
const STATE_LAYOUT: &str = "head,value,key";
/// Squared norms of removal keys are raised to this, which is the published floor of 1e-12 on the
/// norm itself.
const SMALLEST_SQUARE: f64 = 1e-24;

/// One time mix; see the module's text for the equations.
#[derive(Module, Debug)]
pub struct Rwkv7 {
    /// [1, 1, channel], like the other lerps.
    pub x_r: Param<Tensor<3>>,
    /// Lerp of the decay.
    pub x_w: Param<Tensor<3>>,
    /// Lerp of the key.
    pub x_k: Param<Tensor<3>>,
    /// Lerp of the value.
    pub x_v: Param<Tensor<3>>,
    /// Lerp of the learning rate.
    pub x_a: Param<Tensor<3>>,
    /// Lerp of the gate.
    pub x_g: Param<Tensor<3>>,
    /// Bias of the decay, [1, 1, channel].
    pub w0: Param<Tensor<3>>,
    /// [channel, rank].
    pub w1: Param<Tensor<2>>,
    /// [rank, channel].
    pub w2: Param<Tensor<2>>,
    /// Bias of the learning rate, [1, 1, channel].
    pub a0: Param<Tensor<3>>,
    /// [channel, rank].
    pub a1: Param<Tensor<2>>,
    /// [rank, channel].
    pub a2: Param<Tensor<2>>,
    /// Bias of the value residual, [1, 1, channel].
    pub v0: Param<Tensor<3>>,
    /// [channel, rank].
    pub v1: Param<Tensor<2>>,
    /// [rank, channel].
    pub v2: Param<Tensor<2>>,
    /// [channel, rank].
    pub g1: Param<Tensor<2>>,
    /// [rank, channel].
    pub g2: Param<Tensor<2>>,
    /// Scale of the removal key, [1, 1, channel].
    pub k_k: Param<Tensor<3>>,
    /// How far the learning rate scales the key, [1, 1, channel].
    pub k_a: Param<Tensor<3>>,
    /// Weight of the bonus, [head, head_dim].
    pub r_k: Param<Tensor<2>>,
    /// [channel, channel].
    pub receptance: Projection,
    /// [channel, channel].
    pub key: Projection,
    /// [channel, channel].
    pub value: Projection,
    /// [channel, channel].
    pub output: Projection,
    /// Of every head on its own.
    pub ln_x: LayerNorm,
    /// Sizes.
    #[module(skip)]
    pub config: Rwkv7Config,
}

/// What flows into one call besides the input itself.
#[derive(Default)]
pub(super) struct Carried {
    pub previous: Option<Tensor<2>>,
    pub state: Option<Tensor<4>>,
    pub seq_idx: Option<Tensor<2, Int>>,
}

/// What the scan reads, and the gate [row, channel] that is applied behind it.
pub(super) struct Driven {
    pub scan: DplrInput,
    pub gate: Tensor<2>,
}

/// f(x A) B.
fn low_rank(
    input: Tensor<2>,
    first: &Param<Tensor<2>>,
    second: &Param<Tensor<2>>,
    between: fn(Tensor<2>) -> Tensor<2>,
) -> Tensor<2> {
    between(input.matmul(first.val())).matmul(second.val())
}

impl Rwkv7 {
    /// Everything before the scan.
    pub(super) fn drive(
        &self,
        input: Tensor<3>,
        carried: Carried,
        pass: &mut Pass,
    ) -> Result<Driven, MixerError> {
        let [batch, len, width] = input.dims();
        expect_width(self.name(), width, self.config.hidden_size)?;
        let rows = batch * len;
        let vector = |param: &Param<Tensor<3>>| param.val().reshape([1, width]);
        let dx = shift::difference(&input, carried.previous, carried.seq_idx.as_ref())
            .reshape([rows, width]);
        let x = input.reshape([rows, width]);
        let lerp = |mu: &Param<Tensor<3>>| x.clone() + dx.clone() * vector(mu);

        let r = self.receptance.forward(lerp(&self.x_r));
        let k = self.key.forward(lerp(&self.x_k));
        let w = low_rank(lerp(&self.x_w), &self.w1, &self.w2, tanh) + vector(&self.w0);
        let log_decay = sigmoid(w) * -(-0.5_f64).exp();
        let a = low_rank(lerp(&self.x_a), &self.a1, &self.a2, |x| x) + vector(&self.a0);
        let rate = sigmoid(a);
        let gate = low_rank(lerp(&self.x_g), &self.g1, &self.g2, sigmoid);
        let v = self.values(lerp(&self.x_v), [batch, len, width], pass)?;

        let removal = self.unit(k.clone() * vector(&self.k_k));
        let k = k * ((rate.clone() - 1.0) * vector(&self.k_a) + 1.0);
        let heads = [batch, len, self.config.num_heads(), self.config.head_dim];
        Ok(Driven {
            scan: DplrInput {
                r: r.reshape(heads),
                g: log_decay.reshape(heads),
                k: k.reshape(heads),
                v: v.reshape(heads),
                a: removal.clone().neg().reshape(heads),
                b: (removal * rate).reshape(heads),
                initial: carried.state,
                seq_idx: carried.seq_idx,
            },
            gate,
        })
    }

    /// Values [row, channel]; the first layer of a pass leaves its own there, later ones blend them
    /// in.
    fn values(
        &self,
        mixed: Tensor<2>,
        dims: [usize; 3],
        pass: &mut Pass,
    ) -> Result<Tensor<2>, MixerError> {
        let [batch, len, width] = dims;
        let v = self.value.forward(mixed.clone());
        let Some(first) = &pass.first_values else {
            pass.first_values = Some(v.clone().reshape(dims));
            return Ok(v);
        };
        for (axis, got, expected) in [
            ("first_values batch", first.dims()[0], batch),
            ("first_values length", first.dims()[1], len),
            ("first_values channel", first.dims()[2], width),
        ] {
            if got != expected {
                return Err(MixerError::Input {
                    mixer: self.name(),
                    axis,
                    got,
                    expected: expected.to_string(),
                });
            }
        }
        let share = low_rank(mixed, &self.v1, &self.v2, |x| x) + self.v0.val().reshape([1, width]);
        let first = first.clone().reshape([batch * len, width]);
        Ok(v.clone() + (first - v) * sigmoid(share))
    }

    /// Scales every head of [row, channel] to length 1.
    fn unit(&self, keys: Tensor<2>) -> Tensor<2> {
        let [rows, width] = keys.dims();
        let dim = self.config.head_dim;
        let heads = keys.reshape([rows * width / dim, dim]);
        let square = (heads.clone() * heads.clone()).sum_dim(1);
        // Clamped before the root: its slope is infinite at zero.
        let norm = square.clamp_min(SMALLEST_SQUARE).sqrt();
        (heads / norm).reshape([rows, width])
    }

    /// Norm, bonus, gate, output projection of `mixed` [batch, len, head, value].
    fn project(&self, mixed: Tensor<4>, driven: Driven) -> Result<Tensor<3>, MixerError> {
        let [batch, len, heads, dim] = mixed.dims();
        let (rows, width) = (batch * len, heads * dim);
        let eps = self.config.group_norm_epsilon;
        let normed = self
            .ln_x
            .grouped(mixed.reshape([rows, width]), heads, eps)?;
        let scan = driven.scan;
        let weighted = scan.r * scan.k * self.r_k.val().reshape([1, 1, heads, dim]);
        let bonus = weighted.sum_dim(3) * scan.v;
        let gated = (normed + bonus.reshape([rows, width])) * driven.gate;
        Ok(self.output.forward(gated).reshape([batch, len, width]))
    }

    /// Output, and the state behind the last position where it is wanted; no axis may be empty.
    fn run(
        &self,
        input: Tensor<3>,
        carried: Carried,
        pass: &mut Pass,
        final_state: bool,
    ) -> Result<(Tensor<3>, Option<Tensor<4>>), MixerError> {
        let driven = self.drive(input, carried, pass)?;
        let options = DplrOptions {
            final_state,
            ..DplrOptions::default()
        };
        let out = dplr(driven.scan.clone(), options)?;
        Ok((self.project(out.y, driven)?, out.state))
    }

    /// One position of few rows in two launches, on devices that have it.
    fn fused_step(
        &self,
        input: &Tensor<3>,
        previous: &Tensor<2>,
        state: &Tensor<4>,
        pass: &mut Pass,
    ) -> Option<(Tensor<3>, Tensor<4>)> {
        let [batch, len, width] = input.dims();
        let grid = [batch, len, width];
        if len != 1
            || batch > FEW_ROWS
            || pass.first_values.as_ref().is_some_and(|v| v.dims() != grid)
        {
            return None;
        }
        let vector = |param: &Param<Tensor<3>>| param.val().reshape([width]);
        let low_rank = |first: &Param<Tensor<2>>, second: &Param<Tensor<2>>, base| LowRank {
            first: first.val(),
            second: second.val(),
            base: vector(base),
        };
        let out = rwkv7_step(Rwkv7Step {
            x: input.clone().reshape([batch, width]),
            previous: previous.clone(),
            first: pass.first_values.clone().map(|v| v.reshape([batch, width])),
            mu: [
                &self.x_r, &self.x_w, &self.x_k, &self.x_v, &self.x_a, &self.x_g,
            ]
            .map(vector),
            w: low_rank(&self.w1, &self.w2, &self.w0),
            a: low_rank(&self.a1, &self.a2, &self.a0),
            v: low_rank(&self.v1, &self.v2, &self.v0),
            // The gate has no base; what stands there is not read.
            g: low_rank(&self.g1, &self.g2, &self.w0),
            k_k: vector(&self.k_k),
            k_a: vector(&self.k_a),
            r_k: self.r_k.val().reshape([width]),
            receptance: self.receptance.weight.val(),
            key: self.key.weight.val(),
            value: self.value.weight.val(),
            output: self.output.weight.val(),
            norm_weight: self.ln_x.weight.val(),
            norm_bias: self.ln_x.bias.val(),
            state: state.clone(),
            eps: self.config.group_norm_epsilon,
            smallest_square: SMALLEST_SQUARE,
        })?;
        if pass.first_values.is_none() {
            pass.first_values = Some(out.values.reshape(grid));
        }
        Some((out.y.reshape(grid), out.state))
    }

    fn state_shape(&self, batch: usize) -> [usize; 4] {
        let dim = self.config.head_dim;
        [batch, self.config.num_heads(), dim, dim]
    }
}

impl Mixer for Rwkv7 {
    fn name(&self) -> &'static str {
        self.config.mixer()
    }

    fn width(&self) -> usize {
        self.config.hidden_size
    }

    fn forward(&self, input: Tensor<3>, pass: &mut Pass) -> Result<Tensor<3>, MixerError> {
        expect_width(self.name(), input.dims()[2], self.config.hidden_size)?;
        expect_indices(self.name(), pass, &input)?;
        if input.dims().contains(&0) {
            return Ok(input);
        }
        let carried = Carried {
            seq_idx: pass.seq_idx.clone(),
            ..Carried::default()
        };
        Ok(self.run(input, carried, pass, false)?.0)
    }

    fn reference(&self, input: &[f64], batch: usize, length: usize) -> Vec<f64> {
        let weights = super::reference::TimeMixWeights::of(self);
        super::reference::time_mix(&self.config, &weights, input, [batch, length], None).output
    }

    fn materialise(&self, input: Tensor<3>) -> Result<Materialised, MixerError> {
        super::materialise::materialise(self, input)
    }

    fn finish(&self, input: Tensor<3>, mixed: Tensor<4>) -> Result<Tensor<3>, MixerError> {
        let driven = self.drive(input, Carried::default(), &mut Pass::default())?;
        self.project(mixed, driven)
    }

    fn cost(&self, length: usize) -> Cost {
        self.config.cost(length)
    }
}

impl CausalMixer for Rwkv7 {
    fn initial_state(&self, batch: usize, device: &Device) -> State {
        let mut state = State::new();
        let previous = Tensor::<2>::zeros([batch, self.config.hidden_size], device);
        state.insert(PREVIOUS, shift::LAYOUT, previous);
        let zeros = Tensor::<4>::zeros(self.state_shape(batch), device);
        state.insert(STATE, STATE_LAYOUT, zeros);
        state
    }

    fn advance(
        &self,
        input: Tensor<3>,
        mut state: State,
        pass: &mut Pass,
    ) -> Result<(Tensor<3>, State), MixerError> {
        let [batch, len, width] = input.dims();
        expect_width(self.name(), width, self.config.hidden_size)?;
        let previous = shift::take(&mut state, PREVIOUS, [batch, width])?;
        let before: Tensor<4> = state.take(STATE, STATE_LAYOUT)?;
        State::expect(STATE, &before, self.state_shape(batch))?;
        let mut state = State::new();
        if batch * len == 0 {
            state.insert(PREVIOUS, shift::LAYOUT, previous);
            state.insert(STATE, STATE_LAYOUT, before);
            return Ok((input, state));
        }
        state.insert(PREVIOUS, shift::LAYOUT, shift::last(&input));
        if let Some((output, after)) = self.fused_step(&input, &previous, &before, pass) {
            state.insert(STATE, STATE_LAYOUT, after);
            return Ok((output, state));
        }
        let carried = Carried {
            previous: Some(previous),
            state: Some(before),
            seq_idx: None,
        };
        let (output, after) = self.run(input, carried, pass, true)?;
        if let Some(after) = after {
            state.insert(STATE, STATE_LAYOUT, after);
        }
        Ok((output, state))
    }
}
