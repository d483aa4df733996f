//! What determines a stack.

use super::backbone::Backbone;
use crate::error::{ModelError, refused};
use burn::tensor::Device;
use rand_chacha::ChaCha8Rng;
use resolvent_mixers::two_sided::TWO_SIDED;
use resolvent_mixers::{MixerSettings, Settings};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Most blocks accepted from a file.
const MOST_LAYERS: usize = 1 << 12;

/// Where a block's norm stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NormPlace {
    /// On what the mixer reads; one more norm stands behind the last block.
    #[default]
    Before,
    /// On the sum.
    After,
}

/// Over what a norm takes mean and variance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NormKind {
    /// The channels of a position.
    #[default]
    Layer,
    /// The positions of a batch, channel by channel; in use the running moments of training.
    Batch,
}

/// Sizes and constants of a stack.
#[derive(Debug, Clone, PartialEq)]
pub struct BackboneConfig {
    /// The mixer of every block; its width is the stack's.
    pub mixer: Settings,
    /// Blocks.
    pub layers: usize,
    /// Whether the mixers see both directions.
    pub bidirectional: bool,
    /// Where the norms stand.
    pub norm: NormPlace,
    /// Over what they take mean and variance.
    pub norm_kind: NormKind,
    /// Probability with which training leaves a channel of a block's output out, in [0, 1).
    pub dropout: f64,
}

/// The same as it stands in a `config.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    mixer: String,
    settings: Map<String, Value>,
    layers: usize,
    bidirectional: bool,
    norm: NormPlace,
    #[serde(default)]
    norm_kind: NormKind,
    dropout: f64,
}

impl BackboneConfig {
    /// Epsilon of the norms.
    pub const EPSILON: f64 = 1e-5;

    /// Four causal blocks of `mixer`, norms before, no dropout.
    pub fn of(mixer: Settings) -> Self {
        Self {
            mixer,
            layers: 4,
            bidirectional: false,
            norm: NormPlace::Before,
            norm_kind: NormKind::Layer,
            dropout: 0.0,
        }
    }

    /// Channels of the residual stream.
    pub fn hidden_size(&self) -> usize {
        self.mixer.width()
    }

    /// Checks that a stack can be built.
    ///
    /// # Errors
    /// The field, its value and what would be right.
    pub fn validate(&self) -> Result<(), ModelError> {
        if !(1..=MOST_LAYERS).contains(&self.layers) {
            let expected = format!("between 1 and {MOST_LAYERS}");
            return Err(refused("layers", self.layers, expected));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(refused("dropout", self.dropout, "at least 0 and below 1"));
        }
        if self.bidirectional && !self.mixer.has_two_sided() {
            let got = format!("true for the mixer {}", self.mixer.mixer());
            let expected = format!(
                "false: only {} have a layer that sees both directions",
                TWO_SIDED.join(", ")
            );
            return Err(refused("bidirectional", got, expected));
        }
        Ok(self.mixer.validate()?)
    }

    /// A stack with weights drawn from `rng`, and from nothing else.
    ///
    /// # Errors
    /// As [`BackboneConfig::validate`].
    pub fn init(&self, rng: &mut ChaCha8Rng, device: &Device) -> Result<Backbone, ModelError> {
        self.validate()?;
        Backbone::new(self, rng, device)
    }

    /// As a JSON object, every setting of the mixer written out.
    pub fn to_json(&self) -> Value {
        serde_json::json!(Stored {
            mixer: self.mixer.mixer().to_owned(),
            settings: self.mixer.to_map(),
            layers: self.layers,
            bidirectional: self.bidirectional,
            norm: self.norm,
            norm_kind: self.norm_kind,
            dropout: self.dropout,
        })
    }

    /// What [`BackboneConfig::to_json`] wrote.
    ///
    /// # Errors
    /// A missing, unknown or misshapen key; a setting that the mixer does not have; values that
    /// [`BackboneConfig::validate`] refuses.
    pub fn from_json(json: &Value) -> Result<Self, ModelError> {
        let stored: Stored = Deserialize::deserialize(json).map_err(|error| {
            let expected = format!("what this program writes ({error})");
            refused("backbone", "not readable", expected)
        })?;
        let mixer = Settings::named(&stored.mixer)?;
        let known = mixer.to_map();
        if let Some(key) = stored.settings.keys().find(|key| !known.contains_key(*key)) {
            let expected = format!("a setting of the mixer {}", stored.mixer);
            let field = format!("backbone.settings.{key}");
            return Err(refused(&field, "present", expected));
        }
        let config = Self {
            mixer: mixer.with(&stored.settings)?,
            layers: stored.layers,
            bidirectional: stored.bidirectional,
            norm: stored.norm,
            norm_kind: stored.norm_kind,
            dropout: stored.dropout,
        };
        config.validate()?;
        Ok(config)
    }
}
