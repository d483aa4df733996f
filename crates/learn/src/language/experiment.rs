//! The language model as an experiment of the training loop.

use burn::tensor::{Int, Tensor, TensorData};
use resolvent_data::windows::{EvalWindows, TrainWindows};
use resolvent_models::language::{LanguageModel, cross_entropy};

use super::evaluation::measure;
use super::prepared::Prepared;
use super::watch::{Stage, Watch, staged};
use crate::error::LearnError;
use crate::recipe::Recipe;
use crate::trainer::Experiment;

/// Name of the held-out measure in the metrics.
pub(super) const MEASURE: &str = "bits_per_byte";

/// Next-byte prediction on random windows of the training text.
pub struct LanguageExperiment<'a> {
    windows: TrainWindows,
    held_out: EvalWindows,
    accumulate: usize,
    length: usize,
    batch: usize,
    watch: &'a dyn Watch,
}

impl<'a> LanguageExperiment<'a> {
    /// The experiment of a recipe on its text; `watch` is told of evaluations.
    ///
    /// # Errors
    /// [`LearnError::Experiment`] when the text is shorter than a window.
    pub fn new(
        recipe: &Recipe,
        prepared: &Prepared,
        watch: &'a dyn Watch,
    ) -> Result<Self, LearnError> {
        let train = &recipe.train;
        let held_out = prepared.windows(train.length, Some(train.evaluate_bytes));
        Ok(Self {
            windows: prepared
                .train_windows(recipe)
                .map_err(LearnError::experiment)?,
            held_out: held_out.map_err(LearnError::experiment)?,
            accumulate: train.accumulate,
            length: train.length,
            batch: train.batch,
            watch,
        })
    }

    fn targets(values: Vec<u32>, model: &LanguageModel) -> Tensor<1, Int> {
        let values: Vec<i64> = values.into_iter().map(i64::from).collect();
        let rows = values.len();
        Tensor::from_data(TensorData::new(values, [rows]), &model.device())
    }
}

impl Experiment for LanguageExperiment<'_> {
    type Model = LanguageModel;

    fn loss(
        &self,
        model: &LanguageModel,
        step: usize,
        micro: usize,
    ) -> Result<Tensor<1>, LearnError> {
        // Every micro-batch of every step has a number of its own, so none is seen twice.
        let number = (step as u64)
            .wrapping_mul(self.accumulate as u64)
            .wrapping_add(micro as u64);
        let batch = self.windows.batch(number);
        let rows = batch.batch * batch.length;
        let tokens = model.tokens(&batch.inputs(), batch.length)?;
        let hidden = model.hidden(tokens, None)?;
        let width = hidden.dims()[2];
        let logits = model.head(hidden.reshape([rows, width]));
        let targets = Self::targets(batch.targets(), model);
        Ok(cross_entropy(logits, targets, rows)?)
    }

    fn tokens_per_micro(&self) -> usize {
        self.batch * self.length
    }

    fn evaluate(&self, model: &LanguageModel) -> Result<Vec<(String, f64)>, LearnError> {
        let total = self.held_out.predicted() as u64;
        let measured = staged(self.watch, Stage::Evaluating, total, |progress| {
            measure(model, &self.held_out, progress)
        })?;
        Ok(vec![(MEASURE.to_owned(), measured.bits_per_byte())])
    }

    fn bits_per_byte(&self, loss: f64) -> Option<f64> {
        Some(loss / std::f64::consts::LN_2)
    }

    fn watched(&self) -> Option<&str> {
        Some(MEASURE)
    }
}
