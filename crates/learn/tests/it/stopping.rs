//! How runs begin and end: folders, plans, NaN, observers, learning at all.

use std::path::Path;

use resolvent_learn::checkpoint;
use resolvent_learn::metrics::{EvaluationRecord, Record, StepRecord};
use resolvent_learn::run_folder::RunFolder;
use resolvent_learn::schedule::Plan;
use resolvent_learn::trainer::Observer;
use tempfile::tempdir;

use crate::tiny::{Walk, finished, newest, recipe, records, train, train_watched};

#[test]
fn loss_when_training_on_one_batch_falls() {
    let folder = tempdir().unwrap();
    let experiment = Walk {
        constant_batch: true,
        ..Walk::default()
    };
    let recipe = recipe(&["train.steps=60", "train.accumulate=1"]);
    finished(train(folder.path(), &recipe, &experiment, false));
    let losses: Vec<f64> = records(folder.path())
        .iter()
        .filter_map(|record| match record {
            Record::Step(step) => Some(step.loss),
            Record::Evaluation(_) => None,
        })
        .collect();
    assert_eq!(losses.len(), 60);
    assert!((losses[0] - 7_f64.ln()).abs() < 0.3, "{}", losses[0]);
    assert!(losses[59] < 0.6 * losses[0], "{losses:?}");
}

#[test]
fn gradients_when_accumulated_over_equal_batches_equal_one_batch() {
    let experiment = || Walk {
        constant_batch: true,
        ..Walk::default()
    };
    let trained = |accumulate: &str| {
        let folder = tempdir().unwrap();
        let recipe = recipe(&["train.steps=5", accumulate]);
        finished(train(folder.path(), &recipe, &experiment(), false)).weights()
    };
    let (one, four) = (trained("train.accumulate=1"), trained("train.accumulate=4"));
    for (name, tensor) in one.iter() {
        let other = four.get(name).unwrap().to_f32();
        for (left, right) in tensor.to_f32().iter().zip(other) {
            assert!((left - right).abs() < 1e-5, "{name}: {left} {right}");
        }
    }
}

#[test]
fn run_when_the_loss_is_nan_names_the_step_and_keeps_the_checkpoint() {
    let folder = tempdir().unwrap();
    let experiment = Walk {
        poisoned_step: Some(11),
        ..Walk::default()
    };
    let recipe = recipe(&[]);
    let error = train(folder.path(), &recipe, &experiment, false).unwrap_err();
    let message = error.to_string();
    assert!(message.starts_with("step 11: the loss is NaN"), "{message}");
    assert!(
        message.contains("the checkpoint of step 8 is kept"),
        "{message}"
    );
    assert!(!error.is_bad_input());
    assert_eq!(newest(folder.path()).progress.step, 8);
    // The cure works from there.
    finished(train(folder.path(), &recipe, &Walk::default(), true));
}

#[test]
fn folder_when_it_holds_a_run_is_refused() {
    let folder = tempdir().unwrap();
    let recipe = recipe(&["train.steps=1"]);
    finished(train(folder.path(), &recipe, &Walk::default(), false));
    let error = train(folder.path(), &recipe, &Walk::default(), false).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("already holds a run"), "{message}");
    assert!(message.contains("--resume"), "{message}");
    assert!(error.is_bad_input());
}

#[test]
fn resume_when_there_is_no_checkpoint_says_so() {
    let folder = tempdir().unwrap();
    let recipe = recipe(&[]);
    for make in [false, true] {
        if make {
            RunFolder::create(folder.path()).unwrap();
        }
        let error = train(folder.path(), &recipe, &Walk::default(), true).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("no readable checkpoint"), "{message}");
    }
}

#[test]
fn best_checkpoint_when_watched_is_kept_beside_the_newest() {
    let folder = tempdir().unwrap();
    let experiment = Walk {
        watched: Some("loss"),
        ..Walk::default()
    };
    // So large a rate makes the model worse than untrained: the best is step 0.
    let recipe = recipe(&["optimiser.learning_rate=2.0", "train.keep_checkpoints=1"]);
    finished(train(folder.path(), &recipe, &experiment, false));
    let kept: Vec<usize> = checkpoint::list(&folder.path().join("checkpoints"))
        .unwrap()
        .into_iter()
        .map(|(step, _)| step)
        .collect();
    assert_eq!(kept, [0, 20]);
}

#[test]
fn observer_when_a_run_goes_by_sees_everything_in_order() {
    #[derive(Default)]
    struct Log(Vec<String>);
    impl Observer for Log {
        fn on_plan(&mut self, plan: &Plan, step: usize) {
            self.0.push(format!("plan {} from {step}", plan.steps));
        }
        fn on_step(&mut self, record: &StepRecord, _plan: &Plan) {
            self.0.push(format!("step {}", record.step));
        }
        fn on_evaluation(&mut self, record: &EvaluationRecord) {
            self.0.push(format!("evaluation {}", record.step));
        }
        fn on_checkpoint(&mut self, step: usize, folder: &Path) {
            assert!(folder.join("progress.json").exists());
            self.0.push(format!("checkpoint {step}"));
        }
    }
    let folder = tempdir().unwrap();
    let mut log = Log::default();
    let recipe = recipe(&["train.steps=3", "train.evaluate_every=2"]);
    finished(train_watched(
        folder.path(),
        &recipe,
        &Walk::default(),
        false,
        &mut log,
    ));
    let expected = [
        "evaluation 0",
        "plan 3 from 0",
        "checkpoint 0",
        "step 1",
        "step 2",
        "evaluation 2",
        "step 3",
        "evaluation 3",
        "checkpoint 3",
    ];
    assert_eq!(log.0, expected);
}
