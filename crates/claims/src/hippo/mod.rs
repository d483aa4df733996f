//! HiPPO: what a state remembers, for how long, and how the step size says so.
//!
//! See the folder's README for what is claimed and how it is tested.
//!
//! Source: A. Gu, I. Johnson, A. Timalsina, A. Rudra, C. Re, "How to Train Your HiPPO: State Space
//! Models with Generalized Orthogonal Basis Projections", 2022, arXiv 2206.12037; A. Gu, T. Dao,
//! S. Ermon, A. Rudra, C. Re, "HiPPO", 2020, arXiv 2008.07669.

mod findings;
mod memory;
mod scale;
mod timescale;

use serde_json::json;

use crate::claim::{Claim, Options, Progress};
use crate::error::ClaimError;
use crate::fixed_states::recorder::Recorder;
use crate::report::Report;

/// The claims of `hippo`.
pub const CLAIM: Claim = Claim {
    slug: "hippo",
    about: "timescale law, memory of each basis, delay, invariance of LegS; no training",
    run,
};

/// What a reader of the report must know.
const NOTES: [&str; 6] = [
    "No training: the best output of a state is found by least squares, and the past is redrawn from the state with the basis.",
    "Windows have length 2 (published code), so that the law reads: step size times lag equals 2.",
    "The trained Delay task of the paper (1024 states, 4 channels) was not run; the timescale law stands in its place.",
    "Figures without chance (timescale of the HiPPO families, delay) have one value per case instead of one per seed.",
    "The delay by FouT has the error 4 w sin^2(w) / (pi^2 N / 2) at frequency w: at N = 256 it is above 1e-2 near w = 8, and only its decay with N is claimed.",
    "LagT is sampled with step size N / memory, with which its Laguerre functions cover the four memories that are redrawn; its authors advise against it.",
];

fn run(options: &Options, progress: &mut dyn Progress) -> Result<Report, ClaimError> {
    options.validate()?;
    let mut report = Report::new(
        CLAIM.slug,
        "How to Train Your HiPPO: State Space Models with Generalized Orthogonal Basis Projections",
        options,
    );
    let mut recorder = Recorder::new(progress, 4);
    let law = timescale::measure(options, &mut recorder)?;
    let memories = memory::measure(options, &mut recorder)?;
    let scales = scale::measure(options, &mut recorder)?;
    let delays = scale::delays(options, &mut recorder)?;
    report.claims = findings::findings(&law, &memories, &scales, &delays, options);
    report.plot = Some(findings::plot(&memories, options.quick));
    report.notes = NOTES.map(str::to_owned).to_vec();
    report.measurements = json!({
        "timescale_law": law,
        "memory": memories,
        "scale_invariance": scales,
        "delay": delays,
    });
    recorder.close(&mut report);
    Ok(report)
}
