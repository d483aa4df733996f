//! What a classifier says of cases, and how good that is.

use burn::tensor::activation::log_softmax;
use resolvent_data::DataError;
use resolvent_models::ModelError;
use resolvent_models::classifier::Classifier;
use serde::Serialize;

use super::cases::Cases;
use crate::error::LearnError;

/// Positions of a batch, over all cases, at most: bounds the memory of a pass.
const POSITIONS: usize = 1 << 16;
/// Cases of a batch at most.
const CASES: usize = 256;

/// Probabilities of every class for every case.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    /// Number of classes.
    pub classes: usize,
    /// [case, class].
    pub log_probabilities: Vec<f32>,
}

impl Predictions {
    /// The number of cases.
    pub fn len(&self) -> usize {
        self.log_probabilities.len() / self.classes.max(1)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.log_probabilities.is_empty()
    }

    /// `[class]` of one case.
    pub fn row(&self, case: usize) -> &[f32] {
        &self.log_probabilities[case * self.classes..(case + 1) * self.classes]
    }

    /// The most probable class of one case; the first of equals.
    pub fn class(&self, case: usize) -> u32 {
        let row = self.row(case);
        let mut best = 0;
        for (class, value) in row.iter().enumerate() {
            if *value > row[best] {
                best = class;
            }
        }
        best as u32
    }
}

/// Classifies every case; `progress` is told how many are done.
///
/// # Errors
/// Cases of another kind than the model's; logits that are not finite; a device that cannot be read.
pub fn predict(
    model: &Classifier,
    cases: &Cases,
    progress: &mut dyn FnMut(usize),
) -> Result<Predictions, LearnError> {
    let classes = model.config.labels.len();
    // Cases of like length side by side waste the least on padding.
    let mut order: Vec<usize> = (0..cases.len()).collect();
    order.sort_by_key(|case| cases.length(*case));
    let mut out = vec![0.0; cases.len() * classes];
    let mut done = 0;
    while done < order.len() {
        let mut count = 1;
        while count < CASES && done + count < order.len() {
            if (count + 1) * cases.length(order[done + count]) > POSITIONS {
                break;
            }
            count += 1;
        }
        let chunk = &order[done..done + count];
        let logits = model.logits(&cases.batch(chunk), None)?;
        let values: Vec<f32> = log_softmax(logits, 1).try_into_vec_as().map_err(|error| {
            LearnError::from(ModelError::Device {
                path: "logits".to_owned(),
                reason: error.to_string(),
            })
        })?;
        for (row, case) in chunk.iter().enumerate() {
            let from = &values[row * classes..(row + 1) * classes];
            if from.iter().any(|value| !value.is_finite()) {
                let message = format!("the logits of case {} are not finite", case + 1);
                return Err(LearnError::experiment(message));
            }
            out[case * classes..(case + 1) * classes].copy_from_slice(from);
        }
        done += count;
        progress(done);
    }
    Ok(Predictions {
        classes,
        log_probabilities: out,
    })
}

/// How good predictions are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scores {
    /// Number of cases.
    pub cases: usize,
    /// How many are right.
    pub right: usize,
    /// Share that is right.
    pub accuracy: f64,
    /// 95 % interval of that share after Wilson.
    pub interval: [f64; 2],
    /// Mean negative log-probability of the true class, in nats.
    pub loss: f64,
    /// Mean over the classes that have cases of the share that is right.
    pub balanced_accuracy: f64,
    /// [true class, predicted class]: numbers of cases.
    pub confusion: Vec<Vec<u64>>,
}

impl Scores {
    /// Compares with the labels of the cases.
    ///
    /// # Errors
    /// Cases without labels, or another number of them.
    pub fn of(predictions: &Predictions, cases: &Cases) -> Result<Self, LearnError> {
        if !cases.is_labelled() || cases.len() != predictions.len() || cases.is_empty() {
            let error = DataError::OutOfRange {
                name: "the number of labels",
                found: cases.labels.len().to_string(),
                expected: format!("{}, at least 1", predictions.len()),
            };
            return Err(error.into());
        }
        let mut confusion = vec![vec![0; predictions.classes]; predictions.classes];
        let mut loss = 0.0;
        for (case, label) in cases.labels.iter().enumerate() {
            confusion[*label as usize][predictions.class(case) as usize] += 1;
            loss -= f64::from(predictions.row(case)[*label as usize]);
        }
        let right: u64 = (0..confusion.len())
            .map(|class| confusion[class][class])
            .sum();
        let recalls: Vec<f64> = confusion
            .iter()
            .enumerate()
            .filter_map(|(class, row)| {
                let all: u64 = row.iter().sum();
                (all > 0).then(|| row[class] as f64 / all as f64)
            })
            .collect();
        let right = right as usize;
        Ok(Self {
            cases: cases.len(),
            right,
            accuracy: right as f64 / cases.len() as f64,
            interval: wilson(right, cases.len()),
            loss: loss / cases.len() as f64,
            balanced_accuracy: recalls.iter().sum::<f64>() / recalls.len().max(1) as f64,
            confusion,
        })
    }
}

/// The 95 % interval of a share of which `right` of `all` were seen (E. B. Wilson, 1927).
///
/// # Example
/// ```
/// let [low, high] = resolvent_learn::classification::wilson(9, 10);
/// assert!((low - 0.596).abs() < 1e-3 && (high - 0.982).abs() < 1e-3);
/// ```
pub fn wilson(right: usize, all: usize) -> [f64; 2] {
    if all == 0 {
        return [0.0, 1.0];
    }
    let (z, n) = (1.959_963_984_540_054_f64, all as f64);
    let share = right as f64 / n;
    let middle = share + z * z / (2.0 * n);
    let spread = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    [
        ((middle - spread) / scale).max(0.0),
        ((middle + spread) / scale).min(1.0),
    ]
}
