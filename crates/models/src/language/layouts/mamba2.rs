//! Hugging Face's `Mamba2ForCausalLM`.

use super::Layout;
use crate::error::{ModelError, refused};
use crate::language::config::{Keys, LanguageConfig};
use crate::language::folder::published_name;
use resolvent_formats::TensorMap;
use resolvent_mixers::Settings;
use resolvent_mixers::mamba2::Mamba2Config;
use serde_json::{Map, Value, json};

pub(super) const LAYOUT: Layout = Layout {
    name: "\"mamba2\"",
    // Older files lack the type; ours of another mixer name it.
    is: |config| match config.get("model_type") {
        None | Some(Value::Null) => config.get("mixer").is_none(),
        Some(name) => name == "mamba2",
    },
    read,
    write,
    rename: published_name,
};

/// Switches of the published configuration that the implementation has in one position only.
fn fixed() -> [(&'static str, Value); 5] {
    [
        ("use_bias", json!(false)),
        ("use_conv_bias", json!(true)),
        ("hidden_act", json!("silu")),
        ("norm_before_gate", json!(false)),
        ("rms_norm", json!(true)),
    ]
}

fn read(config: &Value, map: TensorMap) -> Result<(LanguageConfig, TensorMap), ModelError> {
    let empty = Map::new();
    let keys = Keys(config.as_object().unwrap_or(&empty));
    for (key, needed) in fixed() {
        if let Some(got) = keys.0.get(key).filter(|got| **got != needed) {
            let expected = format!("{needed}: other values are not supported");
            return Err(refused(key, got, expected));
        }
    }
    let defaults = Mamba2Config::default();
    let block = Mamba2Config {
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
    };
    let heads = keys.size("num_heads", Some(block.num_heads()))?;
    if block.inner().is_multiple_of(block.head_dim) && heads != block.num_heads() {
        let expected = format!("hidden_size * expand / head_dim = {}", block.num_heads());
        return Err(refused("num_heads", heads, expected));
    }
    let config = LanguageConfig {
        vocab_size: keys.size("vocab_size", None)?,
        num_hidden_layers: keys.size("num_hidden_layers", None)?,
        tie_word_embeddings: keys.flag("tie_word_embeddings", false)?,
        layer_norm_epsilon: block.layer_norm_epsilon,
        mixer: block.into(),
    };
    Ok((config, map))
}

fn write(config: &LanguageConfig) -> Option<Value> {
    let Settings::Mamba2(block) = &config.mixer else {
        return None;
    };
    // One key holds both epsilons, and the time-invariant twin is not published.
    if !block.selective || block.layer_norm_epsilon != config.layer_norm_epsilon {
        return None;
    }
    let limit = block.time_step_limit;
    let mut json = json!({
        "architectures": ["Mamba2ForCausalLM"],
        "model_type": "mamba2",
        "vocab_size": config.vocab_size,
        "hidden_size": block.hidden_size,
        "num_hidden_layers": config.num_hidden_layers,
        "state_size": block.state_size,
        "expand": block.expand,
        "num_heads": block.num_heads(),
        "head_dim": block.head_dim,
        "n_groups": block.n_groups,
        "conv_kernel": block.conv_kernel,
        "chunk_size": block.chunk_size,
        "residual_in_fp32": true,
        "layer_norm_epsilon": block.layer_norm_epsilon,
        "time_step_min": block.time_step_min,
        "time_step_max": block.time_step_max,
        "time_step_floor": block.time_step_floor,
        "time_step_limit": [number(limit.0), number(limit.1)],
        "tie_word_embeddings": config.tie_word_embeddings,
        // Bytes have no special tokens; the reference tools insist on the keys.
        "bos_token_id": 0,
        "eos_token_id": 0,
        "pad_token_id": 0,
        "dtype": "float32",
    });
    if let Value::Object(map) = &mut json {
        map.extend(fixed().map(|(key, value)| (key.to_owned(), value)));
    }
    Some(json)
}

/// A number that may be infinite, as transformers writes it: JSON has no infinity.
fn number(value: f64) -> Value {
    if value.is_infinite() {
        return json!({ "__float__": "Infinity" });
    }
    json!(value)
}
