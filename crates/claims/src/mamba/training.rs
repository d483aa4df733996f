//! Training of one model on one task.

use std::time::Instant;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor};
use resolvent_data::tasks::{SequenceTask, TaskBatch};
use resolvent_learn::clip::{clip_by_norm, squared_norm};
use resolvent_learn::optimiser::Optimiser;
use resolvent_learn::recipe::{GroupSection, OptimiserSection, ScheduleSection};
use resolvent_learn::schedule::{Plan, learning_rate};
use resolvent_models::language::{LanguageConfig, LanguageModel, cross_entropy, published_name};
use serde::Serialize;

use crate::claim::Progress;
use crate::error::ClaimError;

/// Largest global gradient norm.
const CLIP: f64 = 1.0;
/// The running accuracy is that of so many steps.
const WINDOW: usize = 25;
/// A stage is mastered at this running accuracy, in percent.
const MASTERED: f64 = 99.0;

/// What is taught, and how.
#[derive(Clone, Copy)]
pub struct Lesson<'a> {
    /// Makes the batches.
    pub task: &'a dyn SequenceTask,
    /// How many positions at the end of a sequence have a target.
    pub scored: usize,
    /// Lengths in the order in which they are taught; the next begins when one is mastered.
    pub stages: &'a [Stage],
    /// Every so many steps of a stage, one goes back to a shorter length; 0 never does.
    pub rehearsal: usize,
    /// Steps of all stages together, at most; the last stage has what the others leave.
    pub steps: usize,
    /// Peak learning rate.
    pub rate: f64,
    /// Learning rate of `A_log` and `dt_bias` as a multiple of the others'.
    pub dynamics: f64,
    /// Decoupled weight decay of the matrices.
    pub weight_decay: f64,
    /// Part of a target that is spread over the vocabulary, in [0, 1).
    pub smoothing: f64,
    /// Seed of weights and batches.
    pub seed: u64,
    /// Where the model is trained.
    pub device: &'a Device,
}

impl Lesson<'_> {
    /// The earlier stage that step `step` (from 1) of stage number `stage` goes back to, if it does:
    /// a model must not forget what to do with short sequences.
    fn rehearsed(&self, stage: usize, step: usize) -> Option<Stage> {
        let earlier = &self.stages[..stage];
        // No step but 0 is a multiple of 0, and steps count from 1.
        let due = !earlier.is_empty() && step.is_multiple_of(self.rehearsal);
        due.then(|| earlier[(step / self.rehearsal) % earlier.len()])
    }
}

/// Part of a lesson.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stage {
    /// Tokens per sequence.
    pub length: usize,
    /// Sequences per step.
    pub batch: usize,
    /// Steps at most, unless it is the last stage.
    pub steps: usize,
}

/// How a training went.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Course {
    /// The stage reached, from 0.
    pub stage: usize,
    /// Steps done.
    pub steps: usize,
    /// Loss of the last step, in nats per scored token.
    pub loss: f64,
    /// Accuracy over the last steps, in percent; the batches are fresh, so nothing is memorised.
    pub accuracy: f64,
    /// Wall-clock seconds.
    pub seconds: f64,
}

/// Trains a fresh model; it comes back on the plain device.
///
/// # Errors
/// [`ClaimError::NotFinite`], [`ClaimError::Interrupted`]; errors of task and model.
pub fn train(
    config: &LanguageConfig,
    lesson: &Lesson<'_>,
    name: &str,
    progress: &mut dyn Progress,
) -> Result<(LanguageModel, Course), ClaimError> {
    let began = Instant::now();
    let schedule = ScheduleSection::default();
    let plan = Plan::new(lesson.steps, &schedule);
    let mut pupil = Pupil::new(config, lesson)?;
    let mut course = Course::default();
    let mut in_stage = 0;
    let mut window = Window::default();
    while course.steps < lesson.steps {
        course.steps += 1;
        in_stage += 1;
        let stage = lesson.stages[course.stage];
        let rehearsed = lesson.rehearsed(course.stage, in_stage);
        let taught = rehearsed.unwrap_or(stage);
        let index = course.steps as u64;
        let batch = lesson
            .task
            .batch(lesson.seed, index, taught.batch, taught.length)?;
        let rate = learning_rate(&schedule, &plan, lesson.rate, course.steps);
        let (loss, accuracy) = pupil.step(&batch, rate, name, course.steps)?;
        if rehearsed.is_none() {
            course.loss = loss;
            course.accuracy = 100.0 * window.push(accuracy);
        }
        let note = format!(
            "length {}, loss {loss:.3}, accuracy {:.1} %",
            stage.length, course.accuracy
        );
        progress.on_step(course.steps, &note);
        if progress.is_stopped() {
            return Err(ClaimError::Interrupted {
                stage: name.to_owned(),
            });
        }
        let mastered = window.is_full() && course.accuracy >= MASTERED;
        let has_next = course.stage + 1 < lesson.stages.len();
        if has_next && (mastered || in_stage >= stage.steps) {
            course.stage += 1;
            in_stage = 0;
            window = Window::default();
        }
    }
    course.seconds = began.elapsed().as_secs_f64();
    Ok((pupil.model.valid(), course))
}

