//! The classifier as an experiment of the training loop.

use std::cell::RefCell;

use burn::tensor::{Int, Tensor, TensorData};
use rand::seq::SliceRandom;
use resolvent_data::rng;
use resolvent_models::classifier::Classifier;
use resolvent_models::language::cross_entropy;

use super::scores::{Scores, predict};
use super::settings::ClassifySettings;
use super::task::Task;
use crate::error::LearnError;
use crate::trainer::Experiment;

/// The measure by which the checkpoint is chosen.
pub(super) const WATCHED: &str = "validation_loss";
/// The measure that people read.
pub(super) const ERROR_RATE: &str = "validation_error";

/// Cross-entropy on batches of shuffled training cases.
pub struct CaseExperiment<'a> {
    task: &'a Task,
    batch: usize,
    accumulate: usize,
    seed: u64,
    /// The order of the epoch that was asked for last.
    order: RefCell<(u64, Vec<usize>)>,
}

impl<'a> CaseExperiment<'a> {
    /// The experiment of these settings on a task.
    pub fn new(task: &'a Task, settings: &ClassifySettings) -> Self {
        Self {
            task,
            batch: settings.train.batch,
            accumulate: settings.train.accumulate,
            seed: settings.train.seed,
            order: RefCell::new((u64::MAX, Vec::new())),
        }
    }

    /// The case at a place in the endless row of shuffled epochs.
    fn case(&self, place: u64) -> usize {
        let count = self.task.train.len() as u64;
        let epoch = place / count;
        let mut order = self.order.borrow_mut();
        if order.0 != epoch {
            let mut cases: Vec<usize> = (0..count as usize).collect();
            cases.shuffle(&mut rng::stream(self.seed, "classification-order", epoch));
            *order = (epoch, cases);
        }
        order.1[(place % count) as usize]
    }
}

impl Experiment for CaseExperiment<'_> {
    type Model = Classifier;

    fn loss(&self, model: &Classifier, step: usize, micro: usize) -> Result<Tensor<1>, LearnError> {
        let number = ((step - 1) * self.accumulate + micro) as u64;
        let first = number * self.batch as u64;
        let cases: Vec<usize> = (first..first + self.batch as u64)
            .map(|place| self.case(place))
            .collect();
        let train = &self.task.train;
        let dropout = rng::stream(self.seed, "classification-dropout", number);
        let logits = model.logits(&train.batch(&cases), Some(dropout))?;
        let targets: Vec<i64> = cases
            .iter()
            .map(|it| i64::from(train.labels[*it]))
            .collect();
        let rows = targets.len();
        let data = TensorData::new(targets, [rows]);
        let targets = Tensor::<1, Int>::from_data(data, &logits.device());
        Ok(cross_entropy(logits, targets, rows))
    }

    fn tokens_per_micro(&self) -> usize {
        self.batch
    }

    fn evaluate(&self, model: &Classifier) -> Result<Vec<(String, f64)>, LearnError> {
        let validation = &self.task.validation;
        let scores = Scores::of(&predict(model, validation, &mut |_| {})?, validation)?;
        Ok(vec![
            (WATCHED.to_owned(), scores.loss),
            (ERROR_RATE.to_owned(), 1.0 - scores.accuracy),
        ])
    }

    fn watched(&self) -> Option<&str> {
        Some(WATCHED)
    }
}
