//! From the recipe's `[data]` to training and evaluated text.

use std::path::Path;

use resolvent_data::DataError;
use resolvent_data::corpus::{CargoSources, Corpus, SplitMethod, TextFile, cargo_home};
use resolvent_data::windows::{ByteStream, EvalWindows, TrainWindows};
use serde::Serialize;

use super::build::check_model;
use super::watch::{Stage, Watch, staged};
use crate::error::LearnError;
use crate::recipe::{DataSource, Recipe};

/// Held-out bytes that every row of the final table is scored on, at most: whole files of 256 KiB
/// together.
///
/// Files above [`LARGEST_SHARE`] of it are passed over, because one long table of near-repetitions
/// would decide every row of the table. Where the held-out text consists of such files (a book), they
/// are taken nevertheless, and a single one that is longer than everything is cut.
pub const EVALUATED_BYTES: usize = 256 << 10;

/// The largest evaluated file is 1/16 of [`EVALUATED_BYTES`]: 16 KiB.
pub const LARGEST_SHARE: usize = 16;

// The choice of files is part of the task, not of the run: the same for every seed of the run. The
// three choices go by hashes of the same names, so each needs a seed of its own: with a common one,
// the files that fit into `max_bytes` (small hashes) would all fall on the held-out side (small
// hashes).
const READ_SEED: u64 = 1;
const SPLIT_SEED: u64 = 2;
const EVALUATED_SEED: u64 = 3;

/// What is known of a run's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CorpusFacts {
    /// What it is called.
    pub name: String,
    /// Files after cutting to `data.max_bytes`.
    pub files: usize,
    /// Their bytes.
    pub bytes: usize,
    /// SHA-256 over names and contents, in hexadecimal.
    pub fingerprint: String,
    /// Bytes to train on.
    pub train_bytes: usize,
    /// Bytes held out.
    pub held_out_bytes: usize,
    /// Files among them that the final table is scored on.
    pub evaluated_files: usize,
    /// Their bytes.
    pub evaluated_bytes: usize,
    /// How the text was divided.
    pub split: &'static str,
    /// What was left out, in words.
    pub omitted: String,
}

/// A run's text, read, cut and divided.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// For tables and reports.
    pub facts: CorpusFacts,
    /// What the model and the baselines learn from.
    pub train: Corpus,
    /// What all of them are scored on.
    pub evaluated: Corpus,
}

/// Checks the recipe as a whole, then reads and divides the text that it names.
///
/// `lock` is the text of the lock file whose packages make the source `cargo-sources`. Nothing is
/// written and no large tensor is made.
///
/// # Errors
/// [`LearnError::BadValue`] for a model that cannot be built; [`LearnError::Experiment`] around a
/// [`DataError`] when text is missing, unreadable, not text, or shorter than one window.
pub fn prepare(recipe: &Recipe, lock: &str, watch: &dyn Watch) -> Result<Prepared, LearnError> {
    recipe.validate()?;
    check_model(recipe)?;
    staged(watch, Stage::Reading, 0, |_| {
        let corpus = read(recipe, lock)?;
        divide(recipe, corpus)
    })
    .map_err(LearnError::experiment)
}

fn read(recipe: &Recipe, lock: &str) -> Result<Corpus, DataError> {
    let data = &recipe.data;
    match data.source {
        DataSource::CargoSources => CargoSources::list(lock, &cargo_home()?)?
            .take_bytes(data.max_bytes, READ_SEED)
            .read(),
        DataSource::Path => {
            let path = data.path.as_deref().unwrap_or_default();
            let corpus = Corpus::from_path(Path::new(path))?;
            Ok(at_most(&corpus, data.max_bytes, READ_SEED))
        }
    }
}

fn divide(recipe: &Recipe, corpus: Corpus) -> Result<Prepared, DataError> {
    let needed = recipe.train.length.saturating_add(2);
    if corpus.bytes() < needed {
        return Err(DataError::TooShort {
            side: "whole",
            found: corpus.bytes(),
            needed,
        });
    }
    let split = corpus.split(recipe.data.held_out, SPLIT_SEED)?;
    let evaluated = representative(&split.held_out, EVALUATED_BYTES);
    let facts = CorpusFacts {
        name: corpus.name.clone(),
        files: corpus.files.len(),
        bytes: corpus.bytes(),
        fingerprint: corpus.fingerprint(),
        train_bytes: split.train.bytes(),
        held_out_bytes: split.held_out.bytes(),
        evaluated_files: evaluated.files.len(),
        evaluated_bytes: evaluated.bytes(),
        split: match split.method {
            SplitMethod::ByFile => "by file",
            SplitMethod::TailOfEachFile => "the end of every file is held out",
        },
        omitted: corpus.omissions.to_string(),
    };
    let prepared = Prepared {
        facts,
        train: split.train,
        evaluated,
    };
    prepared.train_windows(recipe)?;
    Ok(prepared)
}

