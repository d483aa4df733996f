//! Errors of forecasts, the same for every forecaster.

use super::{ForecastWindows, Series};
use crate::error::DataError;

/// Something that continues one channel.
pub trait Forecaster {
    /// The name in reports.
    fn name(&self) -> String;

    /// The values of `channel` behind the `lag` values of `input`; `output` holds one horizon.
    fn forecast(&self, channel: usize, input: &[f64], output: &mut [f64]);
}

/// The value one period earlier, repeated; with a period of 1 the last value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeasonalNaive {
    period: usize,
}

impl SeasonalNaive {
    /// A forecaster with this period, for windows of at least that lag.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] for a period of 0 or above the lag.
    pub fn new(period: usize, lag: usize) -> Result<Self, DataError> {
        if period == 0 || period > lag {
            return Err(DataError::out_of_range(
                "period",
                period,
                format!("1 to the lag of {lag}"),
            ));
        }
        Ok(Self { period })
    }
}

impl Forecaster for SeasonalNaive {
    fn name(&self) -> String {
        match self.period {
            1 => "last value".into(),
            period => format!("seasonal naive, period {period}"),
        }
    }

    fn forecast(&self, _: usize, input: &[f64], output: &mut [f64]) {
        let season = &input[input.len() - self.period..];
        output
            .iter_mut()
            .zip(season.iter().cycle())
            .for_each(|(out, value)| *out = *value);
    }
}

/// Errors over all windows, horizon steps and channels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    /// Mean of the squared errors.
    pub mse: f64,
    /// Mean of the absolute errors.
    pub mae: f64,
    /// Mean absolute error over that of the seasonal naive forecast one step ahead on the training part,
    /// averaged over channels; none when every channel's scale is 0 (constant, or exactly periodic).
    pub mase: Option<f64>,
    /// The number of windows.
    pub windows: usize,
}

/// Scores a forecaster on all windows.
///
/// `train` is the length of the training part and `period` the season that the scale of MASE is made
/// with. Errors are in the units of the series: standardise it first to compare with published figures.
///
/// # Errors
/// [`DataError::OutOfRange`] unless the period lies between 1 and the training part's length, and when a
/// forecast is not finite.
pub fn score(
    forecaster: &dyn Forecaster,
    windows: &ForecastWindows<'_>,
    train: usize,
    period: usize,
) -> Result<Scores, DataError> {
    let series = windows.series();
    let channels = series.channels();
    let scales = naive_scales(series, train, period)?;
    let mut input = vec![0.0; windows.lag()];
    let mut output = vec![0.0; windows.horizon()];
    let mut squared = 0.0;
    let mut absolute = vec![0.0; channels];
    for (past, future) in windows.iter() {
        for (channel, absolute) in absolute.iter_mut().enumerate() {
            let column = |values: &'_ [f64], at: usize| values[at * channels + channel];
            input
                .iter_mut()
                .enumerate()
                .for_each(|(at, it)| *it = column(past, at));
            forecaster.forecast(channel, &input, &mut output);
            for (at, value) in output.iter().enumerate() {
                let error = value - column(future, at);
                squared += error * error;
                *absolute += error.abs();
            }
        }
    }
    let each = (windows.len() * windows.horizon()) as f64;
    let sum: f64 = absolute.iter().sum();
    if !(squared.is_finite() && sum.is_finite()) {
        let name = forecaster.name();
        return Err(DataError::out_of_range(
            "forecast error",
            squared,
            format!("finite for {name}"),
        ));
    }
    let ratios = absolute
        .iter()
        .zip(&scales)
        .filter(|(_, scale)| **scale > 0.0);
    let ratios: Vec<f64> = ratios.map(|(error, scale)| error / each / scale).collect();
    Ok(Scores {
        mse: squared / each / channels as f64,
        mae: sum / each / channels as f64,
        mase: (!ratios.is_empty()).then(|| ratios.iter().sum::<f64>() / ratios.len() as f64),
        windows: windows.len(),
    })
}

/// For each channel the mean of |x_t - x_(t - period)| over the training part.
fn naive_scales(series: &Series, train: usize, period: usize) -> Result<Vec<f64>, DataError> {
    if train > series.len() {
        let expected = format!("at most {}", series.len());
        return Err(DataError::out_of_range("training part", train, expected));
    }
    if period == 0 || period >= train {
        return Err(DataError::out_of_range(
            "period",
            period,
            format!("1 to {}", train.saturating_sub(1)),
        ));
    }
    let channels = series.channels();
    let value = |time: usize, channel: usize| series.values[time * channels + channel];
    let scale = |channel: usize| {
        let change = |time: usize| (value(time, channel) - value(time - period, channel)).abs();
        (period..train).map(change).sum::<f64>() / (train - period) as f64
    };
    Ok((0..channels).map(scale).collect())
}
