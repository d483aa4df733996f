//! Parts of a series in time, and windows over them.

use std::ops::Range;

use super::Series;
use crate::error::DataError;

/// Training, validation and test part, one after the other in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesSplit {
    /// What is fitted on.
    pub train: Range<usize>,
    /// What hyper-parameters are chosen by.
    pub validation: Range<usize>,
    /// What is reported.
    pub test: Range<usize>,
}

impl SeriesSplit {
    /// The published parts of hourly ETT files: 12, 4 and 4 months of 30 days. Quarter-hourly: times 4.
    pub const ETT_HOURLY: [usize; 3] = [8640, 2880, 2880];

    /// Parts by these shares of the length; what is left over by rounding goes to the test part.
    ///
    /// The usual shares are 0.7 and 0.1.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] unless both shares are positive and leave something.
    pub fn by_shares(length: usize, train: f64, validation: f64) -> Result<Self, DataError> {
        if !(train > 0.0 && validation > 0.0 && train + validation < 1.0) {
            let found = format!("{train} and {validation}");
            return Err(DataError::out_of_range(
                "shares",
                found,
                "positive, with a sum below 1",
            ));
        }
        let first = (length as f64 * train) as usize;
        // The field rounds the test part down and gives validation what is left.
        let test = (length as f64 * (1.0 - train - validation) + 1e-9) as usize;
        Self::by_sizes(length, [first, length.saturating_sub(first + test), test])
    }

    /// Parts of these sizes from the beginning; what is left over is not used.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] when a part is empty or the series is shorter.
    pub fn by_sizes(length: usize, sizes: [usize; 3]) -> Result<Self, DataError> {
        let [train, validation, test] = sizes;
        let sum = train.saturating_add(validation).saturating_add(test);
        if sizes.contains(&0) || sum > length {
            let expected = format!("three parts above 0 with a sum of at most {length}");
            return Err(DataError::out_of_range(
                "parts",
                format!("{sizes:?}"),
                expected,
            ));
        }
        Ok(Self {
            train: 0..train,
            validation: train..train + validation,
            test: train + validation..sum,
        })
    }
}

/// All pairs of (`lag` times, the next `horizon` times) whose targets lie in one part.
///
/// Inputs of the first windows reach back into the part before, as everywhere in the field; targets never
/// leave their part.
#[derive(Clone, Debug)]
pub struct ForecastWindows<'a> {
    series: &'a Series,
    lag: usize,
    horizon: usize,
    first: usize,
    count: usize,
}

impl<'a> ForecastWindows<'a> {
    /// The windows of a part, one for each time at which a target can begin.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] for a lag or horizon of 0, a part beyond the series, or one that is too
    /// short for a single window.
    pub fn new(
        series: &'a Series,
        part: Range<usize>,
        lag: usize,
        horizon: usize,
    ) -> Result<Self, DataError> {
        for (name, value) in [("lag", lag), ("horizon", horizon)] {
            if value == 0 {
                return Err(DataError::out_of_range(name, 0, "at least 1"));
            }
        }
        if part.end > series.len() || part.start > part.end {
            let expected = format!("within 0..{}", series.len());
            return Err(DataError::out_of_range(
                "part",
                format!("{part:?}"),
                expected,
            ));
        }
        let first = part.start.max(lag);
        let Some(last) = part.end.checked_sub(horizon).filter(|last| *last >= first) else {
            let found = format!("{part:?} of {} times", series.len());
            let expected = format!("room for a lag of {lag} and a horizon of {horizon}");
            return Err(DataError::out_of_range("part", found, expected));
        };
        Ok(Self {
            series,
            lag,
            horizon,
            first,
            count: last - first + 1,
        })
    }

    /// The number of windows.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Never true: there is at least one window.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Times of an input.
    pub fn lag(&self) -> usize {
        self.lag
    }

    /// Times of a target.
    pub fn horizon(&self) -> usize {
        self.horizon
    }

    /// The series the windows are cut from.
    pub fn series(&self) -> &'a Series {
        self.series
    }

    /// The time at which the target of window `index` begins.
    pub fn target_start(&self, index: usize) -> usize {
        self.first + index
    }

    /// Input `[lag, channel]` and target `[horizon, channel]` of window `index`, both row-major.
    ///
    /// # Panics
    /// When there are fewer windows.
    pub fn get(&self, index: usize) -> (&'a [f64], &'a [f64]) {
        assert!(index < self.count, "there are {} windows", self.count);
        let channels = self.series.channels();
        let start = self.first + index;
        let cut =
            |range: Range<usize>| &self.series.values[range.start * channels..range.end * channels];
        (
            cut(start - self.lag..start),
            cut(start..start + self.horizon),
        )
    }

    /// The windows in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [f64], &'a [f64])> + '_ {
        (0..self.count).map(|index| self.get(index))
    }
}