impl Prepared {
    /// The training batches of a recipe.
    ///
    /// # Errors
    /// [`DataError::TooShort`] when the training text holds no window.
    pub fn train_windows(&self, recipe: &Recipe) -> Result<TrainWindows, DataError> {
        let train = &recipe.train;
        let stream = ByteStream::new(&self.train);
        TrainWindows::new(stream, train.length, train.batch, train.seed)
    }

    /// Windows of `length` over the evaluated files, or over the first `limit` bytes or so of them.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] for a zero length or limit.
    pub fn windows(&self, length: usize, limit: Option<usize>) -> Result<EvalWindows, DataError> {
        let text = limit.map(|limit| at_most(&self.evaluated, limit.max(1), EVALUATED_SEED));
        let stream = ByteStream::new(text.as_ref().unwrap_or(&self.evaluated));
        EvalWindows::new(stream, length, None)
    }
}

/// Files of at most `limit` bytes together, none of them a large part of it unless most are.
fn representative(held_out: &Corpus, limit: usize) -> Corpus {
    let mut small = held_out.clone();
    small
        .files
        .retain(|file| file.bytes.len() <= limit / LARGEST_SHARE);
    let wanted = limit.min(held_out.bytes());
    let chosen = match small.bytes() >= wanted / 2 {
        true => &small,
        false => held_out,
    };
    at_most(chosen, limit, EVALUATED_SEED)
}

/// Whole files of at most `limit` bytes; when not even one fits, the beginning of the first.
fn at_most(corpus: &Corpus, limit: usize, seed: u64) -> Corpus {
    if let Ok(files) = corpus.take_bytes(limit, seed) {
        return files;
    }
    let first = corpus.files.first().map(|file| TextFile {
        bytes: file.bytes[..limit.min(file.bytes.len())].to_vec(),
        ..file.clone()
    });
    Corpus {
        name: corpus.name.clone(),
        files: first.into_iter().collect(),
        omissions: corpus.omissions.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_when_no_file_fits_cuts_the_first() {
        let file = |name: &str| TextFile::new(name, name.repeat(10).into_bytes());
        let corpus = Corpus::new("two", vec![file("aa"), file("bbb")]);
        assert_eq!(at_most(&corpus, 25, 0).bytes(), 20);
        assert_eq!(at_most(&corpus, 7, 0).files[0].bytes, b"aaaaaaa");
        assert_eq!(at_most(&corpus, 100, 0), corpus);
    }

    #[test]
    fn evaluated_files_when_most_are_small_leave_the_large_one_out() {
        let file =
            |n: usize, bytes: usize| TextFile::new(format!("{n}"), vec![b'a' + n as u8; bytes]);
        let mut files: Vec<TextFile> = (0..20).map(|n| file(n, 50)).collect();
        files.push(file(20, 900));
        let text = Corpus::new("text", files);
        assert_eq!(representative(&text, 1600).bytes(), 1000);
        let books = Corpus::new("books", vec![file(1, 900), file(2, 30)]);
        assert_eq!(representative(&books, 1600).bytes(), 930);
    }

    #[test]
    fn split_when_the_text_was_cut_is_still_by_file() {
        let file = |n: usize| TextFile::new(format!("{n}.txt"), format!("{n} ").repeat(50).into());
        let corpus = Corpus::new("many", (0..2000).map(file).collect());
        let cut = at_most(&corpus, corpus.bytes() / 20, READ_SEED);
        let recipe = Recipe::parse("[train]\nlength = 16", "test").unwrap();
        let prepared = divide(&recipe, cut).unwrap();
        assert_eq!(prepared.facts.split, "by file");
        let share = prepared.facts.held_out_bytes as f64 / prepared.facts.bytes as f64;
        assert!((0.01..0.15).contains(&share), "{share}");
    }
}
