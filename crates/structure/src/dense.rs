//! A dense, row-major matrix: what every structured matrix can be turned into.
//!
//! It serves definitions, tests and plots. It is not a linear algebra library: products are
//! plain loops, and decompositions belong to `faer`.

use std::ops::Range;

use crate::error::expect_length;
use crate::structured::bytes_of_f64;
use crate::{Cost, StructureError, StructuredMatrix};

/// The largest number of elements that one allocation can hold.
const MAX_ELEMENTS: usize = isize::MAX as usize / size_of::<f64>();

/// A dense matrix of `f64`, stored row by row.
///
/// # Example
/// ```
/// use resolvent_structure::{Matrix, StructuredMatrix};
///
/// let shear = Matrix::new(2, 2, vec![1.0, 3.0, 0.0, 1.0])?;
/// assert_eq!(shear.matvec(&[1.0, 2.0])?, [7.0, 2.0]);
/// assert_eq!(shear.product(&shear)?.get(0, 1), Some(6.0));
/// # Ok::<(), resolvent_structure::StructureError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    rows: usize,
    cols: usize,
    data: Vec<f64>,
}

impl Matrix {
    /// Takes row-major values.
    ///
    /// # Shapes
    /// - `data`: `[rows * cols]`, row after row
    ///
    /// # Errors
    /// [`StructureError::LengthMismatch`] when `data` has not `rows * cols` values,
    /// [`StructureError::TooLarge`] when that product exceeds the address space.
    pub fn new(rows: usize, cols: usize, data: Vec<f64>) -> Result<Self, StructureError> {
        expect_length(
            "Matrix::new",
            "data",
            element_count(rows, cols)?,
            data.len(),
        )?;
        Ok(Self { rows, cols, data })
    }

    /// The matrix of zeros.
    ///
    /// # Errors
    /// [`StructureError::TooLarge`] when the matrix exceeds the address space.
    pub fn zeros(rows: usize, cols: usize) -> Result<Self, StructureError> {
        let data = vec![0.0; element_count(rows, cols)?];
        Ok(Self { rows, cols, data })
    }

    /// The identity of `order` rows and columns.
    ///
    /// # Errors
    /// [`StructureError::TooLarge`] when the matrix exceeds the address space.
    pub fn identity(order: usize) -> Result<Self, StructureError> {
        Self::from_fn(order, order, |i, j| if i == j { 1.0 } else { 0.0 })
    }

    /// Asks `entry(row, column)` for every element, in row-major order.
    ///
    /// # Errors
    /// [`StructureError::TooLarge`] when the matrix exceeds the address space.
    pub fn from_fn(
        rows: usize,
        cols: usize,
        mut entry: impl FnMut(usize, usize) -> f64,
    ) -> Result<Self, StructureError> {
        let mut data = Vec::with_capacity(element_count(rows, cols)?);
        for i in 0..rows {
            data.extend((0..cols).map(|j| entry(i, j)));
        }
        Ok(Self { rows, cols, data })
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
    pub fn as_slice(&self) -> &[f64] {
        &self.data
    }

    /// The element in row `i` and column `j`, or nothing outside the matrix.
    pub fn get(&self, i: usize, j: usize) -> Option<f64> {
        self.row(i)?.get(j).copied()
    }

    /// Row `i`, or nothing outside the matrix.
    ///
    /// # Shapes
    /// - output: `[cols]`
    pub fn row(&self, i: usize) -> Option<&[f64]> {
        (i < self.rows).then(|| &self.data[i * self.cols..(i + 1) * self.cols])
    }

    /// Copies the rectangle of the given rows and columns.
    ///
    /// # Shapes
    /// - output: `[rows.len(), cols.len()]`
    ///
    /// # Errors
    /// [`StructureError::OutOfRange`] when a range leaves the matrix or runs backwards.
    pub fn block(&self, rows: Range<usize>, cols: Range<usize>) -> Result<Self, StructureError> {
        expect_range("rows", &rows, self.rows)?;
        expect_range("columns", &cols, self.cols)?;
        Self::from_fn(rows.len(), cols.len(), |i, j| {
            self.data[(rows.start + i) * self.cols + cols.start + j]
        })
    }

    /// The transposed matrix.
    ///
    /// # Shapes
    /// - output: `[cols, rows]`
    pub fn transpose(&self) -> Self {
        let mut data = Vec::with_capacity(self.data.len());
        for j in 0..self.cols {
            data.extend((0..self.rows).map(|i| self.data[i * self.cols + j]));
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
                operation: "Matrix::product",
                left: (self.rows, self.cols),
                right: (right.rows, right.cols),
                rule: "columns of the left must equal rows of the right",
            });
        }
        let mut out = Self::zeros(self.rows, right.cols)?;
        for i in 0..self.rows {
            let target = &mut out.data[i * right.cols..(i + 1) * right.cols];
            for k in 0..self.cols {
                let scale = self.data[i * self.cols + k];
                let source = &right.data[k * right.cols..(k + 1) * right.cols];
                accumulate(target, scale, source);
            }
        }
        Ok(out)
    }

    /// The largest absolute difference of two elements in the same place; 0 for empty matrices.
    ///
    /// # Numerics
    /// A difference that is not a number is returned as such instead of being passed over, so
    /// that `difference < tolerance` fails on it.
    ///
    /// # Errors
    /// [`StructureError::ShapeMismatch`] when the shapes differ.
    pub fn max_abs_difference(&self, other: &Self) -> Result<f64, StructureError> {
        if self.shape() != other.shape() {
            return Err(StructureError::ShapeMismatch {
                operation: "Matrix::max_abs_difference",
                left: self.shape(),
                right: other.shape(),
                rule: "both shapes must be equal",
            });
        }
        let pairs = self.data.iter().zip(&other.data);
        let largest = pairs.fold(0.0_f64, |largest, (a, b)| {
            let difference = (a - b).abs();
            // `f64::max` would drop a NaN on either side.
            if difference.is_nan() || difference > largest {
                difference
            } else {
                largest
            }
        });
        Ok(largest)
    }
}

