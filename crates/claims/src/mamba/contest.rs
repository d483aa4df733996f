//! Who competes in what: models, lessons, tests.

use burn::tensor::Device;
use resolvent_data::tasks::{InductionHeads, SelectiveCopying, SequenceTask};
use resolvent_mixers::Settings;
use resolvent_mixers::mamba2::Mamba2Config;
use resolvent_models::ModelError;
use resolvent_models::language::LanguageConfig;
use resolvent_models::weights::count_parameters;
use serde::Serialize;

use super::evaluation::{Accuracy, Test, accuracy};
use super::training::{Course, Lesson, Stage, train};
use crate::claim::Progress;
use crate::error::ClaimError;

/// The mixer of the claim.
pub const SELECTIVE: &str = "mamba2";
/// The same block with step size, B and C independent of the input.
pub const TWIN: &str = "mamba2-lti";
/// The baseline with a growing state.
pub const ATTENTION: &str = "attention";
/// All that compete.
pub const MIXERS: [&str; 3] = [SELECTIVE, TWIN, ATTENTION];

/// Length at which attention is tested last: its cost is quadratic.
pub const LONGEST_FOR_ATTENTION: usize = 4096;

/// A task with everything that is the same for all models.
#[derive(Clone)]
pub struct Contest {
    /// Makes the sequences.
    pub task: &'static dyn SequenceTask,
    /// How many positions at the end of a sequence have a target.
    pub scored: usize,
    /// Lengths taught.
    pub stages: Vec<Stage>,
    /// Every so many steps of a stage, one goes back to a shorter length; 0 never does.
    pub rehearsal: usize,
    /// Training steps at most.
    pub steps: usize,
    /// Lengths tested.
    pub lengths: Vec<usize>,
    /// Sequences per length: `tokens / length` within these bounds.
    pub sequences: (usize, usize),
    /// Tokens per length.
    pub tokens: usize,
    /// Learning rate of `A_log` and `dt_bias` as a multiple of the others'.
    pub dynamics: f64,
    /// Decoupled weight decay of the matrices.
    pub weight_decay: f64,
    /// Part of a target that is spread over the vocabulary, in [0, 1).
    pub smoothing: f64,
    /// Peak learning rate by mixer, in the order of [`MIXERS`].
    pub rates: [f64; 3],
}

/// One model in one contest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trial {
    /// Name of the task.
    pub task: &'static str,
    /// Name of the mixer.
    pub mixer: &'static str,
    /// Seed of weights and training batches.
    pub seed: u64,
    /// Parameters of the model.
    pub parameters: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// How the training went.
    pub training: Course,
    /// Accuracy on fresh sequences, by length.
    pub accuracy: Vec<Accuracy>,
}

impl Trial {
    /// Accuracy at `length`, in percent, when it was measured.
    pub fn at(&self, length: usize) -> Option<f64> {
        let found = self.accuracy.iter().find(|it| it.length == length)?;
        Some(found.percent)
    }
}

impl Contest {
    /// Selective copying: length 256, 16 tokens to memorise, vocabulary 16.
    pub fn selective_copying() -> Self {
        Self {
            task: &SelectiveCopying::PUBLISHED,
            scored: SelectiveCopying::PUBLISHED.memorise(),
            stages: stages(&[64, 128, SelectiveCopying::LENGTH], 1500),
            rehearsal: 4,
            steps: 7000,
            lengths: vec![SelectiveCopying::LENGTH],
            sequences: (1024, 1024),
            tokens: 1 << 18,
            dynamics: 1.0,
            weight_decay: 0.0,
            smoothing: 0.0,
            rates: [5e-3, 5e-3, 5e-3],
        }
    }

    /// Induction heads: trained up to length 256, tested from 64 to 65,536.
    pub fn induction_heads() -> Self {
        Self {
            task: &InductionHeads::PUBLISHED,
            scored: 1,
            stages: stages(&[32, InductionHeads::TRAIN_LENGTH], 300),
            rehearsal: 0,
            steps: 2000,
            lengths: InductionHeads::TEST_LENGTHS.to_vec(),
            sequences: (8, 256),
            tokens: 1 << 18,
            dynamics: 30.0,
            weight_decay: 0.2,
            smoothing: 0.0,
            rates: [5e-3, 5e-3, 5e-3],
        }
    }

    /// The same in seconds instead of minutes.
    pub fn quick(mut self) -> Self {
        self.steps = 24;
        self.stages.iter_mut().for_each(|stage| stage.steps = 6);
        self.lengths.retain(|length| *length <= 1024);
        self.sequences = (16, 16);
        self
    }

    /// A model of two blocks with hidden size 64 and state size 16 per head.
    ///
    /// Every head has B and C of its own (as many groups as heads).
    ///
    /// # Errors
    /// Does not fail for the mixers of [`MIXERS`].
    pub fn model(&self, mixer: &str) -> Result<LanguageConfig, ClaimError> {
        let block = Settings::from(Mamba2Config {
            hidden_size: 64,
            state_size: 16,
            expand: 2,
            head_dim: 32,
            n_groups: 4,
            chunk_size: 64,
            ..Mamba2Config::default()
        });
        // Every mixer takes the sizes that it knows, and stays what it is.
        let mut sizes = block.to_map();
        sizes.remove("selective");
        let mixer = Settings::named(mixer).and_then(|settings| settings.with(&sizes));
        Ok(LanguageConfig {
            mixer: mixer.map_err(ModelError::from)?,
            vocab_size: self.task.vocabulary(),
            num_hidden_layers: 2,
            tie_word_embeddings: false,
            ..LanguageConfig::default()
        })
    }

    /// Steps of a trial, for progress bars: training, then one per length.
    pub fn progress_steps(&self) -> usize {
        self.steps + self.lengths.len()
    }

    /// Trains and tests mixer number `index` of [`MIXERS`].
    ///
    /// # Errors
    /// As [`train`] and [`accuracy`].
    pub fn run(
        &self,
        index: usize,
        seed: u64,
        device: &Device,
        name: &str,
        progress: &mut dyn Progress,
    ) -> Result<Trial, ClaimError> {
        let (mixer, rate) = (MIXERS[index], self.rates[index]);
        let lesson = Lesson {
            task: self.task,
            scored: self.scored,
            stages: &self.stages,
            rehearsal: self.rehearsal,
            steps: self.steps,
            rate,
            dynamics: self.dynamics,
            weight_decay: self.weight_decay,
            smoothing: self.smoothing,
            seed,
            device,
        };
        let (model, training) = train(&self.model(mixer)?, &lesson, name, progress)?;
        let mut trial = Trial {
            task: self.task.name(),
            mixer,
            seed,
            parameters: count_parameters(&model),
            learning_rate: rate,
            training,
            accuracy: Vec::new(),
        };
        for (done, &length) in self.lengths.iter().enumerate() {
            if mixer == ATTENTION && length > LONGEST_FOR_ATTENTION {
                break;
            }
            let (least, most) = self.sequences;
            let test = Test {
                task: self.task,
                length,
                scored: self.scored,
                sequences: (self.tokens / length).clamp(least, most),
            };
            let measured = accuracy(&model, &test, name, progress)?;
            trial.accuracy.push(measured);
            let note = format!("tested at {length}: {:.1} %", measured.percent);
            progress.on_step(self.steps + done + 1, &note);
        }
        Ok(trial)
    }
}

/// Stages of 1024 tokens per step.
fn stages(lengths: &[usize], steps: usize) -> Vec<Stage> {
    let stage = |&length: &usize| Stage {
        length,
        batch: (1024 / length).max(1),
        steps,
    };
    lengths.iter().map(stage).collect()
}
