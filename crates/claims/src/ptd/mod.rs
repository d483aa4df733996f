//! PTD: perturb, then diagonalise; S4's transfer function with a diagonal matrix.
//!
//! See the folder's README for what is claimed and how it is tested.
//!
//! Source: A. Yu, A. Nigmetov, D. Morozov, M. W. Mahoney, N. B. Erichson, "Robustifying State-space
//! Models for Long Sequences via Approximate Diagonalization", 2023, arXiv 2310.01698.

mod after_training;
mod findings;
mod noise;
mod trained_findings;
mod transfer;

use serde_json::json;

use self::after_training::disturb;
use self::trained_findings::{Measured, as_good, breaks, holds};
use crate::claim::{Claim, Options, Progress};
use crate::error::ClaimError;
use crate::fixed_states::recorder::Recorder;
use crate::report::Report;
use crate::trained::{self, ablate, material};

/// The claims of `ptd`.
pub const CLAIM: Claim = Claim {
    slug: "ptd",
    about: "noise at the spikes of S4D, before and after training; transfer functions, the size of the perturbation",
    run,
};

/// What a reader of the report must know.
const NOTES: [&str; 7] = [
    "The first six findings are without training: fixed kernels with random output rows, features are the means of y and relu(y) over 16 segments, read by damped least squares.",
    trained::NOTE,
    "Disturbed after training: a sinusoid of 10 % of the norm of each image of 500 of the test, at the one angle above pi / 2 (whole numbers of waves) at which the probabilities of four training images change most, each model at its own. Modes that stand for themselves give PTD more parameters than S4D and S5 at the same N.",
    "The perturbation is a random complex (Ginibre) matrix of 2-norm epsilon, the best conditioned of 8 draws; the paper optimises its perturbations, whose code could not be had.",
    "The waveform task is made here (ten templates anywhere in 1024 samples, smooth noise); chance is 10 %. Noise: a sinusoid, or white, of 10 % of the norm of each test sequence.",
    "Output rows are normal with unit variance; the paper's bound (2 ln N + 4) epsilon has normalisations of its own, and ours is measured.",
    "Unstable eigenvalues of large perturbations are reflected, and counted.",
];

fn run(options: &Options, progress: &mut dyn Progress) -> Result<Report, ClaimError> {
    options.validate()?;
    let mut report = Report::new(
        CLAIM.slug,
        "Robustifying State-space Models for Long Sequences via Approximate Diagonalization",
        options,
    );
    let mut recorder = Recorder::new(progress, 4);
    let transfers = transfer::measure(options, &mut recorder)?;
    let sizes = transfer::sizes(options, &mut recorder)?;
    let trials = noise::measure(options, &mut recorder)?;
    let trained = match material(options)? {
        Some(tasks) => {
            let variants = &after_training::VARIANTS;
            let taught = ablate(variants, &tasks, options, &mut recorder)?;
            let (trials, disturbed) = disturb(taught, &options.seeds, &tasks)?;
            Some(Measured { trials, disturbed })
        }
        None => None,
    };
    report.claims = findings::findings(&transfers, &sizes, &trials, options);
    let nothing = Measured::default();
    for draft in [as_good, breaks, holds] {
        let draft = draft(trained.as_ref().unwrap_or(&nothing));
        let finding = trained::decided(draft, trained.is_some(), CLAIM.slug, options);
        report.claims.push(finding);
    }
    report.plot = Some(findings::plot(&trials, options.quick));
    report.notes = NOTES.map(str::to_owned).to_vec();
    report.measurements = json!({
        "transfer_functions": transfers,
        "perturbation_size": sizes,
        "noise": trials,
        "trained": trained,
    });
    recorder.close(&mut report);
    Ok(report)
}
