//! What a run has shown, as one value: the source of the page, of the table and of `--json`.

use std::time::Instant;

use resolvent_data::windows::SEPARATOR;
use resolvent_models::language::{LanguageModel, Sampler, Sampling};
use resolvent_models::weights::count_parameters;
use serde::Serialize;

use super::baseline::Baseline;
use super::continuation::{begin_file, next_byte, read_bytes};
use super::evaluation::{CurvePoint, measure};
use super::job::Job;
use super::prepared::CorpusFacts;
use super::watch::{Stage, staged};
use crate::error::LearnError;
use crate::metrics::Record;
use crate::recipe::Recipe;
use crate::trainer::Trained;

/// Windows of the curve over positions, as a multiple of the training length.
pub const CONTEXT_FACTOR: usize = 4;

/// Bytes of a held-out file that the sample continues, at most.
const PROMPT_BYTES: usize = 160;
/// Bytes that are generated.
const SAMPLE_BYTES: usize = 512;
/// How the sample is drawn.
const TEMPERATURE: f64 = 0.7;

/// Where a run took place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// Heading of the page.
    pub title: String,
    /// The command line.
    pub command: String,
    /// Processor and number of cores.
    pub machine: String,
}

/// The model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelFacts {
    /// Mixer by its registry name.
    pub mixer: String,
    /// Trainable values.
    pub parameters: usize,
    /// Floating point operations of a single step behind one training window.
    pub step_flops: u64,
}

/// The training.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainingFacts {
    /// Steps done.
    pub steps: usize,
    /// Tokens seen, repeats counted.
    pub tokens: u64,
    /// Seconds, evaluations and checkpoints included.
    pub seconds: f64,
    /// Tokens per second of a typical step: tokens of a step over the median of its durations.
    pub tokens_per_second: f64,
    /// Tokens per window.
    pub length: usize,
    /// Seed of weights and batches.
    pub seed: u64,
}

/// Our figure on the evaluated bytes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// Mean over all evaluated bytes, in windows of the training length.
    pub bits_per_byte: f64,
    /// The same bytes by position, in windows of [`CONTEXT_FACTOR`] times the training length.
    pub by_position: Vec<CurvePoint>,
    /// Mean of the same bytes in these longer windows.
    pub bits_per_byte_in_long_windows: f64,
}

/// Generated text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sample {
    /// The held-out file whose beginning the model continues.
    pub file: String,
    /// That beginning.
    pub prompt: String,
    /// What the model wrote; bytes that are not UTF-8 are replaced.
    pub text: String,
    /// Bytes generated.
    pub bytes: usize,
    /// Bytes per second, step by step.
    pub bytes_per_second: f64,
    /// Bytes of state behind the prompt.
    pub state_bytes_before: usize,
    /// Bytes of state behind the last byte.
    pub state_bytes_after: usize,
    /// Temperature of the draws.
    pub temperature: f64,
}

/// Everything that a finished run has shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Where and how.
    pub origin: Origin,
    /// The text.
    pub corpus: CorpusFacts,
    /// The model.
    pub model: ModelFacts,
    /// The training.
    pub training: TrainingFacts,
    /// Our figure.
    pub score: Score,
    /// Theirs, on the same bytes.
    pub baselines: Vec<Baseline>,
    /// Text that the model wrote.
    pub sample: Sample,
}

/// Scores the model in windows of the training length, then in longer ones.
pub(super) fn score(job: &Job<'_>, model: &LanguageModel) -> Result<Score, LearnError> {
    let pass = |stage, length| {
        let windows = job
            .prepared
            .windows(length, None)
            .map_err(LearnError::experiment)?;
        staged(job.watch, stage, windows.predicted() as u64, |progress| {
            measure(model, &windows, progress)
        })
    };
    let length = job.recipe.train.length;
    let own = pass(Stage::Scoring, length)?;
    let long = pass(Stage::Context, length.saturating_mul(CONTEXT_FACTOR))?;
    Ok(Score {
        bits_per_byte: own.bits_per_byte(),
        by_position: long.curve(),
        bits_per_byte_in_long_windows: long.bits_per_byte(),
    })
}

