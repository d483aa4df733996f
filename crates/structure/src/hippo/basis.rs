//! Basis functions, measures, and the past redrawn from the state.

use super::{Family, HippoMatrix, root, square};
use crate::error::{expect_finite, expect_length, expect_positive};
use crate::{Matrix, StructureError, linalg};

impl HippoMatrix {
    /// The basis functions `p_n(tau)` at age `tau`: how the past is drawn from the state.
    ///
    /// # Shapes
    /// - output: `[state]`
    ///
    /// # Units
    /// `age` in time before now, as the step size
    ///
    /// # Errors
    /// [`StructureError::BadValue`] for an age that is negative or not finite.
    pub fn basis(&self, age: f64) -> Result<Vec<f64>, StructureError> {
        expect_age(age)?;
        Ok(match self.family {
            Family::LegS => legendre(self.state, 2.0 * (-age).exp() - 1.0),
            Family::LegT => legendre(self.state, 1.0 - 2.0 * age / self.window),
            Family::LagT => laguerre(self.state, age),
            Family::FouT | Family::FouS | Family::FouD => self.harmonics(age),
        })
    }

    /// The weight `omega(tau)` under which the state holds the best approximation of the past.
    ///
    /// # Errors
    /// As [`basis`](Self::basis).
    pub fn measure(&self, age: f64) -> Result<f64, StructureError> {
        expect_age(age)?;
        Ok(match self.family {
            Family::LegS => (-age).exp(),
            Family::FouD => (-0.5 * age).exp(),
            Family::LagT => 1.0,
            Family::LegT | Family::FouT | Family::FouS if age <= self.window => 1.0 / self.window,
            Family::LegT | Family::FouT | Family::FouS => 0.0,
        })
    }

    /// The kernels `K_n(tau) = p_n(tau) omega(tau)` that `exp(tau A) B` equals (LegS, LagT, FouD)
    /// or approaches as the state grows (windowed families).
    ///
    /// # Shapes
    /// - output: `[state]`
    ///
    /// # Errors
    /// As [`basis`](Self::basis).
    pub fn kernel(&self, age: f64) -> Result<Vec<f64>, StructureError> {
        let weight = self.measure(age)?;
        Ok(self.basis(age)?.iter().map(|p| weight * p).collect())
    }

    /// The mean age under the measure, `int tau omega / int omega`; nothing for LagT, whose
    /// measure has no end.
    ///
    /// # Units
    /// of time, as the step size
    pub fn timescale(&self) -> Option<f64> {
        match self.family {
            Family::LegS => Some(1.0),
            Family::FouD => Some(2.0),
            Family::LegT | Family::FouT | Family::FouS => Some(0.5 * self.window),
            Family::LagT => None,
        }
    }

    /// The step size with which the memory spans about `samples` steps: the window, or for a
    /// memory without one its timescale, divided by the number of samples.
    ///
    /// # Errors
    /// [`StructureError::BadSize`] for no samples, and [`StructureError::BadValue`] for LagT, which
    /// has no timescale.
    pub fn step_size_for(&self, samples: usize) -> Result<f64, StructureError> {
        if samples == 0 {
            return Err(StructureError::BadSize {
                name: "samples",
                got: 0,
                expected: "at least 1",
            });
        }
        let span = self.window().or(self.timescale());
        let span = span.ok_or(StructureError::BadValue {
            name: "timescale",
            index: 0,
            value: f64::INFINITY,
            expected: "a family whose measure has a mean age: all but lagt",
        })?;
        Ok(span / samples as f64)
    }

    /// The Gram matrix `int p_n p_m omega`: the identity, but for the element of a Fourier state
    /// that is never driven (zero) and for FouD, whose basis is not orthogonal under its weight.
    ///
    /// # Shapes
    /// - output: `[state, state]`
    pub fn gram(&self) -> Matrix {
        square(self.state, |n, k| match self.family {
            Family::FouD => self.damped_inner(n, k),
            _ if n != k || (self.family.is_fourier() && n == 1) => 0.0,
            _ => 1.0,
        })
    }

