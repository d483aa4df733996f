//! Training and held-out text.

use super::{Corpus, Omissions, TextFile};
use crate::error::DataError;
use crate::rng;

/// How far the held-out share of the bytes may be from the one asked for, as a factor, before a split by
/// file counts as failed.
const TOLERATED: f64 = 3.0;

/// How a corpus was split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitMethod {
    /// Whole files fall on one side or the other.
    ByFile,
    /// The end of every file is held out, because there are too few files to choose from.
    TailOfEachFile,
}

/// Two corpora without common text.
#[derive(Clone, Debug)]
pub struct Split {
    /// What the model learns from.
    pub train: Corpus,
    /// What it is measured on.
    pub held_out: Corpus,
    /// How the text was divided.
    pub method: SplitMethod,
}

impl Corpus {
    /// Divides the corpus into training and held-out text.
    ///
    /// A file is held out when a hash of (seed, split key) falls below `held_out_fraction`; its side does not
    /// change when other files come and go, and all versions of a crate's file share it. When that leaves
    /// less than a third or more than three times the fraction of the bytes on the held-out side (a corpus
    /// of a few files), the last part of every file is held out instead.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] unless 0 < `held_out_fraction` < 1; [`DataError::EmptyCorpus`] when one side
    /// would have no text at all.
    pub fn split(&self, held_out_fraction: f64, seed: u64) -> Result<Split, DataError> {
        if !(held_out_fraction > 0.0 && held_out_fraction < 1.0) {
            return Err(DataError::out_of_range(
                "held-out fraction",
                held_out_fraction,
                "above 0 and below 1",
            ));
        }
        let (held_out, train): (Vec<_>, Vec<_>) = self
            .files
            .iter()
            .partition(|file| rng::unit_hash(seed, &file.split_key) < held_out_fraction);
        let bytes = |files: &[&TextFile]| files.iter().map(|f| f.bytes.len()).sum::<usize>();
        let share = bytes(&held_out) as f64 / self.bytes().max(1) as f64;
        let near = held_out_fraction / TOLERATED..=held_out_fraction * TOLERATED;
        if near.contains(&share) && !train.is_empty() {
            let owned = |files: Vec<&TextFile>| files.into_iter().cloned().collect();
            return Ok(Split {
                train: self.side("training", owned(train)),
                held_out: self.side("held-out", owned(held_out)),
                method: SplitMethod::ByFile,
            });
        }
        self.split_tails(held_out_fraction)
    }

    fn split_tails(&self, held_out_fraction: f64) -> Result<Split, DataError> {
        let mut train = Vec::new();
        let mut held_out = Vec::new();
        for file in &self.files {
            let held = (file.bytes.len() as f64 * held_out_fraction).round() as usize;
            let (head, tail) = file.bytes.split_at(file.bytes.len() - held);
            for (side, part) in [(&mut train, head), (&mut held_out, tail)] {
                if !part.is_empty() {
                    side.push(TextFile {
                        name: file.name.clone(),
                        split_key: file.split_key.clone(),
                        bytes: part.to_vec(),
                    });
                }
            }
        }
        Ok(Split {
            train: self.side("training", train).not_empty()?,
            held_out: self.side("held-out", held_out).not_empty()?,
            method: SplitMethod::TailOfEachFile,
        })
    }

    fn side(&self, side: &str, files: Vec<TextFile>) -> Corpus {
        Corpus {
            name: format!("{} ({side})", self.name),
            files,
            omissions: Omissions::default(),
        }
    }
}
