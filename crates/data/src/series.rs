//! Time series as arrays: reading, windows, scaling, and the baselines that a forecast has to beat.

mod csv_file;
mod linear;
mod missing;
mod scaling;
mod scores;
mod windows;

pub use csv_file::{CsvOptions, HeaderRow, TimeColumn, parse_csv, read_csv};
pub use linear::NLinear;
pub use missing::MissingPolicy;
pub use scaling::Standardisation;
pub use scores::{Forecaster, Scores, SeasonalNaive, score};
pub use windows::{ForecastWindows, SeriesSplit};

use crate::error::DataError;

/// The most values of one series: 2 GiB of memory.
pub const MAX_VALUES: usize = 1 << 28;

/// One or several columns of numbers at equally spaced times.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The name of each channel.
    pub names: Vec<String>,
    /// `[time, channel]`, row-major; all finite.
    pub values: Vec<f64>,
    /// The text of the time column for each time, when there is one.
    pub times: Option<crate::sequences::PackedBytes>,
    /// How many values of each channel were missing in the file and were filled in.
    pub filled: Vec<usize>,
}

impl Series {
    /// A series of given values `[time, channel]`.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] when there is no channel, the values do not fill whole rows, or one is not
    /// finite.
    pub fn new(names: Vec<String>, values: Vec<f64>) -> Result<Self, DataError> {
        if names.is_empty() {
            return Err(DataError::out_of_range("channels", 0, "at least 1"));
        }
        if values.is_empty() || !values.len().is_multiple_of(names.len()) {
            let expected = format!("a multiple of {} channels, above 0", names.len());
            return Err(DataError::out_of_range(
                "number of values",
                values.len(),
                expected,
            ));
        }
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            let found = format!(
                "{} at time {} of {:?}",
                values[at],
                at / names.len(),
                names[at % names.len()]
            );
            return Err(DataError::out_of_range("value", found, "finite"));
        }
        Ok(Self {
            filled: vec![0; names.len()],
            names,
            values,
            times: None,
        })
    }

    /// The number of channels.
    pub fn channels(&self) -> usize {
        self.names.len()
    }

    /// The number of times.
    pub fn len(&self) -> usize {
        self.values.len() / self.names.len()
    }

    /// Whether there is no time.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// One channel over all times.
    pub fn channel(&self, channel: usize) -> Vec<f64> {
        self.values
            .iter()
            .skip(channel)
            .step_by(self.channels())
            .copied()
            .collect()
    }
}
