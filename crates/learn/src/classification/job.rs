//! One training run: from a task to a folder with a model, predictions and a page.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use burn::tensor::Device;
use resolvent_models::classifier::{Classifier, InputKind, published_name, save};
use resolvent_models::weights::count_parameters;
use serde::Serialize;
use serde_json::json;

use super::baselines::{Baseline, baselines};
use super::cases::{Cases, Content};
use super::experiment::{CaseExperiment, WATCHED};
use super::page::{confusion_plot, page};
use super::scores::{Predictions, Scores, predict};
use super::settings::ClassifySettings;
use super::source::Source;
use super::task::Task;
use crate::error::LearnError;
use crate::metrics::{self, StepRecord};
use crate::plot::write_picture;
use crate::run_folder::{RunFolder, write_text};
use crate::schedule::Plan;
use crate::trainer::{Observer, Outcome, Run, Settings, Trained};

/// Settings on a task in a folder.
pub struct Job<'a> {
    /// How to build and train.
    pub settings: &'a ClassifySettings,
    /// On what.
    pub task: &'a Task,
    /// Where everything goes.
    pub folder: &'a RunFolder,
    /// Where the tensors live; gradients are switched on inside.
    pub device: &'a Device,
}

/// What a run showed.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// The data's name.
    pub data: String,
    /// How training, validation and test came about.
    pub split: String,
    /// Numbers of training, validation and test cases.
    pub cases: [usize; 3],
    /// Shortest and longest training case.
    pub lengths: (usize, usize),
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Registry name of the mixer, with the word two-sided where it is.
    pub mixer: String,
    /// Trainable values.
    pub parameters: usize,
    /// Steps done.
    pub steps: usize,
    /// The step whose weights were kept.
    pub kept_step: usize,
    /// Times that every training case was seen.
    pub epochs: f64,
    /// Seconds of training.
    pub seconds: f64,
    /// On the test cases.
    pub test: Scores,
    /// On the validation cases, which chose the checkpoint.
    pub validation: Scores,
    /// On the same test cases.
    pub baselines: Vec<Baseline>,
}

impl Job<'_> {
    /// Trains, or goes on training when `resume`, until the plan is done or `stop` is set.
    ///
    /// # Errors
    /// As [`Run::train`]; a run whose cases are not those of its checkpoint is refused.
    pub fn train(
        &self,
        resume: bool,
        stop: &AtomicBool,
        observer: &mut dyn Observer,
    ) -> Result<Outcome<Classifier>, LearnError> {
        let config = self.task.config(self.settings)?;
        let recipe = self.settings.recipe()?;
        let mut settings = Settings::from_recipe(&recipe, published_name)?;
        if let Some(identity) = settings.identity.as_object_mut() {
            identity.remove("data");
            identity.insert("model".to_owned(), config.to_json());
            identity.insert("cases".to_owned(), self.task.fingerprint());
        }
        let model = config.init(self.settings.train.seed, &self.device.clone().autodiff())?;
        let run = Run {
            settings: &settings,
            folder: self.folder,
            resume,
            stop,
        };
        run.train(
            &CaseExperiment::new(self.task, self.settings),
            model,
            observer,
        )
    }

    /// Takes the checkpoint that was best on the validation cases, scores it, and writes the model,
    /// `predictions.csv`, `confusion.svg`, `confusion.png`, `results.json` and the page.
    ///
    /// # Errors
    /// Files that cannot be read or written; logits that are not finite.
    pub fn finish(
        &self,
        trained: &Trained<Classifier>,
        title: &str,
    ) -> Result<Summary, LearnError> {
        let records = metrics::read(&self.folder.metrics())?;
        let (kept_step, model) = trained.best(self.folder, WATCHED, published_name)?;
        save(&model, self.folder.root())?;
        let task = self.task;
        let score = |cases: &Cases| -> Result<(Predictions, Scores), LearnError> {
            let predictions = predict(&model, cases, &mut |_| {})?;
            let scores = Scores::of(&predictions, cases)?;
            Ok((predictions, scores))
        };
        let (predictions, test) = score(&task.test)?;
        let backbone = &model.config.backbone;
        let seen = trained.tokens as f64;
        let summary = Summary {
            data: task.train.name.clone(),
            split: task.split.clone(),
            cases: [task.train.len(), task.validation.len(), task.test.len()],
            lengths: task.train.lengths(),
            classes: task.train.classes.clone(),
            mixer: match backbone.bidirectional {
                true => format!("{}, two-sided", self.settings.model.mixer),
                false => self.settings.model.mixer.clone(),
            },
            parameters: count_parameters(&model),
            steps: trained.step,
            kept_step,
            epochs: seen / task.train.len() as f64,
            seconds: trained.seconds,
            test,
            validation: score(&task.validation)?.1,
            baselines: baselines(&task.train, &task.test, self.settings.train.seed),
        };
        let file = |name: &str| self.folder.root().join(name);
        let table = predictions_csv(&predictions, &task.test, &summary.classes);
        write_text(&file("predictions.csv"), &table)?;
        let confusion = confusion_plot(&summary.test, &summary.classes)?;
        write_picture(self.folder.root(), "confusion", &confusion)?;
        resolvent_formats::write_json_atomic(&file("results.json"), &json!(summary))?;
        page(&summary, &records, title)?.write(&self.folder.report())?;
        Ok(summary)
    }
}

