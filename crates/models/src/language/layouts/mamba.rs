//! Hugging Face's `MambaForCausalLM`.

use super::Layout;
use crate::error::{ModelError, refused};
use crate::language::config::{Keys, LanguageConfig};
use crate::language::folder::published_name;
use resolvent_formats::TensorMap;
use resolvent_mixers::Settings;
use resolvent_mixers::mamba::MambaConfig;
use serde_json::{Map, Value, json};

pub(super) const LAYOUT: Layout = Layout {
    name: "\"mamba\"",
    is: |config| config["model_type"] == "mamba",
    read,
    write,
    rename: published_name,
};

/// Switches of the published configuration that the implementation has in one position only.
fn fixed() -> [(&'static str, Value); 3] {
    [
        ("use_bias", json!(false)),
        ("use_conv_bias", json!(true)),
        ("hidden_act", json!("silu")),
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
    let defaults = MambaConfig::default();
    let block = MambaConfig {
        hidden_size: keys.size("hidden_size", None)?,
        state_size: keys.size("state_size", Some(defaults.state_size))?,
        expand: keys.size("expand", Some(defaults.expand))?,
        conv_kernel: keys.size("conv_kernel", Some(defaults.conv_kernel))?,
        time_step_rank: keys.size_or_auto("time_step_rank")?,
        time_step_min: keys.real("time_step_min", defaults.time_step_min)?,
        time_step_max: keys.real("time_step_max", defaults.time_step_max)?,
        time_step_floor: keys.real("time_step_floor", defaults.time_step_floor)?,
        time_step_scale: keys.real("time_step_scale", defaults.time_step_scale)?,
    };
    let inner = keys.size("intermediate_size", Some(block.inner()))?;
    if inner != block.inner() {
        let expected = format!("hidden_size * expand = {}", block.inner());
        return Err(refused("intermediate_size", inner, expected));
    }
    let config = LanguageConfig {
        vocab_size: keys.size("vocab_size", None)?,
        num_hidden_layers: keys.size("num_hidden_layers", None)?,
        tie_word_embeddings: keys.flag("tie_word_embeddings", true)?,
        layer_norm_epsilon: keys.real("layer_norm_epsilon", 1e-5)?,
        mixer: block.into(),
    };
    Ok((config, map))
}

fn write(config: &LanguageConfig) -> Option<Value> {
    let Settings::Mamba(block) = &config.mixer else {
        return None;
    };
    let mut json = json!({
        "architectures": ["MambaForCausalLM"],
        "model_type": "mamba",
        "vocab_size": config.vocab_size,
        "hidden_size": block.hidden_size,
        "num_hidden_layers": config.num_hidden_layers,
        "state_size": block.state_size,
        "expand": block.expand,
        "intermediate_size": block.inner(),
        "conv_kernel": block.conv_kernel,
        "time_step_rank": block.rank(),
        "residual_in_fp32": true,
        "rescale_prenorm_residual": true,
        "layer_norm_epsilon": config.layer_norm_epsilon,
        "time_step_min": block.time_step_min,
        "time_step_max": block.time_step_max,
        "time_step_floor": block.time_step_floor,
        "time_step_scale": block.time_step_scale,
        "time_step_init_scheme": "random",
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
