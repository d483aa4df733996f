//! Forecasts of packaged series, every model with the same windows and number of steps.

use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::Device;
use resolvent_data::packages::{Content, DataSet, cached};
use resolvent_data::series::{CsvOptions, MissingPolicy, read_csv};
use resolvent_learn::forecast::{Job, Prepared, Request, Row, Test, prepare, recipe_for};
use resolvent_learn::metrics::StepRecord;
use resolvent_learn::recipe::Recipe;
use resolvent_learn::run_folder::RunFolder;
use resolvent_learn::schedule::Plan;
use resolvent_learn::trainer::{Observer, Outcome};
use resolvent_models::forecaster::load;
use serde::Serialize;

use crate::claim::Progress;
use crate::error::ClaimError;

/// SpaceTime, its closed loop bounded.
pub const SPACETIME: &str = "spacetime";
/// The other model.
pub const S4D: &str = "s4d";
/// Without the fixed filters.
pub const PLAIN: &str = "spacetime without preprocessing";
/// With the published closed loop, by a free row k.
pub const FREE: &str = "spacetime with free feedback";
/// With the shift in place of the companion matrix, in all blocks.
pub const SHIFT: &str = "spacetime with shift matrices";
/// Every model.
pub const MODELS: [&str; 5] = [SPACETIME, S4D, PLAIN, FREE, SHIFT];

/// Series and horizon; all are read with a context of `context`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Setting {
    /// Name of the data set.
    pub data: &'static str,
    /// Trained horizon.
    pub horizon: usize,
    /// Values read.
    pub context: usize,
    /// Season of baseline and MASE.
    pub period: usize,
}

/// What is run.
pub const SETTINGS: [Setting; 5] = [
    Setting {
        data: "electricity-victoria",
        horizon: 48,
        context: 192,
        period: 24,
    },
    Setting {
        data: "solar-power",
        horizon: 24,
        context: 96,
        period: 24,
    },
    Setting {
        data: "wind-power",
        horizon: 24,
        context: 96,
        period: 24,
    },
    Setting {
        data: "co2",
        horizon: 26,
        context: 104,
        period: 52,
    },
    Setting {
        data: "sunspots",
        horizon: 11,
        context: 44,
        period: 11,
    },
];

/// Multiples of the trained horizon that are asked for.
pub const REACHES: [usize; 3] = [1, 2, 4];

/// Errors of the baselines on one series, the same for every model and seed.
#[derive(Debug, Clone, Serialize)]
pub struct Baselines {
    /// Data set.
    pub data: &'static str,
    /// Seasonal naive and NLinear, fitted for 1, 2 and 4 times the trained horizon.
    pub errors: Vec<Vec<Row>>,
}

/// What one model reached on one setting with a seed.
#[derive(Debug, Clone, Serialize)]
pub struct Trial {
    /// Data set.
    pub data: &'static str,
    /// One of [`MODELS`].
    pub model: &'static str,
    /// Seed of weights and windows.
    pub seed: u64,
    /// Trainable values.
    pub parameters: usize,
    /// Steps of training.
    pub steps: usize,
    /// The step whose weights were kept.
    pub best_step: Option<usize>,
    /// Wall-clock seconds of training.
    pub seconds: f64,
    /// Spectral radius of the trained closed loop, of models that have one.
    pub radius: Option<f64>,
    /// The model's errors at 1, 2 and 4 times the trained horizon.
    pub errors: Vec<Row>,
}

/// The recipe of a model on a series.
fn recipe(setting: &Setting, model: &str) -> Result<Recipe, ClaimError> {
    let mixer = if model == S4D { S4D } else { SPACETIME };
    let mut recipe = recipe_for(mixer, setting.data)?;
    let mut set = |key: &str, value: &str| {
        let settings = &mut recipe.model.settings;
        settings.insert(key.to_owned(), value.into());
    };
    match model {
        FREE => set("feedback", "free"),
        SHIFT => set("ssm", "shift"),
        _ => {}
    }
    Ok(recipe)
}

