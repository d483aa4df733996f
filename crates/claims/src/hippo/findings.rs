//! From measurements to findings: the sentences, their bounds, the plot.

use resolvent_learn::plot::{LinePlot, ReferenceLine, Series};

use super::CLAIM;
use super::memory::{Memory, REACH};
use super::scale::{Delay, Stretch};
use super::timescale::Law;
use crate::claim::Options;
use crate::report::{Bound, Draft, Figure, Finding, Spread};

/// Length of the windows of LegT and FouT.
const WINDOW: f64 = 2.0;

pub(super) fn findings(
    law: &[Law],
    memories: &[Memory],
    scales: &[Stretch],
    delays: &[Delay],
    options: &Options,
) -> Vec<Finding> {
    let drafts = [
        sharp_optimum(law),
        beats_random(law),
        window_redrawn(memories),
        legs_improves(memories),
        invariant(scales),
        legt_delays(delays),
        fout_converges(delays),
    ];
    let finish = |draft: Draft| draft.finish(CLAIM.slug, options);
    drafts.into_iter().map(finish).collect()
}

/// The best error of a system, the mean over its seeds.
fn best(law: &[Law], system: &str) -> Vec<f64> {
    let own = law.iter().filter(|it| it.system == system);
    own.map(|it| it.best().1).collect()
}

fn beside(law: &[Law], systems: &[&str]) -> Vec<Figure> {
    let one = |system: &&str| {
        let of = format!("{system}, log10 error at its best step size");
        Figure::new(of, Spread::of(&best(law, system)).mean(), "decades")
    };
    systems.iter().map(one).collect()
}

fn sharp_optimum(law: &[Law]) -> Draft {
    let windowed = law
        .iter()
        .filter(|it| ["legt", "fout"].contains(&it.system.as_str()));
    Draft {
        claim: "A delay is remembered best by LegT and FouT when step size times lag is the window, by a sharp margin.".into(),
        paper: "finite-window methods with step size 2 / lag win by orders of magnitude".into(),
        baseline: beside(law, &["legt", "fout", "legs"]),
        ours: "log10 error at the best other step size minus that at step size 2 / lag (LegT, FouT)".into(),
        unit: "decades",
        values: windowed.map(|it| it.lead_at(WINDOW)).collect(),
        bound: Bound::AtLeast(0.5),
    }
}

fn beats_random(law: &[Law]) -> Draft {
    let structured = ["legt", "fout"].map(|it| Spread::of(&best(law, it)).max);
    let weaker = structured[0].max(structured[1]);
    let gaps = best(law, "rand").into_iter().map(|random| random - weaker);
    Draft {
        claim: "No step size lets a random diagonal matrix remember the delay as LegT and FouT do.".into(),
        paper: "unstructured matrices fail the Delay task".into(),
        baseline: beside(law, &["rand", "real", "inv", "lin", "legs"]),
        ours: "log10 error of rand minus that of the weaker of LegT and FouT, each at its best step size".into(),
        unit: "decades",
        values: gaps.collect(),
        bound: Bound::AtLeast(1.5),
    }
}

fn largest(memories: &[Memory], family: &str) -> Vec<Memory> {
    let most = memories.iter().map(|it| it.state).max().unwrap_or(0);
    let own = memories
        .iter()
        .filter(|it| it.family == family && it.state == most);
    own.cloned().collect()
}

fn window_redrawn(memories: &[Memory]) -> Draft {
    let share = |family: &str, until: f64| -> Vec<f64> {
        largest(memories, family)
            .iter()
            .map(|it| it.share(until))
            .collect()
    };
    let four = |family: &&str| {
        let of =
            format!("{family}, share of the last {REACH} memories redrawn with at most 10 % error");
        Figure::new(of, Spread::of(&share(family, REACH as f64)).mean(), "%")
    };
    Draft {
        claim: "LegT redraws the whole of its window from the state (64 elements, five periods in the window).".into(),
        paper: "the state is the best approximation of the window in the basis".into(),
        baseline: ["legt", "fout", "legs", "lagt"].iter().map(four).collect(),
        ours: "share of the window redrawn with at most 10 % error".into(),
        unit: "%",
        values: share("legt", 1.0),
        bound: Bound::AtLeast(90.0),
    }
}

