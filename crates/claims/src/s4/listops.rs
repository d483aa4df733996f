//! S4 on ListOps from the generator here, at full length.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::Device;
use resolvent_learn::checkpoint::Checkpoint;
use resolvent_learn::classification::{ClassifySettings, Job, Source, Summary, Task};
use resolvent_learn::metrics::{EvaluationRecord, StepRecord};
use resolvent_learn::run_folder::RunFolder;
use resolvent_learn::schedule::Plan;
use resolvent_learn::trainer::{Observer, Outcome};

use super::CLAIM;
use crate::claim::Options;
use crate::error::ClaimError;
use crate::fixed_states::recorder::Recorder;
use crate::report::{Bound, Draft, Figure, Finding, not_run};

/// Training sequences; a tenth of them at most, and 2,000 at most, for validation and for the test.
const SAMPLES: u64 = 96_000;
/// Steps of [`BATCH`] sequences.
const STEPS: usize = 30_000;
const BATCH: usize = 32;
/// Accuracy of the rule that reads the root operator and its literal arguments (sheet of the benchmark).
const LITERALS_RULE: f64 = 46.0;
const ROOT_RULE: f64 = 35.3;

/// The published setting (6 blocks of width 256, N = 4, batch 32, 120,000 steps, no dropout, rate 0.01 and
/// at most 0.001 for A, B; norms behind the blocks) with half the width, a quarter of the steps, norms before
/// the blocks and a lower rate: with the published place and rate 2,168 steps of a narrower model learnt
/// nothing at full length. These had 38.6 % of the validation cases behind 7,000 steps.
const SETTINGS: [&str; 13] = [
    "model.mixer=s4",
    "model.hidden_size=128",
    "model.layers=6",
    "model.d_state=4",
    "model.l_max=2048",
    "model.bidirectional=true",
    "model.norm=before",
    "model.dropout=0",
    "train.checkpoint_every=50",
    "train.evaluate_every=500",
    "train.clip=1",
    "optimiser.learning_rate=0.004",
    "optimiser.weight_decay=0.05",
];

fn settings(seed: u64) -> Result<ClassifySettings, ClaimError> {
    let own = [
        format!("train.seed={seed}"),
        format!("train.steps={STEPS}"),
        format!("train.batch={BATCH}"),
    ];
    let all = SETTINGS.iter().map(|it| (*it).to_owned()).chain(own);
    let all: Vec<String> = all.collect();
    Ok(ClassifySettings::default().with_overrides(&all)?)
}

/// Trains in the folder, or goes on there, with the first seed alone.
///
/// # Errors
/// [`ClaimError::Interrupted`], with a checkpoint on the disk; errors of training.
pub(super) fn measure(
    folder: &Path,
    seed: u64,
    device: &Device,
    recorder: &mut Recorder<'_>,
) -> Result<Summary, ClaimError> {
    let source = Source {
        data: "listops".to_owned(),
        samples: Some(SAMPLES),
        seed,
        ..Source::default()
    };
    recorder.stage("ListOps", STEPS)?;
    let task = Task::new(source.load()?, seed)?;
    let settings = settings(seed)?;
    // A folder with a checkpoint is a run that was stopped.
    let checkpoints = folder.join("checkpoints");
    let begun = checkpoints.is_dir() && Checkpoint::latest(&checkpoints)?.is_some();
    let run = match begun {
        true => RunFolder::resume(folder)?,
        false => RunFolder::create(folder)?,
    };
    let job = Job {
        settings: &settings,
        task: &task,
        folder: &run,
        device,
    };
    let stop = AtomicBool::new(false);
    let mut watch = Watch {
        recorder,
        stop: &stop,
        stopped: None,
        error: String::new(),
    };
    let outcome = job.train(begun, &stop, &mut watch)?;
    match (outcome, watch.stopped) {
        (Outcome::Finished(trained), None) => Ok(job.finish(&trained, "S4 on ListOps")?),
        (_, Some(error)) => Err(error),
        (Outcome::Interrupted(_), None) => Err(ClaimError::Interrupted {
            stage: "ListOps".to_owned(),
        }),
    }
}

/// Hands steps to the recorder, and its wish to stop back.
struct Watch<'a, 'b> {
    recorder: &'a mut Recorder<'b>,
    stop: &'a AtomicBool,
    stopped: Option<ClaimError>,
    error: String,
}

impl Observer for Watch<'_, '_> {
    fn on_step(&mut self, record: &StepRecord, _: &Plan) {
        let note = format!("loss {:.3}{}", record.loss, self.error);
        if let Err(error) = self.recorder.step(record.step, &note) {
            self.stop.store(true, Ordering::Relaxed);
            self.stopped.get_or_insert(error);
        }
    }

    fn on_evaluation(&mut self, record: &EvaluationRecord) {
        if let Some(error) = record.values.get("validation_error") {
            self.error = format!(", validation accuracy {:.1} %", 100.0 * (1.0 - error));
        }
    }
}

/// The finding, or that it was not tried.
pub(super) fn finding(summary: Option<&Summary>, options: &Options) -> Finding {
    let claim = "S4 reaches 48 % on ListOps from the generator here (96,000 training sequences).";
    let paper = "59.6 % (6 layers of width 256, 40 epochs)";
    let Some(summary) = summary else {
        let why = "it takes hours of processor time; `resolvent reproduce s4 --long DIR` makes it, with checkpoints in DIR";
        return not_run(claim, paper, why, options.command(CLAIM.slug));
    };
    let mut baseline: Vec<Figure> = summary
        .baselines
        .iter()
        .map(|it| Figure::percent(it.name.clone(), 100.0 * it.accuracy))
        .collect();
    baseline.push(Figure::percent("the root operator alone", ROOT_RULE));
    baseline.push(Figure::percent(
        "the root operator and its literal arguments",
        LITERALS_RULE,
    ));
    baseline.push(Figure::new(
        "passes over the training sequences",
        summary.epochs,
        "",
    ));
    let [low, high] = summary.test.interval.map(|it| 100.0 * it);
    let draft = Draft {
        claim: claim.into(),
        paper: paper.into(),
        baseline,
        ours: format!(
            "test accuracy of {} parameters on {} sequences, one seed (95 % interval {low:.1} to {high:.1})",
            summary.parameters, summary.test.cases
        ),
        unit: "%",
        values: vec![100.0 * summary.test.accuracy],
        bound: Bound::AtLeast(48.0),
    };
    draft.finish(CLAIM.slug, options)
}
