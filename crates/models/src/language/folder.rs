//! A language model as a folder: `config.json` and `model.safetensors`.

use super::architecture::Norm;
use super::layouts;
use super::model::LanguageModel;
use crate::error::ModelError;
use crate::weights::{export, import, require_size};
use burn::tensor::Device;
use resolvent_formats::{FormatError, TensorMap, parse_json, write_json_atomic};
use resolvent_mixers::CausalLayer;
use serde_json::Value;
use std::io::Read;
use std::path::Path;

/// Configuration.
pub const CONFIG_FILE: &str = "config.json";
/// Weights.
pub const WEIGHTS_FILE: &str = "model.safetensors";

/// Published name of the parameter at `path` inside the module.
///
/// The names of enum variants that burn puts into the path are dropped; `a_log` and `d` get the
/// capitals of the paper.
pub fn published_name(path: &str) -> String {
    let parts = path.split('.').filter_map(|part| match part {
        variant if CausalLayer::VARIANTS.contains(&variant) => None,
        variant if Norm::VARIANTS.contains(&variant) => None,
        "a_log" => Some("A_log"),
        "d" => Some("D"),
        other => Some(other),
    });
    parts.collect::<Vec<_>>().join(".")
}

/// Writes both files, each atomically, weights first: a folder with a configuration is complete.
///
/// # Errors
/// A file that cannot be written.
pub fn save(model: &LanguageModel, folder: &Path) -> Result<(), ModelError> {
    let (config, rename) = layouts::write(&model.config);
    let mut map = export(model, rename)?;
    map.set_metadata("format", "pt");
    map.write(&folder.join(WEIGHTS_FILE))?;
    write_json_atomic(&folder.join(CONFIG_FILE), &config)?;
    Ok(())
}

/// Reads a folder in any of the layouts: Hugging Face's, the original one of state-spaces/mamba, the
/// published names of RWKV-7 (also without a configuration), our own.
///
/// # Errors
/// A missing or broken file, an unsupported configuration, a missing, unexpected or misshapen
/// tensor, each by name.
pub fn load(folder: &Path, device: &Device) -> Result<LanguageModel, ModelError> {
    let path = folder.join(CONFIG_FILE);
    let weights = folder.join(WEIGHTS_FILE);
    let (json, map) = match path.is_file() {
        true => {
            let json = parse_json(&without_python_infinity(&read_bounded(&path)?), &path)?;
            (json, TensorMap::read(&weights)?)
        }
        false => without_config(&path, &weights)?,
    };
    let layouts::Contents {
        config,
        weights: mut map,
        rename,
    } = layouts::read(&json, map)?;
    if config.tie_word_embeddings {
        // Some writers store the tied head a second time.
        map.take("lm_head.weight").ok();
    }
    require_size(config.cost(1).parameters, &map)?;
    import(config.init(0, device)?, &map, rename)
}

/// Weights that imply their configuration; otherwise it is the configuration that is missing.
fn without_config(config: &Path, weights: &Path) -> Result<(Value, TensorMap), ModelError> {
    let missing = |source| FormatError::Read {
        path: config.to_owned(),
        source,
    };
    if !weights.is_file() {
        std::fs::File::open(config).map_err(missing)?;
    }
    let map = TensorMap::read(weights)?;
    match layouts::implied(&map) {
        Some(json) => Ok((json, map)),
        None => Err(missing(std::io::ErrorKind::NotFound.into()).into()),
    }
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, ModelError> {
    let failed = |source| FormatError::Read {
        path: path.to_owned(),
        source,
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(resolvent_formats::MAX_JSON_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(bytes)
}

/// Python's writer puts the bare word Infinity, which is not JSON, into older `config.json` files.
///
/// Outside of strings it becomes the form that newer versions write.
fn without_python_infinity(bytes: &[u8]) -> Vec<u8> {
    const WORD: &[u8] = b"Infinity";
    let mut out = Vec::with_capacity(bytes.len());
    let (mut quoted, mut at) = (false, 0);
    while at < bytes.len() {
        if !quoted && bytes[at..].starts_with(WORD) {
            out.extend_from_slice(br#"{"__float__":"Infinity"}"#);
            at += WORD.len();
            continue;
        }
        match bytes[at] {
            b'"' => quoted = !quoted,
            b'\\' if quoted => {
                out.push(bytes[at]);
                at += 1;
            }
            _ => {}
        }
        out.extend(bytes.get(at));
        at += 1;
    }
    out
}
