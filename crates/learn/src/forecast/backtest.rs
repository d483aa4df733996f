//! All forecasters on the same test windows.

use resolvent_data::series::{ForecastWindows, Forecaster as Baseline, NLinear, SeasonalNaive};
use resolvent_models::forecaster::Forecaster;
use serde::{Deserialize, Serialize};

use super::prepared::{Prepared, spread};
use crate::error::LearnError;

/// Test windows of all columns together, about.
const TESTED: usize = 512;
/// Fewest windows of a column, where there are so many.
const FEWEST: usize = 8;
/// Times of the training part that NLinear is fitted on, and of the validation part that its ridge is
/// chosen by; the newest ones. Bounds its time on long series.
const FITTED: usize = 1 << 15;
const CHOSEN: usize = 1 << 11;
/// The largest window of [`NLinear`].
const LARGEST: usize = 6144;

/// The windows that everything is tested on, and the horizon that is asked for.
#[derive(Debug, Clone)]
pub struct Test {
    /// Values to forecast.
    pub horizon: usize,
    /// Times at which the targets begin.
    pub starts: Vec<usize>,
}

/// One forecaster on all windows.
#[derive(Debug, Clone)]
pub struct Scored {
    /// Name in the tables.
    pub name: String,
    /// Standardised forecasts, `[column, window, step]`.
    pub forecasts: Vec<Vec<f64>>,
    /// One row per column, then one over all.
    pub rows: Vec<Row>,
}

/// Errors of one forecaster on one column, or on all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The forecaster.
    pub forecaster: String,
    /// The column; none: the mean over all.
    pub column: Option<String>,
    /// Mean squared error of standardised values.
    pub mse: f64,
    /// Mean absolute error of standardised values.
    pub mae: f64,
    /// Mean absolute error over that of the seasonal naive forecast one step ahead on the training part,
    /// both in original units; none where the latter is 0.
    pub mase: Option<f64>,
}

impl Test {
    /// Evenly spread windows of the test part, the last one always; none without room for one.
    pub fn new(prepared: &Prepared, horizon: usize) -> Option<Self> {
        let starts = prepared.starts(&prepared.split.test, horizon);
        let starts = spread(&starts, (TESTED / prepared.series.channels()).max(FEWEST));
        (!starts.is_empty()).then_some(Self { horizon, starts })
    }

    /// The model on these windows.
    ///
    /// # Errors
    /// Forecasts that are not finite.
    pub fn model(
        &self,
        name: &str,
        model: &Forecaster,
        prepared: &Prepared,
    ) -> Result<Scored, LearnError> {
        let context = model.config.context;
        let mut forecasts = Vec::new();
        for column in 0..prepared.series.channels() {
            let values = prepared.column(column);
            let lags = self
                .starts
                .iter()
                .flat_map(|&start| &values[start - context..start]);
            let lags: Vec<f32> = lags.copied().collect();
            forecasts.push(model.forecast(&lags, self.horizon, &mut |_| {})?);
        }
        Ok(self.scored(name.to_owned(), forecasts, prepared))
    }

    /// Seasonal naive and, where its window is not too large, NLinear fitted on the training part.
    ///
    /// # Errors
    /// Does not fail for a prepared series.
    pub fn baselines(&self, prepared: &Prepared) -> Result<Vec<Scored>, LearnError> {
        let config = &prepared.config;
        let reach = config.context.max(config.period);
        let naive = SeasonalNaive::new(config.period, reach).map_err(LearnError::experiment)?;
        let mut all = vec![self.baseline(&naive, reach, prepared)];
        if config.context + self.horizon <= LARGEST {
            let (train, validation) = (&prepared.split.train, &prepared.split.validation);
            let newest = |part: &std::ops::Range<usize>, most: usize| {
                part.start.max(
                    part.end
                        .saturating_sub(most.max(config.context + self.horizon)),
                )..part.end
            };
            let windows = |part| {
                let windows =
                    ForecastWindows::new(&prepared.scaled, part, config.context, self.horizon);
                windows.map_err(LearnError::experiment)
            };
            let fitted = windows(newest(train, FITTED))?;
            let fitted = match windows(newest(validation, CHOSEN)) {
                Ok(chosen) => NLinear::select(&fitted, &chosen, &NLinear::RIDGES, false),
                // A longer horizon than was trained may not fit into the validation part.
                Err(_) => NLinear::fit(&fitted, 1e-3, false),
            };
            let fitted = fitted.map_err(LearnError::experiment)?;
            all.push(self.baseline(&fitted, config.context, prepared));
        }
        Ok(all)
    }

    fn baseline(&self, forecaster: &dyn Baseline, lag: usize, prepared: &Prepared) -> Scored {
        let forecast = |column: usize| {
            let values = prepared.scaled.channel(column);
            let mut all = vec![0.0; self.starts.len() * self.horizon];
            for (out, &start) in all.chunks_exact_mut(self.horizon).zip(&self.starts) {
                // Only times before the target are read; near the beginning there may be fewer.
                let from = start.saturating_sub(lag);
                forecaster.forecast(column, &values[from..start], out);
            }
            all
        };
        let forecasts = (0..prepared.series.channels()).map(forecast).collect();
        self.scored(forecaster.name(), forecasts, prepared)
    }

    fn scored(&self, name: String, forecasts: Vec<Vec<f64>>, prepared: &Prepared) -> Scored {
        let mut rows: Vec<Row> = Vec::new();
        for (column, forecasts) in forecasts.iter().enumerate() {
            let values = prepared.scaled.channel(column);
            let (mut squares, mut sum) = (0.0, 0.0);
            for (forecast, &start) in forecasts.chunks_exact(self.horizon).zip(&self.starts) {
                for (value, truth) in forecast.iter().zip(&values[start..]) {
                    squares += (value - truth).powi(2);
                    sum += (value - truth).abs();
                }
            }
            let count = forecasts.len().max(1) as f64;
            let season = naive_error(
                &values[prepared.split.train.clone()],
                prepared.config.period,
            );
            rows.push(Row {
                forecaster: name.clone(),
                column: Some(prepared.series.names[column].clone()),
                mse: squares / count,
                mae: sum / count,
                // Both errors have the same unit, so the standardised ones have the same quotient.
                mase: (season > 0.0).then_some(sum / count / season),
            });
        }
        let mean = |of: &dyn Fn(&Row) -> Option<f64>| {
            let known: Vec<f64> = rows.iter().filter_map(of).collect();
            (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
        };
        let all = Row {
            forecaster: name.clone(),
            column: None,
            mse: mean(&|row| Some(row.mse)).unwrap_or_default(),
            mae: mean(&|row| Some(row.mae)).unwrap_or_default(),
            mase: mean(&|row| row.mase),
        };
        rows.push(all);
        Scored {
            name,
            forecasts,
            rows,
        }
    }
}

impl Scored {
    /// The row over all columns.
    ///
    /// # Panics
    /// Never: there is always one.
    pub fn all(&self) -> &Row {
        &self.rows[self.rows.len() - 1]
    }

    /// The forecast of one window of a column, standardised.
    pub fn window(&self, column: usize, window: usize, horizon: usize) -> &[f64] {
        &self.forecasts[column][window * horizon..][..horizon]
    }
}

/// Mean of |x_t - x_(t - period)|.
fn naive_error(values: &[f64], period: usize) -> f64 {
    let pairs = values.iter().zip(values.iter().skip(period));
    let sum: f64 = pairs.map(|(before, now)| (now - before).abs()).sum();
    sum / values.len().saturating_sub(period).max(1) as f64
}