/// Classifies the cases of a source, its test cases where it has such a part; labels come back in the
/// order of the model's classes.
///
/// # Errors
/// As [`Source::load`] and [`predict`]; cases of another kind or with other channels than the model's; a
/// class that the model does not know.
pub fn predict_file(
    model: &Classifier,
    source: &Source,
) -> Result<(Cases, Predictions), LearnError> {
    let loaded = source.load()?;
    let cases = loaded.test.unwrap_or(loaded.train);
    let expected = match &model.config.input {
        InputKind::Series { means, .. } => format!("series of {} channels", means.len()),
        InputKind::Tokens { vocabulary } => format!("sequences of {vocabulary} tokens"),
    };
    let got = match &cases.content {
        Content::Series { channels, .. } => format!("series of {channels} channels"),
        Content::Tokens { vocabulary, .. } => format!("sequences of {vocabulary} tokens"),
    };
    if got != expected {
        let remedy = format!("this model was trained on {expected}");
        return Err(super::bad("--data", got, remedy));
    }
    let cases = match cases.is_labelled() {
        true => cases.with_classes(&model.config.labels)?,
        false => cases,
    };
    let predictions = predict(model, &cases, &mut |_| {})?;
    Ok((cases, predictions))
}

/// One line per case: number, predicted class, true class where it is known, probabilities.
pub fn predictions_csv(predictions: &Predictions, cases: &Cases, classes: &[String]) -> String {
    let labelled = cases.is_labelled() && !cases.is_empty();
    let mut text = String::from("case,predicted");
    if labelled {
        text.push_str(",label");
    }
    for class in classes {
        text.push_str(&format!(",{}", field(&format!("p({class})"))));
    }
    for case in 0..predictions.len() {
        let name = &classes[predictions.class(case) as usize];
        text.push_str(&format!("\n{},{}", case + 1, field(name)));
        if labelled {
            text.push_str(&format!(
                ",{}",
                field(&classes[cases.labels[case] as usize])
            ));
        }
        for value in predictions.row(case) {
            text.push_str(&format!(",{:.6}", value.exp()));
        }
    }
    text.push('\n');
    text
}

/// A field of a table, in quotes where it needs them.
fn field(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

/// Tells a function of every step.
struct Tell<'a>(&'a mut dyn FnMut(usize, usize, f64));

impl Observer for Tell<'_> {
    fn on_step(&mut self, record: &StepRecord, plan: &Plan) {
        (self.0)(record.step, plan.steps, record.loss);
    }
}

/// Trains a classifier in a fresh folder, without a command line, and returns what it showed;
/// `progress` is told step, steps and loss.
///
/// # Errors
/// As [`Job::train`] and [`Job::finish`]; [`LearnError::RunExists`]; an interruption.
pub fn train(
    settings: &ClassifySettings,
    task: &Task,
    folder: &Path,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(usize, usize, f64),
) -> Result<Summary, LearnError> {
    let folder = RunFolder::create(folder)?;
    let job = Job {
        settings,
        task,
        folder: &folder,
        device: &Device::flex(),
    };
    match job.train(false, stop, &mut Tell(progress))? {
        Outcome::Finished(trained) => {
            job.finish(&trained, &format!("Classifier of {}", task.train.name))
        }
        Outcome::Interrupted(trained) => Err(LearnError::experiment(format!(
            "interrupted behind step {} of {}",
            trained.step, trained.plan.steps
        ))),
    }
}
