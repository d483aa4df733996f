//! The stack itself.

use super::config::{BackboneConfig, NormPlace};
use crate::error::ModelError;
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use resolvent_mixers::layers::LayerNorm;
use resolvent_mixers::{AnyLayer, Mixer, Pass, Place};

/// A mixer with its norm.
#[derive(Module, Debug)]
pub struct BackboneBlock {
    /// Before the mixer or behind the sum.
    pub norm: LayerNorm,
    /// Any mixer.
    pub mixer: AnyLayer,
}

/// A residual stack of mixers; see the module's text.
#[derive(Module, Debug)]
pub struct Backbone {
    /// Blocks in order.
    pub layers: Vec<BackboneBlock>,
    /// Behind the last block, where norms stand before the mixers.
    pub norm_f: Option<LayerNorm>,
    /// What the stack was built from.
    #[module(skip)]
    pub config: BackboneConfig,
}

/// What one run over the stack is told besides its input.
#[derive(Debug, Default)]
pub struct Conditions {
    /// 1 where a position belongs to its sequence and 0 where it is padding, [batch, length, 1].
    pub mask: Option<Tensor<3>>,
    /// Draws what dropout leaves out; none switches dropout off, as it must be outside training.
    pub dropout: Option<ChaCha8Rng>,
}

impl Backbone {
    pub(super) fn new(
        config: &BackboneConfig,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let (layers, hidden) = (config.layers, config.hidden_size());
        let block = |layer| -> Result<BackboneBlock, ModelError> {
            let place = Place { layer, layers };
            Ok(BackboneBlock {
                norm: LayerNorm::new(hidden, device),
                mixer: config
                    .mixer
                    .init_any(config.bidirectional, place, rng, device)?,
            })
        };
        let layers = (0..layers).map(block).collect::<Result<_, _>>()?;
        let last = config.norm == NormPlace::Before;
        Ok(Self {
            layers,
            norm_f: last.then(|| LayerNorm::new(hidden, device)),
            config: config.clone(),
        })
    }

    /// The whole stack.
    ///
    /// # Shapes
    /// `input` and result: [batch, length, hidden].
    ///
    /// # Numerics
    /// Padding on the right changes nothing where `conditions.mask` marks it: a causal mixer never
    /// looks there, and one that sees both directions reads zeros.
    ///
    /// # Errors
    /// Another width.
    pub fn forward(
        &self,
        input: Tensor<3>,
        conditions: &mut Conditions,
    ) -> Result<Tensor<3>, ModelError> {
        let mut hidden = input;
        let mut pass = Pass::default();
        for block in &self.layers {
            hidden = match self.config.norm {
                NormPlace::Before => {
                    let normed = block
                        .norm
                        .forward(hidden.clone(), BackboneConfig::EPSILON)?;
                    hidden + self.mixed(block, normed, conditions, &mut pass)?
                }
                NormPlace::After => {
                    let sum = hidden.clone() + self.mixed(block, hidden, conditions, &mut pass)?;
                    block.norm.forward(sum, BackboneConfig::EPSILON)?
                }
            };
        }
        match &self.norm_f {
            Some(norm) => Ok(norm.forward(hidden, BackboneConfig::EPSILON)?),
            None => Ok(hidden),
        }
    }

    fn mixed(
        &self,
        block: &BackboneBlock,
        input: Tensor<3>,
        conditions: &mut Conditions,
        pass: &mut Pass,
    ) -> Result<Tensor<3>, ModelError> {
        let input = match &conditions.mask {
            Some(mask) if self.config.bidirectional => input * mask.clone(),
            _ => input,
        };
        let mixed = block.mixer.forward(input, pass)?;
        match &mut conditions.dropout {
            Some(rng) if self.config.dropout > 0.0 => {
                Ok(drop_channels(mixed, self.config.dropout as f32, rng))
            }
            _ => Ok(mixed),
        }
    }
}

/// Leaves whole channels of a sequence out, as S4's published code does for long sequences, and scales
/// the others up. Drawn on the host, so that a run is a function of its seed on every device.
fn drop_channels(input: Tensor<3>, probability: f32, rng: &mut ChaCha8Rng) -> Tensor<3> {
    let [batch, _, hidden] = input.dims();
    let kept = 1.0 / (1.0 - probability);
    let values: Vec<f32> = (0..batch * hidden)
        .map(|_| match rng.random::<f32>() < probability {
            true => 0.0,
            false => kept,
        })
        .collect();
    let mask = Tensor::<3>::from_data(TensorData::new(values, [batch, 1, hidden]), &input.device());
    input * mask
}
