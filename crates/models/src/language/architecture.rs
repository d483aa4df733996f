//! What a model puts around its mixer: norms, a second mixer per block, a norm of the embedding.

use super::config::LanguageConfig;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use resolvent_mixers::layers::{LayerNorm, RmsNorm};
use resolvent_mixers::{MixerError, Settings};

/// How a model is put together around its mixer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Architecture {
    /// Layer norms instead of root-mean-square norms.
    pub layer_norm: bool,
    /// Whether the embedding is normalised before the first block.
    pub embedding_norm: bool,
    /// The second residual part of every block.
    pub channel_mixer: Option<Settings>,
    /// Whether embedding and head start as RWKV-7's do.
    pub rwkv_tables: bool,
}

impl Architecture {
    /// The architecture that was published with the mixer.
    pub(super) fn of(mixer: &Settings) -> Self {
        match mixer {
            Settings::Rwkv7(time_mix) => Self {
                layer_norm: true,
                embedding_norm: true,
                channel_mixer: Some(time_mix.channel_mix().into()),
                rwkv_tables: true,
            },
            _ => Self {
                layer_norm: false,
                embedding_norm: false,
                channel_mixer: None,
                rwkv_tables: false,
            },
        }
    }

    /// A norm of this architecture.
    pub(super) fn norm(&self, channels: usize, device: &Device) -> Norm {
        match self.layer_norm {
            true => Norm::Layer(LayerNorm::new(channels, device)),
            false => Norm::Rms(RmsNorm::new(channels, device)),
        }
    }

    /// Parameters of all norms of a model.
    pub(super) fn norm_parameters(&self, config: &LanguageConfig) -> u64 {
        let layers = config.num_hidden_layers as u64;
        let per_block = 1 + u64::from(self.channel_mixer.is_some());
        let norms = layers * per_block + 1 + u64::from(self.embedding_norm);
        let vectors = 1 + u64::from(self.layer_norm);
        norms * vectors * config.hidden_size() as u64
    }
}

/// A normalisation of the residual stream.
#[derive(Module, Debug)]
pub enum Norm {
    /// Root mean square.
    Rms(RmsNorm),
    /// Mean and variance.
    Layer(LayerNorm),
}

impl Norm {
    /// Names that burn puts into parameter paths, and that no published layout has.
    pub(super) const VARIANTS: &'static [&'static str] = &["Rms", "Layer"];

    /// Over the last axis.
    ///
    /// # Errors
    /// Another number of channels.
    pub fn forward<const D: usize>(
        &self,
        input: Tensor<D>,
        eps: f64,
    ) -> Result<Tensor<D>, MixerError> {
        match self {
            Self::Rms(norm) => norm.forward(input, eps),
            Self::Layer(norm) => norm.forward(input, eps),
        }
    }
}
