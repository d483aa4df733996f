//! The past redrawn from the state: how well, and how far back.

use std::f64::consts::TAU;

use rand::Rng;
use resolvent_structure::discretise::{Rule, discretise_dense};
use resolvent_structure::hippo::{Family, HippoMatrix};
use resolvent_structure::{Matrix, StructuredMatrix};
use serde::Serialize;

use crate::claim::Options;
use crate::error::ClaimError;
use crate::fixed_states::recorder::Recorder;
use crate::fixed_states::{Purpose, generator};

/// The highest frequency of the signals, in periods per memory.
const PERIODS: f64 = 5.12;
/// Bins of age per memory.
const BINS: usize = 16;
/// Memories that are redrawn.
pub const REACH: usize = 4;

/// One basis on the signals of one seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Memory {
    /// Name of the family.
    pub family: &'static str,
    /// Number of state elements.
    pub state: usize,
    /// Seed of the signal.
    pub seed: u64,
    /// Root mean square error relative to the signal, by bins of age of 1/16 memory.
    pub errors: Vec<f64>,
    /// The same over all ages under the weight `exp(-age)`.
    pub weighted: f64,
}

impl Memory {
    /// Middle of each bin of age, in memories, and the error there.
    pub fn by_age(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        let middle = |bin: usize| (bin as f64 + 0.5) / BINS as f64;
        let errors = self.errors.iter().enumerate();
        errors.map(move |(bin, error)| (middle(bin), *error))
    }

    /// Percentage of the ages up to `until` memories that are redrawn with at most 10 % error.
    pub fn share(&self, until: f64) -> f64 {
        let bins = || self.by_age().filter(|(age, _)| *age < until);
        let kept = bins().filter(|(_, error)| *error <= 0.1).count();
        100.0 * kept as f64 / bins().count().max(1) as f64
    }
}

/// A signal of waves with random phases.
fn signal(length: usize, memory: usize, seed: u64) -> Vec<f64> {
    let mut rng = generator(seed, Purpose::Training);
    let waves = (PERIODS * length as f64 / memory as f64) as usize;
    let phases: Vec<f64> = (0..waves).map(|_| rng.random_range(0.0..TAU)).collect();
    let scale = (2.0 / waves as f64).sqrt();
    let value = |t: usize| {
        let wave = |(k, phase): (usize, &f64)| {
            (TAU * (k + 1) as f64 * t as f64 / length as f64 + phase).cos()
        };
        scale * phases.iter().enumerate().map(wave).sum::<f64>()
    };
    (0..length).map(value).collect()
}

pub(super) fn measure(
    options: &Options,
    recorder: &mut Recorder<'_>,
) -> Result<Vec<Memory>, ClaimError> {
    let (memory, most) = if options.quick { (128, 16) } else { (1024, 64) };
    let states: Vec<usize> = [4, 8, 16, 32, 64]
        .into_iter()
        .filter(|n| *n <= most)
        .collect();
    recorder.stage(
        "memory of each basis",
        options.seeds.len() * (states.len() + 3),
    )?;
    let (mut memories, mut done) = (Vec::new(), 0);
    for &seed in &options.seeds {
        let input = signal(8 * memory, memory, seed);
        let others = [Family::LegT, Family::FouT, Family::LagT].map(|family| (family, most));
        let legs = states.iter().map(|state| (Family::LegS, *state));
        for (family, state) in others.into_iter().chain(legs) {
            memories.push(redraw(family, state, &input, (memory, seed))?);
            done += 1;
            recorder.step(done, &format!("{family}, state {state}"))?;
        }
    }
    Ok(memories)
}

/// Runs the basis over the signal and redraws the past at many moments of its last quarter.
fn redraw(
    family: Family,
    state: usize,
    input: &[f64],
    (memory, seed): (usize, u64),
) -> Result<Memory, ClaimError> {
    let matrix = HippoMatrix::new(family, state)?;
    let step = match family {
        Family::LagT => state as f64 / memory as f64,
        _ => matrix.step_size_for(memory)?,
    };
    let column = Matrix::new(state, 1, matrix.input())?;
    let (power, driven) = discretise_dense(Rule::Bilinear, &matrix.dense(), &column, step)?;
    let ages: Vec<usize> = (0..REACH * memory).step_by((memory / 128).max(1)).collect();
    let basis: Result<Vec<Vec<f64>>, _> = ages
        .iter()
        .map(|&k| matrix.basis(step * k as f64))
        .collect();
    let basis = basis?;
    let mut sums = vec![(0.0, 0.0); REACH * BINS];
    let (mut weighted, mut total) = (0.0, 0.0);
    let mut x = vec![0.0; state];
    let moment = (input.len() / 4 / 32).max(1);
    for (t, u) in input.iter().enumerate() {
        x = power.matvec(&x)?;
        x.iter_mut()
            .zip(driven.as_slice())
            .for_each(|(x, b)| *x += b * u);
        if t < 3 * input.len() / 4 || t % moment != 0 {
            continue;
        }
        for (age, row) in ages.iter().zip(&basis) {
            let truth = input[t - age];
            // Outside its window a basis says nothing about the past.
            let inside = matrix
                .window()
                .is_none_or(|window| step * *age as f64 <= window);
            let drawn: f64 = match inside {
                true => row.iter().zip(&x).map(|(p, x)| p * x).sum(),
                false => 0.0,
            };
            let error = (drawn - truth).powi(2);
            let bin = &mut sums[age * BINS / memory];
            *bin = (bin.0 + error, bin.1 + truth * truth);
            let weight = (-(*age as f64) / memory as f64).exp();
            weighted += weight * error;
            total += weight * truth * truth;
        }
    }
    let relative = |(error, size): &(f64, f64)| (error / size).sqrt();
    Ok(Memory {
        family: family.name(),
        state,
        seed,
        errors: sums.iter().map(relative).collect(),
        weighted: (weighted / total).sqrt(),
    })
}
