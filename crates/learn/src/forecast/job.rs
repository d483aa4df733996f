//! One run: from a prepared series to a run folder.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use burn::tensor::Device;
use resolvent_mixers::MixerSettings;
use resolvent_models::forecaster::{Forecaster, published_name, save};
use resolvent_models::weights::count_parameters;
use serde::Serialize;
use serde_json::json;

use super::backtest::{Row, Scored, Test};
use super::experiment::{ForecastExperiment, MEASURE};
use super::files::{self, Future};
use super::page;
use super::prepared::Prepared;
use crate::error::LearnError;
use crate::metrics::{self, Record};
use crate::plot::{LinePlot, line_plot, write_picture};
use crate::recipe::Recipe;
use crate::run_folder::{RunFolder, write_text};
use crate::trainer::{Observer, Outcome, Run, Settings, Trained};

/// Columns that get pictures of their own.
const PICTURED: usize = 8;

/// What rounding may add to the radius of a loop that is bounded by 1.
const ROUNDING: f64 = 1e-6;

/// A recipe on its series in its folder.
pub struct Job<'a> {
    /// How to train.
    pub recipe: &'a Recipe,
    /// On what.
    pub prepared: &'a Prepared,
    /// Where everything goes.
    pub folder: &'a RunFolder,
    /// Where the weights live.
    pub device: &'a Device,
}

/// What a run found.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// The mixer.
    pub mixer: String,
    /// Trainable values.
    pub parameters: usize,
    /// Values that the model reads.
    pub context: usize,
    /// Values that were forecast.
    pub horizon: usize,
    /// Values that it was trained to forecast.
    pub trained_horizon: usize,
    /// How fast SpaceTime's own predictions grow from step to step, once they are far behind the data;
    /// none for other mixers.
    pub closed_loop_radius: Option<f64>,
    /// The season.
    pub period: usize,
    /// Steps done; none without training.
    pub steps: Option<usize>,
    /// The step whose weights were kept: the one with the least error on the validation part.
    pub best_step: Option<usize>,
    /// Seconds of training.
    pub seconds: Option<f64>,
    /// Windows of the backtest, for each column.
    pub windows: usize,
    /// Values in the training, validation and test part.
    pub parts: [usize; 3],
    /// Every forecaster on every column and on all, best first.
    pub backtest: Vec<Row>,
    /// What comes behind the end.
    pub forecast: Future,
}

impl Summary {
    /// Why the forecast may be worthless although it is finite, if it may: a closed loop that grows
    /// was asked for more than it was trained for.
    pub fn warning(&self) -> Option<String> {
        let radius = self
            .closed_loop_radius
            .filter(|radius| *radius > 1.0 + ROUNDING)?;
        let (trained, asked) = (self.trained_horizon, self.horizon);
        let beyond = asked.checked_sub(trained).filter(|beyond| *beyond > 0)?;
        let factor = radius.powf(beyond as f64);
        Some(format!(
            "the model was trained for {trained} values and its closed loop grows by {radius:.3} from step to step, up to {factor:.1e}-fold over the {beyond} beyond: do not trust them; train with --horizon {asked}, or with a loop that cannot grow: --set model.feedback=bounded"
        ))
    }
}

impl Job<'_> {
    /// Trains, or goes on training when `resume`, until the plan is done or `stop` is set.
    ///
    /// # Errors
    /// As [`Run::train`]; a run whose series is not that of its checkpoint is refused.
    pub fn train(
        &self,
        resume: bool,
        stop: &AtomicBool,
        observer: &mut dyn Observer,
    ) -> Result<Outcome<Forecaster>, LearnError> {
        let mut settings = Settings::from_recipe(self.recipe, published_name)?;
        let config = &self.prepared.config;
        if let Some(identity) = settings.identity.as_object_mut() {
            let series = json!({
                "fingerprint": self.prepared.fingerprint,
                "context": config.context,
                "horizon": config.horizon,
                "dropout": config.dropout,
                "preprocess": config.preprocess,
            });
            identity.insert("forecast".to_owned(), series);
        }
        let device = self.device.clone().autodiff();
        let model = config.init(self.recipe.train.seed, &device)?;
        if !resume {
            write_text(&self.folder.recipe(), &self.recipe.to_toml()?)?;
        }
        let run = Run {
            settings: &settings,
            folder: self.folder,
            resume,
            stop,
        };
        let experiment = ForecastExperiment::new(self.recipe, self.prepared);
        run.train(&experiment, model, observer)
    }

    /// Takes the best weights, tests them beside the baselines, forecasts, and writes all files.
    ///
    /// # Errors
    /// Files that cannot be read or written; forecasts that are not finite.
    pub fn finish(&self, trained: &Trained<Forecaster>) -> Result<Summary, LearnError> {
        let records = metrics::read(&self.folder.metrics())?;
        let (best, model) = trained.best(self.folder, MEASURE, published_name)?;
        save(&model, self.folder.root())?;
        let work = Work {
            model: &model,
            prepared: self.prepared,
            horizon: self.prepared.config.horizon,
            folder: self.folder.root(),
        };
        let (mut summary, windows) = work.summary()?;
        summary.steps = Some(trained.step);
        summary.best_step = Some(best);
        summary.seconds = Some(trained.seconds);
        work.write(&summary, &windows, &records)?;
        Ok(summary)
    }
}

