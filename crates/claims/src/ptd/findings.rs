//! From measurements to findings: the sentences, their bounds, the plot.

use resolvent_learn::plot::{LinePlot, ReferenceLine, Series};

use super::CLAIM;
use super::noise::{SYSTEMS, Trial};
use super::transfer::Transfer;
use crate::claim::Options;
use crate::report::{Bound, Draft, Figure, Finding, Spread};

pub(super) fn findings(
    transfers: &[Transfer],
    sizes: &[Transfer],
    trials: &[Trial],
    options: &Options,
) -> Vec<Finding> {
    let drafts = [
        breaks(trials),
        holds(trials),
        close(transfers),
        far(transfers),
        stable(transfers),
        trade_off(sizes),
    ];
    let finish = |draft: Draft| draft.finish(CLAIM.slug, options);
    drafts.into_iter().map(finish).collect()
}

/// Points lost at the spike, one value per seed.
fn lost(trials: &[Trial], system: &str) -> Vec<f64> {
    let own = trials.iter().filter(|it| it.system == system);
    own.map(|it| it.clean - it.at_spike).collect()
}

/// Mean accuracies of all systems.
fn accuracies(trials: &[Trial], what: &str, of: fn(&Trial) -> f64) -> Vec<Figure> {
    let one = |system: &&str| {
        let own = trials.iter().filter(|it| it.system == *system);
        let values: Vec<f64> = own.map(of).collect();
        Figure::percent(format!("{system}, {what}"), Spread::of(&values).mean())
    };
    SYSTEMS.iter().map(one).collect()
}

fn breaks(trials: &[Trial]) -> Draft {
    let mut baseline = accuracies(trials, "clean", |it| it.clean);
    baseline.extend(accuracies(trials, "sinusoid at the spike", |it| {
        it.at_spike
    }));
    baseline.extend(accuracies(trials, "white noise", |it| it.white));
    Draft {
        claim: "A sinusoid of 10 % at the highest eigenfrequency of the normal part breaks S4D."
            .into(),
        paper: "S4D collapses under sinusoidal noise at its spikes (sequential CIFAR)".into(),
        baseline,
        ours: "s4d, accuracy lost at the spike".into(),
        unit: "points",
        values: lost(trials, "s4d"),
        bound: Bound::AtLeast(20.0),
    }
}

fn holds(trials: &[Trial]) -> Draft {
    let (full, perturbed) = (lost(trials, "s4"), lost(trials, "s4-ptd"));
    Draft {
        claim: "The same noise does nothing to S4 and to S4-PTD.".into(),
        paper: "S4 and S4-PTD hold".into(),
        baseline: accuracies(trials, "sinusoid at the spike", |it| it.at_spike),
        ours: "larger loss of accuracy of s4 and s4-ptd at the spike".into(),
        unit: "points",
        values: full
            .iter()
            .zip(&perturbed)
            .map(|(a, b)| a.max(*b))
            .collect(),
        bound: Bound::AtMost(3.0),
    }
}

fn close(transfers: &[Transfer]) -> Draft {
    let one = |it: &Transfer| {
        Figure::new(
            format!("N {}, epsilon {}, seed {}", it.state, it.epsilon, it.seed),
            it.perturbed,
            "distance",
        )
    };
    let large = transfers.iter().filter(|it| it.state >= 64);
    Draft {
        claim: "The transfer function of PTD stays within 0.8 epsilon of that of S4 at all frequencies, spikes included.".into(),
        paper: "at most (2 ln N + 4) epsilon in the paper's normalisation, so that it converges as epsilon falls".into(),
        baseline: large.map(one).collect(),
        ours: "largest |G_PTD - G_S4| / epsilon, for N = 16 to 128, epsilon 0.1 and 0.5".into(),
        unit: "epsilon",
        values: transfers.iter().map(|it| it.perturbed / it.epsilon).collect(),
        bound: Bound::AtMost(0.8),
    }
}

