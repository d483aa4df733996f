//! From measurements to findings: the sentences, their bounds, the plot.

use resolvent_learn::plot::{LinePlot, ReferenceLine, Series};

use super::kernel::{Cost, Footprint, Modes};
use super::{CLAIM, Trial};
use crate::claim::Options;
use crate::report::{Bound, Draft, Figure, Finding, Spread};

pub(super) fn findings(
    footprint: &Footprint,
    costs: &[Cost],
    modes: &[Modes],
    trials: &[Trial],
    options: &Options,
) -> Vec<Finding> {
    let drafts = [
        exact(costs),
        fast(costs),
        small(footprint),
        agree(modes),
        remembers(trials),
    ];
    let finish = |draft: Draft| draft.finish(CLAIM.slug, options);
    drafts.into_iter().map(finish).collect()
}

fn exact(costs: &[Cost]) -> Draft {
    Draft {
        claim: "The kernel by Cauchy sums and Woodbury's identity equals dense powers.".into(),
        paper: "exact in exact arithmetic".into(),
        baseline: Vec::new(),
        ours: "-log10 of the largest difference relative to the largest value, every size".into(),
        unit: "digits",
        values: costs.iter().map(|it| -it.error.log10()).collect(),
        bound: Bound::AtLeast(10.0),
    }
}

fn fast(costs: &[Cost]) -> Draft {
    let large = costs.last();
    let ratio = |it: &Cost| it.dense / it.cauchy;
    let one = |it: &Cost| Figure::new(format!("N {}, L {}", it.state, it.length), ratio(it), "x");
    let others = costs.len().saturating_sub(1);
    Draft {
        claim:
            "At N = 256 and L = 16,384 it takes at most a twentieth of the time of dense powers."
                .into(),
        paper: "O(N + L) up to logarithms instead of O(N^2 L)".into(),
        baseline: costs[..others].iter().map(one).collect(),
        ours: "time of dense powers over time of the kernel from C, N 256, L 16,384".into(),
        unit: "x",
        values: large.map(ratio).into_iter().collect(),
        bound: Bound::AtLeast(20.0),
    }
}

fn small(footprint: &Footprint) -> Draft {
    let least = (8 * (footprint.state + footprint.length)) as f64;
    let all = (16 * (footprint.state / 2) * footprint.length) as f64;
    Draft {
        claim: "It needs memory for N + L numbers and not for N L.".into(),
        paper: "O(N + L) memory".into(),
        baseline: vec![Figure::new(
            "a stored Vandermonde or Cauchy matrix of N / 2 x L complex numbers",
            all / least,
            "times 8 (N + L) bytes",
        )],
        ours: format!(
            "growth of the peak at N {}, L {}",
            footprint.state, footprint.length
        ),
        unit: "times 8 (N + L) bytes",
        values: footprint
            .bytes
            .map(|it| it as f64 / least)
            .into_iter()
            .collect(),
        bound: Bound::AtMost(16.0),
    }
}

fn agree(modes: &[Modes]) -> Draft {
    let digits = |it: f64| -it.max(f64::MIN_POSITIVE).log10();
    let both = modes.iter().map(|it| digits(it.structured.max(it.dense)));
    Draft {
        claim: "The convolution, the recurrence in O(N) and the dense recurrence are one map."
            .into(),
        paper: "the two views of a state space".into(),
        baseline: Vec::new(),
        ours: "-log10 of the largest difference of outputs relative to the largest output".into(),
        unit: "digits",
        values: both.collect(),
        bound: Bound::AtLeast(9.0),
    }
}

/// Accuracies of an initialisation, one per seed.
pub(crate) fn accuracies(trials: &[Trial], start: &str) -> Vec<f64> {
    let own = trials.iter().filter(|it| it.start == start);
    own.map(|it| it.accuracy).collect()
}

fn remembers(trials: &[Trial]) -> Draft {
    let random = ["random dense", "s4d-rand"];
    let beside = ["hippo-legs", "random dense", "s4d-rand"].map(|start| {
        Figure::percent(
            format!("{start}, accuracy"),
            Spread::of(&accuracies(trials, start)).mean(),
        )
    });
    let gaps = accuracies(trials, "hippo-legs").into_iter().enumerate();
    let gap = |(seed, own): (usize, f64)| {
        let others = random.map(|start| accuracies(trials, start)[seed]);
        own - others[0].max(others[1])
    };
    Draft {
        claim: "Untrained states of HiPPO-LegS tell an early template from the last sample better than random ones.".into(),
        paper: "random initialisation 15 points and more below HiPPO (sequential CIFAR, trained)".into(),
        baseline: beside.to_vec(),
        ours: "accuracy of hippo-legs minus that of the better random matrix, percentage points".into(),
        unit: "points",
        values: gaps.map(gap).collect(),
        bound: Bound::AtLeast(10.0),
    }
}

/// Ratio of times against the length, one line per state size.
pub(super) fn plot(costs: &[Cost], quick: bool) -> LinePlot {
    let mut states: Vec<usize> = costs.iter().map(|it| it.state).collect();
    states.dedup();
    let line = |state: &usize| {
        let own = costs.iter().filter(|it| it.state == *state);
        let points = own.map(|it| (it.length as f64, it.dense / it.cauchy));
        Series::new(format!("N = {state}"), points.collect())
    };
    let smoke = if quick { " (smoke run)" } else { "" };
    LinePlot {
        title: format!("S4 kernel by Cauchy sums: times faster than dense powers{smoke}"),
        x_label: "length of the kernel".into(),
        y_label: "time of dense powers / time of ours".into(),
        series: states.iter().map(line).collect(),
        log_x: true,
        log_y: true,
        reference_lines: vec![ReferenceLine {
            name: "20 x".into(),
            y: 20.0,
        }],
    }
}
