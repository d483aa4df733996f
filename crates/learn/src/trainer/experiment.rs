//! What the loop asks of an experiment, and what it tells an observer.

use std::path::Path;

use burn::module::Module;
use burn::tensor::Tensor;

use crate::error::LearnError;
use crate::metrics::{EvaluationRecord, StepRecord};
use crate::schedule::Plan;

/// A model, its data and its objective.
pub trait Experiment {
    /// The model that is trained.
    type Model: Module;

    /// The loss of micro-batch `micro` (from 0) of step `step` (from 1), averaged over its tokens.
    ///
    /// Must depend on its arguments only: a resumed run asks for the same batches again, and the
    /// timing steps of a time budget ask for the first ones twice.
    ///
    /// # Shapes
    /// Result: `[1]`, on an autodiff device.
    ///
    /// # Errors
    /// Whatever can fail, wrapped by [`LearnError::experiment`].
    fn loss(&self, model: &Self::Model, step: usize, micro: usize)
    -> Result<Tensor<1>, LearnError>;

    /// Tokens in one micro-batch.
    fn tokens_per_micro(&self) -> usize;

    /// Measures of the model on held-out data, by name. The model is on a plain device.
    ///
    /// # Errors
    /// As for [`loss`](Self::loss).
    fn evaluate(&self, model: &Self::Model) -> Result<Vec<(String, f64)>, LearnError>;

    /// A training loss in bits per byte, where that has a meaning. Default: it has none.
    fn bits_per_byte(&self, loss: f64) -> Option<f64> {
        let _ = loss;
        None
    }

    /// The measure of [`evaluate`](Self::evaluate), lower being better, whose best checkpoint is
    /// kept. Default: none.
    fn watched(&self) -> Option<&str> {
        None
    }
}

/// Told of everything that happens; draws progress bars, for instance.
///
/// The calls come from the training thread between two steps, so they should return at once.
pub trait Observer {
    /// The plan stands; `step` steps are done already.
    fn on_plan(&mut self, plan: &Plan, step: usize) {
        let _ = (plan, step);
    }

    /// A step is done and recorded.
    fn on_step(&mut self, record: &StepRecord, plan: &Plan) {
        let _ = (record, plan);
    }

    /// An evaluation is done and recorded.
    fn on_evaluation(&mut self, record: &EvaluationRecord) {
        let _ = record;
    }

    /// A checkpoint is on disk.
    fn on_checkpoint(&mut self, step: usize, folder: &Path) {
        let _ = (step, folder);
    }
}

/// Nobody watches.
impl Observer for () {}
