//! The timescale law: the step size at which a delay is remembered best.

use resolvent_structure::hippo::{Family, HippoMatrix};
use resolvent_structure::{DiagonalInit, StateSpace, StructuredMatrix};
use serde::Serialize;

use crate::claim::Options;
use crate::error::ClaimError;
use crate::fixed_states::delay::States;
use crate::fixed_states::recorder::Recorder;
use crate::fixed_states::{Purpose, generator};

/// Samples of the delay.
const LAG: usize = 256;
/// Step size times lag.
pub const PRODUCTS: [f64; 7] = [0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0];

/// One system over all step sizes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Law {
    /// `legt`, `fout`, `legs`, `lin`, `inv`, `real`, `rand`.
    pub system: String,
    /// Seed of a random system.
    pub seed: Option<u64>,
    /// Step size times lag, and log10 of the relative mean square error.
    pub decades: Vec<(f64, f64)>,
}

impl Law {
    /// The product with the smallest error, and that error in decades.
    pub fn best(&self) -> (f64, f64) {
        let smallest = self.decades.iter().min_by(|a, b| a.1.total_cmp(&b.1));
        smallest.copied().unwrap_or((f64::NAN, f64::NAN))
    }

    /// By how many decades the error at the window's length is below that of any other product.
    pub fn lead_at(&self, product: f64) -> f64 {
        let at = |here: bool| {
            let chosen = self.decades.iter().filter(|it| (it.0 == product) == here);
            chosen.map(|it| it.1).fold(f64::INFINITY, f64::min)
        };
        at(false) - at(true)
    }
}

pub(super) fn measure(
    options: &Options,
    recorder: &mut Recorder<'_>,
) -> Result<Vec<Law>, ClaimError> {
    let (state, frequencies) = if options.quick { (16, 24) } else { (128, 192) };
    let mut systems: Vec<(String, Option<u64>, States)> = Vec::new();
    for family in [Family::LegT, Family::FouT, Family::LegS] {
        let matrix = HippoMatrix::new(family, state)?;
        let ones = vec![1.0; state];
        let system = StateSpace::new(matrix.dense(), matrix.input(), ones)?;
        systems.push((family.name().to_owned(), None, States::Dense(system)));
    }
    for init in [DiagonalInit::Lin, DiagonalInit::Inv, DiagonalInit::Real] {
        let mut rng = generator(0, Purpose::Matrix);
        let states = States::diagonal(init, state, &mut rng)?;
        systems.push((init.name().to_owned(), None, states));
    }
    for &seed in &options.seeds {
        let mut rng = generator(seed, Purpose::Matrix);
        let states = States::diagonal(DiagonalInit::Rand, state, &mut rng)?;
        systems.push(("rand".to_owned(), Some(seed), states));
    }
    recorder.stage("timescale law", systems.len() * PRODUCTS.len())?;
    let (mut laws, mut done) = (Vec::new(), 0);
    for (system, seed, states) in systems {
        let mut decades = Vec::new();
        for product in PRODUCTS {
            let error = states.delay_error(LAG, product / LAG as f64, frequencies)?;
            decades.push((product, error.max(f64::MIN_POSITIVE).log10()));
            done += 1;
            recorder.step(
                done,
                &format!("{system} at {product}: {:.2}", error.log10()),
            )?;
        }
        laws.push(Law {
            system,
            seed,
            decades,
        });
    }
    Ok(laws)
}
