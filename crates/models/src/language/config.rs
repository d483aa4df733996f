//! `config.json` of a language model, with the key names of Hugging Face's Mamba-2.

use super::model::LanguageModel;
use crate::error::ModelError;
use burn::tensor::Device;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use resolvent_mixers::Cost;
use resolvent_mixers::mamba2::Mamba2Config;
use resolvent_mixers::registry::{Sizes, cost};
use serde_json::{Map, Value, json};

/// Everything that determines a language model's parameters and function.
#[derive(Debug, Clone, PartialEq)]
pub struct LanguageConfig {
    /// Name of the mixer in the registry.
    pub mixer: String,
    /// Rows of the embedding.
    pub vocab_size: usize,
    /// Blocks.
    pub num_hidden_layers: usize,
    /// Whether the head shares the embedding's weights.
    pub tie_word_embeddings: bool,
    /// Sizes of the mixer; `hidden_size` and `layer_norm_epsilon` serve the whole model.
    pub block: Mamba2Config,
}

impl Default for LanguageConfig {
    fn default() -> Self {
        Self {
            mixer: "mamba2".into(),
            vocab_size: 256,
            num_hidden_layers: 4,
            tie_word_embeddings: true,
            block: Mamba2Config::default(),
        }
    }
}

/// Most blocks and vocabulary entries accepted from a file: bounds what a file can make us allocate.
const MOST: u64 = 1 << 22;

