//! The sections of a recipe and the defaults of their fields.

use resolvent_mixers::registry::CAUSAL;
use resolvent_mixers::{MixerError, Settings};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A training run as data: what to read, what to build, how to train it.
///
/// Every field has a default, so an empty text is a valid recipe.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// Where the text comes from.
    pub data: DataSection,
    /// What is trained.
    pub model: ModelSection,
    /// How long, with which batches, and what is written on the way.
    pub train: TrainSection,
    /// How gradients become updates.
    pub optimiser: OptimiserSection,
    /// How the learning rate moves over the run.
    pub schedule: ScheduleSection,
}

/// Where the training text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataSource {
    /// The Rust sources of the crates that the lock file pins.
    CargoSources,
    /// The file or folder named by `data.path`.
    Path,
}

/// `[data]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataSection {
    /// Kind of source. Default `cargo-sources`.
    pub source: DataSource,
    /// File or folder, needed when `source = "path"`. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Fraction of the files kept for evaluation, in (0, 1). Default 0.05.
    pub held_out: f64,
    /// Reading stops after this many bytes. Default 33 554 432 (32 MiB).
    pub max_bytes: usize,
}

impl Default for DataSection {
    fn default() -> Self {
        Self {
            source: DataSource::CargoSources,
            path: None,
            held_out: 0.05,
            max_bytes: 32 << 20,
        }
    }
}

/// `[model]`, with the key names of the published `config.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelSection {
    /// Mixer by its registry name. Default `mamba2`.
    pub mixer: String,
    /// Number of blocks. Default 4.
    pub num_hidden_layers: usize,
    /// Number of distinct tokens; 256 for bytes. Default 256.
    pub vocab_size: usize,
    /// Settings of the mixer by their own keys (`hidden_size`, `state_size`, ...); those left out
    /// have the mixer's defaults. Keys that only other mixers know are kept without effect, so
    /// that one line swaps the mixer.
    #[serde(flatten)]
    pub settings: Map<String, Value>,
}

impl Default for ModelSection {
    fn default() -> Self {
        Self {
            mixer: "mamba2".to_owned(),
            num_hidden_layers: 4,
            vocab_size: 256,
            settings: Map::new(),
        }
    }
}

impl ModelSection {
    /// The mixer's settings, not yet checked.
    ///
    /// # Errors
    /// An unknown mixer; a value of the wrong kind.
    pub fn mixer_settings(&self) -> Result<Settings, MixerError> {
        Settings::named(&self.mixer)?.with(&self.settings)
    }
}

/// `[train]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainSection {
    /// Sequences per micro-batch. Default 8.
    pub batch: usize,
    /// Tokens per sequence. Default 256.
    pub length: usize,
    /// Micro-batches whose gradients are averaged into one step. Default 1.
    pub accumulate: usize,
    /// Number of steps; makes the run fully deterministic and takes precedence over `minutes`.
    /// Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
    /// Time budget in minutes, turned into a number of steps once, at the start, from the measured
    /// speed. Default 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minutes: Option<f64>,
    /// Seed of initialisation and data order. Default 0.
    pub seed: u64,
    /// Largest global gradient norm; larger gradients are scaled down to it. 0 switches clipping
    /// off. Default 1.
    pub clip: f64,
    /// Steps between checkpoints; 0 writes only the first and the last. Default 100.
    pub checkpoint_every: usize,
    /// Newest checkpoints kept. Default 2.
    pub keep_checkpoints: usize,
    /// Steps between evaluations on held-out data; 0 evaluates only at the end. Default 100.
    pub evaluate_every: usize,
    /// Held-out bytes per evaluation. Default 65 536.
    pub evaluate_bytes: usize,
}

impl Default for TrainSection {
    fn default() -> Self {
        Self {
            batch: 8,
            length: 256,
            accumulate: 1,
            steps: None,
            minutes: Some(3.0),
            seed: 0,
            clip: 1.0,
            checkpoint_every: 100,
            keep_checkpoints: 2,
            evaluate_every: 100,
            evaluate_bytes: 65_536,
        }
    }
}

