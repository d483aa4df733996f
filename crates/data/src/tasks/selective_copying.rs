//! Selective copying: keep the data, ignore the noise.
//!
//! Data tokens stand at random places among noise; at the end the model reads as many marker tokens as there
//! were data tokens and must emit the data in order. The spacing changes from sequence to sequence, so a
//! fixed convolution cannot pick them out: what enters the state has to depend on the input.
//!
//! Source: A. Gu, T. Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", 2023,
//! arXiv 2312.00752, section 3.1 and appendix E.1. The paper's length is 4096; the project shows 256.
//!
//! | token | meaning |
//! |---|---|
//! | 0 | noise |
//! | 1 ..= vocabulary - 2 | data |
//! | vocabulary - 1 | marker: emit the next one |

use rand::Rng;
use rand::seq::index;

use super::{SequenceTask, TaskBatch};
use crate::error::DataError;
use crate::rng;

/// The generator of selective copying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectiveCopying {
    memorise: usize,
    vocabulary: usize,
}

impl SelectiveCopying {
    /// The published form: 16 tokens to memorise, vocabulary 16.
    pub const PUBLISHED: Self = Self {
        memorise: 16,
        vocabulary: 16,
    };

    /// The sequence length at which the project trains and tests.
    pub const LENGTH: usize = 256;

    /// A variant with `memorise` data tokens and `vocabulary` token values, noise and marker included.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] when there is nothing to memorise or fewer than two data values.
    pub fn new(memorise: usize, vocabulary: usize) -> Result<Self, DataError> {
        if memorise == 0 {
            return Err(DataError::out_of_range(
                "tokens to memorise",
                0,
                "at least 1",
            ));
        }
        if !(4..=1 << 24).contains(&vocabulary) {
            return Err(DataError::out_of_range(
                "vocabulary",
                vocabulary,
                "4 (noise, two data tokens, marker) to 16777216",
            ));
        }
        Ok(Self {
            memorise,
            vocabulary,
        })
    }

    /// The number of data tokens in a sequence.
    pub fn memorise(&self) -> usize {
        self.memorise
    }

    /// The token that asks for the next data token.
    pub fn marker(&self) -> u32 {
        (self.vocabulary - 1) as u32
    }
}

impl SequenceTask for SelectiveCopying {
    fn name(&self) -> &'static str {
        "selective-copying"
    }

    fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    fn shortest(&self) -> usize {
        self.memorise.saturating_mul(2)
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
        let context = length - self.memorise;
        for (tokens, targets) in result.rows_mut() {
            let mut places = index::sample(&mut rng, context, self.memorise).into_vec();
            places.sort_unstable();
            tokens[context..].fill(self.marker());
            for (place, target) in places.into_iter().zip(&mut targets[context..]) {
                let data = rng.random_range(1..self.marker());
                tokens[place] = data;
                *target = i64::from(data);
            }
        }
        Ok(result)
    }
}
