//! Autoregressive processes: given exactly, fitted without training, learned.

use burn::module::Param;
use burn::tensor::{DType, Device, Tensor, TensorData};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use resolvent_data::rng::stream;
use resolvent_mixers::Place;
use resolvent_mixers::spacetime::{SpaceTimeConfig, StateMatrix};
use resolvent_structure::linalg::least_squares;
use resolvent_structure::{DiagonalInit, Matrix, StructuredMatrix};
use serde::Serialize;

use super::learning::Kind;
use crate::claim::Progress;
use crate::error::ClaimError;

/// Radius of the roots.
const RADIUS: f64 = 0.95;
/// Values of a process, noise included.
const LENGTH: usize = 2000;
/// Values that a predictor reads.
pub(super) const WINDOW: usize = 256;
/// State of the kernels that are fitted or learned.
pub(super) const STATE: usize = 64;
/// Steps of a rollout.
const ROLLOUT: usize = 20;
/// Square of the relative size below which a direction of the kernels does not count.
const DAMPING: f64 = 1e-20;

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
    let mut layer = config.init(Place::ALONE, &mut rng, &device)?;
    let row = || {
        let values = TensorData::new(taps.to_vec(), [1, taps.len()]);
        Param::from_tensor(Tensor::<2>::from_data(values, (&device, DType::F64)))
    };
    layer.kernel.c = row();
    layer.kernel.k = Some(row());
    let lag = &data[..WINDOW];
    let input = TensorData::new(lag.to_vec(), [1, WINDOW, 1]);
    let input = Tensor::<3>::from_data(input, (&device, DType::F64));
    let rolled = layer.forecast(input, ROLLOUT)?.outputs;
    let rolled: Vec<f64> = rolled.to_data().iter::<f64>().collect();
    // Output j of the layer is c A_closed^j x, the prediction made j steps behind the window.
    let truth = continued(taps, lag, ROLLOUT);
    let largest = truth.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    let error = rolled.iter().zip(&truth).map(|(a, b)| (a - b).abs());
    Ok(error.fold(0.0, f64::max) / largest)
}

/// The relative residual of the taps on the kernels of S4D-Lin with this step size, by least squares.
///
/// Columns are scaled by their mode's length; what is left of directions that depend on others to ten
/// digits is damped away (the sine of whole turns is nothing but rounding).
pub fn floor(taps: &[f64], step: f64) -> Result<f64, ClaimError> {
    let modes = DiagonalInit::Lin.eigenvalues(STATE)?;
    let power = |mode: usize, k: usize| (modes[mode] * step * k as f64).exp();
    let lengths: Vec<f64> = (0..modes.len())
        .map(|mode| {
            norm(
                &(0..WINDOW)
                    .map(|k| power(mode, k).norm())
                    .collect::<Vec<_>>(),
            )
        })
        .collect();
    let kernels = Matrix::from_fn(WINDOW, 2 * modes.len(), |k, column| {
        let value = power(column / 2, k) / lengths[column / 2];
        if column % 2 == 0 { value.re } else { value.im }
    })?;
    let mut wanted = vec![0.0; WINDOW];
    wanted[..taps.len()].copy_from_slice(taps);
    let solution = least_squares(&kernels, &Matrix::new(WINDOW, 1, wanted.clone())?, DAMPING)?;
    let reached = kernels.matvec(solution.as_slice())?;
    let rest: Vec<f64> = wanted.iter().zip(&reached).map(|(a, b)| a - b).collect();
    Ok(norm(&rest) / norm(taps))
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|x| x * x).sum::<f64>().sqrt()
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
