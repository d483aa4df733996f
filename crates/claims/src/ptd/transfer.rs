//! Distances between transfer functions, and what the size of the perturbation does.

use rand::Rng;
use rand_distr::StandardNormal;
use resolvent_structure::hippo::{Family, HippoMatrix};
use resolvent_structure::ptd::{Guard, Perturbation, Perturbed, PtdOptions, perturb};
use resolvent_structure::{Complex64, DplrMatrix, Nplr, StructuredMatrix, modal_response};
use serde::Serialize;

use crate::claim::Options;
use crate::error::ClaimError;
use crate::fixed_states::recorder::Recorder;
use crate::fixed_states::{Purpose, generator};

/// HiPPO-LegS, its normal part, and a perturbed form.
pub(super) struct Forms {
    pub(super) input: Vec<f64>,
    pub(super) nplr: Nplr,
    pub(super) dplr: DplrMatrix,
    pub(super) perturbed: Perturbed,
}

impl Forms {
    pub(super) fn new(state: usize, epsilon: f64, seed: u64) -> Result<Self, ClaimError> {
        let matrix = HippoMatrix::new(Family::LegS, state)?;
        let nplr = matrix.diagonalise()?;
        let options = PtdOptions {
            epsilon,
            perturbation: Perturbation::Complex,
            draws: 8,
            guard: Guard::Reflect,
        };
        let mut rng = generator(seed, Purpose::Matrix);
        Ok(Self {
            input: matrix.input(),
            dplr: DplrMatrix::from_nplr(&nplr)?,
            nplr,
            perturbed: perturb(&matrix.dense(), &options, &mut rng)?,
        })
    }

    /// Coefficients of S4D: twice for the pair, half for the input.
    pub(super) fn diagonal_coefficients(&self, row: &[f64]) -> Result<Vec<Complex64>, ClaimError> {
        let output = self.nplr.modes.output_vector(row)?;
        Ok(output
            .iter()
            .zip(&self.nplr.input)
            .map(|(c, b)| c * b)
            .collect())
    }

    /// Coefficients of PTD: weight times C V times V^-1 B.
    pub(super) fn perturbed_coefficients(&self, row: &[f64]) -> Result<Vec<Complex64>, ClaimError> {
        let modes = &self.perturbed.modes;
        let pairs = modes
            .output_vector(row)?
            .into_iter()
            .zip(modes.input_vector(&self.input)?);
        let weighted = pairs
            .zip(modes.weights())
            .map(|((c, b), weight)| c * b * *weight);
        Ok(weighted.collect())
    }

    /// Largest distance of S4D and of PTD from S4 over a grid and the eigenfrequencies.
    fn distances(&self, row: &[f64]) -> Result<(f64, f64), ClaimError> {
        let output = self.nplr.modes.output_vector(row)?;
        let (diagonal, perturbed) = (
            self.diagonal_coefficients(row)?,
            self.perturbed_coefficients(row)?,
        );
        let modes = self.nplr.modes.eigenvalues();
        let spikes = modes
            .iter()
            .flat_map(|z| [-0.3, 0.0, 0.3].map(|off| z.im.abs() + off));
        let grid = (0..400).map(|k| 10.0_f64.powf(-1.0 + 5.5 * f64::from(k) / 400.0));
        let mut worst = (0.0_f64, 0.0_f64);
        for w in spikes.chain(grid) {
            let s = Complex64::new(0.0, w);
            let full = self.dplr.response(s, &self.nplr.input, &output)?;
            let one = modal_response(modes, &diagonal, s)?;
            let other = modal_response(self.perturbed.modes.eigenvalues(), &perturbed, s)?;
            worst.0 = worst.0.max((one - full).norm());
            worst.1 = worst.1.max((other - full).norm());
        }
        Ok(worst)
    }
}

/// A row of normal numbers of unit variance.
pub(super) fn row(state: usize, rng: &mut impl Rng) -> Vec<f64> {
    (0..state).map(|_| rng.sample(StandardNormal)).collect()
}

/// One size of the state, one perturbation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Transfer {
    /// Number of state elements.
    pub state: usize,
    /// Seed of perturbation and output row.
    pub seed: u64,
    /// 2-norm of the perturbation.
    pub epsilon: f64,
    /// Largest `|G_S4D - G_S4|`.
    pub diagonal: f64,
    /// Largest `|G_PTD - G_S4|`.
    pub perturbed: f64,
    /// Condition number of the eigenvectors.
    pub condition: f64,
    /// Eigenvalues that had to be reflected.
    pub unstable: usize,
}

fn transfer(state: usize, epsilon: f64, seed: u64) -> Result<Transfer, ClaimError> {
    let forms = Forms::new(state, epsilon, seed)?;
    let row = row(state, &mut generator(seed, Purpose::Output));
    let (diagonal, perturbed) = forms.distances(&row)?;
    Ok(Transfer {
        state,
        seed,
        epsilon,
        diagonal,
        perturbed,
        condition: forms.perturbed.condition,
        unstable: forms.perturbed.reflected,
    })
}

fn each(
    cases: &[(usize, f64)],
    name: &str,
    options: &Options,
    recorder: &mut Recorder<'_>,
) -> Result<Vec<Transfer>, ClaimError> {
    recorder.stage(name, cases.len() * options.seeds.len())?;
    let mut found = Vec::new();
    for &seed in &options.seeds {
        for &(state, epsilon) in cases {
            let it = transfer(state, epsilon, seed)?;
            let note = format!("N {state}, epsilon {epsilon}: {:.2e}", it.perturbed);
            found.push(it);
            recorder.step(found.len(), &note)?;
        }
    }
    Ok(found)
}

pub(super) fn measure(
    options: &Options,
    recorder: &mut Recorder<'_>,
) -> Result<Vec<Transfer>, ClaimError> {
    let states: &[usize] = if options.quick {
        &[8, 16]
    } else {
        &[16, 32, 64, 128]
    };
    let cases: Vec<(usize, f64)> = states
        .iter()
        .flat_map(|state| [0.1, 0.5].map(|epsilon| (*state, epsilon)))
        .collect();
    each(&cases, "transfer functions", options, recorder)
}

pub(super) fn sizes(
    options: &Options,
    recorder: &mut Recorder<'_>,
) -> Result<Vec<Transfer>, ClaimError> {
    let state = if options.quick { 16 } else { 64 };
    let cases = [0.02, 0.05, 0.1, 0.25, 0.5, 2.6, 26.0].map(|epsilon| (state, epsilon));
    each(&cases, "size of the perturbation", options, recorder)
}
