//! The kernel by Cauchy sums: cost and error beside dense powers, memory, and the recurrence.

use std::time::Instant;

use rand::Rng;
use resolvent_structure::discretise::Rule;
use resolvent_structure::hippo::{Family, HippoMatrix};
use resolvent_structure::{
    CausalToeplitz, Complex64, DiscreteStateSpace, DplrMatrix, DplrStep, StateSpace,
    StructuredMatrix,
};
use serde::Serialize;

use crate::bench::memory::status;
use crate::claim::Options;
use crate::error::ClaimError;
use crate::fixed_states::recorder::Recorder;
use crate::fixed_states::{Purpose, generator};

/// One kernel by both ways.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cost {
    /// Number of state elements.
    pub state: usize,
    /// Lags.
    pub length: usize,
    /// Seconds of dense powers.
    pub dense: f64,
    /// Seconds of Cauchy sums, starting from C.
    pub cauchy: f64,
    /// Largest difference relative to the largest value.
    pub error: f64,
}

/// Memory of one long kernel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Footprint {
    /// Number of state elements.
    pub state: usize,
    /// Lags.
    pub length: usize,
    /// Growth of the process's peak in bytes, where the system tells and an earlier peak does not
    /// hide it.
    pub bytes: Option<u64>,
}

/// Largest differences between the ways to run the layer, relative to the largest output.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Modes {
    /// Seed of the input and the output row.
    pub seed: u64,
    /// Convolution with the kernel against the O(N) recurrence.
    pub structured: f64,
    /// Convolution with the kernel against the dense recurrence.
    pub dense: f64,
}

/// HiPPO-LegS in both forms.
struct Legs {
    dense: DiscreteStateSpace,
    step: DplrStep,
    input: Vec<Complex64>,
    output: Vec<Complex64>,
}

fn legs(state: usize, step_size: f64, row: &[f64]) -> Result<Legs, ClaimError> {
    let matrix = HippoMatrix::new(Family::LegS, state)?;
    let nplr = matrix.diagonalise()?;
    let dense = StateSpace::new(matrix.dense(), matrix.input(), row.to_vec())?;
    Ok(Legs {
        dense: dense.discretise(Rule::Bilinear, step_size)?,
        step: DplrStep::new(DplrMatrix::from_nplr(&nplr)?, step_size)?,
        output: nplr.modes.output_vector(row)?,
        input: nplr.input,
    })
}

fn row(state: usize) -> Vec<f64> {
    (0..state).map(|n| (1.7 * n as f64).sin()).collect()
}

fn difference(one: &[f64], other: &[f64]) -> f64 {
    let largest = other.iter().fold(0.0_f64, |a, x| a.max(x.abs()));
    let apart = one.iter().zip(other).map(|(a, b)| (a - b).abs());
    apart.fold(0.0, f64::max) / largest
}

/// Best time of `repeats`, and the result.
fn timed(
    repeats: usize,
    mut run: impl FnMut() -> Result<Vec<f64>, ClaimError>,
) -> Result<(Vec<f64>, f64), ClaimError> {
    let mut best = f64::INFINITY;
    let mut result = Vec::new();
    for _ in 0..repeats {
        let start = Instant::now();
        result = run()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok((result, best))
}

pub(super) fn footprint(
    options: &Options,
    recorder: &mut Recorder<'_>,
) -> Result<Footprint, ClaimError> {
    let (state, length) = (256, if options.quick { 1 << 16 } else { 1 << 20 });
    recorder.stage("memory of a long kernel", 1)?;
    let Legs {
        step,
        input,
        output,
        ..
    } = legs(state, 1e-3, &row(state))?;
    let before = (status("VmHWM:"), status("VmRSS:"));
    let kernel = step.kernel(&input, &output, length)?;
    let after = status("VmHWM:");
    debug_assert_eq!(kernel.len(), length);
    let bytes = match (before, after) {
        // A peak that did not grow was made by something else.
        ((Ok(peak), Ok(now)), Ok(after)) if after > peak => Some(after - now),
        _ => None,
    };
    recorder.step(1, "done")?;
    Ok(Footprint {
        state,
        length,
        bytes,
    })
}

pub(super) fn costs(
    options: &Options,
    recorder: &mut Recorder<'_>,
) -> Result<Vec<Cost>, ClaimError> {
    let cases: &[(usize, usize)] = match options.quick {
        true => &[(16, 1024), (64, 1024)],
        false => &[
            (16, 16_384),
            (64, 1024),
            (64, 4096),
            (64, 16_384),
            (256, 1024),
            (256, 4096),
            (256, 16_384),
        ],
    };
    recorder.stage("kernel beside dense powers", cases.len())?;
    let mut found = Vec::new();
    for &(state, length) in cases {
        let it = legs(state, 1e-3, &row(state))?;
        let (reference, dense) = timed(2, || Ok(it.dense.kernel(length)?))?;
        let (kernel, cauchy) = timed(5, || Ok(it.step.kernel(&it.input, &it.output, length)?))?;
        let error = difference(&kernel, &reference);
        found.push(Cost {
            state,
            length,
            dense,
            cauchy,
            error,
        });
        let note = format!(
            "N {state}, L {length}: {:.1} x, error {error:.0e}",
            dense / cauchy
        );
        recorder.step(found.len(), &note)?;
    }
    Ok(found)
}

pub(super) fn modes(
    options: &Options,
    recorder: &mut Recorder<'_>,
) -> Result<Vec<Modes>, ClaimError> {
    let (state, length) = if options.quick { (16, 200) } else { (64, 2048) };
    recorder.stage("convolution and recurrence", options.seeds.len())?;
    let mut found = Vec::new();
    for &seed in &options.seeds {
        let mut rng = generator(seed, Purpose::Output);
        let mut draw = |count: usize| -> Vec<f64> {
            (0..count).map(|_| rng.random_range(-1.0..1.0)).collect()
        };
        let (row, u) = (draw(state), draw(length));
        let it = legs(state, 1e-2, &row)?;
        let kernel = it.step.kernel(&it.input, &it.output, length)?;
        let convolved = CausalToeplitz::new(kernel)?.matvec(&u)?;
        found.push(Modes {
            seed,
            structured: difference(&convolved, &recurrence(&it, &u)?),
            dense: difference(&convolved, &it.dense.simulate(&u)?),
        });
        recorder.step(found.len(), &format!("seed {seed}"))?;
    }
    Ok(found)
}

/// The O(N) recurrence over an input.
fn recurrence(legs: &Legs, u: &[f64]) -> Result<Vec<f64>, ClaimError> {
    let driven: Vec<f64> = {
        let driven = legs.step.input(&legs.input)?;
        driven.iter().flat_map(|z| [z.re, z.im]).collect()
    };
    let mut x = vec![0.0; driven.len()];
    let mut y = Vec::with_capacity(u.len());
    for value in u {
        x = legs.step.matvec(&x)?;
        x.iter_mut().zip(&driven).for_each(|(x, b)| *x += b * value);
        let modes = x.chunks_exact(2).zip(&legs.output);
        y.push(modes.map(|(z, c)| 2.0 * (c.re * z[0] - c.im * z[1])).sum());
    }
    Ok(y)
}
