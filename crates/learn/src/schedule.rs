//! The learning rate as a pure function of the step and the plan.
//!
//! Nothing is carried from step to step, so a resumed run needs only the plan to follow the same
//! curve.

use serde::{Deserialize, Serialize};

use crate::recipe::{ScheduleKind, ScheduleSection};

/// How many steps a run takes; fixed once, before the first step, and stored in every checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Steps of the whole run, at least 1.
    pub steps: usize,
    /// Steps of linear warm-up, at most `steps`.
    pub warmup_steps: usize,
}

impl Plan {
    /// A plan of `steps` steps (at least one) with the warm-up that the recipe asks for.
    ///
    /// # Example
    /// ```
    /// use resolvent_learn::{recipe::ScheduleSection, schedule::Plan};
    ///
    /// let plan = Plan::new(200, &ScheduleSection::default());
    /// assert_eq!(plan.warmup_steps, 10);
    /// ```
    pub fn new(steps: usize, schedule: &ScheduleSection) -> Self {
        let steps = steps.max(1);
        let by_fraction = (schedule.warmup_fraction * steps as f64).round() as usize;
        let warmup_steps = schedule.warmup_steps.unwrap_or(by_fraction).min(steps);
        Self {
            steps,
            warmup_steps,
        }
    }
}

/// The learning rate of update `step`, counted from 1.
///
/// With W warm-up steps and S steps in all: `peak * step / W` up to W, then for the cosine
/// `peak * (f + (1 - f) (1 + cos(pi t)) / 2)` with `t = (step - W) / (S - W)` and the final
/// fraction f; past the plan's end the last value holds.
///
/// # Example
/// ```
/// use resolvent_learn::{recipe::ScheduleSection, schedule::{Plan, learning_rate}};
///
/// let schedule = ScheduleSection { final_fraction: 0.1, ..ScheduleSection::default() };
/// let plan = Plan::new(100, &schedule);
/// assert!((learning_rate(&schedule, &plan, 1e-3, 5) - 1e-3).abs() < 1e-15);
/// assert!((learning_rate(&schedule, &plan, 1e-3, 100) - 1e-4).abs() < 1e-15);
/// ```
pub fn learning_rate(schedule: &ScheduleSection, plan: &Plan, peak: f64, step: usize) -> f64 {
    let warmup = plan.warmup_steps;
    if step <= warmup {
        // `warmup` is at least `step`; a step of 0 (before the first update) gives 0.
        return peak * step as f64 / warmup.max(1) as f64;
    }
    match schedule.kind {
        ScheduleKind::Constant => peak,
        ScheduleKind::Cosine => {
            let span = plan.steps.saturating_sub(warmup).max(1) as f64;
            let progress = ((step - warmup) as f64 / span).min(1.0);
            let cosine = 0.5 * (1.0 + (std::f64::consts::PI * progress).cos());
            peak * (schedule.final_fraction + (1.0 - schedule.final_fraction) * cosine)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(warmup_steps: usize) -> ScheduleSection {
        ScheduleSection {
            warmup_steps: Some(warmup_steps),
            final_fraction: 0.1,
            ..ScheduleSection::default()
        }
    }

    #[test]
    fn rate_when_warming_up_rises_linearly_to_the_peak() {
        let schedule = section(4);
        let plan = Plan::new(20, &schedule);
        let rates: Vec<f64> = (1..=4)
            .map(|step| learning_rate(&schedule, &plan, 8.0, step))
            .collect();
        assert_eq!(rates, [2.0, 4.0, 6.0, 8.0]);
    }

    #[test]
    fn rate_after_the_warm_up_falls_without_rising_again() {
        let schedule = section(3);
        let plan = Plan::new(50, &schedule);
        let rates: Vec<f64> = (3..=50)
            .map(|step| learning_rate(&schedule, &plan, 1.0, step))
            .collect();
        assert!(rates.windows(2).all(|pair| pair[1] <= pair[0]));
        assert!((rates[47] - 0.1).abs() < 1e-12);
        let half_way = learning_rate(&section(0), &Plan::new(50, &section(0)), 1.0, 25);
        assert!((half_way - 0.55).abs() < 1e-12, "{half_way}");
    }

    #[test]
    fn rate_when_the_plan_is_degenerate_is_finite() {
        for steps in [0, 1, 2] {
            for warmup in [0, 1, 5] {
                let schedule = section(warmup);
                let plan = Plan::new(steps, &schedule);
                for step in 0..4 {
                    let rate = learning_rate(&schedule, &plan, 1.0, step);
                    assert!((0.0..=1.0).contains(&rate), "{plan:?} {step} {rate}");
                }
            }
        }
    }
}
