//! `resolvent classify`.

use std::cell::RefCell;
use std::path::Path;

use burn::tensor::Device;
use resolvent_formats::{read_json, write_json_atomic};
use resolvent_learn::classification::{
    ClassifySettings, Job, Scores, Source, Summary, Task, predict_file, predictions_csv,
};
use resolvent_learn::metrics::{EvaluationRecord, StepRecord};
use resolvent_learn::run_folder::{RunFolder, write_text};
use resolvent_learn::schedule::Plan;
use resolvent_learn::trainer::{Observer, Outcome};
use resolvent_models::classifier::load;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::language_run::quoted;
use super::print_json;
use crate::args::{Classify, ClassifyAction, ClassifyPredict, ClassifyTrain};
use crate::console::{Bar, Console, Unit, seconds};
use crate::error::CliError;
use crate::stop::Stop;
use crate::table::{aligned, grouped};

/// What a run was asked to do, in its folder, so that it can be taken up again.
const RUN_FILE: &str = "run.json";

/// The content of that file.
#[derive(Debug, Serialize, Deserialize)]
struct Asked {
    source: Source,
    settings: ClassifySettings,
}

/// Trains or predicts.
pub fn run(
    options: &Classify,
    device: &Device,
    console: &Console,
    stop: &Stop,
) -> Result<(), CliError> {
    match &options.action {
        ClassifyAction::Train(options) => train(options, device, console, stop),
        ClassifyAction::Predict(options) => predict(options, device, console),
    }
}

fn train(
    options: &ClassifyTrain,
    device: &Device,
    console: &Console,
    stop: &Stop,
) -> Result<(), CliError> {
    let resumed = match options.resume {
        true => {
            RunFolder::resume(&options.out)?;
            Some(read_json(&options.out.join(RUN_FILE))?)
        }
        false => None,
    };
    let asked = with_flags(resumed, options)?;
    let bar = console.bar("reading the cases", 0, Unit::Steps);
    let loaded = asked.source.load()?;
    let task = Task::new(loaded, asked.settings.train.seed)?;
    // Refuses what cannot be built before a folder is made.
    task.config(&asked.settings)?;
    asked.settings.validate()?;
    drop(bar);
    let folder = match options.resume {
        true => RunFolder::resume(&options.out)?,
        false => RunFolder::create(&options.out)?,
    };
    write_json_atomic(&options.out.join(RUN_FILE), &asked)?;
    console.say(&described(&task));
    let job = Job {
        settings: &asked.settings,
        task: &task,
        folder: &folder,
        device,
    };
    let resume = format!(
        "resolvent classify train --resume --out {}",
        quoted(&options.out)
    );
    let failed = |source| CliError::Training {
        source: Box::new(source),
        resume: resume.clone(),
    };
    stop.ask("stopping after this step, with a checkpoint; Ctrl-C again ends at once");
    let mut bars = Bars::new(console);
    let outcome = job
        .train(options.resume, stop.flag(), &mut bars)
        .map_err(failed)?;
    drop(bars);
    let trained = match outcome {
        Outcome::Finished(trained) => trained,
        Outcome::Interrupted(trained) => {
            let message = format!(
                "stopped behind step {} of {}; the checkpoint is in {}, go on with `{resume}`",
                trained.step,
                trained.plan.steps,
                options.out.display()
            );
            return Err(CliError::Stopped { message });
        }
    };
    stop.end(&format!(
        "stopped; only the scores are missing; make them with `{resume}`"
    ));
    let bar = console.bar("scoring the test cases, and the baselines", 0, Unit::Steps);
    let title = format!("{} on {}", asked.settings.model.mixer, task.train.name);
    let summary = job.finish(&trained, &title).map_err(failed)?;
    drop(bar);
    show(&summary, &options.out, console);
    if options.json {
        print_json(&json!({ "folder": options.out, "results": summary }))?;
    }
    Ok(())
}

/// The defaults, or what a run was asked before, with the flags over it.
fn with_flags(resumed: Option<Asked>, options: &ClassifyTrain) -> Result<Asked, CliError> {
    let Asked {
        mut source,
        settings,
    } = resumed.unwrap_or_else(|| Asked {
        source: Source::default(),
        settings: ClassifySettings::default(),
    });
    if let Some(data) = &options.data {
        source.data = whole(data);
    }
    if let Some(test) = &options.test {
        source.test = Some(std::path::absolute(test).unwrap_or_else(|_| test.clone()));
    }
    if let Some(label) = &options.label {
        source.label = Some(whole(label));
    }
    source.samples = options.samples.or(source.samples);
    let mut overrides = Vec::new();
    if let Some(mixer) = &options.mixer {
        overrides.push(format!("model.mixer={mixer}"));
    }
    overrides.extend(options.overrides.iter().cloned());
    if options.bidirectional {
        overrides.push("model.bidirectional=true".to_owned());
    }
    let mut settings = settings.with_overrides(&overrides)?;
    options.budget.apply(&mut settings.train);
    source.seed = settings.train.seed;
    settings.validate()?;
    Ok(Asked { source, settings })
}

