//! Sinusoids at the spikes: what they do to features of S4, S4D and PTD.

use std::f64::consts::PI;

use rand::Rng;
use rand_distr::StandardNormal;
use resolvent_structure::discretise::Rule;
use resolvent_structure::{
    CausalToeplitz, DplrStep, Matrix, StructuredMatrix, linalg, modal_kernel,
};
use serde::Serialize;

use super::transfer::{Forms, row};
use crate::claim::Options;
use crate::error::ClaimError;
use crate::fixed_states::readout::Readout;
use crate::fixed_states::recorder::Recorder;
use crate::fixed_states::waves::{CLASSES, Examples, Waves};
use crate::fixed_states::{Purpose, generator};

/// Norm of the noise relative to that of a sequence.
const LEVEL: f64 = 0.1;
/// Segments whose means are features.
const SEGMENTS: usize = 16;
/// Step size of every channel, under the bilinear rule.
const STEP: f64 = 2e-3;
/// Perturbation of PTD.
const EPSILON: f64 = 0.5;
/// Damping of the readout, on standardised features.
const DAMPING: f64 = 100.0;
/// The three systems.
pub const SYSTEMS: [&str; 3] = ["s4", "s4d", "s4-ptd"];

/// One system with one seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trial {
    /// One of [`SYSTEMS`].
    pub system: &'static str,
    /// Seed of examples, output rows, perturbation and white noise.
    pub seed: u64,
    /// Accuracy on clean test sequences, in percent.
    pub clean: f64,
    /// Accuracy with white noise.
    pub white: f64,
    /// Angle of the highest spike, in radians per sample.
    pub spike: f64,
    /// Accuracy with a sinusoid at that angle.
    pub at_spike: f64,
    /// Accuracy with a sinusoid, by angle.
    pub sweep: Vec<(f64, f64)>,
}

/// Sizes of an experiment.
struct Sizes {
    state: usize,
    channels: usize,
    length: usize,
    train: usize,
    test: usize,
}

pub(super) fn measure(
    options: &Options,
    recorder: &mut Recorder<'_>,
) -> Result<Vec<Trial>, ClaimError> {
    let sizes = match options.quick {
        true => Sizes {
            state: 16,
            channels: 2,
            length: 128,
            train: 60,
            test: 40,
        },
        false => Sizes {
            state: 64,
            channels: 16,
            length: 1024,
            train: 1000,
            test: 500,
        },
    };
    recorder.stage("noise", SYSTEMS.len() * options.seeds.len())?;
    let mut trials = Vec::new();
    for &seed in &options.seeds {
        let waves = Waves {
            length: sizes.length,
            within: 1.0,
            noise: 0.3,
        };
        let train = waves.draw(sizes.train, &mut generator(seed, Purpose::Training))?;
        let test = waves.draw(sizes.test, &mut generator(seed, Purpose::Test))?;
        let forms = Forms::new(sizes.state, EPSILON, seed)?;
        for system in SYSTEMS {
            let kernels = kernels(system, &forms, &sizes, seed)?;
            let trial = trial(system, seed, &kernels, (&train, &test), &forms)?;
            let note = format!(
                "{system}: {:.1} %, at the spike {:.1} %",
                trial.clean, trial.at_spike
            );
            trials.push(trial);
            recorder.step(trials.len(), &note)?;
        }
    }
    Ok(trials)
}

/// One kernel per channel; all systems have the same output rows.
fn kernels(
    system: &str,
    forms: &Forms,
    sizes: &Sizes,
    seed: u64,
) -> Result<Vec<CausalToeplitz>, ClaimError> {
    let mut rng = generator(seed, Purpose::Output);
    let step = DplrStep::new(forms.dplr.clone(), STEP)?;
    let mut found = Vec::new();
    for _ in 0..sizes.channels {
        let row = row(sizes.state, &mut rng);
        let modal = |values, coefficients: Vec<_>| {
            modal_kernel(Rule::Bilinear, values, &coefficients, STEP, sizes.length)
        };
        let kernel = match system {
            "s4" => {
                let output = forms.nplr.modes.output_vector(&row)?;
                step.kernel(&forms.nplr.input, &output, sizes.length)?
            }
            "s4d" => modal(
                forms.nplr.modes.eigenvalues(),
                forms.diagonal_coefficients(&row)?,
            )?,
            _ => modal(
                forms.perturbed.modes.eigenvalues(),
                forms.perturbed_coefficients(&row)?,
            )?,
        };
        found.push(CausalToeplitz::new(kernel)?);
    }
    Ok(found)
}

