//! A dense complex matrix: the coordinates in which a state matrix is diagonal.
//!
//! Like [`Matrix`] it serves definitions and initial values; decompositions are in
//! [`linalg`](crate::linalg).

use num_complex::Complex64;

use crate::dense::element_count;
use crate::error::expect_length;
use crate::{Matrix, StructureError};

/// A dense matrix of complex numbers, stored row by row.
///
/// # Example
/// ```
/// use resolvent_structure::{Complex64, ComplexMatrix};
///
/// let i = Complex64::i();
/// let turn = ComplexMatrix::new(1, 2, vec![i, -i])?;
/// assert_eq!(turn.product(&turn.adjoint())?.get(0, 0), Some(Complex64::new(2.0, 0.0)));
/// # Ok::<(), resolvent_structure::StructureError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ComplexMatrix {
    rows: usize,
    cols: usize,
    data: Vec<Complex64>,
}

impl ComplexMatrix {
    /// Takes row-major values.
    ///
    /// # Shapes
    /// - `data`: `[rows * cols]`, row after row
    ///
    /// # Errors
    /// [`StructureError::LengthMismatch`] when `data` has not `rows * cols` values,
    /// [`StructureError::TooLarge`] when that product exceeds the address space.
    pub fn new(rows: usize, cols: usize, data: Vec<Complex64>) -> Result<Self, StructureError> {
        let expected = complex_count(rows, cols)?;
        expect_length("ComplexMatrix::new", "data", expected, data.len())?;
        Ok(Self { rows, cols, data })
    }

    /// Asks `entry(row, column)` for every element, in row-major order.
    ///
    /// # Errors
    /// [`StructureError::TooLarge`] when the matrix exceeds the address space.
    pub fn from_fn(
        rows: usize,
        cols: usize,
        mut entry: impl FnMut(usize, usize) -> Complex64,
    ) -> Result<Self, StructureError> {
        let mut data = Vec::with_capacity(complex_count(rows, cols)?);
        for i in 0..rows {
            data.extend((0..cols).map(|j| entry(i, j)));
        }
        Ok(Self { rows, cols, data })
    }

    /// The same numbers with zero imaginary parts.
    pub fn from_real(matrix: &Matrix) -> Self {
        let data = matrix.as_slice().iter().map(|&re| re.into()).collect();
        Self {
            rows: matrix.rows(),
            cols: matrix.cols(),
            data,
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// All elements, row after row.
    pub fn as_slice(&self) -> &[Complex64] {
        &self.data
    }

    /// The element in row `i` and column `j`, or nothing outside the matrix.
    pub fn get(&self, i: usize, j: usize) -> Option<Complex64> {
        let row = (i < self.rows).then(|| self.row(i))?;
        row.get(j).copied()
    }

    /// Row `i`; the caller stays below `rows`.
    pub(crate) fn row(&self, i: usize) -> &[Complex64] {
        &self.data[i * self.cols..(i + 1) * self.cols]
    }

    /// Column `j`, copied; empty outside the matrix.
    ///
    /// # Shapes
    /// - output: `[rows]`
    pub fn column(&self, j: usize) -> Vec<Complex64> {
        if j >= self.cols {
            return Vec::new();
        }
        (0..self.rows).map(|i| self.row(i)[j]).collect()
    }

    /// The conjugate transpose.
    ///
    /// # Shapes
    /// - output: `[cols, rows]`
    pub fn adjoint(&self) -> Self {
        let mut data = Vec::with_capacity(self.data.len());
        for j in 0..self.cols {
            data.extend((0..self.rows).map(|i| self.row(i)[j].conj()));
        }
        Self {
            rows: self.cols,
            cols: self.rows,
            data,
        }
    }

    /// The matrix product `self right`.
    ///
    /// # Shapes
    /// - `right`: `[self.cols, n]`
    /// - output: `[self.rows, n]`
    ///
    /// # Errors
    /// [`StructureError::ShapeMismatch`] when the inner lengths differ,
    /// [`StructureError::TooLarge`] when the result exceeds the address space.
    pub fn product(&self, right: &Self) -> Result<Self, StructureError> {
        if self.cols != right.rows {
            return Err(StructureError::ShapeMismatch {
                operation: "ComplexMatrix::product",
                left: (self.rows, self.cols),
                right: (right.rows, right.cols),
                rule: "columns of the left must equal rows of the right",
            });
        }
        let mut data = vec![Complex64::ZERO; complex_count(self.rows, right.cols)?];
        for i in 0..self.rows {
            let target = &mut data[i * right.cols..(i + 1) * right.cols];
            for (k, scale) in self.row(i).iter().enumerate() {
                for (sum, value) in target.iter_mut().zip(right.row(k)) {
                    *sum += scale * value;
                }
            }
        }
        Self::new(self.rows, right.cols, data)
    }

    /// The product with a vector.
    ///
    /// # Shapes
    /// - `x`: `[cols]`
    /// - output: `[rows]`
    ///
    /// # Errors
    /// [`StructureError::LengthMismatch`] when `x` has another length than the matrix columns.
    pub fn matvec(&self, x: &[Complex64]) -> Result<Vec<Complex64>, StructureError> {
        expect_length("ComplexMatrix::matvec", "x", self.cols, x.len())?;
        let inner = |i| self.row(i).iter().zip(x).map(|(a, b)| a * b).sum();
        Ok((0..self.rows).map(inner).collect())
    }

    /// The square root of the sum of all squared moduli.
    pub fn frobenius_norm(&self) -> f64 {
        self.data
            .iter()
            .map(Complex64::norm_sqr)
            .sum::<f64>()
            .sqrt()
    }
}

/// The number of complex elements of a matrix that can be allocated.
fn complex_count(rows: usize, cols: usize) -> Result<usize, StructureError> {
    // One complex number is two reals: ask for twice the columns.
    let columns = cols.checked_mul(2).ok_or(StructureError::TooLarge {
        rows,
        cols,
        limit: isize::MAX as usize / size_of::<Complex64>(),
    })?;
    element_count(rows, columns).map(|count| count / 2)
}
