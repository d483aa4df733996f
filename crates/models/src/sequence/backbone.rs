//! The stack itself.

use super::config::{BackboneConfig, NormPlace};
use super::dropout::Dropout;
use crate::error::ModelError;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
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
    /// `input` and result: [batch, length, hidden]; `mask`: [batch, length, 1], 1 where a position
    /// belongs to its sequence and 0 where it is padding.
    ///
    /// # Numerics
    /// Padding on the right changes nothing where `mask` marks it: a causal mixer never
    /// looks there, and one that sees both directions reads zeros.
    ///
    /// # Errors
    /// Another width.
    pub fn forward(
        &self,
        input: Tensor<3>,
        mask: Option<&Tensor<3>>,
        dropout: &mut Dropout,
    ) -> Result<Tensor<3>, ModelError> {
        let mut hidden = input;
        let mask = mask.filter(|_| self.config.bidirectional);
        let mut pass = Pass::default();
        let mut mixed = |block: &BackboneBlock, input: Tensor<3>| -> Result<_, ModelError> {
            let input = match mask {
                Some(mask) => input * mask.clone(),
                None => input,
            };
            Ok(dropout.channels(block.mixer.forward(input, &mut pass)?))
        };
        for block in &self.layers {
            hidden = match self.config.norm {
                NormPlace::Before => {
                    let normed = block
                        .norm
                        .forward(hidden.clone(), BackboneConfig::EPSILON)?;
                    hidden + mixed(block, normed)?
                }
                NormPlace::After => {
                    let sum = hidden.clone() + mixed(block, hidden)?;
                    block.norm.forward(sum, BackboneConfig::EPSILON)?
                }
            };
        }
        match &self.norm_f {
            Some(norm) => Ok(norm.forward(hidden, BackboneConfig::EPSILON)?),
            None => Ok(hidden),
        }
    }
}
