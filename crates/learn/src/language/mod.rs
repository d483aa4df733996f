//! Training a byte-level language model, from a recipe to a run folder and a page.
//!
//! ```text
//! recipe -> prepare: text, split, streams -> Job::train: checkpoints, metrics
//!        -> Job::finish: weights, baselines on the same held-out bytes, sample, report.html
//! ```
//! Tokens are bytes. Files follow one another in a stream, each behind a separator byte, so that the
//! first byte of a file is predicted from something and the end of a file can be predicted too. The
//! figures leave the separators out: they count the bytes of the files only, as the n-gram and
//! compressor baselines do.
//!
//! | figure | which bytes |
//! |---|---|
//! | training loss | random windows of the training text |
//! | held-out, while training | `train.evaluate_bytes` or so of the evaluated files |
//! | final table, every row | [`EVALUATED_BYTES`] or so of held-out text, whole files |
//! | bits per byte by position | the same bytes, in windows of [`CONTEXT_FACTOR`] times the training length |
//!
//! Which files are read, held out and evaluated depends on the text and the byte limits alone, never
//! on the seed of the run, so runs of different seeds and mixers are scored on the same bytes.

mod baseline;
mod build;
mod continuation;
mod evaluation;
mod experiment;
mod job;
mod page;
mod prepared;
mod summary;
mod watch;

pub use baseline::{Baseline, baselines};
pub use build::{config_of, initial_model};
pub use continuation::{begin_file, next_byte, read_bytes, require_bytes};
pub use evaluation::{ByPosition, CurvePoint, measure};
pub use experiment::LanguageExperiment;
pub use job::Job;
pub use prepared::{CorpusFacts, EVALUATED_BYTES, LARGEST_SHARE, Prepared, prepare};
pub use summary::{CONTEXT_FACTOR, ModelFacts, Origin, Sample, Score, Summary, TrainingFacts};
pub use watch::{Event, Forward, Stage, Watch};
