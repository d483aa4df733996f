//! From measurements to findings: the sentences, their criteria, the plot.

use resolvent_learn::plot::{LinePlot, ReferenceLine, Series};

use super::contest::{ATTENTION, LONGEST_FOR_ATTENTION, MIXERS, SELECTIVE, TWIN, Trial};
use crate::claim::Options;
use crate::report::{Figure, Finding, Spread, Verdict};

/// Accuracy that counts as solved, in percent.
const SOLVED: f64 = 95.0;
/// Difference that counts as clear, in percentage points.
const CLEAR: f64 = 20.0;
/// Loss of accuracy that counts as a collapse, in percentage points.
const COLLAPSE: f64 = 50.0;
/// Length of the longest training sequences.
const TRAINED: usize = 256;
/// Times the training length to which accuracy must stay.
const REACH: usize = 64;

/// All findings of the experiment.
pub fn findings(copying: &[Trial], induction: &[Trial], options: &Options) -> Vec<Finding> {
    let drafts = [
        solves(copying),
        needs_selection(copying),
        extrapolates(induction),
        attention_collapses(induction),
    ];
    drafts
        .into_iter()
        .map(|draft| draft.finish(options))
        .collect()
}

/// A finding without what is the same for all.
struct Draft {
    claim: &'static str,
    paper: &'static str,
    baseline: Vec<Figure>,
    ours: String,
    values: Vec<f64>,
    threshold: f64,
    criterion: String,
}

impl Draft {
    fn finish(self, options: &Options) -> Finding {
        let spread = Spread::of(&self.values);
        let verdict = match options.quick {
            true => Verdict::quick(),
            false => Verdict::all_at_least(&self.values, self.threshold),
        };
        let measured = match self.values.is_empty() {
            true => format!("{}: not measured", self.ours),
            false => self.ours,
        };
        Finding {
            claim: self.claim.to_owned(),
            paper: self.paper.to_owned(),
            baseline: self.baseline,
            ours: Figure::percent(measured, spread.mean()),
            spread,
            criterion: self.criterion,
            verdict,
            command: options.command("mamba"),
        }
    }
}

fn solves(trials: &[Trial]) -> Draft {
    let measure = |trial: &Trial| trial.at(TRAINED);
    Draft {
        claim: "A selective model of two blocks solves selective copying (length 256, 16 tokens to memorise, vocabulary 16).",
        paper: "97 to 99.8 % for selective models (Mamba-1, length 4096)",
        baseline: beside(trials, SELECTIVE, "accuracy", measure),
        ours: format!("{SELECTIVE}, accuracy"),
        values: values(trials, SELECTIVE, measure),
        threshold: SOLVED,
        criterion: format!("at least {SOLVED} % with every seed"),
    }
}

fn needs_selection(trials: &[Trial]) -> Draft {
    let measure = |trial: &Trial| trial.at(TRAINED);
    let selective = values(trials, SELECTIVE, measure);
    let twin = values(trials, TWIN, measure);
    let gaps = selective.iter().zip(&twin).map(|(one, other)| one - other);
    Draft {
        claim: "The same block with step size, B and C independent of the input does clearly worse on selective copying.",
        paper: "time-invariant models 18 % (S4) and 28 to 57 % (gated), selective ones 97 to 99.8 %",
        baseline: beside(trials, SELECTIVE, "accuracy", measure)
            .into_iter()
            .filter(|figure| figure.of.starts_with(TWIN))
            .collect(),
        ours: format!("{SELECTIVE} minus {TWIN}, percentage points of accuracy"),
        values: gaps.collect(),
        threshold: CLEAR,
        criterion: format!("at least {CLEAR} points between the two with every seed"),
    }
}

fn extrapolates(trials: &[Trial]) -> Draft {
    let reach = REACH * TRAINED;
    let measure = |trial: &Trial| lowest(trial, reach);
    Draft {
        claim: "Trained on induction heads at length 256, a selective model stays accurate to at least 64 times that length.",
        paper: "100 % from 64 to 1,048,576 (4096 times the training length)",
        baseline: beside(
            trials,
            SELECTIVE,
            "lowest accuracy measured from 64 to 16,384",
            measure,
        ),
        ours: format!("{SELECTIVE}, lowest accuracy measured from 64 to 16,384"),
        values: values(trials, SELECTIVE, measure),
        threshold: SOLVED,
        criterion: format!(
            "at least {SOLVED} % at every length from 64 to {reach} with every seed"
        ),
    }
}

fn attention_collapses(trials: &[Trial]) -> Draft {
    let measure = |trial: &Trial| Some(trial.at(TRAINED)? - trial.at(LONGEST_FOR_ATTENTION)?);
    let what = "accuracy at 256 minus accuracy at 4096, percentage points";
    Draft {
        claim: "Attention, trained the same way, collapses beyond its training length.",
        paper: "no attention model stays accurate beyond about twice its training length",
        baseline: beside(trials, ATTENTION, what, measure),
        ours: format!("{ATTENTION}, {what}"),
        values: values(trials, ATTENTION, measure),
        threshold: COLLAPSE,
        criterion: format!("at least {COLLAPSE} points lost with every seed"),
    }
}

/// Lowest accuracy at lengths up to `longest`.
fn lowest(trial: &Trial, longest: usize) -> Option<f64> {
    let measured = trial.accuracy.iter().filter(|it| it.length <= longest);
    measured.map(|it| it.percent).reduce(f64::min)
}

/// The measure for every seed of a mixer; seeds without it are left out.
fn values(trials: &[Trial], mixer: &str, measure: impl Fn(&Trial) -> Option<f64>) -> Vec<f64> {
    let own = trials.iter().filter(|trial| trial.mixer == mixer);
    own.filter_map(measure).collect()
}

/// The mean of the measure over the seeds for all mixers but `mixer`; those without it are left out.
fn beside(
    trials: &[Trial],
    mixer: &str,
    what: &str,
    measure: impl Fn(&Trial) -> Option<f64>,
) -> Vec<Figure> {
    let others = MIXERS.iter().filter(|other| **other != mixer);
    others
        .filter_map(|other| {
            let own = values(trials, other, &measure);
            let mean = Spread::of(&own).mean();
            (!own.is_empty()).then(|| Figure::percent(format!("{other}, {what}"), mean))
        })
        .collect()
}

/// Accuracy against length, mean over the seeds, one line per mixer.
pub fn plot(induction: &[Trial], quick: bool) -> LinePlot {
    let line = |mixer: &&str| {
        let own: Vec<&Trial> = induction.iter().filter(|it| it.mixer == *mixer).collect();
        let lengths = own.first().map(|trial| trial.accuracy.as_slice());
        let point = |length: usize| {
            let per_seed: Vec<f64> = own.iter().filter_map(|trial| trial.at(length)).collect();
            (length as f64, Spread::of(&per_seed).mean())
        };
        let points = lengths.unwrap_or_default().iter();
        Series::new(*mixer, points.map(|it| point(it.length)).collect())
    };
    let smoke = if quick { " (smoke run)" } else { "" };
    LinePlot {
        title: format!("Induction heads: accuracy by sequence length{smoke}"),
        x_label: "sequence length (tokens; trained up to 256)".to_owned(),
        y_label: "accuracy (%), mean over seeds".to_owned(),
        series: MIXERS.iter().map(line).collect(),
        log_x: true,
        log_y: false,
        reference_lines: vec![ReferenceLine {
            name: "chance".to_owned(),
            y: 100.0 / 16.0,
        }],
    }
}
