//! The block: parallel form, hand-over, cost.

use super::config::Mamba2Config;
use crate::error::MixerError;
use crate::layers::{Projection, RmsNorm, softplus};
use crate::mixer::{CausalMixer, Cost, Materialised, Mixer, Pass, expect_width};
use crate::settings::MixerSettings;
use crate::state::State;
use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor};
use resolvent_kernels::conv1d::{Conv1dInput, Conv1dOptions, conv1d};
use resolvent_kernels::linear::FEW_ROWS;
use resolvent_kernels::mamba2_step::{Mamba2Step, Mamba2StepOutput, mamba2_step};
use resolvent_kernels::ssd::{SsdInput, SsdOptions, ssd};

const CONV_LAYOUT: &str = "channel,tap";
const SSM_LAYOUT: &str = "head,head_dim,state";

/// Weights of the depthwise convolution in PyTorch's layout.
#[derive(Module, Debug)]
pub struct Conv1dWeights {
    /// [channel, 1, tap].
    pub weight: Param<Tensor<3>>,
    /// `[channel]`.
    pub bias: Param<Tensor<1>>,
}

/// One Mamba-2 block; see the module's text for the equations.
#[derive(Module, Debug)]
pub struct Mamba2 {
    /// [rows (z, x, B, C, dt), hidden]; rows (z, x) in the time-invariant twin.
    pub in_proj: Projection,
    /// Channels (x, B, C), or x.
    pub conv1d: Conv1dWeights,
    /// `[head]`.
    pub dt_bias: Param<Tensor<1>>,
    /// `[head]`; A = -exp(a_log). Published as `A_log`.
    pub a_log: Param<Tensor<1>>,
    /// `[head]`. Published as `D`.
    pub d: Param<Tensor<1>>,
    /// `[inner]`.
    pub norm: RmsNorm,
    /// [hidden, inner].
    pub out_proj: Projection,
    /// [group, state]: constant B of the time-invariant twin.
    pub b: Option<Param<Tensor<2>>>,
    /// [group, state]: constant C of the time-invariant twin.
    pub c: Option<Param<Tensor<2>>>,
    /// Sizes and constants.
    #[module(skip)]
    pub config: Mamba2Config,
}

/// What the scan reads, and the gate that is applied behind it.
pub(super) struct Driven {
    pub gate: Tensor<3>,
    pub scan: SsdInput,
    pub conv_state: Option<Tensor<3>>,
}

/// What flows into one call besides the input itself.
#[derive(Default)]
pub(super) struct Carried {
    pub conv: Option<Tensor<3>>,
    pub ssm: Option<Tensor<4>>,
    pub seq_idx: Option<Tensor<2, Int>>,
    pub keep: bool,
}

impl Mamba2 {
    /// Projects, convolves and forms Delta, B, C.
    pub(super) fn drive(&self, input: Tensor<3>, carried: Carried) -> Result<Driven, MixerError> {
        let config = &self.config;
        let [batch, len, hidden] = input.dims();
        expect_width(self.name(), hidden, config.hidden_size)?;
        let flat = input.reshape([batch * len, hidden]);
        let (inner, projection, heads) = (config.inner(), config.projection(), config.num_heads());
        // Slices of one result are views where rows are few, and one operation is cheaper than five;
        // where they are many, slices of the weight save copies and the padding of gradients.
        let together = (batch * len == 1).then(|| self.in_proj.forward(flat.clone()));
        let rows = |from: usize, to: usize| {
            let out = match &together {
                Some(all) => all.clone().narrow(1, from, to - from),
                None => self.in_proj.forward_rows(flat.clone(), from, to),
            };
            out.reshape([batch, len, to - from])
        };
        let gate = rows(0, inner);
        let mut conv_states = Vec::new();
        let mut span = |from: usize, to: usize| -> Result<Tensor<3>, MixerError> {
            let (y, state) = self.convolve(rows(inner + from, inner + to), from, to, &carried)?;
            conv_states.extend(state);
            Ok(y)
        };
        let convolved = match together.is_some() {
            true => Some(span(0, config.conv_channels())?),
            false => None,
        };
        let mut convolve = |from: usize, to: usize| match &convolved {
            Some(all) => Ok(all.clone().narrow(2, from, to - from)),
            None => span(from, to),
        };
        let x = convolve(0, inner)?;
        let grid = [batch, len, config.n_groups, config.state_size];
        let (b, c, dt) = match (&self.b, &self.c) {
            (Some(b), Some(c)) => {
                let constant = |m: &Param<Tensor<2>>| {
                    let [groups, state] = m.val().dims();
                    m.val().reshape([1, 1, groups, state]).expand(grid)
                };
                let dt = self
                    .dt_bias
                    .val()
                    .reshape([1, 1, heads])
                    .expand([batch, len, heads]);
                (constant(b), constant(c), dt)
            }
            _ => {
                let b = convolve(inner, inner + projection)?.reshape(grid);
                let c = convolve(inner + projection, inner + 2 * projection)?.reshape(grid);
                let first = inner + config.conv_channels();
                let dt = rows(first, first + heads) + self.dt_bias.val().reshape([1, 1, heads]);
                (b, c, dt)
            }
        };
        let scan = SsdInput {
            x: x.reshape([batch, len, heads, config.head_dim]),
            dt: self.limited(softplus(dt)),
            a: self.a_log.val().exp().neg(),
            b,
            c,
            d: Some(self.d.val()),
            initial: carried.ssm,
            seq_idx: carried.seq_idx,
        };
        Ok(Driven {
            gate,
            scan,
            conv_state: carried.keep.then(|| Tensor::cat(conv_states, 1)),
        })
    }

