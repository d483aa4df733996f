//! The steps of one benchmark, for whoever watches it.

use crate::claim::Progress;
use crate::error::ClaimError;

/// Counts the steps of a benchmark and says before each what is measured now.
pub(super) struct Course<'a> {
    progress: &'a mut dyn Progress,
    /// Place of the benchmark among the stages of the run.
    stage: usize,
    name: &'static str,
    begun: usize,
}

impl<'a> Course<'a> {
    pub(super) fn new(progress: &'a mut dyn Progress, stage: usize, name: &'static str) -> Self {
        Self {
            progress,
            stage,
            name,
            begun: 0,
        }
    }

    /// The benchmark has `steps` steps from now on; called before the first, and again where others of
    /// another length begin.
    pub(super) fn plan(&mut self, steps: usize) {
        self.begun = 0;
        self.progress.on_stage(self.stage, self.name, steps);
    }

    /// The next step begins, and with it the one before is done; `what` says what it measures.
    ///
    /// # Errors
    /// The user wants to stop.
    pub(super) fn begin(&mut self, what: &str) -> Result<(), ClaimError> {
        if self.progress.is_stopped() {
            return Err(ClaimError::Interrupted {
                stage: self.name.into(),
            });
        }
        self.progress.on_step(self.begun, what);
        self.begun += 1;
        Ok(())
    }

    /// The last step is done.
    pub(super) fn end(self, what: &str) {
        self.progress.on_step(self.begun, what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Remembers what it is told and wants to stop after the second step.
    #[derive(Default)]
    struct Watcher {
        told: Vec<String>,
    }

    impl Progress for Watcher {
        fn on_stage(&mut self, index: usize, name: &str, steps: usize) {
            self.told.push(format!("{index} {name} {steps}"));
        }

        fn on_step(&mut self, done: usize, note: &str) {
            self.told.push(format!("{done} {note}"));
        }

        fn is_stopped(&self) -> bool {
            self.told.len() > 2
        }
    }

    #[test]
    fn begin_when_the_user_stops_ends_before_the_next_step() {
        let mut watcher = Watcher::default();
        let mut course = Course::new(&mut watcher, 1, "ssd");
        course.plan(3);
        course.begin("forward").unwrap();
        course.begin("backward").unwrap();
        let error = course.begin("memory").unwrap_err();
        assert!(
            matches!(&error, ClaimError::Interrupted { stage } if stage == "ssd"),
            "{error}"
        );
        assert_eq!(watcher.told, ["1 ssd 3", "0 forward", "1 backward"]);
    }
}
