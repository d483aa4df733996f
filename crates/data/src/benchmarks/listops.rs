//! ListOps: the value of a nested expression of MIN, MAX, MED and SM over digits.
//!
//! Source: N. Nangia, S. Bowman, "ListOps: A Diagnostic Dataset for Latent Tree Learning", 2018, arXiv
//! 1804.06028; the sizes are those of Long Range Arena: depth 10, at most 10 arguments, 500 to 2,000
//! tokens, 96,000 / 2,000 / 2,000 samples.
//!
//! A node above depth 10 is an operator with probability 1/4, else a digit; an operator takes 2 to 10
//! arguments. MED is the median without its fraction, SM the sum modulo 10. Trees outside the range of
//! sizes are drawn again, and a tree drawn twice is kept once.
//!
//! The published text (`( ( [MAX 2 ) 9 ) ] )`) is a chain of pairs; what a model reads is the same
//! without round brackets and with `X` for `]`. Here an expression is that token sequence.
//!
//! Deviations: the published writer fills an unordered set, so that the order and hence the split depend
//! on a run's hash seed; ours is the order of sample numbers. The published vocabulary is numbered by
//! frequency, ours by [`ListOpsToken`].

mod file;
mod tree;

use std::collections::HashSet;
use std::ops::Range;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

pub use file::{ListOpsFile, ListOpsWriter, parse_listops, read_listops};
pub use tree::{ListOpsParameters, ListOpsToken, VOCABULARY, evaluate, from_text, to_text};

use crate::error::DataError;
use crate::rng;
use crate::sequences::LabelledSequences;

/// The name of the random stream: part of what a seed means.
const STREAM: &str = "listops";

/// How many trees the iterator draws at once, over all threads.
const CHUNK: u64 = 512;

/// A generator of ListOps expressions.
#[derive(Clone, Debug, PartialEq)]
pub struct ListOps {
    parameters: ListOpsParameters,
    seed: u64,
}

/// An expression with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListOpsSample {
    /// Token numbers, each below [`VOCABULARY`], without the final end mark.
    pub tokens: Vec<u8>,
    /// The value, 0 to 9.
    pub value: u8,
}

impl ListOps {
    /// The published numbers of training, validation and test samples.
    pub const PUBLISHED_SPLIT: [u64; 3] = [96_000, 2_000, 2_000];

    /// A generator by these parameters.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] naming the parameter that cannot work.
    pub fn new(parameters: ListOpsParameters, seed: u64) -> Result<Self, DataError> {
        parameters.validate()?;
        Ok(Self { parameters, seed })
    }

    /// The parameters.
    pub fn parameters(&self) -> &ListOpsParameters {
        &self.parameters
    }

    /// The tree of number `index`, which may equal that of a smaller number.
    ///
    /// # Errors
    /// [`DataError::Unplaceable`] when very many trees in a row have another size: the range of sizes is
    /// too narrow for the depth.
    pub fn draw(&self, index: u64) -> Result<ListOpsSample, DataError> {
        let mut rng = rng::stream(self.seed, STREAM, index);
        let tokens = self.parameters.draw(&mut rng)?;
        let value = evaluate(&tokens).expect("a drawn tree is well formed");
        Ok(ListOpsSample { tokens, value })
    }

    /// Distinct samples without end, in the order of their numbers; some hundred are drawn ahead, by all
    /// threads of the current rayon pool. Thirty-two bytes are kept for each sample seen.
    pub fn iter(&self) -> impl Iterator<Item = Result<ListOpsSample, DataError>> + '_ {
        let mut seen = HashSet::new();
        let chunks = (0..u64::MAX - CHUNK).step_by(CHUNK as usize);
        let drawn = chunks.flat_map(|start| self.chunk(start..start + CHUNK));
        drawn.filter(move |sample| match sample {
            Ok(sample) => seen.insert(<[u8; 32]>::from(Sha256::digest(&sample.tokens))),
            Err(_) => true,
        })
    }

    fn chunk(&self, range: Range<u64>) -> Vec<Result<ListOpsSample, DataError>> {
        range
            .into_par_iter()
            .map(|index| self.draw(index))
            .collect()
    }

    /// Consecutive parts of these sizes in memory, with no expression in two of them.
    ///
    /// # Errors
    /// As for [`ListOps::draw`]; [`DataError::TooLarge`] beyond the bound of [`LabelledSequences`].
    pub fn split<const N: usize>(
        &self,
        sizes: [u64; N],
    ) -> Result<[LabelledSequences; N], DataError> {
        let mut samples = self.iter();
        let mut parts =
            std::array::from_fn(|_| LabelledSequences::empty("listops", VOCABULARY, 10));
        for (part, size) in parts.iter_mut().zip(sizes) {
            for _ in 0..size {
                let Some(sample) = samples.next() else { break };
                let sample = sample?;
                part.push(&sample.tokens, u32::from(sample.value))?;
            }
        }
        Ok(parts)
    }
}