    /// Convolution and SiLU of the channels `from..to`, with their part of the carried inputs.
    fn convolve(
        &self,
        x: Tensor<3>,
        from: usize,
        to: usize,
        carried: &Carried,
    ) -> Result<(Tensor<3>, Option<Tensor<3>>), MixerError> {
        let taps = self.config.conv_kernel;
        let weight = self.conv1d.weight.val().narrow(0, from, to - from);
        let initial = carried
            .conv
            .clone()
            .map(|state| state.narrow(1, from, to - from));
        let input = Conv1dInput {
            x,
            weight: weight.reshape([to - from, taps]),
            bias: Some(self.conv1d.bias.val().narrow(0, from, to - from)),
            initial,
            seq_idx: carried.seq_idx.clone(),
        };
        let options = Conv1dOptions {
            final_state: carried.keep,
            ..Conv1dOptions::default()
        };
        let out = conv1d(input, options)?;
        Ok((out.y, out.state))
    }

    fn limited(&self, dt: Tensor<3>) -> Tensor<3> {
        match self.config.time_step_limit {
            (low, high) if low > 0.0 || high.is_finite() => dt.clamp(low, high),
            _ => dt,
        }
    }

    fn run(
        &self,
        input: Tensor<3>,
        carried: Carried,
    ) -> Result<(Tensor<3>, Option<Tensor<3>>, Option<Tensor<4>>), MixerError> {
        let keep = carried.keep;
        expect_width(self.name(), input.dims()[2], self.config.hidden_size)?;
        if input.dims().contains(&0) {
            return Ok((input, carried.conv, carried.ssm));
        }
        let driven = self.drive(input, carried)?;
        let options = SsdOptions {
            chunk: self.config.chunk(),
            final_state: keep,
        };
        let out = ssd(driven.scan, options)?;
        let output = self.project(out.y, driven.gate)?;
        Ok((output, driven.conv_state, out.state))
    }

    /// Gate, norm, output projection.
    fn project(&self, mixed: Tensor<4>, gate: Tensor<3>) -> Result<Tensor<3>, MixerError> {
        let [batch, len, inner] = gate.dims();
        let mixed = mixed.reshape([batch, len, inner]);
        let eps = self.config.layer_norm_epsilon;
        let normed = self.norm.gated(mixed, gate, self.config.n_groups, eps)?;
        let flat = self.out_proj.forward(normed.reshape([batch * len, inner]));
        Ok(flat.reshape([batch, len, self.config.hidden_size]))
    }

