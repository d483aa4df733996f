//! Where an axis has its marks, and how their numbers are written.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// An axis in drawing coordinates: the value itself, or its decimal logarithm.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    /// Smallest and largest coordinate shown.
    pub range: (f64, f64),
    /// Coordinates of the marks, ascending.
    pub marks: Vec<f64>,
    /// Their labels.
    pub labels: Vec<String>,
    log: bool,
}

impl Axis {
    /// An axis over `values`, of which there is at least one, with about `wanted` marks.
    pub(super) fn new(values: impl Iterator<Item = f64>, log: bool, wanted: usize) -> Self {
        let (low, high) = values
            .map(|value| if log { value.log10() } else { value })
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        let range = padded(low, high);
        let values = if log {
            log_marks(range)
        } else {
            linear_marks(range, wanted)
        };
        let step = values
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .fold(f64::INFINITY, f64::min);
        Self {
            range,
            labels: values
                .iter()
                .map(|value| label(*value, step, log))
                .collect(),
            marks: values
                .iter()
                .map(|value| if log { value.log10() } else { *value })
                .collect(),
            log,
        }
    }

    /// The coordinate of a value.
    pub(super) fn place(&self, value: f64) -> f64 {
        if self.log { value.log10() } else { value }
    }

    /// The label of the mark at a coordinate.
    fn label_at(&self, coordinate: f64) -> String {
        let nearest = self
            .marks
            .iter()
            .zip(&self.labels)
            .min_by(|(left, _), (right, _)| {
                (*left - coordinate)
                    .abs()
                    .total_cmp(&(*right - coordinate).abs())
            });
        nearest.map(|(_, label)| label.clone()).unwrap_or_default()
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, coordinate: &f64, (from, to): (i32, i32)) -> i32 {
        let (low, high) = self.range;
        let part = (coordinate - low) / (high - low);
        from + (part * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.marks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.range.0..self.range.1
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, coordinate: &f64) -> String {
        self.label_at(*coordinate)
    }
}

/// A little air on both sides; a single value gets a range around it.
fn padded(low: f64, high: f64) -> (f64, f64) {
    let span = high - low;
    if span > 0.0 && span.is_finite() {
        return (low - 0.03 * span, high + 0.03 * span);
    }
    let margin = if low == 0.0 { 1.0 } else { 0.1 * low.abs() };
    (low - margin, high + margin)
}

/// Multiples of 1, 2 or 5 times a power of ten inside `range`.
fn linear_marks((low, high): (f64, f64), wanted: usize) -> Vec<f64> {
    let rough = (high - low) / wanted.max(1) as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= 0.75 * rough)
        .unwrap_or(10.0 * power);
    if !(step.is_finite() && step > 0.0) {
        return vec![low, high];
    }
    let first = (low / step).ceil();
    // The range spans at most 4/3 of the wanted steps. Adding 0 turns -0 into 0.
    (0..=2 * wanted)
        .map(|index| (first + index as f64) * step + 0.0)
        .take_while(|value| *value <= high)
        .collect()
}

/// Powers of ten, or of two where there are few of those; fractions of a decade at need.
fn log_marks((low, high): (f64, f64)) -> Vec<f64> {
    let decades = high - low;
    let factors: &[f64] = if decades < 0.8 {
        &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0]
    } else if decades < 2.5 {
        &[1.0, 2.0, 5.0]
    } else {
        &[1.0]
    };
    let every = (decades / 8.0).ceil().max(1.0) as i32;
    let (first, last) = (low.floor() as i32, high.ceil() as i32);
    (first..=last)
        .filter(|power| power.rem_euclid(every) == 0)
        .flat_map(|power| {
            factors
                .iter()
                .map(move |factor| factor * 10_f64.powi(power))
        })
        .filter(|value| (low..=high).contains(&value.log10()))
        .collect()
}

/// A number with as many decimals as the marks need, thousands separated, large ones abbreviated.
fn label(value: f64, step: f64, log: bool) -> String {
    let size = value.abs();
    if size >= 1e6 {
        return [(1e12, "T"), (1e9, "G"), (1e6, "M")]
            .iter()
            .find(|(unit, _)| size >= *unit)
            .map_or_else(String::new, |(unit, suffix)| {
                format!("{}{suffix}", shortest(value / unit))
            });
    }
    if size != 0.0 && size < 1e-3 {
        return format!("{value:.0e}");
    }
    if log {
        return thousands(&shortest(value));
    }
    let decimals = if step.is_finite() {
        (-(1.001 * step).log10().floor()).clamp(0.0, 9.0) as usize
    } else {
        2
    };
    thousands(&format!("{value:.decimals$}"))
}

/// At most six decimals, without trailing zeros.
fn shortest(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Commas between groups of three digits before the decimal point.
pub(crate) fn thousands(number: &str) -> String {
    let (sign, digits) = match number.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", number),
    };
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let grouped: Vec<&str> = {
        let first = whole.len() % 3;
        let head = (first > 0).then(|| &whole[..first]);
        let tail = (first..whole.len()).step_by(3).map(|at| &whole[at..at + 3]);
        head.into_iter().chain(tail).collect()
    };
    format!("{sign}{}{rest}", grouped.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(values: &[f64], log: bool) -> Vec<String> {
        Axis::new(values.iter().copied(), log, 6).labels
    }

    #[test]
    fn marks_when_linear_are_round_and_inside() {
        assert_eq!(
            labels(&[0.0, 12_000.0], false),
            ["0", "2,000", "4,000", "6,000", "8,000", "10,000", "12,000"]
        );
        assert_eq!(
            labels(&[2.0, 2.5], false),
            ["2.0", "2.1", "2.2", "2.3", "2.4", "2.5"]
        );
        assert_eq!(labels(&[0.0, 4e6], false), ["0", "1M", "2M", "3M", "4M"]);
        assert_eq!(labels(&[-1.0, 1.0], false)[2], "0.0");
    }

    #[test]
    fn marks_when_logarithmic_are_powers() {
        assert_eq!(
            labels(&[1.0, 1e4], true),
            ["1", "10", "100", "1,000", "10,000"]
        );
        assert_eq!(labels(&[1e-5, 1e-3], true)[0], "1e-5");
        assert_eq!(labels(&[2.0, 60.0], true), ["2", "5", "10", "20", "50"]);
    }

    #[test]
    fn axis_when_values_are_equal_or_extreme_has_a_range() {
        for values in [
            [0.0, 0.0],
            [5.0, 5.0],
            [-2.0, -2.0],
            [1e-300, 1e300],
            [-1e308, 1e308],
        ] {
            let axis = Axis::new(values.into_iter(), false, 6);
            assert!(axis.range.0 < axis.range.1, "{axis:?}");
            assert_eq!(axis.marks.len(), axis.labels.len());
        }
    }
}
