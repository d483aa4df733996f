//! Which template came first: a task for the memory of a state, read without training.

use rand::Rng;
use rand_distr::StandardNormal;
use resolvent_structure::discretise::Rule;
use resolvent_structure::hippo::{Family, HippoMatrix};
use resolvent_structure::{
    Complex64, DiagonalInit, DplrMatrix, Matrix, StateSpace, StructuredMatrix, linalg,
};
use serde::Serialize;

use crate::claim::Options;
use crate::error::ClaimError;
use crate::fixed_states::readout::Readout;
use crate::fixed_states::recorder::Recorder;
use crate::fixed_states::waves::{CLASSES, Waves};
use crate::fixed_states::{Purpose, generator, state_kernels};

/// Channels, each with a step size of its own.
const CHANNELS: usize = 8;
/// Damping of the readout, on standardised features.
const DAMPING: f64 = 10.0;

/// How the state matrix starts, and stays.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub enum Start {
    /// HiPPO-LegS, as S4 starts.
    LegS,
    /// A dense random matrix.
    RandomDense,
    /// Random frequencies.
    RandomDiagonal,
    /// S4D-LegS.
    DiagonalLegS,
    /// S4D-Inv.
    Inv,
    /// S4D-Lin.
    Lin,
    /// S4D-Real.
    Real,
    /// S4D-Lin with frequencies scaled.
    ScaledLin(f64),
}

impl Start {
    /// The name in reports.
    pub fn name(self) -> String {
        match self {
            Self::LegS => "hippo-legs".into(),
            Self::RandomDense => "random dense".into(),
            Self::RandomDiagonal => "s4d-rand".into(),
            Self::DiagonalLegS => "s4d-legs".into(),
            Self::Inv => "s4d-inv".into(),
            Self::Lin => "s4d-lin".into(),
            Self::Real => "s4d-real".into(),
            Self::ScaledLin(factor) => format!("{factor} x s4d-lin"),
        }
    }

    /// The system with unit output; random ones draw from the seed.
    fn system(self, state: usize, seed: u64) -> Result<StateSpace, ClaimError> {
        let mut rng = generator(seed, Purpose::Matrix);
        let diagonal = |values: Vec<Complex64>, input: Vec<Complex64>| {
            let input = input.iter().flat_map(|z| [z.re, z.im]).collect();
            let matrix = DplrMatrix::diagonal(values)?.dense();
            Ok(StateSpace::new(matrix, input, vec![1.0; state])?)
        };
        let (init, factor) = match self {
            Self::LegS => {
                let matrix = HippoMatrix::new(Family::LegS, state)?;
                return Ok(StateSpace::new(
                    matrix.dense(),
                    matrix.input(),
                    vec![1.0; state],
                )?);
            }
            Self::RandomDense => {
                let scale = (state as f64).sqrt().recip();
                let matrix = Matrix::from_fn(state, state, |i, j| {
                    let entry = scale * rng.sample::<f64, _>(StandardNormal);
                    if i == j { entry - 1.2 } else { entry }
                })?;
                let input = (0..state).map(|_| rng.sample(StandardNormal)).collect();
                return Ok(StateSpace::new(matrix, input, vec![1.0; state])?);
            }
            Self::RandomDiagonal => (DiagonalInit::Rand, 1.0),
            Self::DiagonalLegS => (DiagonalInit::LegS, 1.0),
            Self::Inv => (DiagonalInit::Inv, 1.0),
            Self::Lin => (DiagonalInit::Lin, 1.0),
            Self::Real => (DiagonalInit::Real, 1.0),
            Self::ScaledLin(factor) => (DiagonalInit::Lin, factor),
        };
        let values = init.eigenvalues_with(state, &mut rng)?;
        let scaled = values.iter().map(|z| Complex64::new(z.re, factor * z.im));
        diagonal(scaled.collect(), init.input(state)?)
    }
}

/// One initialisation with one seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trial {
    /// Name of the initialisation.
    pub start: String,
    /// Seed of examples and random matrices.
    pub seed: u64,
    /// Percentage of fresh sequences whose template was told.
    pub accuracy: f64,
    /// The same of the sequences that the readout was fitted to.
    pub fitted: f64,
}

/// Runs every initialisation with every seed.
pub fn measure(
    starts: &[Start],
    options: &Options,
    recorder: &mut Recorder<'_>,
) -> Result<Vec<Trial>, ClaimError> {
    let (state, length, train, test) = match options.quick {
        true => (8, 128, 100, 100),
        false => (64, 1024, 1500, 1000),
    };
    let waves = Waves {
        length,
        within: 0.35,
        noise: 0.5,
    };
    recorder.stage("initialisations", starts.len() * options.seeds.len())?;
    let mut trials = Vec::new();
    for &seed in &options.seeds {
        let fitted = waves.draw(train, &mut generator(seed, Purpose::Training))?;
        let fresh = waves.draw(test, &mut generator(seed, Purpose::Test))?;
        for start in starts {
            let system = start.system(state, seed)?;
            let kernels = all_kernels(&system, length)?;
            let features = |sequences: &Matrix| linalg::product(sequences, &kernels);
            let (seen, unseen) = (features(&fitted.sequences)?, features(&fresh.sequences)?);
            let readout = Readout::fit(&seen, &fitted.labels, CLASSES, DAMPING)?;
            let trial = Trial {
                start: start.name(),
                seed,
                accuracy: readout.accuracy(&unseen, &fresh.labels)?,
                fitted: readout.accuracy(&seen, &fitted.labels)?,
            };
            let note = format!("{}: {:.1} %", trial.start, trial.accuracy);
            trials.push(trial);
            recorder.step(trials.len(), &note)?;
        }
    }
    Ok(trials)
}

/// What every state of every channel holds at the last sample, as rows over the input's time.
fn all_kernels(system: &StateSpace, length: usize) -> Result<Matrix, ClaimError> {
    let mut channels = Vec::new();
    for channel in 0..CHANNELS {
        let part = channel as f64 / (CHANNELS - 1) as f64;
        let step = 10.0_f64.powf(-3.0 + 2.0 * part);
        channels.push(state_kernels(system, Rule::Bilinear, step, length)?);
    }
    let order = channels[0].cols();
    Ok(Matrix::from_fn(length, CHANNELS * order, |t, j| {
        channels[j / order].as_slice()[(length - 1 - t) * order + j % order]
    })?)
}
