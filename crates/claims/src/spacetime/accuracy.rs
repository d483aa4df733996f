//! Findings on the forecasts of packaged series.

use super::findings::{Measured, geometric, per_seed};
use super::forecasting::{self, PLAIN, S4D, SETTINGS, SPACETIME};
use crate::claim::Options;
use crate::report::{Bound, Draft, Figure, Spread};

/// MSE of `model` on a series with a seed at reach number `reach`.
pub(super) fn error(
    trials: &[&forecasting::Trial],
    model: &str,
    data: &str,
    reach: usize,
) -> Option<f64> {
    let found = trials
        .iter()
        .find(|it| it.model == model && it.data == data)?;
    Some(found.errors.get(reach)?.mse)
}

/// Geometric mean over the series of the other's MSE over SpaceTime's.
pub(super) fn against(
    trials: &[&forecasting::Trial],
    other: impl Fn(&str) -> Option<f64>,
    reach: usize,
) -> Option<f64> {
    let quotient = |data: &str| Some(other(data)? / error(trials, SPACETIME, data, reach)?);
    let quotients: Vec<f64> = SETTINGS.iter().filter_map(|it| quotient(it.data)).collect();
    geometric(&quotients)
}

pub(super) fn beats_s4d(measured: &Measured, options: &Options) -> Draft {
    let ratio = |other: &'static str| {
        per_seed(
            &measured.forecasting,
            options,
            |it| it.seed,
            |trials| against(trials, |data| error(trials, other, data, 0), 0),
        )
    };
    let plain = Spread::of(&ratio(PLAIN)).mean();
    Draft {
        claim: "At equal width and number of steps SpaceTime forecasts better than a stack of S4D layers.".into(),
        paper: "ETTh1, univariate, horizon 720: S4 0.116 (from the S4 paper); SpaceTime best MSE on 14 of 16 Informer tasks".into(),
        baseline: vec![Figure::new(
            "without preprocessing over with it, MSE",
            plain,
            "x",
        )],
        ours: "MSE of S4D over that of SpaceTime, geometric mean over the series".into(),
        unit: "x",
        values: ratio(S4D),
        bound: Bound::AtLeast(1.0),
    }
}

/// MSE of the baseline whose name begins so, on a series.
fn of_baseline(
    baselines: &[forecasting::Baselines],
    name: &str,
    data: &str,
    reach: usize,
) -> Option<f64> {
    let rows = baselines.iter().find(|it| it.data == data)?;
    let mut rows = rows.errors.get(reach)?.iter();
    Some(rows.find(|row| row.forecaster.starts_with(name))?.mse)
}

pub(super) fn near_linear(measured: &Measured, options: &Options) -> Draft {
    let ratio = |name: &'static str| {
        per_seed(
            &measured.forecasting,
            options,
            |it| it.seed,
            |trials| {
                let baseline = |data: &str| of_baseline(&measured.baselines, name, data, 0);
                against(trials, baseline, 0)
            },
        )
    };
    let naive = Spread::of(&ratio("seasonal")).mean();
    Draft {
        claim: "SpaceTime is at or near the linear forecaster on the same windows.".into(),
        paper: "not compared with NLinear, which is younger".into(),
        baseline: vec![Figure::new(
            "seasonal naive over SpaceTime, MSE",
            naive,
            "x",
        )],
        ours: "MSE of NLinear (ridge) over that of SpaceTime, geometric mean over the series"
            .into(),
        unit: "x",
        values: ratio("NLinear"),
        bound: Bound::AtLeast(0.9),
    }
}

pub(super) fn holds_longer(measured: &Measured, options: &Options) -> Draft {
    let grown = |model: &'static str, reach: usize| {
        per_seed(
            &measured.forecasting,
            options,
            |it| it.seed,
            |trials| {
                let quotient = |data: &str| {
                    Some(error(trials, model, data, reach)? / error(trials, model, data, 0)?)
                };
                let grown: Vec<f64> = SETTINGS.iter().filter_map(|it| quotient(it.data)).collect();
                geometric(&grown)
            },
        )
    };
    let (ours, other) = (grown(SPACETIME, 2), grown(S4D, 2));
    let mean = |values: &[f64]| Spread::of(values).mean();
    Draft {
        claim: "Asked for 4 times the horizon it was trained for, the bounded closed loop loses less than a stack of S4D layers that reads zeros there.".into(),
        paper: "the closed loop forecasts horizons that it was not trained for".into(),
        baseline: vec![
            Figure::new(
                "SpaceTime, MSE at 4 times over MSE at the trained horizon",
                mean(&ours),
                "x",
            ),
            Figure::new(
                "SpaceTime, the same at 2 times",
                mean(&grown(SPACETIME, 1)),
                "x",
            ),
            Figure::new("S4D, at 4 times", mean(&other), "x"),
        ],
        ours: "growth of S4D's MSE over growth of SpaceTime's at 4 times the horizon".into(),
        unit: "x",
        values: ours
            .iter()
            .zip(&other)
            .map(|(ours, other)| other / ours)
            .collect(),
        bound: Bound::AtLeast(1.0),
    }
}
