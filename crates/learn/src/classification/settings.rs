//! How a classifier is built and trained, as a tree of named values.

use resolvent_mixers::Settings as MixerSettings;
use resolvent_models::ModelError;
use resolvent_models::sequence::{BackboneConfig, NormKind, NormPlace};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::bad;
use crate::error::{LearnError, Place};
use crate::recipe::values::of_mixer;
use crate::recipe::{GroupSection, OptimiserSection, Recipe, ScheduleSection, TrainSection};

/// Learning rate of state matrix, input vector and step sizes, unless the others' is lower.
const DYNAMICS_RATE: f64 = 1e-3;
/// Parameters of state matrix, input vector and step sizes, over all mixers of the family.
const DYNAMICS: [&str; 13] = [
    "a_real",
    "a_imag",
    "log_a_real",
    "p",
    "b",
    "inv_dt",
    "log_dt",
    "lambda_re",
    "lambda_im",
    "log_step",
    "A_log",
    "dt_bias",
    "kernel.a",
];
/// Parameters that weight decay would only disturb.
const FREE: [&str; 4] = ["D", "norm", "norm_f", "bias"];

/// Everything that decides a run besides its cases. Sections and keys are those of a recipe, where the
/// same thing exists there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifySettings {
    /// What is trained.
    pub model: ModelSettings,
    /// How long, with which batches; `length` and `evaluate_bytes` mean nothing here.
    pub train: TrainSection,
    /// How gradients become updates. Without groups, those published for the S4 family: A, B and the
    /// step sizes at most at 0.001 and without decay, no decay for D, norms and biases.
    pub optimiser: OptimiserSection,
    /// How the learning rate moves.
    pub schedule: ScheduleSection,
}

/// `model`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelSettings {
    /// Mixer by its registry name.
    pub mixer: String,
    /// Blocks.
    pub layers: usize,
    /// Whether mixers see both directions.
    pub bidirectional: bool,
    /// Where the norms stand.
    pub norm: NormPlace,
    /// Over what they take mean and variance: layer or batch.
    pub norm_kind: NormKind,
    /// Probability of leaving a channel out.
    pub dropout: f64,
    /// Settings of the mixer by their own keys.
    #[serde(flatten)]
    pub settings: Map<String, Value>,
}

impl Default for ClassifySettings {
    fn default() -> Self {
        Self {
            model: ModelSettings {
                mixer: "s4d".to_owned(),
                layers: 4,
                bidirectional: false,
                norm: NormPlace::Before,
                norm_kind: NormKind::Layer,
                dropout: 0.1,
                settings: [("hidden_size".to_owned(), json!(64))]
                    .into_iter()
                    .collect(),
            },
            train: TrainSection {
                batch: 16,
                minutes: Some(2.0),
                evaluate_every: 50,
                ..TrainSection::default()
            },
            optimiser: OptimiserSection {
                learning_rate: 4e-3,
                beta_2: 0.999,
                weight_decay: 0.05,
                groups: Vec::new(),
                ..OptimiserSection::default()
            },
            schedule: ScheduleSection {
                warmup_fraction: 0.1,
                final_fraction: 0.0,
                ..ScheduleSection::default()
            },
        }
    }
}

impl ClassifySettings {
    /// These settings with values changed: `section.key=value`, as in `model.layers=2`.
    ///
    /// # Errors
    /// Another form; a key that is not known; a value of the wrong kind.
    pub fn with_overrides<S: AsRef<str>>(&self, overrides: &[S]) -> Result<Self, LearnError> {
        let mut settings = self.clone();
        // The mixer first: it decides which other keys there are.
        let mixer_first = |text: &&S| !text.as_ref().trim_start().starts_with("model.mixer");
        let mut ordered: Vec<&S> = overrides.iter().collect();
        ordered.sort_by_key(mixer_first);
        for text in ordered {
            settings = settings.with(text.as_ref())?;
        }
        settings.backbone()?;
        Ok(settings)
    }

