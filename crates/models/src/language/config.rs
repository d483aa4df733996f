//! What determines a language model, and the typed access to `config.json`.

use super::architecture::Architecture;
use super::model::LanguageModel;
use crate::error::{ModelError, refused};
use burn::tensor::Device;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use resolvent_mixers::mamba2::Mamba2Config;
use resolvent_mixers::{Cost, MixerSettings, Settings};
use serde_json::{Map, Value};

/// Everything that determines a language model's parameters and function.
#[derive(Debug, Clone, PartialEq)]
pub struct LanguageConfig {
    /// The mixer of every block; its width is the model's.
    pub mixer: Settings,
    /// Rows of the embedding.
    pub vocab_size: usize,
    /// Blocks.
    pub num_hidden_layers: usize,
    /// Whether the head shares the embedding's weights.
    pub tie_word_embeddings: bool,
    /// Epsilon of the norms between the blocks.
    pub layer_norm_epsilon: f64,
}

impl Default for LanguageConfig {
    fn default() -> Self {
        Self::of(Mamba2Config::default().into())
    }
}

/// Most blocks and vocabulary entries accepted from a file: bounds what a file can make us allocate.
const MOST: u64 = 1 << 22;

impl LanguageConfig {
    /// Four blocks of `mixer` for bytes, the head tied unless the mixer was published with its own.
    pub fn of(mixer: Settings) -> Self {
        Self {
            vocab_size: 256,
            num_hidden_layers: 4,
            tie_word_embeddings: !matches!(mixer, Settings::Rwkv7(_)),
            layer_norm_epsilon: 1e-5,
            mixer,
        }
    }

    /// Channels of the residual stream.
    pub fn hidden_size(&self) -> usize {
        self.mixer.width()
    }

    /// Name of the mixer in the registry.
    pub fn mixer_name(&self) -> &'static str {
        self.mixer.mixer()
    }

    /// Checks that a model can be built.
    ///
    /// # Errors
    /// The published key, its value and what would be right.
    pub fn validate(&self) -> Result<(), ModelError> {
        for (field, value) in [
            ("vocab_size", self.vocab_size),
            ("num_hidden_layers", self.num_hidden_layers),
        ] {
            if value == 0 || value as u64 > MOST {
                return Err(refused(field, value, format!("between 1 and {MOST}")));
            }
        }
        if !(self.layer_norm_epsilon.is_finite() && self.layer_norm_epsilon > 0.0) {
            let got = self.layer_norm_epsilon;
            return Err(refused("layer_norm_epsilon", got, "a positive number"));
        }
        Ok(self.mixer.validate()?)
    }

    /// A model with fresh weights, a function of `seed` alone.
    ///
    /// # Errors
    /// As [`LanguageConfig::validate`].
    pub fn init(&self, seed: u64, device: &Device) -> Result<LanguageModel, ModelError> {
        self.validate()?;
        LanguageModel::new(self, &mut ChaCha8Rng::seed_from_u64(seed), device)
    }

    /// Cost of the whole model for one sequence of `length`, without building it.
    pub fn cost(&self, length: usize) -> Cost {
        let architecture = Architecture::of(&self.mixer);
        let second = architecture.channel_mixer.as_ref();
        let block = self.mixer.cost(length) + second.map(|m| m.cost(length)).unwrap_or_default();
        let (hidden, layers) = (self.hidden_size() as u64, self.num_hidden_layers as u64);
        let table = hidden * self.vocab_size as u64;
        let tables = if self.tie_word_embeddings { 1 } else { 2 };
        let of_layers = |one: u64| layers.saturating_mul(one);
        let head = (2 * table).saturating_mul(length as u64);
        let blocks = of_layers(block.parameters);
        Cost {
            parallel_flops: head.saturating_add(of_layers(block.parallel_flops)),
            step_flops: of_layers(block.step_flops).saturating_add(2 * table),
            state_bytes: of_layers(block.state_bytes),
            parameters: blocks
                .saturating_add(tables * table)
                .saturating_add(architecture.norm_parameters(self)),
        }
    }
}

/// Typed access to the keys of a configuration.
pub(super) struct Keys<'a>(pub(super) &'a Map<String, Value>);

impl Keys<'_> {
    /// A size, with the published default where there is one.
    pub(super) fn size(&self, key: &str, default: Option<usize>) -> Result<usize, ModelError> {
        let expected = format!("a whole number between 1 and {MOST}");
        match (self.0.get(key), default) {
            (None | Some(Value::Null), Some(default)) => Ok(default),
            (None | Some(Value::Null), None) => Err(refused(key, "missing", expected)),
            (Some(value), _) => match value.as_u64() {
                Some(size) if (1..=MOST).contains(&size) => Ok(size as usize),
                _ => Err(refused(key, value, expected)),
            },
        }
    }

    /// A size, or 0 for the published word "auto", also where the key is missing.
    pub(super) fn size_or_auto(&self, key: &str) -> Result<usize, ModelError> {
        match self.0.get(key) {
            Some(Value::String(word)) if word == "auto" => Ok(0),
            Some(Value::String(word)) => {
                let expected = format!("a whole number between 1 and {MOST}, or \"auto\"");
                Err(refused(key, word, expected))
            }
            None | Some(Value::Null) => Ok(0),
            Some(_) => self.size(key, None),
        }
    }

    pub(super) fn flag(&self, key: &str, default: bool) -> Result<bool, ModelError> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(refused(key, other, "true or false")),
        }
    }

    pub(super) fn real(&self, key: &str, default: f64) -> Result<f64, ModelError> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => as_real(value).ok_or_else(|| refused(key, value, "a number")),
        }
    }

    pub(super) fn limits(&self, key: &str, default: (f64, f64)) -> Result<(f64, f64), ModelError> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => value
                .as_array()
                .and_then(|pair| match pair.as_slice() {
                    [low, high] => Some((as_real(low)?, as_real(high)?)),
                    _ => None,
                })
                .ok_or_else(|| refused(key, value, "two numbers")),
        }
    }
}

fn as_real(value: &Value) -> Option<f64> {
    match value {
        Value::Object(map) => match map.get("__float__")?.as_str()? {
            "Infinity" => Some(f64::INFINITY),
            _ => None,
        },
        other => other.as_f64(),
    }
}
