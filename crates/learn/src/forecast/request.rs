//! What is asked for, and the recipe that it starts from.

use resolvent_mixers::registry::CAUSAL;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::error::LearnError;
use crate::recipe::{DataSource, Recipe};

/// Channels of the model.
const WIDTH: usize = 32;
/// Windows per step.
const BATCH: usize = 16;

/// What a forecast is to be like; none: a default that follows from the series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Values to forecast.
    pub horizon: usize,
    /// Values that the model reads.
    pub context: Option<usize>,
    /// The season, in values.
    pub period: Option<usize>,
    /// Probability of dropout.
    pub dropout: f64,
    /// Whether SpaceTime's first block has the fixed filters.
    pub preprocess: bool,
}

impl Request {
    /// A horizon with everything else by default.
    pub fn of(horizon: usize) -> Self {
        Self {
            horizon,
            context: None,
            period: None,
            dropout: 0.0,
            preprocess: true,
        }
    }
}

/// The recipe that a run with this mixer starts from; `data` is stored in it.
///
/// # Errors
/// [`LearnError::BadValue`] for an unknown mixer.
pub fn recipe_for(mixer: &str, data: &str) -> Result<Recipe, LearnError> {
    if !CAUSAL.iter().any(|entry| entry.name == mixer) {
        let names: Vec<&str> = CAUSAL.iter().map(|entry| entry.name).collect();
        return Err(bad(
            "model.mixer",
            format!("{mixer:?}"),
            format!("there is no such mixer; choose {}", names.join(", ")),
        ));
    }
    let mut recipe = Recipe::default();
    recipe.data.source = DataSource::Path;
    recipe.data.path = Some(data.to_owned());
    recipe.model.mixer = mixer.to_owned();
    recipe.model.num_hidden_layers = if mixer == "spacetime" { 1 } else { 2 };
    // Each mixer takes those of these that it knows.
    let sizes = json!({
        "hidden_size": WIDTH, "head_dim": 16, "state_size": 16, "d_state": 64, "num_heads": 2,
        "feedback": "bounded",
    });
    if let Some(sizes) = sizes.as_object() {
        recipe.model.settings = sizes.clone();
    }
    recipe.train.batch = BATCH;
    recipe.train.minutes = Some(1.5);
    recipe.train.evaluate_every = 25;
    recipe.train.checkpoint_every = 100;
    recipe.optimiser.learning_rate = 4e-3;
    recipe.optimiser.weight_decay = 1e-4;
    Ok(recipe)
}

pub(super) fn bad(field: &str, value: impl ToString, remedy: impl Into<String>) -> LearnError {
    LearnError::BadValue {
        field: field.to_owned(),
        value: value.to_string(),
        remedy: remedy.into(),
    }
}
