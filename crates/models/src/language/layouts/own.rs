//! Our own layout: a model type that names its mixer, with the mixer's settings beside the model's.

use super::Layout;
use crate::error::{ModelError, refused};
use crate::language::config::{Keys, LanguageConfig};
use crate::language::folder::published_name;
use resolvent_formats::TensorMap;
use resolvent_mixers::Settings;
use serde_json::{Map, Value, json};

pub(super) const MODEL_TYPE: &str = "resolvent";

pub(super) const LAYOUT: Layout = Layout {
    name: "\"resolvent\" with a `mixer`",
    is: |config| config["model_type"] == MODEL_TYPE,
    read,
    write,
    rename: published_name,
};

fn read(config: &Value, map: TensorMap) -> Result<(LanguageConfig, TensorMap), ModelError> {
    let empty = Map::new();
    let object = config.as_object().unwrap_or(&empty);
    let keys = Keys(object);
    let mixer = match object.get("mixer") {
        Some(Value::String(name)) => Settings::named(name)?.with(object)?,
        Some(other) => return Err(refused("mixer", other, "a mixer's name")),
        None => return Err(refused("mixer", "missing", "a mixer's name")),
    };
    let config = LanguageConfig {
        mixer,
        vocab_size: keys.size("vocab_size", None)?,
        num_hidden_layers: keys.size("num_hidden_layers", None)?,
        tie_word_embeddings: keys.flag("tie_word_embeddings", false)?,
        layer_norm_epsilon: keys.real("layer_norm_epsilon", 1e-5)?,
    };
    Ok((config, map))
}

fn write(config: &LanguageConfig) -> Option<Value> {
    let mut json = json!({
        "architectures": ["ResolventLanguageModel"],
        "model_type": MODEL_TYPE,
        "mixer": config.mixer_name(),
        "vocab_size": config.vocab_size,
        "num_hidden_layers": config.num_hidden_layers,
        "tie_word_embeddings": config.tie_word_embeddings,
        "layer_norm_epsilon": config.layer_norm_epsilon,
        "dtype": "float32",
    });
    if let Value::Object(map) = &mut json {
        for (key, value) in config.mixer.to_map() {
            map.entry(key).or_insert(value);
        }
    }
    Some(json)
}
