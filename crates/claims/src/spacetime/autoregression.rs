//! Autoregressive processes: given exactly, fitted without training, learned.

use burn::module::Param;
use burn::optim::GradientsParams;
use burn::tensor::{DType, Device, Tensor, TensorData};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use resolvent_data::rng::stream;
use resolvent_learn::optimiser::Optimiser;
use resolvent_learn::recipe::{OptimiserSection, ScheduleSection};
use resolvent_learn::schedule::{Plan, learning_rate};
use resolvent_mixers::lti::SisoKernel;
use resolvent_mixers::s4d::{S4dConfig, S4dInit};
use resolvent_mixers::spacetime::{SpaceTimeConfig, StateMatrix};
use resolvent_mixers::{MixerError, Place};
use resolvent_models::ModelError;
use resolvent_models::weights::identity;
use resolvent_structure::DiagonalInit;
use serde::Serialize;

use crate::claim::Progress;
use crate::error::ClaimError;

/// Radius of the roots.
const RADIUS: f64 = 0.95;
/// Values of a process, noise included.
const LENGTH: usize = 2000;
/// Values that a predictor reads.
const WINDOW: usize = 256;
/// State of the kernels that are fitted or learned.
const STATE: usize = 64;
/// Steps of a rollout.
const ROLLOUT: usize = 20;
/// Windows per step of training.
const BATCH: usize = 16;

/// What was measured for one order and seed.
#[derive(Debug, Clone, Serialize)]
pub struct Trial {
    /// Order p of the process.
    pub order: usize,
    /// Seed of process, weights and windows.
    pub seed: u64,
    /// The coefficients.
    pub taps: Vec<f64>,
    /// Largest error of the closed loop with these coefficients over 20 steps, relative to the largest
    /// value.
    pub exact: f64,
    /// Relative residual of the coefficients on the kernels of S4D-Lin, by step size.
    pub floors: Vec<(f64, f64)>,
    /// Mean squared error of 20-step rollouts against the noiseless continuation, relative to its mean
    /// square: the companion kernel, then S4D-Lin.
    pub learned: [f64; 2],
    /// Relative error of the learned impulse response, in the same order.
    pub response: [f64; 2],
}

impl Trial {
    /// The relative residual at a step size of 0.1.
    pub fn floor(&self) -> f64 {
        let at = self.floors.iter().find(|(step, _)| *step == 0.1);
        at.map_or(f64::NAN, |(_, floor)| *floor)
    }
}

/// Coefficients whose characteristic roots are conjugate pairs of radius 0.95 at random angles.
pub fn coefficients(order: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let mut polynomial = vec![1.0];
    for _ in 0..order / 2 {
        let angle = rng.random_range(0.1..3.0_f64);
        let factor = [1.0, -2.0 * RADIUS * angle.cos(), RADIUS * RADIUS];
        let mut product = vec![0.0; polynomial.len() + 2];
        for (i, p) in polynomial.iter().enumerate() {
            for (j, f) in factor.iter().enumerate() {
                product[i + j] += p * f;
            }
        }
        polynomial = product;
    }
    polynomial[1..].iter().map(|c| -c).collect()
}

/// Runs one order and seed; `steps` of training.
///
/// # Errors
/// [`ClaimError::Interrupted`], [`ClaimError::NotFinite`], errors of the layers.
pub fn run(
    (order, seed): (usize, u64),
    steps: usize,
    name: &str,
    progress: &mut dyn Progress,
) -> Result<Trial, ClaimError> {
    let taps = coefficients(order, &mut stream(seed, "autoregression", order as u64));
    let data = process(&taps, &mut stream(seed, "innovations", order as u64));
    let mut learned = [0.0; 2];
    let mut response = [0.0; 2];
    for (at, kind) in [Kind::Companion, Kind::S4dLin].into_iter().enumerate() {
        let kernel = kind.learn(&data, (seed, steps), (at, name), progress)?;
        learned[at] = rollout_error(&taps, &kernel, &data);
        response[at] = response_error(&taps, &kernel);
    }
    let floor = |step: f64| Ok((step, floor(&taps, step)?));
    let steps = [0.001, 0.01, 0.1, 1.0];
    Ok(Trial {
        order,
        seed,
        exact: exact(&taps, &data)?,
        floors: steps
            .into_iter()
            .map(floor)
            .collect::<Result<_, ClaimError>>()?,
        learned,
        response,
        taps,
    })
}

