//! S4D: what is left of S4 when the low rank is thrown away, and which frequencies matter.
//!
//! See the folder's README for what is claimed and how it is tested.
//!
//! Source: A. Gu, A. Gupta, K. Goel, C. Re, "On the Parameterization and Initialization of Diagonal
//! State Space Models", 2022, arXiv 2206.11893.

mod ablation;
mod convergence;
mod findings;

use serde_json::json;

use crate::claim::{Claim, Options, Progress};
use crate::error::ClaimError;
use crate::fixed_states::recorder::Recorder;
use crate::report::Report;
use crate::s4::{Start, measure_memory};
use crate::trained::{self, Trial, ablate, material};

/// The claims of `s4d`.
pub const CLAIM: Claim = Claim {
    slug: "s4d",
    about: "O(1/N) convergence of S4D-LegS to S4-LegS; initialisations before and after training",
    run,
};

/// The initialisations that the paper recommends.
const STRUCTURED: [Start; 3] = [Start::DiagonalLegS, Start::Inv, Start::Lin];
/// Those that it finds worse.
const CONTROLS: [Start; 4] = [
    Start::Real,
    Start::RandomDiagonal,
    Start::ScaledLin(0.01),
    Start::ScaledLin(100.0),
];

/// What a reader of the report must know.
const NOTES: [&str; 5] = [
    "The systems have the input V^* B / 2, with which the diagonal one tends to S4; published code drops the half.",
    "Convergence is that of the first basis function at fixed frequencies; it is not uniform: the largest difference over all frequencies grows with N, and has a finding of its own.",
    "The first ablation is without training: all states of 8 channels (step sizes 1e-3 to 1e-1, bilinear) at the last sample, read by damped least squares; the second trains.",
    trained::NOTE,
    "The task of the untrained states is that of the claim s4: ten smooth templates in the first third of 1024 samples, smooth noise behind them. Chance is 10 %.",
];

fn run(options: &Options, progress: &mut dyn Progress) -> Result<Report, ClaimError> {
    options.validate()?;
    let mut report = Report::new(
        CLAIM.slug,
        "On the Parameterization and Initialization of Diagonal State Space Models",
        options,
    );
    let mut recorder = Recorder::new(progress, 3);
    let gaps = convergence::measure(options, &mut recorder)?;
    let starts: Vec<Start> = STRUCTURED.into_iter().chain(CONTROLS).collect();
    let trials = measure_memory(&starts, options, &mut recorder)?;
    let trained: Option<Vec<Trial>> = match material(options)? {
        Some(tasks) => {
            let taught = ablate(&ablation::VARIANTS, &tasks, options, &mut recorder)?;
            Some(taught.into_iter().map(|it| it.trial).collect())
        }
        None => None,
    };
    report.claims = findings::findings(&gaps, &trials, options);
    let after_training = trained.as_deref().unwrap_or_default();
    for draft in [ablation::alike, ablation::beat_controls] {
        let draft = draft(after_training);
        let finding = trained::decided(draft, trained.is_some(), CLAIM.slug, options);
        report.claims.push(finding);
    }
    report.plot = Some(findings::plot(&gaps, options.quick));
    report.notes = NOTES.map(str::to_owned).to_vec();
    report.measurements = json!({
        "convergence": gaps,
        "initialisation": trials,
        "trained": trained,
    });
    recorder.close(&mut report);
    Ok(report)
}