fn trial(
    system: &'static str,
    seed: u64,
    kernels: &[CausalToeplitz],
    (train, test): (&Examples, &Examples),
    forms: &Forms,
) -> Result<Trial, ClaimError> {
    let features = segment_means(&outputs(kernels, &train.sequences)?)?;
    let readout = Readout::fit(&features, &train.labels, CLASSES, DAMPING)?;
    let clean = outputs(kernels, &test.sequences)?;
    let (count, length) = (test.sequences.rows(), test.sequences.cols());
    let amounts: Vec<f64> = (0..count)
        .map(|i| LEVEL * norm(&test.sequences.as_slice()[i * length..(i + 1) * length]))
        .collect();
    let accuracy = |noise: &dyn Fn(usize, usize) -> f64| -> Result<f64, ClaimError> {
        let mut shifted = Vec::new();
        for (channel, y) in clean.iter().enumerate() {
            let data = y.as_slice();
            shifted.push(Matrix::from_fn(count, length, |i, t| {
                data[i * length + t] + amounts[i] * noise(channel, t)
            })?);
        }
        readout.accuracy(&segment_means(&shifted)?, &test.labels)
    };
    // Convolution is linear: what a sinusoid adds is computed once for all sequences.
    let sinusoid = |angle: f64| -> Result<f64, ClaimError> {
        let wave: Vec<f64> = (0..length).map(|t| (angle * t as f64).sin()).collect();
        let responses = unit_responses(kernels, wave)?;
        accuracy(&|channel, t| responses[channel][t])
    };
    let mut rng = generator(seed, Purpose::Noise);
    let white: Vec<f64> = (0..length).map(|_| rng.sample(StandardNormal)).collect();
    let white = unit_responses(kernels, white)?;
    let top = forms
        .nplr
        .modes
        .eigenvalues()
        .iter()
        .map(|z| z.im.abs())
        .fold(0.0, f64::max);
    let spike = 2.0 * (0.5 * STEP * top).atan();
    let mut sweep = Vec::new();
    for k in 1..=16 {
        let angle = PI * f64::from(k) / 17.0;
        sweep.push((angle, sinusoid(angle)?));
    }
    let at_spike = sinusoid(spike)?;
    sweep.push((spike, at_spike));
    sweep.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(Trial {
        system,
        seed,
        clean: accuracy(&|_, _| 0.0)?,
        white: accuracy(&|channel, t| white[channel][t])?,
        spike,
        at_spike,
        sweep,
    })
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// What every channel makes of a wave of norm one.
fn unit_responses(
    kernels: &[CausalToeplitz],
    mut wave: Vec<f64>,
) -> Result<Vec<Vec<f64>>, ClaimError> {
    let size = norm(&wave).max(f64::MIN_POSITIVE);
    wave.iter_mut().for_each(|x| *x /= size);
    let all: Result<Vec<_>, _> = kernels.iter().map(|kernel| kernel.matvec(&wave)).collect();
    Ok(all?)
}

/// The output of every channel, `[examples, length]` each.
fn outputs(kernels: &[CausalToeplitz], sequences: &Matrix) -> Result<Vec<Matrix>, ClaimError> {
    let one = |kernel: &CausalToeplitz| linalg::product(sequences, &kernel.dense().transpose());
    let all: Result<Vec<Matrix>, _> = kernels.iter().map(one).collect();
    Ok(all?)
}

/// Means of y and relu(y) over segments, `[examples, channels * 2 * segments]`.
fn segment_means(outputs: &[Matrix]) -> Result<Matrix, ClaimError> {
    let (count, length) = outputs.first().map_or((0, 0), |y| (y.rows(), y.cols()));
    let segment = (length / SEGMENTS).max(1);
    let mut data = Vec::new();
    for i in 0..count {
        for y in outputs {
            let row = &y.as_slice()[i * length..(i + 1) * length];
            for part in row.chunks_exact(segment) {
                let mean =
                    |of: fn(f64) -> f64| part.iter().map(|x| of(*x)).sum::<f64>() / segment as f64;
                data.extend([mean(|x| x), mean(|x| x.max(0.0))]);
            }
        }
    }
    Ok(Matrix::new(count, data.len() / count.max(1), data)?)
}
