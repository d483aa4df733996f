//! Any causal mixer: a pre-norm residual stack over the window and the horizon behind it.

use super::config::ForecasterConfig;
use super::dropout::Dropout;
use super::model::{Linear, Trace};
use crate::error::ModelError;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;
use resolvent_mixers::layers::RmsNorm;
use resolvent_mixers::{CausalLayer, Mixer, MixerSettings, Pass, Place};

const EPSILON: f64 = 1e-5;

/// h + drop(mixer(norm(h))).
#[derive(Module, Debug)]
pub struct Layer {
    /// Before the mixer.
    pub norm: RmsNorm,
    /// Any causal mixer.
    pub mixer: CausalLayer,
}

/// Input map, layers, norm, output; see the text of [`crate::forecaster`].
#[derive(Module, Debug)]
pub struct StackNetwork {
    /// From value and marker, [hidden, 2].
    pub input: Linear,
    /// Blocks in order.
    pub layers: Vec<Layer>,
    /// Before the output.
    pub norm: RmsNorm,
    /// [1, hidden].
    pub output: Linear,
}

impl StackNetwork {
    pub(super) fn new(
        config: &ForecasterConfig,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let (width, layers) = (config.mixer.width(), config.num_hidden_layers);
        let input = Linear::new(2, width, rng, device);
        let mut blocks = Vec::with_capacity(layers);
        for layer in 0..layers {
            blocks.push(Layer {
                norm: RmsNorm::new(width, device),
                mixer: config.mixer.init(Place { layer, layers }, rng, device)?,
            });
        }
        Ok(Self {
            input,
            layers: blocks,
            norm: RmsNorm::new(width, device),
            output: Linear::new(width, 1, rng, device),
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
        let values = Tensor::cat(vec![lag, Tensor::zeros([rows, horizon], &device)], 1);
        let marks = vec![
            Tensor::zeros([rows, len], &device),
            Tensor::ones([rows, horizon], &device),
        ];
        let read: Tensor<3> = Tensor::stack(vec![values, Tensor::cat(marks, 1)], 2);
        let width = self.norm.weight.dims()[0];
        let mut h = self
            .input
            .forward(read.reshape([rows * total, 2]))
            .reshape([rows, total, width]);
        let mut pass = Pass::default();
        for layer in &self.layers {
            let normed = layer.norm.forward(h.clone(), EPSILON)?;
            h = h + drop.apply(layer.mixer.forward(normed, &mut pass)?);
        }
        let last = h.narrow(1, len, horizon).reshape([rows * horizon, width]);
        let out = self.output.forward(self.norm.forward(last, EPSILON)?);
        Ok(Trace {
            forecast: out.reshape([rows, horizon]),
            open: None,
            inputs: None,
        })
    }
}
