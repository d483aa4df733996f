//! Kernels that learn to predict a process one step ahead.

use burn::module::Param;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;
use resolvent_data::rng::stream;
use resolvent_learn::optimiser::Optimiser;
use resolvent_learn::recipe::{OptimiserSection, ScheduleSection};
use resolvent_learn::schedule::{Plan, learning_rate};
use resolvent_mixers::Place;
use resolvent_mixers::lti::SisoKernel;
use resolvent_mixers::s4d::{S4dConfig, S4dInit};
use resolvent_mixers::spacetime::SpaceTimeConfig;
use resolvent_models::weights::identity;

use super::autoregression::{STATE, WINDOW};
use crate::claim::Progress;
use crate::error::ClaimError;

/// Windows per step of training.
const BATCH: usize = 256;

/// What is learned.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Companion,
    S4dLin,
}

impl Kind {
    /// The impulse response after training on one-step predictions, from the present backwards.
    pub(super) fn learn(
        self,
        data: &[f64],
        (seed, steps): (u64, usize),
        (part, name): (usize, &str),
        progress: &mut dyn Progress,
    ) -> Result<Vec<f64>, ClaimError> {
        let device = Device::flex().autodiff();
        let mut rng = stream(seed, "kernels", 0);
        let lesson = Lesson {
            data,
            seed,
            steps,
            done: part * steps,
            name,
        };
        match self {
            Self::Companion => {
                let config = SpaceTimeConfig {
                    hidden_size: 1,
                    d_state: STATE,
                    ..SpaceTimeConfig::default()
                };
                let layer = config.init(Place::ALONE, &mut rng, &device)?;
                let mut kernel = layer.kernel;
                let scale = 1.0 / (STATE as f64).sqrt();
                let leaf = |values: Tensor<2>| Param::from_tensor(values.detach());
                kernel.b = kernel.b.map(|b| leaf(b.val() * scale));
                kernel.c = leaf(kernel.c.val() * scale);
                lesson.teach(kernel, progress)
            }
            Self::S4dLin => {
                let config = S4dConfig {
                    hidden_size: 1,
                    d_state: STATE,
                    init: S4dInit::Lin,
                    dt_min: 0.1,
                    dt_max: 0.1,
                    ..S4dConfig::default()
                };
                let layer = config.init(Place::ALONE, &mut rng, &device)?;
                lesson.teach(layer.kernel, progress)
            }
        }
    }
}

/// One training.
struct Lesson<'a> {
    data: &'a [f64],
    seed: u64,
    steps: usize,
    done: usize,
    name: &'a str,
}

impl Lesson<'_> {
    fn teach<K: SisoKernel>(
        &self,
        mut kernel: K,
        progress: &mut dyn Progress,
    ) -> Result<Vec<f64>, ClaimError> {
        let rule = OptimiserSection {
            weight_decay: 0.0,
            beta_2: 0.99,
            ..OptimiserSection::default()
        };
        let schedule = ScheduleSection::default();
        let plan = Plan::new(self.steps, &schedule);
        let mut optimiser = Optimiser::new(&rule, &kernel, identity)?;
        for step in 1..=self.steps {
            let loss = self.loss(&kernel, step)?;
            let value = f64::from(loss.clone().into_scalar::<f32>());
            if !value.is_finite() {
                return Err(ClaimError::NotFinite {
                    stage: self.name.to_owned(),
                    step,
                    loss: value,
                });
            }
            let gradients = GradientsParams::from_grads(loss.backward(), &kernel);
            let rate = learning_rate(&schedule, &plan, 1e-2, step);
            kernel = optimiser.step(kernel, gradients, rate);
            progress.on_step(self.done + step, &format!("one-step loss {value:.4}"));
            if progress.is_stopped() {
                return Err(ClaimError::Interrupted {
                    stage: self.name.to_owned(),
                });
            }
        }
        let response = kernel.valid().kernel(WINDOW)?;
        Ok(response.to_data().iter::<f32>().map(f64::from).collect())
    }

    /// Mean squared error of one-step predictions behind whole windows, as one product with the kernel.
    fn loss<K: SisoKernel>(&self, kernel: &K, step: usize) -> Result<Tensor<1>, ClaimError> {
        let mut rng = stream(self.seed, "windows", step as u64);
        // Rows of the windows, newest first, so that the kernel is a plain vector.
        let (mut rows, mut targets) = (Vec::new(), Vec::new());
        for _ in 0..BATCH {
            let end = rng.random_range(WINDOW..self.data.len());
            rows.extend(self.data[end - WINDOW..end].iter().rev().map(|&x| x as f32));
            targets.push(self.data[end] as f32);
        }
        let count = targets.len();
        let response = kernel.kernel(WINDOW)?;
        let device = response.device();
        let rows = Tensor::<2>::from_data(TensorData::new(rows, [count, WINDOW]), &device);
        let targets = Tensor::<2>::from_data(TensorData::new(targets, [count, 1]), &device);
        let error = rows.matmul(response.swap_dims(0, 1)) - targets;
        Ok((error.clone() * error).mean())
    }
}