    /// One position of few rows in two launches, on devices that have it; not of the twin.
    fn fused_step(
        &self,
        input: &Tensor<3>,
        conv: &Tensor<3>,
        ssm: &Tensor<4>,
    ) -> Result<Option<Mamba2StepOutput>, MixerError> {
        let [batch, len, hidden] = input.dims();
        expect_width(self.name(), hidden, self.config.hidden_size)?;
        if len != 1 || batch > FEW_ROWS || !self.config.selective {
            return Ok(None);
        }
        let [channels, _, taps] = self.conv1d.weight.dims();
        let step = Mamba2Step {
            u: input.clone().reshape([batch, hidden]),
            w_in: self.in_proj.weight.val(),
            conv_weight: self.conv1d.weight.val().reshape([channels, taps]),
            conv_bias: self.conv1d.bias.val(),
            dt_bias: self.dt_bias.val(),
            a_log: self.a_log.val(),
            d: self.d.val(),
            norm: self.norm.weight.val(),
            w_out: self.out_proj.weight.val(),
            conv: conv.clone(),
            ssm: ssm.clone(),
        };
        let config = &self.config;
        Ok(mamba2_step(
            step,
            config.time_step_limit,
            config.layer_norm_epsilon,
        ))
    }

    fn conv_shape(&self, batch: usize) -> [usize; 3] {
        [
            batch,
            self.config.conv_channels(),
            self.config.conv_kernel - 1,
        ]
    }

    fn ssm_shape(&self, batch: usize) -> [usize; 4] {
        let config = &self.config;
        [
            batch,
            config.num_heads(),
            config.head_dim,
            config.state_size,
        ]
    }
}

impl Mixer for Mamba2 {
    fn name(&self) -> &'static str {
        self.config.mixer()
    }

    fn width(&self) -> usize {
        self.config.hidden_size
    }

    fn forward(&self, input: Tensor<3>, pass: &mut Pass) -> Result<Tensor<3>, MixerError> {
        let carried = Carried {
            seq_idx: pass.seq_idx.clone(),
            ..Carried::default()
        };
        Ok(self.run(input, carried)?.0)
    }

    fn reference(&self, input: &[f64], batch: usize, length: usize) -> Vec<f64> {
        let weights = super::reference::Mamba2Weights::of(self);
        super::reference::forward(&self.config, &weights, input, batch, length)
    }

    fn materialise(&self, input: Tensor<3>) -> Result<Materialised, MixerError> {
        super::materialise::materialise(self, input)
    }

    fn finish(&self, input: Tensor<3>, mixed: Tensor<4>) -> Result<Tensor<3>, MixerError> {
        let driven = self.drive(input, Carried::default())?;
        self.project(mixed, driven.gate)
    }

    fn cost(&self, length: usize) -> Cost {
        self.config.cost(length)
    }
}

impl CausalMixer for Mamba2 {
    fn initial_state(&self, batch: usize, device: &Device) -> State {
        let mut state = State::new();
        state.insert(
            "conv",
            CONV_LAYOUT,
            Tensor::<3>::zeros(self.conv_shape(batch), device),
        );
        state.insert(
            "ssm",
            SSM_LAYOUT,
            Tensor::<4>::zeros(self.ssm_shape(batch), device),
        );
        state
    }

    fn advance(
        &self,
        input: Tensor<3>,
        mut state: State,
        _pass: &mut Pass,
    ) -> Result<(Tensor<3>, State), MixerError> {
        let batch = input.dims()[0];
        let conv: Tensor<3> = state.take("conv", CONV_LAYOUT)?;
        let ssm: Tensor<4> = state.take("ssm", SSM_LAYOUT)?;
        State::expect("conv", &conv, self.conv_shape(batch))?;
        State::expect("ssm", &ssm, self.ssm_shape(batch))?;
        let mut state = State::new();
        let mut keep = |conv, ssm| {
            state.insert("conv", CONV_LAYOUT, conv);
            state.insert("ssm", SSM_LAYOUT, ssm);
        };
        if let Some(out) = self.fused_step(&input, &conv, &ssm)? {
            keep(out.conv, out.ssm);
            return Ok((out.y.unsqueeze_dim(1), state));
        }
        let carried = Carried {
            conv: Some(conv),
            ssm: Some(ssm),
            seq_idx: None,
            keep: true,
        };
        let (output, conv, ssm) = self.run(input, carried)?;
        if let (Some(conv), Some(ssm)) = (conv, ssm) {
            keep(conv, ssm);
        }
        Ok((output, state))
    }
}
