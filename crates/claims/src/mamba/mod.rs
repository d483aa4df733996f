//! Mamba: what a selective state can do that a time-invariant one cannot, and attention does not.
//!
//! Two tasks, three mixers of equal width and depth, one training loop. See the folder's README for
//! what is claimed, how it is tested and how the settings were found.
//!
//! Source: A. Gu, T. Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", 2023,
//! arXiv 2312.00752, section 4.1 and appendix E.1; the block is that of T. Dao, A. Gu,
//! "Transformers are SSMs", 2024, arXiv 2405.21060.

pub mod contest;
pub mod evaluation;
pub mod findings;
pub mod training;

use std::time::Instant;

use serde_json::json;

use self::contest::{Contest, MIXERS, Trial};
use crate::claim::{Claim, Options, Progress};
use crate::error::ClaimError;
use crate::report::{Report, cpu_seconds};

/// The claims of the base `mamba`.
pub const CLAIM: Claim = Claim {
    slug: "mamba",
    about: "selective copying and induction heads: Mamba-2, its time-invariant twin, attention",
    run,
};

/// What a reader of the report must know.
const NOTES: [&str; 7] = [
    "The blocks are Mamba-2 (arXiv 2405.21060) with 4 heads of 32 channels, state size 16 and B and C per head; the paper's experiment has Mamba-1 blocks, whose every channel has a step size of its own.",
    "Selective copying has length 256 here and 4096 in the paper.",
    "Equal are width (64), depth (2), training steps and batches; parameter counts differ and stand in the measurements.",
    "All models are taught the task at shorter lengths first (a stage ends when the running accuracy over 25 steps reaches 99 %, or after a fixed number of steps; every fourth step then goes back to an earlier length) and never see more than 256 tokens before the test; the paper trains at one length, for far longer.",
    "For induction heads A_log and dt_bias learn at 30 times the rate the matrices decay by 0.2, and a tenth of every target is spread over the vocabulary, found by a search on seeds of its own; all models have the same settings and number of steps.",
    "The twin keeps the short convolution of width 4, the gate and the norm of the block; attention has rotary positions and no MLP.",
    "Attention is tested to length 4096 only, because its cost grows with the square of the length; the others to 65,536.",
];

fn run(options: &Options, progress: &mut dyn Progress) -> Result<Report, ClaimError> {
    options.validate()?;
    let began = (Instant::now(), cpu_seconds());
    // Before the work: the commit it names is the one that ran, not one made meanwhile.
    let mut report = Report::new(
        CLAIM.slug,
        "Mamba: Linear-Time Sequence Modeling with Selective State Spaces",
        options,
    );
    let mut contests = [Contest::selective_copying(), Contest::induction_heads()];
    if options.quick {
        contests = contests.map(Contest::quick);
    }
    progress.on_plan(contests.len() * MIXERS.len() * options.seeds.len());
    let mut trials: Vec<Vec<Trial>> = Vec::new();
    let mut stage = 0;
    for contest in &contests {
        let mut of_contest = Vec::new();
        for &seed in &options.seeds {
            for (index, mixer) in MIXERS.iter().enumerate() {
                let name = format!("{}, {mixer}, seed {seed}", contest.task.name());
                progress.on_stage(stage, &name, contest.progress_steps());
                of_contest.push(contest.run(index, seed, &options.device, &name, progress)?);
                stage += 1;
            }
        }
        trials.push(of_contest);
    }
    let (copying, induction) = (&trials[0], &trials[1]);
    report.claims = findings::findings(copying, induction, options);
    report.plot = Some(findings::plot(induction, options.quick));
    report.notes = NOTES.map(str::to_owned).to_vec();
    if options.quick {
        report.notes.insert(
            0,
            "This is a smoke run: a few training steps, nothing is decided.".to_owned(),
        );
    }
    report.measurements = json!({
        "selective_copying": copying,
        "induction_heads": induction,
    });
    report.minutes = began.0.elapsed().as_secs_f64() / 60.0;
    report.cpu_minutes = match (began.1, cpu_seconds()) {
        (Some(before), Some(after)) => Some((after - before) / 60.0),
        _ => None,
    };
    Ok(report)
}
