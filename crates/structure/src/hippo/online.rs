//! The time-varying LegS system: uniform memory of the whole past, one sample at a time.

use super::{Family, HippoMatrix, basis::legendre, root};
use crate::error::{expect_finite, expect_length};
use crate::{StructureError, StructuredMatrix};

/// Keeps the Legendre coefficients of everything seen so far, `x'(t) = (A x + B u) / t`.
///
/// Sample `k` is taken in by the bilinear rule at `1/k`:
/// `x_k = (I - A/(2k))^-1 [(I + A/(2k)) x_{k-1} + B u_k / k]`, which needs no step size: whatever
/// time passes between samples, the coefficients are the same (the timescale law of LegS).
///
/// # Cost
/// `O(state)` per sample: the matrix is triangular and semiseparable, so that the solve is a prefix
/// sum.
///
/// # Example
/// ```
/// use resolvent_structure::hippo::ScaledLegendreMemory;
///
/// let mut memory = ScaledLegendreMemory::new(4)?;
/// for _ in 0..100 {
///     memory.push(3.0)?;
/// }
/// // A constant past is its mean and nothing else.
/// assert!((memory.state()[0] - 3.0).abs() < 1e-12);
/// assert!((memory.reconstruct(&[0.2, 0.9])?[0] - 3.0).abs() < 0.1);
/// # Ok::<(), resolvent_structure::StructureError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ScaledLegendreMemory {
    matrix: HippoMatrix,
    state: Vec<f64>,
    samples: u64,
}

impl ScaledLegendreMemory {
    /// An empty memory of `state` coefficients.
    ///
    /// # Errors
    /// As [`HippoMatrix::new`].
    pub fn new(state: usize) -> Result<Self, StructureError> {
        Ok(Self {
            matrix: HippoMatrix::new(Family::LegS, state)?,
            state: vec![0.0; state],
            samples: 0,
        })
    }

    /// Takes in one sample.
    ///
    /// # Errors
    /// [`StructureError::BadValue`] for a sample that is not finite; the memory is then unchanged.
    pub fn push(&mut self, sample: f64) -> Result<(), StructureError> {
        expect_finite("sample", &[sample])?;
        let step = 1.0 / (self.samples + 1) as f64;
        let slope = self.matrix.matvec(&self.state)?;
        let rows = self.state.iter().zip(&slope).enumerate();
        let right: Vec<f64> = rows
            .map(|(n, (x, ax))| x + 0.5 * step * ax + step * root(n) * sample)
            .collect();
        self.state = self.matrix.solve_shifted(0.5 * step, &right)?;
        self.samples += 1;
        Ok(())
    }

    /// The coefficients.
    ///
    /// # Shapes
    /// - output: `[state]`
    pub fn state(&self) -> &[f64] {
        &self.state
    }

    /// Number of samples taken in.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// The past at the given positions, 0 for the first sample and 1 for now.
    ///
    /// # Shapes
    /// - `positions`: `[positions]`, output: `[positions]`
    ///
    /// # Errors
    /// [`StructureError::BadValue`] for a position outside `0..=1`.
    pub fn reconstruct(&self, positions: &[f64]) -> Result<Vec<f64>, StructureError> {
        let outside = |s: &f64| !(0.0..=1.0).contains(s);
        if let Some(index) = positions.iter().position(outside) {
            return Err(StructureError::BadValue {
                name: "positions",
                index,
                value: positions[index],
                expected: "a position between 0 (first sample) and 1 (now)",
            });
        }
        let draw = |&s: &f64| {
            let basis = legendre(self.state.len(), 2.0 * s - 1.0);
            basis.iter().zip(&self.state).map(|(p, x)| p * x).sum()
        };
        Ok(positions.iter().map(draw).collect())
    }
}

impl HippoMatrix {
    /// Solves `(I - step A) x = right` for a LegS matrix in linear time.
    ///
    /// # Shapes
    /// - `right`: `[state]`, output: `[state]`
    ///
    /// # Errors
    /// [`StructureError::LengthMismatch`] for another length, [`StructureError::BadValue`] for a
    /// negative step, [`StructureError::UnknownName`] for another family.
    pub fn solve_shifted(&self, step: f64, right: &[f64]) -> Result<Vec<f64>, StructureError> {
        if self.family != Family::LegS {
            return Err(StructureError::UnknownName {
                what: "family for a triangular solve",
                name: self.family.name().to_string(),
                expected: Family::LegS.name().to_string(),
            });
        }
        if !(step.is_finite() && step >= 0.0) {
            return Err(StructureError::BadValue {
                name: "step",
                index: 0,
                value: step,
                expected: "a finite number that is not negative",
            });
        }
        expect_length("solve_shifted", "right", self.state, right.len())?;
        let mut before = 0.0;
        let forward = |(n, value): (usize, &f64)| {
            let x = (value - step * root(n) * before) / (1.0 + step * (n + 1) as f64);
            before += root(n) * x;
            x
        };
        Ok(right.iter().enumerate().map(forward).collect())
    }
}
