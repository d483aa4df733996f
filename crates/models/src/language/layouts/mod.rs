//! The layouts of `config.json`. A new one is a file and a line in [`LAYOUTS`].
//!
//! A mixer with a published layout is written in it, so that the tools people already use open the
//! model; every other mixer is written as our own model type, which no other tool takes for its own.

mod mamba;
mod mamba2;
mod original;
mod own;

use super::config::{LanguageConfig, refused};
use crate::error::ModelError;
use resolvent_formats::TensorMap;
use serde_json::Value;

/// One layout.
pub(super) struct Layout {
    /// In words, for messages.
    name: &'static str,
    /// Whether a `config.json` is of this layout.
    is: fn(&Value) -> bool,
    /// Configuration, and the weights under our names.
    read: fn(&Value, TensorMap) -> Result<(LanguageConfig, TensorMap), ModelError>,
    /// The `config.json` of a model, if the layout can hold it; weights need no change.
    write: fn(&LanguageConfig) -> Option<Value>,
}

/// All layouts; the first that fits is taken, for reading and for writing.
const LAYOUTS: &[Layout] = &[original::LAYOUT, mamba::LAYOUT, mamba2::LAYOUT, own::LAYOUT];

/// Configuration and weights of a folder, whatever its layout.
///
/// # Errors
/// An unknown layout; a missing key, a wrong type, a value that the implementation does not support,
/// sizes that contradict each other.
pub(super) fn read(
    config: &Value,
    map: TensorMap,
) -> Result<(LanguageConfig, TensorMap), ModelError> {
    if !config.is_object() {
        return Err(refused("config.json", config, "an object"));
    }
    let Some(layout) = LAYOUTS.iter().find(|layout| (layout.is)(config)) else {
        let got = config.get("model_type").unwrap_or(&Value::Null);
        let known: Vec<&str> = LAYOUTS.iter().map(|layout| layout.name).collect();
        return Err(refused("model_type", got, known.join(", or ")));
    };
    let (config, map) = (layout.read)(config, map)?;
    config.validate()?;
    Ok((config, map))
}

impl LanguageConfig {
    /// The `config.json` of this model.
    pub fn to_json(&self) -> Value {
        LAYOUTS
            .iter()
            .find_map(|layout| (layout.write)(self))
            .expect("our own layout holds every model")
    }

    /// Reads a `config.json` of any layout.
    ///
    /// # Errors
    /// As for the folder of a model, weights aside.
    pub fn from_json(value: &Value) -> Result<Self, ModelError> {
        Ok(read(value, TensorMap::new())?.0)
    }
}