impl StructuredMatrix for Matrix {
    fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    fn dense(&self) -> Matrix {
        self.clone()
    }

    fn matvec(&self, x: &[f64]) -> Result<Vec<f64>, StructureError> {
        expect_length("Matrix::matvec", "x", self.cols, x.len())?;
        let rows = (0..self.rows).map(|i| &self.data[i * self.cols..(i + 1) * self.cols]);
        Ok(rows.map(|row| dot(row, x)).collect())
    }

    fn transpose_matvec(&self, y: &[f64]) -> Result<Vec<f64>, StructureError> {
        expect_length("Matrix::transpose_matvec", "y", self.rows, y.len())?;
        let mut out = vec![0.0; self.cols];
        for (i, &scale) in y.iter().enumerate() {
            let row = &self.data[i * self.cols..(i + 1) * self.cols];
            accumulate(&mut out, scale, row);
        }
        Ok(out)
    }

    fn cost(&self) -> Cost {
        Cost {
            multiply_adds: self.data.len() as u64,
            bytes: bytes_of_f64(self.data.len()),
        }
    }
}

/// The number of elements of a matrix that can be allocated.
pub(crate) fn element_count(rows: usize, cols: usize) -> Result<usize, StructureError> {
    rows.checked_mul(cols)
        .filter(|&count| count <= MAX_ELEMENTS)
        .ok_or(StructureError::TooLarge {
            rows,
            cols,
            limit: MAX_ELEMENTS,
        })
}

/// The inner product of two slices of one length.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Adds `scale * source` to `target`, element by element.
pub(crate) fn accumulate(target: &mut [f64], scale: f64, source: &[f64]) {
    for (target, source) in target.iter_mut().zip(source) {
        *target += scale * source;
    }
}

/// Refuses a range that leaves `0..length` or runs backwards.
fn expect_range(
    axis: &'static str,
    range: &Range<usize>,
    length: usize,
) -> Result<(), StructureError> {
    if range.start <= range.end && range.end <= length {
        return Ok(());
    }
    Err(StructureError::OutOfRange {
        axis,
        start: range.start,
        end: range.end,
        length,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting(rows: usize, cols: usize) -> Matrix {
        Matrix::from_fn(rows, cols, |i, j| (i * cols + j) as f64).unwrap()
    }

    #[test]
    fn new_when_data_is_short_names_both_lengths() {
        let error = Matrix::new(2, 3, vec![0.0; 5]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Matrix::new: data has length 5, expected 6"
        );
    }

    #[test]
    fn zeros_when_size_overflows_is_refused() {
        let error = Matrix::zeros(usize::MAX, 2).unwrap_err();
        assert!(matches!(error, StructureError::TooLarge { cols: 2, .. }));
        assert!(Matrix::zeros(usize::MAX / 8, 1).is_err());
    }

    #[test]
    fn product_when_hand_computed_agrees() {
        let left = counting(2, 3);
        let right = counting(3, 2);
        let expected = Matrix::new(2, 2, vec![10.0, 13.0, 28.0, 40.0]).unwrap();
        assert_eq!(left.product(&right).unwrap(), expected);
        assert!(left.product(&left).is_err());
    }

    #[test]
    fn product_when_transposed_reverses_order() {
        let (a, b) = (counting(3, 4), counting(4, 2));
        let left = a.product(&b).unwrap().transpose();
        let right = b.transpose().product(&a.transpose()).unwrap();
        assert_eq!(left, right);
    }

    #[test]
    fn identity_when_multiplied_changes_nothing() {
        let a = counting(3, 3);
        assert_eq!(Matrix::identity(3).unwrap().product(&a).unwrap(), a);
    }

    #[test]
    fn empty_matrix_when_used_has_no_elements() {
        let empty = Matrix::zeros(0, 4).unwrap();
        assert_eq!(empty.transpose().shape(), (4, 0));
        assert_eq!(empty.transpose_matvec(&[]).unwrap(), [0.0; 4]);
        assert_eq!(empty.max_abs_difference(&empty).unwrap(), 0.0);
        assert_eq!(empty.transpose().row(3), Some(&[][..]));
    }

    #[test]
    fn access_when_outside_returns_nothing() {
        let a = counting(2, 3);
        assert_eq!(a.get(1, 2), Some(5.0));
        assert_eq!(a.get(1, 3), None);
        assert_eq!(a.get(2, 0), None);
        assert!(a.block(0..3, 0..1).is_err());
        assert_eq!(a.block(1..2, 1..3).unwrap().as_slice(), [4.0, 5.0]);
    }

    #[test]
    fn max_abs_difference_when_not_a_number_reports_it() {
        let a = Matrix::new(1, 3, vec![f64::NAN, 5.0, 1.0]).unwrap();
        let b = Matrix::zeros(1, 3).unwrap();
        assert!(a.max_abs_difference(&b).unwrap().is_nan());
        assert!(b.max_abs_difference(&b.transpose()).is_err());
    }
}
