//! Cases for training, validation and test that belong together.

use super::bad;
use super::cases::{Cases, Content, listed};
use super::settings::ClassifySettings;
use super::source::Loaded;
use crate::error::LearnError;
use resolvent_mixers::Settings;
use resolvent_models::classifier::{ClassifierConfig, InputKind};
use serde_json::json;

/// Part of the training cases that becomes the validation part.
const VALIDATION: f64 = 0.1;
/// Part of all cases that becomes the test part, when there is none.
const TEST: f64 = 0.2;
/// Most validation cases: more cost time at every evaluation and decide no better.
const MOST_VALIDATION: usize = 1000;

/// Cases for training, validation and test that belong together.
#[derive(Debug)]
pub struct Task {
    /// For gradients.
    pub train: Cases,
    /// For the choice of the checkpoint.
    pub validation: Cases,
    /// For the figures.
    pub test: Cases,
    /// How the parts came about, in words.
    pub split: String,
}

impl Task {
    /// Parts where there are some, else drawn by class and seed.
    ///
    /// # Errors
    /// No labels, fewer than two classes, a class without a second case, test cases of another kind, with
    /// other channels or with a class that training does not have.
    pub fn new(loaded: Loaded, seed: u64) -> Result<Self, LearnError> {
        let Loaded {
            train,
            validation,
            test,
        } = loaded;
        let mut split = Vec::new();
        let train = check_labels(train)?;
        let (train, test) = match test {
            Some(test) => (train, test),
            None => {
                split.push("a fifth of the cases held out for the test, by class and seed");
                let [rest, held_out] = train.split(TEST, seed);
                (rest, held_out)
            }
        };
        let test = matched(&train, test)?;
        let (train, validation) = match validation {
            Some(validation) => (train, validation),
            None => {
                split.push("a tenth of the training cases for validation, by class and seed");
                let [rest, held_out] = train.split(VALIDATION, seed);
                (rest, held_out)
            }
        };
        let validation = matched(&train, validation)?.at_most(MOST_VALIDATION, seed);
        for (part, cases) in [("validation", &validation), ("test", &test)] {
            if cases.is_empty() {
                let remedy =
                    "too few cases: some class needs at least 3 for training, validation and test";
                return Err(bad("data", format!("no {part} case"), remedy));
            }
        }
        Ok(Self {
            train,
            validation,
            test,
            split: match split.is_empty() {
                true => "as given".to_owned(),
                false => split.join("; "),
            },
        })
    }

    /// The model for this task.
    ///
    /// # Errors
    /// Settings that the model refuses.
    pub fn config(&self, settings: &ClassifySettings) -> Result<ClassifierConfig, LearnError> {
        let input = match &self.train.content {
            Content::Series { .. } => {
                let (means, deviations) = self.train.channel_scaling();
                InputKind::Series { means, deviations }
            }
            Content::Tokens { vocabulary, .. } => InputKind::Tokens {
                vocabulary: *vocabulary,
            },
        };
        let mut backbone = settings.backbone()?;
        if !settings.model.settings.contains_key("dt_min") {
            backbone.mixer = for_length(backbone.mixer, self.train.lengths().1)?;
        }
        let config = ClassifierConfig {
            input,
            labels: self.train.classes.clone(),
            backbone,
        };
        config.validate()?;
        Ok(config)
    }

    /// What a resumed run must find again.
    pub fn fingerprint(&self) -> serde_json::Value {
        json!({
            "train": self.train.fingerprint(),
            "validation": self.validation.fingerprint(),
            "test": self.test.fingerprint(),
        })
    }
}

/// The least step size of a mixer that has one, so that the slowest initial mode spans the longest case
/// and not ten of them: 1 / length, between 0.0001 and 0.01.
fn for_length(mixer: Settings, length: usize) -> Result<Settings, LearnError> {
    let known = mixer.to_map();
    let largest = known.get("dt_max").and_then(serde_json::Value::as_f64);
    let (Some(largest), true) = (largest, known.contains_key("dt_min")) else {
        return Ok(mixer);
    };
    let least = (1.0 / length.max(1) as f64).clamp(1e-4, 1e-2).min(largest);
    let given = [("dt_min".to_owned(), json!(least))].into_iter().collect();
    Ok(mixer
        .with(&given)
        .map_err(resolvent_models::ModelError::from)?)
}

/// Training cases: every one labelled, classes without cases dropped, at least two left.
fn check_labels(cases: Cases) -> Result<Cases, LearnError> {
    if cases.is_empty() {
        return Err(bad("data", "no case", "give a file with labelled cases"));
    }
    if !cases.is_labelled() || cases.classes.is_empty() {
        let remedy = "its cases have no classes; training needs a label for every case";
        return Err(bad("data", &cases.name, remedy));
    }
    if let Some(case) =
        (0..cases.len()).find(|it| cases.classes[cases.labels[*it] as usize].is_empty())
    {
        let remedy = "every case needs a label";
        return Err(bad(
            "data",
            format!("case {} without a label", case + 1),
            remedy,
        ));
    }
    let counts = cases.counts();
    let seen: Vec<String> = cases
        .classes
        .iter()
        .zip(&counts)
        .filter(|(_, count)| **count > 0)
        .map(|(name, _)| name.clone())
        .collect();
    if seen.len() < 2 {
        let remedy = "a classifier needs cases of at least two classes";
        return Err(bad(
            "data",
            format!("one class ({})", listed(&seen)),
            remedy,
        ));
    }
    if counts.iter().all(|count| *count <= 1) {
        let got = format!("{} classes for {} cases", seen.len(), cases.len());
        let remedy = "every case has a class of its own; is this the right label column?";
        return Err(bad("data", got, remedy));
    }
    cases.with_classes(&seen)
}

/// Cases that are to go with `train`.
fn matched(train: &Cases, cases: Cases) -> Result<Cases, LearnError> {
    if !cases.is_labelled() {
        return Err(bad("--test", &cases.name, "its cases have no labels"));
    }
    match (&train.content, &cases.content) {
        (
            Content::Series { channels, .. },
            Content::Series {
                channels: other, ..
            },
        ) if channels == other => {}
        (
            Content::Tokens { vocabulary, .. },
            Content::Tokens {
                vocabulary: other, ..
            },
        ) if vocabulary == other => {}
        (
            Content::Series { channels, .. },
            Content::Series {
                channels: other, ..
            },
        ) => {
            let remedy = format!("the training cases have {channels}");
            return Err(bad(
                "--test",
                format!("{} with {other} channels", cases.name),
                remedy,
            ));
        }
        _ => {
            return Err(bad(
                "--test",
                &cases.name,
                "it must be of the same kind as --data",
            ));
        }
    }
    cases.with_classes(&train.classes)
}
