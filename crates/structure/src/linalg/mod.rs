//! Dense linear algebra on [`Matrix`] and [`ComplexMatrix`], by `faer`.
//!
//! This is the only module that knows faer. It adds what faer does not have (the matrix exponential)
//! and turns what faer answers with infinities (a singular factor, a failed iteration) into errors.
//! Everything runs on the calling thread, so results do not depend on the number of threads.

mod bridge;
mod exponential;

use faer::linalg::solvers::{Eigen, Solve, SolveLstsq};
use faer::{Mat, Side};
use num_complex::Complex64;

use crate::error::{expect_finite, expect_finite_complex};
use crate::{ComplexMatrix, Matrix, StructureError};

use bridge::{complex_from, complex_to, real_from, real_to};
pub use exponential::exponential;

/// The product `left right` by a blocked algorithm: what [`Matrix::product`] returns, faster.
///
/// # Shapes
/// - `left`: `[m, k]`, `right`: `[k, n]`, output: `[m, n]`
///
/// # Errors
/// [`StructureError::ShapeMismatch`] when the inner lengths differ.
pub fn product(left: &Matrix, right: &Matrix) -> Result<Matrix, StructureError> {
    expect_inner(
        "product",
        (left.rows(), left.cols()),
        (right.rows(), right.cols()),
    )?;
    real_from((real_to(left) * real_to(right)).as_ref())
}

/// [`product`] of complex matrices.
///
/// # Errors
/// As [`product`].
pub fn product_complex(
    left: &ComplexMatrix,
    right: &ComplexMatrix,
) -> Result<ComplexMatrix, StructureError> {
    expect_inner(
        "product_complex",
        (left.rows(), left.cols()),
        (right.rows(), right.cols()),
    )?;
    complex_from((complex_to(left) * complex_to(right)).as_ref())
}

/// Solves `matrix x = right` by LU with row exchanges.
///
/// # Shapes
/// - `matrix`: `[n, n]`, `right`: `[n, m]`, output: `[n, m]`
///
/// # Errors
/// [`StructureError::ShapeMismatch`] when the shapes do not fit, [`StructureError::BadValue`] for
/// values that are not finite, [`StructureError::Singular`] when a pivot vanishes.
pub fn solve(matrix: &Matrix, right: &Matrix) -> Result<Matrix, StructureError> {
    let shape = (matrix.rows(), matrix.cols());
    expect_square("solve", shape)?;
    expect_inner("solve", shape, (right.rows(), right.cols()))?;
    expect_finite("matrix", matrix.as_slice())?;
    expect_finite("right", right.as_slice())?;
    if matrix.rows() == 0 {
        return Ok(right.clone());
    }
    let solution = real_to(matrix).partial_piv_lu().solve(real_to(right));
    let solution = real_from(solution.as_ref())?;
    if solution.as_slice().iter().all(|x| x.is_finite()) {
        return Ok(solution);
    }
    Err(singular("solve"))
}

/// [`solve`] for complex matrices.
///
/// # Errors
/// As [`solve`].
pub fn solve_complex(
    matrix: &ComplexMatrix,
    right: &ComplexMatrix,
) -> Result<ComplexMatrix, StructureError> {
    let shape = (matrix.rows(), matrix.cols());
    expect_square("solve_complex", shape)?;
    expect_inner("solve_complex", shape, (right.rows(), right.cols()))?;
    expect_finite_complex("matrix", matrix.as_slice())?;
    expect_finite_complex("right", right.as_slice())?;
    if matrix.rows() == 0 {
        return Ok(right.clone());
    }
    let solution = complex_to(matrix).partial_piv_lu().solve(complex_to(right));
    let solution = complex_from(solution.as_ref())?;
    if solution.as_slice().iter().all(|x| x.is_finite()) {
        return Ok(solution);
    }
    Err(singular("solve_complex"))
}

