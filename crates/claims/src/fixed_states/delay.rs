//! How well the best output of a sampled system repeats its input some samples later.
//!
//! The best real output row is found by least squares over frequencies, so that no signal and no
//! training is involved.

use std::f64::consts::FRAC_PI_4;

use resolvent_structure::{
    Complex64, ComplexMatrix, DiagonalInit, Matrix, StateSpace, StructuredMatrix, linalg,
};

use crate::error::ClaimError;

/// A system whose states are read.
pub enum States {
    /// A dense real state matrix.
    Dense(StateSpace),
    /// One eigenvalue of each conjugate pair, driven with weight one.
    Diagonal(Vec<Complex64>),
}

impl States {
    /// A diagonal initialisation; only `rand` draws from the generator.
    ///
    /// # Errors
    /// As [`DiagonalInit::eigenvalues_with`].
    pub fn diagonal(
        init: DiagonalInit,
        state: usize,
        rng: &mut impl rand::Rng,
    ) -> Result<Self, ClaimError> {
        Ok(Self::Diagonal(init.eigenvalues_with(state, rng)?))
    }

    /// The transfer functions from the input to every real readable element at `s`.
    fn responses(&self, s: Complex64) -> Result<Vec<Complex64>, ClaimError> {
        match self {
            Self::Dense(system) => {
                let order = system.input().len();
                let entries = system.state_matrix().as_slice();
                let shifted = ComplexMatrix::from_fn(order, order, |i, j| {
                    let diagonal = if i == j { s } else { Complex64::ZERO };
                    diagonal - entries[i * order + j]
                })?;
                let right = ComplexMatrix::from_fn(order, 1, |i, _| system.input()[i].into())?;
                Ok(linalg::solve_complex(&shifted, &right)?.as_slice().to_vec())
            }
            Self::Diagonal(eigenvalues) => {
                let pair = |lambda: &Complex64| {
                    let (one, other) = ((s - lambda).inv(), (s - lambda.conj()).inv());
                    [one + other, Complex64::i() * (one - other)]
                };
                Ok(eigenvalues.iter().flat_map(pair).collect())
            }
        }
    }

    /// Mean square error of the best delay by `lag` samples, relative to the input, for inputs
    /// spread evenly over `frequencies` angles up to pi / 4, sampled by the bilinear rule.
    ///
    /// # Errors
    /// When a frequency meets an eigenvalue.
    pub fn delay_error(
        &self,
        lag: usize,
        step_size: f64,
        frequencies: usize,
    ) -> Result<f64, ClaimError> {
        let mut rows: Vec<Vec<f64>> = Vec::new();
        let mut target = Vec::new();
        for k in 0..frequencies {
            let angle = FRAC_PI_4 * (k as f64 + 0.5) / frequencies as f64;
            let back = Complex64::from_polar(1.0, -angle);
            let s = 2.0 / step_size * (1.0 - back) / (1.0 + back);
            let factor = 2.0 / (1.0 + back);
            let values: Vec<_> = self.responses(s)?.iter().map(|x| x * factor).collect();
            let wanted = Complex64::from_polar(1.0, -angle * lag as f64);
            rows.push(values.iter().map(|x| x.re).collect());
            rows.push(values.iter().map(|x| x.im).collect());
            target.extend([wanted.re, wanted.im]);
        }
        let (height, width) = (rows.len(), rows[0].len());
        let size = |j: usize| rows.iter().map(|row| row[j] * row[j]).sum::<f64>().sqrt();
        let sizes: Vec<f64> = (0..width).map(|j| size(j).max(f64::MIN_POSITIVE)).collect();
        let matrix = Matrix::from_fn(height, width, |i, j| rows[i][j] / sizes[j])?;
        let right = Matrix::new(height, 1, target)?;
        let best = linalg::least_squares(&matrix, &right, 1e-20)?;
        let fitted = matrix.matvec(best.as_slice())?;
        let errors = fitted
            .iter()
            .zip(right.as_slice())
            .map(|(a, b)| (a - b).powi(2));
        Ok(errors.sum::<f64>() / frequencies as f64)
    }
}
