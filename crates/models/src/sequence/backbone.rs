//! The stack itself.

use super::config::{BackboneConfig, NormPlace};
use super::dropout::Dropout;
use super::norm::{Norm, Padding};
use crate::error::ModelError;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;
use resolvent_mixers::{AnyLayer, Mixer, Pass, Place};

/// A mixer with its norm.
#[derive(Module, Debug)]
pub struct BackboneBlock {
    /// Before the mixer or behind the sum.
    pub norm: Norm,
    /// Any mixer.
    pub mixer: AnyLayer,
}

/// A residual stack of mixers; see the module's text.
#[derive(Module, Debug)]
pub struct Backbone {
    /// Blocks in order.
    pub layers: Vec<BackboneBlock>,
    /// Behind the last block, where norms stand before the mixers.
    pub norm_f: Option<Norm>,
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
                norm: Norm::new(config.norm_kind, hidden, device),
                mixer: config
                    .mixer
                    .init_any(config.bidirectional, place, rng, device)?,
            })
        };
        let layers = (0..layers).map(block).collect::<Result<_, _>>()?;
        let last = config.norm == NormPlace::Before;
        Ok(Self {
            layers,
            norm_f: last.then(|| Norm::new(config.norm_kind, hidden, device)),
            config: config.clone(),
        })
    }

    /// The whole stack.
    ///
    /// # Shapes
    /// `input` and result: [batch, length, hidden].
    ///
    /// # Numerics
    /// Padding on the right changes nothing where it is marked: a causal mixer never looks there, one
    /// that sees both directions reads zeros, and norms over a batch leave it out.
    ///
    /// # Errors
    /// Another width.
    pub fn forward(
        &self,
        input: Tensor<3>,
        padding: Option<&Padding>,
        dropout: &mut Dropout,
    ) -> Result<Tensor<3>, ModelError> {
        let mut hidden = input;
        let mask = padding
            .filter(|_| self.config.bidirectional)
            .map(|it| &it.mask);
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
                    let normed = block.norm.forward(hidden.clone(), padding)?;
                    hidden + mixed(block, normed)?
                }
                NormPlace::After => {
                    let sum = hidden.clone() + mixed(block, hidden)?;
                    block.norm.forward(sum, padding)?
                }
            };
        }
        match &self.norm_f {
            Some(norm) => norm.forward(hidden, padding),
            None => Ok(hidden),
        }
    }
}
