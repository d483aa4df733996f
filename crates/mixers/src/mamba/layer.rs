//! The block: parallel form, hand-over, step.

use super::config::MambaConfig;
use crate::error::MixerError;
use crate::layers::Projection;
use crate::mamba2::Conv1dWeights;
use crate::mixer::{CausalMixer, Cost, Materialised, Mixer, Pass, expect_width};
use crate::settings::MixerSettings;
use crate::state::State;
use burn::module::{Module, Param};
use burn::tensor::activation::silu;
use burn::tensor::{Device, Int, Tensor};
use resolvent_kernels::conv1d::{Conv1dInput, Conv1dOptions, conv1d};
use resolvent_kernels::linear::FEW_ROWS;
use resolvent_kernels::linear::linear;
use resolvent_kernels::mamba_step::{MambaStep, MambaStepOutput, mamba_step};
use resolvent_kernels::selective_scan::{SelectiveScanInput, SelectiveScanOptions, selective_scan};

const CONV_LAYOUT: &str = "channel,tap";
const SSM_LAYOUT: &str = "channel,state";

/// The projection from rank R to step sizes; its bias is added inside the scan.
#[derive(Module, Debug)]
pub struct StepProjection {
    /// [inner, rank].
    pub weight: Param<Tensor<2>>,
    /// `[inner]`.
    pub bias: Param<Tensor<1>>,
}

/// One Mamba block; see the module's text for the equations.
#[derive(Module, Debug)]
pub struct Mamba {
    /// [rows (x, z), hidden].
    pub in_proj: Projection,
    /// Channels of x.
    pub conv1d: Conv1dWeights,
    /// [rows (r, B, C), inner].
    pub x_proj: Projection,
    /// From r to step sizes.
    pub dt_proj: StepProjection,
    /// [inner, state]; A = -exp(a_log). Published as `A_log`.
    pub a_log: Param<Tensor<2>>,
    /// `[inner]`. Published as `D`.
    pub d: Param<Tensor<1>>,
    /// [hidden, inner].
    pub out_proj: Projection,
    /// Sizes and constants.
    #[module(skip)]
    pub config: MambaConfig,
}

/// What flows into one call besides the input itself.
#[derive(Default)]
pub(super) struct Carried {
    pub conv: Option<Tensor<3>>,
    pub ssm: Option<Tensor<3>>,
    pub seq_idx: Option<Tensor<2, Int>>,
    pub keep: bool,
}

/// Output, and the carried inputs and states behind it where they were asked for.
type Run = (Tensor<3>, Option<Tensor<3>>, Option<Tensor<3>>);

impl Mamba {
    /// Projects, convolves and forms the scan's inputs, the gate among them; also the carried inputs
    /// of the convolution where `carried` asks for them.
    pub(super) fn drive(
        &self,
        input: Tensor<3>,
        carried: Carried,
    ) -> Result<(SelectiveScanInput, Option<Tensor<3>>), MixerError> {
        let MambaConfig {
            hidden_size,
            state_size,
            conv_kernel,
            ..
        } = self.config;
        let [batch, len, hidden] = input.dims();
        expect_width(self.name(), hidden, hidden_size)?;
        let (inner, rank) = (self.config.inner(), self.config.rank());
        let flat = input.reshape([batch * len, hidden]);
        let rows = |from: usize| {
            let out = self.in_proj.forward_rows(flat.clone(), from, from + inner);
            out.reshape([batch, len, inner])
        };
        let convolved = conv1d(
            Conv1dInput {
                x: rows(0),
                weight: self.conv1d.weight.val().reshape([inner, conv_kernel]),
                bias: Some(self.conv1d.bias.val()),
                initial: carried.conv,
                seq_idx: carried.seq_idx.clone(),
            },
            Conv1dOptions {
                final_state: carried.keep,
                ..Conv1dOptions::default()
            },
        )?;
        let x = convolved.y;
        // The result is narrow, so slicing it costs less than reading x three times would.
        let low = self.x_proj.forward(x.clone().reshape([batch * len, inner]));
        let columns = |from: usize, count: usize| low.clone().narrow(1, from, count);
        let grid = [batch, len, 1, state_size];
        let dt = linear(columns(0, rank), self.dt_proj.weight.val());
        let scan = SelectiveScanInput {
            x,
            dt: dt.reshape([batch, len, inner]),
            a: self.a_log.val().exp().neg(),
            b: columns(rank, state_size).reshape(grid),
            c: columns(rank + state_size, state_size).reshape(grid),
            d: Some(self.d.val()),
            dt_bias: Some(self.dt_proj.bias.val()),
            z: Some(rows(inner)),
            initial: carried.ssm,
            seq_idx: carried.seq_idx,
        };
        Ok((scan, convolved.state))
    }

