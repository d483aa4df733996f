//! S4, S4D and PTD trained end to end, and disturbed afterwards.

use std::f64::consts::TAU;

use rand::Rng;
use rand_distr::StandardNormal;
use rayon::prelude::*;
use resolvent_learn::classification::{Cases, Content, Scores, Task, predict};
use resolvent_models::classifier::Classifier;
use serde::Serialize;

use crate::error::ClaimError;
use crate::fixed_states::{Purpose, generator};
use crate::trained::{Taught, Trial, Variant};

/// Norm of the noise relative to that of a sequence.
const LEVEL: f64 = 0.1;
/// Training cases on which the frequency is sought to which a model is most sensitive.
const PROBES: usize = 4;
/// Test cases that are disturbed.
const DISTURBED: usize = 500;

pub(super) const S4: &str = "s4";
pub(super) const S4D: &str = "s4d";
pub(super) const S4_PTD: &str = "s4-ptd";
pub(super) const S5: &str = "s5";
pub(super) const S5_PTD: &str = "s5-ptd";

/// What is trained, all by the bilinear rule.
pub(super) const VARIANTS: [Variant; 5] = [
    Variant {
        name: S4,
        overrides: &["model.mixer=s4"],
    },
    Variant {
        name: S4D,
        overrides: &["model.mixer=s4d", "model.disc=bilinear"],
    },
    Variant {
        name: S4_PTD,
        overrides: &["model.mixer=s4d", "model.disc=bilinear", "model.init=ptd"],
    },
    Variant {
        name: S5,
        overrides: &["model.mixer=s5", "model.disc=bilinear"],
    },
    Variant {
        name: S5_PTD,
        overrides: &["model.mixer=s5", "model.disc=bilinear", "model.init=ptd"],
    },
];

/// What noise did to a trained model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Disturbed {
    /// Its variant.
    pub variant: &'static str,
    /// Its seed.
    pub seed: u64,
    /// Number of test cases.
    pub cases: usize,
    /// Accuracy on them as they are, in percent.
    pub clean: f64,
    /// The angle above pi / 2 to which the model is most sensitive, in radians per sample.
    pub angle: f64,
    /// Accuracy with a sinusoid at that angle.
    pub at_angle: f64,
    /// Accuracy with white noise.
    pub white: f64,
    /// Mean change of the probabilities on training cases at that angle.
    pub change: f64,
    /// Median of that change over all angles above pi / 2.
    pub median_change: f64,
}

/// Disturbs every model with the task of its seed; all models of a seed meet the same cases.
pub(super) fn disturb(
    taught: Vec<Taught>,
    seeds: &[u64],
    tasks: &[Task],
) -> Result<(Vec<Trial>, Vec<Disturbed>), ClaimError> {
    let one = |taught: Taught| -> Result<(Trial, Disturbed), ClaimError> {
        let trial = taught.trial;
        let at = seeds.iter().position(|seed| *seed == trial.seed);
        // Every training has the task of one of the seeds.
        let task = &tasks[at.unwrap_or(0)];
        let disturbed = of_one(&taught.model, (trial.variant, trial.seed), task)?;
        Ok((trial, disturbed))
    };
    let all: Result<Vec<_>, _> = taught.into_par_iter().map(one).collect();
    Ok(all?.into_iter().unzip())
}

fn of_one(
    model: &Classifier,
    (variant, seed): (&'static str, u64),
    task: &Task,
) -> Result<Disturbed, ClaimError> {
    let length = task.test.lengths().1;
    let mut sensitivity = sensitivity(model, &task.train.at_most(PROBES, seed), length)?;
    sensitivity.sort_by(|a, b| a.1.total_cmp(&b.1));
    let (angle, change) = sensitivity.last().copied().unwrap_or_default();
    let median = sensitivity.get(sensitivity.len() / 2);
    let test = task.test.at_most(DISTURBED, seed);
    let accuracy = |cases: &Cases| -> Result<f64, ClaimError> {
        let scores = Scores::of(&predict(model, cases, &mut |_| {})?, cases)?;
        Ok(100.0 * scores.accuracy)
    };
    let mut rng = generator(seed, Purpose::Noise);
    let white: Vec<f64> = (0..length).map(|_| rng.sample(StandardNormal)).collect();
    Ok(Disturbed {
        variant,
        seed,
        cases: test.len(),
        clean: accuracy(&test)?,
        angle,
        at_angle: accuracy(&with_noise(&test, &[sinusoid(angle, length)])?)?,
        white: accuracy(&with_noise(&test, &[white])?)?,
        change,
        median_change: median.map_or(0.0, |it| it.1),
    })
}

fn sinusoid(angle: f64, length: usize) -> Vec<f64> {
    (0..length).map(|t| (angle * t as f64).sin()).collect()
}

/// Mean over the cases of the change of the probabilities (half their summed distances) under a sinusoid,
/// for whole numbers of waves per case above pi / 2, where images have the least of their own.
fn sensitivity(
    model: &Classifier,
    cases: &Cases,
    length: usize,
) -> Result<Vec<(f64, f64)>, ClaimError> {
    let clean = predict(model, cases, &mut |_| {})?;
    let angles: Vec<f64> = (length / 4 + 1..length.div_ceil(2))
        .map(|waves| TAU * waves as f64 / length as f64)
        .collect();
    let waves: Vec<Vec<f64>> = angles.iter().map(|it| sinusoid(*it, length)).collect();
    let noisy = predict(model, &with_noise(cases, &waves)?, &mut |_| {})?;
    let change = |wave: usize| -> f64 {
        let of_case = |case: usize| -> f64 {
            let pairs = clean.row(case).iter();
            let pairs = pairs.zip(noisy.row(wave * cases.len() + case));
            pairs
                .map(|(a, b)| f64::from((a.exp() - b.exp()).abs()) / 2.0)
                .sum()
        };
        (0..cases.len()).map(of_case).sum::<f64>() / cases.len().max(1) as f64
    };
    Ok(angles
        .iter()
        .enumerate()
        .map(|(at, angle)| (*angle, change(at)))
        .collect())
}

/// Every case with every wave added, waves outermost; a wave gets [`LEVEL`] times the norm of the case.
fn with_noise(cases: &Cases, waves: &[Vec<f64>]) -> Result<Cases, ClaimError> {
    let content = Content::Series {
        channels: 1,
        values: Vec::new(),
    };
    let mut noisy = Cases::empty(cases.name.clone(), content, cases.classes.clone());
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    for wave in waves {
        for case in 0..cases.len() {
            let series = cases.series(case).unwrap_or(&[]);
            let size = norm(&mut series.iter().map(|x| f64::from(*x)));
            let own = norm(&mut wave.iter().copied()).max(f64::MIN_POSITIVE);
            let scale = LEVEL * size / own;
            let values = series.iter().zip(wave);
            let values: Vec<f32> = values
                .map(|(x, w)| (f64::from(*x) + scale * w) as f32)
                .collect();
            noisy.push_series(&values, cases.labels.get(case).copied())?;
        }
    }
    Ok(noisy)
}
