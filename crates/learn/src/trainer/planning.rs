//! From a time budget to a number of steps.
//!
//! The schedule needs the number of steps before the first one, so the speed is measured
//! beforehand: some steps are done on a copy of model and optimiser, timed and thrown away. The
//! plan then no longer depends on the clock.

use std::sync::atomic::Ordering;
use std::time::Instant;

use burn::module::Module;

use super::step::Learner;
use super::{Experiment, Run};
use crate::error::LearnError;
use crate::schedule::Plan;

/// Timed steps aimed at; the median of so few is robust against one slow one.
const TIMED_STEPS: usize = 5;
/// Largest part of the budget that timing may take, once one step has been timed.
const LARGEST_PART: f64 = 0.05;
/// Steps of the plan that the thrown-away steps follow: any large number does.
const PROVISIONAL_STEPS: usize = 1000;

/// Seconds of what is done beside the steps.
#[derive(Clone, Copy, Default)]
pub(super) struct Pauses {
    /// One evaluation.
    pub evaluation: f64,
    /// One checkpoint on the disk.
    pub checkpoint: f64,
}

/// The plan of a fresh run that began at `began`.
pub(super) fn plan<E: Experiment>(
    run: &Run<'_>,
    experiment: &E,
    learner: &Learner<E::Model>,
    began: Instant,
    pauses: Pauses,
) -> Result<Plan, LearnError> {
    let train = &run.settings.train;
    let schedule = &run.settings.schedule;
    let budget = match (train.steps, train.minutes) {
        (Some(steps), _) => return Ok(Plan::new(steps, schedule)),
        (None, Some(minutes)) => minutes * 60.0,
        (None, None) => {
            return Err(LearnError::BadValue {
                field: "train.minutes".to_owned(),
                value: "missing".to_owned(),
                remedy: "give train.steps or train.minutes".to_owned(),
            });
        }
    };
    // A clone shares what moves during a forward pass, such as running moments.
    let copy = Learner {
        model: learner.model.valid().train(),
        optimiser: learner.optimiser.clone(),
    };
    let step = seconds_per_step(run, experiment, copy, budget)?;
    let left = budget - began.elapsed().as_secs_f64();
    let every = [train.evaluate_every, train.checkpoint_every];
    let steps = steps_within(left, step, pauses, every);
    tracing::info!(steps, seconds_per_step = step, "planned from a time budget");
    Ok(Plan::new(steps, schedule))
}

/// Median seconds of a step, after one that is not timed because it warms caches and allocators.
fn seconds_per_step<E: Experiment>(
    run: &Run<'_>,
    experiment: &E,
    mut learner: Learner<E::Model>,
    budget: f64,
) -> Result<f64, LearnError> {
    let plan = Plan::new(PROVISIONAL_STEPS, &run.settings.schedule);
    let began = Instant::now();
    let mut times = Vec::new();
    for step in 1..=1 + TIMED_STEPS {
        let start = Instant::now();
        learner.advance(experiment, run.settings, &plan, step)?;
        if step > 1 {
            times.push(start.elapsed().as_secs_f64());
        }
        let spent = began.elapsed().as_secs_f64();
        if !times.is_empty() && spent > LARGEST_PART * budget || run.stop.load(Ordering::Relaxed) {
            break;
        }
    }
    if times.is_empty() {
        // Stopped during the first step: the run ends at step 0 and its speed is a rough guess.
        times.push(began.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// Steps that fit into `left` seconds, at least one, with an evaluation every `every[0]` steps and a
/// checkpoint every `every[1]` (0: none) and both at the end. Every evaluation may be the best so far and
/// write a checkpoint too.
fn steps_within(left: f64, step: f64, pauses: Pauses, every: [usize; 2]) -> usize {
    let both = pauses.evaluation + pauses.checkpoint;
    let part = |pause: f64, every: usize| match every {
        0 => 0.0,
        _ => pause / every as f64,
    };
    let per_step = step + part(both, every[0]) + part(pauses.checkpoint, every[1]);
    let steps = (left - both) / per_step.max(1e-9);
    // `as` saturates and turns NaN into 0.
    (steps as usize).clamp(1, 1 << 40)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(evaluation: f64, checkpoint: f64) -> Pauses {
        Pauses {
            evaluation,
            checkpoint,
        }
    }

    #[test]
    fn steps_when_evaluations_cost_time_leave_room_for_them() {
        assert_eq!(steps_within(100.0, 0.5, pauses(0.0, 0.0), [0, 0]), 200);
        assert_eq!(steps_within(100.0, 0.5, pauses(10.0, 0.0), [0, 0]), 180);
        assert_eq!(steps_within(100.0, 0.5, pauses(10.0, 0.0), [20, 0]), 90);
    }

    #[test]
    fn steps_when_checkpoints_cost_time_leave_room_for_them() {
        assert_eq!(steps_within(100.0, 0.5, pauses(0.0, 10.0), [0, 0]), 180);
        assert_eq!(steps_within(100.0, 0.5, pauses(0.0, 10.0), [0, 20]), 90);
        assert_eq!(steps_within(100.0, 0.5, pauses(4.0, 6.0), [20, 0]), 90);
        assert_eq!(steps_within(104.0, 0.5, pauses(8.0, 6.0), [20, 20]), 60);
    }

    #[test]
    fn steps_when_the_budget_is_spent_are_still_one() {
        for left in [-5.0, 0.0, 0.1, f64::NAN] {
            assert_eq!(steps_within(left, 0.5, pauses(1.0, 1.0), [10, 10]), 1);
        }
        assert!(steps_within(1.0, 0.0, pauses(0.0, 0.0), [0, 0]) > 1);
    }
}