    fn run(&self, input: Tensor<3>, carried: Carried) -> Result<Run, MixerError> {
        expect_width(self.name(), input.dims()[2], self.config.hidden_size)?;
        if input.dims().contains(&0) {
            return Ok((input, carried.conv, carried.ssm));
        }
        let options = SelectiveScanOptions {
            dt_softplus: true,
            final_state: carried.keep,
        };
        let (scan, conv_state) = self.drive(input, carried)?;
        let out = selective_scan(scan, options)?;
        Ok((self.project(out.y), conv_state, out.state))
    }

    /// Output projection of the gated y.
    fn project(&self, gated: Tensor<3>) -> Tensor<3> {
        let [batch, len, inner] = gated.dims();
        let out = self.out_proj.forward(gated.reshape([batch * len, inner]));
        out.reshape([batch, len, self.config.hidden_size])
    }

    /// One position of few rows in two launches, on devices that have it.
    fn fused_step(
        &self,
        input: &Tensor<3>,
        conv: &Tensor<3>,
        ssm: &Tensor<3>,
    ) -> Result<Option<MambaStepOutput>, MixerError> {
        let [batch, len, hidden] = input.dims();
        expect_width(self.name(), hidden, self.config.hidden_size)?;
        if len != 1 || batch > FEW_ROWS {
            return Ok(None);
        }
        let [inner, _, taps] = self.conv1d.weight.dims();
        Ok(mamba_step(MambaStep {
            u: input.clone().reshape([batch, hidden]),
            w_in: self.in_proj.weight.val(),
            conv_weight: self.conv1d.weight.val().reshape([inner, taps]),
            conv_bias: self.conv1d.bias.val(),
            w_x: self.x_proj.weight.val(),
            w_dt: self.dt_proj.weight.val(),
            dt_bias: self.dt_proj.bias.val(),
            a_log: self.a_log.val(),
            d: self.d.val(),
            w_out: self.out_proj.weight.val(),
            conv: conv.clone(),
            ssm: ssm.clone(),
        }))
    }

    fn conv_shape(&self, batch: usize) -> [usize; 3] {
        [batch, self.config.inner(), self.config.conv_kernel - 1]
    }

    fn ssm_shape(&self, batch: usize) -> [usize; 3] {
        [batch, self.config.inner(), self.config.state_size]
    }
}

impl Mixer for Mamba {
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
        let weights = super::reference::MambaWeights::of(self);
        super::reference::forward(&self.config, &weights, input, batch, length)
    }

    fn materialise(&self, input: Tensor<3>) -> Result<Materialised, MixerError> {
        super::materialise::materialise(self, input)
    }

    fn finish(&self, input: Tensor<3>, mixed: Tensor<4>) -> Result<Tensor<3>, MixerError> {
        let [batch, len, channels, dim] = mixed.dims();
        expect_width(self.name(), channels * dim, self.config.inner())?;
        let mixed = mixed.reshape([batch, len, channels * dim]);
        let (scan, _) = self.drive(input, Carried::default())?;
        Ok(self.project(match scan.z {
            Some(z) => mixed * silu(z),
            None => mixed,
        }))
    }

    fn cost(&self, length: usize) -> Cost {
        self.config.cost(length)
    }
}

impl CausalMixer for Mamba {
    fn initial_state(&self, batch: usize, device: &Device) -> State {
        let mut state = State::new();
        let conv = Tensor::<3>::zeros(self.conv_shape(batch), device);
        let ssm = Tensor::<3>::zeros(self.ssm_shape(batch), device);
        state.insert("conv", CONV_LAYOUT, conv);
        state.insert("ssm", SSM_LAYOUT, ssm);
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
        let ssm: Tensor<3> = state.take("ssm", SSM_LAYOUT)?;
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