impl LanguageConfig {
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
        Ok(self.block.validate()?)
    }

    /// A model with fresh weights, a function of `seed` alone.
    ///
    /// # Errors
    /// As [`LanguageConfig::validate`]; an unknown mixer.
    pub fn init(&self, seed: u64, device: &Device) -> Result<LanguageModel, ModelError> {
        self.validate()?;
        LanguageModel::new(self, &mut ChaCha8Rng::seed_from_u64(seed), device)
    }

    /// Cost of the whole model for one sequence of `length`, without building it.
    ///
    /// # Errors
    /// An unknown mixer.
    pub fn cost(&self, length: usize) -> Result<Cost, ModelError> {
        let sizes = Sizes {
            block: self.block.clone(),
        };
        let block = cost(&self.mixer, &sizes, length)?;
        let (hidden, layers) = (self.block.hidden_size as u64, self.num_hidden_layers as u64);
        let table = hidden * self.vocab_size as u64;
        let tables = if self.tie_word_embeddings { 1 } else { 2 };
        Ok(Cost {
            parallel_flops: 2 * table * length as u64 + layers * block.parallel_flops,
            step_flops: 2 * table + layers * block.step_flops,
            state_bytes: layers * block.state_bytes,
            parameters: tables * table + (layers + 1) * hidden + layers * block.parameters,
        })
    }

    /// The published form.
    ///
    /// Mixers without a published layout are marked as our own model type, so that no other tool
    /// takes them for Mamba-2.
    pub fn to_json(&self) -> Value {
        let block = &self.block;
        let published = self.mixer == "mamba2";
        let mut config = json!({
            "architectures": [if published { "Mamba2ForCausalLM" } else { "ResolventLanguageModel" }],
            "model_type": if published { "mamba2" } else { "resolvent" },
            "vocab_size": self.vocab_size,
            "hidden_size": block.hidden_size,
            "num_hidden_layers": self.num_hidden_layers,
            "state_size": block.state_size,
            "expand": block.expand,
            "num_heads": block.num_heads(),
            "head_dim": block.head_dim,
            "n_groups": block.n_groups,
            "conv_kernel": block.conv_kernel,
            "chunk_size": block.chunk_size,
            "hidden_act": "silu",
            "use_bias": false,
            "use_conv_bias": true,
            "rms_norm": true,
            "residual_in_fp32": true,
            "norm_before_gate": false,
            "layer_norm_epsilon": block.layer_norm_epsilon,
            "time_step_min": block.time_step_min,
            "time_step_max": block.time_step_max,
            "time_step_floor": block.time_step_floor,
            "time_step_limit": [number(block.time_step_limit.0), number(block.time_step_limit.1)],
            "tie_word_embeddings": self.tie_word_embeddings,
            // Bytes have no special tokens; the reference tools insist on the keys.
            "bos_token_id": 0,
            "eos_token_id": 0,
            "pad_token_id": 0,
            "dtype": "float32",
        });
        if let (false, Value::Object(map)) = (published, &mut config) {
            map.insert("mixer".into(), json!(self.mixer));
        }
        config
    }

    /// Reads the published form.
    ///
    /// # Errors
    /// A missing key, a wrong type, a value that the implementation does not support (bias in the
    /// projections, another activation), sizes that contradict each other.
    pub fn from_json(value: &Value) -> Result<Self, ModelError> {
        let Value::Object(map) = value else {
            return Err(refused("config.json", value, "an object"));
        };
        let keys = Keys(map);
        let defaults = Mamba2Config::default();
        let mixer = match map.get("mixer") {
            Some(Value::String(name)) => name.clone(),
            Some(other) => return Err(refused("mixer", other, "a mixer's name")),
            None => "mamba2".into(),
        };
        for (key, needed) in [
            ("use_bias", json!(false)),
            ("use_conv_bias", json!(true)),
            ("hidden_act", json!("silu")),
            ("norm_before_gate", json!(false)),
            ("rms_norm", json!(true)),
        ] {
            if let Some(got) = map.get(key).filter(|got| **got != needed) {
                return Err(refused(
                    key,
                    got,
                    format!("{needed}: other values are not supported"),
                ));
            }
        }
        let config = Self {
            mixer,
            vocab_size: keys.size("vocab_size", None)?,
            num_hidden_layers: keys.size("num_hidden_layers", None)?,
            tie_word_embeddings: keys.flag("tie_word_embeddings", false)?,
            block: Mamba2Config {
                hidden_size: keys.size("hidden_size", None)?,
                state_size: keys.size("state_size", Some(defaults.state_size))?,
                expand: keys.size("expand", Some(defaults.expand))?,
                head_dim: keys.size("head_dim", Some(defaults.head_dim))?,
                // Hugging Face's default, not the paper's.
                n_groups: keys.size("n_groups", Some(8))?,
                conv_kernel: keys.size("conv_kernel", Some(defaults.conv_kernel))?,
                chunk_size: keys.size("chunk_size", Some(defaults.chunk_size))?,
                time_step_min: keys.real("time_step_min", defaults.time_step_min)?,
                time_step_max: keys.real("time_step_max", defaults.time_step_max)?,
                time_step_floor: keys.real("time_step_floor", defaults.time_step_floor)?,
                time_step_limit: keys.limits("time_step_limit", defaults.time_step_limit)?,
                layer_norm_epsilon: keys.real("layer_norm_epsilon", 1e-5)?,
                ..defaults
            },
        };
        config.validate()?;
        let heads = keys.size("num_heads", Some(config.block.num_heads()))?;
        if heads != config.block.num_heads() {
            let expected = format!(
                "hidden_size * expand / head_dim = {}",
                config.block.num_heads()
            );
            return Err(refused("num_heads", heads, expected));
        }
        Ok(config)
    }
}

pub(super) fn refused(
    field: &str,
    got: impl std::fmt::Display,
    expected: impl Into<String>,
) -> ModelError {
    ModelError::Config {
        field: field.to_owned(),
        got: got.to_string(),
        expected: expected.into(),
    }
}

/// A number that may be infinite, as transformers writes it: JSON has no infinity.
fn number(value: f64) -> Value {
    if value.is_infinite() {
        return json!({ "__float__": "Infinity" });
    }
    json!(value)
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

    pub(super) fn flag(&self, key: &str, default: bool) -> Result<bool, ModelError> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(refused(key, other, "true or false")),
        }
    }

    fn real(&self, key: &str, default: f64) -> Result<f64, ModelError> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => as_real(value).ok_or_else(|| refused(key, value, "a number")),
        }
    }

    fn limits(&self, key: &str, default: (f64, f64)) -> Result<(f64, f64), ModelError> {
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
