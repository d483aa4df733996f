//! Findings on trained models.

use serde::Serialize;

use super::after_training::{Disturbed, S4, S4_PTD, S4D, S5, S5_PTD};
use crate::report::{Bound, Draft, Figure, Spread};
use crate::trained::{Trial, beside, differences};

/// Everything measured on trained models.
#[derive(Default, Serialize)]
pub(super) struct Measured {
    pub(super) trials: Vec<Trial>,
    pub(super) disturbed: Vec<Disturbed>,
}

/// Points lost at the worst angle, one value per seed.
fn lost(measured: &Measured, variant: &str) -> Vec<f64> {
    let own = measured.disturbed.iter().filter(|it| it.variant == variant);
    own.map(|it| it.clean - it.at_angle).collect()
}

fn figures(measured: &Measured, what: &str, of: fn(&Disturbed) -> f64) -> Vec<Figure> {
    let one = |variant: &&str| {
        let own = measured
            .disturbed
            .iter()
            .filter(|it| it.variant == *variant);
        let values: Vec<f64> = own.map(of).collect();
        Figure::percent(
            format!("{variant}, trained, {what}"),
            Spread::of(&values).mean(),
        )
    };
    [S4, S4D, S4_PTD, S5, S5_PTD].iter().map(one).collect()
}

pub(super) fn as_good(measured: &Measured) -> Draft {
    let trials = &measured.trials;
    let pairs = [(S4_PTD, S4D), (S5_PTD, S5)];
    let worst =
        pairs.map(|(ours, other)| differences(trials, (&[ours], f64::max), (&[other], f64::max)));
    let values = worst[0].iter().zip(&worst[1]);
    Draft {
        claim: "Trained end to end, S4-PTD is as good as S4D, and S5-PTD as S5, on clean images as pixel sequences.".into(),
        paper: "Long Range Arena, average: S4D 84.89, S4-PTD 86.58, S5 87.46, S5-PTD 87.61 %".into(),
        baseline: beside(trials, &[S4, S4D, S4_PTD, S5, S5_PTD]),
        ours: "accuracy of PTD minus that of its original, the worse pair, percentage points".into(),
        unit: "points",
        values: values.map(|(a, b)| a.min(*b)).collect(),
        bound: Bound::AtLeast(-2.0),
    }
}

pub(super) fn breaks(measured: &Measured) -> Draft {
    let mut baseline = figures(measured, "clean", |it| it.clean);
    baseline.extend(figures(measured, "sinusoid at its worst angle", |it| {
        it.at_angle
    }));
    baseline.extend(figures(measured, "white noise", |it| it.white));
    Draft {
        claim: "A sinusoid of 10 % above pi / 2, at the frequency to which it is most sensitive, breaks a trained S4D.".into(),
        paper: "S4D collapses under sinusoidal noise at its spikes (sequential CIFAR)".into(),
        baseline,
        ours: "s4d, accuracy lost at its worst angle".into(),
        unit: "points",
        values: lost(measured, S4D),
        bound: Bound::AtLeast(20.0),
    }
}

pub(super) fn holds(measured: &Measured) -> Draft {
    let (full, perturbed) = (lost(measured, S4), lost(measured, S4_PTD));
    let figure = |variant: &str| {
        Figure::new(
            format!("{variant}, accuracy lost at its own worst angle"),
            Spread::of(&lost(measured, variant)).mean(),
            "points",
        )
    };
    Draft {
        claim: "Trained S4 and S4-PTD hold against the same noise at their own worst frequencies."
            .into(),
        paper: "S4 and S4-PTD hold".into(),
        baseline: [S4, S4_PTD, S5, S5_PTD].map(figure).to_vec(),
        ours: "larger loss of accuracy of s4 and s4-ptd".into(),
        unit: "points",
        values: full
            .iter()
            .zip(&perturbed)
            .map(|(a, b)| a.max(*b))
            .collect(),
        bound: Bound::AtMost(3.0),
    }
}