/// The series of a setting with a model for it, or nothing when the series is not on this machine.
///
/// # Errors
/// A file that cannot be read.
pub fn prepared(setting: &Setting, model: &str) -> Result<Option<Prepared>, ClaimError> {
    let (Some(folder), Content::Files([file])) =
        (cached(setting.data)?, DataSet::find(setting.data)?.content)
    else {
        return Ok(None);
    };
    let options = CsvOptions {
        missing: MissingPolicy::Previous,
        ..CsvOptions::default()
    };
    let series = read_csv(&folder.join(file.name()), &options)?;
    let request = Request {
        context: Some(setting.context),
        period: Some(setting.period),
        preprocess: model != PLAIN,
        ..Request::of(setting.horizon)
    };
    Ok(Some(prepare(series, &request, &recipe(setting, model)?)?))
}

/// The baselines on a series, or nothing when it is not on this machine.
///
/// # Errors
/// A file that cannot be read; errors of the baselines.
pub fn baselines(setting: &Setting) -> Result<Option<Baselines>, ClaimError> {
    let Some(prepared) = prepared(setting, SPACETIME)? else {
        return Ok(None);
    };
    let mut errors = Vec::new();
    for reach in REACHES {
        if let Some(test) = Test::new(&prepared, reach * setting.horizon) {
            let beside = test.baselines(&prepared)?;
            errors.push(beside.iter().map(|it| it.all().clone()).collect());
        }
    }
    let data = setting.data;
    Ok(Some(Baselines { data, errors }))
}

/// Trains `model` for `steps` and tests it on the windows of [`baselines`].
///
/// # Errors
/// [`ClaimError::Interrupted`], errors of training.
pub fn run(
    setting: &Setting,
    (model, seed, steps): (&'static str, u64, usize),
    name: &str,
    progress: &mut dyn Progress,
) -> Result<Option<Trial>, ClaimError> {
    let Some(prepared) = prepared(setting, model)? else {
        return Ok(None);
    };
    let mut recipe = recipe(setting, model)?;
    recipe.train.steps = Some(steps);
    recipe.train.seed = seed;
    let temporary = tempfile::tempdir().map_err(|source| ClaimError::Folder {
        path: std::env::temp_dir(),
        source,
    })?;
    let folder = RunFolder::create(temporary.path().join("run"))?;
    let device = Device::flex();
    let job = Job {
        recipe: &recipe,
        prepared: &prepared,
        folder: &folder,
        device: &device,
    };
    let stop = AtomicBool::new(false);
    let outcome = job.train(
        false,
        &stop,
        &mut Forward {
            progress,
            stop: &stop,
        },
    )?;
    let Outcome::Finished(trained) = outcome else {
        return Err(ClaimError::Interrupted {
            stage: name.to_owned(),
        });
    };
    let summary = job.finish(&trained)?;
    let best = load(folder.root(), &device)?;
    let mut errors = Vec::new();
    for reach in REACHES {
        if let Some(test) = Test::new(&prepared, reach * setting.horizon) {
            errors.push(test.model(model, &best, &prepared)?.all().clone());
        }
    }
    Ok(Some(Trial {
        data: setting.data,
        model,
        seed,
        parameters: summary.parameters,
        steps,
        best_step: summary.best_step,
        seconds: trained.seconds,
        radius: summary.closed_loop_radius,
        errors,
    }))
}

/// Hands the steps on, and the wish to stop back.
struct Forward<'a, 'b> {
    progress: &'a mut dyn Progress,
    stop: &'b AtomicBool,
}

impl Observer for Forward<'_, '_> {
    fn on_step(&mut self, record: &StepRecord, _: &Plan) {
        self.progress
            .on_step(record.step, &format!("loss {:.3}", record.loss));
        if self.progress.is_stopped() {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}
