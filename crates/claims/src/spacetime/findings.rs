//! From measurements to findings: the sentences, their criteria, the plot.

use resolvent_learn::plot::{LinePlot, Series};

use super::forecasting::{self, PLAIN, S4D, SPACETIME};
use super::speed::{Timing, slope};
use super::{autoregression, forecasting::SETTINGS};
use crate::claim::Options;
use crate::report::{Figure, Finding, Spread, Verdict};

/// Everything that was measured.
pub struct Measured {
    /// One for each order and seed.
    pub autoregression: Vec<autoregression::Trial>,
    /// One for each size.
    pub speed: Vec<Timing>,
    /// One for each series, model and seed.
    pub forecasting: Vec<forecasting::Trial>,
}

/// A finding without what is the same for all.
struct Draft {
    claim: &'static str,
    paper: &'static str,
    baseline: Vec<Figure>,
    of: &'static str,
    unit: &'static str,
    values: Vec<f64>,
    threshold: f64,
    criterion: &'static str,
}

impl Draft {
    fn finish(self, options: &Options) -> Finding {
        let spread = Spread::of(&self.values);
        Finding {
            claim: self.claim.to_owned(),
            paper: self.paper.to_owned(),
            baseline: self.baseline,
            ours: figure(self.of, spread.mean(), self.unit),
            spread,
            criterion: self.criterion.to_owned(),
            verdict: match options.quick {
                true => Verdict::quick(),
                false => Verdict::all_at_least(&self.values, self.threshold),
            },
            command: options.command("spacetime"),
        }
    }
}

fn figure(of: &str, value: f64, unit: &str) -> Figure {
    Figure {
        of: of.to_owned(),
        value,
        unit: unit.to_owned(),
    }
}

/// All findings of the experiment.
pub fn findings(measured: &Measured, options: &Options) -> Vec<Finding> {
    let drafts = [
        exact(measured, options),
        floor(measured, options),
        learned(measured, options),
        fast(measured),
        beats_s4d(measured, options),
        near_linear(measured, options),
        holds_longer(measured, options),
    ];
    drafts
        .into_iter()
        .map(|draft| draft.finish(options))
        .collect()
}

/// One value per seed from the trials of that seed; seeds without trials are left out.
fn per_seed<T>(
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
        claim: "A companion system with given coefficients is the AR(4) and AR(6) process: its closed loop continues them exactly.",
        paper: "proposition 1: companion matrices represent AR(p) exactly",
        baseline: Vec::new(),
        of: "SpaceTime layer in f64, correct digits after 20 steps, the worse order",
        unit: "digits",
        values: per_seed(&measured.autoregression, options, |it| it.seed, digits),
        threshold: 12.0,
        criterion: "at least 12 digits with every seed",
    }
}

fn floor(measured: &Measured, options: &Options) -> Draft {
    let least = |trials: &[&autoregression::Trial]| {
        let floors = trials.iter().map(|it| it.floor());
        floors.reduce(f64::min).map(|floor| 100.0 * floor)
    };
    Draft {
        claim: "No choice of the output vector of S4D-Lin gives the coefficients of an AR process: kernels repeat every 2 / dt samples, damped by 1 / e.",
        paper: "proposition 2: continuous-time systems cannot express noiseless AR(p)",
        baseline: vec![figure(
            "theory for dt = 0.1: 1 / e",
            100.0 * (-1.0_f64).exp(),
            "%",
        )],
        of: "S4D-Lin, N = 64, L = 256, dt = 0.1, least-squares residual, the better order",
        unit: "%",
        values: per_seed(&measured.autoregression, options, |it| it.seed, least),
        threshold: 30.0,
        criterion: "a residual of at least 30 % with every seed",
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
        claim: "Trained on one-step predictions of AR(4) and AR(6), a companion kernel rolls out better than S4D-Lin of the same state size.",
        paper: "SpaceTime fits processes that S4 and S4D fail on",
        baseline: vec![
            figure(
                "companion, relative rollout MSE, geometric mean",
                mean(0),
                "of the signal",
            ),
            figure("S4D-Lin, the same", mean(1), "of the signal"),
        ],
        of: "rollout MSE of S4D-Lin over that of the companion kernel, geometric mean of both orders",
        unit: "x",
        values: per_seed(&measured.autoregression, options, |it| it.seed, ratio),
        threshold: 1.0,
        criterion: "at least 1 with every seed",
    }
}

