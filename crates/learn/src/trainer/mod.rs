//! The training loop: plan, step, record, evaluate, checkpoint; stop and resume at any step.
//!
//! The loop is a pure function of (settings, experiment, plan): batches depend on the step number
//! only, the learning rate on step and plan, and a checkpoint holds weights and moments exactly. A
//! run that was interrupted and resumed therefore equals one that was not, bit for bit where the
//! device is deterministic (as the CPU is).

mod experiment;
mod planning;
mod session;
mod step;

pub use experiment::{Experiment, Observer};

use std::sync::atomic::AtomicBool;

use burn::module::Module;
use resolvent_models::weights::{Rename, import};

use crate::checkpoint::{self, Checkpoint};
use crate::error::LearnError;
use crate::metrics::{self, Record};
use crate::recipe::{OptimiserSection, Recipe, ScheduleSection, TrainSection};
use crate::run_folder::RunFolder;
use crate::schedule::Plan;
use session::Session;

/// Fields of `[train]` that may change between interruption and resumption, because no result
/// depends on them.
const FREE_FIELDS: [&str; 2] = ["checkpoint_every", "keep_checkpoints"];

/// What the loop needs to know of a recipe.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Steps, accumulation, clipping, and what is written when.
    pub train: TrainSection,
    /// Update rule and parameter groups.
    pub optimiser: OptimiserSection,
    /// Learning-rate curve.
    pub schedule: ScheduleSection,
    /// Published parameter names, which optimiser groups and checkpoints use.
    pub rename: Rename,
    /// What a resumed run must agree with: a tree of named values, compared leaf by leaf.
    pub identity: serde_json::Value,
}

impl Settings {
    /// The settings of a recipe; its identity is every field but those that no result depends on.
    ///
    /// # Errors
    /// [`LearnError::BadValue`] when a value makes no sense, as for [`Recipe::validate`].
    pub fn from_recipe(recipe: &Recipe, rename: Rename) -> Result<Self, LearnError> {
        recipe.validate()?;
        let mut identity = serde_json::to_value(recipe.complete())
            .expect("a recipe holds text, finite numbers and lists, all of which JSON has");
        if let Some(train) = identity.get_mut("train").and_then(|it| it.as_object_mut()) {
            FREE_FIELDS.iter().for_each(|field| {
                train.remove(*field);
            });
        }
        Ok(Self {
            train: recipe.train.clone(),
            optimiser: recipe.optimiser.clone(),
            schedule: recipe.schedule.clone(),
            rename,
            identity,
        })
    }
}

/// One run in one folder.
#[derive(Debug)]
pub struct Run<'a> {
    /// How to train.
    pub settings: &'a Settings,
    /// Where metrics and checkpoints go.
    pub folder: &'a RunFolder,
    /// Go on from the newest checkpoint instead of starting at step 0.
    pub resume: bool,
    /// Set it (from a signal handler, say) to stop after the step at hand, with a checkpoint.
    pub stop: &'a AtomicBool,
}

/// How a run ended.
#[derive(Debug)]
pub enum Outcome<M> {
    /// All planned steps are done.
    Finished(Trained<M>),
    /// The stop flag was set; a checkpoint of `step` is on disk.
    Interrupted(Trained<M>),
}

/// A model and where its training stands.
#[derive(Debug)]
pub struct Trained<M> {
    /// The model, on its autodiff device.
    pub model: M,
    /// The plan of the run.
    pub plan: Plan,
    /// Steps done.
    pub step: usize,
    /// Tokens seen.
    pub tokens: u64,
    /// Seconds of training, over all processes.
    pub seconds: f64,
}

impl<M: Module> Trained<M> {
    /// The model on its plain device with the weights of the checkpoint whose `measure` was least,
    /// and that checkpoint's step; the weights of the last step where no measured one is left.
    ///
    /// # Errors
    /// Metrics or a checkpoint that cannot be read.
    pub fn best(
        &self,
        folder: &RunFolder,
        measure: &str,
        rename: Rename,
    ) -> Result<(usize, M), LearnError> {
        let records = metrics::read(&folder.metrics())?;
        let mut measured: Vec<(f64, usize)> = records
            .iter()
            .filter_map(|record| match record {
                Record::Evaluation(it) => Some((*it.values.get(measure)?, it.step)),
                Record::Step(_) => None,
            })
            .collect();
        // Of equal ones the later.
        measured.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        let there = checkpoint::list(&folder.checkpoints())?;
        let kept = measured
            .iter()
            .find_map(|(_, step)| match *step == self.step {
                true => Some(None),
                false => there.iter().find(|(at, _)| at == step).map(Some),
            });
        match kept.flatten() {
            Some((step, path)) => {
                let weights = Checkpoint::read(path)?.model;
                Ok((*step, import(self.model.valid(), &weights, rename)?))
            }
            None => Ok((self.step, self.model.valid())),
        }
    }
}

impl Run<'_> {
    /// Trains `model`, whose parameters live on an autodiff device.
    ///
    /// With a time budget the number of steps is fixed before the first one: a few steps on a copy
    /// of the model are timed and thrown away, so that a run of `minutes` is step for step the run
    /// of the `steps` it planned. The untrained model is evaluated (unless `evaluate_every` is 0)
    /// and stored as checkpoint 0, which makes the run resumable from its first moment.
    ///
    /// # Errors
    /// [`LearnError::NotFinite`] when loss, gradient or an evaluation is not a number (the newest
    /// checkpoint is untouched); [`LearnError::NoCheckpoint`] and [`LearnError::OtherRecipe`] on
    /// resuming; file errors; whatever the experiment returns.
    pub fn train<E: Experiment>(
        &self,
        experiment: &E,
        model: E::Model,
        observer: &mut dyn Observer,
    ) -> Result<Outcome<E::Model>, LearnError> {
        let mut session = if self.resume {
            Session::resume(self, experiment, model, observer)?
        } else {
            Session::start(self, experiment, model, observer)?
        };
        session.run()
    }
}
