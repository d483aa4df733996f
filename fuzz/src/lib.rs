//! What each fuzz target runs: one function per parser, bytes in, a law checked on whatever is accepted.
//!
//! A function may return early on an error; it must never panic, hang, or allocate without bound.

use std::path::Path;

use resolvent_data::corpus::parse_lock;
use resolvent_formats::{TensorMap, parse_json};
use serde::Deserialize;

/// A safetensors file: what is accepted can be written and reads back equal.
pub fn safetensors(bytes: &[u8]) {
    let Ok(map) = TensorMap::parse(bytes) else {
        return;
    };
    let written = map
        .to_bytes()
        .expect("an accepted map has a header within the limit");
    let again = TensorMap::parse(&written).expect("what we write is valid");
    assert_eq!(again, map);
}

/// A `Cargo.lock`: accepted names are plain and stay inside the registry's folder.
pub fn cargo_lock(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for package in parse_lock(text).unwrap_or_default() {
        let folder = package.folder();
        assert!(
            !folder.contains(['/', '\\']) && !folder.starts_with('.'),
            "{folder}"
        );
    }
}

/// The kinds of fields that configurations are made of.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only parsing is under test")]
struct SampleConfig {
    model_type: String,
    hidden_size: u32,
    #[serde(default)]
    time_step_limit: Option<(f64, f64)>,
    #[serde(default)]
    tie_word_embeddings: bool,
    #[serde(default)]
    layers: Vec<SampleConfig>,
}

/// A JSON configuration: every error has a message that names the file.
pub fn json_config(bytes: &[u8]) {
    let path = Path::new("config.json");
    if let Err(error) = parse_json::<SampleConfig>(bytes, path) {
        assert!(error.to_string().contains("config.json"));
    }
}

/// A recipe is refused or survives a round trip through its own text.
pub fn recipe(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(recipe) = resolvent_learn::recipe::Recipe::parse(text, "fuzz") {
        let text = recipe.to_toml().expect("an accepted recipe can be written");
        let again = resolvent_learn::recipe::Recipe::parse(&text, "fuzz");
        assert_eq!(again.expect("its own text is valid"), recipe);
    }
}

/// A model configuration is refused or survives a round trip through its published form.
pub fn language_config(bytes: &[u8]) {
    use resolvent_models::language::LanguageConfig;
    let Ok(json) = serde_json::from_slice(bytes) else {
        return;
    };
    if let Ok(config) = LanguageConfig::from_json(&json) {
        let again = LanguageConfig::from_json(&config.to_json());
        assert_eq!(again.expect("its own form is valid"), config);
    }
}

/// A state snapshot is refused or keeps its entries through a round trip.
pub fn state(bytes: &[u8]) {
    use resolvent_mixers::State;
    let device = burn::tensor::Device::flex();
    if let Ok(state) = State::from_bytes(bytes, &device) {
        let again = state.to_bytes().and_then(|bytes| State::from_bytes(&bytes, &device));
        let again = again.expect("its own bytes are valid");
        assert!(state.names().eq(again.names()));
    }
}
