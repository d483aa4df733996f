//! What is right without learning anything about time: the same test cases for every row.

use serde::Serialize;

use super::cases::Cases;
use super::scores::wilson;

/// Multiply-adds that the search for neighbours may take.
const BUDGET: u64 = 5_000_000_000;

/// A simple classifier on the same cases.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Baseline {
    /// What it is.
    pub name: String,
    /// Share of the test cases that is right.
    pub accuracy: f64,
    /// 95 % interval of that share after Wilson.
    pub interval: [f64; 2],
}

/// The most frequent class, and the nearest neighbour for series.
pub fn baselines(train: &Cases, test: &Cases, seed: u64) -> Vec<Baseline> {
    let counts = train.counts();
    let most = counts.iter().max().copied().unwrap_or(0);
    let class = counts.iter().position(|count| *count == most).unwrap_or(0) as u32;
    let right = test.labels.iter().filter(|label| **label == class).count();
    let mut all = vec![baseline(
        "most frequent class".to_owned(),
        right,
        test.len(),
    )];
    all.extend(nearest_neighbour(train, test, seed));
    all
}

fn baseline(name: String, right: usize, all: usize) -> Baseline {
    Baseline {
        name,
        accuracy: right as f64 / all.max(1) as f64,
        interval: wilson(right, all),
    }
}

/// One nearest neighbour by Euclidean distance over standardised channels. Cases of unequal length are
/// stretched linearly to the longest length; only part of the training cases is searched when all would
/// take too long, and the name then says so.
fn nearest_neighbour(train: &Cases, test: &Cases, seed: u64) -> Option<Baseline> {
    let longest = train.lengths().1.max(test.lengths().1);
    let stretched_at_all = train.lengths().0.min(test.lengths().0) != longest;
    let (means, deviations) = train.moments();
    let size = (longest * means.len()) as u64;
    let most = (BUDGET / (size * test.len() as u64).max(1)) as usize;
    if size == 0 || most < 2 {
        return None;
    }
    let searched = train.at_most(most, seed);
    let vector = |cases: &Cases, case: usize| {
        stretched(
            cases.series(case).unwrap_or(&[]),
            longest,
            (&means, &deviations),
        )
    };
    let references: Vec<Vec<f32>> = (0..searched.len())
        .map(|it| vector(&searched, it))
        .collect();
    let mut right = 0;
    for case in 0..test.len() {
        let own = vector(test, case);
        let mut best = (f32::INFINITY, 0);
        for (at, reference) in references.iter().enumerate() {
            let distance = distance(&own, reference, best.0);
            if distance < best.0 {
                best = (distance, at);
            }
        }
        right += usize::from(searched.labels[best.1] == test.labels[case]);
    }
    let mut name = "1 nearest neighbour, Euclidean".to_owned();
    if stretched_at_all {
        name.push_str(", cases stretched to one length");
    }
    if searched.len() < train.len() {
        name.push_str(&format!(", {} of the training cases", searched.len()));
    }
    Some(baseline(name, right, test.len()))
}

/// The squared distance, or some larger number than `enough`.
fn distance(left: &[f32], right: &[f32], enough: f32) -> f32 {
    let mut sum = 0.0;
    for (left, right) in left.chunks(64).zip(right.chunks(64)) {
        sum += left
            .iter()
            .zip(right)
            .map(|(a, b)| (a - b) * (a - b))
            .sum::<f32>();
        if sum > enough {
            break;
        }
    }
    sum
}

/// Standardised values of a case at `length` equally spaced places; missing ones are 0.
fn stretched(series: &[f32], length: usize, (means, deviations): (&[f64], &[f64])) -> Vec<f32> {
    let channels = means.len();
    let own = series.len() / channels;
    let value = |position: usize, channel: usize| {
        let value = f64::from(series[position * channels + channel]);
        match value.is_nan() {
            true => 0.0,
            false => (value - means[channel]) / deviations[channel],
        }
    };
    let mut out = Vec::with_capacity(length * channels);
    for at in 0..length {
        let place = (at * own.saturating_sub(1)) as f64 / length.saturating_sub(1).max(1) as f64;
        let (before, share) = (place as usize, place.fract());
        let after = (before + 1).min(own - 1);
        for channel in 0..channels {
            let mixed = (1.0 - share) * value(before, channel) + share * value(after, channel);
            out.push(mixed as f32);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_when_stretched_keeps_its_ends() {
        let moments: (&[f64], &[f64]) = (&[0.0], &[1.0]);
        assert_eq!(
            stretched(&[1.0, 3.0], 5, moments),
            [1.0, 1.5, 2.0, 2.5, 3.0]
        );
        assert_eq!(stretched(&[2.0], 3, moments), [2.0, 2.0, 2.0]);
        assert_eq!(stretched(&[1.0, 2.0], 2, moments), [1.0, 2.0]);
    }
}
