//! What determines a forecaster.

use super::model::Forecaster;
use crate::error::{ModelError, refused};
use burn::tensor::Device;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use resolvent_mixers::{MixerSettings, Settings};
use serde::{Deserialize, Serialize};

/// Longest context and horizon.
const LONGEST: usize = 1 << 20;
/// Most blocks.
const DEEPEST: usize = 1 << 10;

/// A column that the model has learned: its name and how its values are standardised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Name in the table.
    pub name: String,
    /// Mean of the training part.
    pub mean: f64,
    /// Standard deviation of the training part, above 0.
    pub scale: f64,
}

/// Everything that determines a forecaster's parameters and function.
#[derive(Debug, Clone, PartialEq)]
pub struct ForecasterConfig {
    /// Values that it reads.
    pub context: usize,
    /// Values that it was trained to forecast; any other number can be asked for.
    pub horizon: usize,
    /// The mixer of every block; `spacetime` has a network of its own.
    pub mixer: Settings,
    /// Blocks; for SpaceTime those of the encoder.
    pub num_hidden_layers: usize,
    /// Probability of dropout in training, in [0, 1).
    pub dropout: f64,
    /// Whether SpaceTime's first block has the fixed filters; others ignore it.
    pub preprocess: bool,
    /// The season of the data, in values.
    pub period: usize,
    /// What it was trained on.
    pub columns: Vec<Column>,
}

impl ForecasterConfig {
    /// Checks that a model can be built.
    ///
    /// # Errors
    /// The key, its value and what would be right.
    pub fn validate(&self) -> Result<(), ModelError> {
        for (field, value, most) in [
            ("context", self.context, LONGEST),
            ("horizon", self.horizon, LONGEST),
            ("period", self.period, LONGEST),
            ("num_hidden_layers", self.num_hidden_layers, DEEPEST),
        ] {
            if value == 0 || value > most {
                return Err(refused(field, value, format!("between 1 and {most}")));
            }
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(refused("dropout", self.dropout, "at least 0 and below 1"));
        }
        if self.columns.is_empty() {
            return Err(refused("columns", "empty", "at least one column"));
        }
        for column in &self.columns {
            let fine = column.mean.is_finite() && column.scale.is_finite() && column.scale > 0.0;
            if !fine {
                let got = format!("mean {}, scale {}", column.mean, column.scale);
                let field = format!("columns.{}", column.name);
                return Err(refused(&field, got, "finite, the scale above 0"));
            }
        }
        Ok(self.mixer.validate()?)
    }

    /// A model with fresh weights, a function of `seed` alone.
    ///
    /// # Errors
    /// As [`ForecasterConfig::validate`].
    pub fn init(&self, seed: u64, device: &Device) -> Result<Forecaster, ModelError> {
        self.validate()?;
        Forecaster::new(self, &mut ChaCha8Rng::seed_from_u64(seed), device)
    }
}
