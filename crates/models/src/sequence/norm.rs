//! The norms of a stack.

use super::config::{BackboneConfig, NormKind};
use crate::error::ModelError;
use burn::module::{Module, Param, RunningState};
use burn::tensor::{Device, Tensor};
use resolvent_kernels::batch_norm::{Moments, batch_norm};
use resolvent_mixers::MixerError;
use resolvent_mixers::layers::{LayerNorm, parameter};

/// Share of a training batch in the running moments, as PyTorch has it.
const MOMENTUM: f64 = 0.1;

/// Which positions of a batch belong to their sequence.
#[derive(Debug, Clone)]
pub struct Padding {
    /// [batch, length, 1]: 1 where a position belongs to its sequence, 0 where it is padding.
    pub mask: Tensor<3>,
    /// How many belong.
    pub positions: usize,
}

/// Any norm of [`NormKind`].
#[derive(Module, Debug)]
pub enum Norm {
    /// Over the channels of one position.
    Layer(LayerNorm),
    /// Over the positions of a batch, channel by channel.
    Batch(BatchNorm),
}

impl Norm {
    /// Names that burn puts into parameter paths, and that no published layout has.
    pub(super) const VARIANTS: &'static [&'static str] = &["Layer", "Batch"];

    pub(super) fn new(kind: NormKind, channels: usize, device: &Device) -> Self {
        match kind {
            NormKind::Layer => Self::Layer(LayerNorm::new(channels, device)),
            NormKind::Batch => Self::Batch(BatchNorm::new(channels, device)),
        }
    }

    /// [batch, length, channel] to the same.
    pub(super) fn forward(
        &self,
        input: Tensor<3>,
        padding: Option<&Padding>,
    ) -> Result<Tensor<3>, ModelError> {
        match self {
            Self::Layer(norm) => Ok(norm.forward(input, BackboneConfig::EPSILON)?),
            Self::Batch(norm) => norm.forward(input, padding),
        }
    }
}

/// Batch normalisation with a learned scale and shift; parameters and buffers have PyTorch's names.
///
/// On an autodiff device it normalises with the moments of the batch (real positions alone) and moves the
/// running ones towards them; elsewhere with the running ones, so that cases do not see each other.
#[derive(Module, Debug)]
pub struct BatchNorm {
    /// `[channel]`; ones at the start.
    pub weight: Param<Tensor<1>>,
    /// `[channel]`; zeros at the start.
    pub bias: Param<Tensor<1>>,
    /// `[channel]`; zeros at the start.
    pub running_mean: RunningState<Tensor<1>>,
    /// `[channel]`: of unbiased variances; ones at the start.
    pub running_var: RunningState<Tensor<1>>,
}

impl BatchNorm {
    fn new(channels: usize, device: &Device) -> Self {
        Self {
            weight: parameter(vec![1.0; channels], [channels], device),
            bias: parameter(vec![0.0; channels], [channels], device),
            running_mean: RunningState::new(Tensor::zeros([channels], device)),
            running_var: RunningState::new(Tensor::ones([channels], device)),
        }
    }

    fn forward(
        &self,
        input: Tensor<3>,
        padding: Option<&Padding>,
    ) -> Result<Tensor<3>, ModelError> {
        let (weight, bias) = (self.weight.val(), self.bias.val());
        let [batch, length, _] = input.dims();
        let rows = batch * length;
        let counted = padding.map_or(rows, |it| it.positions);
        let is_training = weight.device().is_autodiff();
        let moments = match is_training {
            true => Moments::OfRows {
                marks: padding.map(|it| it.mask.clone().reshape([rows])),
                counted,
            },
            false => {
                let running = [&self.running_mean, &self.running_var].map(RunningState::value);
                Moments::Fixed(Tensor::stack(running.to_vec(), 0))
            }
        };
        let normed = batch_norm(input, weight, bias, moments, BackboneConfig::EPSILON);
        let (output, moments) = normed.map_err(MixerError::from)?;
        if is_training {
            self.follow(&moments, counted);
        }
        Ok(output)
    }

    /// Moves the running moments towards those of a batch, [2, channel].
    fn follow(&self, moments: &Tensor<2>, counted: usize) {
        let unbiased = counted as f64 / counted.saturating_sub(1).max(1) as f64;
        let states = [(&self.running_mean, 1.0), (&self.running_var, unbiased)];
        for (row, (state, scale)) in states.into_iter().enumerate() {
            let new = Tensor::from_inner(moments.clone().narrow(0, row, 1).squeeze_dim::<1>(0));
            let old = state.value();
            state.update(old * (1.0 - MOMENTUM) + new * (MOMENTUM * scale));
            // burn keeps an update aside until someone asks; checkpoints do not.
            state.value_sync();
        }
    }
}
