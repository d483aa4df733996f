//! From measurements to findings: the sentences, their bounds, the plot.

use resolvent_learn::plot::{LinePlot, Series};

use super::convergence::{FREQUENCIES, Gap};
use super::{CLAIM, CONTROLS, STRUCTURED};
use crate::claim::Options;
use crate::report::{Bound, Draft, Figure, Finding, Spread};
use crate::s4::{Start, Trial, accuracies};

pub(super) fn findings(gaps: &[Gap], trials: &[Trial], options: &Options) -> Vec<Finding> {
    let drafts = [
        converges(gaps),
        not_uniformly(gaps),
        alike(trials),
        beat_controls(trials),
    ];
    let finish = |draft: Draft| draft.finish(CLAIM.slug, options);
    drafts.into_iter().map(finish).collect()
}

/// Slope of log(distance) over log(state) between the first state of at least 64 and the last.
fn slope(gaps: &[Gap], index: usize) -> f64 {
    let from = gaps.iter().find(|it| it.state >= 64).or(gaps.first());
    let (Some(from), Some(to)) = (from, gaps.last()) else {
        return f64::NAN;
    };
    (to.at[index] / from.at[index]).ln() / (to.state as f64 / from.state as f64).ln()
}

fn converges(gaps: &[Gap]) -> Draft {
    let kernel = |it: &Gap| {
        Figure::new(
            format!(
                "N {}, difference of sampled kernels (root mean square)",
                it.state
            ),
            it.kernel,
            "per unit of time",
        )
    };
    let deviation = |index: usize| (slope(gaps, index) + 1.0).abs();
    Draft {
        claim: "At fixed frequencies S4D-LegS tends to S4-LegS like 1 / N.".into(),
        paper: "the diagonal system converges to S4 as N grows (theorem 3 of the paper; the rate was found here)".into(),
        baseline: gaps.iter().map(kernel).collect(),
        ours: "deviation from -1 of the slope of log distance over log N, N = 64 to 512, at w = 1, 5, 20".into(),
        unit: "of slope",
        values: (0..FREQUENCIES.len()).map(deviation).collect(),
        bound: Bound::AtMost(0.2),
    }
}

fn not_uniformly(gaps: &[Gap]) -> Draft {
    let one = |it: &Gap| Figure {
        of: format!("N {}, largest distance at an eigenfrequency", it.state),
        value: it.largest,
        unit: String::new(),
    };
    let growth = gaps
        .windows(2)
        .map(|pair| pair[1].largest / pair[0].largest);
    Draft {
        claim: "The convergence is not uniform: the largest distance over the eigenfrequencies does not shrink as N doubles.".into(),
        paper: "no convergence in the operator norm (Yu et al. 2023, theorem 2)".into(),
        baseline: gaps.iter().map(one).collect(),
        ours: "largest distance over that of half the state".into(),
        unit: "x",
        values: growth.collect(),
        bound: Bound::AtLeast(1.0),
    }
}

fn per_seed(trials: &[Trial], starts: &[Start], pick: fn(f64, f64) -> f64) -> Vec<f64> {
    let all: Vec<Vec<f64>> = starts
        .iter()
        .map(|it| accuracies(trials, &it.name()))
        .collect();
    let seeds = all.iter().map(Vec::len).min().unwrap_or(0);
    let over = |seed: usize| {
        all.iter()
            .map(|it| it[seed])
            .reduce(pick)
            .unwrap_or(f64::NAN)
    };
    (0..seeds).map(over).collect()
}

fn beside(trials: &[Trial], starts: &[Start]) -> Vec<Figure> {
    let one = |start: &Start| {
        let name = start.name();
        let mean = Spread::of(&accuracies(trials, &name)).mean();
        Figure::percent(format!("{name}, accuracy"), mean)
    };
    starts.iter().map(one).collect()
}

fn alike(trials: &[Trial]) -> Draft {
    let best = per_seed(trials, &STRUCTURED, f64::max);
    let worst = per_seed(trials, &STRUCTURED, f64::min);
    Draft {
        claim: "LegS, Inv and Lin do about equally well (untrained states, early template).".into(),
        paper: "within about one point of each other on most tasks".into(),
        baseline: beside(trials, &STRUCTURED),
        ours: "best minus worst of the three, percentage points of accuracy".into(),
        unit: "points",
        values: best.iter().zip(&worst).map(|(a, b)| a - b).collect(),
        bound: Bound::AtMost(2.0),
    }
}

fn beat_controls(trials: &[Trial]) -> Draft {
    let worst = per_seed(trials, &STRUCTURED, f64::min);
    let controls = per_seed(trials, &CONTROLS, f64::max);
    Draft {
        claim: "Each of them beats real, random and scaled frequencies clearly.".into(),
        paper: "random or scaled imaginary parts hurt, real ones more".into(),
        baseline: beside(trials, &CONTROLS),
        ours: "worst of LegS, Inv, Lin minus best of the others, percentage points of accuracy"
            .into(),
        unit: "points",
        values: worst.iter().zip(&controls).map(|(a, b)| a - b).collect(),
        bound: Bound::AtLeast(5.0),
    }
}

/// Distance against the size of the state, one line per frequency.
pub(super) fn plot(gaps: &[Gap], quick: bool) -> LinePlot {
    let line = |(index, w): (usize, &f64)| {
        let points = gaps.iter().map(|it| (it.state as f64, it.at[index]));
        Series::new(format!("w = {w}"), points.collect())
    };
    let mut series: Vec<Series> = FREQUENCIES.iter().enumerate().map(line).collect();
    let largest = gaps.iter().map(|it| (it.state as f64, it.largest));
    series.push(Series::new(
        "largest, at an eigenfrequency",
        largest.collect(),
    ));
    let smoke = if quick { " (smoke run)" } else { "" };
    LinePlot {
        title: format!("Distance of S4D-LegS from S4-LegS{smoke}"),
        x_label: "state size N".into(),
        y_label: "|G_diagonal - G_S4|, first basis function".into(),
        series,
        log_x: true,
        log_y: true,
        ..LinePlot::default()
    }
}