fn far(transfers: &[Transfer]) -> Draft {
    let most = transfers.iter().map(|it| it.state).max().unwrap_or(0);
    let least = transfers.iter().map(|it| it.state).min().unwrap_or(0);
    let at = |state: usize| -> Vec<f64> {
        let own = transfers
            .iter()
            .filter(|it| it.state == state && it.epsilon < 0.3);
        own.map(|it| it.diagonal).collect()
    };
    let growth = at(most)
        .into_iter()
        .zip(at(least))
        .map(|(large, small)| large / small);
    let one = |&state: &usize| {
        Figure::new(
            format!("N {state}, largest |G_S4D - G_S4|"),
            Spread::of(&at(state)).mean(),
            "distance",
        )
    };
    Draft {
        claim: "That of S4D does not converge: its largest distance from S4 is not smaller with the largest state than with the smallest.".into(),
        paper: "spikes at the eigenfrequencies, no convergence in the operator norm".into(),
        baseline: [least, most].iter().map(one).collect(),
        ours: "distance at the largest state over that at the smallest".into(),
        unit: "x",
        values: growth.collect(),
        bound: Bound::AtLeast(1.0),
    }
}

fn stable(transfers: &[Transfer]) -> Draft {
    Draft {
        claim: "Perturbations of norm up to 0.5 leave every eigenvalue stable.".into(),
        paper: "not stated; LegS is 0.53 or more from instability for every N tried".into(),
        baseline: Vec::new(),
        ours: "unstable eigenvalues, for N = 16 to 128".into(),
        unit: "eigenvalues",
        values: transfers.iter().map(|it| it.unstable as f64).collect(),
        bound: Bound::AtMost(0.0),
    }
}

fn trade_off(sizes: &[Transfer]) -> Draft {
    let mean = |epsilon: f64, of: fn(&Transfer) -> f64| {
        let own = sizes.iter().filter(|it| it.epsilon == epsilon);
        Spread::of(&own.map(of).collect::<Vec<_>>()).mean()
    };
    let seeds: Vec<u64> = sizes
        .iter()
        .filter(|it| it.epsilon == 0.5)
        .map(|it| it.seed)
        .collect();
    let condition = |seed: u64, epsilon: f64| {
        let own = sizes
            .iter()
            .find(|it| it.seed == seed && it.epsilon == epsilon);
        own.map_or(f64::NAN, |it| it.condition)
    };
    let slope = |seed: u64| {
        let fall = condition(seed, 0.5) / condition(seed, 0.05);
        (fall.ln() / 10.0_f64.ln() + 1.0).abs()
    };
    let mut baseline = Vec::new();
    for epsilon in [0.02, 0.05, 0.1, 0.25, 0.5, 2.6, 26.0] {
        let mut add = |what: &str, value: f64, unit: &str| {
            baseline.push(Figure {
                of: format!("epsilon {epsilon}, {what}"),
                value,
                unit: unit.to_owned(),
            });
        };
        add(
            "condition of the eigenvectors",
            mean(epsilon, |it| it.condition),
            "",
        );
        add(
            "largest |G_PTD - G_S4|",
            mean(epsilon, |it| it.perturbed),
            "",
        );
        add(
            "unstable eigenvalues",
            mean(epsilon, |it| it.unstable as f64),
            "of N",
        );
    }
    Draft {
        claim: "The size of the perturbation trades accuracy against conditioning: the condition number of the eigenvectors falls as 1 / epsilon.".into(),
        paper: "condition number at most a polynomial of N over epsilon for random perturbations".into(),
        baseline,
        ours: "deviation from -1 of the slope of log condition over log epsilon, epsilon 0.05 to 0.5".into(),
        unit: "of slope",
        values: seeds.into_iter().map(slope).collect(),
        bound: Bound::AtMost(0.4),
    }
}

/// Accuracy against the angle of the sinusoid, mean over the seeds, one line per system.
pub(super) fn plot(trials: &[Trial], quick: bool) -> LinePlot {
    let line = |system: &&str| {
        let own: Vec<&Trial> = trials.iter().filter(|it| it.system == *system).collect();
        let count = own.first().map_or(0, |it| it.sweep.len());
        let point = |k: usize| {
            let values: Vec<f64> = own.iter().map(|it| it.sweep[k].1).collect();
            (own[0].sweep[k].0, Spread::of(&values).mean())
        };
        Series::new(*system, (0..count).map(point).collect())
    };
    let smoke = if quick { " (smoke run)" } else { "" };
    LinePlot {
        title: format!("Accuracy under a sinusoid of 10 %, by its frequency{smoke}"),
        x_label: "frequency (radians per sample)".into(),
        y_label: "accuracy (%), mean over seeds".into(),
        series: SYSTEMS.iter().map(line).collect(),
        reference_lines: vec![ReferenceLine {
            name: "chance".into(),
            y: 10.0,
        }],
        ..LinePlot::default()
    }
}
