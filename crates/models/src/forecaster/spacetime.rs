//! The SpaceTime network: encoder blocks, closed-loop decoder, output.

use super::config::ForecasterConfig;
use super::model::Trace;
use crate::error::ModelError;
use crate::sequence::Dropout;
use burn::module::{Module, Param};
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;
use resolvent_mixers::Place;
use resolvent_mixers::layers::Affine;
use resolvent_mixers::spacetime::{SpaceTime, SpaceTimeConfig};

/// Kernels of the first block, if its width is a multiple: twice the eight kinds of fixed filters.
const FIRST_KERNELS: usize = 16;

/// Encoder, decoder, output; see the text of [`crate::forecaster`].
#[derive(Module, Debug)]
pub struct SpaceTimeNetwork {
    /// Residual blocks; the first may have the fixed filters.
    pub encoder: Vec<SpaceTime>,
    /// Lives on its own predictions beyond the window.
    pub decoder: SpaceTime,
    /// Behind GELU and dropout.
    pub output: Affine,
}

impl SpaceTimeNetwork {
    pub(super) fn new(
        config: &ForecasterConfig,
        layer: &SpaceTimeConfig,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let width = layer.hidden_size;
        let plain = SpaceTimeConfig {
            preprocess: false,
            closed_loop: false,
            ..layer.clone()
        };
        let heads = match width % FIRST_KERNELS {
            0 => width / FIRST_KERNELS,
            _ => 1,
        };
        let first = SpaceTimeConfig {
            preprocess: config.preprocess,
            n_heads: if config.preprocess {
                heads
            } else {
                plain.n_heads
            },
            ..plain.clone()
        };
        let last = SpaceTimeConfig {
            closed_loop: true,
            ..plain.clone()
        };
        let mut encoder = Vec::with_capacity(config.num_hidden_layers);
        for index in 0..config.num_hidden_layers {
            let settings = if index == 0 { &first } else { &plain };
            let mut block = settings.init(Place::ALONE, rng, device)?;
            let scale = 1.0 / (layer.d_state as f64).sqrt();
            block.kernel.b = block.kernel.b.map(|b| leaf(b.val() * scale));
            block.kernel.c = leaf(block.kernel.c.val() * scale);
            encoder.push(block);
        }
        let mut decoder = last.init(Place::ALONE, rng, device)?;
        let scale = 1.0 / (layer.d_state as f64).sqrt();
        decoder.kernel.b = decoder.kernel.b.map(unit_sum);
        decoder.kernel.k = decoder.kernel.k.map(unit_sum);
        if decoder.kernel.g.is_some() {
            // Both make b: with magnitudes of 1, as drawn, a would hardly move in as many steps as g.
            decoder.kernel.a = decoder.kernel.a.map(unit_sum);
            decoder.kernel.g = decoder.kernel.g.map(unit_sum);
        }
        decoder.kernel.c = leaf(decoder.kernel.c.val() * scale);
        Ok(Self {
            encoder,
            decoder,
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
        let width = self.decoder.config().hidden_size;
        let mut z = lag.reshape([rows, len, 1]).expand([rows, len, width]);
        for block in &self.encoder {
            z = block.block(z, &mut |y| drop.elements(y))?;
        }
        let decoded = self.decoder.forecast(z.clone(), horizon)?;
        let mut read = |values: Tensor<3>| {
            let [rows, len, width] = values.dims();
            let flat = values.reshape([rows * len, width]);
            let out = self.output.forward(drop.elements(gelu(flat)));
            out.reshape([rows, len])
        };
        Ok(Trace {
            forecast: read(decoded.outputs),
            open: Some(read(decoded.open_outputs)),
            inputs: Some((z, decoded.open_inputs)),
        })
    }
}

/// A parameter of its own, without the graph of what it was computed from.
fn leaf(values: Tensor<2>) -> Param<Tensor<2>> {
    Param::from_tensor(values.detach())
}

/// Every row divided by the sum of its magnitudes.
fn unit_sum(rows: Param<Tensor<2>>) -> Param<Tensor<2>> {
    let rows = rows.val();
    let norm = rows.clone().abs().sum_dim(1).clamp_min(1e-4);
    leaf(rows / norm)
}
