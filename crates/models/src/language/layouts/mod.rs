//! The layouts of `config.json`. A new one is a file and a line in [`LAYOUTS`].
//!
//! A mixer with a published layout is written in it, so that the tools people already use open the
//! model; every other mixer is written as our own model type, which no other tool takes for its own.

mod mamba;
mod mamba2;
mod original;
mod own;
mod rwkv7;

use super::config::LanguageConfig;
use crate::error::{ModelError, refused};
use crate::weights::Rename;
use resolvent_formats::TensorMap;
use serde_json::Value;

/// A configuration, and the weights that belong to it.
type Read = Result<(LanguageConfig, TensorMap), ModelError>;

/// One layout.
pub(super) struct Layout {
    /// In words, for messages.
    name: &'static str,
    /// Whether a `config.json` is of this layout.
    is: fn(&Value) -> bool,
    /// Configuration, and the weights under our names.
    read: fn(&Value, TensorMap) -> Read,
    /// The `config.json` of a model, if the layout can hold it.
    write: fn(&LanguageConfig) -> Option<Value>,
    /// Names of the tensors, both ways.
    rename: Rename,
}

/// All layouts; the first that fits is taken, for reading and for writing.
const LAYOUTS: &[Layout] = &[
    original::LAYOUT,
    mamba::LAYOUT,
    mamba2::LAYOUT,
    rwkv7::LAYOUT,
    own::LAYOUT,
];

/// What a folder holds.
pub(super) struct Contents {
    pub config: LanguageConfig,
    pub weights: TensorMap,
    pub rename: Rename,
}

/// The configuration that weights without a `config.json` imply, if they do.
pub(super) fn implied(weights: &TensorMap) -> Option<Value> {
    rwkv7::implied(weights)
}

/// Configuration and weights of a folder, whatever its layout.
///
/// # Errors
/// An unknown layout; a missing key, a wrong type, a value that the implementation does not support,
/// sizes that contradict each other.
pub(super) fn read(config: &Value, map: TensorMap) -> Result<Contents, ModelError> {
    if !config.is_object() {
        return Err(refused("config.json", config, "an object"));
    }
    let Some(layout) = LAYOUTS.iter().find(|layout| (layout.is)(config)) else {
        let got = config.get("model_type").unwrap_or(&Value::Null);
        let known: Vec<&str> = LAYOUTS.iter().map(|layout| layout.name).collect();
        return Err(refused("model_type", got, known.join(", or ")));
    };
    let (config, weights) = (layout.read)(config, map)?;
    config.validate()?;
    Ok(Contents {
        config,
        weights,
        rename: layout.rename,
    })
}

/// The `config.json` of a model, and the names of its tensors.
pub(super) fn write(config: &LanguageConfig) -> (Value, Rename) {
    LAYOUTS
        .iter()
        .find_map(|layout| Some(((layout.write)(config)?, layout.rename)))
        .expect("our own layout holds every model")
}

impl LanguageConfig {
    /// The `config.json` of this model.
    pub fn to_json(&self) -> Value {
        write(self).0
    }

    /// Reads a `config.json` of any layout.
    ///
    /// # Errors
    /// As for the folder of a model, weights aside.
    pub fn from_json(value: &Value) -> Result<Self, ModelError> {
        Ok(read(value, TensorMap::new())?.config)
    }
}
