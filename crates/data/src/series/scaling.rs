//! Standardisation by the training part.

use std::ops::Range;

use super::Series;
use crate::error::DataError;

/// Mean and standard deviation of each channel over a range of times.
#[derive(Clone, Debug, PartialEq)]
pub struct Standardisation {
    /// `[channel]`
    pub mean: Vec<f64>,
    /// `[channel]`, the divisor; 1 for a channel that is constant over the range.
    pub scale: Vec<f64>,
    /// `[channel]`: whether the channel is constant over the range.
    pub is_constant: Vec<bool>,
}

impl Standardisation {
    /// Fits on these times alone: give the training part.
    ///
    /// # Numerics
    /// Two passes in f64; the population's deviation (divided by the number of times).
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] for an empty range or one beyond the series.
    pub fn fit(series: &Series, range: Range<usize>) -> Result<Self, DataError> {
        if range.is_empty() || range.end > series.len() {
            let expected = format!("not empty and within 0..{}", series.len());
            return Err(DataError::out_of_range(
                "training part",
                format!("{range:?}"),
                expected,
            ));
        }
        let channels = series.channels();
        let rows =
            || series.values[range.start * channels..range.end * channels].chunks_exact(channels);
        let count = range.len() as f64;
        let mut mean = vec![0.0; channels];
        for row in rows() {
            mean.iter_mut()
                .zip(row)
                .for_each(|(sum, value)| *sum += value / count);
        }
        let mut variance = vec![0.0; channels];
        let mut is_constant = vec![true; channels];
        let first = &series.values[range.start * channels..][..channels];
        for row in rows() {
            for (channel, value) in row.iter().enumerate() {
                variance[channel] += (value - mean[channel]).powi(2) / count;
                is_constant[channel] &= *value == first[channel];
            }
        }
        let divisor = |(variance, constant): (&f64, &bool)| {
            let deviation = variance.sqrt();
            // Rounding leaves a constant channel a deviation of about 1e-16 of its value.
            if *constant || deviation == 0.0 {
                1.0
            } else {
                deviation
            }
        };
        Ok(Self {
            scale: variance.iter().zip(&is_constant).map(divisor).collect(),
            mean,
            is_constant,
        })
    }

    /// The standardised series.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] for another number of channels, or when a value leaves the range of f64.
    pub fn apply(&self, series: &Series) -> Result<Series, DataError> {
        if series.channels() != self.mean.len() {
            let expected = format!("{} as in the fit", self.mean.len());
            return Err(DataError::out_of_range(
                "channels",
                series.channels(),
                expected,
            ));
        }
        let channels = self.mean.len();
        let scaled = |(i, value): (usize, &f64)| {
            (value - self.mean[i % channels]) / self.scale[i % channels]
        };
        let values = series.values.iter().enumerate().map(scaled).collect();
        let mut scaled = Series::new(series.names.clone(), values)?;
        scaled.times.clone_from(&series.times);
        scaled.filled.clone_from(&series.filled);
        Ok(scaled)
    }

    /// Takes a standardised value of a channel back to its units.
    pub fn restore(&self, channel: usize, value: f64) -> f64 {
        value * self.scale[channel] + self.mean[channel]
    }
}
