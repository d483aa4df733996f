//! A classifier as a folder: `config.json` and `model.safetensors`.

use super::config::ClassifierConfig;
use super::model::Classifier;
use crate::error::ModelError;
use crate::language::{CONFIG_FILE, WEIGHTS_FILE};
use crate::sequence::published_name;
use crate::weights::{export, import, require_size};
use burn::tensor::Device;
use resolvent_formats::{TensorMap, read_json, write_json_atomic};
use resolvent_mixers::MixerSettings;
use std::path::Path;

/// Writes both files, each atomically, weights first: a folder with a configuration is complete.
///
/// # Errors
/// A file that cannot be written.
pub fn save(model: &Classifier, folder: &Path) -> Result<(), ModelError> {
    let mut map = export(model, published_name)?;
    map.set_metadata("format", "pt");
    map.write(&folder.join(WEIGHTS_FILE))?;
    write_json_atomic(&folder.join(CONFIG_FILE), &model.config.to_json())?;
    Ok(())
}

/// Reads what [`save`] wrote.
///
/// # Errors
/// A missing or broken file, another kind of model, a missing, unexpected or misshapen tensor, each by
/// name.
pub fn load(folder: &Path, device: &Device) -> Result<Classifier, ModelError> {
    let json: serde_json::Value = read_json(&folder.join(CONFIG_FILE))?;
    let config = ClassifierConfig::from_json(&json)?;
    let map = TensorMap::read(&folder.join(WEIGHTS_FILE))?;
    let block = config.backbone.mixer.cost(1).parameters;
    require_size(block.saturating_mul(config.backbone.layers as u64), &map)?;
    import(config.init(0, device)?, &map, published_name)
}
