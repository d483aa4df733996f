//! One step of the recurrence of S4 in linear time.
//!
//! The bilinear rule gives `A_bar = (2/dt - A)^-1 (2/dt + A)`. With `D = (2/dt - Lambda)^-1` the
//! Woodbury identity turns it into a diagonal plus a low rank again:
//!
//! ```text
//! A_bar x = D (2/dt + Lambda) x - D P W (4/dt) 2 Re(P^* D x),   W = (I + 2 Re P^* D P)^-1
//! B_bar   = 2 [D B - D P W 2 Re(P^* D B)]
//! ```

use num_complex::Complex64;

use super::{DplrMatrix, coordinates, rotate};
use crate::dense::accumulate;
use crate::error::{expect_length, expect_positive};
use crate::structured::bytes_of_f64;
use crate::{Cost, Matrix, StructureError, StructuredMatrix, discretise, linalg};
use discretise::{Rule, discretise_dense};

/// The discrete state matrix `A_bar` of a [`DplrMatrix`] under the bilinear rule.
///
/// As a matrix it acts on the same real coordinates.
#[derive(Debug, Clone, PartialEq)]
pub struct DplrStep {
    continuous: DplrMatrix,
    step_size: f64,
    /// `D`, one factor per mode.
    resolvent: Vec<Complex64>,
    /// `D (2/dt + Lambda)`.
    decay: Vec<Complex64>,
    /// `D P_r` in real coordinates.
    left: Vec<Vec<f64>>,
    /// The rows `2 Re(P_r^* D .)` in real coordinates.
    right: Vec<Vec<f64>>,
    /// `W`, rank x rank.
    mix: Matrix,
}

impl DplrStep {
    /// Samples the matrix with the given step size.
    ///
    /// # Errors
    /// [`StructureError::BadValue`] for a step size that is not positive,
    /// [`StructureError::Singular`] when an eigenvalue lies at the pole `2 / step_size`.
    pub fn new(continuous: DplrMatrix, step_size: f64) -> Result<Self, StructureError> {
        expect_positive("step_size", step_size)?;
        let rate = 2.0 / step_size;
        let lambda = continuous.eigenvalues();
        let resolvent: Vec<_> = lambda.iter().map(|z| (rate - z).inv()).collect();
        let decay: Vec<_> = lambda.iter().map(|z| (rate + z) / (rate - z)).collect();
        if !decay.iter().all(|z| z.is_finite()) {
            return Err(pole());
        }
        let times = |p: &Vec<Complex64>| -> Vec<Complex64> {
            p.iter().zip(&resolvent).map(|(p, d)| d * p).collect()
        };
        let row = |p: &Vec<Complex64>| -> Vec<f64> {
            let pairs = p.iter().zip(&resolvent);
            let weight = pairs.map(|(p, d)| 2.0 * (d * p.conj()).conj());
            coordinates(&weight.collect::<Vec<_>>())
        };
        let low_rank = continuous.low_rank();
        let left: Vec<Vec<f64>> = low_rank.iter().map(|p| coordinates(&times(p))).collect();
        let right: Vec<Vec<f64>> = low_rank.iter().map(row).collect();
        let mix = mixing(low_rank, &left)?;
        Ok(Self {
            continuous,
            step_size,
            resolvent,
            decay,
            left,
            right,
            mix,
        })
    }

    /// The discrete input vector `B_bar`.
    ///
    /// # Shapes
    /// - `input`, output: `[modes]`
    ///
    /// # Errors
    /// [`StructureError::LengthMismatch`] for another length.
    pub fn input(&self, input: &[Complex64]) -> Result<Vec<Complex64>, StructureError> {
        expect_length("DplrStep::input", "input", self.decay.len(), input.len())?;
        let driven = input.iter().zip(&self.resolvent).map(|(b, d)| 2.0 * d * b);
        let mut result = coordinates(&driven.collect::<Vec<_>>());
        let inner: Vec<f64> = self
            .right
            .iter()
            .map(|row| fast_dot(row, &coordinates(input)))
            .collect();
        for (left, factor) in self.left.iter().zip(self.mix.matvec(&inner)?) {
            accumulate(&mut result, -2.0 * factor, left);
        }
        Ok(complex(&result))
    }