    fn with(&self, text: &str) -> Result<Self, LearnError> {
        let wrong = || LearnError::BadOverride {
            text: text.to_owned(),
        };
        let (key, value) = text.split_once('=').ok_or_else(wrong)?;
        let (section, field) = key.trim().split_once('.').ok_or_else(wrong)?;
        let value = value.trim();
        let value: Value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
        let mut tree = tree_of(self);
        let known = self.known(section, text)?;
        if !known.iter().any(|it| it == field) {
            let nearest = known
                .iter()
                .map(|it| (strsim::jaro_winkler(it, field), it))
                .max_by(|a, b| a.0.total_cmp(&b.0))
                .filter(|it| it.0 > 0.75);
            return Err(LearnError::UnknownKey {
                place: place(text),
                key: key.trim().to_owned(),
                nearest: nearest.map(|(_, it)| format!("{section}.{it}")),
                known: known.clone(),
            });
        }
        tree[section][field] = value.clone();
        let read: Result<Self, _> = serde_json::from_value(tree);
        let read = read.map_err(|error| bad(key.trim(), &value, error.to_string()))?;
        // A value of the wrong kind for the mixer is found here; whether sizes fit together can only be
        // said when all of them are known.
        let mixer = read.mixer()?;
        mixer.with(&read.model.settings).map_err(of_mixer)?;
        Ok(read)
    }

    /// The keys of a section.
    fn known(&self, section: &str, text: &str) -> Result<Vec<String>, LearnError> {
        let mut keys: Vec<String> = match tree_of(self).get(section) {
            Some(Value::Object(map)) => map.keys().cloned().collect(),
            _ => {
                return Err(LearnError::UnknownKey {
                    place: place(text),
                    key: section.to_owned(),
                    nearest: None,
                    known: ["model", "train", "optimiser", "schedule"]
                        .map(str::to_owned)
                        .to_vec(),
                });
            }
        };
        match section {
            "model" => keys.extend(self.mixer()?.to_map().keys().cloned()),
            "train" => keys.extend(["steps", "minutes"].map(str::to_owned)),
            "schedule" => keys.push("warmup_steps".to_owned()),
            _ => {}
        }
        keys.sort();
        keys.dedup();
        Ok(keys)
    }

    fn mixer(&self) -> Result<MixerSettings, LearnError> {
        MixerSettings::named(&self.model.mixer).map_err(of_mixer)
    }

    /// The stack that these settings describe, not yet fitted to any cases.
    ///
    /// # Errors
    /// An unknown mixer; values that do not fit together.
    pub fn backbone(&self) -> Result<BackboneConfig, LearnError> {
        let model = &self.model;
        let mixer = self.mixer()?.with(&model.settings).map_err(of_mixer)?;
        let backbone = BackboneConfig {
            mixer,
            layers: model.layers,
            bidirectional: model.bidirectional,
            norm: model.norm,
            norm_kind: model.norm_kind,
            dropout: model.dropout,
        };
        backbone.validate().map_err(|error| match error {
            ModelError::Config {
                field,
                got,
                expected,
            } => bad(
                &format!("model.{field}"),
                got,
                format!("it must be {expected}"),
            ),
            ModelError::Mixer(error) => of_mixer(error),
            other => other.into(),
        })?;
        Ok(backbone)
    }

    /// The optimiser with its groups.
    pub fn grouped(&self) -> OptimiserSection {
        let mut section = self.optimiser.clone();
        if section.groups.is_empty() {
            let rate = section.learning_rate;
            let group = |names: &[&str], rate_scale| GroupSection {
                matching: names.iter().map(|name| (*name).to_owned()).collect(),
                weight_decay: 0.0,
                rate_scale,
            };
            section.groups = vec![
                group(&FREE, 1.0),
                group(
                    &DYNAMICS,
                    (DYNAMICS_RATE / rate.max(DYNAMICS_RATE)).min(1.0),
                ),
            ];
        }
        section
    }

    /// Checks everything that can be checked without cases.
    ///
    /// # Errors
    /// [`LearnError::BadValue`]; what the mixer refuses.
    pub fn validate(&self) -> Result<(), LearnError> {
        self.backbone()?;
        self.recipe().map(|_| ())
    }

    /// The loop's part as a recipe, whose checks then hold here too.
    ///
    /// # Errors
    /// [`LearnError::BadValue`].
    pub(super) fn recipe(&self) -> Result<Recipe, LearnError> {
        let recipe = Recipe {
            train: self.train.clone(),
            optimiser: self.grouped(),
            schedule: self.schedule.clone(),
            ..Recipe::default()
        };
        recipe.validate()?;
        Ok(recipe)
    }
}

fn place(text: &str) -> Place {
    Place {
        origin: format!("--set {text}"),
        line: None,
    }
}

fn tree_of(settings: &ClassifySettings) -> Value {
    serde_json::to_value(settings).expect("settings hold text, numbers, flags and lists of them")
}
