//! Findings on variants of SpaceTime: the closed loop bounded or free, companion matrices or shifts.

use super::accuracy::{against, error};
use super::findings::{Measured, geometric, per_seed};
use super::forecasting::{FREE, REACHES, SETTINGS, SHIFT, SPACETIME, Trial};
use crate::claim::Options;
use crate::report::{Bound, Draft, Figure, Spread};

/// What rounding may add to a radius of 1.
const ROUNDING: f64 = 1e-6;

/// Largest radius of a model over the series, one value per seed.
fn radii(measured: &Measured, options: &Options, model: &str) -> Vec<f64> {
    per_seed(
        &measured.forecasting,
        options,
        |it| it.seed,
        |trials| {
            let own = trials.iter().filter(|it| it.model == model);
            own.filter_map(|it| it.radius).reduce(f64::max)
        },
    )
}

/// Geometric mean over the series of the free loop's MSE over the bounded one's, one value per seed.
fn ratios(measured: &Measured, options: &Options, other: &'static str, reach: usize) -> Vec<f64> {
    per_seed(
        &measured.forecasting,
        options,
        |it| it.seed,
        |trials| against(trials, |data| error(trials, other, data, reach), reach),
    )
}

fn mean(values: &[f64]) -> f64 {
    Spread::of(values).mean()
}

pub(super) fn is_stable(measured: &Measured, options: &Options) -> Draft {
    let grown = |model: &'static str| {
        let last = REACHES.len() - 1;
        let one = |trials: &[&Trial]| {
            let quotient = |data: &str| {
                Some(error(trials, model, data, last)? / error(trials, model, data, 0)?)
            };
            let all: Vec<f64> = SETTINGS.iter().filter_map(|it| quotient(it.data)).collect();
            geometric(&all)
        };
        mean(&per_seed(&measured.forecasting, options, |it| it.seed, one))
    };
    Draft {
        claim: "Bounded, no trained closed loop can grow: its spectral radius is at most 1.".into(),
        paper: "A + b k is not held stable (the published code normalises b and k)".into(),
        baseline: vec![
            Figure::new(
                "free feedback, largest radius over the series, mean over the seeds",
                mean(&radii(measured, options, FREE)),
                "",
            ),
            Figure::new(
                "free feedback, MSE at 4 times over MSE at the trained horizon",
                grown(FREE),
                "x",
            ),
            Figure::new("bounded, the same", grown(SPACETIME), "x"),
        ],
        ours: "largest spectral radius of the trained closed loops over the series".into(),
        unit: "(radius)",
        values: radii(measured, options, SPACETIME),
        bound: Bound::AtMost(1.0 + ROUNDING),
    }
}

pub(super) fn costs_nothing(measured: &Measured, options: &Options) -> Draft {
    Draft {
        claim: "The bound costs at most 5 % of accuracy at the trained horizon.".into(),
        paper: "no such bound there".into(),
        baseline: vec![Figure::new(
            "the same at 4 times the trained horizon",
            mean(&ratios(measured, options, FREE, REACHES.len() - 1)),
            "x",
        )],
        ours: "MSE with free feedback over that with the bound, geometric mean over the series"
            .into(),
        unit: "x",
        values: ratios(measured, options, FREE, 0),
        bound: Bound::AtLeast(0.95),
    }
}

pub(super) fn companion_wins(measured: &Measured, options: &Options) -> Draft {
    Draft {
        claim: "Companion matrices forecast better than shifts, which see d values and no more."
            .into(),
        paper: "companion matrices are shown to express more; figures of that ablation could not be checked".into(),
        baseline: Vec::new(),
        ours: "MSE with shift matrices over that with companion matrices, geometric mean over the series".into(),
        unit: "x",
        values: ratios(measured, options, SHIFT, 0),
        bound: Bound::AtLeast(1.0),
    }
}