fn fast(measured: &Measured) -> Draft {
    let compared = |it: &&Timing| it.state == 128 && it.length == 8192;
    let ratio = |it: &Timing| it.dense.map(|dense| dense / it.fast);
    let of_128: Vec<&Timing> = measured.speed.iter().filter(|it| it.state == 128).collect();
    let mut baseline = Vec::new();
    if of_128.len() > 2 {
        let steep = slope(&of_128, |it| it.fast);
        baseline.push(figure(
            "slope of log time over log length, d = 128, fast",
            steep,
            "",
        ));
    }
    if let Some(it) = measured.speed.iter().find(compared) {
        let squaring = it.squaring.map_or(f64::NAN, |time| time / it.fast);
        baseline.push(figure(
            "repeated squaring over fast, d = 128, l = 8192",
            squaring,
            "x",
        ));
    }
    let worst = measured.speed.iter().map(|it| it.error).fold(0.0, f64::max);
    baseline.push(figure(
        "digits of the fast kernel, worst size",
        -worst.max(1e-16).log10(),
        "digits",
    ));
    Draft {
        claim: "The kernel costs about d + l by transforms instead of d^2 l by dense powers.",
        paper: "O(d + l) up to logarithms instead of O(d l)",
        baseline,
        of: "dense powers over fast, d = 128, l = 8192",
        unit: "x",
        values: measured
            .speed
            .iter()
            .filter(compared)
            .filter_map(ratio)
            .collect(),
        threshold: 10.0,
        criterion: "at least 10 times as fast",
    }
}

/// MSE of `model` on a series with a seed at reach number `reach`.
fn error(trials: &[&forecasting::Trial], model: &str, data: &str, reach: usize) -> Option<f64> {
    let found = trials
        .iter()
        .find(|it| it.model == model && it.data == data)?;
    Some(found.errors.get(reach)?.mse)
}

/// Geometric mean over the series of the other's MSE over SpaceTime's.
fn against(
    trials: &[&forecasting::Trial],
    other: impl Fn(&str) -> Option<f64>,
    reach: usize,
) -> Option<f64> {
    let quotient = |data: &str| Some(other(data)? / error(trials, SPACETIME, data, reach)?);
    let quotients: Vec<f64> = SETTINGS.iter().filter_map(|it| quotient(it.data)).collect();
    geometric(&quotients)
}

fn geometric(values: &[f64]) -> Option<f64> {
    let logs: f64 = values.iter().map(|value| value.ln()).sum();
    (!values.is_empty()).then(|| (logs / values.len() as f64).exp())
}

fn beats_s4d(measured: &Measured, options: &Options) -> Draft {
    let ratio = |other: &'static str| {
        per_seed(
            &measured.forecasting,
            options,
            |it| it.seed,
            |trials| against(trials, |data| error(trials, other, data, 0), 0),
        )
    };
    // Measured with one seed; seeds without it are left out.
    let plain = Spread::of(&ratio(PLAIN)).mean();
    Draft {
        claim: "At equal width and number of steps SpaceTime forecasts better than a stack of S4D layers.",
        paper: "ETTh1, univariate, horizon 720: S4 0.116 (from the S4 paper); SpaceTime best MSE on 14 of 16 Informer tasks",
        baseline: vec![figure(
            "without preprocessing over with it, MSE",
            plain,
            "x",
        )],
        of: "MSE of S4D over that of SpaceTime, geometric mean over the series",
        unit: "x",
        values: ratio(S4D),
        threshold: 1.0,
        criterion: "at least 1 with every seed",
    }
}

/// MSE of the baseline whose name begins so, on a series.
fn of_baseline(
    trials: &[&forecasting::Trial],
    name: &str,
    data: &str,
    reach: usize,
) -> Option<f64> {
    let trial = trials.iter().find(|it| it.data == data)?;
    let rows = trial.baselines.get(reach)?;
    Some(
        rows.iter()
            .find(|row| row.forecaster.starts_with(name))?
            .mse,
    )
}

fn near_linear(measured: &Measured, options: &Options) -> Draft {
    let ratio = |name: &'static str| {
        per_seed(
            &measured.forecasting,
            options,
            |it| it.seed,
            |trials| against(trials, |data| of_baseline(trials, name, data, 0), 0),
        )
    };
    let naive = Spread::of(&ratio("seasonal")).mean();
    Draft {
        claim: "SpaceTime is at or near the linear forecaster on the same windows.",
        paper: "not compared with NLinear, which is younger",
        baseline: vec![figure("seasonal naive over SpaceTime, MSE", naive, "x")],
        of: "MSE of NLinear (ridge) over that of SpaceTime, geometric mean over the series",
        unit: "x",
        values: ratio("NLinear"),
        threshold: 0.9,
        criterion: "at least 0.9 with every seed",
    }
}

fn holds_longer(measured: &Measured, options: &Options) -> Draft {
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
        claim: "Asked for 4 times the horizon it was trained for, the closed loop loses less than a stack of S4D layers that reads zeros there.",
        paper: "the closed loop forecasts horizons that it was not trained for",
        baseline: vec![
            figure(
                "SpaceTime, MSE at 4 times over MSE at the trained horizon",
                mean(&ours),
                "x",
            ),
            figure(
                "SpaceTime, the same at 2 times",
                mean(&grown(SPACETIME, 1)),
                "x",
            ),
            figure("S4D, at 4 times", mean(&other), "x"),
        ],
        of: "growth of S4D's MSE over growth of SpaceTime's at 4 times the horizon",
        unit: "x",
        values: ours
            .iter()
            .zip(&other)
            .map(|(ours, other)| other / ours)
            .collect(),
        threshold: 1.0,
        criterion: "at least 1 with every seed",
    }
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