    /// The continuous matrix that was sampled.
    pub fn continuous(&self) -> &DplrMatrix {
        &self.continuous
    }

    /// The step size.
    pub fn step_size(&self) -> f64 {
        self.step_size
    }

    /// `A_bar x`, or `A_bar^T x`: two passes over the state per rank.
    pub(super) fn apply(&self, x: &[f64], transposed: bool) -> Vec<f64> {
        let (inward, outward) = if transposed {
            (&self.left, &self.right)
        } else {
            (&self.right, &self.left)
        };
        let mut y = rotate(&self.decay, x, transposed);
        let rank = inward.len();
        for (i, vector) in outward.iter().enumerate() {
            let factor: f64 = (0..rank)
                .map(|j| {
                    let at = if transposed {
                        j * rank + i
                    } else {
                        i * rank + j
                    };
                    self.mix.as_slice()[at] * fast_dot(&inward[j], x)
                })
                .sum();
            accumulate(&mut y, -4.0 / self.step_size * factor, vector);
        }
        y
    }
}

impl StructuredMatrix for DplrStep {
    fn shape(&self) -> (usize, usize) {
        self.continuous.shape()
    }

    fn dense(&self) -> Matrix {
        let dense = self.continuous.dense();
        let none = Matrix::zeros(dense.rows(), 0).expect("an empty matrix can be addressed");
        discretise_dense(Rule::Bilinear, &dense, &none, self.step_size)
            .expect("the constructor has inverted the same matrix")
            .0
    }

    fn matvec(&self, x: &[f64]) -> Result<Vec<f64>, StructureError> {
        expect_length("DplrStep::matvec", "x", self.shape().1, x.len())?;
        Ok(self.apply(x, false))
    }

    fn transpose_matvec(&self, y: &[f64]) -> Result<Vec<f64>, StructureError> {
        expect_length("DplrStep::transpose_matvec", "y", self.shape().0, y.len())?;
        Ok(self.apply(y, true))
    }

    fn cost(&self) -> Cost {
        let (modes, rank) = (self.decay.len(), self.left.len());
        let state = 2 * modes as u64;
        Cost {
            multiply_adds: 2 * state + rank as u64 * (rank as u64 + 1) * state,
            bytes: bytes_of_f64(2 * modes * (1 + 2 * rank) + rank * rank),
        }
    }
}

/// `W = (I + 2 Re P^* D P)^-1`.
fn mixing(low_rank: &[Vec<Complex64>], left: &[Vec<f64>]) -> Result<Matrix, StructureError> {
    let rank = low_rank.len();
    let gram = Matrix::from_fn(rank, rank, |i, j| {
        let one = if i == j { 1.0 } else { 0.0 };
        one + 2.0 * fast_dot(&coordinates(&low_rank[i]), &left[j])
    })?;
    linalg::solve(&gram, &Matrix::identity(rank)?).map_err(|_| pole())
}

fn pole() -> StructureError {
    StructureError::Singular {
        operation: "DplrStep",
        matrix: "I - dt/2 A (an eigenvalue lies at the pole 2/dt of the bilinear rule)",
    }
}

/// The complex vector of real coordinates.
pub(super) fn complex(x: &[f64]) -> Vec<Complex64> {
    let pair = |x: &[f64]| Complex64::new(x[0], x[1]);
    x.chunks_exact(2).map(pair).collect()
}

/// An inner product in eight partial sums, so that the compiler can use vector registers.
pub(super) fn fast_dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (a_blocks, b_blocks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest = a_blocks.remainder().iter().zip(b_blocks.remainder());
    let tail: f64 = rest.map(|(a, b)| a * b).sum();
    for (a, b) in a_blocks.zip(b_blocks) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += a * b;
        }
    }
    lanes.iter().sum::<f64>() + tail
}
