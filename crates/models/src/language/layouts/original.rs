//! The layout of state-spaces/mamba: other configuration keys, and `backbone.embedding`.

use super::Layout;
use crate::error::{ModelError, refused};
use crate::language::config::{Keys, LanguageConfig};
use crate::language::folder::published_name;
use resolvent_formats::TensorMap;
use resolvent_mixers::Settings;
use resolvent_mixers::mamba::MambaConfig;
use resolvent_mixers::mamba2::Mamba2Config;
use serde_json::{Map, Value};

pub(super) const LAYOUT: Layout = Layout {
    name: "the original one of state-spaces/mamba",
    is: |config| config.get("d_model").is_some() && config.get("ssm_cfg").is_some(),
    read,
    write: |_| None, // other tools read the Hugging Face layout
    rename: published_name,
};

/// Of every norm; the layout has no key for it.
const EPSILON: f64 = 1e-5;

/// Configuration and weights under Hugging Face's names.
fn read(config: &Value, map: TensorMap) -> Result<(LanguageConfig, TensorMap), ModelError> {
    let empty = Map::new();
    let top = Keys(config.as_object().unwrap_or(&empty));
    let ssm = config.get("ssm_cfg").and_then(Value::as_object);
    let ssm = Keys(ssm.unwrap_or(&empty));
    for key in ["attn_layer_idx", "attn_cfg"] {
        let filled = |value: &&Value| match value {
            Value::Array(items) => !items.is_empty(),
            Value::Object(items) => !items.is_empty(),
            _ => false,
        };
        if let Some(got) = top.0.get(key).filter(filled) {
            return Err(refused(key, got, "empty: hybrids are not supported"));
        }
    }
    let vocabulary = top.size("vocab_size", None)?;
    let multiple = top.size("pad_vocab_size_multiple", Some(8))?;
    let hidden_size = top.size("d_model", None)?;
    let config = LanguageConfig {
        vocab_size: vocabulary.next_multiple_of(multiple),
        num_hidden_layers: top.size("n_layer", None)?,
        tie_word_embeddings: top.flag("tie_embeddings", true)?,
        layer_norm_epsilon: EPSILON,
        mixer: block(&ssm, hidden_size)?,
    };
    let mut renamed = TensorMap::new();
    for (name, tensor) in map.iter() {
        let name = name.replace("backbone.embedding.", "backbone.embeddings.");
        renamed.insert(name, tensor.clone())?;
    }
    Ok((config, renamed))
}

/// The block that `ssm_cfg` describes; the first release had no name for its layer.
fn block(ssm: &Keys<'_>, hidden_size: usize) -> Result<Settings, ModelError> {
    match ssm.0.get("layer").unwrap_or(&Value::Null) {
        Value::Null => mamba(ssm, hidden_size),
        Value::String(name) if name == "Mamba1" => mamba(ssm, hidden_size),
        Value::String(name) if name == "Mamba2" => mamba2(ssm, hidden_size),
        other => Err(refused("ssm_cfg.layer", other, "Mamba1 or Mamba2")),
    }
}

fn mamba(ssm: &Keys<'_>, hidden_size: usize) -> Result<Settings, ModelError> {
    let defaults = MambaConfig::default();
    let block = MambaConfig {
        hidden_size,
        state_size: ssm.size("d_state", Some(defaults.state_size))?,
        expand: ssm.size("expand", Some(defaults.expand))?,
        conv_kernel: ssm.size("d_conv", Some(defaults.conv_kernel))?,
        time_step_rank: ssm.size_or_auto("dt_rank")?,
        ..defaults
    };
    Ok(block.into())
}

fn mamba2(ssm: &Keys<'_>, hidden_size: usize) -> Result<Settings, ModelError> {
    let defaults = Mamba2Config::default();
    let block = Mamba2Config {
        hidden_size,
        state_size: ssm.size("d_state", Some(defaults.state_size))?,
        expand: ssm.size("expand", Some(defaults.expand))?,
        head_dim: ssm.size("headdim", Some(defaults.head_dim))?,
        n_groups: ssm.size("ngroups", Some(defaults.n_groups))?,
        conv_kernel: ssm.size("d_conv", Some(defaults.conv_kernel))?,
        chunk_size: ssm.size("chunk_size", Some(defaults.chunk_size))?,
        layer_norm_epsilon: EPSILON,
        ..defaults
    };
    Ok(block.into())
}
