//! Induction heads: recall what followed a token the last time.
//!
//! A sequence of random tokens holds a special token twice: once somewhere, and once as the last token. After
//! the second the model must predict the token that followed the first. One position has a loss. Trained at
//! length 256, a model that has learned to look up (rather than to count) keeps working at any length.
//!
//! Source: A. Gu, T. Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", 2023,
//! arXiv 2312.00752, section 4.1.2 and appendix E.1; the task is C. Olsson et al., "In-context Learning and
//! Induction Heads", 2022, arXiv 2209.11895.

use rand::Rng;

use super::{SequenceTask, TaskBatch};
use crate::error::DataError;
use crate::rng;

/// The generator of induction heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InductionHeads {
    ordinary: usize,
}

impl InductionHeads {
    /// The published form: 16 ordinary tokens and the special one.
    pub const PUBLISHED: Self = Self { ordinary: 16 };

    /// The sequence length for training.
    pub const TRAIN_LENGTH: usize = 256;

    /// The sequence lengths for testing: powers of two from 64 to 65,536.
    pub const TEST_LENGTHS: [usize; 11] = [
        64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536,
    ];

    /// A variant with another number of ordinary tokens.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] below two.
    pub fn new(ordinary: usize) -> Result<Self, DataError> {
        if !(2..=1 << 24).contains(&ordinary) {
            return Err(DataError::out_of_range(
                "ordinary tokens",
                ordinary,
                "2 to 16777216",
            ));
        }
        Ok(Self { ordinary })
    }

    /// The special token; the ordinary ones lie below it.
    pub fn special(&self) -> u32 {
        self.ordinary as u32
    }
}

impl SequenceTask for InductionHeads {
    fn name(&self) -> &'static str {
        "induction-heads"
    }

    fn vocabulary(&self) -> usize {
        self.ordinary + 1
    }

    fn shortest(&self) -> usize {
        3
    }

    fn batch(
        &self,
        seed: u64,
        index: u64,
        batch: usize,
        length: usize,
    ) -> Result<TaskBatch, DataError> {
        let mut result = TaskBatch::blank(self, batch, length)?;
        let mut rng = rng::stream(seed, self.name(), index);
        for (tokens, targets) in result.rows_mut() {
            for token in tokens.iter_mut() {
                *token = rng.random_range(0..self.special());
            }
            // The token after the first occurrence must lie before the second one.
            let first = rng.random_range(0..=(length - 3) as u64) as usize;
            tokens[first] = self.special();
            tokens[length - 1] = self.special();
            targets[length - 1] = i64::from(tokens[first + 1]);
        }
        Ok(result)
    }
}
