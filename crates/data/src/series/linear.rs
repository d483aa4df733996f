//! NLinear: the last value plus a linear map of the differences to it.
//!
//! Source: A. Zeng and others, "Are Transformers Effective for Time Series Forecasting?", AAAI 2023, arXiv
//! 2205.13504. The paper trains the map by gradient descent; here it is the ridge solution, which is what
//! that training approaches, in closed form and without a learning rate.
//!
//! ```text
//! z_i = x_i - x_last     y_h = x_last + b_h + sum_i w_hi z_i
//! minimise over the training windows  sum (error)^2 + ridge * (mean diagonal of Z'Z) * |w|^2
//! ```
//!
//! Cost: windows one step apart overlap, so each diagonal of the Gram matrix is a running sum; for W = lag +
//! horizon and N windows it takes O(N W + W^2) instead of O(N W^2), and the solution O(lag^3).

use super::{ForecastWindows, Forecaster, score};
use crate::error::DataError;

/// The largest lag plus horizon: the Gram matrix takes 300 MB.
const MAX_WINDOW: usize = 6144;

/// A fitted linear forecaster.
#[derive(Clone, Debug, PartialEq)]
pub struct NLinear {
    lag: usize,
    /// The weight of the squared map in what was minimised.
    pub ridge: f64,
    /// One map for all channels, or one for each.
    maps: Vec<Map>,
}

#[derive(Clone, Debug, PartialEq)]
struct Map {
    /// `[horizon, lag]`
    weights: Vec<f64>,
    /// `[horizon]`
    bias: Vec<f64>,
}

/// Sums over all windows of one or several channels.
struct Gram {
    size: usize,
    /// `[size, size]`: sums of products, upper triangle.
    products: Vec<f64>,
    /// `[size]`: sums.
    sums: Vec<f64>,
    count: f64,
}

impl NLinear {
    /// The weights of the ridge that [`NLinear::select`] is usually given.
    pub const RIDGES: [f64; 5] = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1];

    /// Fits on the training windows; `individual` gives each channel a map of its own, else all share one.
    ///
    /// # Numerics
    /// f64; standardise the series first.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] unless the ridge is positive and finite, and for windows above 6,144 times.
    pub fn fit(
        train: &ForecastWindows<'_>,
        ridge: f64,
        individual: bool,
    ) -> Result<Self, DataError> {
        let grams = grams(train, individual)?;
        Self::solve(&grams, train.lag(), ridge)
    }

    /// Fits with each ridge, and keeps the one with the smallest squared error on the validation windows.
    ///
    /// # Errors
    /// As for [`NLinear::fit`] and [`score`]; [`DataError::OutOfRange`] without a ridge to try.
    pub fn select(
        train: &ForecastWindows<'_>,
        validation: &ForecastWindows<'_>,
        ridges: &[f64],
        individual: bool,
    ) -> Result<Self, DataError> {
        let grams = grams(train, individual)?;
        let mut best: Option<(f64, Self)> = None;
        for &ridge in ridges {
            let fitted = Self::solve(&grams, train.lag(), ridge)?;
            // The scale of MASE does not matter here.
            let error = score(&fitted, validation, train.lag() + 1, 1)?.mse;
            if best.as_ref().is_none_or(|(least, _)| error < *least) {
                best = Some((error, fitted));
            }
        }
        let best = best.map(|(_, fitted)| fitted);
        best.ok_or_else(|| DataError::out_of_range("ridges", 0, "at least 1"))
    }

    fn solve(grams: &[Gram], lag: usize, ridge: f64) -> Result<Self, DataError> {
        if !(ridge > 0.0 && ridge.is_finite()) {
            return Err(DataError::out_of_range(
                "ridge",
                ridge,
                "positive and finite",
            ));
        }
        let maps = grams.iter().map(|gram| gram.map(lag, ridge)).collect();
        Ok(Self { lag, ridge, maps })
    }
}

impl Forecaster for NLinear {
    fn name(&self) -> String {
        format!("NLinear, ridge {}", self.ridge)
    }

    fn forecast(&self, channel: usize, input: &[f64], output: &mut [f64]) {
        let map = &self.maps[channel.min(self.maps.len() - 1)];
        let last = input[self.lag - 1];
        let rows = map.weights.chunks_exact(self.lag).zip(&map.bias);
        for (out, (weights, bias)) in output.iter_mut().zip(rows) {
            let terms = weights
                .iter()
                .zip(input)
                .map(|(weight, value)| weight * (value - last));
            *out = last + bias + terms.sum::<f64>();
        }
    }
}