/// x_t = sum_i taps_i x_{t-i} + noise of deviation 1.
fn process(taps: &[f64], rng: &mut ChaCha8Rng) -> Vec<f64> {
    let mut values: Vec<f64> = Vec::with_capacity(LENGTH);
    for _ in 0..LENGTH {
        // The sum of twelve uniform numbers has variance 1 and is normal to two digits, which is enough.
        let noise = (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
        let next = predicted(taps, &values) + noise;
        values.push(next);
    }
    let scale = values.iter().map(|x| x * x).sum::<f64>() / LENGTH as f64;
    values.iter().map(|x| x / scale.sqrt()).collect()
}

fn predicted(taps: &[f64], before: &[f64]) -> f64 {
    taps.iter()
        .zip(before.iter().rev())
        .map(|(tap, x)| tap * x)
        .sum()
}

/// The values that `taps` give behind `before` when every prediction is fed back.
fn continued(taps: &[f64], before: &[f64], steps: usize) -> Vec<f64> {
    let mut values = before.to_vec();
    for _ in 0..steps {
        values.push(predicted(taps, &values));
    }
    values.split_off(before.len())
}

/// The closed loop of a layer with a shift matrix, b = e_1 and c = k = taps, in f64, against the recursion.
fn exact(taps: &[f64], data: &[f64]) -> Result<f64, ClaimError> {
    let device = Device::flex();
    let config = SpaceTimeConfig {
        hidden_size: 1,
        d_state: taps.len(),
        ssm: StateMatrix::Shift,
        closed_loop: true,
        ..SpaceTimeConfig::default()
    };
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut layer = config
        .init(Place::ALONE, &mut rng, &device)
        .map_err(of_mixer)?;
    let row = || {
        let values = TensorData::new(taps.to_vec(), [1, taps.len()]);
        Param::from_tensor(Tensor::<2>::from_data(values, (&device, DType::F64)))
    };
    layer.kernel.c = row();
    layer.kernel.k = Some(row());
    let lag = &data[..WINDOW];
    let input = TensorData::new(lag.to_vec(), [1, WINDOW, 1]);
    let input = Tensor::<3>::from_data(input, (&device, DType::F64));
    let rolled = layer.forecast(input, ROLLOUT).map_err(of_mixer)?.outputs;
    let rolled: Vec<f64> = rolled.to_data().iter::<f64>().collect();
    // Output j of the layer is c A_closed^j x, the prediction made j steps behind the window.
    let truth = continued(taps, lag, ROLLOUT);
    let largest = truth.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    let error = rolled.iter().zip(&truth).map(|(a, b)| (a - b).abs());
    Ok(error.fold(0.0, f64::max) / largest)
}

/// The relative residual of the taps on the kernels of S4D-Lin with this step size.
///
/// The kernels' real and imaginary parts are made orthogonal twice over (modified Gram-Schmidt); a column
/// that keeps less than 1e-10 of its mode's length adds nothing.
pub fn floor(taps: &[f64], step: f64) -> Result<f64, ClaimError> {
    let modes = DiagonalInit::Lin.eigenvalues(STATE)?;
    let mut basis: Vec<Vec<f64>> = Vec::new();
    for mode in modes {
        // Of both parts: one alone may be nothing but rounding (the sine of whole turns).
        let size = |k: usize| (mode * step * k as f64).exp().norm_sqr();
        let whole = (0..WINDOW).map(size).sum::<f64>().sqrt();
        for part in 0..2 {
            let value = |k: usize| {
                let power = (mode * step * k as f64).exp();
                if part == 0 { power.re } else { power.im }
            };
            let mut column: Vec<f64> = (0..WINDOW).map(value).collect();
            for _ in 0..2 {
                basis.iter().for_each(|other| remove(&mut column, other));
            }
            let left = norm(&column);
            if left > 1e-10 * whole {
                column.iter_mut().for_each(|x| *x /= left);
                basis.push(column);
            }
        }
    }
    let mut rest = vec![0.0; WINDOW];
    rest[..taps.len()].copy_from_slice(taps);
    for _ in 0..2 {
        basis.iter().for_each(|other| remove(&mut rest, other));
    }
    Ok(norm(&rest) / norm(taps))
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn remove(values: &mut [f64], unit: &[f64]) {
    let share: f64 = values.iter().zip(unit).map(|(a, b)| a * b).sum();
    values
        .iter_mut()
        .zip(unit)
        .for_each(|(a, b)| *a -= share * b);
}

/// What is learned.
#[derive(Clone, Copy)]
enum Kind {
    Companion,
    S4dLin,
}

impl Kind {
    /// The impulse response after training on one-step predictions, from the present backwards.
    fn learn(
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
                let layer = config
                    .init(Place::ALONE, &mut rng, &device)
                    .map_err(of_mixer)?;
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
                let layer = config
                    .init(Place::ALONE, &mut rng, &device)
                    .map_err(of_mixer)?;
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
        let response = kernel.valid().kernel(WINDOW).map_err(of_mixer)?;
        Ok(response.to_data().iter::<f32>().map(f64::from).collect())
    }

    /// Mean squared error of one-step predictions behind whole windows, as one product with the kernel.
    fn loss<K: SisoKernel>(&self, kernel: &K, step: usize) -> Result<Tensor<1>, ClaimError> {
        let mut rng = stream(self.seed, "windows", step as u64);
        // Rows of the windows, newest first, so that the kernel is a plain vector.
        let (mut rows, mut targets) = (Vec::new(), Vec::new());
        for _ in 0..BATCH * 16 {
            let end = rng.random_range(WINDOW..self.data.len());
            rows.extend(self.data[end - WINDOW..end].iter().rev().map(|&x| x as f32));
            targets.push(self.data[end] as f32);
        }
        let count = targets.len();
        let response = kernel.kernel(WINDOW).map_err(of_mixer)?;
        let device = response.device();
        let rows = Tensor::<2>::from_data(TensorData::new(rows, [count, WINDOW]), &device);
        let targets = Tensor::<2>::from_data(TensorData::new(targets, [count, 1]), &device);
        let error = rows.matmul(response.swap_dims(0, 1)) - targets;
        Ok((error.clone() * error).mean())
    }
}

/// Rollouts with `kernel` against those with the true taps, over windows of the data.
fn rollout_error(taps: &[f64], kernel: &[f64], data: &[f64]) -> f64 {
    let (mut error, mut size) = (0.0, 0.0);
    for end in (WINDOW..data.len()).step_by(97) {
        let lag = &data[end - WINDOW..end];
        let truth = continued(taps, lag, ROLLOUT);
        for (a, b) in continued(kernel, lag, ROLLOUT).iter().zip(&truth) {
            error += (a - b) * (a - b);
            size += b * b;
        }
    }
    error / size
}

fn response_error(taps: &[f64], kernel: &[f64]) -> f64 {
    let tap = |k: usize| taps.get(k).copied().unwrap_or(0.0);
    let error: Vec<f64> = kernel.iter().enumerate().map(|(k, f)| f - tap(k)).collect();
    norm(&error) / norm(taps)
}

fn of_mixer(error: MixerError) -> ClaimError {
    ClaimError::Model(ModelError::from(error))
}