/// Which optimiser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptimiserKind {
    /// Adam with decoupled weight decay (Loshchilov & Hutter, arXiv 1711.05101).
    Adamw,
}

/// `[optimiser]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OptimiserSection {
    /// Update rule. Default `adamw`.
    pub kind: OptimiserKind,
    /// Peak learning rate, reached at the end of the warm-up. Default 0.002.
    pub learning_rate: f64,
    /// Decay of the first moment, in [0, 1). Default 0.9.
    pub beta_1: f64,
    /// Decay of the second moment, in [0, 1). Default 0.95.
    pub beta_2: f64,
    /// Added to the root of the second moment. Default 1e-8.
    pub epsilon: f64,
    /// Decoupled weight decay of the parameters outside every group. Default 0.1.
    pub weight_decay: f64,
    /// Parameters with values of their own; a parameter belongs to the last group that matches it.
    /// Default: one group without decay for `A_log`, `D`, `dt_bias`, every norm and every bias.
    pub groups: Vec<GroupSection>,
}

impl Default for OptimiserSection {
    fn default() -> Self {
        Self {
            kind: OptimiserKind::Adamw,
            learning_rate: 2e-3,
            beta_1: 0.9,
            beta_2: 0.95,
            epsilon: 1e-8,
            weight_decay: 0.1,
            groups: vec![GroupSection::default()],
        }
    }
}

/// One entry of `optimiser.groups`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroupSection {
    /// Names that select parameters. An entry matches when it equals one or several successive
    /// dot-separated parts of a published parameter name: `norm` matches
    /// `backbone.layers.0.norm.weight`, `conv1d.bias` only the bias of the convolution.
    #[serde(rename = "match")]
    pub matching: Vec<String>,
    /// Decoupled weight decay of these parameters. Default 0.
    pub weight_decay: f64,
    /// Learning rate as a multiple of the schedule's. Default 1.
    pub rate_scale: f64,
}

impl Default for GroupSection {
    fn default() -> Self {
        let names = ["A_log", "D", "dt_bias", "norm", "norm_f", "bias"];
        Self {
            matching: names.map(str::to_owned).to_vec(),
            weight_decay: 0.0,
            rate_scale: 1.0,
        }
    }
}

/// Shape of the learning-rate curve after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// Half a cosine from the peak to `final_fraction` of it.
    Cosine,
    /// The peak until the end.
    Constant,
}

/// `[schedule]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleSection {
    /// Curve after the warm-up. Default `cosine`.
    pub kind: ScheduleKind,
    /// Fraction of the steps spent warming up, in [0, 1]. Default 0.05.
    pub warmup_fraction: f64,
    /// Steps spent warming up; takes precedence over `warmup_fraction`. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup_steps: Option<usize>,
    /// Learning rate of the last step as a fraction of the peak, in [0, 1]. Default 0.02.
    pub final_fraction: f64,
}

impl Default for ScheduleSection {
    fn default() -> Self {
        Self {
            kind: ScheduleKind::Cosine,
            warmup_fraction: 0.05,
            warmup_steps: None,
            final_fraction: 0.02,
        }
    }
}

impl Recipe {
    /// A recipe with every optional field filled: the pattern that texts are checked against.
    ///
    /// `mixer` is the one that the text names, if it does; its settings come before those of others
    /// that have the same name.
    pub(super) fn pattern(mixer: Option<&str>) -> Self {
        let mut recipe = Self::default();
        recipe.data.path = Some("text".to_owned());
        recipe.train.steps = Some(1);
        recipe.train.minutes = Some(1.0);
        recipe.schedule.warmup_steps = Some(1);
        let chosen = mixer.and_then(|name| Settings::named(name).ok());
        let others = CAUSAL.iter().map(|entry| (entry.defaults)());
        for settings in chosen.into_iter().chain(others) {
            for (key, value) in settings.to_map() {
                recipe.model.settings.entry(key).or_insert(value);
            }
        }
        recipe
    }
}
