//! Checkpoint folders: retention, damage, stale temporary folders.

use std::fs;
use std::path::Path;

use resolvent_formats::{TensorData, TensorMap};
use resolvent_learn::checkpoint::{self, Checkpoint, Progress};
use resolvent_learn::recipe::ScheduleSection;
use resolvent_learn::schedule::Plan;
use serde_json::json;
use tempfile::tempdir;

/// A checkpoint of `step` whose tensors hold the step's number.
pub fn sample(step: usize) -> Checkpoint {
    let mut model = TensorMap::new();
    let values = vec![step as f32; 1000];
    let tensor = TensorData::from_f32(vec![10, 100], &values).unwrap();
    model.insert("weight", tensor).unwrap();
    Checkpoint {
        progress: Progress {
            step,
            plan: Plan::new(10_000, &ScheduleSection::default()),
            tokens: 64 * step as u64,
            seconds: 0.125,
            identity: json!({"model": {"hidden_size": 10, "rate": 0.1}}),
        },
        optimiser: model.clone(),
        model,
    }
}

fn steps(folder: &Path) -> Vec<usize> {
    let found = checkpoint::list(folder).unwrap();
    found.into_iter().map(|(step, _)| step).collect()
}

#[test]
fn checkpoint_when_written_and_read_is_the_same() {
    let folder = tempdir().unwrap();
    let path = sample(120).write(folder.path(), 2, None).unwrap();
    assert!(path.ends_with("step-00000120"));
    assert_eq!(Checkpoint::read(&path).unwrap(), sample(120));
}

#[test]
fn checkpoints_when_more_than_wanted_leave_the_newest_and_the_best() {
    let folder = tempdir().unwrap();
    for step in [10, 20, 30, 40, 50] {
        sample(step).write(folder.path(), 2, Some(20)).unwrap();
    }
    assert_eq!(steps(folder.path()), [20, 40, 50]);
}

#[test]
fn checkpoints_when_steps_have_more_digits_than_names_sort_by_number() {
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join("notes")).unwrap();
    for step in [99_999_999, 100_000_000] {
        let mut checkpoint = sample(step);
        checkpoint.progress.plan.steps = 200_000_000;
        checkpoint.write(folder.path(), 2, None).unwrap();
    }
    assert_eq!(steps(folder.path()), [99_999_999, 100_000_000]);
    assert!(folder.path().join("notes").exists());
}

#[test]
fn latest_when_the_newest_are_damaged_is_the_one_before() {
    let folder = tempdir().unwrap();
    for step in [1, 2, 3, 4, 5] {
        sample(step).write(folder.path(), 9, None).unwrap();
    }
    let part = |step: usize, name: &str| folder.path().join(format!("step-{step:08}")).join(name);
    fs::remove_file(part(5, "progress.json")).unwrap();
    fs::write(part(4, "optimiser.safetensors"), b"short").unwrap();
    let text = fs::read_to_string(part(3, "progress.json")).unwrap();
    fs::write(part(3, "progress.json"), text.replace("10000", "2")).unwrap();
    let (path, latest) = Checkpoint::latest(folder.path()).unwrap().unwrap();
    assert_eq!(latest, sample(2));
    assert!(path.ends_with("step-00000002"));
    // A damaged one is written anew when its step comes round again.
    sample(4).write(folder.path(), 9, None).unwrap();
    assert_eq!(
        Checkpoint::read(&folder.path().join("step-00000004")).unwrap(),
        sample(4)
    );
}

#[test]
fn identity_when_it_differs_names_the_first_leaf() {
    let path = Path::new("checkpoints/step-00000001");
    let checkpoint = sample(1);
    let same = json!({"model": {"hidden_size": 10, "rate": 0.1}});
    checkpoint.require_identity(path, &same).unwrap();
    let refusal = |identity| {
        let error = checkpoint.require_identity(path, &identity).unwrap_err();
        error.to_string()
    };
    let message = refusal(json!({"model": {"hidden_size": 12, "rate": 0.1}}));
    assert!(
        message.contains("`model.hidden_size` = 10, but this run has 12"),
        "{message}"
    );
    let message = refusal(json!({"model": {"hidden_size": 10, "rate": 0.1, "mixer": "s4"}}));
    assert!(
        message.contains("`model.mixer` = null, but this run has \"s4\""),
        "{message}"
    );
}