/// AdamW, with a rate of their own for the parameters that set how long the state remembers.
///
/// The second moment is averaged over more steps than by default, because batches are small.
fn update_rule(lesson: &Lesson<'_>) -> OptimiserSection {
    let dynamics = GroupSection {
        matching: vec!["A_log".to_owned(), "dt_bias".to_owned()],
        weight_decay: 0.0,
        rate_scale: lesson.dynamics,
    };
    OptimiserSection {
        beta_2: 0.99,
        weight_decay: lesson.weight_decay,
        groups: vec![GroupSection::default(), dynamics],
        ..OptimiserSection::default()
    }
}

/// A model in training.
struct Pupil {
    model: LanguageModel,
    optimiser: Optimiser,
    scored: usize,
    smoothing: f64,
}

impl Pupil {
    fn new(config: &LanguageConfig, lesson: &Lesson<'_>) -> Result<Self, ClaimError> {
        let model = config.init(lesson.seed, &lesson.device.clone().autodiff())?;
        let optimiser = Optimiser::new(&update_rule(lesson), &model, published_name)?;
        Ok(Self {
            model,
            optimiser,
            scored: lesson.scored,
            smoothing: lesson.smoothing,
        })
    }

    /// One update; loss and accuracy before it, read in one transfer with the gradient norm.
    fn step(
        &mut self,
        batch: &TaskBatch,
        rate: f64,
        name: &str,
        step: usize,
    ) -> Result<(f64, f64), ClaimError> {
        let scored = Scored::of(&self.model, batch, self.scored)?;
        let loss = cross_entropy(scored.logits.clone(), scored.targets.clone(), scored.count)?;
        let smoothed = smoothed(loss.clone(), scored.logits.clone(), self.smoothing);
        let gradients = GradientsParams::from_grads(smoothed.backward(), &self.model);
        let mut parts = vec![loss.inner(), scored.correct().float()];
        parts.extend(squared_norm(&self.model, &gradients));
        let values = read(Tensor::cat(parts, 0), name)?;
        let (loss, correct) = (values[0], values[1]);
        let norm = values.get(2).copied().unwrap_or(0.0).sqrt();
        if !(loss.is_finite() && norm.is_finite()) {
            return Err(ClaimError::NotFinite {
                stage: name.to_owned(),
                step,
                loss,
            });
        }
        let gradients = clip_by_norm(&self.model, gradients, norm, CLIP);
        // A clone of a module shares its tensors.
        self.model = self.optimiser.step(self.model.clone(), gradients, rate);
        Ok((loss, correct / scored.count as f64))
    }
}

/// Cross-entropy against targets of which `smoothing` is spread evenly over the vocabulary.
///
/// Its minimum lies at finite logits, so that whatever still disturbs them goes on to cost
/// something when every prediction is right.
fn smoothed(loss: Tensor<1>, logits: Tensor<2>, smoothing: f64) -> Tensor<1> {
    if smoothing == 0.0 {
        return loss;
    }
    let even = log_softmax(logits, 1).mean().neg();
    loss * (1.0 - smoothing) + even * smoothing
}

/// Logits and targets of the scored positions.
pub struct Scored {
    /// `[row, vocabulary]`.
    pub logits: Tensor<2>,
    /// `[row]`.
    pub targets: Tensor<1, Int>,
    /// Number of rows.
    pub count: usize,
}

impl Scored {
    /// Runs `model` over a batch whose last `scored` positions have targets.
    ///
    /// # Errors
    /// A token that the model does not know.
    pub fn of(model: &LanguageModel, batch: &TaskBatch, scored: usize) -> Result<Self, ClaimError> {
        let tokens = model.tokens(&batch.tokens, batch.length)?;
        let hidden = model.hidden(tokens, None)?;
        let [rows, length, width] = hidden.dims();
        let scored = scored.min(length);
        let count = rows * scored;
        let last = hidden.narrow(1, length - scored, scored);
        Ok(Self {
            logits: model.head(last.reshape([count, width])),
            targets: targets(batch, scored, &model.device()),
            count,
        })
    }

    /// How many of the most likely tokens are the targets: `[1]`.
    pub fn correct(&self) -> Tensor<1, Int> {
        let chosen = self.logits.clone().inner().argmax(1).reshape([self.count]);
        chosen.equal(self.targets.clone()).int().sum()
    }
}

/// Targets of the last `scored` positions of every sequence: `[row]`.
pub fn targets(batch: &TaskBatch, scored: usize, device: &Device) -> Tensor<1, Int> {
    let values: Vec<i64> = batch
        .rows()
        .flat_map(|(_, targets)| targets[targets.len() - scored..].iter().copied())
        .collect();
    Tensor::from_data(values.as_slice(), device)
}

/// The values of a tensor.
pub fn read(tensor: Tensor<1>, name: &str) -> Result<Vec<f64>, ClaimError> {
    let values: Vec<f32> = tensor
        .try_into_vec_as()
        .map_err(|error| ClaimError::Device {
            stage: name.to_owned(),
            reason: error.to_string(),
        })?;
    Ok(values.into_iter().map(f64::from).collect())
}

/// The last values of a measure.
#[derive(Default)]
struct Window {
    values: std::collections::VecDeque<f64>,
}

impl Window {
    /// Adds a value and returns the mean of the last ones.
    fn push(&mut self, value: f64) -> f64 {
        if self.is_full() {
            self.values.pop_front();
        }
        self.values.push_back(value);
        self.values.iter().sum::<f64>() / self.values.len() as f64
    }

    fn is_full(&self) -> bool {
        self.values.len() == WINDOW
    }
}
