//! Companion and shift matrices: the state matrix of SpaceTime.
//!
//! `A = S + a e_d^T`: ones below the diagonal, and `a` in the last column. A companion system can
//! be an autoregressive process, an exponential smoothing or a finite impulse response exactly,
//! which no sampled diagonal system with invertible matrix can.
//!
//! Source: Zhang, Saab, Poli, Dao, Goel and Re, *Effectively Modeling Time Series with Simple
//! Discrete State Spaces*, 2023, arXiv 2303.09489.

mod filter;
mod kernel;
mod power;

pub use filter::{difference_filter, moving_average_residual};

use crate::dense::{dot, element_count};
use crate::error::{expect_finite, expect_length};
use crate::structured::bytes_of_f64;
use crate::{Cost, Matrix, StructureError, StructuredMatrix};

/// Below this mean of absolute values a column is left as it is by
/// [`CompanionMatrix::normalised`].
const SMALL: f64 = 1e-4;

/// The companion matrix of a last column.
///
/// # Cost
/// `order` multiply-adds per product, `order` numbers of storage.
///
/// # Example
/// ```
/// use resolvent_structure::{CompanionMatrix, StructuredMatrix};
///
/// // Fibonacci: x_{k+1} = A x_k.
/// let fibonacci = CompanionMatrix::new(vec![1.0, 1.0])?;
/// assert_eq!(fibonacci.matvec(&[5.0, 8.0])?, [8.0, 13.0]);
/// # Ok::<(), resolvent_structure::StructureError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CompanionMatrix {
    column: Vec<f64>,
}

impl CompanionMatrix {
    /// Takes the last column.
    ///
    /// # Shapes
    /// - `column`: `[order]`
    ///
    /// # Errors
    /// [`StructureError::BadValue`] for values that are not finite, [`StructureError::TooLarge`]
    /// when the dense matrix could not be addressed.
    pub fn new(column: Vec<f64>) -> Result<Self, StructureError> {
        element_count(column.len(), column.len())?;
        expect_finite("column", &column)?;
        Ok(Self { column })
    }

    /// The shift: ones below the diagonal and zeros elsewhere. Driven at its first element, it
    /// holds the last `order` inputs.
    ///
    /// # Errors
    /// [`StructureError::TooLarge`] when the dense matrix could not be addressed.
    pub fn shift(order: usize) -> Result<Self, StructureError> {
        element_count(order, order)?;
        Ok(Self {
            column: vec![0.0; order],
        })
    }

    /// Divides the column by the sum of its absolute values, so that the 1-norm of the matrix and
    /// with it the spectral radius are at most one. A column of mean absolute value below 1e-4
    /// stays as it is, as in published code.
    pub fn normalised(&self) -> Self {
        let sum: f64 = self.column.iter().map(|a| a.abs()).sum();
        if sum < SMALL * self.column.len() as f64 || !sum.is_finite() {
            return self.clone();
        }
        Self {
            column: self.column.iter().map(|a| a / sum).collect(),
        }
    }

    /// The last column, `[order]`.
    pub fn column(&self) -> &[f64] {
        &self.column
    }

    /// Number of state elements.
    pub fn order(&self) -> usize {
        self.column.len()
    }
}

impl StructuredMatrix for CompanionMatrix {
    fn shape(&self) -> (usize, usize) {
        (self.order(), self.order())
    }

    fn dense(&self) -> Matrix {
        let order = self.order();
        Matrix::from_fn(order, order, |i, j| {
            let below = if i == j + 1 { 1.0 } else { 0.0 };
            below + if j + 1 == order { self.column[i] } else { 0.0 }
        })
        .expect("the constructor has checked that this many elements can be addressed")
    }

    fn matvec(&self, x: &[f64]) -> Result<Vec<f64>, StructureError> {
        expect_length("CompanionMatrix::matvec", "x", self.order(), x.len())?;
        let mut y = x.to_vec();
        self.advance(&mut y);
        Ok(y)
    }

    fn transpose_matvec(&self, y: &[f64]) -> Result<Vec<f64>, StructureError> {
        expect_length(
            "CompanionMatrix::transpose_matvec",
            "y",
            self.order(),
            y.len(),
        )?;
        let mut x: Vec<f64> = y.iter().skip(1).copied().collect();
        if !y.is_empty() {
            x.push(dot(&self.column, y));
        }
        Ok(x)
    }

    fn cost(&self) -> Cost {
        Cost {
            multiply_adds: self.order() as u64,
            bytes: bytes_of_f64(self.order()),
        }
    }
}

impl CompanionMatrix {
    /// One product in place.
    fn advance(&self, x: &mut [f64]) {
        let Some(&last) = x.last() else {
            return;
        };
        x.rotate_right(1);
        x[0] = 0.0;
        for (value, a) in x.iter_mut().zip(&self.column) {
            *value += last * a;
        }
    }
}
