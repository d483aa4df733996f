//! A run in progress.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Instant;

use burn::module::Module;
use burn::tensor::Device;
use resolvent_models::weights::{export, import};

use super::planning::{self, Pauses};
use super::step::{Learner, Measured, require_finite};
use super::{Experiment, Observer, Outcome, Run, Trained};
use crate::checkpoint::{Checkpoint, Progress};
use crate::error::LearnError;
use crate::metrics::{EvaluationRecord, MetricsWriter, Record, StepRecord};
use crate::optimiser::Optimiser;
use crate::schedule::Plan;

/// Steps between which a device keeps the memory that nothing uses. CubeCL (0.11) keeps some slices of its
/// small pages until it is told to clean up, one or two a step, and goes through all of a page for every
/// tensor it makes: without this a step took twice as long behind a thousand others.
const CLEANUP_EVERY: usize = 200;

/// Folder of the checkpoint that is only timed.
const REHEARSAL: &str = "checkpoint-rehearsal";

/// Everything that a run holds while it runs.
pub(super) struct Session<'a, E: Experiment> {
    run: &'a Run<'a>,
    experiment: &'a E,
    observer: &'a mut dyn Observer,
    learner: Learner<E::Model>,
    metrics: MetricsWriter,
    plan: Plan,
    step: usize,
    tokens: u64,
    /// Seconds that earlier processes trained.
    seconds_before: f64,
    began: Instant,
    /// The last step after which the model was evaluated.
    evaluated: Option<usize>,
    /// Step and value of the best watched evaluation.
    best: Option<(usize, f64)>,
    /// The step of the newest checkpoint.
    saved: Option<usize>,
}

impl<'a, E: Experiment> Session<'a, E> {
    /// A fresh run: evaluates the untrained model and fixes the plan.
    pub(super) fn start(
        run: &'a Run<'a>,
        experiment: &'a E,
        model: E::Model,
        observer: &'a mut dyn Observer,
    ) -> Result<Self, LearnError> {
        let began = Instant::now();
        let settings = run.settings;
        let optimiser = Optimiser::new(&settings.optimiser, &model, settings.rename)?;
        let mut session = Self {
            run,
            experiment,
            observer,
            learner: Learner { model, optimiser },
            metrics: MetricsWriter::create(&run.folder.metrics())?,
            plan: Plan::new(1, &settings.schedule),
            step: 0,
            tokens: 0,
            seconds_before: 0.0,
            began,
            evaluated: None,
            best: None,
            saved: None,
        };
        let before = session.seconds();
        session.evaluate_if_due()?;
        let pauses = Pauses {
            evaluation: session.seconds() - before,
            checkpoint: session.rehearsed_save()?,
        };
        session.plan = planning::plan(run, experiment, &session.learner, began, pauses)?;
        session.observer.on_plan(&session.plan, 0);
        Ok(session)
    }

    /// The continuation of a run from its newest readable checkpoint.
    pub(super) fn resume(
        run: &'a Run<'a>,
        experiment: &'a E,
        model: E::Model,
        observer: &'a mut dyn Observer,
    ) -> Result<Self, LearnError> {
        let folder = run.folder.checkpoints();
        let Some((path, checkpoint)) = Checkpoint::latest(&folder)? else {
            return Err(LearnError::NoCheckpoint { path: folder });
        };
        let settings = run.settings;
        checkpoint.require_identity(&path, &settings.identity)?;
        let progress = checkpoint.progress;
        let model = import(model, &checkpoint.model, settings.rename)?;
        let optimiser = Optimiser::new(&settings.optimiser, &model, settings.rename)?
            .load(&checkpoint.optimiser)?;
        let (metrics, records) = MetricsWriter::resume(&run.folder.metrics(), progress.step)?;
        let mut session = Self {
            run,
            experiment,
            observer,
            learner: Learner { model, optimiser },
            metrics,
            plan: progress.plan,
            step: progress.step,
            tokens: progress.tokens,
            seconds_before: progress.seconds,
            began: Instant::now(),
            evaluated: None,
            best: None,
            saved: Some(progress.step),
        };
        for record in &records {
            if let Record::Evaluation(record) = record {
                session.remember(record);
            }
        }
        session.observer.on_plan(&session.plan, session.step);
        Ok(session)
    }

    /// Goes on until the plan is done or the stop flag is set.
    pub(super) fn run(&mut self) -> Result<Outcome<E::Model>, LearnError> {
        loop {
            if self.run.stop.load(Ordering::Relaxed) {
                self.save()?;
                return Ok(Outcome::Interrupted(self.trained()));
            }
            self.evaluate_if_due()?;
            if self.checkpoint_is_due() {
                self.save()?;
            }
            if self.step >= self.plan.steps {
                return Ok(Outcome::Finished(self.trained()));
            }
            self.advance()?;
        }
    }

