//! Classification without a command line.

use std::sync::atomic::AtomicBool;

use resolvent_learn::classification::{
    Cases, ClassifySettings, Content, Loaded, Source, Task, baselines, train,
};
use resolvent_models::classifier::InputKind;

/// Two classes of noisy waves that differ in frequency, of 12 to 19 positions.
fn waves(count: usize, first: usize) -> Cases {
    let content = Content::Series {
        channels: 1,
        values: Vec::new(),
    };
    let mut cases = Cases::empty("waves", content, vec!["slow".into(), "fast".into()]);
    for case in first..first + count {
        let label = (case % 2) as u32;
        let frequency = if label == 0 { 0.3 } else { 1.1 };
        let phase = case as f32 * 0.7;
        let series: Vec<f32> = (0..12 + case % 8)
            .map(|at| (frequency * at as f32 + phase).sin() + 0.1 * ((at * case) as f32).cos())
            .collect();
        cases.push_series(&series, Some(label)).unwrap();
    }
    cases
}

fn task() -> Task {
    let loaded = Loaded {
        train: waves(80, 0),
        validation: None,
        test: Some(waves(120, 1000)),
    };
    Task::new(loaded, 0).unwrap()
}

#[test]
fn classifier_when_trained_tells_slow_from_fast() {
    let settings = ClassifySettings::default()
        .with_overrides(&[
            "model.hidden_size=16",
            "model.layers=1",
            "model.d_state=8",
            "train.batch=16",
            "train.steps=200",
            "train.evaluate_every=20",
        ])
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (task, stop, mut steps) = (task(), AtomicBool::new(false), 0);
    let mut progress = |step, _, _| steps = step;
    let out = folder.path().join("out");
    let summary = train(&settings, &task, &out, &stop, &mut progress).unwrap();
    assert_eq!(steps, 200);
    // Better than chance beyond doubt.
    assert!(summary.test.interval[0] > 0.55, "{}", summary.test.accuracy);
    let total: u64 = summary.test.confusion.iter().flatten().sum();
    assert_eq!(total, 120);
    for file in [
        "model.safetensors",
        "predictions.csv",
        "confusion.svg",
        "report.html",
    ] {
        assert!(out.join(file).is_file(), "{file}");
    }
    let refused = train(&settings, &task, &out, &stop, &mut |_, _, _| {}).unwrap_err();
    assert!(
        refused.to_string().contains("already holds a run"),
        "{refused}"
    );
}

#[test]
fn parts_when_drawn_keep_every_class_and_no_case_twice() {
    let all = waves(50, 0);
    let [rest, held_out] = all.split(0.2, 7);
    assert_eq!((rest.len(), held_out.len()), (40, 10));
    assert_eq!(rest.counts(), [20, 20]);
    assert_eq!(all.split(0.2, 7)[1], held_out);
    assert_ne!(all.split(0.2, 8)[1], held_out);
    let rows = |cases: &Cases| -> Vec<Vec<u32>> {
        (0..cases.len())
            .map(|it| {
                cases
                    .series(it)
                    .unwrap()
                    .iter()
                    .map(|v| v.to_bits())
                    .collect()
            })
            .collect()
    };
    let kept = rows(&rest);
    assert!(rows(&held_out).iter().all(|row| !kept.contains(row)));
}

#[test]
fn moments_when_a_channel_is_constant_or_missing_are_usable() {
    let content = Content::Series {
        channels: 3,
        values: Vec::new(),
    };
    let mut cases = Cases::empty("odd", content, vec!["a".into(), "b".into()]);
    for value in [1.0, 3.0] {
        cases.push_series(&[value, 7.1, f32::NAN], Some(0)).unwrap();
    }
    let (means, deviations) = cases.moments();
    assert_eq!(means[0], 2.0);
    assert!((means[1] - 7.1).abs() < 1e-6 && means[2] == 0.0);
    assert_eq!(deviations, [1.0, 1.0, 1.0]);
}

#[test]
fn pathfinder_when_read_is_scaled_as_in_the_benchmark_whatever_its_moments() {
    let source = Source {
        data: "pathfinder-32".to_owned(),
        samples: Some(12),
        ..Source::default()
    };
    let task = Task::new(source.load().unwrap(), 0).unwrap();
    assert_ne!(task.train.moments().0, [127.5]);
    let parts = [&task.train, &task.validation, &task.test];
    assert!(parts.iter().all(|it| it.scaling == task.train.scaling));
    let input = task.config(&ClassifySettings::default()).unwrap().input;
    let (means, deviations) = (vec![127.5], vec![127.5]);
    assert_eq!(input, InputKind::Series { means, deviations });
}

#[test]
fn baselines_when_the_classes_are_clear_differ() {
    let task = task();
    let rows = baselines(&task.train, &task.test, 0);
    assert_eq!(rows[0].accuracy, 0.5);
    assert!(rows[1].accuracy > 0.5 && rows[1].name.contains("stretched"));
}

#[test]
fn settings_when_overridden_wrongly_name_the_key() {
    let defaults = ClassifySettings::default();
    for (text, words) in [
        ("model.layres=2", ["model.layres", "model.layers"]),
        ("model.layers=two", ["model.layers", "two"]),
        ("model.dropout=1.5", ["model.dropout", "1.5"]),
        ("model.d_state=0", ["model.d_state", "0"]),
        ("modle.layers=2", ["modle", "model"]),
        ("layers=2", ["layers=2", "key=value"]),
    ] {
        let error = defaults.with_overrides(&[text]).unwrap_err();
        let message = error.to_string();
        assert!(error.is_bad_input(), "{message}");
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    }
    let both = ["model.bidirectional=true", "model.mixer=mamba2"];
    let error = defaults.with_overrides(&both).unwrap_err().to_string();
    assert!(error.contains("bidirectional"), "{error}");
}
