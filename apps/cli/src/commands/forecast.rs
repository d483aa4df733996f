//! `resolvent forecast`.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use resolvent_formats::{read_json, write_json_atomic};
use resolvent_learn::LearnError;
use resolvent_learn::forecast::{
    Job, Prepared, Request, Summary, forecast_again, prepare, prepare_for, recipe_for,
};
use resolvent_learn::language::Forward;
use resolvent_learn::recipe::Recipe;
use resolvent_learn::run_folder::RunFolder;
use resolvent_learn::trainer::Outcome;
use resolvent_models::forecaster::load;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::forecast_data::{TableFlags, with_flags};
use super::language_run::{folder_of, quoted};
use super::print_json;
use crate::args::Forecast;
use crate::console::{Console, seconds};
use crate::error::CliError;
use crate::progress::TrainingBars;
use crate::stop::Stop;
use crate::table::{aligned, grouped};

/// What is stored beside the recipe, so that a run can be taken up without repeating its flags.
const REQUEST: &str = "forecast.json";
/// Files that would be written over.
const RESULTS: [&str; 2] = [REQUEST, "forecast.csv"];

#[derive(Serialize, Deserialize)]
struct Stored {
    table: TableFlags,
    request: Request,
}

/// Trains, tests, forecasts; or only forecasts.
pub fn run(
    options: &Forecast,
    device: &Device,
    console: &Console,
    stop: &Stop,
) -> Result<(), CliError> {
    let folder = folder_of(options.out.as_deref(), "forecast", options.resume)?;
    match &options.model {
        Some(model) => again(model, &folder, options, device, console),
        None => train(&folder, options, device, console, stop),
    }
}

fn train(
    folder: &Path,
    options: &Forecast,
    device: &Device,
    console: &Console,
    stop: &Stop,
) -> Result<(), CliError> {
    let (stored, recipe) = match options.resume {
        true => stored(folder)?,
        false => asked(options)?,
    };
    let recipe = with_flags_of(recipe, options)?;
    let series = stored.table.read().map_err(with_flags)?;
    let prepared = prepare(series, &stored.request, &recipe)?;
    let run = match options.resume {
        true => RunFolder::resume(folder)?,
        false => {
            refuse_results(folder)?;
            RunFolder::create(folder)?
        }
    };
    if !options.resume {
        write_json_atomic(&folder.join(REQUEST), &stored)?;
    }
    console.say(&facts(&prepared));
    console.say(&format!("run folder: {}", folder.display()));
    let resume = format!("resolvent forecast --resume --out {}", quoted(folder));
    let failed = |source: LearnError| CliError::Training {
        source: Box::new(source),
        resume: resume.clone(),
    };
    let job = Job {
        recipe: &recipe,
        prepared: &prepared,
        folder: &run,
        device,
    };
    let bars = TrainingBars::new(console, recipe.train.steps.is_none());
    stop.ask("stopping after this step, with a checkpoint; Ctrl-C again ends at once");
    let outcome = job.train(options.resume, stop.flag(), &mut Forward(&bars));
    let trained = match outcome.map_err(&failed)? {
        Outcome::Finished(trained) => trained,
        Outcome::Interrupted(trained) => {
            let (step, steps) = (trained.step, trained.plan.steps);
            let place = folder.display();
            return Err(CliError::Stopped {
                message: format!(
                    "stopped behind step {step} of {steps}; the checkpoint is in {place}, go on with `{resume}`"
                ),
            });
        }
    };
    drop(bars);
    stop.end(&format!(
        "stopped; the model is trained, backtest and forecast are missing; make them with `{resume}`"
    ));
    let summary = job.finish(&trained).map_err(&failed)?;
    show(&summary, folder, options, console)
}

/// Forecasts with a model that is there.
fn again(
    model: &Path,
    folder: &Path,
    options: &Forecast,
    device: &Device,
    console: &Console,
) -> Result<(), CliError> {
    let of_model = |source| CliError::Model {
        folder: model.to_owned(),
        source,
    };
    let loaded = load(model, device).map_err(of_model)?;
    let mut table = TableFlags::of(options)?;
    if table.columns.is_empty() {
        // Columns without names are called by their position.
        let name = |name: &String| name.strip_prefix("column ").unwrap_or(name).to_owned();
        let names = loaded.config.columns.iter().map(|column| &column.name);
        table.columns = names.map(name).collect();
    }
    let series = table.read().map_err(with_flags)?;
    let horizon = options.horizon.unwrap_or(loaded.config.horizon);
    let prepared = prepare_for(&loaded.config, series, horizon)?;
    refuse_results(folder)?;
    std::fs::create_dir_all(folder).map_err(|source| LearnError::Io {
        action: "create the folder",
        path: folder.to_owned(),
        source,
    })?;
    console.say(&facts(&prepared));
    let summary = forecast_again(&loaded, &prepared, horizon, folder)?;
    show(&summary, folder, options, console)
}

