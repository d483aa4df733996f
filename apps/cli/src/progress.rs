//! Bars for training runs and experiments.

use std::cell::RefCell;
use std::sync::atomic::Ordering;

use resolvent_claims::Progress;

use resolvent_learn::language::{Event, Watch};
use resolvent_learn::metrics::StepRecord;
use resolvent_learn::schedule::Plan;

use crate::console::{Bar, Console, Unit, seconds};
use crate::stop::Stop;
use crate::table::grouped;

/// Share of the newest step in the running mean of the speed.
const FRESH: f64 = 0.1;

/// Draws what a language-model run tells.
pub struct TrainingBars {
    console: Console,
    /// Whether steps are timed before the plan stands.
    is_timed: bool,
    drawn: RefCell<Drawn>,
}

#[derive(Default)]
struct Drawn {
    training: Option<Bar>,
    /// The stage at hand, under the training bar when there is one.
    stage: Option<Bar>,
    /// The steps that are timed before the plan stands.
    timing: Option<Bar>,
    is_planned: bool,
    /// Tokens and seconds of the last step, and the speed.
    last: Option<(u64, f64)>,
    tokens_per_second: Option<f64>,
    held_out: Option<f64>,
}

impl TrainingBars {
    /// Bars on this console; `is_timed` when the run has a time budget.
    pub fn new(console: &Console, is_timed: bool) -> Self {
        Self {
            console: console.clone(),
            is_timed,
            drawn: RefCell::new(Drawn::default()),
        }
    }
}

impl Watch for TrainingBars {
    fn on(&self, event: Event<'_>) {
        let mut drawn = self.drawn.borrow_mut();
        match event {
            Event::Begin { stage, total } => {
                drawn.stage = Some(self.console.bar(stage.label(), total, Unit::Bytes));
            }
            Event::Done(done) => {
                if let Some(bar) = &mut drawn.stage {
                    bar.set(done, "");
                }
            }
            Event::End => {
                drawn.stage = None;
            }
            Event::Planned { plan, step } => {
                drawn.timing = None;
                drawn.is_planned = true;
                self.console.say(&planned(plan, step));
                let bar = self.console.bar("training", plan.steps as u64, Unit::Steps);
                drawn.training = Some(bar.starting_at(step as u64));
            }
            Event::Step { record, plan } => drawn.step(record, plan),
            Event::Evaluated(record) => {
                drawn.held_out = record.values.values().next().copied();
                // A pause in the clock is not a slow step.
                drawn.last = None;
                if self.is_timed && !drawn.is_planned {
                    let label = "timing a few steps to plan the run";
                    drawn.timing = Some(self.console.bar(label, 0, Unit::Steps));
                }
            }
            Event::Saved { .. } => {}
        }
    }
}

impl Drawn {
    fn step(&mut self, record: &StepRecord, plan: &Plan) {
        if let Some((tokens, at)) = self.last {
            let speed = (record.tokens - tokens) as f64 / (record.seconds - at).max(1e-9);
            self.tokens_per_second = Some(match self.tokens_per_second {
                None => speed,
                Some(mean) => mean + FRESH * (speed - mean),
            });
        }
        self.last = Some((record.tokens, record.seconds));
        let mut note = format!("loss {:.3}", record.loss);
        if let Some(bits) = record.bits_per_byte {
            note.push_str(&format!("  {bits:.3} bits/byte"));
        }
        if let Some(bits) = self.held_out {
            note.push_str(&format!("  held-out {bits:.3}"));
        }
        if let Some(speed) = self.tokens_per_second {
            note.push_str(&format!("  {} tokens/s", grouped(speed.round() as u64)));
        }
        if let Some(bar) = &mut self.training {
            bar.set(record.step as u64, &note);
        }
        if record.step >= plan.steps {
            self.training = None;
        }
    }
}

fn planned(plan: &Plan, step: usize) -> String {
    match step {
        0 => format!("training for {} steps", grouped(plan.steps as u64)),
        _ => format!(
            "going on behind step {step} of {}",
            grouped(plan.steps as u64)
        ),
    }
}

/// `3 min 05 s (4,812 tokens per second)`.
pub fn time_and_speed(time: f64, tokens_per_second: f64) -> String {
    let speed = grouped(tokens_per_second.round() as u64);
    format!("{} ({speed} tokens per second)", seconds(time))
}

/// Draws the stages of an experiment, and passes the wish to stop on.
pub struct StageBars {
    console: Console,
    stop: Stop,
    stages: usize,
    bar: Option<Bar>,
}

impl StageBars {
    /// Bars on this console.
    pub fn new(console: &Console, stop: &Stop) -> Self {
        Self {
            console: console.clone(),
            stop: stop.clone(),
            stages: 0,
            bar: None,
        }
    }
}

impl Progress for StageBars {
    fn on_plan(&mut self, stages: usize) {
        self.stages = stages;
    }

    fn on_stage(&mut self, index: usize, name: &str, steps: usize) {
        // The old bar goes first, so that only one is drawn.
        self.bar = None;
        let label = format!("{}/{} {name}", index + 1, self.stages);
        // One step tells nothing while it runs.
        let total = if steps > 1 { steps as u64 } else { 0 };
        self.bar = Some(self.console.bar(&label, total, Unit::Steps));
    }

    fn on_step(&mut self, done: usize, note: &str) {
        if let Some(bar) = &mut self.bar {
            bar.set(done as u64, note);
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.flag().load(Ordering::Relaxed)
    }
}
