//! A forecaster as an experiment of the training loop.

use burn::tensor::Tensor;
use rand::Rng;
use resolvent_data::rng::stream;
use resolvent_mixers::Settings;
use resolvent_models::forecaster::{Forecaster, Trace};
use resolvent_models::sequence::Dropout;

use super::prepared::{Prepared, spread};
use crate::error::LearnError;
use crate::recipe::Recipe;
use crate::trainer::Experiment;

/// Name of the validation measure in the metrics.
pub(super) const MEASURE: &str = "mse";
/// Windows of one evaluation.
const EVALUATED: usize = 96;
/// Added under the root of an error, whose gradient at 0 is infinite.
const TINY: f64 = 1e-12;

/// Forecasting windows of the training part; see the module's text.
pub struct ForecastExperiment<'a> {
    prepared: &'a Prepared,
    columns: Vec<Vec<f32>>,
    /// Times and columns of the validation windows.
    validation: Vec<(usize, usize)>,
    batch: usize,
    accumulate: usize,
    seed: u64,
}

impl<'a> ForecastExperiment<'a> {
    /// The experiment of a recipe on its series.
    pub fn new(recipe: &Recipe, prepared: &'a Prepared) -> Self {
        let count = prepared.series.channels();
        let starts = prepared.starts(&prepared.split.validation, prepared.config.horizon);
        let starts = spread(&starts, EVALUATED);
        let pairs = spread(&(0..starts.len() * count), EVALUATED);
        let pair = |at: usize| (starts[at / count], at % count);
        let validation = pairs.into_iter().map(pair).collect();
        Self {
            columns: (0..count).map(|column| prepared.column(column)).collect(),
            validation,
            batch: recipe.train.batch,
            accumulate: recipe.train.accumulate,
            seed: recipe.train.seed,
            prepared,
        }
    }

    /// Lags and targets, row-major, of windows given by (time, column).
    fn cut(&self, windows: &[(usize, usize)]) -> (Vec<f32>, Vec<f32>) {
        let config = &self.prepared.config;
        let mut lags = Vec::with_capacity(windows.len() * config.context);
        let mut targets = Vec::with_capacity(windows.len() * config.horizon);
        for &(start, column) in windows {
            let values = &self.columns[column];
            lags.extend(&values[start - config.context..start]);
            targets.extend(&values[start..start + config.horizon]);
        }
        (lags, targets)
    }
}

impl Experiment for ForecastExperiment<'_> {
    type Model = Forecaster;

    fn loss(&self, model: &Forecaster, step: usize, micro: usize) -> Result<Tensor<1>, LearnError> {
        let number = (step as u64)
            .wrapping_mul(self.accumulate as u64)
            .wrapping_add(micro as u64);
        let config = &self.prepared.config;
        let starts = self
            .prepared
            .starts(&self.prepared.split.train, config.horizon);
        let mut rng = stream(self.seed, "forecast windows", number);
        let drawn: Vec<(usize, usize)> = (0..self.batch)
            .map(|_| {
                let start = rng.random_range(starts.clone());
                (start, rng.random_range(0..self.columns.len()))
            })
            .collect();
        let (lags, targets) = self.cut(&drawn);
        let lag = model.windows(&lags, config.context)?;
        let future = model.windows(&targets, config.horizon)?;
        let mut drop = Dropout::training(config.dropout, rng);
        let (trace, mean) = model.trace(lag.clone(), config.horizon, &mut drop)?;
        let (lag, future) = (lag - mean.clone(), future - mean);
        match &config.mixer {
            Settings::SpaceTime(layer) => Ok(published(&trace, lag, future, layer.d_state)),
            _ => Ok(squared(trace.forecast, future).mean()),
        }
    }

    fn tokens_per_micro(&self) -> usize {
        self.batch * self.prepared.config.context
    }

    fn evaluate(&self, model: &Forecaster) -> Result<Vec<(String, f64)>, LearnError> {
        let (lags, targets) = self.cut(&self.validation);
        let forecasts = model.forecast(&lags, self.prepared.config.horizon, &mut |_| {})?;
        let errors = forecasts.iter().zip(&targets);
        let sum: f64 = errors.map(|(f, t)| (f - f64::from(*t)).powi(2)).sum();
        Ok(vec![(
            MEASURE.to_owned(),
            sum / targets.len().max(1) as f64,
        )])
    }

    fn watched(&self) -> Option<&str> {
        Some(MEASURE)
    }
}

fn squared(left: Tensor<2>, right: Tensor<2>) -> Tensor<2> {
    let difference = left - right;
    difference.clone() * difference
}

fn root_mean(squares: Tensor<1>) -> Tensor<1> {
    squares.add_scalar(TINY).sqrt()
}

/// The three terms of SpaceTime's loss, over a window [row, context] and its future [row, horizon].
fn published(trace: &Trace, lag: Tensor<2>, future: Tensor<2>, d_state: usize) -> Tensor<1> {
    let len = lag.dims()[1];
    let mut loss = root_mean(squared(trace.forecast.clone(), future.clone()).mean());
    // Before d_state inputs the state has not seen a whole window.
    let start = d_state.min(len / 2).max(1);
    if let Some(open) = &trace.open {
        let next = future.narrow(1, 0, 1);
        let targets = match len - start {
            0 => next,
            rest => Tensor::cat(vec![lag.narrow(1, start, rest), next], 1),
        };
        let open = open.clone().narrow(1, start - 1, len - start + 1);
        loss = loss + root_mean(squared(open, targets).mean());
    }
    match &trace.inputs {
        Some((z, predicted)) if len > start => {
            let count = len - start;
            let difference =
                predicted.clone().narrow(1, start - 1, count) - z.clone().narrow(1, start, count);
            loss + root_mean((difference.clone() * difference).mean())
        }
        _ => loss,
    }
}
