//! Copies between our row-major matrices and faer's.

use faer::{Mat, MatRef};
use num_complex::Complex64;

use crate::{ComplexMatrix, Matrix, StructureError};

pub(super) fn real_to(matrix: &Matrix) -> Mat<f64> {
    let (cols, data) = (matrix.cols(), matrix.as_slice());
    Mat::from_fn(matrix.rows(), cols, |i, j| data[i * cols + j])
}

pub(super) fn real_from(matrix: MatRef<'_, f64>) -> Result<Matrix, StructureError> {
    Matrix::from_fn(matrix.nrows(), matrix.ncols(), |i, j| matrix[(i, j)])
}

pub(super) fn complex_to(matrix: &ComplexMatrix) -> Mat<Complex64> {
    let (cols, data) = (matrix.cols(), matrix.as_slice());
    Mat::from_fn(matrix.rows(), cols, |i, j| data[i * cols + j])
}

pub(super) fn complex_from(matrix: MatRef<'_, Complex64>) -> Result<ComplexMatrix, StructureError> {
    ComplexMatrix::from_fn(matrix.nrows(), matrix.ncols(), |i, j| matrix[(i, j)])
}
