//! What LegS divided by time does when time is stretched, and the delay as a transfer function.

use std::f64::consts::TAU;

use rand::Rng;
use resolvent_structure::discretise::{Rule, discretise_dense};
use resolvent_structure::hippo::{Family, HippoMatrix, ScaledLegendreMemory};
use resolvent_structure::{Complex64, Matrix, StateSpace, StructuredMatrix};
use serde::Serialize;

use crate::claim::Options;
use crate::error::ClaimError;
use crate::fixed_states::recorder::Recorder;
use crate::fixed_states::{Purpose, generator};

/// How much a state changes when the same signal comes `stretch` times slower.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stretch {
    /// Seed of the signal.
    pub seed: u64,
    /// Samples of the slow signal over those of the fast one.
    pub stretch: usize,
    /// Relative change of the state of LegS divided by time, in percent.
    pub varying: f64,
    /// The same of LegS with a fixed step size.
    pub fixed: f64,
}

/// Largest error of a delay by 2 for angular frequencies up to 10.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Delay {
    /// Name of the family.
    pub family: &'static str,
    /// Number of state elements.
    pub state: usize,
    /// `max |G(iw) - exp(-2iw)|`.
    pub error: f64,
}

pub(super) fn measure(
    options: &Options,
    recorder: &mut Recorder<'_>,
) -> Result<Vec<Stretch>, ClaimError> {
    let (state, fast) = if options.quick { (8, 256) } else { (32, 4096) };
    recorder.stage("scale invariance", options.seeds.len() * 2)?;
    let mut found = Vec::new();
    for &seed in &options.seeds {
        let mut rng = generator(seed, Purpose::Training);
        let waves: Vec<f64> = (0..4).map(|_| rng.random_range(0.0..TAU)).collect();
        let value = |s: f64| -> f64 {
            let wave = |(k, phase): (usize, &f64)| (TAU * (k + 1) as f64 * s + phase).cos();
            waves.iter().enumerate().map(wave).sum()
        };
        let draw = |samples: usize| -> Vec<f64> {
            (0..samples)
                .map(|t| value((t as f64 + 0.5) / samples as f64))
                .collect()
        };
        for stretch in [2, 4] {
            let (short, long) = (draw(fast), draw(stretch * fast));
            let step = 1.0 / fast as f64;
            found.push(Stretch {
                seed,
                stretch,
                varying: change(&varying(state, &short)?, &varying(state, &long)?),
                fixed: change(&fixed(state, step, &short)?, &fixed(state, step, &long)?),
            });
            recorder.step(found.len(), &format!("{stretch} times slower"))?;
        }
    }
    Ok(found)
}

fn varying(state: usize, input: &[f64]) -> Result<Vec<f64>, ClaimError> {
    let mut memory = ScaledLegendreMemory::new(state)?;
    for u in input {
        memory.push(*u)?;
    }
    Ok(memory.state().to_vec())
}

fn fixed(state: usize, step: f64, input: &[f64]) -> Result<Vec<f64>, ClaimError> {
    let matrix = HippoMatrix::new(Family::LegS, state)?;
    let column = Matrix::new(state, 1, matrix.input())?;
    let (power, driven) = discretise_dense(Rule::Bilinear, &matrix.dense(), &column, step)?;
    let mut x = vec![0.0; state];
    for u in input {
        x = power.matvec(&x)?;
        x.iter_mut()
            .zip(driven.as_slice())
            .for_each(|(x, b)| *x += b * u);
    }
    Ok(x)
}

/// Size of the difference relative to the first state, in percent.
fn change(before: &[f64], after: &[f64]) -> f64 {
    let size = |x: f64| x * x;
    let difference: f64 = before.iter().zip(after).map(|(a, b)| size(a - b)).sum();
    100.0 * (difference / before.iter().map(|a| size(*a)).sum::<f64>()).sqrt()
}

pub(super) fn delays(
    options: &Options,
    recorder: &mut Recorder<'_>,
) -> Result<Vec<Delay>, ClaimError> {
    let cases: &[(Family, usize)] = match options.quick {
        true => &[(Family::LegT, 32), (Family::FouT, 16), (Family::FouT, 32)],
        false => &[
            (Family::LegT, 64),
            (Family::FouT, 32),
            (Family::FouT, 64),
            (Family::FouT, 128),
            (Family::FouT, 256),
        ],
    };
    recorder.stage("delay as a transfer function", cases.len())?;
    let mut found = Vec::new();
    for &(family, state) in cases {
        let error = delay_error(family, state)?;
        found.push(Delay {
            family: family.name(),
            state,
            error,
        });
        recorder.step(
            found.len(),
            &format!("{family}, state {state}: {error:.1e}"),
        )?;
    }
    Ok(found)
}

/// The value that leaves the window as the state tells it, against the value that does.
fn delay_error(family: Family, state: usize) -> Result<f64, ClaimError> {
    let matrix = HippoMatrix::new(family, state)?;
    let (output, feedthrough): (Vec<f64>, f64) = match family {
        // The polynomials at the far end of the window.
        Family::LegT => (matrix.basis(2.0)?, 0.0),
        // A Fourier series tends to the mean of both ends: the far one is twice it less the near one.
        _ => (matrix.basis(0.0)?.iter().map(|p| 2.0 * p).collect(), -1.0),
    };
    let system = StateSpace::new(matrix.dense(), matrix.input(), output)?;
    let mut worst = 0.0_f64;
    for k in 0..100 {
        let w = 0.1 * f64::from(k) + 0.05;
        let delayed = Complex64::from_polar(1.0, -2.0 * w);
        worst = worst.max((system.response(w)? + feedthrough - delayed).norm());
    }
    Ok(worst)
}
