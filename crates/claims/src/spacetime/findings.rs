//! From measurements to findings: the sentences, their criteria, the plot.

use resolvent_learn::plot::{LinePlot, Series};

use super::CLAIM;
use super::speed::{Timing, slope};
use super::{ablations, accuracy, autoregression, forecasting};
use crate::claim::Options;
use crate::report::{Bound, Draft, Figure, Finding};

/// Everything that was measured.
pub struct Measured {
    /// One for each order and seed.
    pub autoregression: Vec<autoregression::Trial>,
    /// One for each size.
    pub speed: Vec<Timing>,
    /// One for each series, model and seed.
    pub forecasting: Vec<forecasting::Trial>,
    /// One for each series.
    pub baselines: Vec<forecasting::Baselines>,
}

/// All findings of the experiment.
pub fn findings(measured: &Measured, options: &Options) -> Vec<Finding> {
    let drafts = [
        exact(measured, options),
        floor(measured, options),
        learned(measured, options),
        fast(measured),
        accuracy::beats_s4d(measured, options),
        accuracy::near_linear(measured, options),
        accuracy::holds_longer(measured, options),
        ablations::is_stable(measured, options),
        ablations::costs_nothing(measured, options),
        ablations::companion_wins(measured, options),
    ];
    let finish = |draft: Draft| draft.finish(CLAIM.slug, options);
    drafts.into_iter().map(finish).collect()
}

/// One value per seed from the trials of that seed; seeds without trials are left out.
pub(super) fn per_seed<T>(
    trials: &[T],
    options: &Options,
    seed_of: impl Fn(&T) -> u64,
    value: impl Fn(&[&T]) -> Option<f64>,
) -> Vec<f64> {
    let of_seed = |seed: &u64| {
        trials
            .iter()
            .filter(|it| seed_of(it) == *seed)
            .collect::<Vec<_>>()
    };
    options
        .seeds
        .iter()
        .filter_map(|seed| value(&of_seed(seed)))
        .collect()
}

fn exact(measured: &Measured, options: &Options) -> Draft {
    let digits = |trials: &[&autoregression::Trial]| {
        let worst = trials.iter().map(|it| it.exact).reduce(f64::max)?;
        Some(-worst.max(1e-16).log10())
    };
    Draft {
        claim: "A companion system with given coefficients is the AR(4) and AR(6) process: its closed loop continues them exactly.".into(),
        paper: "proposition 1: companion matrices represent AR(p) exactly".into(),
        baseline: Vec::new(),
        ours: "SpaceTime layer in f64, correct digits after 20 steps, the worse order".into(),
        unit: "digits",
        values: per_seed(&measured.autoregression, options, |it| it.seed, digits),
        bound: Bound::AtLeast(12.0),
    }
}

fn floor(measured: &Measured, options: &Options) -> Draft {
    let least = |trials: &[&autoregression::Trial]| {
        let floors = trials.iter().map(|it| it.floor());
        floors.reduce(f64::min).map(|floor| 100.0 * floor)
    };
    Draft {
        claim: "No choice of the output vector of S4D-Lin gives the coefficients of an AR process: kernels repeat every 2 / dt samples, damped by 1 / e.".into(),
        paper: "proposition 2: continuous-time systems cannot express noiseless AR(p)".into(),
        baseline: vec![Figure::new(
            "theory for dt = 0.1: 1 / e",
            100.0 * (-1.0_f64).exp(),
            "%",
        )],
        ours: "S4D-Lin, N = 64, L = 256, dt = 0.1, least-squares residual, the better order".into(),
        unit: "%",
        values: per_seed(&measured.autoregression, options, |it| it.seed, least),
        bound: Bound::AtLeast(30.0),
    }
}

fn learned(measured: &Measured, options: &Options) -> Draft {
    let ratio = |trials: &[&autoregression::Trial]| {
        let quotients: Vec<f64> = trials
            .iter()
            .map(|it| it.learned[1] / it.learned[0])
            .collect();
        geometric(&quotients)
    };
    let mean = |at: usize| {
        let errors: Vec<f64> = measured
            .autoregression
            .iter()
            .map(|it| it.learned[at])
            .collect();
        geometric(&errors).unwrap_or(f64::NAN)
    };
    Draft {
        claim: "Trained on one-step predictions of AR(4) and AR(6), a companion kernel rolls out better than S4D-Lin of the same state size.".into(),
        paper: "SpaceTime fits processes that S4 and S4D fail on".into(),
        baseline: vec![
            Figure::new(
                "companion, relative rollout MSE, geometric mean",
                mean(0),
                "of the signal",
            ),
            Figure::new("S4D-Lin, the same", mean(1), "of the signal"),
        ],
        ours: "rollout MSE of S4D-Lin over that of the companion kernel, geometric mean of both orders".into(),
        unit: "x",
        values: per_seed(&measured.autoregression, options, |it| it.seed, ratio),
        bound: Bound::AtLeast(1.0),
    }
}

fn fast(measured: &Measured) -> Draft {
    let compared = |it: &&Timing| it.state == 128 && it.length == 8192;
    let ratio = |it: &Timing| it.dense.map(|dense| dense / it.fast);
    let of_128: Vec<&Timing> = measured.speed.iter().filter(|it| it.state == 128).collect();
    let mut baseline = Vec::new();
    if of_128.len() > 2 {
        let steep = slope(&of_128, |it| it.fast);
        baseline.push(Figure::new(
            "slope of log time over log length, d = 128, fast",
            steep,
            "",
        ));
    }
    if let Some(it) = measured.speed.iter().find(compared) {
        let squaring = it.squaring.map_or(f64::NAN, |time| time / it.fast);
        baseline.push(Figure::new(
            "repeated squaring over fast, d = 128, l = 8192",
            squaring,
            "x",
        ));
    }
    let worst = measured.speed.iter().map(|it| it.error).fold(0.0, f64::max);
    baseline.push(Figure::new(
        "digits of the fast kernel, worst size",
        -worst.max(1e-16).log10(),
        "digits",
    ));
    Draft {
        claim: "The kernel costs about d + l by transforms instead of d^2 l by dense powers."
            .into(),
        paper: "O(d + l) up to logarithms instead of O(d l)".into(),
        baseline,
        ours: "dense powers over fast, d = 128, l = 8192".into(),
        unit: "x",
        values: measured
            .speed
            .iter()
            .filter(compared)
            .filter_map(ratio)
            .collect(),
        bound: Bound::AtLeast(10.0),
    }
}

pub(super) fn geometric(values: &[f64]) -> Option<f64> {
    let logs: f64 = values.iter().map(|value| value.ln()).sum();
    (!values.is_empty()).then(|| (logs / values.len() as f64).exp())
}

/// Time of the kernel against its length at d = 128.
pub fn plot(speed: &[Timing]) -> LinePlot {
    let of = |name: &str, time: &dyn Fn(&Timing) -> Option<f64>| {
        let own = speed.iter().filter(|it| it.state == 128);
        let points = own.filter_map(|it| Some((it.length as f64, 1e3 * time(it)?)));
        Series::new(name, points.collect())
    };
    LinePlot {
        title: "Time of a companion kernel, d = 128, f64, one thread".into(),
        x_label: "length of the kernel".into(),
        y_label: "ms".into(),
        series: vec![
            of("transforms", &|it| Some(it.fast)),
            of("repeated squaring", &|it| it.squaring),
            of("dense powers", &|it| it.dense),
        ],
        log_x: true,
        log_y: true,
        ..LinePlot::default()
    }
}
