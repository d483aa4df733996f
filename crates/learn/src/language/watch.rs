//! What a language-model run tells whoever watches it.

use std::path::Path;

use crate::metrics::{EvaluationRecord, StepRecord};
use crate::schedule::Plan;
use crate::trainer::Observer;

/// A part of the work whose length is known beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Reading and splitting the text; its length is not known (0).
    Reading,
    /// Scoring held-out bytes during training; in bytes.
    Evaluating,
    /// Scoring all evaluated bytes with the trained model; in bytes.
    Scoring,
    /// Scoring them again in longer windows; in bytes.
    Context,
    /// Counting and scoring n-grams; in bytes of both texts.
    Ngrams,
    /// Compressing the evaluated bytes; in bytes.
    Compressor,
    /// Compressing them behind the training text; in bytes of both.
    PrimedCompressor,
    /// Generating the sample; in bytes.
    Sampling,
}

impl Stage {
    /// A few words for a progress bar.
    pub fn label(self) -> &'static str {
        match self {
            Self::Reading => "reading the text",
            Self::Evaluating => "evaluating",
            Self::Scoring => "scoring held-out bytes",
            Self::Context => "scoring longer windows",
            Self::Ngrams => "n-gram baselines",
            Self::Compressor => "xz -9e",
            Self::PrimedCompressor => "xz -9e behind the training text",
            Self::Sampling => "generating a sample",
        }
    }
}

/// One piece of news.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A stage of `total` units begins.
    Begin {
        /// Which one.
        stage: Stage,
        /// Its length; 0 when unknown.
        total: u64,
    },
    /// So many units of the current stage are done.
    Done(u64),
    /// The current stage is over.
    End,
    /// The number of steps stands; `step` of them are done already.
    Planned {
        /// Steps and warm-up.
        plan: &'a Plan,
        /// Steps done.
        step: usize,
    },
    /// A training step is done.
    Step {
        /// What it measured.
        record: &'a StepRecord,
        /// The plan that it belongs to.
        plan: &'a Plan,
    },
    /// The model was evaluated during training.
    Evaluated(&'a EvaluationRecord),
    /// A checkpoint is on disk.
    Saved {
        /// Steps done.
        step: usize,
        /// Its folder.
        folder: &'a Path,
    },
}

/// Told of everything that happens. Calls come from the working thread and should return at once.
pub trait Watch {
    /// Takes one piece of news.
    fn on(&self, event: Event<'_>);
}

/// Nobody watches.
impl Watch for () {
    fn on(&self, _: Event<'_>) {}
}

/// Runs `work` as one stage; it is given a function that takes the units done.
pub(super) fn staged<T>(
    watch: &dyn Watch,
    stage: Stage,
    total: u64,
    work: impl FnOnce(&mut dyn FnMut(u64)) -> T,
) -> T {
    watch.on(Event::Begin { stage, total });
    let result = work(&mut |done| watch.on(Event::Done(done)));
    watch.on(Event::End);
    result
}

/// Hands the training loop's news on.
pub struct Forward<'a>(pub &'a dyn Watch);

impl Observer for Forward<'_> {
    fn on_plan(&mut self, plan: &Plan, step: usize) {
        self.0.on(Event::Planned { plan, step });
    }

    fn on_step(&mut self, record: &StepRecord, plan: &Plan) {
        self.0.on(Event::Step { record, plan });
    }

    fn on_evaluation(&mut self, record: &EvaluationRecord) {
        self.0.on(Event::Evaluated(record));
    }

    fn on_checkpoint(&mut self, step: usize, folder: &Path) {
        self.0.on(Event::Saved { step, folder });
    }
}
