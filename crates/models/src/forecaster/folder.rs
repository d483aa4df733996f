//! A forecaster as a folder: `config.json` and `model.safetensors`.

use super::config::{Column, ForecasterConfig, refused};
use super::model::{Forecaster, Network};
use crate::error::ModelError;
use crate::language::{CONFIG_FILE, WEIGHTS_FILE};
use crate::weights::{export, import};
use burn::tensor::Device;
use resolvent_formats::{TensorMap, read_json, write_json_atomic};
use resolvent_mixers::{CausalLayer, MixerSettings, Settings};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::Path;

/// What `model_type` says in the `config.json` of a forecaster.
pub const KIND: &str = "resolvent-forecaster";

/// `config.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    model_type: String,
    mixer: String,
    mixer_settings: Map<String, Value>,
    num_hidden_layers: usize,
    dropout: f64,
    preprocess: bool,
    context: usize,
    horizon: usize,
    period: usize,
    columns: Vec<Column>,
}

/// Name under which the parameter at `path` inside the module is stored: without enum variants.
pub fn published_name(path: &str) -> String {
    let variants =
        |part: &&str| !CausalLayer::VARIANTS.contains(part) && !Network::VARIANTS.contains(part);
    let parts = path.split('.').filter(variants);
    let parts: Vec<&str> = parts.filter(|part| *part != "network").collect();
    parts.join(".")
}

/// Writes both files, each atomically, weights first: a folder with a configuration is complete.
///
/// # Errors
/// A file that cannot be written.
pub fn save(model: &Forecaster, folder: &Path) -> Result<(), ModelError> {
    let config = &model.config;
    let stored = Stored {
        model_type: KIND.to_owned(),
        mixer: config.mixer.mixer().to_owned(),
        mixer_settings: config.mixer.to_map(),
        num_hidden_layers: config.num_hidden_layers,
        dropout: config.dropout,
        preprocess: config.preprocess,
        context: config.context,
        horizon: config.horizon,
        period: config.period,
        columns: config.columns.clone(),
    };
    export(model, published_name)?.write(&folder.join(WEIGHTS_FILE))?;
    write_json_atomic(&folder.join(CONFIG_FILE), &stored)?;
    Ok(())
}

/// Reads a folder that [`save`] wrote.
///
/// # Errors
/// A missing or broken file, a model of another kind, a configuration that cannot be built, a missing,
/// unexpected or misshapen tensor, each by name.
pub fn load(folder: &Path, device: &Device) -> Result<Forecaster, ModelError> {
    let json: Value = read_json(&folder.join(CONFIG_FILE))?;
    let kind = json.get("model_type").and_then(Value::as_str);
    if kind != Some(KIND) {
        let got = kind.unwrap_or("missing");
        let expected = format!("{KIND}: the folder of a run of `resolvent forecast`");
        return Err(refused("model_type", got, expected));
    }
    let stored: Stored = serde_json::from_value(json)
        .map_err(|error| refused(CONFIG_FILE, error, "the fields that a forecaster has"))?;
    let map = TensorMap::read(&folder.join(WEIGHTS_FILE))?;
    let config = ForecasterConfig {
        mixer: Settings::named(&stored.mixer)?.with(&stored.mixer_settings)?,
        context: stored.context,
        horizon: stored.horizon,
        num_hidden_layers: stored.num_hidden_layers,
        dropout: stored.dropout,
        preprocess: stored.preprocess,
        period: stored.period,
        columns: stored.columns,
    };
    config.validate()?;
    // A configuration may promise any size: believe it only as far as the weights file is large.
    let promised = config
        .mixer
        .cost(1)
        .parameters
        .saturating_mul(config.num_hidden_layers as u64);
    let held: u64 = map.iter().map(|(_, tensor)| tensor.elements() as u64).sum();
    if promised > held.saturating_mul(4).max(1 << 24) {
        let got = format!("a model of {promised} parameters");
        return Err(refused(
            CONFIG_FILE,
            got,
            format!("one of the {held} in {WEIGHTS_FILE}"),
        ));
    }
    import(config.init(0, device)?, &map, published_name)
}
