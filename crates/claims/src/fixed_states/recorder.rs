//! The stages of an experiment without training, and its times.

use std::time::Instant;

use crate::claim::Progress;
use crate::error::ClaimError;
use crate::report::{Report, cpu_seconds};

/// Tells the progress about stages of one step, and stops between them.
pub struct Recorder<'a> {
    progress: &'a mut dyn Progress,
    began: (Instant, Option<f64>),
    stage: usize,
    name: String,
}

impl<'a> Recorder<'a> {
    /// Begins an experiment of `stages` stages.
    pub fn new(progress: &'a mut dyn Progress, stages: usize) -> Self {
        progress.on_plan(stages);
        Self {
            progress,
            began: (Instant::now(), cpu_seconds()),
            stage: 0,
            name: String::new(),
        }
    }

    /// Begins the next stage, of `steps` steps.
    ///
    /// # Errors
    /// [`ClaimError::Interrupted`] when the user wants to stop.
    pub fn stage(&mut self, name: &str, steps: usize) -> Result<(), ClaimError> {
        self.name = name.to_owned();
        self.progress.on_stage(self.stage, name, steps);
        self.stage += 1;
        self.check()
    }

    /// `done` steps of the stage are done.
    ///
    /// # Errors
    /// As [`stage`](Self::stage).
    pub fn step(&mut self, done: usize, note: &str) -> Result<(), ClaimError> {
        self.progress.on_step(done, note);
        self.check()
    }

    fn check(&self) -> Result<(), ClaimError> {
        match self.progress.is_stopped() {
            true => Err(ClaimError::Interrupted {
                stage: self.name.clone(),
            }),
            false => Ok(()),
        }
    }

    /// Fills in the times, and marks a smoke run.
    pub fn close(self, report: &mut Report) {
        report.minutes = self.began.0.elapsed().as_secs_f64() / 60.0;
        report.cpu_minutes = match (self.began.1, cpu_seconds()) {
            (Some(before), Some(after)) => Some((after - before) / 60.0),
            _ => None,
        };
        if report.quick {
            let note = "This is a smoke run at a small size; nothing is decided.";
            report.notes.insert(0, note.to_owned());
        }
    }
}