    fn advance(&mut self) -> Result<(), LearnError> {
        let step = self.step + 1;
        let result = self
            .learner
            .advance(self.experiment, self.run.settings, &self.plan, step);
        let measured = self.with_last_checkpoint(result)?;
        self.step = step;
        let micro_batches = self.run.settings.train.accumulate as u64;
        self.tokens += micro_batches * self.experiment.tokens_per_micro() as u64;
        if step.is_multiple_of(CLEANUP_EVERY) {
            let devices = self.learner.model.devices();
            devices.iter().for_each(Device::memory_cleanup);
        }
        self.record(&measured)
    }

    fn record(&mut self, measured: &Measured) -> Result<(), LearnError> {
        let record = StepRecord {
            step: self.step,
            loss: measured.loss,
            bits_per_byte: self.experiment.bits_per_byte(measured.loss),
            learning_rate: measured.rate,
            grad_norm: measured.grad_norm,
            tokens: self.tokens,
            seconds: self.seconds(),
        };
        self.observer.on_step(&record, &self.plan);
        self.metrics.append(&Record::Step(record))
    }

    /// Evaluates after the steps that the recipe asks for and at the end, each once; also what an
    /// interruption left undone.
    fn evaluate_if_due(&mut self) -> Result<(), LearnError> {
        let every = self.run.settings.train.evaluate_every;
        let regular = every > 0 && self.step.is_multiple_of(every);
        if !(regular || self.step == self.plan.steps) || self.evaluated == Some(self.step) {
            return Ok(());
        }
        let values = self.experiment.evaluate(&self.learner.model.valid())?;
        for (name, value) in &values {
            let result = require_finite(self.step, name, *value);
            self.with_last_checkpoint(result)?;
        }
        let record = EvaluationRecord {
            step: self.step,
            values: values.into_iter().collect(),
        };
        self.remember(&record);
        self.observer.on_evaluation(&record);
        self.metrics.append(&Record::Evaluation(record))
    }

    fn remember(&mut self, record: &EvaluationRecord) {
        self.evaluated = Some(record.step);
        let watched = self.experiment.watched();
        let Some(value) = watched.and_then(|name| record.values.get(name).copied()) else {
            return;
        };
        if self.best.is_none_or(|(_, best)| value < best) {
            self.best = Some((record.step, value));
        }
    }

    fn checkpoint_is_due(&self) -> bool {
        let every = self.run.settings.train.checkpoint_every;
        let regular = every > 0 && self.step.is_multiple_of(every);
        let best = self.best.is_some_and(|(step, _)| step == self.step);
        let ends = self.step == 0 || self.step >= self.plan.steps;
        (regular || best || ends) && self.saved != Some(self.step)
    }

    fn save(&mut self) -> Result<(), LearnError> {
        if self.saved == Some(self.step) {
            return Ok(());
        }
        // The metrics reach the disk first: they may be ahead of a checkpoint, never behind it.
        self.metrics.sync()?;
        let folder: PathBuf = self.run.folder.checkpoints();
        let best = self.best.map(|(step, _)| step);
        let keep = self.run.settings.train.keep_checkpoints;
        let path = self.checkpoint()?.write(&folder, keep, best)?;
        self.saved = Some(self.step);
        self.observer.on_checkpoint(self.step, &path);
        Ok(())
    }

    fn checkpoint(&self) -> Result<Checkpoint, LearnError> {
        let settings = self.run.settings;
        Ok(Checkpoint {
            progress: Progress {
                step: self.step,
                plan: self.plan,
                tokens: self.tokens,
                seconds: self.seconds(),
                identity: settings.identity.clone(),
            },
            model: export(&self.learner.model, settings.rename)?,
            optimiser: self.learner.optimiser.save()?,
        })
    }

    /// Seconds that a checkpoint takes, where a time budget has to know them: one is written beside the
    /// others and removed, for as long as there is no plan none may be taken up again.
    fn rehearsed_save(&self) -> Result<f64, LearnError> {
        if self.run.settings.train.steps.is_some() {
            return Ok(0.0);
        }
        let folder = self.run.folder.root().join(REHEARSAL);
        let began = Instant::now();
        self.checkpoint()?.write(&folder, 1, None)?;
        let seconds = began.elapsed().as_secs_f64();
        // What is left of it does no harm, and another error would hide the run.
        let _ = std::fs::remove_dir_all(&folder);
        Ok(seconds)
    }

    /// Adds to a value that is not finite which checkpoint is left.
    fn with_last_checkpoint<T>(&self, result: Result<T, LearnError>) -> Result<T, LearnError> {
        result.map_err(|mut error| {
            if let LearnError::NotFinite {
                last_checkpoint, ..
            } = &mut error
            {
                *last_checkpoint = self.saved;
            }
            error
        })
    }

    fn seconds(&self) -> f64 {
        self.seconds_before + self.began.elapsed().as_secs_f64()
    }

    fn trained(&self) -> Trained<E::Model> {
        Trained {
            model: self.learner.model.clone(),
            plan: self.plan,
            step: self.step,
            tokens: self.tokens,
            seconds: self.seconds(),
        }
    }
}
