//! Windows of tokens over a text, for training and for evaluation.

use rand::Rng;

use crate::corpus::Corpus;
use crate::error::DataError;
use crate::rng;

/// The byte that stands before every file in a stream; no file of a corpus contains it.
pub const SEPARATOR: u8 = 0;

/// The number of values a byte token takes.
pub const BYTE_VOCABULARY: usize = 256;

/// A corpus as one sequence of byte tokens, each file preceded by [`SEPARATOR`].
///
/// The leading separator gives the first byte of every file something to be predicted from, so that a model
/// is measured on exactly the bytes of the files, and gives generation a token to start with.
#[derive(Clone, Debug)]
pub struct ByteStream {
    bytes: Vec<u8>,
}

impl ByteStream {
    /// Joins the files of a corpus.
    pub fn new(corpus: &Corpus) -> Self {
        let mut bytes = Vec::with_capacity(corpus.bytes() + corpus.files.len());
        for file in &corpus.files {
            bytes.push(SEPARATOR);
            bytes.extend_from_slice(&file.bytes);
        }
        Self { bytes }
    }

    /// The tokens, separators included.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The number of tokens, separators included.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// True when the corpus had no file.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn check(&self, side: &'static str, length: usize, needed: usize) -> Result<(), DataError> {
        if length == 0 {
            return Err(DataError::out_of_range("window length", 0, "at least 1"));
        }
        if self.len() < needed {
            let found = self.len();
            return Err(DataError::TooShort {
                side,
                found,
                needed,
            });
        }
        Ok(())
    }
}

/// A batch of training windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenBatch {
    /// `[batch, length + 1]`, row-major: inputs are the first `length` of a row, targets the last `length`.
    pub tokens: Vec<u32>,
    /// The number of rows.
    pub batch: usize,
    /// The number of predicted tokens per row.
    pub length: usize,
}

impl TokenBatch {
    /// What the model reads: `[batch, length]`, row-major.
    pub fn inputs(&self) -> Vec<u32> {
        let rows = self.tokens.chunks_exact(self.length + 1);
        rows.flat_map(|row| row[..self.length].iter().copied())
            .collect()
    }

    /// What it should predict: `[batch, length]`, row-major.
    pub fn targets(&self) -> Vec<u32> {
        let rows = self.tokens.chunks_exact(self.length + 1);
        rows.flat_map(|row| row[1..].iter().copied()).collect()
    }
}

/// Training windows at random places.
#[derive(Clone, Debug)]
pub struct TrainWindows {
    stream: ByteStream,
    length: usize,
    batch: usize,
    seed: u64,
}

impl TrainWindows {
    /// Windows of `length` predicted tokens, `batch` at a time.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] for a zero length or batch, [`DataError::TooShort`] when the stream does not
    /// hold `length + 1` tokens.
    pub fn new(
        stream: ByteStream,
        length: usize,
        batch: usize,
        seed: u64,
    ) -> Result<Self, DataError> {
        stream.check("training", length, length.saturating_add(1))?;
        if batch == 0 {
            return Err(DataError::out_of_range("batch", 0, "at least 1"));
        }
        Ok(Self {
            stream,
            length,
            batch,
            seed,
        })
    }

    /// The batch of one step: a pure function of (seed, step), so a resumed run sees the same batches.
    pub fn batch(&self, step: u64) -> TokenBatch {
        let mut rng = rng::stream(self.seed, "train windows", step);
        let window = self.length + 1;
        let mut tokens = Vec::with_capacity(self.batch * window);
        for _ in 0..self.batch {
            let start = rng.random_range(0..=(self.stream.len() - window) as u64) as usize;
            let bytes = &self.stream.bytes[start..start + window];
            tokens.extend(bytes.iter().map(|&byte| u32::from(byte)));
        }
        TokenBatch {
            tokens,
            batch: self.batch,
            length: self.length,
        }
    }

    /// The text the windows are cut from.
    pub fn stream(&self) -> &ByteStream {
        &self.stream
    }
}

/// One evaluation window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvalWindow<'a> {
    /// The place of the first input in the stream.
    pub start: usize,
    /// At least two tokens: inputs are all but the last, targets all but the first.
    pub tokens: &'a [u8],
}

impl<'a> EvalWindow<'a> {
    /// What the model reads.
    pub fn inputs(&self) -> &'a [u8] {
        &self.tokens[..self.tokens.len() - 1]
    }

    /// What it should predict. Targets equal to [`SEPARATOR`] belong to no file: leave them out of a figure
    /// that is compared with the baselines, which score the bytes of the files only.
    pub fn targets(&self) -> &'a [u8] {
        &self.tokens[1..]
    }
}

/// Evaluation windows: consecutive, so that every token after the first is predicted exactly once.
#[derive(Clone, Debug)]
pub struct EvalWindows {
    stream: ByteStream,
    length: usize,
    predicted: usize,
}

impl EvalWindows {
    /// Windows of `length` predicted tokens (the last one may be shorter) over at most `limit` predicted
    /// tokens from the beginning.
    ///
    /// To compare with the baselines on a part of a corpus, cut it with [`Corpus::take_bytes`] rather than
    /// with `limit`, so that all of them see the same files.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] for a zero length or limit, [`DataError::TooShort`] when the stream holds
    /// fewer than two tokens.
    pub fn new(stream: ByteStream, length: usize, limit: Option<usize>) -> Result<Self, DataError> {
        stream.check("held-out", length, 2)?;
        if limit == Some(0) {
            return Err(DataError::out_of_range("evaluation limit", 0, "at least 1"));
        }
        let predicted = limit.unwrap_or(usize::MAX).min(stream.len() - 1);
        Ok(Self {
            stream,
            length,
            predicted,
        })
    }

    /// The windows in order; all but the last predict `length` tokens.
    pub fn iter(&self) -> impl Iterator<Item = EvalWindow<'_>> {
        let starts = (0..self.predicted).step_by(self.length);
        starts.map(|start| {
            let end = start.saturating_add(self.length).min(self.predicted) + 1;
            EvalWindow {
                start,
                tokens: &self.stream.bytes[start..end],
            }
        })
    }

    /// The number of windows.
    pub fn len(&self) -> usize {
        self.predicted.div_ceil(self.length)
    }

    /// Never true: there is at least one window.
    pub fn is_empty(&self) -> bool {
        self.predicted == 0
    }

    /// The number of predicted tokens over all windows, separators included.
    pub fn predicted(&self) -> usize {
        self.predicted
    }
}