/// The least-squares solution of `matrix x = right`, damped: `min |matrix x - right|^2 + damping
/// |x|^2`.
///
/// # Shapes
/// - `matrix`: `[m, n]`, `right`: `[m, k]`, output: `[n, k]`
///
/// # Numerics
/// By a QR factorisation of the matrix with `sqrt(damping) I` beneath it, which does not square the
/// condition number. With damping any shape and any rank has one solution.
///
/// # Errors
/// [`StructureError::ShapeMismatch`] when the shapes do not fit or, without damping, when the matrix
/// is wider than high; [`StructureError::BadValue`] for values that are not finite and for a
/// negative damping; [`StructureError::Singular`] without damping when columns depend on each other.
pub fn least_squares(
    matrix: &Matrix,
    right: &Matrix,
    damping: f64,
) -> Result<Matrix, StructureError> {
    let (rows, cols) = (matrix.rows(), matrix.cols());
    if rows != right.rows() || (damping == 0.0 && rows < cols) {
        return Err(StructureError::ShapeMismatch {
            operation: "least_squares",
            left: (rows, cols),
            right: (right.rows(), right.cols()),
            rule: "as many rows on both sides, and without damping at least as many as columns",
        });
    }
    expect_finite("matrix", matrix.as_slice())?;
    expect_finite("right", right.as_slice())?;
    if !(damping.is_finite() && damping >= 0.0) {
        return Err(StructureError::BadValue {
            name: "damping",
            index: 0,
            value: damping,
            expected: "a finite number that is not negative",
        });
    }
    let extra = if damping > 0.0 { cols } else { 0 };
    let (root, width) = (damping.sqrt(), right.cols());
    let left = Mat::from_fn(rows + extra, cols, |i, j| match i < rows {
        true => matrix.as_slice()[i * cols + j],
        false if i - rows == j => root,
        false => 0.0,
    });
    let target = Mat::from_fn(rows + extra, width, |i, j| match i < rows {
        true => right.as_slice()[i * width + j],
        false => 0.0,
    });
    if cols == 0 || width == 0 {
        return Matrix::zeros(cols, width);
    }
    let solution = real_from(left.qr().solve_lstsq(target).as_ref())?;
    match solution.as_slice().iter().all(|x| x.is_finite()) {
        true => Ok(solution),
        false => Err(singular("least_squares")),
    }
}

/// The inverse of a complex matrix.
///
/// # Errors
/// As [`solve_complex`].
pub fn inverse_complex(matrix: &ComplexMatrix) -> Result<ComplexMatrix, StructureError> {
    let order = matrix.rows();
    let one = |i, j| Complex64::from(if i == j { 1.0 } else { 0.0 });
    solve_complex(matrix, &ComplexMatrix::from_fn(order, order, one)?)
}

/// The eigenvalues of a real matrix, in no particular order.
///
/// # Numerics
/// The eigenvalues of a triangular matrix are read off its diagonal: for LegS, whose eigenvectors
/// grow like `2^(4 N / 3)`, a general algorithm has no correct digit from `N` of about 40 on.
///
/// # Errors
/// [`StructureError::ShapeMismatch`] for a matrix that is not square, [`StructureError::BadValue`]
/// for values that are not finite, [`StructureError::NoConvergence`] when the iteration fails.
pub fn eigenvalues(matrix: &Matrix) -> Result<Vec<Complex64>, StructureError> {
    expect_square("eigenvalues", (matrix.rows(), matrix.cols()))?;
    expect_finite("matrix", matrix.as_slice())?;
    let order = matrix.rows();
    let entry = |i: usize, j: usize| matrix.as_slice()[i * order + j];
    let below = (0..order).any(|i| (0..i).any(|j| entry(i, j) != 0.0));
    let above = (0..order).any(|i| (i + 1..order).any(|j| entry(i, j) != 0.0));
    if !(below && above) {
        return Ok((0..order).map(|i| entry(i, i).into()).collect());
    }
    let failed = |_| no_convergence("eigenvalues");
    real_to(matrix).eigenvalues().map_err(failed)
}

/// Eigenvalues and eigenvectors of a complex matrix, `matrix V = V diag(lambda)`.
///
/// # Shapes
/// - `matrix`: `[n, n]`; output: eigenvalues `[n]`, eigenvectors `[n, n]` of unit length in columns
///
/// # Errors
/// As [`eigenvalues`].
pub fn eigen(matrix: &ComplexMatrix) -> Result<(Vec<Complex64>, ComplexMatrix), StructureError> {
    expect_square("eigen", (matrix.rows(), matrix.cols()))?;
    expect_finite_complex("matrix", matrix.as_slice())?;
    if matrix.rows() == 0 {
        return Ok((Vec::new(), matrix.clone()));
    }
    let failed = |_| no_convergence("eigen");
    let decomposition = complex_to(matrix).eigen().map_err(failed)?;
    unit_columns(&decomposition)
}

