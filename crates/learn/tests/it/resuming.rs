//! Interrupted and resumed equals uninterrupted, bit for bit.

use std::fs;
use std::io::Write;

use resolvent_learn::checkpoint;
use resolvent_learn::trainer::Outcome;
use tempfile::tempdir;

use crate::tiny::{self, Walk, finished, newest, recipe, records, train};

#[test]
fn run_when_interrupted_and_resumed_equals_the_uninterrupted_one() {
    let recipe = recipe(&[]);
    let whole = tempdir().unwrap();
    let expected = finished(train(whole.path(), &recipe, &Walk::default(), false));
    // 5 and 20 fall on an evaluation, 8 on a checkpoint, 20 on the last step.
    for stopping_step in [1, 5, 8, 13, 20] {
        let folder = tempdir().unwrap();
        let stopping = Walk {
            stopping_step: Some(stopping_step),
            ..Walk::default()
        };
        match train(folder.path(), &recipe, &stopping, false).unwrap() {
            Outcome::Interrupted(trained) => assert_eq!(trained.step, stopping_step),
            Outcome::Finished(_) => panic!("not interrupted at step {stopping_step}"),
        }
        let model = finished(train(folder.path(), &recipe, &Walk::default(), true));
        assert_eq!(model.weights(), expected.weights(), "step {stopping_step}");
        assert_eq!(records(folder.path()), records(whole.path()));
        let (ours, theirs) = (newest(folder.path()), newest(whole.path()));
        assert_eq!(ours.optimiser, theirs.optimiser);
        assert_eq!(ours.progress.tokens, theirs.progress.tokens);
    }
}

#[test]
fn run_when_resumed_after_every_step_equals_the_uninterrupted_one() {
    let recipe = recipe(&["train.steps=6", "train.checkpoint_every=0"]);
    let whole = tempdir().unwrap();
    let expected = finished(train(whole.path(), &recipe, &Walk::default(), false));
    let folder = tempdir().unwrap();
    for step in 1..=6 {
        let stopping = Walk {
            stopping_step: Some(step),
            ..Walk::default()
        };
        let outcome = train(folder.path(), &recipe, &stopping, step > 1).unwrap();
        assert!(matches!(outcome, Outcome::Interrupted(trained) if trained.step == step));
    }
    let model = finished(train(folder.path(), &recipe, &Walk::default(), true));
    assert_eq!(model.weights(), expected.weights());
    assert_eq!(records(folder.path()), records(whole.path()));
}

#[test]
fn run_when_killed_during_a_write_goes_on_from_the_checkpoint_before() {
    let recipe = recipe(&[]);
    let whole = tempdir().unwrap();
    let expected = finished(train(whole.path(), &recipe, &Walk::default(), false));
    let folder = tempdir().unwrap();
    let stopping = Walk {
        stopping_step: Some(14),
        ..Walk::default()
    };
    train(folder.path(), &recipe, &stopping, false).unwrap();
    // What a dying machine can leave: a half-written folder, a cut tensor file, a torn line.
    let checkpoints = folder.path().join("checkpoints");
    fs::create_dir(checkpoints.join(".partial-step-00000015")).unwrap();
    let (_, last) = checkpoint::list(&checkpoints).unwrap().pop().unwrap();
    let weights = last.join("model.safetensors");
    let half = fs::metadata(&weights).unwrap().len() / 2;
    let file = fs::OpenOptions::new().write(true).open(&weights).unwrap();
    file.set_len(half).unwrap();
    let metrics = folder.path().join("metrics.jsonl");
    let mut file = fs::OpenOptions::new().append(true).open(metrics).unwrap();
    file.write_all(b"{\"kind\":\"step\",\"step\":15,\"lo")
        .unwrap();

    assert_eq!(newest(folder.path()).progress.step, 12);
    let model = finished(train(folder.path(), &recipe, &Walk::default(), true));
    assert_eq!(model.weights(), expected.weights());
    assert_eq!(records(folder.path()), records(whole.path()));
    assert!(!checkpoints.join(".partial-step-00000015").exists());
}

#[test]
fn run_when_budgeted_in_minutes_equals_the_run_of_its_planned_steps() {
    // Enough for three steps on the slowest machine.
    let budgeted = recipe(&["train.minutes=0.02"]);
    let budgeted = {
        let mut recipe = budgeted;
        recipe.train.steps = None;
        recipe
    };
    let folder = tempdir().unwrap();
    let stopping = Walk {
        stopping_step: Some(2),
        ..Walk::default()
    };
    let outcome = train(folder.path(), &budgeted, &stopping, false).unwrap();
    let Outcome::Interrupted(trained) = outcome else {
        panic!("not interrupted");
    };
    let model = finished(train(folder.path(), &budgeted, &Walk::default(), true));
    assert_eq!(newest(folder.path()).progress.plan, trained.plan);

    let steps = format!("train.steps={}", trained.plan.steps);
    let fixed = tempdir().unwrap();
    let expected = finished(train(
        fixed.path(),
        &recipe(&[steps.as_str()]),
        &Walk::default(),
        false,
    ));
    assert_eq!(model.weights(), expected.weights());
    assert_eq!(records(folder.path()), records(fixed.path()));
}

#[test]
fn run_when_finished_and_resumed_does_nothing() {
    let recipe = recipe(&[]);
    let folder = tempdir().unwrap();
    let model = finished(train(folder.path(), &recipe, &Walk::default(), false));
    let before = records(folder.path());
    let again = Walk::default();
    let resumed = finished(train(folder.path(), &recipe, &again, true));
    assert_eq!(resumed.weights(), model.weights());
    assert_eq!(records(folder.path()), before);
    assert_eq!(again.calls.into_inner(), 0);
}

#[test]
fn run_when_the_recipe_differs_is_refused_with_both_values() {
    let folder = tempdir().unwrap();
    let stopping = Walk {
        stopping_step: Some(3),
        ..Walk::default()
    };
    train(folder.path(), &recipe(&[]), &stopping, false).unwrap();
    let refused = |overrides: &[&str]| {
        train(folder.path(), &recipe(overrides), &Walk::default(), true)
            .unwrap_err()
            .to_string()
    };
    let message = refused(&["optimiser.learning_rate=0.01"]);
    assert!(
        message.contains("`optimiser.learning_rate` = 0.05, but this run has 0.01"),
        "{message}"
    );
    let message = refused(&["model.num_hidden_layers=2"]);
    assert!(
        message.contains("`model.num_hidden_layers` = 4, but this run has 2"),
        "{message}"
    );
    // No result depends on these two, so they may change.
    let recipe = recipe(&["train.checkpoint_every=3", "train.keep_checkpoints=1"]);
    finished(train(folder.path(), &recipe, &Walk::default(), true));
    let kept = checkpoint::list(&folder.path().join("checkpoints")).unwrap();
    assert_eq!(kept.len(), 1);
}

#[test]
fn run_when_the_model_has_another_shape_is_refused_with_both_shapes() {
    let folder = tempdir().unwrap();
    let stopping = Walk {
        stopping_step: Some(3),
        ..Walk::default()
    };
    train(folder.path(), &recipe(&[]), &stopping, false).unwrap();
    let checkpoint = newest(folder.path());
    let error =
        resolvent_models::weights::import(tiny::Tiny::new(5), &checkpoint.model, tiny::published)
            .unwrap_err()
            .to_string();
    assert!(
        error.contains("[7, 6]") && error.contains("[7, 5]"),
        "{error}"
    );
}
