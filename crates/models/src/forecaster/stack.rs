//! Any other causal mixer: a residual stack over the window and the horizon behind it.

use super::config::ForecasterConfig;
use super::model::Trace;
use crate::error::ModelError;
use crate::sequence::{Backbone, BackboneConfig, Dropout};
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;
use resolvent_mixers::layers::Affine;

/// Input map, stack, output; see the text of [`crate::forecaster`].
#[derive(Module, Debug)]
pub struct StackNetwork {
    /// From value and marker, [hidden, 2].
    pub input: Affine,
    /// The stack.
    pub backbone: Backbone,
    /// [1, hidden].
    pub output: Affine,
}

impl StackNetwork {
    pub(super) fn new(
        config: &ForecasterConfig,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let backbone = BackboneConfig {
            layers: config.num_hidden_layers,
            dropout: config.dropout,
            ..BackboneConfig::of(config.mixer.clone())
        };
        let width = backbone.hidden_size();
        Ok(Self {
            input: Affine::new(2, width, rng, device),
            backbone: backbone.init(rng, device)?,
            output: Affine::new(width, 1, rng, device),
        })
    }

    /// `lag` [window, context] without its mean.
    pub(super) fn forward(
        &self,
        lag: Tensor<2>,
        horizon: usize,
        drop: &mut Dropout,
    ) -> Result<Trace, ModelError> {
        let [rows, len] = lag.dims();
        let (device, total) = (lag.device(), len + horizon);
        let width = self.backbone.config.hidden_size();
        let values = Tensor::cat(vec![lag, Tensor::zeros([rows, horizon], &device)], 1);
        let marks = vec![
            Tensor::zeros([rows, len], &device),
            Tensor::ones([rows, horizon], &device),
        ];
        let read: Tensor<3> = Tensor::stack(vec![values, Tensor::cat(marks, 1)], 2);
        let h = self.input.forward(read.reshape([rows * total, 2]));
        let h = h.reshape([rows, total, width]);
        let h = self.backbone.forward(h, None, drop)?;
        let last = h.narrow(1, len, horizon).reshape([rows * horizon, width]);
        Ok(Trace {
            forecast: self.output.forward(last).reshape([rows, horizon]),
            open: None,
            inputs: None,
        })
    }
}
