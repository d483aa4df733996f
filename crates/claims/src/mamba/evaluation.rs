//! Accuracy at any length in bounded memory.

use burn::tensor::Tensor;
use resolvent_data::tasks::SequenceTask;
use resolvent_models::language::LanguageModel;
use serde::Serialize;

use super::training::{read, targets};
use crate::claim::Progress;
use crate::error::ClaimError;

/// Test batches come from this seed, whatever the seed of the training.
const TEST_SEED: u64 = 0x7e57_5eed;
/// Sequences that are read side by side.
const ROWS: usize = 8;
/// Positions per piece; the state goes from piece to piece.
const PIECE: usize = 1024;

/// Accuracy of a model on fresh sequences of one length.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Accuracy {
    /// Tokens per sequence.
    pub length: usize,
    /// Sequences tested.
    pub sequences: usize,
    /// Scored tokens predicted right, in percent.
    pub percent: f64,
}

/// What is tested.
#[derive(Clone, Copy)]
pub struct Test<'a> {
    /// Makes the sequences.
    pub task: &'a dyn SequenceTask,
    /// Tokens per sequence.
    pub length: usize,
    /// How many positions at the end of a sequence have a target.
    pub scored: usize,
    /// Number of sequences, rounded up to whole batches of 8.
    pub sequences: usize,
}

/// Tests a model, feeding sequences in pieces and handing the state over.
///
/// # Cost
/// Memory grows with the piece, not with the length, for models whose state does not grow.
///
/// # Errors
/// [`ClaimError::Interrupted`]; errors of task and model.
pub fn accuracy(
    model: &LanguageModel,
    test: &Test<'_>,
    name: &str,
    progress: &mut dyn Progress,
) -> Result<Accuracy, ClaimError> {
    let batches = test.sequences.div_ceil(ROWS).max(1);
    let mut correct = 0.0;
    for index in 0..batches {
        if progress.is_stopped() {
            return Err(ClaimError::Interrupted {
                stage: name.to_owned(),
            });
        }
        correct += correct_of_batch(model, test, index as u64, name)?;
    }
    let sequences = batches * ROWS;
    Ok(Accuracy {
        length: test.length,
        sequences,
        percent: 100.0 * correct / (sequences * test.scored) as f64,
    })
}

/// Right predictions in one batch.
fn correct_of_batch(
    model: &LanguageModel,
    test: &Test<'_>,
    index: u64,
    name: &str,
) -> Result<f64, ClaimError> {
    let batch = test.task.batch(TEST_SEED, index, ROWS, test.length)?;
    let tokens = model.tokens(&batch.tokens, batch.length)?;
    let scored = test.scored.min(test.length);
    let unscored = test.length - scored;
    let mut state = model.initial_state(ROWS);
    for start in (0..unscored).step_by(PIECE) {
        let count = PIECE.min(unscored - start);
        let piece = tokens.clone().narrow(1, start, count);
        (_, state) = model.advance_last(piece, state)?;
    }
    let (logits, _) = model.advance(tokens.narrow(1, unscored, scored), state)?;
    let rows = ROWS * scored;
    let vocabulary = logits.dims()[2];
    let chosen = logits.reshape([rows, vocabulary]).argmax(1).reshape([rows]);
    let right: Tensor<1> = chosen
        .equal(targets(&batch, scored, &model.device()))
        .int()
        .sum()
        .float();
    Ok(read(right, name)?.into_iter().sum())
}
