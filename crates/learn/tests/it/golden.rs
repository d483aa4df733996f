//! Golden files of `oracles/`: a classifier trained by PyTorch, step for step.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use burn::tensor::Device;
use resolvent_formats::{TensorData, TensorMap};
use resolvent_learn::classification::{
    CaseExperiment, Cases, ClassifySettings, Content, Loaded, Task,
};
use resolvent_learn::metrics::StepRecord;
use resolvent_learn::recipe::Recipe;
use resolvent_learn::run_folder::RunFolder;
use resolvent_learn::schedule::Plan;
use resolvent_learn::trainer::{Observer, Outcome, Run, Settings};
use resolvent_models::classifier::{Classifier, published_name};
use resolvent_models::weights::{export, import};
use tempfile::tempdir;

/// What 20 steps in f32 may be away from those in f64.
const TOLERANCE: f64 = 1e-5;

struct Golden(TensorMap);

impl Golden {
    fn open() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../oracles/golden");
        Self(TensorMap::read(&folder.join("classifier_training_s4d.safetensors")).unwrap())
    }

    fn values(&self, name: &str) -> Vec<f64> {
        self.0.get(name).unwrap().to_f64()
    }

    fn fact(&self, name: &str) -> &str {
        &self.0.metadata()[name]
    }

    fn task(&self) -> Task {
        let labels = self.0.get("labels").unwrap().to_i64().unwrap();
        let x = self.values("x");
        let content = Content::Series {
            channels: 1,
            values: Vec::new(),
        };
        let classes = ["0", "1", "2"].map(str::to_owned).to_vec();
        let mut train = Cases::empty("golden", content, classes);
        train.scaling = Some((0.0, 1.0));
        for (case, label) in x.chunks(x.len() / labels.len()).zip(labels) {
            let case: Vec<f32> = case.iter().map(|it| *it as f32).collect();
            train.push_series(&case, Some(label as u32)).unwrap();
        }
        let [validation, test] = [Some(train.clone()), Some(train.clone())];
        let loaded = Loaded {
            train,
            validation,
            test,
        };
        Task::new(loaded, 0).unwrap()
    }

    fn settings(&self, task: &Task) -> ClassifySettings {
        let channels = self.0.get("start.encoder.bias").unwrap().elements();
        let modes = self
            .0
            .get("start.backbone.layers.0.mixer.past.a_imag")
            .unwrap();
        let modes = modes.elements() / channels;
        let of_file = |name: &str| self.fact(name).to_owned();
        let overrides = [
            "model.mixer=s4d".to_owned(),
            "model.bidirectional=true".to_owned(),
            "model.norm_kind=batch".to_owned(),
            "model.dropout=0".to_owned(),
            format!("model.layers={}", of_file("layers")),
            format!("model.hidden_size={channels}"),
            format!("model.n_ssm={channels}"),
            format!("model.d_state={}", 2 * modes),
            format!("train.batch={}", task.train.len()),
            format!("train.steps={}", of_file("steps")),
            format!("train.clip={}", of_file("clip")),
            "train.evaluate_every=0".to_owned(),
            format!("optimiser.learning_rate={}", of_file("learning_rate")),
            format!("optimiser.weight_decay={}", of_file("weight_decay")),
            format!("schedule.warmup_steps={}", of_file("warmup_steps")),
        ];
        let defaults = ClassifySettings::default();
        defaults.with_overrides(&overrides).unwrap()
    }

    /// The model with the golden weights.
    fn model(&self, task: &Task, settings: &ClassifySettings) -> Classifier {
        let device = Device::flex().autodiff();
        let fresh = task.config(settings).unwrap().init(0, &device).unwrap();
        let mut weights = export(&fresh, published_name).unwrap();
        let names: Vec<String> = self.0.names().map(str::to_owned).collect();
        let started = names.iter().filter_map(|it| it.strip_prefix("start."));
        for name in started {
            let golden = self.0.get(&format!("start.{name}")).unwrap();
            let shape = weights.get(name).unwrap().shape().to_vec();
            let data = TensorData::from_f64(shape, &golden.to_f64()).unwrap();
            weights.insert(name, data).unwrap();
        }
        import(fresh, &weights, published_name).unwrap()
    }
}

/// Keeps every step.
#[derive(Default)]
struct Steps(Vec<StepRecord>);

impl Observer for Steps {
    fn on_step(&mut self, record: &StepRecord, _: &Plan) {
        self.0.push(record.clone());
    }
}

/// Largest distance, relative to the largest expected value.
fn distance(got: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(got.len(), expected.len());
    assert!(got.iter().all(|it| it.is_finite()), "{got:?}");
    let largest = |values: &mut dyn Iterator<Item = f64>| values.map(f64::abs).fold(0.0, f64::max);
    let scale = largest(&mut expected.iter().copied());
    largest(&mut got.iter().zip(expected).map(|(a, b)| a - b)) / scale
}

#[test]
fn classifier_when_trained_from_the_weights_of_pytorch_takes_its_steps() {
    let golden = Golden::open();
    let task = golden.task();
    let settings = golden.settings(&task);
    let recipe = Recipe {
        train: settings.train.clone(),
        optimiser: settings.grouped(),
        schedule: settings.schedule.clone(),
        ..Recipe::default()
    };
    let folder = tempdir().unwrap();
    let run = Run {
        settings: &Settings::from_recipe(&recipe, published_name).unwrap(),
        folder: &RunFolder::create(folder.path().join("run")).unwrap(),
        resume: false,
        stop: &AtomicBool::new(false),
    };
    let mut steps = Steps::default();
    let experiment = CaseExperiment::new(&task, &settings);
    let model = golden.model(&task, &settings);
    let outcome = run.train(&experiment, model, &mut steps).unwrap();
    let Outcome::Finished(trained) = outcome else {
        panic!("nobody stopped it");
    };
    let of_steps = |field: fn(&StepRecord) -> f64| steps.0.iter().map(field).collect::<Vec<_>>();
    let losses = distance(&of_steps(|it| it.loss), &golden.values("losses"));
    assert!(losses < TOLERANCE, "losses: {losses:e}");
    let norms = distance(&of_steps(|it| it.grad_norm), &golden.values("grad_norms"));
    assert!(norms < TOLERANCE, "norms of gradients: {norms:e}");
    let weights = export(&trained.model, published_name).unwrap();
    let mut compared = 0;
    for name in golden.0.names().filter_map(|it| it.strip_prefix("end.")) {
        let got = weights.get(name).unwrap().to_f64();
        let far = distance(&got, &golden.values(&format!("end.{name}")));
        assert!(far < TOLERANCE, "{name}: {far:e}");
        compared += 1;
    }
    assert!(compared > 30, "{compared}");
}
