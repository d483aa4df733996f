//! S4: the kernel of a dense-looking matrix at the cost of a diagonal one.
//!
//! See the folder's README for what is claimed and how it is tested.
//!
//! Source: A. Gu, K. Goel, C. Re, "Efficiently Modeling Long Sequences with Structured State Spaces",
//! 2021, arXiv 2111.00396.

mod findings;
mod kernel;
mod memory_task;

use serde_json::json;

use crate::claim::{Claim, Options, Progress};
use crate::error::ClaimError;
use crate::fixed_states::recorder::Recorder;
use crate::report::Report;

pub(crate) use findings::accuracies;
pub use memory_task::{Start, Trial, measure as measure_memory};

/// The claims of `s4`.
pub const CLAIM: Claim = Claim {
    slug: "s4",
    about: "exactness and cost of the kernel, its two modes, what the initialisation remembers",
    run,
};

/// What a reader of the report must know.
const NOTES: [&str; 5] = [
    "Times are the best of several on one thread, dense powers and Cauchy sums in the same run; dense powers take one matrix-vector product per lag.",
    "Memory is the growth of the process's peak (VmHWM) while one kernel of length 1,048,576 is made, before anything else is run; where an earlier peak hides it, nothing is decided.",
    "The initialisation is judged without training: all states of 8 channels at the last sample, read by damped least squares. The paper trains its matrices; the trained ablation was not run.",
    "The task is made here: ten smooth templates in the first third of 1024 samples, smooth noise behind them, read at the end. Chance is 10 %.",
    "Random matrices: dense, normal entries of variance 1 / N minus 1.2 I, with a normal input; diagonal, S4D-Rand. All matrices see the same step sizes, 1e-3 to 1e-1.",
];

fn run(options: &Options, progress: &mut dyn Progress) -> Result<Report, ClaimError> {
    options.validate()?;
    let mut report = Report::new(
        CLAIM.slug,
        "Efficiently Modeling Long Sequences with Structured State Spaces",
        options,
    );
    let mut recorder = Recorder::new(progress, 4);
    // First: a later peak would hide it.
    let footprint = kernel::footprint(options, &mut recorder)?;
    let costs = kernel::costs(options, &mut recorder)?;
    let modes = kernel::modes(options, &mut recorder)?;
    let starts = [Start::LegS, Start::RandomDense, Start::RandomDiagonal];
    let trials = measure_memory(&starts, options, &mut recorder)?;
    report.claims = findings::findings(&footprint, &costs, &modes, &trials, options);
    report.plot = Some(findings::plot(&costs, options.quick));
    report.notes = NOTES.map(str::to_owned).to_vec();
    report.measurements = json!({
        "memory": footprint,
        "kernel": costs,
        "modes": modes,
        "initialisation": trials,
    });
    recorder.close(&mut report);
    Ok(report)
}