    /// The past at the given ages, redrawn from a state: `u(t - tau) = sum_n x_n p_n(tau)`, with
    /// the dual basis where the basis is not orthogonal.
    ///
    /// # Shapes
    /// - `state`: `[state]`, `ages`: `[ages]`, output: `[ages]`
    ///
    /// # Errors
    /// [`StructureError::LengthMismatch`] for a state of another size, [`StructureError::BadValue`]
    /// for values that are not finite and for negative ages.
    pub fn reconstruct(&self, state: &[f64], ages: &[f64]) -> Result<Vec<f64>, StructureError> {
        expect_length("reconstruct", "state", self.state, state.len())?;
        expect_finite("state", state)?;
        let coefficients = if self.family == Family::FouD {
            self.dual_coefficients(state)?
        } else {
            state.to_vec()
        };
        let draw = |&age: &f64| {
            let basis = self.basis(age)?;
            Ok(basis.iter().zip(&coefficients).map(|(p, x)| p * x).sum())
        };
        ages.iter().map(draw).collect()
    }

    /// Solves the Gram system of FouD, leaving out the element that is never driven.
    fn dual_coefficients(&self, state: &[f64]) -> Result<Vec<f64>, StructureError> {
        let gram = square(self.state, |n, k| match (n, k) {
            (1, 1) => 1.0,
            _ => self.damped_inner(n, k),
        });
        let right = Matrix::new(self.state, 1, state.to_vec())?;
        let mut solution = linalg::solve(&gram, &right)?.as_slice().to_vec();
        solution[1] = 0.0;
        Ok(solution)
    }

    /// `1, 0, sqrt 2 cos(w_1 tau), sqrt 2 sin(w_1 tau), ...`
    fn harmonics(&self, age: f64) -> Vec<f64> {
        let pair = |m: usize| {
            let (sine, cosine) = (self.frequency(m) * age).sin_cos();
            let scale = if m == 0 {
                1.0
            } else {
                std::f64::consts::SQRT_2
            };
            [scale * cosine, scale * sine]
        };
        (0..self.state / 2).flat_map(pair).collect()
    }

    /// `int_0^inf p_n p_k exp(-tau / 2)` of the Fourier basis.
    fn damped_inner(&self, n: usize, k: usize) -> f64 {
        // A product of two waves is half a sum of waves at the sum and difference of frequencies.
        let (a, b) = (self.frequency(n / 2), self.frequency(k / 2));
        let cosine = |w: f64| 0.5 / (0.25 + w * w);
        let sine = |w: f64| w / (0.25 + w * w);
        let wave = match (n % 2, k % 2) {
            (0, 0) => cosine(a - b) + cosine(a + b),
            (1, 1) => cosine(a - b) - cosine(a + b),
            (1, 0) => sine(a + b) + sine(a - b),
            _ => sine(a + b) + sine(b - a),
        };
        let scale = |m: usize| {
            if m == 0 {
                1.0
            } else {
                std::f64::consts::SQRT_2
            }
        };
        0.5 * wave * scale(n / 2) * scale(k / 2)
    }
}

/// `sqrt(2n + 1) P_n(x)` for `n < count`, by the three-term recurrence.
pub(super) fn legendre(count: usize, x: f64) -> Vec<f64> {
    let (mut current, mut previous) = (1.0, 0.0);
    let mut values = Vec::with_capacity(count);
    for n in 0..count {
        values.push(root(n) * current);
        let m = n as f64;
        let next = ((2.0 * m + 1.0) * x * current - m * previous) / (m + 1.0);
        (previous, current) = (current, next);
    }
    values
}

/// `exp(-x/2) L_n(x)` for `n < count`, by the three-term recurrence.
fn laguerre(count: usize, x: f64) -> Vec<f64> {
    let (mut current, mut previous) = ((-0.5 * x).exp(), 0.0);
    let mut values = Vec::with_capacity(count);
    for n in 0..count {
        values.push(current);
        let m = n as f64;
        let next = ((2.0 * m + 1.0 - x) * current - m * previous) / (m + 1.0);
        (previous, current) = (current, next);
    }
    values
}

fn expect_age(age: f64) -> Result<(), StructureError> {
    if age == 0.0 {
        return Ok(());
    }
    expect_positive("age", age)
}