/// What an earlier run in the folder was asked for.
fn stored(folder: &Path) -> Result<(Stored, Recipe), CliError> {
    let run = RunFolder::resume(folder)?;
    let stored = read_json(&folder.join(REQUEST))?;
    Ok((stored, super::train::read_recipe(&run.recipe())?))
}

/// What the flags ask for.
fn asked(options: &Forecast) -> Result<(Stored, Recipe), CliError> {
    let table = TableFlags::of(options)?;
    let request = Request {
        context: options.context,
        period: options.period,
        ..Request::of(options.horizon.unwrap_or_default())
    };
    let request = Request {
        dropout: options.dropout.unwrap_or(request.dropout),
        ..request
    };
    let data = table.data.to_str().ok_or_else(|| CliError::Flag {
        flag: "--data",
        value: format!("{:?}", table.data),
        remedy: "the path must be valid UTF-8, because the recipe stores it".to_owned(),
    })?;
    let recipe = recipe_for(options.mixer.as_deref().unwrap_or("spacetime"), data)?;
    Ok((Stored { table, request }, recipe))
}

fn with_flags_of(mut recipe: Recipe, options: &Forecast) -> Result<Recipe, CliError> {
    options.budget.apply(&mut recipe.train);
    Ok(recipe.with_overrides(&options.overrides)?)
}

/// Results are never written over.
fn refuse_results(folder: &Path) -> Result<(), LearnError> {
    let found = RESULTS.iter().chain(&["config.json", "checkpoints"]);
    let mut found = found.filter(|name| folder.join(name).exists());
    match found.next() {
        None => Ok(()),
        Some(name) => Err(LearnError::RunExists {
            path: PathBuf::from(folder),
            found: (*name).to_owned(),
        }),
    }
}

fn facts(prepared: &Prepared) -> String {
    let (series, config) = (&prepared.series, &prepared.config);
    let filled: usize = series.filled.iter().sum();
    let mut text = format!(
        "{} values of {}; the model reads {} and forecasts {}; ",
        grouped(series.len() as u64),
        match series.names.as_slice() {
            [name] => format!("{name:?}"),
            names => format!("{} columns", names.len()),
        },
        config.context,
        config.horizon,
    );
    text.push_str(&match config.period {
        1 => "no season found".to_owned(),
        period => format!("season {period}"),
    });
    if filled > 0 {
        text.push_str(&format!(
            "; {} missing values filled",
            grouped(filled as u64)
        ));
    }
    text
}

fn show(
    summary: &Summary,
    folder: &Path,
    options: &Forecast,
    console: &Console,
) -> Result<(), CliError> {
    if summary.backtest.is_empty() {
        console.say("no backtest: the last fifth of the data does not hold the horizon");
    } else {
        let rows: Vec<Vec<String>> = summary
            .backtest
            .iter()
            .filter(|row| row.column.is_none())
            .map(|row| {
                let mase = row
                    .mase
                    .map_or_else(String::new, |mase| format!("{mase:.3}"));
                let [mse, mae] = [row.mse, row.mae].map(|value| format!("{value:.4}"));
                vec![row.forecaster.clone(), mse, mae, mase]
            })
            .collect();
        console.say(&format!(
            "\n{} test windows of {} values, the same for every row; MSE and MAE of standardised values\n\n{}",
            grouped(summary.windows as u64),
            summary.horizon,
            aligned(&["", "MSE", "MAE", "MASE"], &rows)
        ));
    }
    if let Some(warning) = summary.warning() {
        console.say(&format!("warning: {warning}"));
    }
    if let (Some(steps), Some(time)) = (summary.steps, summary.seconds) {
        let best = summary.best_step.unwrap_or(steps);
        console.say(&format!(
            "{} parameters, {steps} steps in {}, weights of step {best}",
            grouped(summary.parameters as u64),
            seconds(time)
        ));
    }
    console.say(&format!(
        "forecast: {}\nplots:    {}, {}\npage:     {}",
        folder.join("forecast.csv").display(),
        folder.join("forecast.png").display(),
        folder.join("backtest.png").display(),
        folder.join("report.html").display(),
    ));
    if options.json {
        print_json(&json!({ "folder": folder, "results": summary }))?;
    }
    Ok(())
}
