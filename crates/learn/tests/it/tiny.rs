//! A model of 100-odd parameters and an experiment that any test can bend.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use burn::module::{Module, Param};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::tensor::{Device, Int, Tensor, TensorData};
use resolvent_formats::TensorMap;
use resolvent_learn::LearnError;
use resolvent_learn::checkpoint::Checkpoint;
use resolvent_learn::metrics::{self, Record};
use resolvent_learn::recipe::Recipe;
use resolvent_learn::run_folder::RunFolder;
use resolvent_learn::trainer::{Experiment, Observer, Outcome, Run, Settings};
use resolvent_models::weights::export;

pub const VOCABULARY: usize = 7;
const LENGTH: usize = 12;

/// Embedding, diagonal scale, output projection.
#[derive(Module, Debug)]
pub struct Tiny {
    pub embedding: Param<Tensor<2>>,
    pub scale: Param<Tensor<1>>,
    pub head: Linear,
}

#[derive(Module, Debug)]
pub struct Linear {
    pub weight: Param<Tensor<2>>,
    pub bias: Param<Tensor<1>>,
}

impl Tiny {
    /// A model whose values depend on `width` only.
    pub fn new(width: usize) -> Self {
        let device = Device::flex().autodiff();
        let wave = |rows: usize, columns: usize, phase: f32| {
            let values: Vec<f32> = (0..rows * columns)
                .map(|at| 0.3 * (at as f32 * 1.7 + phase).sin())
                .collect();
            Tensor::<2>::from_data(TensorData::new(values, [rows, columns]), &device)
        };
        Self {
            embedding: Param::from_tensor(wave(VOCABULARY, width, 0.1)),
            scale: Param::from_tensor(Tensor::ones([width], &device)),
            head: Linear {
                weight: Param::from_tensor(wave(width, VOCABULARY, 0.7)),
                bias: Param::from_tensor(Tensor::zeros([VOCABULARY], &device)),
            },
        }
    }

    /// # Shapes
    /// tokens: `[length]`; result: `[length, VOCABULARY]`.
    fn forward(&self, tokens: Tensor<1, Int>) -> Tensor<2> {
        let hidden = self.embedding.val().select(0, tokens) * self.scale.val().unsqueeze();
        hidden.matmul(self.head.weight.val()) + self.head.bias.val().unsqueeze()
    }

    pub fn weights(&self) -> TensorMap {
        export(self, published).unwrap()
    }
}

/// Published names differ from paths, as they do for Mamba.
pub fn published(path: &str) -> String {
    path.replace("scale", "D")
}

/// Predicts the next token of a walk that step and micro-batch determine.
#[derive(Default)]
pub struct Walk {
    /// The loss of this step is NaN.
    pub poisoned_step: Option<usize>,
    /// The stop flag is set during this step.
    pub stopping_step: Option<usize>,
    pub stop: AtomicBool,
    pub calls: AtomicUsize,
    /// Every step sees the batch of step 1.
    pub constant_batch: bool,
    pub watched: Option<&'static str>,
}

impl Walk {
    fn tokens(step: usize, micro: usize) -> Vec<i64> {
        let start = step * 5 + micro * 3;
        (0..=LENGTH)
            .map(|at| ((start + at * (1 + step % 2) + at * at) % VOCABULARY) as i64)
            .collect()
    }

    fn objective(model: &Tiny, tokens: &[i64]) -> Tensor<1> {
        let device = model.embedding.val().device();
        let tensor = |part: &[i64]| Tensor::<1, Int>::from_data(TensorData::from(part), &device);
        let logits = model.forward(tensor(&tokens[..LENGTH]));
        CrossEntropyLossConfig::new()
            .init(&device)
            .forward(logits, tensor(&tokens[1..]))
    }
}

impl Experiment for Walk {
    type Model = Tiny;

    fn loss(&self, model: &Tiny, step: usize, micro: usize) -> Result<Tensor<1>, LearnError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.stopping_step == Some(step) {
            self.stop.store(true, Ordering::Relaxed);
        }
        let tokens = if self.constant_batch {
            Self::tokens(1, 0)
        } else {
            Self::tokens(step, micro)
        };
        let loss = Self::objective(model, &tokens);
        match self.poisoned_step == Some(step) {
            true => Ok(loss.mul_scalar(f32::NAN)),
            false => Ok(loss),
        }
    }

    fn tokens_per_micro(&self) -> usize {
        LENGTH
    }

    fn evaluate(&self, model: &Tiny) -> Result<Vec<(String, f64)>, LearnError> {
        assert!(!model.embedding.val().is_autodiff());
        let loss: f32 = Self::objective(model, &Self::tokens(1000, 0)).into_scalar();
        Ok(vec![("loss".to_owned(), f64::from(loss))])
    }

    fn bits_per_byte(&self, loss: f64) -> Option<f64> {
        Some(loss / std::f64::consts::LN_2)
    }

    fn watched(&self) -> Option<&str> {
        self.watched
    }
}

/// A recipe in which accumulation, clipping, groups, evaluations and checkpoints all take part.
pub fn recipe(overrides: &[&str]) -> Recipe {
    let text = "
        [train]
        steps = 20
        accumulate = 2
        clip = 0.5
        checkpoint_every = 4
        keep_checkpoints = 3
        evaluate_every = 5
        [optimiser]
        learning_rate = 0.05
        groups = [{ match = [\"D\", \"bias\"], weight_decay = 0.0, rate_scale = 0.5 }]
    ";
    Recipe::parse(text, "tiny")
        .unwrap()
        .with_overrides(overrides)
        .unwrap()
}

/// Trains in `folder`.
pub fn train(
    folder: &Path,
    recipe: &Recipe,
    experiment: &Walk,
    resume: bool,
) -> Result<Outcome<Tiny>, LearnError> {
    train_watched(folder, recipe, experiment, resume, &mut ())
}

pub fn train_watched(
    folder: &Path,
    recipe: &Recipe,
    experiment: &Walk,
    resume: bool,
    observer: &mut dyn Observer,
) -> Result<Outcome<Tiny>, LearnError> {
    experiment.stop.store(false, Ordering::Relaxed);
    let run_folder = if resume {
        RunFolder::resume(folder)?
    } else {
        RunFolder::create(folder)?
    };
    let settings = Settings::from_recipe(recipe, published)?;
    Run {
        settings: &settings,
        folder: &run_folder,
        resume,
        stop: &experiment.stop,
    }
    .train(experiment, Tiny::new(6), observer)
}

/// The model of a run that must have finished.
pub fn finished(outcome: Result<Outcome<Tiny>, LearnError>) -> Tiny {
    match outcome.unwrap() {
        Outcome::Finished(trained) => trained.model,
        Outcome::Interrupted(trained) => panic!("interrupted after step {}", trained.step),
    }
}

/// The records of a run without the only field that the clock decides.
pub fn records(folder: &Path) -> Vec<Record> {
    let mut records = metrics::read(&folder.join("metrics.jsonl")).unwrap();
    for record in &mut records {
        if let Record::Step(step) = record {
            step.seconds = 0.0;
        }
    }
    records
}

/// The newest checkpoint of a run.
pub fn newest(folder: &Path) -> Checkpoint {
    let latest = Checkpoint::latest(&folder.join("checkpoints")).unwrap();
    latest.unwrap().1
}