/// [`eigen`] of a real matrix, whose complex eigenvalues and eigenvectors come in exactly conjugate
/// pairs.
///
/// # Shapes
/// - `matrix`: `[n, n]`; output: eigenvalues `[n]`, eigenvectors `[n, n]` of unit length in columns
///
/// # Errors
/// As [`eigenvalues`].
pub fn eigen_real(matrix: &Matrix) -> Result<(Vec<Complex64>, ComplexMatrix), StructureError> {
    expect_square("eigen_real", (matrix.rows(), matrix.cols()))?;
    expect_finite("matrix", matrix.as_slice())?;
    if matrix.rows() == 0 {
        return Ok((Vec::new(), ComplexMatrix::from_real(matrix)));
    }
    let failed = |_| no_convergence("eigen_real");
    let decomposition = real_to(matrix).eigen().map_err(failed)?;
    unit_columns(&decomposition)
}

/// The parts of an eigendecomposition, with eigenvectors of unit length.
fn unit_columns(
    decomposition: &Eigen<f64>,
) -> Result<(Vec<Complex64>, ComplexMatrix), StructureError> {
    let values = decomposition.S().column_vector().iter().copied().collect();
    let mut vectors: Mat<Complex64> = decomposition.U().to_owned();
    for column in vectors.col_iter_mut() {
        let norm = column.norm_l2();
        column.iter_mut().for_each(|value| *value /= norm);
    }
    Ok((values, complex_from(vectors.as_ref())?))
}

/// Eigenvalues, increasing, and orthonormal eigenvectors of a Hermitian matrix, of which the lower
/// triangle is read.
///
/// # Shapes
/// - `matrix`: `[n, n]`; output: eigenvalues `[n]`, eigenvectors `[n, n]` in columns
///
/// # Errors
/// As [`eigenvalues`].
pub fn eigen_hermitian(
    matrix: &ComplexMatrix,
) -> Result<(Vec<f64>, ComplexMatrix), StructureError> {
    expect_square("eigen_hermitian", (matrix.rows(), matrix.cols()))?;
    expect_finite_complex("matrix", matrix.as_slice())?;
    if matrix.rows() == 0 {
        return Ok((Vec::new(), matrix.clone()));
    }
    let failed = |_| no_convergence("eigen_hermitian");
    let decomposition = complex_to(matrix)
        .self_adjoint_eigen(Side::Lower)
        .map_err(failed)?;
    let values = decomposition
        .S()
        .column_vector()
        .iter()
        .map(|z| z.re)
        .collect();
    Ok((values, complex_from(decomposition.U())?))
}

/// The singular values of a complex matrix, decreasing.
///
/// # Errors
/// [`StructureError::BadValue`] for values that are not finite, [`StructureError::NoConvergence`]
/// when the iteration fails.
pub fn singular_values(matrix: &ComplexMatrix) -> Result<Vec<f64>, StructureError> {
    expect_finite_complex("matrix", matrix.as_slice())?;
    if matrix.rows() == 0 || matrix.cols() == 0 {
        return Ok(Vec::new());
    }
    let failed = |_| no_convergence("singular_values");
    complex_to(matrix).singular_values().map_err(failed)
}

/// The condition number in the 2-norm: largest over smallest singular value, infinite for a
/// singular matrix, 1 for an empty one.
///
/// # Errors
/// As [`singular_values`].
pub fn condition(matrix: &ComplexMatrix) -> Result<f64, StructureError> {
    let values = singular_values(matrix)?;
    Ok(match (values.first(), values.last()) {
        (Some(&largest), Some(&smallest)) if smallest > 0.0 => largest / smallest,
        (Some(_), _) => f64::INFINITY,
        _ => 1.0,
    })
}

/// The largest singular value, 0 for an empty matrix.
///
/// # Errors
/// As [`singular_values`].
pub fn norm(matrix: &ComplexMatrix) -> Result<f64, StructureError> {
    Ok(singular_values(matrix)?.first().copied().unwrap_or(0.0))
}

/// Refuses a matrix that is not square.
pub(crate) fn expect_square(
    operation: &'static str,
    shape: (usize, usize),
) -> Result<(), StructureError> {
    if shape.0 == shape.1 {
        return Ok(());
    }
    Err(StructureError::ShapeMismatch {
        operation,
        left: shape,
        right: shape,
        rule: "the matrix must be square",
    })
}

/// Refuses two matrices whose product does not exist.
fn expect_inner(
    operation: &'static str,
    left: (usize, usize),
    right: (usize, usize),
) -> Result<(), StructureError> {
    if left.1 == right.0 {
        return Ok(());
    }
    Err(StructureError::ShapeMismatch {
        operation,
        left,
        right,
        rule: "columns of the left must equal rows of the right",
    })
}

fn singular(operation: &'static str) -> StructureError {
    StructureError::Singular {
        operation,
        matrix: "the matrix",
    }
}

fn no_convergence(operation: &'static str) -> StructureError {
    StructureError::NoConvergence { operation }
}
