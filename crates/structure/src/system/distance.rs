//! How far a stable state matrix is from an unstable one.
//!
//! `beta(A) = min_omega sigma_min(i omega I - A)` is the 2-norm of the smallest complex perturbation
//! that puts an eigenvalue on the imaginary axis. `sigma` is a singular value of `i omega I - A`
//! exactly where `i omega` is an eigenvalue of the Hamiltonian matrix `[[A, -sigma I], [sigma I,
//! -A^T]]`, so that a level below which no eigenvalue is imaginary is a proof.
//!
//! Source: Byers, *A Bisection Method for Measuring the Distance of a Stable Matrix to the Unstable
//! Matrices*, SIAM Journal on Scientific and Statistical Computing 9 (1988); the steps to the
//! midpoints of level sets are those of Boyd and Balakrishnan, Systems and Control Letters 15
//! (1990).

use num_complex::Complex64;

use super::{resolvent_inverse, spectral_abscissa};
use crate::linalg::{self, expect_square};
use crate::{Matrix, StructureError};

/// The distance is found to this relative accuracy.
const ACCURACY: f64 = 1e-6;

/// Level sets that are visited before giving up; the convergence is quadratic.
const LEVELS: usize = 50;

/// The distance of a real matrix to the nearest matrix with an eigenvalue on the imaginary axis,
/// in the 2-norm; 0 for a matrix that is not stable.
///
/// # Numerics
/// Relative accuracy about 1e-6: any perturbation below the distance, by that margin, keeps the
/// matrix stable.
///
/// # Cost
/// Eigenvalues of a few matrices of `2 state` rows.
///
/// # Errors
/// As [`linalg::eigenvalues`], and [`StructureError::BadSize`] for an empty matrix.
///
/// # Example
/// ```
/// use resolvent_structure::{Matrix, distance_to_instability};
///
/// let normal = Matrix::new(2, 2, vec![-0.25, 3.0, -3.0, -0.25])?;
/// assert!((distance_to_instability(&normal)? - 0.25).abs() < 1e-6);
/// # Ok::<(), resolvent_structure::StructureError>(())
/// ```
pub fn distance_to_instability(matrix: &Matrix) -> Result<f64, StructureError> {
    expect_square("distance_to_instability", (matrix.rows(), matrix.cols()))?;
    if matrix.rows() == 0 {
        return Err(StructureError::BadSize {
            name: "state",
            got: 0,
            expected: "at least 1",
        });
    }
    if spectral_abscissa(matrix)? >= 0.0 {
        return Ok(0.0);
    }
    let mut best = smallest_on_axis(matrix, 0.0)?;
    for eigenvalue in linalg::eigenvalues(matrix)? {
        best = best.min(smallest_on_axis(matrix, eigenvalue.im)?);
    }
    for _ in 0..LEVELS {
        let level = best * (1.0 - ACCURACY);
        let crossings = crossings(matrix, level)?;
        let mut lower = best;
        for pair in crossings.windows(2) {
            lower = lower.min(smallest_on_axis(matrix, 0.5 * (pair[0] + pair[1]))?);
        }
        if lower >= level {
            return Ok(best);
        }
        best = lower;
    }
    Err(StructureError::NoConvergence {
        operation: "distance_to_instability",
    })
}

/// `sigma_min(i omega I - A)`.
fn smallest_on_axis(matrix: &Matrix, frequency: f64) -> Result<f64, StructureError> {
    let shifted = resolvent_inverse(matrix, Complex64::new(0.0, frequency))?;
    Ok(linalg::singular_values(&shifted)?
        .last()
        .copied()
        .unwrap_or(0.0))
}

/// The frequencies at which some singular value of `i omega I - A` may equal the level, increasing.
fn crossings(matrix: &Matrix, level: f64) -> Result<Vec<f64>, StructureError> {
    let order = matrix.rows();
    let entries = matrix.as_slice();
    let hamiltonian = Matrix::from_fn(2 * order, 2 * order, |i, j| match (i < order, j < order) {
        (true, true) => entries[i * order + j],
        (false, false) => -entries[(j - order) * order + i - order],
        (true, false) if j == i + order => -level,
        (false, true) if i == j + order => level,
        _ => 0.0,
    })?;
    let eigenvalues = linalg::eigenvalues(&hamiltonian)?;
    let largest = eigenvalues.iter().map(|z| z.norm()).fold(0.0, f64::max);
    // Rounding moves an imaginary eigenvalue off the axis by the square root of the precision when
    // it is nearly double; a frequency too many costs one more singular value and nothing else.
    let near = |z: &&Complex64| z.re.abs() <= 1e-6 * largest.max(1.0);
    let mut frequencies: Vec<f64> = eigenvalues.iter().filter(near).map(|z| z.im).collect();
    frequencies.sort_by(f64::total_cmp);
    Ok(frequencies)
}
