//! A forecaster as a folder: `config.json` and `model.safetensors`.

use super::config::{Column, ForecasterConfig};
use super::model::{Forecaster, Network};
use crate::error::{ModelError, refused};
use crate::language::{CONFIG_FILE, WEIGHTS_FILE};
use crate::weights::{export, import, require_size};
use burn::tensor::Device;
use resolvent_formats::{TensorMap, read_json, write_json_atomic};
use resolvent_mixers::{MixerSettings, Settings};
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

/// Name under which the parameter at `path` inside the module is stored: that of the kind of network and
/// what [`crate::sequence::published_name`] leaves out are not in it.
pub fn published_name(path: &str) -> String {
    let name = crate::sequence::published_name(path);
    let inner = |part: &&str| *part != "network" && !Network::VARIANTS.contains(part);
    name.split('.').filter(inner).collect::<Vec<_>>().join(".")
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
    let block = config.mixer.cost(1).parameters;
    require_size(block.saturating_mul(config.num_hidden_layers as u64), &map)?;
    import(config.init(0, device)?, &map, published_name)
}