/// Forecasts again with a trained model: `prepared` must have its context and columns.
///
/// Writes the tables and pictures into `folder`, not the model.
///
/// # Errors
/// As [`Job::finish`].
pub fn forecast_again(
    model: &Forecaster,
    prepared: &Prepared,
    horizon: usize,
    folder: &Path,
) -> Result<Summary, LearnError> {
    let work = Work {
        model,
        prepared,
        horizon,
        folder,
    };
    let (summary, windows) = work.summary()?;
    work.write(&summary, &windows, &[])?;
    Ok(summary)
}

/// What is needed for everything behind the training.
struct Work<'a> {
    model: &'a Forecaster,
    prepared: &'a Prepared,
    horizon: usize,
    folder: &'a Path,
}

impl Work<'_> {
    /// Every forecaster on the test windows; none where the series has no room for them.
    fn scored(&self) -> Result<Option<(Test, Vec<Scored>)>, LearnError> {
        let Some(test) = Test::new(self.prepared, self.horizon) else {
            return Ok(None);
        };
        let mixer = self.model.config.mixer.mixer();
        let mut all = vec![test.model(mixer, self.model, self.prepared)?];
        all.extend(test.baselines(self.prepared)?);
        Ok(Some((test, all)))
    }

    /// The summary, and a plot of the last test window of every column.
    fn summary(&self) -> Result<(Summary, Vec<LinePlot>), LearnError> {
        let (config, split) = (&self.model.config, &self.prepared.split);
        let mut summary = Summary {
            mixer: config.mixer.mixer().to_owned(),
            parameters: count_parameters(self.model),
            context: config.context,
            horizon: self.horizon,
            trained_horizon: config.horizon,
            closed_loop_radius: self.model.closed_loop_radius()?,
            period: config.period,
            steps: None,
            best_step: None,
            seconds: None,
            windows: 0,
            parts: [split.train.len(), split.validation.len(), split.test.len()],
            backtest: Vec::new(),
            forecast: Future::of(self.model, self.prepared, self.horizon)?,
        };
        let mut plots = Vec::new();
        if let Some((test, mut scored)) = self.scored()? {
            let columns = 0..self.prepared.series.channels().min(PICTURED);
            plots.extend(columns.map(|at| page::test_window(self.prepared, &test, &scored, at)));
            scored.sort_by(|left, right| left.all().mse.total_cmp(&right.all().mse));
            summary.windows = test.starts.len();
            summary.backtest = scored.into_iter().flat_map(|it| it.rows).collect();
        }
        Ok((summary, plots))
    }

    fn write(
        &self,
        summary: &Summary,
        windows: &[LinePlot],
        records: &[Record],
    ) -> Result<(), LearnError> {
        let folder = self.folder;
        summary.forecast.write(&folder.join("forecast.csv"))?;
        if !summary.backtest.is_empty() {
            files::backtest(&folder.join("backtest.csv"), &summary.backtest)?;
        }
        resolvent_formats::write_json_atomic(&folder.join("backtest.json"), summary)?;
        for (column, plot) in windows.iter().enumerate() {
            write_picture(folder, &numbered("backtest", column), &line_plot(plot)?)?;
        }
        let columns = 0..self.prepared.series.channels().min(PICTURED);
        let futures = columns.map(|at| page::future(self.prepared, &summary.forecast, at));
        let futures: Vec<LinePlot> = futures.collect();
        for (column, plot) in futures.iter().enumerate() {
            write_picture(folder, &numbered("forecast", column), &line_plot(plot)?)?;
        }
        let page = page::page(summary, records, windows, &futures)?;
        page.write(&folder.join("report.html"))
    }
}

/// `name` for the first column, `name-2` for the second.
fn numbered(name: &str, column: usize) -> String {
    match column {
        0 => name.to_owned(),
        _ => format!("{name}-{}", column + 1),
    }
}