/// The absolute form of a name when it is that of a file, so that a run can be taken up elsewhere.
fn whole(name: &str) -> String {
    let path = Path::new(name);
    match path.exists() {
        true => std::path::absolute(path)
            .ok()
            .and_then(|it| it.to_str().map(str::to_owned))
            .unwrap_or_else(|| name.to_owned()),
        false => name.to_owned(),
    }
}

fn described(task: &Task) -> String {
    let (shortest, longest) = task.train.lengths();
    format!(
        "{}: {} classes; {} training, {} validation and {} test cases of {shortest} to {longest} positions",
        task.train.name,
        task.train.classes.len(),
        grouped(task.train.len() as u64),
        grouped(task.validation.len() as u64),
        grouped(task.test.len() as u64),
    )
}

fn show(summary: &Summary, out: &Path, console: &Console) {
    let row = |name: &str, accuracy: f64, interval: [f64; 2]| {
        let range = format!("{:.2} to {:.2}", 100.0 * interval[0], 100.0 * interval[1]);
        vec![name.to_owned(), format!("{:.2}", 100.0 * accuracy), range]
    };
    let test = &summary.test;
    let mut rows = vec![row(
        &format!("{} (this run)", summary.mixer),
        test.accuracy,
        test.interval,
    )];
    rows.extend(
        summary
            .baselines
            .iter()
            .map(|it| row(&it.name, it.accuracy, it.interval)),
    );
    console.say(&format!(
        "\naccuracy in percent on the same {} test cases, with 95 % intervals\n\n{}",
        grouped(test.cases as u64),
        aligned(&["", "", ""], &rows)
    ));
    console.say(&format!(
        "{} parameters, {} steps ({:.1} passes) in {}; kept: step {}\npage:    {}\npredict: resolvent classify predict --model {} --data FILE --out CSV",
        grouped(summary.parameters as u64),
        grouped(summary.steps as u64),
        summary.epochs,
        seconds(summary.seconds),
        summary.kept_step,
        out.join("report.html").display(),
        quoted(out),
    ));
}

fn predict(options: &ClassifyPredict, device: &Device, console: &Console) -> Result<(), CliError> {
    let model = load(&options.model, device).map_err(|source| CliError::Model {
        folder: options.model.clone(),
        source,
    })?;
    let source = Source {
        data: options.data.clone(),
        label: options.label.clone(),
        ..Source::default()
    };
    let (cases, predictions) = predict_file(&model, &source)?;
    let classes = &model.config.labels;
    write_text(
        &options.out,
        &predictions_csv(&predictions, &cases, classes),
    )?;
    let scores = match cases.is_labelled() {
        true => Some(Scores::of(&predictions, &cases)?),
        false => None,
    };
    console.say(&match &scores {
        Some(it) => format!(
            "{} of {} cases are right: {:.2} % (95 % interval {:.2} to {:.2})",
            grouped(it.right as u64),
            grouped(it.cases as u64),
            100.0 * it.accuracy,
            100.0 * it.interval[0],
            100.0 * it.interval[1]
        ),
        None => format!("{} cases, without labels", grouped(cases.len() as u64)),
    });
    console.say(&format!("written: {}", options.out.display()));
    if options.json {
        print_json(
            &json!({ "out": options.out, "cases": cases.len(), "classes": classes, "scores": scores }),
        )?;
    }
    Ok(())
}

/// Draws the training.
struct Bars<'a> {
    console: &'a Console,
    bar: RefCell<Option<Bar>>,
    held_out: Option<f64>,
}

impl<'a> Bars<'a> {
    fn new(console: &'a Console) -> Self {
        let bar = console.bar("preparing the run", 0, Unit::Steps);
        Self {
            console,
            bar: RefCell::new(Some(bar)),
            held_out: None,
        }
    }
}

impl Observer for Bars<'_> {
    fn on_plan(&mut self, plan: &Plan, step: usize) {
        // The old bar goes first, so that only one is drawn.
        self.bar.replace(None);
        let bar = self.console.bar("training", plan.steps as u64, Unit::Steps);
        self.bar.replace(Some(bar.starting_at(step as u64)));
    }

    fn on_step(&mut self, record: &StepRecord, _plan: &Plan) {
        let mut note = format!("loss {:.3}", record.loss);
        if let Some(error) = self.held_out {
            note.push_str(&format!(
                "  validation accuracy {:.1} %",
                100.0 * (1.0 - error)
            ));
        }
        if let Some(bar) = self.bar.borrow_mut().as_mut() {
            bar.set(record.step as u64, &note);
        }
    }

    fn on_evaluation(&mut self, record: &EvaluationRecord) {
        self.held_out = record.values.get("validation_error").copied();
    }
}