fn legs_improves(memories: &[Memory]) -> Draft {
    let mut states: Vec<usize> = memories.iter().map(|it| it.state).collect();
    states.sort_unstable();
    states.dedup();
    let errors = |state: usize| -> Vec<f64> {
        let own = memories
            .iter()
            .filter(|it| it.family == "legs" && it.state == state);
        own.map(|it| 100.0 * it.weighted).collect()
    };
    let one = |&state: &usize| {
        let of = format!("legs, state {state}, weighted error");
        Figure::new(of, Spread::of(&errors(state)).mean(), "%")
    };
    // With every seed, the largest ratio of one error to that of half the state.
    let rise = |index: usize| {
        let pairs = states.windows(2);
        let ratios = pairs.map(|pair| 100.0 * errors(pair[1])[index] / errors(pair[0])[index]);
        ratios.fold(0.0, f64::max)
    };
    let seeds = errors(states.last().copied().unwrap_or(0)).len();
    Draft {
        claim: "LegS redraws the past under its weight exp(-age) the better the larger the state."
            .into(),
        paper: "the error of the projection falls with the state".into(),
        baseline: states.iter().map(one).collect(),
        ours: "largest error in percent of that with half the state (4 to 64 elements)".into(),
        unit: "%",
        values: (0..seeds).map(rise).collect(),
        bound: Bound::AtMost(95.0),
    }
}

fn invariant(scales: &[Stretch]) -> Draft {
    let fixed: Vec<f64> = scales.iter().map(|it| it.fixed).collect();
    Draft {
        claim: "LegS divided by time holds the same state when the same signal comes 2 or 4 times slower.".into(),
        paper: "timescale equivariance of HiPPO-LegS (no step size)".into(),
        baseline: vec![Figure::new(
            "LegS with a fixed step size, change of the state",
            Spread::of(&fixed).mean(),
            "%",
        )],
        ours: "change of the state".into(),
        unit: "%",
        values: scales.iter().map(|it| it.varying).collect(),
        bound: Bound::AtMost(2.0),
    }
}

fn legt_delays(delays: &[Delay]) -> Draft {
    let own = delays.iter().filter(|it| it.family == "legt");
    Draft {
        claim: "LegT is the Pade approximation of a delay: with 64 elements exact to rounding for frequencies up to 10.".into(),
        paper: "exact up to the order of the approximation".into(),
        baseline: Vec::new(),
        ours: "-log10 of the largest |G(iw) - exp(-2iw)|".into(),
        unit: "digits",
        values: own.map(|it| -it.error.log10()).collect(),
        bound: Bound::AtLeast(12.0),
    }
}

fn fout_converges(delays: &[Delay]) -> Draft {
    let own: Vec<&Delay> = delays.iter().filter(|it| it.family == "fout").collect();
    let halves = own.windows(2).map(|pair| {
        let ratio = pair[0].error / pair[1].error;
        100.0 * (ratio / 2.0 - 1.0).abs()
    });
    let one = |it: &&Delay| {
        Figure::new(
            format!("fout, state {}, largest error", it.state),
            it.error,
            "",
        )
    };
    Draft {
        claim: "The error of FouT as a delay falls as 1 / N.".into(),
        paper: "FouT approximates the delay (HTTYH gives no rate)".into(),
        baseline: own.iter().map(one).collect(),
        ours: "deviation of the error ratio from 2 at each doubling of the state".into(),
        unit: "%",
        values: halves.collect(),
        bound: Bound::AtMost(20.0),
    }
}

/// Error against age, mean over the seeds, one line per basis.
pub(super) fn plot(memories: &[Memory], quick: bool) -> LinePlot {
    let line = |family: &&str| {
        let own = largest(memories, family);
        let point = |(bin, (age, _)): (usize, (f64, f64))| {
            let values: Vec<f64> = own.iter().map(|it| it.errors[bin]).collect();
            let mean = Spread::of(&values).mean();
            (age, (100.0 * mean).clamp(1e-6, 1e4))
        };
        let bins = own.iter().take(1).flat_map(|it| it.by_age()).enumerate();
        Series::new(*family, bins.map(point).collect())
    };
    let smoke = if quick { " (smoke run)" } else { "" };
    LinePlot {
        title: format!("The past redrawn from a state of 64: error by age{smoke}"),
        x_label: "age (memories: window, or timescale of LegS)".into(),
        y_label: "error (% of the signal)".into(),
        series: ["legt", "fout", "legs", "lagt"].iter().map(line).collect(),
        log_x: false,
        log_y: true,
        reference_lines: vec![ReferenceLine {
            name: "10 %".into(),
            y: 10.0,
        }],
    }
}