fn grams(train: &ForecastWindows<'_>, individual: bool) -> Result<Vec<Gram>, DataError> {
    let size = train.lag().saturating_add(train.horizon());
    if size > MAX_WINDOW {
        return Err(DataError::out_of_range(
            "lag and horizon",
            size,
            format!("at most {MAX_WINDOW}"),
        ));
    }
    let channels = train.series().channels();
    let mut grams = Vec::new();
    for channel in 0..channels {
        if individual || channel == 0 {
            grams.push(Gram::new(size));
        }
        let values = train.series().channel(channel);
        let start = train.target_start(0) - train.lag();
        let gram = grams
            .last_mut()
            .expect("one was pushed for the first channel");
        gram.add(&values[start..start + train.len() - 1 + size], train.len());
    }
    Ok(grams)
}

impl Gram {
    fn new(size: usize) -> Self {
        Self {
            size,
            products: vec![0.0; size * size],
            sums: vec![0.0; size],
            count: 0.0,
        }
    }

    /// Adds the `count` windows of a channel that begin at its first values.
    fn add(&mut self, values: &[f64], count: usize) {
        let size = self.size;
        for offset in 0..size {
            // Position i and i + offset: the sum for i + 1 drops the first window's product and gains
            // one behind the last window's.
            let product = |i: usize| values[i] * values[i + offset];
            let mut sum: f64 = (0..count).map(product).sum();
            for i in 0..size - offset {
                self.products[i * size + i + offset] += sum;
                if i + offset + 1 < size {
                    sum += product(count + i) - product(i);
                }
            }
        }
        for i in 0..size {
            self.sums[i] += values[i..i + count].iter().sum::<f64>();
        }
        self.count += count as f64;
    }

    fn product(&self, i: usize, j: usize) -> f64 {
        self.products[i.min(j) * self.size + i.max(j)]
    }

    /// Sum over the windows of (x_i - x_last)(x_j - x_last), less what the means account for.
    fn centred(&self, i: usize, j: usize, last: usize) -> f64 {
        let difference = self.product(i, j) - self.product(i, last) - self.product(j, last)
            + self.product(last, last);
        difference - self.mean(i, last) * self.mean(j, last) * self.count
    }

    fn mean(&self, i: usize, last: usize) -> f64 {
        (self.sums[i] - self.sums[last]) / self.count
    }

    fn map(&self, lag: usize, ridge: f64) -> Map {
        let last = lag - 1;
        let mut matrix = vec![0.0; lag * lag];
        for i in 0..lag {
            for j in 0..=i {
                matrix[i * lag + j] = self.centred(i, j, last);
            }
        }
        let trace: f64 = (0..lag).map(|i| matrix[i * lag + i].max(0.0)).sum();
        // A constant channel has nothing to fit, and any positive weight gives zeros.
        let weight = if trace > 0.0 {
            ridge * trace / lag as f64
        } else {
            1.0
        };
        (0..lag).for_each(|i| matrix[i * lag + i] += weight);
        factor(&mut matrix, lag, weight);
        let horizon = self.size - lag;
        let mut weights = vec![0.0; horizon * lag];
        let mut bias = vec![0.0; horizon];
        for (step, (row, bias)) in weights.chunks_exact_mut(lag).zip(&mut bias).enumerate() {
            let target = lag + step;
            row.iter_mut()
                .enumerate()
                .for_each(|(i, it)| *it = self.centred(i, target, last));
            substitute(&matrix, row);
            let explained = row
                .iter()
                .enumerate()
                .map(|(i, weight)| weight * self.mean(i, last));
            *bias = self.mean(target, last) - explained.sum::<f64>();
        }
        Map { weights, bias }
    }
}

/// Cholesky's factor, in place, lower triangle. Twenty lines here instead of a linear-algebra crate in
/// every build of this one; the tests compare with faer.
fn factor(matrix: &mut [f64], size: usize, least: f64) {
    for i in 0..size {
        let (above, rest) = matrix.split_at_mut(i * size);
        let row = &mut rest[..size];
        for j in 0..i {
            let other = &above[j * size..j * size + j + 1];
            let sum: f64 = row[..j].iter().zip(other).map(|(a, b)| a * b).sum();
            row[j] = (row[j] - sum) / other[j];
        }
        let square: f64 = row[..i].iter().map(|it| it * it).sum();
        // No pivot is smaller than the ridge but for rounding.
        row[i] = (row[i] - square).max(least).sqrt();
    }
}

/// Solves with the factor and its transpose, in place.
fn substitute(factor: &[f64], vector: &mut [f64]) {
    let size = vector.len();
    for i in 0..size {
        let row = &factor[i * size..i * size + i + 1];
        let sum: f64 = row[..i].iter().zip(&*vector).map(|(a, b)| a * b).sum();
        vector[i] = (vector[i] - sum) / row[i];
    }
    for i in (0..size).rev() {
        let value = vector[i] / factor[i * size + i];
        vector[i] = value;
        let row = &factor[i * size..i * size + i];
        vector[..i]
            .iter_mut()
            .zip(row)
            .for_each(|(it, weight)| *it -= weight * value);
    }
}
