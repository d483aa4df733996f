//! Synthetic sequence tasks that tell what a state can do.
//!
//! A new task is one file here and one line in [`TASKS`].

mod induction_heads;
mod selective_copying;

pub use induction_heads::InductionHeads;
pub use selective_copying::SelectiveCopying;

use crate::error::DataError;

/// The target of a position that has no loss.
pub const NO_LOSS: i64 = -1;

/// Every task with its published sizes.
pub const TASKS: &[&dyn SequenceTask] = &[&SelectiveCopying::PUBLISHED, &InductionHeads::PUBLISHED];

/// A batch of labelled sequences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskBatch {
    /// `[batch, length]`, row-major, each below `vocabulary`.
    pub tokens: Vec<u32>,
    /// `[batch, length]`, row-major: the token to predict after reading this position, or [`NO_LOSS`].
    pub targets: Vec<i64>,
    /// The number of sequences.
    pub batch: usize,
    /// The number of tokens per sequence.
    pub length: usize,
    /// The number of values a token takes.
    pub vocabulary: usize,
}

/// A generator of labelled sequences.
pub trait SequenceTask: Sync {
    /// The name in recipes and reports.
    fn name(&self) -> &'static str;

    /// The number of values a token takes.
    fn vocabulary(&self) -> usize;

    /// The shortest sequence that has room for the task.
    fn shortest(&self) -> usize;

    /// Batch number `index` of the stream under `seed`: a pure function of its arguments.
    ///
    /// Training and test batches come from different seeds.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] for a zero batch and for a length below [`SequenceTask::shortest`].
    fn batch(
        &self,
        seed: u64,
        index: u64,
        batch: usize,
        length: usize,
    ) -> Result<TaskBatch, DataError>;
}

impl TaskBatch {
    /// An all-zero batch without targets, after checking its sizes against the task.
    fn blank(task: &dyn SequenceTask, batch: usize, length: usize) -> Result<Self, DataError> {
        if batch == 0 {
            return Err(DataError::out_of_range("batch", 0, "at least 1"));
        }
        if length < task.shortest() {
            let expected = format!("at least {} for {}", task.shortest(), task.name());
            return Err(DataError::out_of_range("sequence length", length, expected));
        }
        let Some(tokens) = batch.checked_mul(length).filter(|&n| n <= MAX_TOKENS) else {
            let expected = format!("at most {MAX_TOKENS} tokens over a batch of {batch}");
            return Err(DataError::out_of_range("sequence length", length, expected));
        };
        Ok(Self {
            tokens: vec![0; tokens],
            targets: vec![NO_LOSS; tokens],
            batch,
            length,
            vocabulary: task.vocabulary(),
        })
    }

    /// The sequences one after the other: tokens and targets, each of `length`.
    pub fn rows(&self) -> impl Iterator<Item = (&[u32], &[i64])> {
        let targets = self.targets.chunks_exact(self.length);
        self.tokens.chunks_exact(self.length).zip(targets)
    }

    fn rows_mut(&mut self) -> impl Iterator<Item = (&mut [u32], &mut [i64])> {
        let targets = self.targets.chunks_exact_mut(self.length);
        self.tokens.chunks_exact_mut(self.length).zip(targets)
    }
}

/// The most tokens of one batch: 3 GiB of memory.
const MAX_TOKENS: usize = 1 << 28;
