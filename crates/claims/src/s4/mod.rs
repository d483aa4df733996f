//! S4: the kernel of a dense-looking matrix at the cost of a diagonal one.
//!
//! See the folder's README for what is claimed and how it is tested.
//!
//! Source: A. Gu, K. Goel, C. Re, "Efficiently Modeling Long Sequences with Structured State Spaces",
//! 2021, arXiv 2111.00396.

mod ablation;
mod findings;
mod kernel;
mod long_run;
mod memory_task;

use serde_json::json;

use crate::claim::{Claim, Options, Progress};
use crate::error::ClaimError;
use crate::fixed_states::recorder::Recorder;
use crate::report::Report;
use crate::trained::{self, ablate, material};
use long_run::RUNS;

pub(crate) use findings::accuracies;
pub use memory_task::{Start, Trial, measure as measure_memory};

/// The claims of `s4`.
pub const CLAIM: Claim = Claim {
    slug: "s4",
    about: "exactness and cost of the kernel, its two modes, the initialisation before and after training, ListOps and Pathfinder with --long",
    run,
};

/// What a reader of the report must know.
const NOTES: [&str; 7] = [
    "Times are the best of several on one thread, dense powers and Cauchy sums in the same run; dense powers take one matrix-vector product per lag.",
    "Memory is the growth of the process's peak (VmHWM) while one kernel of length 1,048,576 is made, before anything else is run; where an earlier peak hides it, nothing is decided.",
    "The initialisation is judged twice: by untrained states (all states of 8 channels at the last sample, read by damped least squares), and after training as in the paper.",
    "The task is made here: ten smooth templates in the first third of 1024 samples, smooth noise behind them, read at the end. Chance is 10 %.",
    trained::NOTE,
    "ListOps and Pathfinder, when they are run: 6 blocks of width 128 that see both directions, one seed, N = 4 and N = 64; the findings say how many passes. The paper has width 256, 40 and 200 passes.",
    "Random matrices: dense, normal entries of variance 1 / N minus 1.2 I, with a normal input; diagonal, S4D-Rand. All matrices see the same step sizes, 1e-3 to 1e-1. Trained: S4 with eigenvalues -1/2 + i exp(normal) and P, B complex normal; S4D-Rand; S4D-Real.",
];

fn run(options: &Options, progress: &mut dyn Progress) -> Result<Report, ClaimError> {
    options.validate()?;
    let mut report = Report::new(
        CLAIM.slug,
        "Efficiently Modeling Long Sequences with Structured State Spaces",
        options,
    );
    let stages = 5 + options.long.as_ref().map_or(0, |_| RUNS.len());
    let mut recorder = Recorder::new(progress, stages);
    // First: a later peak would hide it.
    let footprint = kernel::footprint(options, &mut recorder)?;
    // Then what may be stopped and taken up again: nothing else is done twice.
    let mut summaries = Vec::new();
    if let Some(folder) = &options.long {
        let (seed, device) = (options.seeds[0], &options.device);
        for run in &RUNS {
            summaries.push(run.measure(folder, seed, device, &mut recorder)?);
        }
    }
    let costs = kernel::costs(options, &mut recorder)?;
    let modes = kernel::modes(options, &mut recorder)?;
    let starts = [Start::LegS, Start::RandomDense, Start::RandomDiagonal];
    let trials = measure_memory(&starts, options, &mut recorder)?;
    let trained: Option<Vec<trained::Trial>> = match material(options)? {
        Some(tasks) => {
            let taught = ablate(&ablation::VARIANTS, &tasks, options, &mut recorder)?;
            Some(taught.into_iter().map(|it| it.trial).collect())
        }
        None => None,
    };
    report.claims = findings::findings(&footprint, &costs, &modes, &trials, options);
    let draft = ablation::beats_random(trained.as_deref().unwrap_or_default());
    let finding = trained::decided(draft, trained.is_some(), CLAIM.slug, options);
    report.claims.push(finding);
    let long = RUNS.iter().enumerate();
    let long = long.map(|(at, run)| run.finding(summaries.get(at), options));
    report.claims.extend(long);
    report.plot = Some(findings::plot(&costs, options.quick));
    report.notes = NOTES.map(str::to_owned).to_vec();
    report.measurements = json!({
        "memory": footprint,
        "kernel": costs,
        "modes": modes,
        "initialisation": trials,
        "trained": trained,
        "long": summaries,
    });
    recorder.close(&mut report);
    Ok(report)
}
