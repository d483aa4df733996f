//! The stand-in for LRA Retrieval: do two windows come from the same document?

use rand::Rng;

use crate::corpus::{Corpus, TextFile};
use crate::error::DataError;
use crate::rng;
use crate::sequences::{LabelledPairs, PackedBytes};

/// What pairs to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairOptions {
    /// Bytes of each window.
    pub window: usize,
    /// The number of pairs.
    pub pairs: usize,
    /// The seed of the draws.
    pub seed: u64,
}

/// Draws pairs of windows from a corpus; report them as same-document pairs.
///
/// With label 1 both windows lie in one file and do not overlap, with label 0 in two files; each label
/// has probability one half. Split the corpus by files first, so that no document is on both sides.
///
/// # Errors
/// [`DataError::OutOfRange`] unless at least two files hold two windows each.
pub fn same_document_pairs(
    corpus: &Corpus,
    options: PairOptions,
) -> Result<LabelledPairs, DataError> {
    let PairOptions {
        window,
        pairs,
        seed,
    } = options;
    let long = |file: &&TextFile| window > 0 && file.bytes.len() / 2 >= window;
    let files: Vec<&TextFile> = corpus.files.iter().filter(long).collect();
    if files.len() < 2 {
        let expected = format!(
            "one of which two files of {} hold two without overlap",
            corpus.name
        );
        return Err(DataError::out_of_range("window", window, expected));
    }
    let mut drawn = LabelledPairs {
        name: "same-document".into(),
        classes: 2,
        first: PackedBytes::default(),
        second: PackedBytes::default(),
        labels: Vec::with_capacity(pairs.min(1 << 20)),
    };
    for index in 0..pairs {
        let mut rng = rng::stream(seed, "same document", index as u64);
        let mut below = |count: usize| rng.random_range(0..count as u64) as usize;
        let label = below(2) as u32;
        let first = below(files.len());
        let (one, other) = if label == 1 {
            // Two starts with at least a window between them, in either order.
            let room = files[first].bytes.len() - 2 * window + 1;
            let (a, b) = (below(room), below(room));
            let (low, high) = (a.min(b), a.max(b) + window);
            let pair = [low, high];
            let swap = below(2);
            ((first, pair[swap]), (first, pair[1 - swap]))
        } else {
            let second = (first + 1 + below(files.len() - 1)) % files.len();
            let mut start = |file: usize| (file, below(files[file].bytes.len() - window + 1));
            (start(first), start(second))
        };
        let cut = |(file, start): (usize, usize)| &files[file].bytes[start..start + window];
        drawn.first.push("same-document", cut(one))?;
        drawn.second.push("same-document", cut(other))?;
        drawn.labels.push(label);
    }
    Ok(drawn)
}
