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