/// Continues the beginning of the first evaluated file that is long enough, byte by byte.
pub(super) fn sample(job: &Job<'_>, model: &LanguageModel) -> Result<Sample, LearnError> {
    let files = &job.prepared.evaluated.files;
    let file = files
        .iter()
        .find(|file| file.bytes.len() >= 2 * PROMPT_BYTES)
        .or(files.first());
    let (name, prompt) = match file {
        Some(file) => (file.name.clone(), beginning(&file.bytes)),
        None => (String::new(), &[][..]),
    };
    let mut text = begin_file(model)?;
    read_bytes(&mut text, prompt)?;
    let state_bytes_before = text.state().bytes_per_row();
    let mut sampler = Sampler::new(Sampling {
        temperature: TEMPERATURE,
        seed: job.recipe.train.seed,
        ..Sampling::default()
    })?;
    let mut written = Vec::with_capacity(SAMPLE_BYTES);
    let began = Instant::now();
    staged(
        job.watch,
        Stage::Sampling,
        SAMPLE_BYTES as u64,
        |progress| {
            while written.len() < SAMPLE_BYTES {
                let byte = next_byte(&mut text, &mut sampler)?;
                if byte == SEPARATOR {
                    break;
                }
                written.push(byte);
                progress(written.len() as u64);
            }
            Ok::<(), LearnError>(())
        },
    )?;
    Ok(Sample {
        file: name,
        prompt: String::from_utf8_lossy(prompt).into_owned(),
        text: String::from_utf8_lossy(&written).into_owned(),
        bytes: written.len(),
        bytes_per_second: written.len() as f64 / began.elapsed().as_secs_f64().max(1e-9),
        state_bytes_before,
        state_bytes_after: text.state().bytes_per_row(),
        temperature: TEMPERATURE,
    })
}

/// The first whole lines, or a part of the first one when it is long.
fn beginning(bytes: &[u8]) -> &[u8] {
    let bytes = &bytes[..bytes.len().min(PROMPT_BYTES)];
    match bytes.iter().rposition(|byte| *byte == b'\n') {
        Some(end) => &bytes[..=end],
        None => bytes,
    }
}

/// The parts of a finished run as one value.
pub(super) fn put_together(
    job: &Job<'_>,
    trained: &Trained<LanguageModel>,
    records: &[Record],
    (score, baselines, sample): (Score, Vec<Baseline>, Sample),
    origin: Origin,
) -> Result<Summary, LearnError> {
    let train = &job.recipe.train;
    let cost = trained.model.config.cost(train.length);
    Ok(Summary {
        origin,
        corpus: job.prepared.facts.clone(),
        model: ModelFacts {
            mixer: job.recipe.model.mixer.clone(),
            parameters: count_parameters(&trained.model),
            step_flops: cost.step_flops,
        },
        training: TrainingFacts {
            steps: trained.step,
            tokens: trained.tokens,
            seconds: trained.seconds,
            tokens_per_second: typical_speed(records, job.recipe),
            length: train.length,
            seed: train.seed,
        },
        score,
        baselines,
        sample,
    })
}

/// Tokens of a step over the median time between two steps without an evaluation in between.
fn typical_speed(records: &[Record], recipe: &Recipe) -> f64 {
    let mut seconds: Vec<f64> = records
        .windows(2)
        .filter_map(|pair| match pair {
            [Record::Step(first), Record::Step(second)] => Some(second.seconds - first.seconds),
            _ => None,
        })
        .filter(|seconds| *seconds > 0.0)
        .collect();
    if seconds.is_empty() {
        return records.iter().rev().find_map(overall_speed).unwrap_or(0.0);
    }
    seconds.sort_by(f64::total_cmp);
    let train = &recipe.train;
    let tokens = (train.batch * train.length * train.accumulate) as f64;
    tokens / seconds[seconds.len() / 2]
}

fn overall_speed(record: &Record) -> Option<f64> {
    match record {
        Record::Step(step) if step.seconds > 0.0 => Some(step.tokens as f64 / step.seconds),
        _ => None,
    }
}
