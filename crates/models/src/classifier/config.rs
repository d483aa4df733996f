//! What determines a classifier.

use super::model::Classifier;
use crate::error::{ModelError, refused};
use crate::sequence::BackboneConfig;
use burn::tensor::Device;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What `config.json` says of the kind of model.
const MODEL_TYPE: &str = "resolvent-classifier";
/// Most channels, tokens and classes accepted from a file.
const MOST: usize = 1 << 20;

/// What a case consists of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind", deny_unknown_fields)]
pub enum InputKind {
    /// Real values; each channel is standardised by these constants.
    Series {
        /// `[channel]`: what is subtracted.
        means: Vec<f64>,
        /// `[channel]`: what it is then divided by, above 0.
        deviations: Vec<f64>,
    },
    /// Token numbers.
    Tokens {
        /// How many there are.
        vocabulary: usize,
    },
}

/// Everything that determines a classifier's parameters and function.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassifierConfig {
    /// What a case consists of.
    pub input: InputKind,
    /// The names of the classes, in the order of the logits.
    pub labels: Vec<String>,
    /// The stack between encoder and head.
    pub backbone: BackboneConfig,
}

impl ClassifierConfig {
    /// Checks that a model can be built.
    ///
    /// # Errors
    /// The field, its value and what would be right.
    pub fn validate(&self) -> Result<(), ModelError> {
        match &self.input {
            InputKind::Series { means, deviations } => {
                if means.is_empty() || means.len() > MOST || means.len() != deviations.len() {
                    let got = format!("{} means, {} deviations", means.len(), deviations.len());
                    return Err(refused("input", got, "one of each per channel"));
                }
                let sound = means.iter().all(|it| it.is_finite())
                    && deviations.iter().all(|it| it.is_finite() && *it > 0.0);
                if !sound {
                    let expected = "finite means and deviations above 0";
                    return Err(refused("input", "another number", expected));
                }
            }
            InputKind::Tokens { vocabulary } => {
                if !(1..=MOST).contains(vocabulary) {
                    let expected = format!("between 1 and {MOST}");
                    return Err(refused("input.vocabulary", vocabulary, &expected));
                }
            }
        }
        let count = self.labels.len();
        if !(2..=MOST).contains(&count) {
            return Err(refused("labels", format!("{count} names"), "at least 2"));
        }
        self.backbone.validate()
    }

    /// A model with fresh weights, a function of `seed` alone.
    ///
    /// # Errors
    /// As [`ClassifierConfig::validate`].
    pub fn init(&self, seed: u64, device: &Device) -> Result<Classifier, ModelError> {
        self.validate()?;
        Classifier::new(self, &mut ChaCha8Rng::seed_from_u64(seed), device)
    }

    /// As a JSON object.
    pub fn to_json(&self) -> Value {
        json!({
            "model_type": MODEL_TYPE,
            "input": self.input,
            "labels": self.labels,
            "backbone": self.backbone.to_json(),
        })
    }

    /// What [`ClassifierConfig::to_json`] wrote.
    ///
    /// # Errors
    /// Another kind of model; a missing or misshapen key; values that
    /// [`ClassifierConfig::validate`] refuses.
    pub fn from_json(json: &Value) -> Result<Self, ModelError> {
        let kind = json.get("model_type").and_then(Value::as_str);
        if kind != Some(MODEL_TYPE) {
            let expected = format!(
                "{MODEL_TYPE:?}: this folder holds another kind of model; train one with `resolvent classify train`"
            );
            let got = json
                .get("model_type")
                .map_or("missing".into(), Value::to_string);
            return Err(refused("model_type", got, &expected));
        }
        let config = Self {
            input: read(json, "input")?,
            labels: read(json, "labels")?,
            backbone: BackboneConfig::from_json(json.get("backbone").unwrap_or(&Value::Null))?,
        };
        config.validate()?;
        Ok(config)
    }
}

fn read<T: for<'a> Deserialize<'a>>(json: &Value, key: &str) -> Result<T, ModelError> {
    let value = json.get(key).unwrap_or(&Value::Null);
    T::deserialize(value).map_err(|error| {
        let expected = format!("what this program writes ({error})");
        refused(key, "not readable", &expected)
    })
}
