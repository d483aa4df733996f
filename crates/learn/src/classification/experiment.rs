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

/// Length from which cases of like length are put into one batch.
const LONG: usize = 256;
/// Batches that are sorted by length together.
const GROUP: usize = 16;

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
            *order = (epoch, self.epoch(epoch));
        }
        order.1[(place % count) as usize]
    }

    /// All cases in the order of an epoch: shuffled, and where long cases differ in length, put together
    /// with others like them, batch by batch, so that padding does not take half of the time.
    fn epoch(&self, epoch: u64) -> Vec<usize> {
        let train = &self.task.train;
        let mut rng = rng::stream(self.seed, "classification-order", epoch);
        let mut cases: Vec<usize> = (0..train.len()).collect();
        cases.shuffle(&mut rng);
        let (shortest, longest) = train.lengths();
        if longest < LONG || 4 * shortest > 3 * longest {
            return cases;
        }
        for group in cases.chunks_mut(GROUP * self.batch) {
            group.sort_by_key(|case| train.length(*case));
            let mut batches: Vec<Vec<usize>> =
                group.chunks(self.batch).map(<[usize]>::to_vec).collect();
            batches.shuffle(&mut rng);
            group.copy_from_slice(&batches.concat());
        }
        cases
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
        Ok(cross_entropy(logits, targets, rows)?)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classification::{Cases, Content, Loaded};

    /// Token sequences of these lengths, of two classes in turn.
    fn task(lengths: &[usize]) -> Task {
        let content = Content::Tokens {
            vocabulary: 2,
            values: Vec::new(),
        };
        let cases = |lengths: &[usize]| {
            let classes = vec!["a".to_owned(), "b".to_owned()];
            let mut cases = Cases::empty("made up", content.clone(), classes);
            for (at, length) in lengths.iter().enumerate() {
                let label = Some((at % 2) as u32);
                cases.push_tokens(&vec![1; *length], label).unwrap();
            }
            cases
        };
        let loaded = Loaded {
            train: cases(lengths),
            validation: Some(cases(&lengths[..4])),
            test: Some(cases(&lengths[..4])),
        };
        Task::new(loaded, 0).unwrap()
    }

    #[test]
    fn epochs_when_cases_are_long_hold_every_case_once_in_batches_of_like_length() {
        let lengths: Vec<usize> = (0..200).map(|at| 100 + 37 * at % 900).collect();
        let task = task(&lengths);
        let mut settings = ClassifySettings::default();
        settings.train.batch = 8;
        let experiment = CaseExperiment::new(&task, &settings);
        let order = experiment.epoch(3);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..200).collect::<Vec<_>>());
        assert_eq!(experiment.epoch(3), order);
        assert_ne!(experiment.epoch(4), order);
        let padded = |order: &[usize]| -> usize {
            let longest = |batch: &[usize]| batch.iter().map(|case| lengths[*case]).max();
            let batches = order.chunks(8);
            batches.map(|it| 8 * longest(it).unwrap_or(0)).sum()
        };
        let all: usize = lengths.iter().sum();
        let shuffled: Vec<usize> = (0..200).map(|at| at * 77 % 200).collect();
        assert!(padded(&order) < all + all / 5, "{} {all}", padded(&order));
        assert!(padded(&shuffled) > all + all / 2);
    }
}
