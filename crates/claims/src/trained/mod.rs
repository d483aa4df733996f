//! Classifiers that are trained end to end, several beside each other.
//!
//! What [`fixed_states`](crate::fixed_states) asks of matrices that stay as they are, asked again after
//! training, as the papers do. Everything goes through `resolvent_learn::classification`: the same model,
//! optimiser, schedule and choice of the checkpoint as `resolvent classify train`.
//!
//! With a seed all variants see the same training cases in the same order and the same test cases, so
//! that their differences are paired.

mod data;
mod figures;
mod pool;

pub use data::{DATA, Material, material};
pub use figures::{accuracies, beside, differences};
pub use pool::{Lesson, Taught, teach};

use resolvent_learn::classification::{ClassifySettings, Task};
use serde::Serialize;

use crate::claim::Options;
use crate::error::ClaimError;
use crate::fixed_states::recorder::Recorder;
use crate::report::{Draft, Finding, not_run};

/// Steps of training, of 16 cases each.
const STEPS: usize = 1200;
const QUICK_STEPS: usize = 4;

/// A model by its name in reports, and what sets it apart: overrides of the settings.
#[derive(Debug, Clone, Copy)]
pub struct Variant {
    /// The name.
    pub name: &'static str,
    /// As in `resolvent classify train --set`.
    pub overrides: &'static [&'static str],
}

/// How well a variant did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trial {
    /// Its name.
    pub variant: &'static str,
    /// Seed of weights and cases.
    pub seed: u64,
    /// Trainable values.
    pub parameters: usize,
    /// Steps of training.
    pub steps: usize,
    /// The step whose weights were kept.
    pub kept_step: usize,
    /// Accuracy on the test cases, in percent.
    pub accuracy: f64,
    /// 95 % interval of the accuracy after Wilson, in percent.
    pub interval: [f64; 2],
    /// Number of test cases.
    pub cases: usize,
    /// Cross-entropy on the test cases, nats.
    pub loss: f64,
    /// Cross-entropy of the last training steps, nats.
    pub training_loss: f64,
}

/// What all variants share: two causal blocks of width 32, state 64, no dropout; the optimiser of the
/// S4 papers at a learning rate of 0.01.
const SHARED: [&str; 9] = [
    "model.hidden_size=32",
    "model.layers=2",
    "model.d_state=64",
    "model.dropout=0",
    "train.batch=16",
    "train.checkpoint_every=0",
    "train.evaluate_every=0",
    "optimiser.learning_rate=0.01",
    "optimiser.weight_decay=0.01",
];
/// The same at the size of a smoke run.
const SMALL: [&str; 3] = ["model.hidden_size=8", "model.layers=1", "model.d_state=8"];

/// The settings of a variant.
///
/// # Errors
/// As [`ClassifySettings::with_overrides`].
pub fn settings(
    variant: &Variant,
    seed: u64,
    options: &Options,
) -> Result<ClassifySettings, ClaimError> {
    let steps = if options.quick { QUICK_STEPS } else { STEPS };
    let own = [format!("train.seed={seed}"), format!("train.steps={steps}")];
    let small = if options.quick { &SMALL[..] } else { &[] };
    let shared = SHARED.iter().chain(small).chain(variant.overrides);
    let all: Vec<String> = shared.map(|it| (*it).to_owned()).chain(own).collect();
    // The mixer's own keys are known only with the mixer, which `with_overrides` sets first.
    Ok(ClassifySettings::default().with_overrides(&all)?)
}

/// Trains every variant with every seed, on the task of the seed.
///
/// # Errors
/// As [`teach`].
pub fn ablate(
    variants: &[Variant],
    tasks: &[Task],
    options: &Options,
    recorder: &mut Recorder<'_>,
) -> Result<Vec<Taught>, ClaimError> {
    let mut lessons = Vec::new();
    for (seed, task) in options.seeds.iter().zip(tasks) {
        for variant in variants {
            lessons.push(Lesson {
                variant: variant.name,
                settings: settings(variant, *seed, options)?,
                task,
            });
        }
    }
    teach(&lessons, "trainings", recorder)
}

/// The finding of a draft, or, where it was made of no measurement, that there was none for want of data.
pub fn decided(draft: Draft, is_measured: bool, slug: &str, options: &Options) -> Finding {
    match is_measured {
        true => draft.finish(slug, options),
        false => {
            let why = format!("{DATA} is not on this machine; `resolvent data fetch {DATA}`");
            not_run(&draft.claim, &draft.paper, &why, options.command(slug))
        }
    }
}

/// What a reader of a report must know of the trainings.
pub const NOTE: &str = "Trained: two causal blocks of width 32, N = 64, norms before the mixers, no dropout, AdamW at 0.01 (A, B and step sizes at most 0.001), 1,200 steps of 16 images, cosine; 20,000 training images of Fashion-MNIST as sequences of 784 pixels (a tenth of them for validation), 2,000 test images. The papers train on sequential CIFAR, which is in no package, with larger models for 100 epochs and more. Nothing was tuned; the number of steps was raised from 500 after a look at s4d with seed 1 (all but Real near 73 %), with the criteria left as they were. Variants of a seed share cases and their order.";
