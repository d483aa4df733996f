//! The interface of every structured matrix, and what one product with it costs.

use crate::{Matrix, StructureError};

/// Work and memory of one matrix-vector product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Multiply-adds of one `matvec`; a multiplication or an exponential alone counts as one.
    pub multiply_adds: u64,
    /// Bytes of the parameters that represent the matrix.
    ///
    /// # Units
    /// bytes
    pub bytes: u64,
}

/// A matrix with a representation that is smaller, or a product that is cheaper, than dense.
///
/// # Law
/// For every `x` and `y` of fitting length, up to rounding,
///
/// ```text
/// matvec(x)           = dense() x
/// transpose_matvec(y) = dense()^T y
/// ```
///
/// `dense` follows the definition, the two products follow the fast algorithm; neither may be
/// written by means of the other, or the comparison would say nothing. The law test of this
/// crate (`tests/it/law.rs`) holds for every implementor and takes one line to join.
pub trait StructuredMatrix {
    /// Number of rows and columns.
    fn shape(&self) -> (usize, usize);

    /// The matrix itself, entry by entry from its definition.
    ///
    /// # Shapes
    /// - output: `[rows, columns]`
    fn dense(&self) -> Matrix;

    /// The product with a vector.
    ///
    /// # Shapes
    /// - `x`: `[columns]`
    /// - output: `[rows]`
    ///
    /// # Errors
    /// [`StructureError::LengthMismatch`] when `x` has another length than the matrix columns.
    fn matvec(&self, x: &[f64]) -> Result<Vec<f64>, StructureError>;

    /// The product of the transposed matrix with a vector: the backward pass of
    /// [`matvec`](Self::matvec).
    ///
    /// # Shapes
    /// - `y`: `[rows]`
    /// - output: `[columns]`
    ///
    /// # Errors
    /// [`StructureError::LengthMismatch`] when `y` has another length than the matrix rows.
    fn transpose_matvec(&self, y: &[f64]) -> Result<Vec<f64>, StructureError>;

    /// What one [`matvec`](Self::matvec) costs.
    fn cost(&self) -> Cost;
}

/// Bytes of `count` numbers in double precision.
pub(crate) fn bytes_of_f64(count: usize) -> u64 {
    count as u64 * size_of::<f64>() as u64
}
