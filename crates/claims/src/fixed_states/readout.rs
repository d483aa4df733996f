//! Linear classifiers in closed form.

use resolvent_structure::{Matrix, linalg};

use crate::error::ClaimError;

/// Standardised features, one linear score per class, fitted by damped least squares.
#[derive(Debug, Clone)]
pub struct Readout {
    mean: Vec<f64>,
    scale: Vec<f64>,
    weights: Matrix,
}

impl Readout {
    /// Fits scores of +1 for the label and -1 for the other classes.
    ///
    /// Every feature is shifted and scaled to mean 0 and variance 1 over the examples; one that does
    /// not vary is left out by a scale of 0.
    ///
    /// # Shapes
    /// - `features`: `[examples, features]`, `labels`: `[examples]`
    ///
    /// # Errors
    /// As [`linalg::least_squares`].
    pub fn fit(
        features: &Matrix,
        labels: &[usize],
        classes: usize,
        damping: f64,
    ) -> Result<Self, ClaimError> {
        let (rows, cols) = (features.rows(), features.cols());
        let entry = |i: usize, j: usize| features.as_slice()[i * cols + j];
        let count = rows.max(1) as f64;
        let mean: Vec<f64> = (0..cols)
            .map(|j| (0..rows).map(|i| entry(i, j)).sum::<f64>() / count)
            .collect();
        let scale = (0..cols).map(|j| {
            let variance = (0..rows).map(|i| (entry(i, j) - mean[j]).powi(2));
            let deviation = (variance.sum::<f64>() / count).sqrt();
            if deviation > 1e-12 * mean[j].abs() {
                1.0 / deviation
            } else {
                0.0
            }
        });
        let scale: Vec<f64> = scale.collect();
        let mut readout = Self {
            mean,
            scale,
            weights: Matrix::zeros(0, 0)?,
        };
        let target = Matrix::from_fn(
            rows,
            classes,
            |i, c| if labels[i] == c { 1.0 } else { -1.0 },
        )?;
        readout.weights =
            linalg::least_squares(&readout.standardised(features)?, &target, damping)?;
        Ok(readout)
    }

    fn standardised(&self, features: &Matrix) -> Result<Matrix, ClaimError> {
        let cols = features.cols();
        let data = features.as_slice();
        Ok(Matrix::from_fn(features.rows(), cols, |i, j| {
            (data[i * cols + j] - self.mean[j]) * self.scale[j]
        })?)
    }

    /// Percentage of examples whose highest score is that of their label.
    ///
    /// The targets have one mean for all classes, so that scores need no constant term.
    ///
    /// # Errors
    /// When the number of features is another one.
    pub fn accuracy(&self, features: &Matrix, labels: &[usize]) -> Result<f64, ClaimError> {
        let scores = linalg::product(&self.standardised(features)?, &self.weights)?;
        let classes = scores.cols().max(1);
        let right = scores
            .as_slice()
            .chunks(classes)
            .zip(labels)
            .filter(|(row, label)| {
                let best = (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b]));
                best == Some(**label)
            });
        Ok(100.0 * right.count() as f64 / labels.len().max(1) as f64)
    }
}
