//! Several trainings at once, one thread each.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use burn::tensor::Device;
use resolvent_learn::classification::{ClassifySettings, Summary, Task, train};
use resolvent_models::classifier::{Classifier, load};

use super::Trial;
use crate::error::ClaimError;
use crate::fixed_states::recorder::Recorder;

/// Steps over which the training loss is averaged.
const LAST: usize = 20;

/// One training.
pub struct Lesson<'a> {
    /// Name in reports.
    pub variant: &'static str,
    /// How to build and train.
    pub settings: ClassifySettings,
    /// On what.
    pub task: &'a Task,
}

/// What became of it.
pub struct Taught {
    /// The figures.
    pub trial: Trial,
    /// The model, on the plain device.
    pub model: Classifier,
}

/// What a thread tells.
enum Word {
    Step(String),
    Done(usize, Box<Result<Taught, ClaimError>>),
}

/// Trains all, as many at once as there are threads in the global pool, each with its share of them;
/// which ones run beside each other changes no figure.
///
/// # Errors
/// [`ClaimError::Interrupted`]; the first error of a training.
pub fn teach(
    lessons: &[Lesson<'_>],
    stage: &str,
    recorder: &mut Recorder<'_>,
) -> Result<Vec<Taught>, ClaimError> {
    let steps = |it: &Lesson<'_>| it.settings.train.steps.unwrap_or(0);
    recorder.stage(stage, lessons.iter().map(steps).sum())?;
    let threads = rayon::current_num_threads().max(1);
    let workers = threads.clamp(1, lessons.len().max(1));
    let (stop, next) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (told, heard) = channel();
    let mut taught: Vec<Option<Taught>> = lessons.iter().map(|_| None).collect();
    let mut failure = None;
    thread::scope(|scope| {
        for _ in 0..workers {
            let told = told.clone();
            let (stop, next) = (&stop, &next);
            scope.spawn(move || work(lessons, threads / workers, (next, stop), &told));
        }
        drop(told);
        let mut done = 0;
        for word in heard {
            let result = match word {
                Word::Step(note) => {
                    done += 1;
                    recorder.step(done, &note)
                }
                Word::Done(at, result) => result.map(|it| taught[at] = Some(it)),
            };
            if let Err(error) = result {
                // Those that are still at work stop behind their step; what they say then is no news.
                stop.store(true, Ordering::Relaxed);
                failure.get_or_insert(error);
            }
        }
    });
    match failure {
        Some(error) => Err(error),
        None => Ok(taught.into_iter().flatten().collect()),
    }
}

/// Takes lessons until none is left.
fn work(
    lessons: &[Lesson<'_>],
    threads: usize,
    (next, stop): (&AtomicUsize, &AtomicBool),
    told: &Sender<Word>,
) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    while !stop.load(Ordering::Relaxed) {
        let at = next.fetch_add(1, Ordering::Relaxed);
        let Some(lesson) = lessons.get(at) else {
            return;
        };
        let run = || one(lesson, stop, told);
        // Without threads of its own a lesson takes those of all.
        let result = match &pool {
            Ok(pool) => pool.install(run),
            Err(_) => run(),
        };
        // Nobody listens only when the program ends.
        let _ = told.send(Word::Done(at, Box::new(result)));
    }
}

fn one(lesson: &Lesson<'_>, stop: &AtomicBool, told: &Sender<Word>) -> Result<Taught, ClaimError> {
    let temporary = tempfile::tempdir().map_err(|source| ClaimError::Folder {
        path: std::env::temp_dir(),
        source,
    })?;
    let folder = temporary.path().join("run");
    let seed = lesson.settings.train.seed;
    let mut last = Vec::new();
    let mut on_step = |step: usize, steps: usize, loss: f64| {
        if step + LAST > steps {
            last.push(loss);
        }
        let note = format!("{}, seed {seed}: loss {loss:.3}", lesson.variant);
        let _ = told.send(Word::Step(note));
    };
    let summary = train(&lesson.settings, lesson.task, &folder, stop, &mut on_step)?;
    let model = load(&folder, &Device::flex())?;
    let mean = last.iter().sum::<f64>() / last.len().max(1) as f64;
    Ok(Taught {
        trial: trial(lesson.variant, seed, &summary, mean),
        model,
    })
}

fn trial(variant: &'static str, seed: u64, summary: &Summary, training_loss: f64) -> Trial {
    Trial {
        variant,
        seed,
        parameters: summary.parameters,
        steps: summary.steps,
        kept_step: summary.kept_step,
        accuracy: 100.0 * summary.test.accuracy,
        interval: summary.test.interval.map(|it| 100.0 * it),
        cases: summary.test.cases,
        loss: summary.test.loss,
        training_loss,
    }
}
